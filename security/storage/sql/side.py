"""A database as one side of a move; see `security.storage.moves.sides`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

from sqlalchemy import Engine

from security.storage.each import only
from security.storage.events import AuditEntry
from security.storage.moves.marks import Mark, Marked, SideName
from security.storage.protocol import Drop, Key, Put, Storage, Unit
from security.storage.sql import schema
from security.storage.sql.installation import (
    INSTALLATION,
    MASK_KEY,
    SECRET,
    find_or_make_value,
    find_value,
    put_value,
    read_mark,
    since,
)
from security.storage.sql.storage import SqlStorage
from security.storage.sql.trail import SqlTrail

_MARKS: Final = frozenset(Mark)


class SqlSide:
    """See `Side`, whose methods these are."""

    name: SideName = "sql"
    most_events = None

    def __init__(
        self, engine: Engine, storage: SqlStorage, file: Path | None = None, where: str = ""
    ) -> None:
        """
        Args:
            file: of SQLite, which a look would make.
            where: which database it is, for people.
        """
        self.where = where
        self._file = file
        self.storage = storage
        self._engine = engine
        self._trail = SqlTrail(engine, str, storage.now)

    def is_there(self) -> bool:
        if self._file is not None and not self._file.exists():
            return False
        return schema.is_in_use(self._engine)

    def marked(self, mark: str) -> Marked | None:
        return read_mark(self.storage, mark)

    def put_mark(self, mark: str, says: str, now: datetime, where: str = "") -> None:
        self._keep(Put(Key(INSTALLATION, mark), {"since": now.timestamp(), "says": says}))

    def drop_mark(self, mark: str) -> None:
        # By its own secret it is an installation from now on, however little was moved here.
        find_or_make_value(self.storage, SECRET)
        self._keep(Drop(Key(INSTALLATION, mark)))

    def mask_key(self) -> tuple[bytes, datetime | None] | None:
        key = find_value(self.storage, MASK_KEY)
        return None if key is None else (key, since(self.storage, MASK_KEY))

    def keep_mask_key(self, key: bytes, since: datetime | None) -> None:
        put_value(self.storage, MASK_KEY, key, since)

    def add_events(self, entries: Iterable[AuditEntry]) -> None:
        self._trail.add(entries)

    def clear_events(self) -> None:
        self._trail.clear()

    def forget(self) -> None:
        # The secret of the keyed hashes as well: its key may be dropped before a move back.
        self._keep(*_all_but_marks(self.storage))

    def _keep(self, *steps: Put | Drop) -> None:
        only(self.storage.apply([Unit(list(steps))]))


def _all_but_marks(storage: Storage) -> Iterator[Drop]:
    for name in storage.names(INSTALLATION):
        if name not in _MARKS:
            yield Drop(Key(INSTALLATION, name))
