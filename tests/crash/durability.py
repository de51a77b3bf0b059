"""What a power cut may leave of a recorded trace: what no fsync has made durable may be lost.

A small model of a file system, as pessimistic as POSIX allows: fsync of a file makes its content
durable and not its name; fsync of a folder makes the creations, renames and removals in it durable
and no content. A rename is one step, there or not, durable once both its folders are synced.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from tests.crash.tracing import Call, TraceError
from tests.crash.world import FolderState


@dataclass(eq=False)
class Node:
    """A file or a folder, whatever its name."""

    mode: int
    data: bytes | None
    """As programs see it; None: a folder."""
    durable: bytes | None = None
    """As the disk surely has it."""
    dirty: bool = False

    def after_cut(self, fate: str) -> bytes | None:
        """What may be read back after a power cut."""
        if self.data is None or not self.dirty or fate == "kept":
            return self.data
        if fate == "lost":
            return self.durable or b""
        return self.data[: len(self.data) // 2] if fate == "half" else bytes(len(self.data))


DATA_FATES: Final = ("kept", "lost", "half", "zeros")


@dataclass(eq=False)
class Change:
    """One change of names, and the folders whose fsync it still waits for."""

    adds: tuple[tuple[str, Node], ...]
    removes: tuple[str, ...]
    waits: set[str]


@dataclass(eq=False)
class _Open:
    node: Node
    path: str
    offset: int = 0
    appends: bool = False


@dataclass(frozen=True)
class Cut:
    """One state a power cut may leave."""

    state: FolderState
    done: frozenset[str]
    """What the operation had reported as done by then."""
    label: str


class Disk:
    """The model: names, contents, and which of both are durable."""

    def __init__(self, root: str, state: FolderState) -> None:
        """
        Args:
            root: the folder that `state`'s paths start at; calls elsewhere do not matter.
        """
        self._root = root.rstrip("/") + "/"
        self._initial = {
            path: Node(mode, data, durable=data) for path, (mode, data) in state.items()
        }
        self._initial["."] = Node(0o700, None)
        self._changes: list[Change] = []
        self._now = dict(self._initial)
        self._open: dict[int, _Open] = {}

    def apply(self, call: Call) -> bool:
        """Follow one call; whether it may have changed what a power cut leaves.

        Raises:
            TraceError: a call that changes files, and that this model does not know.
        """
        if call.result is None or call.result < 0:
            return False
        paths = [self._relative(path) for path in call.paths]
        inside = [path for path in paths if path is not None]
        if call.name in ("close", "dup", "dup2", "dup3", "fcntl"):
            self._descriptors(call)
            return False
        if not inside or call.name in _HARMLESS:
            return False
        handler = _HANDLERS.get(call.name)
        if handler is None or len(inside) != len(paths):
            raise TraceError(f"the replay does not know {call.name}({call.text})")
        return bool(getattr(self, handler)(call, inside))

    def cuts(self) -> Iterator[tuple[str, FolderState]]:
        """Every state a cut just now may leave, within bounds; some of them alike.

        All changes in order up to one; each change alone missing; each with the contents kept,
        lost, cut in half or zeroed, together and each file's alone.
        """
        pending = [change for change in self._changes if change.waits]
        dirty = [node for node in self._nodes() if node.dirty]
        lost_sets = [frozenset(pending[kept:]) for kept in range(len(pending) + 1)]
        lost_sets += [frozenset({change}) for change in pending[:-1]]
        fates = [dict.fromkeys(dirty, fate) for fate in (DATA_FATES if dirty else ("kept",))]
        if len(dirty) > 1:
            fates += [{node: "lost"} for node in dirty]
        for lost in lost_sets:
            names = self._names(lost)
            for fate in fates:
                kept = sum(change not in lost for change in pending)
                label = f"{kept}/{len(pending)} changes, contents {'/'.join(fate.values()) or '-'}"
                yield (
                    label,
                    {
                        path: (node.mode, node.after_cut(fate.get(node, "kept")))
                        for path, node in names.items()
                    },
                )

    def _names(self, lost: frozenset[Change]) -> dict[str, Node]:
        names = dict(self._initial)
        for change in self._changes:
            if change not in lost:
                _follow(names, change)
        there: dict[str, Node] = {}
        for path in sorted(names):
            parent = path.rpartition("/")[0]
            if path != "." and (not parent or parent in there):  # a lost folder's files are lost
                there[path] = names[path]
        return there

    def _nodes(self) -> set[Node]:
        found = set(self._initial.values()) | set(self._now.values())
        return found | {node for change in self._changes for _, node in change.adds}

    def _relative(self, path: str) -> str | None:
        if path + "/" == self._root:
            return "."
        return path.removeprefix(self._root) if path.startswith(self._root) else None

    def _change(self, adds: Sequence[tuple[str, Node]], removes: Sequence[str]) -> bool:
        folders = {str(PurePosixPath(path).parent) for path in [*removes, *(p for p, _ in adds)]}
        change = Change(tuple(adds), tuple(removes), folders)
        self._changes.append(change)
        _follow(self._now, change)
        return True

    def _descriptors(self, call: Call) -> None:
        number = int(call.text.partition("<")[0])
        if call.name == "close":
            self._open.pop(number, None)
        elif number in self._open and (call.name != "fcntl" or "F_DUPFD" in call.text):
            assert call.result is not None
            self._open[call.result] = self._open[number]

    def _descriptor(self, call: Call) -> _Open:
        return self._open[int(call.text.partition("<")[0])]

    def _do_open(self, call: Call, paths: list[str]) -> bool:
        assert call.result is not None
        path = paths[-1]
        node, changed = self._now.get(path), False
        if node is None:
            if "O_CREAT" not in call.text:
                raise TraceError(f"opened, and not there: {path}")
            mode = re.search(r", (0\d+)\)?$", call.text)
            node = Node(int(mode[1], 8) if mode else 0o600, b"", durable=b"")
            changed = self._change([(path, node)], [])
        if "O_TRUNC" in call.text and node.data:
            node.data, node.dirty, changed = b"", True, True
        self._open[call.result] = _Open(node, path, appends="O_APPEND" in call.text)
        return changed

    def _do_write(self, call: Call, paths: list[str]) -> bool:
        opened, length = self._descriptor(call), call.result or 0
        data = opened.node.data or b""
        at = len(data) if opened.appends else opened.offset
        if call.name == "pwrite64":
            at = int(call.text.rpartition(", ")[2])
        else:
            opened.offset = at + length
        written = call.strings[0][:length]
        opened.node.data = data[:at].ljust(at, b"\0") + written + data[at + length :]
        opened.node.dirty = True
        return True

    def _do_seek(self, call: Call, paths: list[str]) -> bool:
        opened = self._descriptor(call)
        if opened.node.data is not None:
            opened.offset = call.result or 0
        return False

    def _do_read(self, call: Call, paths: list[str]) -> bool:
        if call.name != "pread64":
            self._descriptor(call).offset += call.result or 0
        return False

    def _do_truncate(self, call: Call, paths: list[str]) -> bool:
        node = self._descriptor(call).node
        size = int(call.text.rpartition(", ")[2])
        node.data, node.dirty = (node.data or b"")[:size].ljust(size, b"\0"), True
        return True

    def _do_sync(self, call: Call, paths: list[str]) -> bool:
        opened = self._descriptor(call)
        opened.node.durable, opened.node.dirty = opened.node.data, False
        if opened.node.data is None:
            for change in self._changes:
                change.waits.discard(opened.path)
        return True

    def _do_rename(self, call: Call, paths: list[str]) -> bool:
        source, target = paths
        node = self._now[source]
        if node.data is None:
            raise TraceError("the replay does not know how folders are renamed")
        if "RENAME_" in call.text.replace("RENAME_NOREPLACE", ""):
            raise TraceError(f"the replay does not know {call.text}")
        return self._change([(target, node)], [source])

    def _do_link(self, call: Call, paths: list[str]) -> bool:
        source, target = paths
        return self._change([(target, self._now[source])], [])

    def _do_remove(self, call: Call, paths: list[str]) -> bool:
        return self._change([], [paths[-1]])

    def _do_mkdir(self, call: Call, paths: list[str]) -> bool:
        return self._change([(paths[-1], Node(0o700, None))], [])

    def _do_chmod(self, call: Call, paths: list[str]) -> bool:
        node = self._descriptor(call).node if call.name == "fchmod" else self._now[paths[-1]]
        node.mode = int(re.findall(r", (0\d+)", call.text)[-1], 8)
        return True


def _follow(names: dict[str, Node], change: Change) -> None:
    for path in change.removes:
        names.pop(path, None)
    names.update(change.adds)


_HANDLERS: Final = {
    **dict.fromkeys(("open", "openat", "creat"), "_do_open"),
    **dict.fromkeys(("write", "pwrite64"), "_do_write"),
    **dict.fromkeys(("read", "pread64"), "_do_read"),
    "lseek": "_do_seek",
    "ftruncate": "_do_truncate",
    **dict.fromkeys(("fsync", "fdatasync"), "_do_sync"),
    **dict.fromkeys(("rename", "renameat", "renameat2"), "_do_rename"),
    **dict.fromkeys(("link", "linkat"), "_do_link"),
    **dict.fromkeys(("unlink", "unlinkat", "rmdir"), "_do_remove"),
    **dict.fromkeys(("mkdir", "mkdirat"), "_do_mkdir"),
    **dict.fromkeys(("chmod", "fchmod", "fchmodat"), "_do_chmod"),
}
_HARMLESS: Final = frozenset(
    {
        *("stat", "lstat", "fstat", "newfstatat", "statx", "access", "faccessat", "faccessat2"),
        *("readlink", "readlinkat", "getdents64", "ioctl", "flock", "fstatfs", "statfs"),
        *("utimensat", "getxattr", "lgetxattr", "fadvise64", "chdir", "chown", "fchown"),
    }
)


def replay(root: str, state: FolderState, calls: Sequence[Call], progress: str) -> Iterator[Cut]:
    """Every distinct state that a power cut at any point of `calls` may leave.

    Args:
        progress: the path that the operation writes the names of what is done to, one a line.
    """
    disk, done, seen = Disk(root, state), "", set[int]()
    for number in range(-1, len(calls)):
        label = "at the beginning"
        if number >= 0:
            call = calls[number]
            reported = call.name == "write" and call.paths == (progress,)
            done += call.strings[0].decode() if reported else ""
            if not disk.apply(call) and not reported:
                continue
            label = f"after call {number + 1} ({call.name})"
        for how, cut in disk.cuts():
            key = hash((done, tuple(cut.items())))
            if key not in seen:
                seen.add(key)
                yield Cut(cut, frozenset(done.split()), f"{label}: {how}")
