"""Documents as rows: which table a kind is kept in, and what stands in the columns.

Each shelf is one table's way. Everything is read and written in portions: statements stay small.
"""

from __future__ import annotations

import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Insert,
    Select,
    Table,
    and_,
    bindparam,
    case,
    delete,
    func,
    insert,
    or_,
    select,
)
from sqlalchemy import Row as SqlRow
from sqlalchemy.dialects import mysql, sqlite

from security.storage.catalogue import Document, Kind
from security.storage.each import portions
from security.storage.parts import Kept, raw_of, size_of
from security.storage.protocol import Key

MOST_AT_ONCE: Final = 200
"""Names in one statement, and rows written by one."""
ALWAYS: Final = -1
"""Instead of a moment: due at every look."""
AFTER_NAMES: Final = "\x7f"
"""Comes after whatever a name may contain."""
NAMES: Final[BindParameter[Any]] = bindparam("names", expanding=True)
"""Of a statement that is built once, however many names it is given."""
KeyedHash = Callable[[Kind, str, str], bytes]
"""Hashes a value of a kind's index, under the installation's secret."""


@dataclass(frozen=True, slots=True)
class Row:
    """What stands at a key."""

    version: int
    kept: Kept = field(repr=False)

    @property
    def raw(self) -> bytes:
        """As it stands, in one piece."""
        return raw_of(self.kept)


@dataclass(frozen=True, slots=True)
class Content:
    """What shall stand at a key."""

    version: int
    kept: Kept = field(repr=False)
    document: Document | None = field(repr=False)
    """What is in it; None: nobody here can read it."""

    @property
    def size(self) -> int:
        """Bytes that are kept of it."""
        return size_of(self.kept)

    @property
    def raw(self) -> bytes:
        """As it is read later."""
        return raw_of(self.kept)


def new_version() -> int:
    """A version that no document has had, nor will have: what was written is told from all else."""
    return secrets.randbits(62) + 1


def index_names(kind: Kind) -> tuple[str, ...]:
    """The kind's indexes in the order of their columns."""
    return () if kind.indexes is None else tuple(kind.indexes({}))


def due_column(kind: Kind, document: Document | None, now: float) -> int | None:
    """When a document is to be seen to, in milliseconds since 1970; what cannot be read: always."""
    if kind.due is None:
        return None
    moment = None if document is None else kind.due(document, now)
    if moment is None:
        return ALWAYS
    return None if moment == float("inf") else max(0, int(moment * 1000))


class Shelf(ABC):
    """One table of documents."""

    table: Table
    name: ColumnElement[str]

    def __init__(self, hashed: KeyedHash, now: Callable[[], float]) -> None:
        """
        Args:
            now: the database's time, in Unix seconds.
        """
        self._hashed = hashed
        self._now = now

    @classmethod
    @abstractmethod
    def of(cls, kind: Kind) -> ColumnElement[bool] | None:
        """What a row of this kind fulfils; None: every row is one."""

    @classmethod
    @abstractmethod
    def _columns(cls) -> Sequence[ColumnElement[Any]]:
        """What is read of a row, behind its version."""

    @abstractmethod
    def _kept(self, row: SqlRow[Any]) -> Kept:
        """The document as it stands."""

    @abstractmethod
    def _values(self, key: Key, content: Content) -> dict[str, Any]:
        """All columns of a row."""

    def read(
        self,
        connection: Connection,
        keys: Collection[Key],
        *,
        locks: bool = False,
        whole: bool = True,
    ) -> dict[Key, Row]:
        """What there is, in few statements.

        Args:
            locks: nobody else changes these rows before the transaction ends.
            whole: False: their versions alone; `Row.kept` is empty.
        """
        found = {}
        for kind, names in _by_kind(keys):
            query = self._reading(kind, locks, whole)
            for row in connection.execute(query, {"names": names}):
                found[Key(kind, row[0])] = Row(row[1], self._kept(row) if whole else b"")
        return found

    @classmethod
    @cache
    def _reading(cls, kind: Kind, locks: bool, whole: bool) -> Select[Any]:
        """The statement of `read`, built once: that costs as much as its answer."""
        query = select(cls.name, cls.table.c.version, *(cls._columns() if whole else ()))
        query = query.where(cls._is(kind, cls.name.in_(NAMES))).order_by(cls.name)
        if not locks:
            return query
        # In a small table many names are looked for in all of it, and whoever locks waits for
        # every row that is looked at: one that somebody keeps would hold up everybody.
        by_name = f"FORCE INDEX ({cls._by_name})"
        return query.with_for_update().with_hint(cls.table, by_name, "mysql")

    def page(self, connection: Connection, kind: Kind, after: str) -> dict[Key, Row]:
        """Some of them, by their names, that come after one."""
        query = select(self.name, self.table.c.version, *self._columns()).order_by(self.name)
        query = query.where(*self._all(kind, self.name > after)).limit(MOST_AT_ONCE)
        rows = connection.execute(query)
        return {Key(kind, row[0]): Row(row[1], self._kept(row)) for row in rows}

    def versions(self, connection: Connection, kind: Kind, names: Sequence[str]) -> dict[str, int]:
        """The versions of those that are there."""
        found: dict[str, int] = {}
        for some in portions(names, MOST_AT_ONCE):
            query = select(self.name, self.table.c.version)
            rows = connection.execute(query.where(self._is(kind, self.name.in_(some))))
            found |= {row[0]: row[1] for row in rows}
        return found

    def names(self, connection: Connection, kind: Kind, prefix: str) -> list[str]:
        """Those that begin so."""
        begins = and_(self.name >= prefix, self.name < prefix + AFTER_NAMES) if prefix else None
        query = select(self.name).order_by(self.name)
        return list(connection.scalars(query.where(*self._all(kind, begins))))

    def found_by(
        self, connection: Connection, kind: Kind, index: str, value: str | None, kids: Sequence[str]
    ) -> list[str]:
        """The names of what has a value.

        None: of what it is not known, or which no key of `kids` opens.
        """
        column = self.table.c[f"hash{index_names(kind).index(index) + 1}"]
        wanted: ColumnElement[bool]
        if value is None:
            kid = self.table.c.kid
            wanted = or_(column.is_(None), kid.is_(None), kid.not_in(kids))
        else:
            wanted = column == self._hashed(kind, index, value)
        query = select(self.name).order_by(self.name)
        return list(connection.scalars(query.where(*self._all(kind, wanted))))

    def due(
        self,
        connection: Connection,
        kind: Kind,
        before: int,
        after: tuple[int, str] | None,
        size: int,
    ) -> list[tuple[int, str]]:
        """What is due before a moment (milliseconds since 1970), soonest first: moment and name.

        Args:
            after: the last one that was given.
        """
        moment = self.table.c.due_at
        wanted: ColumnElement[bool] = moment < before
        if after is not None:
            later = and_(moment == after[0], self.name > after[1])
            wanted = and_(wanted, or_(moment > after[0], later))
        query = select(moment, self.name).order_by(moment, self.name).limit(size)
        rows = connection.execute(query.where(*self._all(kind, wanted)))
        return [(row[0], row[1]) for row in rows]

    def due_counts(
        self, connection: Connection, kind: Kind, edges: Sequence[int]
    ) -> tuple[list[int], int | None]:
        """How many are due by each of these moments (milliseconds since 1970), and the first moment
        after the first of them at which one is."""
        moment = self.table.c.due_at
        upto = [func.count(case((moment <= edge, 1))) for edge in edges]
        soonest = func.min(case((moment > edges[0], moment)))
        known = self._all(kind, moment > ALWAYS)
        row = connection.execute(select(*upto, soonest).where(*known)).one()
        return list(row[:-1]), row[-1]

    def moments(self, connection: Connection, kind: Kind) -> dict[str, int | None]:
        """By name, when each is due."""
        query = select(self.name, self.table.c.due_at).where(*self._all(kind, None))
        return {row[0]: row[1] for row in connection.execute(query)}

    def insert(self, connection: Connection, contents: Mapping[Key, Content]) -> None:
        """Keep what is new; IntegrityError where somebody was faster."""
        rows = [self._values(key, content) for key, content in contents.items()]
        for some in portions(rows, MOST_AT_ONCE):
            connection.execute(insert(self.table), list(some))

    def replace(self, connection: Connection, contents: Mapping[Key, Content]) -> None:
        """Keep something else in the place of what is there, and locked."""
        rows = [self._values(key, content) for key, content in contents.items()]
        for some in portions(rows, MOST_AT_ONCE):
            connection.execute(self._upsert(connection.dialect.name), list(some))

    def drop(self, connection: Connection, keys: Collection[Key]) -> None:
        """Keep these no longer."""
        for kind, names in _by_kind(keys):
            wanted = self._is(kind, self.name.in_(names))
            connection.execute(delete(self.table).where(wanted))

    @classmethod
    @cache
    def _upsert(cls, dialect: str) -> Insert:
        """Without values, which come beside it: compiled once, however many rows there are."""
        changing = [column.name for column in cls.table.c if column.name not in cls._unchanged]
        if dialect == "sqlite":
            lite = sqlite.insert(cls.table)
            return lite.on_conflict_do_update(
                index_elements=cls._identifying,
                set_={name: lite.excluded[name] for name in changing},
            )
        full = mysql.insert(cls.table)
        return full.on_duplicate_key_update({name: full.inserted[name] for name in changing})

    _by_name: str
    """The index of their names."""
    _identifying: Sequence[str]
    """The columns by which a row is one."""
    _unchanged: Collection[str]
    """The columns that stay as they are."""

    @classmethod
    def _is(cls, kind: Kind, wanted: ColumnElement[bool]) -> ColumnElement[bool]:
        of_kind = cls.of(kind)
        return wanted if of_kind is None else and_(of_kind, wanted)

    def _all(self, kind: Kind, wanted: ColumnElement[bool] | None) -> list[ColumnElement[bool]]:
        return [one for one in (self.of(kind), wanted) if one is not None]

    def _index_columns(self, kind: Kind, document: Document | None, most: int) -> dict[str, Any]:
        columns: dict[str, Any] = {f"hash{number}": None for number in range(1, most + 1)}
        if document is not None and kind.indexes is not None:
            for number, (index, value) in enumerate(kind.indexes(document).items(), start=1):
                columns[f"hash{number}"] = value and self._hashed(kind, index, value)
        return columns


def _by_kind(keys: Collection[Key]) -> Iterator[tuple[Kind, list[str]]]:
    """The names of each kind, sorted, so that whoever locks them does it in one order."""
    names: dict[Kind, list[str]] = {}
    for key in keys:
        names.setdefault(key.kind, []).append(key.name)
    for kind in sorted(names, key=lambda kind: kind.name):
        for some in portions(sorted(set(names[kind])), MOST_AT_ONCE):
            yield kind, list(some)
