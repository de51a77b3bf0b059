"""Puts together what the console's pages show. Every method of `Gathering` blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Final

from departments.clients.alarms import Alarm
from departments.clients.clients import Client
from departments.clients.desk import ClientDesk
from departments.clients.use import UseRecord
from departments.console.memory import Memory
from departments.console.services import ConsoleServices
from departments.console.trail import Cursor, TrailPage, Wanted, trail_file, trail_page
from departments.names import LONGEST, Department, Departments
from departments.overview import Standing
from security.logs.schema import MASK
from security.maintenance.presence import all_present
from security.owner_documents import time_of_copy
from security.quarantine.copies import Quarantine
from security.storage.protocol import Storage
from sheets.keeping.kinds import STOPPED
from web.console.charts import spark
from web.console.views import (
    GROUPS,
    Computer,
    Copies,
    Filter,
    Held,
    Page,
    Trail,
    Trouble,
    kinds_of,
)
from web.site.sheets.standing import NO_SHEETS, SheetStanding
from web.site.sheets.views import SheetLine

_FEW: Final = 5
_COPIES: Final = 25
_COMPUTERS: Final = 8
_ENTRIES: Final = 50
_SHOWN_HELD: Final = 20


@dataclass(frozen=True, slots=True)
class Gathering:
    """What is kept, read for the console."""

    console: ConsoleServices
    desk: ClientDesk
    departments: Departments
    sheets: SheetStanding = NO_SHEETS

    @property
    def storage(self) -> Storage:
        """Where all of it is kept."""
        return self.console.storage

    @property
    def copies(self) -> Quarantine:
        """The quarantine."""
        return self.console.copies

    def overview(self, standings: Sequence[Standing]) -> Page:
        """How everything stands.

        Args:
            standings: of all departments.
        """
        fleet, memory = self.console.look.look()
        alarms = self.desk.alarms.open()
        count, records = self.copies.newest_records(0, _FEW)
        computers = self._computers(alarms)
        return Page(
            "overview",
            self.storage.now(),
            fleet=replace(fleet, quarantined=count),
            troubles=self._troubles(memory, alarms, standings),
            copies=Copies(count, records),
            held=Held(len(memory.held), kinds_of(memory.held)),
            processes=all_present(self.storage),
            computers=sorted(computers, key=_least_quiet)[:_COMPUTERS],
            names=self._names(),
            connected=self._connected(standings),
        )

    def incidents(self, standings: Sequence[Standing]) -> Page:
        """What is wrong just now. `standings` as in `overview`."""
        _, memory = self.console.look.look()
        troubles = self._troubles(memory, self.desk.alarms.open(), standings)
        return Page("incidents", self.storage.now(), troubles=troubles)

    def quarantine(
        self,
        standings: Sequence[Standing],
        page: int = 0,
        *,
        wrong: str = "",
        asks_held: bool = False,
    ) -> Page:
        """What was set aside, newest first, and who is on hold.

        Args:
            standings: as in `overview`.
            wrong: as in `Copies`.
        """
        if asks_held:  # it is about as many as there are now
            self.console.look.forget()
        _, memory = self.console.look.look()
        count, records = self.copies.newest_records(page * _COPIES, _COPIES)
        pages = max(-(-count // _COPIES), 1)
        if page >= pages:
            return self.quarantine(standings, pages - 1, wrong=wrong, asks_held=asks_held)
        shown = list(memory.held.items())[:_SHOWN_HELD]
        held = Held(
            len(memory.held),
            kinds_of(memory.held),
            [(self.copies.mask_of(owner), entry.reason) for owner, entry in shown],
            self.console.changes.keeps_holds,
            asks_held,
        )
        copies = Copies(count, records, page, pages, wrong)
        now = self.storage.now()
        names, connected = self._names(), self._connected(standings)
        return Page("quarantine", now, copies=copies, held=held, names=names, connected=connected)

    def processes(self) -> Page:
        """Which there are."""
        return Page("processes", self.storage.now(), processes=all_present(self.storage))

    def computers(self, asked: str = "") -> Page:
        """Every key of a department's computer.

        Args:
            asked: the id of the one of which the reader is asked if it shall be disabled.
        """
        found = self._computers(self.desk.alarms.open(), asked)
        return Page("computers", self.storage.now(), computers=found)

    def audit(self, asked: Filter, start: Cursor | None, zone: tzinfo) -> Page:
        """A page of the audit trail.

        Args:
            zone: of the reader's days.
        """
        wanted = self._wanted(asked, zone)
        page = TrailPage((), None)
        if wanted is None:
            asked = replace(asked, fault="owner")
        else:
            page = trail_page(self.storage, wanted, start, _ENTRIES)
        trail = Trail(asked, page, start is None)
        return Page("audit", self.storage.now(), trail=trail, names=self._names())

    def audit_file(self, asked: Filter, zone: tzinfo) -> str:
        """The same as CSV: the newest of it, where it is long."""
        wanted = self._wanted(asked, zone)
        if wanted is None:  # an owner that is none: nothing fits
            wanted = Wanted(owner="-")
        return trail_file(self.storage, wanted, self._names())[0]

    def _computers(self, alarms: Sequence[Alarm], asked: str = "") -> list[Computer]:
        clients = self.desk.clients.all()
        uses = self.desk.use.of([client.name for client in clients])
        now, names = self.storage.now(), {one.slug: one.name for one in self.departments}
        return [
            _computer(client, uses[client.name], alarms, names, now, is_asked=client.id == asked)
            for client in clients
        ]

    def _troubles(
        self, memory: Memory, alarms: Sequence[Alarm], standings: Sequence[Standing]
    ) -> list[Trouble]:
        incidents = [
            Trouble(one.code, one.since, one.owners)
            for one in memory.incidents
            if one.code != STOPPED or not self.sheets.is_any
        ]
        lost = [self._lost(one.department) for one in standings if one.state == "lost"]
        return [*map(_trouble, alarms), *lost, *self._stopped(memory), *incidents]

    def _stopped(self, memory: Memory) -> list[Trouble]:
        """Sheets that are not taken over as they stand: as they do now, each with its page."""
        since = next((one.since for one in memory.incidents if one.code == STOPPED), None)
        lines = self.sheets.lines()
        return [
            Trouble(_code_of(line), since, label=department.name, sheet=line)
            for department in self.departments
            for line in lines.get(department.slug, ())
            if line.is_stopped
        ]

    def _lost(self, department: Department) -> Trouble:
        """A department that Google, or damage, has taken the credential of."""
        names = self.copies.names(department.owner)
        since = max((time_of_copy(name).timestamp() for name in names), default=None)
        slug = department.slug
        return Trouble("consent_required", since, label=department.name, department=slug)

    def _connected(self, standings: Sequence[Standing]) -> frozenset[str]:
        there = (one for one in standings if one.state in ("fine", "on_hold"))
        return frozenset(self.copies.mask_of(one.department.owner) for one in there)

    def _names(self) -> Mapping[str, str]:
        return {self.copies.mask_of(one.owner): one.name for one in self.departments}

    def _wanted(self, asked: Filter, zone: tzinfo) -> Wanted | None:
        """None: there is no such owner."""
        owner = asked.owner
        if owner and not MASK.fullmatch(owner):
            department = self.departments.find(owner.removeprefix("department:")[:LONGEST])
            if department is None:
                return None
            owner = self.copies.mask_of(department.owner)
        return Wanted(
            GROUPS[asked.group],
            owner or None,
            _beginning(asked.since, zone),
            _beginning(asked.until, zone, timedelta(days=1, milliseconds=-1)),
        )


def _trouble(alarm: Alarm) -> Trouble:
    return Trouble(
        alarm.code,
        alarm.since,
        alarm=alarm.id,
        client=alarm.client,
        label=alarm.label,
        count=alarm.count,
        busiest=alarm.busiest,
    )


def _code_of(line: SheetLine) -> str:
    if line.state == "fault" and line.fault is not None:
        return line.fault.code
    return line.trouble if line.state == "unread" else STOPPED


def _computer(
    client: Client,
    use: UseRecord,
    alarms: Sequence[Alarm],
    names: Mapping[str, str],
    now: float,
    *,
    is_asked: bool,
) -> Computer:
    mine = [_trouble(alarm) for alarm in alarms if alarm.client == client.id]
    days = use.by_day(now)
    return Computer(
        client.id,
        client.label,
        names.get(client.department, client.department),
        client.ending,
        client.state,
        spark(days, is_alarmed=bool(mine)),
        today=days[-1],
        may_fetch_tokens="token" in client.may,
        used_at=use.last_used or None,
        changed_at=client.changed_at,
        because=client.because,
        alarms=mine,
        is_asked=is_asked and client.state != "revoked",
    )


def _least_quiet(one: Computer) -> tuple[bool, bool, bool, float]:
    """What wants to be seen first: alarms, what is blocked, then what was used last."""
    is_over = one.state == "revoked"
    return not one.alarms, one.state != "blocked", is_over, -(one.used_at or 0.0)


def _beginning(day: str, zone: tzinfo, later: timedelta = timedelta()) -> datetime | None:
    """When a day (YYYY-MM-DD) begins; None: it is none."""
    try:
        found = datetime.strptime(day, "%Y-%m-%d").date()  # noqa: DTZ007 - a day has no zone
        return datetime.combine(found, time(), zone).astimezone(UTC) + later
    except (ValueError, OverflowError):
        return None
