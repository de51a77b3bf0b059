"""strace: what a child process asks of the file system, and faults put in its way.

The child is forked off a process that has started already, and strace attaches to it before it
begins. So every call in a trace comes after start-up, strace counts from the operation's first
call, and a run costs a hundredth of a second.
strace(1), "Tampering": https://man7.org/linux/man-pages/man1/strace.1.html
"""

from __future__ import annotations

import ast
import ctypes
import os
import re
import shutil
import signal
import subprocess
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from security.errors import CustodyError

SUCCEEDED, REFUSED, ESCAPED = 0, 10, 20
"""Exit codes of a child: it did its work; an operator's fault, cleanly; any other exception."""

_EVERY_FILE_CALL: Final = "trace=%file,%desc"
_UNLIMITED: Final = "100000000"  # bytes of a written string that strace shows
_START: Final = {signal.SIGUSR1}
_PR_SET_PTRACER: Final = 0x59616D61
_STRING: Final = re.compile(r'"((?:[^"\\]|\\.)*)"(\.\.\.)?')
_LINE: Final = re.compile(r"(\d+) +(\w+)\((.*)\) += (-?\d+|-?0x[0-9a-f]+|\?)(.*)")
_KILLED: Final = re.compile(r"(\d+) +(\w+)\((.*?)(?:\) += \?.*| <unfinished \.\.\.>)?$")
_PATH: Final = re.compile(r"(?:(?P<cwd>AT_FDCWD)|(?<![\w.])\d+)<(?P<path>[^>]*)>|\$")
_CARRY_DATA: Final = frozenset(
    {"read", "write", "pread64", "pwrite64", "readv", "writev", "ioctl", "sendfile"}
)


class TraceError(Exception):
    """The harness itself cannot go on: no strace, no permission, a trace it does not understand."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the operating system by the operation under test."""

    name: str
    number: int
    """Its place among the calls of this name, from 1: what strace's `when=` counts."""
    paths: tuple[str, ...]
    """Every path in its arguments, absolute, those of descriptors too."""
    text: str
    """The arguments as strace shows them, strings replaced by `$`."""
    strings: tuple[bytes, ...]
    result: int | None
    """What it returned; None: it never did. Negative: it failed."""
    injected: bool = False


@dataclass(frozen=True, slots=True)
class Fault:
    """What is put in a call's way: SIGKILL before it does anything, or an error instead of it."""

    name: str
    option: str


KILL = Fault("KILL", "signal=KILL")
FAULTS: Final = (KILL, Fault("ENOSPC", "error=ENOSPC"), Fault("EIO", "error=EIO"))


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a traced run ended."""

    calls: list[Call]
    exit_code: int | None
    """None: killed."""
    complaint: str
    """What the child said of its end: the operator's message, or a traceback."""


def find_strace() -> str:
    """Where strace is; TraceError where it is not."""
    found = shutil.which("strace")
    if found is None:
        raise TraceError("strace is not installed (apt-get install strace)")
    return found


def run_traced(
    work: Callable[[], None], log: Path, inject: tuple[Call, Fault] | None = None
) -> Outcome:
    """Do `work` in a child under strace.

    Args:
        log: where strace writes; anything outside the folder under test.
        inject: the call, out of an earlier trace, that meets a fault. Only calls of its name are
            traced then.
    """
    options = ["-e", _EVERY_FILE_CALL]
    if inject is not None:
        call, fault = inject
        options = ["-e", f"trace={call.name}", "-e"]
        options.append(f"inject={call.name}:{fault.option}:when={call.number}")
    complaint = log.with_suffix(".complaint")
    complaint.unlink(missing_ok=True)
    signal.pthread_sigmask(signal.SIG_BLOCK, _START)
    child = os.fork()
    if child == 0:
        _be_the_child(work, complaint)
    # -y: paths of descriptors; -x: bytes that are not text in hexadecimal.
    command = [find_strace(), "-f", "-y", "-x", "-s", _UNLIMITED, "-e", "signal=none"]
    command += ["-o", str(log), *options, "-p", str(child)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as strace:
        assert strace.stderr is not None
        said = strace.stderr.readline()
        if "attached" not in said:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            raise TraceError(f"strace cannot attach here: {said.strip()}")
        os.kill(child, signal.SIGUSR1)
        _, status = os.waitpid(child, 0)
        strace.communicate()
    return Outcome(
        parse(log.read_text("utf-8", "surrogateescape").splitlines()),
        os.WEXITSTATUS(status) if os.WIFEXITED(status) else None,
        complaint.read_text("utf-8") if complaint.exists() else "",
    )


def _be_the_child(work: Callable[[], None], complaint: Path) -> None:
    code = ESCAPED
    try:
        # Where Yama allows only ancestors to trace, strace (a sibling) needs leave.
        ctypes.CDLL(None).prctl(_PR_SET_PTRACER, ctypes.c_ulong(-1))
        _close_as_linux_does()
        signal.sigwait(_START)  # strace is there now
        work()
        code = SUCCEEDED
    except CustodyError as error:
        complaint.write_text(str(error), "utf-8")
        code = REFUSED
    except BaseException:
        complaint.write_text(traceback.format_exc(limit=-3), "utf-8")
    finally:
        sys.stdout.flush()
        os._exit(code)


def _close_as_linux_does() -> None:
    """A close that reports an error has closed all the same, and with it given up a lock.

    strace returns the error in the call's stead, so the descriptor would stay open. close(2).
    """
    original = os.close

    def close(fd: int) -> None:
        try:
            original(fd)
        except OSError:
            with suppress(OSError):
                original(fd)
            raise

    os.close = close


def parse(lines: Sequence[str]) -> list[Call]:
    """The calls in strace's log, in their order."""
    counts: Counter[str] = Counter()
    calls: list[Call] = []
    tracee = ""
    for line in lines:
        found: list[tuple[bytes, bool]] = []

        def keep(match: re.Match[str], found: list[tuple[bytes, bool]] = found) -> str:
            found.append((ast.literal_eval(f'b"{match[1]}"'), bool(match[2])))
            return "$"

        text = _STRING.sub(keep, line)
        match = _LINE.fullmatch(text) or _KILLED.fullmatch(text)
        if match is None:
            if " +++ " not in text:
                raise TraceError(f"not understood in a trace: {text}")
            continue
        if tracee not in ("", match[1]):
            raise TraceError("an operation under test may have one thread only")
        tracee, name, arguments = match[1], match[2], match[3]
        if any(cut for _, cut in found):
            raise TraceError(f"strace has cut a string of {name}")
        counts[name] += 1
        returned = match[4] if match.re is _LINE else "?"
        strings = tuple(string for string, _ in found)
        calls.append(
            Call(
                name=name,
                number=counts[name],
                paths=_paths(name, arguments, strings),
                text=arguments,
                strings=strings,
                result=None if returned == "?" else int(returned, 0),
                injected="(INJECTED)" in text,
            )
        )
    return calls


def _paths(name: str, arguments: str, strings: Sequence[bytes]) -> tuple[str, ...]:
    """Paths among the arguments: descriptors' own, and names, relative to the one before them."""
    found: list[str] = []
    names = iter(() if name in _CARRY_DATA else strings)
    base = ""
    for token in _PATH.finditer(arguments):
        if token["path"] is not None:
            base = token["path"]
            found += [] if token["cwd"] else [base]
        elif string := next(names, b""):
            found.append(str(Path(base, os.fsdecode(string))))
    return tuple(dict.fromkeys(found))
