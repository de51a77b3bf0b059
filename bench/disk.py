"""Which file system the files of a run are on: one in memory would flatter every fsync."""

from __future__ import annotations

from pathlib import Path
from typing import Final

IN_MEMORY: Final = frozenset({"tmpfs", "ramfs", "devtmpfs", "hugetlbfs"})
"""Types of file systems."""


class NotOnDisk(Exception):
    """The folder is on a file system in memory."""


def file_system_of(folder: Path) -> str:
    """The type of the file system that `folder` is on, as the kernel names it: "ext4".

    Raises:
        NotOnDisk: fsync costs nothing there.
    """
    kind = _type_of(folder.resolve(), Path("/proc/self/mounts").read_text("utf-8"))
    if kind in IN_MEMORY:
        raise NotOnDisk(f"{folder} is on {kind}, in memory: name a folder on a disk (BENCH_DIR)")
    return kind


def _type_of(folder: Path, mounts: str) -> str:
    """The type of the innermost mount above `folder`; of two on one place, the later (proc(5))."""
    best, found = -1, "unknown"
    for line in mounts.splitlines():
        _, place, kind, *_ = line.split(" ")
        # Blanks and the like are written in octal.
        path = Path(place.encode("latin-1", "replace").decode("unicode_escape"))
        if folder.is_relative_to(path) and len(path.parts) >= best:
            best, found = len(path.parts), kind
    return found
