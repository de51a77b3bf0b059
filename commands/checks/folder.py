"""The data folder: there, private, writable, on a disk that keeps what it promises, with room."""

from __future__ import annotations

import fcntl
import os
import re
import stat
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from commands.checks.finding import Finding, failed, ok, sentence, skipped, warning
from commands.runtime import Installation
from commands.wording import count
from config.sizes import size
from security.errors import OperatorFault
from security.storage.disk_faults import reason_of
from security.storage.mounts import NETWORK, file_system_of

_FILE_MODE: Final = 0o600
_FOLDER_MODE: Final = 0o700
_UNFIT: Final = (
    (
        NETWORK,
        "{what} is on a network file system ({kind}): whether renames are atomic, and locks hold "
        "between machines, depends on its server.",
        "Put it on a local disk.",
    ),
    (
        re.compile(r"vfat|msdos|exfat|ntfs\d?|fuseblk"),
        "{what} is on {kind}, which keeps no owners and modes.",
        "Put it on a disk of Linux's own kind, such as ext4 or xfs.",
    ),
    (
        re.compile(r"tmpfs|ramfs"),
        "{what} is in memory ({kind}): a restart of the machine empties it.",
        "Put it on a disk.",
    ),
    (
        re.compile(r"overlay"),
        "{what} is in the container's own layer, which goes with the container.",
        "Mount a volume there (compose.yaml has one).",
    ),
)
"""Kinds of file systems that do not keep what the bot counts on; what is said of each, and done."""

_LITTLE_BYTES: Final = 1024**3
_NO_BYTES: Final = 100 * 1024**2
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
    if status.st_uid != os.geteuid():
        return [_of_another_user(name, folder)]
    try:
        there.is_in_use()
    except OperatorFault as fault:
        if fault.code == "moved_away":
            return [failed(name, sentence(fault), "As it says.")]
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
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        says = f"It cannot be locked: {reason_of(error)}."
        return [failed(name, says, "Name a folder on a local disk.")]
    return [
        ok(name, "It is there, belongs to this user, can be written, and locks work."),
        *check_above(folder),
    ]


def _of_another_user(name: str, folder: Path) -> Finding:
    is_root = os.geteuid() == 0
    if not is_root and os.access(folder, os.W_OK):
        return failed(
            name,
            "The data folder belongs to another user, who lets this one write there.",
            "Name a folder below it in USER_DATA_DIR: the bot makes it, and makes it private.",
        )
    return (warning if is_root else failed)(
        name,
        "The data folder belongs to another user than the one who runs this command.",
        "Run it as the user the bot runs as; if that is this one, chown -R the folder to it.",
    )


def check_above(
    folder: Path, name: str = "data folder", what: str = "the data folder"
) -> list[Finding]:
    """Whoever may rename in the folder above puts another one in its place."""
    try:
        mode = folder.absolute().parent.stat().st_mode
    except OSError:
        return []
    if not mode & stat.S_IWOTH or mode & stat.S_ISVTX:
        return []
    says = f"Everybody on this machine may rename what is in the folder above {what}."
    return [failed(name, says, f"chmod o-w the folder above, or move {what}.")]


def _missing(name: str, folder: Path) -> Finding:
    if os.access(nearest(folder), os.W_OK | os.X_OK):
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
    return failed(
        name,
        f"It cannot be looked at ({reason_of(error)}).",
        "Run this as the user the bot runs as, and see that USER_DATA_DIR names a folder of its.",
    )


def nearest(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    return next(filter(_is_there, (folder, *folder.absolute().parents)), Path("/"))


def _is_there(folder: Path) -> bool:
    try:
        return folder.is_dir()
    except OSError:
        return False


def check_permissions(there: Installation) -> list[Finding]:
    """0700 and 0600, everywhere, and one owner. Counts only: names hold Telegram ids."""
    name, folder = "permissions", there.folder
    if not _is_there(folder) or not os.access(folder, os.R_OK | os.X_OK):
        return [skipped(name, "There is no data folder to look at.")]
    if not _is_ours(there):
        return [skipped(name, "There is nothing of Drivekeeper's to look at.")]
    wrong = Counter(_walk(folder))
    if not wrong:
        return [ok(name, "Folders are 0700 and files 0600, and all belong to one user.")]
    loose = [count(wrong[kind], kind) for kind in ("folder", "file") if wrong[kind]]
    verb = "has" if wrong["folder"] + wrong["file"] == 1 else "have"
    findings = {
        "owner": failed(
            name,
            f"{count(wrong['owner'], 'entry', 'entries')} under the data folder: not of the "
            "folder's own user.",
            "chown -R the folder to the user the bot runs as; run commands as that user.",
        ),
        "closed": failed(
            name,
            f"{count(wrong['closed'], 'folder')} could not be looked into.",
            "Run this as the user the bot runs as.",
        ),
        "stranger": warning(
            name,
            f"{count(wrong['stranger'], 'link')} or other things that are neither files nor "
            "folders lie under the data folder.",
            "Find out who put them there; the bot needs none.",
        ),
    }
    modes = failed(
        name,
        f"{' and '.join(loose)} under the data folder {verb} a mode other than 0700 or 0600.",
        "Start the bot, which mends it, or: chmod -R u=rwX,go= the data folder.",
    )
    others = [finding for kind, finding in findings.items() if wrong[kind]]
    return [modes, *others] if loose else others


def _is_ours(there: Installation) -> bool:
    try:
        return there.is_in_use()
    except OperatorFault:
        return False


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


def check_file_system(folder: Path, what: str = "The data folder") -> list[Finding]:
    """Whether renames are atomic there, locks hold, and it outlives a restart."""
    return [judge_file_system(file_system_of(folder), what)]


def judge_file_system(kind: str | None, what: str = "The data folder") -> Finding:
    """What a kind of file system means for what is kept there."""
    name = "file system"
    if kind is None:
        return skipped(name, "This system does not say what kind it is.")
    for pattern, says, do in _UNFIT:
        if pattern.fullmatch(kind):
            return warning(name, says.format(what=what, kind=kind), do)
    return ok(name, f"A local file system ({kind}): renames are atomic, and locks hold.")


def check_space(folder: Path) -> list[Finding]:
    """Free bytes and inodes."""
    try:
        return [judge_space(os.statvfs(nearest(folder)))]
    except OSError as error:
        return [_unreadable("disk space", error)]


def judge_space(found: os.statvfs_result) -> Finding:
    """Warning below 1 GiB or 5 %; failed below 100 MiB or a thousand inodes, where limited.

    What is free is what is free to this user; the file system's number of inodes is 0 where there
    is no limit.
    """
    name = "disk space"
    free, whole = found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize
    inodes = f", and {found.f_favail:,} of {found.f_files:,} inodes" if found.f_files else ""
    if not whole:
        return skipped(name, "This file system does not say how large it is.")
    says = f"{size(free)} of {size(whole)} free{inodes}."
    do = "Make room: without it no refreshed token can be saved."
    if free < _NO_BYTES or (found.f_files and found.f_favail < _NO_INODES):
        return failed(name, says, do)
    little = free < max(_LITTLE_BYTES, _LITTLE_SHARE * whole)
    if little or found.f_favail < _LITTLE_SHARE * found.f_files:
        return warning(name, says, do)
    return ok(name, says)
