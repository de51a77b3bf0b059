"""System calls in plain terms: lock, read, reserve, ask, save, unlock, audit; in their order.

What a rewriting may change without anybody noticing is left out: how often the same is read again
in a row, which other owners are looked at, what maintenance remembers, and pieces of one write.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import repeat
from pathlib import Path
from typing import Final

from tests.frozen.tracing import Call

_REQUEST: Final = re.compile(rb"(GET|POST|PUT|PATCH|DELETE) (/[^ ?]*)[^ ]* HTTP/1\.1")
_ANSWER: Final = re.compile(rb"HTTP/1\.[01] (\d{3})")
_OTHERS: Final = re.compile(r"/(sandbox|device(?!/code)|device/consent|o/oauth2|chat|botfile)\b")
_AUDITED: Final = re.compile(rb'"action": ?"(\w+)"')
_SENDS: Final = frozenset({"sendto", "sendmsg", "writev", "write"})
_RECEIVES: Final = frozenset({"recvfrom", "recvmsg", "read"})
_NAMES: Final = (
    (re.compile(r"\d{8}t\d+"), "<time>"),
    (re.compile(r"#\d+"), "<a file without a name>"),
    (re.compile(r"bot\d+:[\w-]+|bot<token>"), "bot<token>"),
    (re.compile(r"\b[0-9a-f]{12,}\b"), "<id>"),
    (re.compile(r"(?<=updates/)\d+(_\d+)?"), "<number>"),
    (re.compile(r"(?<=uploads/)\d+-\d+"), "<job>"),
)
_CREDENTIAL: Final = re.compile(r"read (token_\d+)\.json")
_OWNERS_LOCK: Final = re.compile(r"(lock|unlock) locks/(token_\d+)\.lock")
_FOLDER: Final = re.compile(r"(?:/folder_(\w+)\.lock|\b(\w+)(?<!locks)/|folder (?!user_data)(\w+))")
_UNDER_A_USER: Final = ("folder_consents",)
_USER: Final = re.compile(r"token_\d+")
_LEFT_OUT: Final = re.compile(r"maintenance| audit/|^read tombstones/")


class Effects:
    """Follows the calls of one process, for what they mean to one data folder."""

    def __init__(self, folder: Path) -> None:
        self._root = f"{folder}/"
        self._folder = str(folder)
        self._held: dict[int, str] = {}
        self._asked: dict[str, str] = {}

    def told(
        self,
        calls: Iterable[Call],
        *,
        reads: bool = True,
        looks: bool = True,
        asks: bool = True,
    ) -> list[str]:
        """The effects in their order; what happens under a lock is indented below it.

        Args:
            reads: whether reading is told: not where it may be done in any way.
            looks: whether that is which is read before a lock is taken.
            asks: whether requests are: not where several are under way at once.
        """
        lines = _settled(self.lines(calls), looks=looks)
        without = (*(() if reads else ("read ",)), *(() if asks else ("ask ", "answered ")))
        return _indented(line for line in lines if not line.startswith(without))

    def nesting(self, calls: Iterable[Call]) -> list[str]:
        """Each lock, and those that are held when it is taken; of one thing done at a time."""
        held: list[str] = []
        found: set[str] = set()
        for line in map(_USER.sub, repeat("token_<user>"), self._all(calls)):
            word, _, name = line.partition(" ")
            if word == "lock":
                found.add(f"{name} within {', '.join(held) or 'nothing'}")
                held.append(name)
            elif word == "unlock":
                held.remove(name)
            elif word == "look-at-lock":
                found.add(line)
        return sorted(found)

    def of_one(self, user: int, lines: Iterable[str]) -> list[str]:
        """What of `lines` is about one of several users, and what of theirs is done for all.

        One fsync of the folder serves all that were replaced before it, and so does one note.
        """
        told: list[str] = []
        for line in lines:
            last = told[-1] if told else ""
            if (
                f"token_{user}." in line
                or (line == "sync folder user_data" and last.startswith("replace "))
                or (line.startswith("audit ") and last.startswith("sync folder "))
            ):
                told.append(line.replace(f"token_{user}", "token_<user>"))
        return told

    def lines(self, calls: Iterable[Call]) -> Iterator[str]:
        """All that count, one by one."""
        for line in self._all(calls):
            if line.startswith("audit ") or not _LEFT_OUT.search(line):
                yield line

    def _all(self, calls: Iterable[Call]) -> Iterator[str]:
        self._held, self._asked = {}, {}
        for call in calls:
            if line := self._line(call):
                yield line

    def _line(self, call: Call) -> str | None:
        number, opened = call.descriptor
        if opened.startswith("socket:") or opened.startswith("TCP"):
            return self._said(call, opened)
        if call.name == "flock":
            return self._lock(call, number, opened)
        if call.name == "close":
            name = self._held.pop(number, None)
            return None if name is None else f"unlock {name}"
        if call.result < 0:
            return None
        if call.name in ("openat", "open"):
            return self._open(call)
        if call.name in ("pwrite64", "write", "writev") and opened.startswith(self._root):
            data = b"".join(call.strings)
            if "/audit/" in opened:
                return "".join(f"audit {found.decode()}" for found in _AUDITED.findall(data)[:1])
            return f"{'write' if data.strip(bytes(1)) else 'reserve'} {self._name(opened)}"
        if call.name in ("fsync", "fdatasync") and self._is_ours(opened):
            what = "folder " if Path(opened).is_dir() else ""
            return f"sync {what}{self._name(opened)}"
        if call.name.startswith("rename") and self._is_ours(call.path):
            return f"replace {self._name(call.path)}"
        if call.name.startswith("unlink") and self._is_ours(call.path):
            return f"remove {self._name(call.path)}"
        return None

    def _said(self, call: Call, socket: str) -> str | None:
        data = b"".join(call.strings)
        if call.name in _SENDS and (asked := _REQUEST.match(data)):
            path = _plain(asked[2].decode())
            if _OTHERS.match(path):
                self._asked.pop(socket, None)
                return None
            self._asked[socket] = path
            return f"ask {asked[1].decode()} {path}"
        if call.name in _RECEIVES and (answer := _ANSWER.match(data)):
            path = self._asked.pop(socket, "")
            return f"answered {answer[1].decode()} {path}" if path else None
        return None

    def _lock(self, call: Call, number: int, path: str) -> str | None:
        name = self._name(path)
        if "LOCK_SH" in call.text:
            return f"look-at-lock {name}: {'free' if call.result == 0 else 'held'}"
        if "LOCK_UN" in call.text:
            return f"unlock {name}" if self._held.pop(number, None) else None
        if call.result != 0 or not self._is_ours(path):
            return None
        self._held[number] = name
        return f"lock {name}"

    def _open(self, call: Call) -> str | None:
        path = call.path
        if not self._is_ours(path) or "/locks/" in path or "O_DIRECTORY" in call.text:
            return None
        if "O_CREAT" in call.text:
            return f"stage {self._name(path)}" if path.endswith(".tmp") else None
        return None if Path(path).is_dir() else f"read {self._name(path)}"

    def _is_ours(self, path: str) -> bool:
        return path == self._folder or path.startswith(self._root)

    def _name(self, path: str) -> str:
        path = path.removesuffix(" (deleted)")
        found = path.removeprefix(self._root) if path != self._folder else "user_data"
        folder, _, name = found.rpartition("/")
        if name.startswith(".") and name.endswith(".tmp"):
            name = name[1:].removesuffix(".tmp")
        return _plain(f"{folder}/{name}".lstrip("/"))


def _plain(text: str) -> str:
    for pattern, name in _NAMES:
        text = pattern.sub(name, text)
    return text


def _settled(lines: Iterable[str], *, looks: bool) -> list[str]:
    """The same in a row is once; so is what is read again under the same lock, but for a refusal of
    Google's in between. Under somebody's lock other people's credentials are nobody's business."""
    told: list[str] = []
    read: set[str] = set()
    held = ""
    for line in lines:
        owner, credential = _OWNERS_LOCK.fullmatch(line), _CREDENTIAL.fullmatch(line)
        if credential and (held != credential[1] if held else not looks):
            continue
        if owner:
            held = owner[2] if owner[1] == "lock" else ""
        if owner or line.startswith("answered 4"):
            read.clear()
        if line.startswith("read "):
            if line in read:
                continue
            read.add(line)
        if not told or told[-1] != line:
            told.append(line)
    return told


def blocks(lines: Iterable[str]) -> list[str]:
    """Each lock with all that is done under it as one line, each line once: the order where several
    locks are held at once by different threads. Of one user; those of one folder are a block of
    their own within the user's."""
    done: list[list[str]] = []
    held: dict[str, list[str]] = {}
    for line in lines:
        folder = _FOLDER.search(line)
        name = f"folder_{next(filter(None, folder.groups()))}" if folder else "user"
        block = held.get(name) or held.get("user")
        if line.startswith("lock "):
            block = held["user"] if name in _UNDER_A_USER and "user" in held else []
            held[name] = block
        if block is None:
            done.append([line])
            continue
        block.append(line)
        if line.startswith("unlock ") and held.pop(name) not in held.values():
            done.append(block)
    return sorted({" | ".join(line.strip() for line in block) for block in done})


def _indented(lines: Iterable[str]) -> list[str]:
    told, depth = [], 0
    for line in lines:
        depth -= line.startswith("unlock ")
        told.append("  " * max(depth, 0) + line)
        depth += line.startswith("lock ")
    return told
