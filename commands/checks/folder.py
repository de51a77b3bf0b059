"""The data folder: there, private, writable, on a disk that keeps what it promises, with room."""

from __future__ import annotations

import fcntl
import os
import re
import stat
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from commands.checks.finding import Finding, count, failed, ok, skipped, warning
from commands.runtime import Installation
from security.errors import OperatorFault
from security.storage.disk_faults import reason_of

_FILE_MODE: Final = 0o600
_FOLDER_MODE: Final = 0o700
_MOUNTS: Final = Path("/proc/self/mountinfo")
# The name is a module of the kernel or of FUSE; what it speaks goes over a network.
_NETWORK: Final = re.compile(
    r"nfs\d?|cifs|smb\w*|9p|afs|ceph|glusterfs|lustre|gpfs|ocfs2|gfs2|virtiofs|"
    r"fuse\.(sshfs|s3fs|rclone|gcsfuse|glusterfs|ceph\w*|goofys|davfs\d?|juicefs|mergerfs)|davfs"
)
_WITHOUT_MODES: Final = re.compile(r"vfat|msdos|exfat|ntfs\d?|fuseblk")
_FLEETING: Final = re.compile(r"tmpfs|ramfs")

_LITTLE_BYTES: Final = 1_000_000_000
_NO_BYTES: Final = 100_000_000
_LITTLE_SHARE: Final = 0.05
_NO_INODES: Final = 1_000


def check_folder(there: Installation) -> list[Finding]:
    """It is there, ours, and takes a small file just now."""
    name, folder = "data folder", there.folder
    try:
        status = folder.stat()
    except FileNotFoundError:
        return [_missing(name, folder)]
    except OSError as error:
        return [_unreadable(name, error)]
    if not stat.S_ISDIR(status.st_mode):
        return [failed(name, "USER_DATA_DIR is not a folder.", "Name a folder there.")]
    if status.st_uid != os.geteuid() and os.geteuid() != 0 and os.access(folder, os.W_OK):
        says = "The data folder belongs to another user, who lets this one write there."
        do = "Name a folder below it in USER_DATA_DIR: the bot makes it, and makes it private."
        return [failed(name, says, do)]
    if status.st_uid != os.geteuid():
        says = "The data folder belongs to another user than the one who runs this command."
        do = "Run it as the user the bot runs as; if that is this one, chown -R the folder to it."
        return [(warning if os.geteuid() == 0 else failed)(name, says, do)]
    try:
        there.is_in_use()
    except OperatorFault as fault:
        return [failed(name, f"{fault}.", "Correct USER_DATA_DIR.")]
    try:
        there.storage.check_writable()
    except OperatorFault as fault:
        return [
            failed(
                name,
                f"Nothing can be written into {fault}.",
                "Make room, or mount it writable: until then no refreshed token can be saved.",
            )
        ]
    if (reason := _refuses_locks(folder)) is not None:
        return [failed(name, f"It cannot be locked: {reason}.", "Name a folder on a local disk.")]
    return [
        ok(name, "It is there, belongs to this user, can be written, and locks work."),
        *check_above(folder),
    ]


def _refuses_locks(folder: Path) -> str | None:
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return reason_of(error)
    return None


def check_above(folder: Path) -> list[Finding]:
    """Whoever may rename in the folder above puts another one in the data folder's place."""
    try:
        mode = folder.absolute().parent.stat().st_mode
    except OSError:
        return []
    if not mode & stat.S_IWOTH or mode & stat.S_ISVTX:
        return []
    says = "Everybody on this machine may rename what is in the folder above the data folder."
    return [failed("data folder", says, "chmod o-w the folder above, or move the data folder.")]


def _missing(name: str, folder: Path) -> Finding:
    if os.access(_nearest(folder), os.W_OK | os.X_OK):
        return warning(
            name,
            "There is none yet.",
            "Nothing, before the bot's first start, which makes it; else correct USER_DATA_DIR.",
        )
    return failed(
        name,
        "There is none, and it cannot be made where USER_DATA_DIR says.",
        "Make it (mode 0700) for the user the bot runs as, or correct USER_DATA_DIR.",
    )


def _unreadable(name: str, error: OSError) -> Finding:
    reason = os.strerror(error.errno) if error.errno else type(error).__name__
    return failed(
        name,
        f"It cannot be looked at ({reason}).",
        "Run this as the user the bot runs as, and see that USER_DATA_DIR names a folder of its.",
    )


def _nearest(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    for candidate in (folder, *folder.absolute().parents):
        try:
            if candidate.is_dir():
                return candidate
        except OSError:
            continue
    return Path("/")


def check_permissions(folder: Path) -> list[Finding]:
    """0700 and 0600, everywhere, and one owner. Counts only: names hold Telegram ids."""
    name = "permissions"
    if not _is_folder(folder):
        return [skipped(name, "There is no data folder to look at.")]
    wrong = Counter(_walk(folder))
    if not wrong:
        return [ok(name, "Folders are 0700 and files 0600, and all belong to one user.")]
    findings = []
    if loose := wrong["folder"] + wrong["file"]:
        parts = [count(wrong[kind], kind) for kind in ("folder", "file") if wrong[kind]]
        verb = "has" if loose == 1 else "have"
        says = f"{' and '.join(parts)} under the data folder {verb} a mode other than 0700 or 0600."
        do = "Start the bot, which mends it, or: chmod -R u=rwX,go= the data folder."
        findings.append(failed(name, says, do))
    if wrong["owner"]:
        says = f"{count(wrong['owner'], 'entry', 'entries')} under the data "
        says += "folder: not of the folder's own user."
        do = "chown -R the folder to the user the bot runs as; run commands as that user."
        findings.append(failed(name, says, do))
    if wrong["closed"]:
        says = f"{count(wrong['closed'], 'folder')} could not be looked into."
        findings.append(failed(name, says, "Run this as the user the bot runs as."))
    if wrong["stranger"]:
        says = f"{count(wrong['stranger'], 'link')} or other things that are neither files nor "
        says += "folders lie under the data folder."
        findings.append(warning(name, says, "Find out who put them there; the bot needs none."))
    return findings


def _walk(folder: Path) -> Iterator[str]:
    """What is wrong, once for each thing: folder, file, owner, closed, stranger."""
    top = folder.stat()
    if stat.S_IMODE(top.st_mode) != _FOLDER_MODE:
        yield "folder"
    waiting = [str(folder)]
    while waiting:
        try:
            entries = list(os.scandir(waiting.pop()))
        except OSError:
            yield "closed"
            continue
        for entry in entries:
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError:
                continue  # gone meanwhile
            if status.st_uid != top.st_uid:
                yield "owner"
            if stat.S_ISDIR(status.st_mode):
                waiting.append(entry.path)
                if stat.S_IMODE(status.st_mode) != _FOLDER_MODE:
                    yield "folder"
            elif not stat.S_ISREG(status.st_mode):
                yield "stranger"
            elif stat.S_IMODE(status.st_mode) != _FILE_MODE:
                yield "file"


def _is_folder(folder: Path) -> bool:
    try:
        return folder.is_dir() and os.access(folder, os.R_OK | os.X_OK)
    except OSError:
        return False


def check_file_system(folder: Path) -> list[Finding]:
    """Whether renames are atomic there, locks hold, and it outlives a restart."""
    try:
        mounts = _MOUNTS.read_text("utf-8", "replace")
        kind = file_system_of(_nearest(folder).resolve(), mounts)
    except OSError:
        kind = None
    return [judge_file_system(kind)]


def file_system_of(folder: Path, mounts: str) -> str | None:
    """The kind of file system `folder` is on, by Linux's table of mounts (proc(5)); None: unknown.

    Of several mounts on one point the last one is what is seen.
    """
    found: tuple[int, str] | None = None
    for line in mounts.splitlines():
        left, dash, right = line.partition(" - ")
        fields = left.split()
        if not dash or len(fields) < 5:
            continue
        point = Path(re.sub(r"\\(\d{3})", lambda match: chr(int(match[1], 8)), fields[4]))
        if folder.is_relative_to(point) and len(point.parts) >= (found or (0, ""))[0]:
            found = len(point.parts), right.split()[0]
    return found[1] if found else None


def judge_file_system(kind: str | None) -> Finding:
    """What a kind of file system means for the data folder."""
    name = "file system"
    if kind is None:
        return skipped(name, "This system does not say what kind it is.")
    if _NETWORK.fullmatch(kind):
        return warning(
            name,
            f"The data folder is on a network file system ({kind}): whether renames are atomic, "
            "and locks hold between machines, depends on its server.",
            "Put the data folder on a local disk.",
        )
    if _WITHOUT_MODES.fullmatch(kind):
        return warning(
            name,
            f"The data folder is on {kind}, which keeps no owners and modes.",
            "Put the data folder on a disk of Linux's own kind, such as ext4 or xfs.",
        )
    if _FLEETING.fullmatch(kind):
        return warning(
            name,
            f"The data folder is in memory ({kind}): a restart of the machine empties it.",
            "Put the data folder on a disk.",
        )
    if kind == "overlay":
        return warning(
            name,
            "The data folder is in the container's own layer, which goes with the container.",
            "Mount a volume there (compose.yaml has one).",
        )
    return ok(name, f"A local file system ({kind}): renames are atomic, and locks hold.")


@dataclass(frozen=True, slots=True)
class Space:
    """What is free to this user, of how much. Inodes: 0 of 0 where there is no limit."""

    free_bytes: int
    bytes: int
    free_inodes: int
    inodes: int


def check_space(folder: Path) -> list[Finding]:
    """Free bytes and inodes."""
    try:
        found = os.statvfs(_nearest(folder))
    except OSError as error:
        return [_unreadable("disk space", error)]
    space = Space(
        free_bytes=found.f_bavail * found.f_frsize,
        bytes=found.f_blocks * found.f_frsize,
        free_inodes=found.f_favail,
        inodes=found.f_files,
    )
    return [judge_space(space)]


def judge_space(space: Space) -> Finding:
    """Warning below 1 GB or 5 %; failed below 100 MB or a thousand inodes."""
    name = "disk space"
    says = f"{space.free_bytes / 1e9:,.1f} GB of {space.bytes / 1e9:,.1f} GB are free"
    if space.inodes:
        says += f", and {space.free_inodes:,} of {space.inodes:,} inodes"
    says += "."
    do = "Make room: without it no refreshed token can be saved."
    if space.free_bytes < _NO_BYTES or (space.inodes and space.free_inodes < _NO_INODES):
        return failed(name, says, do)
    little = space.free_bytes < max(_LITTLE_BYTES, _LITTLE_SHARE * space.bytes)
    if little or space.free_inodes < _LITTLE_SHARE * space.inodes:
        return warning(name, says, do)
    return ok(name, says)
