"""A data folder as a whole: whether it is ours, and the key of the logs' masks, made once."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final, Literal

from pydantic import SecretBytes, SecretStr

from security.errors import OperatorFault
from security.storage.catalogue import Kind
from security.storage.disk_faults import disk_faults
from security.storage.files.index import ENDING
from security.storage.files.private_files import (
    ensure_private_folder,
    read_regular,
    write_atomically,
)
from security.storage.moves.marks import Marked, refuse_marked

MASK_KEY_FILE: Final = "log_mask.key"
MaskKeyOutcome = Literal["same", "restored", "differs"]
_LEAST_BYTES: Final = 12  # with fewer, whoever has a log could try them all


def load_mask_key(folder: Path, configured: SecretStr | None) -> bytes:
    """The configured key, or one made once and kept in the data folder.

    It is independent of the encryption key: logs stay comparable when that one is rotated.
    """
    if not configured:
        ensure_private_folder(folder)
    key = read_mask_key(folder, configured)
    if key is None:
        key = secrets.token_hex(32).encode()
        write_atomically(folder / MASK_KEY_FILE, key)
    return key


def read_mask_key(folder: Path, configured: SecretStr | None) -> bytes | None:
    """The configured key, or the one that is kept in the data folder; None: there is none yet.

    Changes nothing.
    """
    if configured:
        return configured.get_secret_value().encode()
    found = read_regular(folder / MASK_KEY_FILE)
    key = found[0].strip() if found is not None else b""
    if not key:
        return None
    if len(key) < _LEAST_BYTES:
        raise OperatorFault(
            f"{MASK_KEY_FILE} in the data folder is too short to be the key of the logs' masks: "
            "put it back from a backup, or delete it (the masks in new lines differ then)",
            code="store_failed",
        )
    return key


def mask_key_since(folder: Path) -> datetime | None:
    """Since when the key in the data folder has certainly been the one; None: not known."""
    try:
        milliseconds = (folder / MASK_KEY_FILE).stat().st_mtime_ns // 1_000_000
        return datetime.fromtimestamp(milliseconds / 1000, UTC)  # as exact as the audit trail
    except (OSError, ValueError, OverflowError):
        return None


def restore_mask_key(
    folder: Path,
    archived: SecretBytes,
    configured: SecretStr | None,
    *,
    rollback: bool,
    dry_run: bool,
) -> MaskKeyOutcome:
    """Put the mask key back where there is none, or where this is a rollback.

    A key that is replaced stays beside it, as `log_mask.key.old`.

    Args:
        configured: LOG_MASK_KEY, which no archive overrides.
    """
    key, path = archived.get_secret_value(), folder / MASK_KEY_FILE
    if configured is not None:
        return "same" if configured.get_secret_value().encode() == key else "differs"
    with disk_faults():
        present = path.read_bytes().strip() if path.exists() else b""
        if present == key:
            return "same"
        if present and not rollback:
            return "differs"
        if dry_run:
            return "restored"
        ensure_private_folder(folder)
        if present:
            write_atomically(path.with_name(f"{MASK_KEY_FILE}.old"), present)
        write_atomically(path, key)
    return "restored"


def mark_path(folder: Path, mark: str) -> Path:
    """Where a mark of a move is kept: the first line says since when, the next what it means."""
    return folder / f"{mark}.txt"


def read_mark(folder: Path, mark: str) -> Marked | None:
    """The mark; None: it is not there. Changes nothing."""
    found = read_regular(mark_path(folder, mark))
    if found is None:
        return None
    since, _, where = [*found[0].decode("utf-8", "replace").splitlines(), "", "", ""][:3]
    with suppress(ValueError):
        return Marked(datetime.fromisoformat(since), where)
    return Marked(None, where)


def refuse_moved(folder: Path) -> None:
    """Raise OperatorFault where everything was moved away, or a move into it has not ended."""
    with disk_faults():
        is_there = folder.is_dir()
    if is_there:
        refuse_marked("files", partial(read_mark, folder))


def holds_ours(data_folder: Path, kinds: Iterable[Kind]) -> bool:
    """Whether anything there is Drivekeeper's; False: it is empty, or not there. Changes nothing.

    Raises:
        OperatorFault: it holds other things alone. What a start and commands do to a data folder
            (its mode, what a crash left in it) is not to be done to somebody's home.
    """
    with disk_faults():
        try:
            names = [path.name for path in data_folder.iterdir()]
        except (FileNotFoundError, NotADirectoryError):
            return False
    ours = {"audit", "locks", MASK_KEY_FILE, *(kind.name for kind in kinds)}
    for kind in kinds:
        if kind.is_owners:
            ours |= {name for name in names if name.endswith(ENDING) and kind.is_ours(name[:-5])}
    if not ours.isdisjoint(names):
        return True
    if any(not name.startswith(".") and name != "lost+found" for name in names):
        raise OperatorFault(
            "USER_DATA_DIR names a folder that holds other things, and nothing of Drivekeeper's: "
            "name the bot's own folder, or one that is empty",
            code="store_failed",
        )
    return False
