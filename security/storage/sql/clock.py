"""The database's clock, which all processes go by."""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Engine, Integer, cast, func, select

from security.storage.sql.faults import run

_EPOCH_AS_JULIAN_DAY = 2440587.5
_MILLISECONDS_A_DAY = 86_400_000.0
_TICK_SECONDS = 0.001
"""What the database says is cut to whole ones."""


def own_clock() -> float:
    """Seconds that go on while the machine sleeps, where the system counts those."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def database_now(engine: Engine) -> ColumnElement[int]:
    """The database's time, in milliseconds since 1970: the same all through a statement."""
    if engine.dialect.name == "sqlite":
        days: ColumnElement[Any] = func.julianday("now") - _EPOCH_AS_JULIAN_DAY
        return cast(days * _MILLISECONDS_A_DAY, Integer)
    return cast(func.unix_timestamp(func.utc_timestamp(3)) * 1000, BigInteger)


class DatabaseClock:
    """What the database's clock shows, by when it was last heard of."""

    def __init__(self) -> None:
        self._ahead: float | None = None

    def learn(self, now: float, asked: float) -> None:
        """The database has said what time it is.

        Args:
            now: what it said, in Unix seconds.
            asked: when that statement was sent, by `own_clock`.
        """
        # It was so at some moment between the two. Whatever fits with that stays as it was: an
        # answer that waited, as behind a lock, would move the time to and fro for nothing.
        least, most = now - own_clock(), now + _TICK_SECONDS - asked
        if self._ahead is None:
            self._ahead = (least + most) / 2
        self._ahead = min(max(self._ahead, least), most)

    def ask(self, engine: Engine) -> None:
        """Ask the database.

        Raises:
            OperatorFault: it does not answer.
        """
        query = select(database_now(engine))

        def work(connection: Connection) -> tuple[int, float]:
            asked = own_clock()  # not before whatever the connection itself was waited for
            return connection.scalars(query).one(), asked

        now, asked = run(engine, work, writes=False)
        self.learn(now / 1000, asked)

    def now(self) -> float:
        """In Unix seconds; this machine's own time, where the database was never heard of."""
        return time.time() if self._ahead is None else own_clock() + self._ahead

    def skew(self) -> float:
        """By how many seconds this machine's clock is ahead of the database's."""
        return time.time() - self.now()
