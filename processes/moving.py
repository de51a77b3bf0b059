"""A move of everything that is kept, put together as the settings say."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from config import DatabaseAddress, Settings
from processes.storage import KINDS
from security.encryption import TokenEncryption
from security.logging_utils import OwnerMask, configure_logging
from security.recovery.moving.move import Move
from security.storage.files.side import FileSide
from security.storage.files.storage import FileStorage
from security.storage.moves.marks import SideName
from security.storage.moves.sides import Side
from security.storage.sealing import Sealer
from security.storage.sql.engine import make_engine
from security.storage.sql.side import SqlSide
from security.storage.sql.storage import SqlStorage
from security.token_store import TokenStore


@contextmanager
def move_of(
    settings: Settings,
    database: DatabaseAddress,
    to: SideName,
    on_wait: Callable[[float, float], None],
) -> Iterator[Move]:
    """Between USER_DATA_DIR and the database; nothing of either has been touched yet.

    Args:
        on_wait: as `bot_stopped` has it.
    """
    keyring = TokenEncryption(settings.encryption_keys, required=settings.token_require_encryption)
    engine = make_engine(database)
    files = FileStorage(settings.user_data_dir, Sealer(keyring), str, KINDS)
    rows = SqlStorage(engine, Sealer(keyring), str, KINDS)
    sides: dict[SideName, Side] = {
        "files": FileSide(files),
        "sql": SqlSide(engine, rows, database.file, database.place),
    }
    target = sides.pop(to)
    [source] = sides.values()
    try:
        mask = OwnerMask(_mask_key(settings, source, target))
        configure_logging(mask, level="WARNING", style=settings.log_format)
        yield Move(source, target, mask, TokenStore(source.storage, mask).prepare, on_wait=on_wait)
    finally:
        files.close()
        rows.close()


def _mask_key(settings: Settings, *sides: Side) -> bytes:
    """That of the logs, wherever it is by now; one that nobody keeps where there is none."""
    if settings.log_mask_key is not None:
        return settings.log_mask_key.get_secret_value().encode()
    for side in sides:
        if side.is_there() and (found := side.mask_key()) is not None:
            return found[0]
    return secrets.token_bytes(32)
