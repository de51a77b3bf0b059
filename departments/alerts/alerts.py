"""Incidents of all kinds, told to ALERT_WEBHOOK_URL: once among all processes, when they begin and
when they are over.

What was told is kept for each, so that a look has only to compare: what goes on and was not told
has begun, what was told and goes on no more is over. Whatever could not be told is told at the next
look. While the storage is away no process can know what another has told: each tells of that, and
of its end, under one id.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

import structlog

from departments.alerts.webhook import Webhook
from departments.clients.alarms import Alarms
from departments.clients.clients import ClientRecords
from departments.documents import Kept, Shelf
from departments.kinds import POSTED
from departments.names import Departments
from security.custody.leases import Leases
from security.custody.workers import Workers
from security.errors import CustodyError, OperatorFault
from security.maintenance.documents import INCIDENT, MAINTENANCE
from security.maintenance.incidents import Incident, Incidents
from security.storage.leases import ALERT_LEASE
from security.storage.protocol import Key, Storage, Stored

LOOKED_EVERY: Final = 60.0
"""Seconds."""
_LOOKS_AFTER: Final = 1
"""So often it is looked once more where nothing is asked: how a key was used is written down, and
looked into, up to a minute later."""
_CONSOLE: Final = "/console"
_ID_DIGITS: Final = 16
State = Literal["opened", "closed"]
_log = structlog.get_logger()


class _Posted(Kept):
    """What the address was told of."""

    code: str
    since: float


@dataclass(frozen=True, slots=True)
class _Trouble:
    """What goes on."""

    name: str
    """Of the document that says that it was told."""
    code: str
    count: int
    since: float


class Alerts:
    """One for a process that may tell. Made for the event loop."""

    def __init__(
        self,
        storage: Storage,
        workers: Workers,
        leases: Leases,
        incidents: Incidents,
        departments: Departments,
        webhook: Webhook | None,
        public_url: str | None,
        on_alarms: Callable[[Mapping[str, int]], None] = lambda by_code: None,
    ) -> None:
        """
        Args:
            incidents: what this process knows of, for as long as the storage says nothing.
            webhook: None: nobody is told.
            public_url: where the console is; None: nowhere.
            on_alarms: told at each look, by code, how many keys look stolen.
        """
        self.alarms = Alarms(storage)
        self.computers = ClientRecords(storage, self.alarms)
        self.departments = departments
        self._storage = storage
        self._workers = workers
        self._leases = leases
        self._incidents = incidents
        self._webhook = webhook
        self._on_alarms = on_alarms
        self._link = None if public_url is None else f"{public_url}{_CONSOLE}"
        self._shelf = Shelf(storage, POSTED, _Posted)
        self._told: dict[str, _Posted] = {}
        """What the address was told of, as far as this process knows, and not that it is over."""
        self._unwritten: dict[str, _Posted] = {}
        """What was told while the storage took nothing."""
        self._goes_on = True
        """Whether there was anything at the last look that another has to see to."""

    async def watch(
        self, has_news: Callable[[], bool] = lambda: True, *, every_seconds: float = LOOKED_EVERY
    ) -> None:
        """Look every minute in which there may be something to tell, until this is cancelled.

        Args:
            has_news: whether the process was asked anything since this was put last.
        """
        quiet = 0
        while True:
            quiet = 0 if has_news() else quiet + 1
            if quiet <= _LOOKS_AFTER or self._goes_on or self._incidents.open():
                await self.look()
            await asyncio.sleep(every_seconds)

    async def look(self) -> None:
        """Tell of what has begun and what is over, if no other process is at it. Never raises."""
        self._goes_on = True
        with suppress(CustodyError):
            going_on = await self._workers.run(self.alarms.tidy)
            self._on_alarms(Counter(alarm.code for alarm in going_on))
            self._goes_on = bool(going_on)
        if self._webhook is None:
            return
        had_alarms, self._goes_on = self._goes_on, True
        async with self._only_one() as may_tell:
            if may_tell is None:
                return
            try:
                is_all = await self._tell_all(self._webhook, may_tell)
                self._goes_on = had_alarms or not is_all or bool(self._told)
            except Exception:
                _log.exception("background_failed")

    @asynccontextmanager
    async def _only_one(self) -> AsyncIterator[Callable[[], bool] | None]:
        """Give whether this process may still tell; None: another one is at it."""
        async with AsyncExitStack() as held:
            may_tell: Callable[[], bool] | None = None
            try:
                lease = await held.enter_async_context(
                    self._leases.of_fleet(ALERT_LEASE, waits=False)
                )
                may_tell = lease.may_begin
            except OperatorFault:  # nobody can be asked: better told by two than by none
                may_tell = lambda: True  # noqa: E731
            except CustodyError:
                pass
            yield may_tell

    async def _tell_all(self, webhook: Webhook, may_tell: Callable[[], bool]) -> bool:
        """Whether whoever is to be told was told of all, as far as the storage knows."""
        try:
            there = await self._workers.read(self._posted)
            going_on = await self._workers.read(self._going_on)
            self._told = {**there, **self._unwritten}
            answers = True
            await self._write()
        except CustodyError:
            going_on, answers = [_of(one) for one in self._shown(self._incidents)], False
        for trouble in going_on:
            told = self._told.get(trouble.name)
            if told is None or told.since != trouble.since:
                if not may_tell() or self._workers.is_stopping:
                    return False
                # It would not take the others either, each of which waits for ten seconds.
                if not await webhook.tell(self._body(trouble, "opened", trouble.since)):
                    return False
                posted = _Posted(code=trouble.code, since=trouble.since)
                self._told[trouble.name] = self._unwritten[trouble.name] = posted
                if answers:
                    await self._write()
        if not answers:  # what is over shows in the storage alone
            return False
        for name, told in list(self._told.items()):
            if all(trouble.name != name for trouble in going_on):
                if not may_tell() or self._workers.is_stopping:
                    return False
                over = _Trouble(name, told.code, 0, told.since)
                if not await webhook.tell(self._body(over, "closed", self._storage.now())):
                    return False
                del self._told[name]
                self._unwritten.pop(name, None)
                with suppress(CustodyError):
                    await self._workers.run(self._shelf.drop, name)
        return True

    async def _write(self) -> None:
        with suppress(CustodyError):  # the next look tries again
            for name, posted in list(self._unwritten.items()):
                await self._workers.run(self._shelf.write, name, posted)
                self._unwritten.pop(name, None)

    def _posted(self) -> dict[str, _Posted]:
        return {held.name: held.content for held in self._shelf.all()}

    def _going_on(self) -> list[_Trouble]:
        names, kept = self._storage.names(MAINTENANCE, INCIDENT), Incidents()
        for name, found in zip(
            names, self._storage.read([Key(MAINTENANCE, name) for name in names]), strict=True
        ):
            if isinstance(found, Stored) and found.document is not None:
                kept.load_entry(name.removeprefix(INCIDENT), found.document)
        about_keys = [
            _Trouble(f"alarm.{alarm.name}", alarm.code, 1 if alarm.client else 0, alarm.since)
            for alarm in self.alarms.open()
        ]
        return [*map(_of, self._shown(kept)), *about_keys]

    def _shown(self, incidents: Incidents) -> list[Incident]:
        """Those that administrators are told of: not at once, where it may be over by itself."""
        soon = incidents.to_tell(self._storage.now())
        return [one for one in incidents.open() if one.told or one in soon]

    def _body(self, trouble: _Trouble, state: State, at: float) -> dict[str, Any]:
        body = {
            "id": self._id_of(trouble),
            "code": trouble.code,
            "state": state,
            "count": trouble.count,
            "time": datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds"),
        }
        return body if self._link is None else {**body, "link": self._link}

    def _id_of(self, trouble: _Trouble) -> str:
        """The same in every process, for its beginning and its end: while the storage is away, each
        tells by itself, and whoever is told can take it for one. It gives no key's id away."""
        named = f"{self._link or ''} {trouble.name}"
        return hashlib.sha256(named.encode()).hexdigest()[:_ID_DIGITS]


def _of(incident: Incident) -> _Trouble:
    return _Trouble(INCIDENT + incident.code, incident.code, incident.owners, incident.since)
