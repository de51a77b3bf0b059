"""What this very process asks of the operating system, seen from outside: strace, attached to it.

The sandbox, the product and the test are one process, so that one trace has the lock, the file, and
what was asked of Google, in their order.
strace(1): https://man7.org/linux/man-pages/man1/strace.1.html
"""

from __future__ import annotations

import ast
import ctypes
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from tests.installed import skip_for_want_of

_PR_SET_PTRACER: Final = 0x59616D61
_PATIENCE: Final = 30  # seconds: a process under strace is slow, and the machine may be busy
_CALLS: Final = (
    "openat,open,close,flock,fcntl,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat,write,"
    "pwrite64,writev,sendto,sendmsg,recvfrom,recvmsg,read,pread64,stat,lstat,newfstatat,statx,"
    "getdents64,mkdir,mkdirat,link,linkat"
)
_MARK: Final = "/mark/"
_NOTHING: Final = "-"
_STRING: Final = re.compile(r'"((?:[^"\\]|\\.)*)"')
_BEGUN: Final = re.compile(r"(\d+) +(\w+)\((.*)")
_RESUMED: Final = re.compile(r"(\d+) +<\.\.\. (\w+) resumed>(.*)")
_RESULT: Final = re.compile(r"\) += (-?\d+|-?0x[0-9a-f]+|\?)")
_DESCRIPTOR: Final = re.compile(r"(?<![\w.])(\d+)<([^>]*)>")


@dataclass(frozen=True, slots=True)
class Call:
    """One system call."""

    name: str
    text: str
    """The arguments, and what it returned, as strace shows them."""
    result: int

    @property
    def strings(self) -> list[bytes]:
        """The strings among the arguments: paths, and what is written."""
        return [ast.literal_eval(f'b"{found}"') for found in _STRING.findall(self.text)]

    @property
    def descriptor(self) -> tuple[int, str]:
        """The first open file among the arguments: its number and its path."""
        found = _DESCRIPTOR.search(self.text)
        return (int(found[1]), found[2]) if found else (-1, "")

    @property
    def path(self) -> str:
        """The last path it names, or the one of its descriptor."""
        return os.fsdecode(self.strings[-1]) if self.strings else self.descriptor[1]


@dataclass
class Trace:
    """What was traced; `calls` is complete once the tracing has ended."""

    calls: list[Call] = field(default_factory=list)

    def mark(self, name: str) -> None:
        """From here on the calls belong to `name`: a call that fails, and shows in the trace."""
        Path(_MARK + name).exists()

    def pause(self) -> None:
        """What comes now belongs to nothing."""
        self.mark(_NOTHING)

    def parts(self) -> dict[str, list[Call]]:
        """The calls by the mark they follow."""
        found: dict[str, list[Call]] = {}
        current: list[Call] = []
        for call in self.calls:
            if call.name in ("stat", "newfstatat", "statx") and _MARK in call.text:
                current = found.setdefault(call.path.removeprefix(_MARK), [])
            else:
                current.append(call)
        found.pop(_NOTHING, None)
        return found


@contextmanager
def traced(log: Path) -> Iterator[Trace]:
    """Within, every thread of this process is traced. Skipped where that cannot be.

    Args:
        log: where strace writes; it must not lie in the folder under test.
    """
    program = shutil.which("strace")
    if program is None:
        skip_for_want_of("strace")
    # Where Yama lets only ancestors trace, strace (a child) needs leave.
    ctypes.CDLL(None).prctl(_PR_SET_PTRACER, ctypes.c_ulong(-1))
    command = [program, "-f", "-y", "-x", "-s", "400", "-e", "signal=none", "-o", str(log)]
    command += ["-e", f"trace={_CALLS}", "-p", str(os.getpid())]
    trace = Trace()
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as strace:
        try:
            assert strace.stderr is not None
            said = strace.stderr.readline()
            if "attached" not in said:
                pytest.skip(f"strace cannot attach here: {said.strip()}")
            yield trace
        finally:
            strace.send_signal(signal.SIGINT)
            try:
                strace.communicate(timeout=_PATIENCE)
            except subprocess.TimeoutExpired:
                strace.kill()
    trace.calls += parse(log.read_text("utf-8", "surrogateescape"))


def parse(log: str) -> list[Call]:
    """The calls of all threads. What took its time stands where it ended; a send and a close,
    which others may see the effect of at once, where they began."""
    calls: list[Call] = []
    begun: dict[tuple[str, str], tuple[str, int | None]] = {}
    for line in log.splitlines():
        if (resumed := _RESUMED.match(line)) is not None:
            text, place = begun.pop((resumed[1], resumed[2]), ("", None))
            call = _call(resumed[2], text + resumed[3])
            if place is None:
                calls.append(call)
            else:
                calls[place] = call
        elif (match := _BEGUN.match(line)) is not None:
            if match[3].endswith("<unfinished ...>"):
                text, place = match[3].removesuffix("<unfinished ...>"), None
                if match[2] in ("close", "sendto", "sendmsg", "writev"):
                    place = len(calls)
                    calls.append(_call(match[2], text))
                begun[match[1], match[2]] = (text, place)
            else:
                calls.append(_call(match[2], match[3]))
    return calls


def _call(name: str, text: str) -> Call:
    found = _RESULT.findall(text)
    returned = int(found[-1], 0) if found and found[-1] != "?" else -1
    return Call(name, text, returned)
