"""What kind of file system a path is on: what some do not keep, locks and fsync rely on."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

NETWORK: Final = re.compile(
    r"nfs\d?|cifs|smb\w*|9p|afs|ceph|glusterfs|lustre|gpfs|ocfs2|gfs2|virtiofs|davfs|"
    r"fuse\.(sshfs|s3fs|rclone|gcsfuse|glusterfs|ceph\w*|goofys|davfs\d?|juicefs|mergerfs)"
)
"""The name is a module of the kernel or of FUSE; what it speaks goes over a network."""
_MOUNTS: Final = Path("/proc/self/mountinfo")


def file_system_of(path: Path) -> str | None:
    """The kind of file system a path is on, or would be; None: this system does not say."""
    try:
        return kind_of(path.resolve(), _MOUNTS.read_text("utf-8", "replace"))
    except OSError:
        return None


def kind_of(path: Path, mounts: str) -> str | None:
    """The kind of file system a path is on, by Linux's table of mounts (proc(5)); None: the path
    is on none of these.

    Of several mounts on one point the last one is what is seen.

    Args:
        path: absolute, without links.
    """
    found: tuple[int, str] | None = None
    for line in mounts.splitlines():
        left, dash, right = line.partition(" - ")
        fields = left.split()
        if not dash or len(fields) < 5:
            continue
        point = Path(re.sub(r"\\(\d{3})", lambda match: chr(int(match[1], 8)), fields[4]))
        if path.is_relative_to(point) and len(point.parts) >= (found or (0, ""))[0]:
            found = len(point.parts), right.split()[0]
    return found[1] if found else None
