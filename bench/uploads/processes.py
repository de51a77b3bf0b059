"""What the product's processes take: processor time, and memory.

https://docs.kernel.org/filesystems/proc.html: PSS counts a page that n processes share as 1/n.
"""

from __future__ import annotations

import contextlib
import os
import stat
import threading
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from bench.disk import IN_MEMORY

MB: Final = 1_000_000
_TICKS: Final = os.sysconf("SC_CLK_TCK")


def family(pid: int) -> list[int]:
    """A process and all that come from it."""
    found = [pid]
    for parent in found:
        try:
            for task in Path(f"/proc/{parent}/task").iterdir():
                found += map(int, (task / "children").read_text("ascii").split())
        except OSError:
            continue  # it has just ended
    return found


def processor_seconds(pid: int) -> float:
    """Used so far by a process, by its threads, and by its children, those that ended too."""
    ticks = 0
    for process in family(pid):
        # The name before the parenthesis may hold blanks.
        fields = Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()
        used = fields[11:15] if process == pid else fields[11:13]
        ticks += sum(map(int, used))
    return ticks / _TICKS


def memory(pid: int, temporary: Path) -> int:
    """Bytes that a process and its children hold: PSS, temporary files, open files in memory.

    In the container `/tmp` is a tmpfs: whatever is in `temporary`, which is given to the process in
    its place, counts as memory. So does what it has open on any file system in memory, under a
    name or under none.
    """
    held = sum(_size(entry.path) for entry in _files(temporary))
    seen: set[tuple[int, int]] = set()
    for process in family(pid):
        try:
            held += _pss(process)
            for link in os.scandir(f"/proc/{process}/fd"):
                held += _open_in_memory(link.path, seen)
        except OSError:
            continue
    return held


def resident(pid: int) -> int:
    """Bytes of a process, pages that it shares included (proc(5), VmRSS)."""
    lines = Path(f"/proc/{pid}/status").read_text("utf-8").splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    return int(fields["VmRSS"].split()[0]) * 1024


def _pss(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


def _open_in_memory(link: str, seen: set[tuple[int, int]]) -> int:
    try:
        found = os.stat(link)  # noqa: PTH116 - as cheap as can be
    except OSError:
        return 0
    key = found.st_dev, found.st_ino
    if not stat.S_ISREG(found.st_mode) or key in seen or found.st_dev not in memory_devices():
        return 0
    seen.add(key)
    return found.st_blocks * 512


@cache
def memory_devices() -> frozenset[int]:
    """The device numbers of file systems in memory, that of `memfd_create` among them."""
    nameless = os.memfd_create("bench")
    devices = {os.fstat(nameless).st_dev}
    os.close(nameless)
    for line in Path("/proc/self/mounts").read_text("utf-8").splitlines():
        _, place, kind, *_rest = line.split(" ")
        if kind in IN_MEMORY:
            with contextlib.suppress(OSError):
                devices.add(Path(place).stat().st_dev)
    return frozenset(devices)


def _files(folder: Path) -> Iterator[os.DirEntry[str]]:
    try:
        for entry in os.scandir(folder):
            if entry.is_dir(follow_symlinks=False):
                yield from _files(Path(entry.path))
            else:
                yield entry
    except OSError:
        return


def _size(path: str) -> int:
    try:
        return os.lstat(path).st_blocks * 512
    except OSError:
        return 0


class Watch:
    """Looks at the memory of a process now and then, while it is entered; keeps the highest."""

    def __init__(self, pid: int, temporary: Path, *, pause: float = 0.02) -> None:
        """
        Args:
            pause: seconds between two looks, which cost a process that is timed a little time.
        """
        self._pause = pause
        self._pid = pid
        self._temporary = temporary
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.peak = 0
        self.looks = 0

    def _look(self) -> None:
        while True:
            self.peak = max(self.peak, memory(self._pid, self._temporary))
            self.looks += 1
            if self._ended.wait(self._pause):
                return

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()
