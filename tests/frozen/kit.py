"""Hands for the frozen folders: laid out, and given to a version of the program as a process.

`folders.json` is what write_folders.py has written by the first commit's own code, `answers.json`
what that commit's program said when it was given them. A version is a folder of source code, named
by PYTHONPATH, and its clock is set to just after the folders were written.
"""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal

import pytest
from cryptography.fernet import Fernet, InvalidToken

from commands.version import program_version
from config import child_environment
from tests.installed import skip_for_want_of

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parents[1]
AT_MOMENT: Final = HERE / "at_moment.py"
WRITTEN: Final[dict[str, Any]] = json.loads((HERE / "folders.json").read_text("ascii"))
MOMENT: Final = datetime.fromisoformat(WRITTEN["now"]).timestamp()
AFTER: Final = 60.0
"""Seconds from the writing of the folders to the start of whoever takes them up."""
SANDBOX_MARK, WEB_MARK = "http://sandbox.invalid", "http://web.invalid"
SESSION_MARK: Final = f"{SANDBOX_MARK}/the-session-of-501"
_ANSWERS: Final = HERE / "answers.json"
_RECORDS: Final = "FROZEN_RECORD"
"""`FROZEN_RECORD=WORKTREE_OF_THE_BASE`: its program is run, and its answers are written down."""
_LONGEST_SECONDS: Final = 100

Kind = Literal["plain", "sealed"]
Line = Sequence[str]
Answer = tuple[int, str, str]
"""Exit code, stdout, stderr."""


_VARIES: Final = frozenset({"seconds", "minutes_left", "started_at", "maintenance", "total"})
_THIS_RUN: Final = re.compile(r"20261120t120[1-9][0-9]{8}|2026-11-20T(12:0[1-9]|13:0[0-9]):[0-9.]+")
"""Moments from AFTER on, and an hour later: what a refresh then brings."""
_COUNT: Final = re.compile(r"^[0-9]+")


def version_under_test() -> Path:
    """The source code whose answers are compared, or recorded."""
    return Path(os.environ.get(_RECORDS, ROOT))


@functools.cache
def base_version(into: Path) -> Path:
    """A worktree of the first commit; the test is skipped where there cannot be one."""
    if shutil.which("git") is None:
        skip_for_want_of("git")  # the first commit's program cannot be had
    git = ("git", "-C", str(ROOT))
    target, base = into / "base", WRITTEN["base"]
    # Not registered as a worktree: several workers make their own, and nobody has to prune them.
    found = subprocess.run(
        [*git, "archive", "--format=tar", base], capture_output=True, timeout=60, check=False
    )
    if found.returncode:
        pytest.skip(f"commit {base} is not here (a shallow clone?)")
    target.mkdir()
    unpack = ["tar", "-x", "-C", str(target)]
    subprocess.run(unpack, input=found.stdout, timeout=60, check=True)
    return target


def keys_of(kind: Kind) -> str:
    """TOKEN_ENCRYPTION_KEY of a folder: a rotation is half done."""
    return ",".join(WRITTEN["keys"]) if kind == "sealed" else ""


def mask(kind: Kind, number: int) -> str:
    """What stands for a person in logs and answers."""
    return str(WRITTEN[kind]["masks"][str(number)])


def lay_out(kind: Kind, folder: Path, marks: Mapping[str, str] | None = None) -> Path:
    """The data folder as the first commit has left it.

    Args:
        marks: what stands in the place of what could not be known then. A sealed document with
            such a mark is opened for it, and sealed under the same key.
    """
    for name, text in WRITTEN[kind]["files"].items():
        if not name.startswith("maintenance/"):
            _write(folder / name, _put_right(text, marks or {}))
    stamps = {}
    for path in folder.glob("token_*.json"):
        found = path.stat()
        key = path.stem.removeprefix("token_")
        stamps[f"[{key}, 0, 0]"] = f"[{found.st_ino}, {found.st_size}, {found.st_mtime_ns}]"
    for name, text in WRITTEN[kind]["files"].items():
        if name.startswith("maintenance/"):
            _write(folder / name, _put_right(text, stamps))
    return folder


def lay_out_archive(kind: Kind, folder: Path) -> Path:
    """The archive of that folder."""
    target = folder / "archive"
    _write(target, WRITTEN[kind]["archive"])
    return target


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.write_text(text, "ascii")
    path.chmod(0o600)
    os.utime(path, (MOMENT - 3600, MOMENT - 3600))  # temporary files are old ones


def document(kind: Kind, name: str, marks: Mapping[str, str]) -> dict[str, Any]:
    """What a document says, sealed or not, with `marks` as in `lay_out`."""
    text = WRITTEN[kind]["files"][name]
    plain, _ = _opened(text) or (text, None)
    found: dict[str, Any] = json.loads(_replaced(plain, marks))
    return found


def _put_right(text: str, marks: Mapping[str, str]) -> str:
    opened = _opened(text)
    if opened is None:
        return _replaced(text, marks)
    plain, key = opened
    if (right := _replaced(plain, marks)) == plain:
        return text
    return json.dumps(json.loads(text) | {"data": key.encrypt(right.encode()).decode()})


def _opened(text: str) -> tuple[str, Fernet] | None:
    """What an envelope holds, and its key; None: it is none, or is damaged, or of nobody's key."""
    try:
        data = json.loads(text)["data"]
    except (ValueError, KeyError):
        return None
    for key in map(Fernet, WRITTEN["keys"]):
        with suppress(InvalidToken):
            return key.decrypt(data).decode("ascii"), key
    return None


def _replaced(text: str, marks: Mapping[str, str]) -> str:
    for mark, right in marks.items():
        text = text.replace(mark, right)
    return text


def environment(version: Path, settings: Mapping[str, str]) -> dict[str, str]:
    """Of a process that runs a version."""
    return child_environment({**settings, "PYTHONPATH": str(version)})


def commands(
    version: Path, lines: Iterable[Sequence[str]], settings: Mapping[str, str], after: float = AFTER
) -> list[Answer]:
    """What a version answers to command lines, one after another, in a process of its own."""
    done = subprocess.run(
        [sys.executable, str(AT_MOMENT), str(MOMENT + after), "commands"],
        input=json.dumps([list(line) for line in lines]),
        env=environment(version, settings),
        capture_output=True,
        text=True,
        timeout=_LONGEST_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [(code, text, error) for code, text, error in json.loads(done.stdout)]


def ask(
    version: Path, lines: Sequence[Line], settings: Mapping[str, str], after: float = AFTER
) -> list[dict[str, Any]]:
    """What a version says to these; each answer beside its command, JSON as such."""
    answers = commands(version, lines, settings, after)
    above = str(Path(settings["USER_DATA_DIR"]).parent)
    shown = []
    for line, (code, text, error) in zip(lines, answers, strict=True):
        is_json = "--json" in line and text.startswith("{")
        says = comparable(json.loads(text)) if is_json else text
        answer = {"command": " ".join(line), "code": code, "says": says, "stderr": error}
        plain = _THIS_RUN.sub("lately", json.dumps(answer).replace(above, "FOLDER"))
        shown.append(json.loads(plain))
    return shown


def comparable(says: Any) -> Any:
    """An answer without what is another at each run.

    Nor with how many documents maintenance keeps: that is the one thing that was to change.
    """
    if isinstance(says, list):
        return [comparable(one) for one in says]
    if not isinstance(says, dict):
        return says
    kept = {name: comparable(one) for name, one in says.items() if name not in _VARIES}
    if kept.get("version") == program_version():
        kept["version"] = "the program's"
    if "advice" in kept:
        kept["advice"] = [_COUNT.sub("some", line) for line in kept["advice"]]
    if "entries" in kept:
        kept["entries"] = _trail(kept["entries"])
    return kept


def _trail(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The audit trail; of documents that are believed, whose they are, and not how many."""
    believed = {str(entry["owner"]) for entry in entries if entry["action"] == "believed"}
    others = [entry for entry in entries if entry["action"] != "believed"]
    return [*others, *({"action": "believed", "owner": owner} for owner in sorted(believed))]


def _without_additions(golden: Any, found: Any) -> Any:
    """An answer with no more keys in its JSON, and no more buttons below its messages, than it had:
    those may come, and none may go.
    """
    had, has = golden["says"], found["says"]
    if isinstance(had, dict) and isinstance(has, dict):
        return {**found, "says": {k: v for k, v in has.items() if k in had}}
    if isinstance(had, list) and isinstance(has, list) and len(had) == len(has):
        kept = [
            [text, *(button for button in buttons if button in before)]
            for before, (text, *buttons) in zip(had, has, strict=True)
        ]
        return {**found, "says": kept}
    return found


def as_both_say(older: list[Any], newer: list[Any]) -> tuple[list[Any], list[Any]]:
    """Answers of the first commit's program and of this one's to the same lines, to be compared.

    Without `good`: what counts as none was good to the first commit's, and on purpose no more.
    """
    answers = [
        [{**one, "says": _without(one["says"], "good")} for one in side]
        for side in (older, map(_without_additions, older, newer))
    ]
    return answers[0], answers[1]


def _without(says: Any, name: str) -> Any:
    return {k: v for k, v in says.items() if k != name} if isinstance(says, dict) else says


def compare(part: str, found: list[Any]) -> None:
    """Fail unless `found` is what the first commit's program has answered."""
    golden = json.loads(_ANSWERS.read_text("utf-8")) if _ANSWERS.exists() else {}
    if _RECORDS in os.environ:
        golden[part] = found
        _ANSWERS.write_text(_one_a_line(golden), "utf-8")
    pairs = ((a, _without_additions(a, b)) for a, b in zip(golden[part], found, strict=True))
    other = [(a, b) for a, b in pairs if a != b]
    shown = "\n".join(f"- {json.dumps(a)}\n+ {json.dumps(b)}" for a, b in other)
    assert not other, f"{part}: another answer than the first commit's\n{shown}"


def _one_a_line(golden: dict[str, Any]) -> str:
    """JSON in which a change shows where it is: a line for each answer."""
    parts = []
    for part, answers in sorted(golden.items()):
        lines = [json.dumps(answer, sort_keys=True, ensure_ascii=False) for answer in answers]
        parts.append(json.dumps(part) + ": [\n " + ",\n ".join(lines) + "\n]")
    return "{\n" + ",\n".join(parts) + "\n}\n"
