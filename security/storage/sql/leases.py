"""Leases as rows: claimed by one conditional UPDATE, judged by the database's clock.

A lease lapses: a process that stands still loses it, and whoever takes it over is told so. What
ends with it is the right to begin; versions alone say what may be saved.
"""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import Any, Final, Protocol

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Engine,
    Select,
    Update,
    and_,
    bindparam,
    case,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects import mysql, sqlite

from security.errors import CustodyError, OperatorFault
from security.storage.each import portions
from security.storage.leases import Lease
from security.storage.sql.clock import DatabaseClock, database_now, own_clock
from security.storage.sql.faults import repeatable, run
from security.storage.sql.shelves.shelf import MOST_AT_ONCE, NAMES
from security.storage.sql.tables import LEASES

_MARGIN: Final = 1 / 6
"""Of a lease's length, before whose end nothing more is begun: 5 s of 30."""
_MINE: Final[BindParameter[Any]] = bindparam("mine")
"""The token of who claims."""
_FREEING: Final = (
    update(LEASES)
    # By name for the index, which no database is sure to use for pairs.
    .where(LEASES.c.name.in_(NAMES))
    .where(tuple_(LEASES.c.name, LEASES.c.token).in_(bindparam("held", expanding=True)))
    .values(token=None)
)


class _Book(Protocol):
    def renew(self, lease: SqlLease) -> bool: ...

    def release(self, leases: Sequence[SqlLease]) -> None: ...

    def drop(self, lease: SqlLease) -> None: ...


class SqlLease:
    """See `Lease`, whose methods these are."""

    def __init__(
        self, book: _Book, name: str, token: str, ends: float, taken_over_at: float | None
    ) -> None:
        """
        Args:
            ends: when nothing more is begun under it, by `own_clock`.
            taken_over_at: in Unix seconds, by the database's clock.
        """
        self.name = name
        self.token = token
        self.ends = ends
        self.taken_over_at = taken_over_at
        self.is_given_back = False
        self._book = book

    def may_begin(self) -> bool:
        return not self.is_given_back and own_clock() < self.ends

    def renew(self) -> bool:
        return not self.is_given_back and self._book.renew(self)

    def release(self) -> None:
        self._book.release([self])

    def __del__(self) -> None:
        if not self.is_given_back:  # whoever waited for it was cancelled
            self._book.drop(self)


class LeaseBook:
    """The leases of one process."""

    def __init__(
        self, engine: Engine, renewing: Engine, clock: DatabaseClock, seconds: float
    ) -> None:
        """
        Args:
            renewing: by which they are renewed.
            seconds: how long one lasts that is not renewed.
        """
        self._engine = engine
        self._renewing = renewing
        self._clock = clock
        self._seconds = seconds
        self._milliseconds = int(seconds * 1000)
        self._leaving: deque[SqlLease] = deque()
        self._giving_back = threading.Lock()
        self._guard = threading.Lock()
        self._giver: threading.Thread | None = None
        self._claiming = _claiming(database_now(engine), self._milliseconds)
        self._claimed = _claimed(database_now(engine))

    def take(self, names: Sequence[str]) -> list[Lease | CustodyError | None]:
        """For each name its lease, in few statements; None: somebody holds it."""
        taken: dict[str, SqlLease] = {}
        try:
            self._give_back()  # what this process has released before is free
            for some in portions(sorted(set(names)), MOST_AT_ONCE):
                taken |= self._take(some)
        except OperatorFault as fault:
            self.release(list(taken.values()))
            return [fault for _ in names]
        return [taken.pop(name, None) for name in names]

    def is_held(self, name: str) -> bool | None:
        """Whether somebody holds it; None: the database does not say."""
        row = LEASES.c
        held = and_(row.token.is_not(None), row.held_until > database_now(self._engine))
        query = select(row.name).where(row.name == name, held)
        try:
            self._give_back()
            found = run(self._engine, lambda connection: connection.scalar(query), writes=False)
        except OperatorFault:
            return None
        return found is not None

    def renew(self, lease: SqlLease) -> bool:
        """Hold it for its whole length from now on."""
        asked = own_clock()
        mine = and_(LEASES.c.name == lease.name, LEASES.c.token == lease.token)
        held_until = database_now(self._engine) + self._milliseconds
        extend = update(LEASES).where(mine).values(held_until=held_until)
        extended = repeatable(self._renewing, lambda c: c.execute(extend).rowcount)
        if extended == 1:
            lease.ends = self._end(asked)
            return True
        lease.ends = 0.0  # nothing more is begun; what is to be saved may still be
        return False

    def release(self, leases: Sequence[SqlLease]) -> None:
        """Give them back: at once, or by a thread where an event loop must not wait for it."""
        for lease in leases:
            if not lease.is_given_back:
                self.drop(lease)
        if not self._leaving:
            return
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            self._try_to_give_back()
            return
        with self._guard:
            if self._leaving and self._giver is None:
                self._giver = threading.Thread(target=self._give_back_all, daemon=True)
                self._giver.start()

    def drop(self, lease: SqlLease) -> None:
        """Give it back with the next ones. Waits for nothing: the collector may call this."""
        lease.is_given_back = True
        self._leaving.append(lease)

    def free(self, connection: Connection, leases: Sequence[Lease]) -> None:
        """Give them back within a transaction; `freed` tells of it once that is made."""
        held = [lease for lease in leases if isinstance(lease, SqlLease)]
        for some in portions(held, MOST_AT_ONCE):
            _free(connection, some)

    def freed(self, leases: Sequence[Lease]) -> None:
        """Nothing more is to be given back of these."""
        for lease in leases:
            if isinstance(lease, SqlLease):
                lease.is_given_back = True

    def close(self) -> None:
        """Give back what is on its way."""
        self._try_to_give_back()

    def _end(self, asked: float) -> float:
        return asked + self._seconds * (1 - _MARGIN)

    def _take(self, names: Sequence[str]) -> dict[str, SqlLease]:
        token, asked = secrets.token_hex(16), own_clock()
        claimed, looked = repeatable(self._engine, partial(self._claim, names=names, token=token))
        if claimed:
            self._clock.learn(claimed[0].now / 1000, looked)
        taken = {}
        for name, taken_over_at, now in claimed:
            lately = taken_over_at is not None and now - taken_over_at < self._milliseconds
            at = taken_over_at / 1000 if lately else None
            taken[name] = SqlLease(self, name, token, self._end(asked), at)
        return taken

    def _claim(
        self, connection: Connection, *, names: Sequence[str], token: str
    ) -> tuple[Sequence[Any], float]:
        """Name, when it was taken over, and the database's time, for each that is `token`'s now;
        and when that was asked, by `own_clock`."""
        claim = {"names": names, "mine": token}
        if connection.execute(self._claiming, claim).rowcount < len(names):
            there = set(connection.scalars(select(LEASES.c.name).where(LEASES.c.name.in_(names))))
            new = [name for name in names if name not in there]
            if new:
                self._make(connection, new)
                connection.execute(self._claiming, {"names": new, "mine": token})
        looked = own_clock()
        return connection.execute(self._claimed, claim).all(), looked

    @staticmethod
    def _make(connection: Connection, names: Sequence[str]) -> None:
        """Rows for what nobody has asked for before; others may make them at the same time."""
        rows = [{"name": name, "token": None, "held_until": 0} for name in names]
        if connection.dialect.name == "sqlite":
            connection.execute(sqlite.insert(LEASES).on_conflict_do_nothing(), rows)
        else:
            made = mysql.insert(LEASES)
            connection.execute(made.on_duplicate_key_update(name=made.inserted.name), rows)

    def _give_back_all(self) -> None:
        while True:
            is_done = self._try_to_give_back()
            with self._guard:  # whoever releases one now is seen here, or begins another thread
                if not (is_done and self._leaving):
                    self._giver = None
                    return

    def _try_to_give_back(self) -> bool:
        """False: that failed; it is tried again before the next one is taken, or they lapse."""
        try:
            self._give_back()
        except CustodyError:
            return False
        return True

    def _give_back(self) -> None:
        with self._giving_back:
            while self._leaving:
                some = [
                    self._leaving.popleft() for _ in range(min(len(self._leaving), MOST_AT_ONCE))
                ]
                try:
                    repeatable(self._engine, partial(_free, leases=some))
                except CustodyError:
                    lapsed = own_clock() - self._seconds
                    self._leaving.extendleft(lease for lease in some if lease.ends > lapsed)
                    raise


def _claiming(now: ColumnElement[int], milliseconds: int) -> Update:
    row = LEASES.c
    is_free = or_(row.token.is_(None), row.token == _MINE)
    claim = update(LEASES).where(row.name.in_(NAMES), or_(is_free, row.held_until <= now))
    # In this order: MySQL assigns from left to right, and sees what it has assigned.
    return claim.ordered_values(
        (row.taken_over_at, case((is_free, row.taken_over_at), else_=now)),
        (row.token, _MINE),
        (row.held_until, now + milliseconds),
    )


def _claimed(now: ColumnElement[int]) -> Select[Any]:
    row = LEASES.c
    query = select(row.name, row.taken_over_at, now.label("now"))
    return query.where(row.name.in_(NAMES), row.token == _MINE)


def _free(connection: Connection, leases: Sequence[SqlLease]) -> None:
    """Give them back, where nobody has taken them over."""
    held = [(lease.name, lease.token) for lease in leases]
    connection.execute(_FREEING, {"names": [name for name, _ in held], "held": held})
