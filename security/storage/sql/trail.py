"""The audit trail as rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Final, cast

import structlog
from sqlalchemy import ColumnElement, Connection, Engine, and_, delete, insert, or_, select

from security.errors import CustodyError
from security.logs.schema import MASK, RESULTS
from security.storage.events import ACTIONS, Action, AuditEntry, Event
from security.storage.sql.faults import run
from security.storage.sql.tables import AUDIT_EVENTS

_PAGE: Final = 500
_BEGINNING: Final = datetime.fromtimestamp(0, UTC)
_SLICE: Final = 1000
"""Rows that one transaction deletes: more would keep others waiting."""
_REFRESHED_KEPT: Final = timedelta(days=7)
_KEPT: Final = timedelta(days=400)
_log = structlog.get_logger()


class SqlTrail:
    """Events, kept with what they tell of, or by themselves."""

    def __init__(
        self, engine: Engine, mask: Callable[[str], str], now: Callable[[], float]
    ) -> None:
        """
        Args:
            mask: turns an owner's name into what may be shown.
        """
        self._engine = engine
        self._mask = mask
        self._now = now
        self._failing = False
        self._written = 0
        """Events, since some were last deleted."""
        self._pruned_to = 0
        """In milliseconds since 1970: no refreshes from before are left."""

    def write(self, connection: Connection, events: Sequence[Event]) -> None:
        """Within a transaction."""
        moment = int(self._now() * 1000)
        rows = [
            {
                "time": moment,
                "action": event.action,
                "owner": self._mask(event.owner.name) if event.owner else None,
                "result": event.result if event.result in RESULTS else "failed",
            }
            for event in events
        ]
        if rows:
            connection.execute(insert(AUDIT_EVENTS), rows)
            self._written += len(rows)

    def add(self, entries: Iterable[AuditEntry]) -> None:
        """What another trail has had, oldest first.

        Raises:
            OperatorFault: not all of it could be written.
        """
        rows = (
            {
                "time": _milliseconds(entry.time),
                "action": entry.action,
                "owner": entry.owner,
                "result": entry.result,
            }
            for entry in entries
        )
        while some := list(islice(rows, _PAGE)):
            run(self._engine, lambda c: c.execute(insert(AUDIT_EVENTS), some))

    def clear(self) -> None:
        """Delete all of it, in slices.

        Raises:
            OperatorFault: not all of it could be deleted.
        """
        self._delete(AUDIT_EVENTS.c.id.is_not(None))

    def record(self, events: Sequence[Event]) -> None:
        """By themselves. Never raises: what has happened has happened."""
        if not events:
            return
        try:
            run(self._engine, lambda connection: self.write(connection, events))
        except Exception:  # whatever it was, the credential's own matters go on
            if not self._failing:
                self._failing = True
                _log.error("audit_failed", result="store_failed", exc_info=True)
        else:
            self._failing = False
            self.prune(often=True)

    def read(
        self,
        *,
        newest_first: bool = True,
        owner: str | None = None,
        action: Action | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Iterator[AuditEntry]:
        """Those that fit, page by page."""
        row, last = AUDIT_EVENTS.c, None
        order = (row.time.desc(), row.id.desc()) if newest_first else (row.time, row.id)
        wanted = []
        if owner is not None:
            wanted.append(row.owner == owner)
        if action is not None:
            wanted.append(row.action == action)
        if since is not None:
            wanted.append(row.time >= int(since.timestamp() * 1000))
        if until is not None:
            wanted.append(row.time <= _milliseconds(until))
        while True:
            query = select(row.time, row.id, row.action, row.owner, row.result).order_by(*order)
            if last is not None:
                time, number = last
                behind = row.time < time if newest_first else row.time > time
                next_to = row.id < number if newest_first else row.id > number
                query = query.where(or_(behind, and_(row.time == time, next_to)))
            page = self._rows(query.where(*wanted).limit(_PAGE))
            yield from filter(None, map(_entry, page))
            if len(page) < _PAGE:
                return
            last = page[-1][0], page[-1][1]

    def prune(self, *, often: bool = False) -> None:
        """Delete some of what is kept long enough; a fault leaves it for another time.

        Never much at once: there may be a month of it at a start, which waits for this.

        Args:
            often: it is asked for whenever something was written, and seldom worth a look.
        """
        if often and self._written < _SLICE // 2:  # twice as much goes as comes
            return
        self._written = 0
        row, now = AUDIT_EVENTS.c, datetime.fromtimestamp(self._now(), UTC)
        week = _milliseconds(now - _REFRESHED_KEPT)
        refreshed = and_(row.action == "refreshed", row.time >= self._pruned_to, row.time < week)
        with suppress(CustodyError):
            self._delete_oldest(row.time < _milliseconds(now - _KEPT))
            self._pruned_to = self._delete_oldest(refreshed) or week

    def _delete_oldest(self, which: ColumnElement[bool]) -> int | None:
        """A slice of these; the moment that it ends at, None: there are no more."""
        moment = AUDIT_EVENTS.c.time
        times = self._rows(select(moment).where(which).order_by(moment).limit(_SLICE))
        if not times:
            return None
        last: int = times[-1][0]
        gone = delete(AUDIT_EVENTS).where(which, moment <= last)
        run(self._engine, lambda connection: connection.execute(gone))
        return last if len(times) == _SLICE else None

    def _delete(self, which: ColumnElement[bool]) -> None:
        row = AUDIT_EVENTS.c
        query = select(row.id).where(which).order_by(row.id).limit(_SLICE)
        while numbers := [number for (number,) in self._rows(query)]:
            gone = delete(AUDIT_EVENTS).where(which, row.id <= numbers[-1])
            run(self._engine, lambda connection: connection.execute(gone))  # noqa: B023

    def _rows(self, query: Any) -> list[Any]:
        return run(
            self._engine, lambda connection: list(connection.execute(query).all()), writes=False
        )


def _entry(row: Any) -> AuditEntry | None:
    """None: somebody else has written it."""
    _, _, action, owner, result = row
    known = (
        action in ACTIONS
        and (owner is None or MASK.fullmatch(owner) is not None)
        and result in RESULTS
    )
    if not known:
        return None
    time = datetime.fromtimestamp(row[0] / 1000, UTC)
    return AuditEntry(time, cast(Action, action), owner, result)


def _milliseconds(moment: datetime) -> int:
    return (moment - _BEGINNING) // timedelta(milliseconds=1)
