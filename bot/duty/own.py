"""Whose duties are shown: what a person is linked to, read out of the storage."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bot.context import BotContext
from bot.core import Core
from bot.duty.buttons import about, mark_of
from bot.duty.next_duties import Titled
from bot.updates.queued_update import Needs
from security.credential import Owner
from security.errors import TransientFault
from sheets.keeping.services import SheetServices
from sheets.months import Month
from sheets.people.links import Link
from sheets.people.rosters import Own, Part
from sheets.shapes.file import Sheet


@dataclass(frozen=True, slots=True)
class Mine:
    """What somebody is linked to."""

    links: list[Link]
    rosters: list[Titled]
    """All of their departments', whether they are on them or not."""
    now: float
    """Unix seconds."""

    @property
    def listed(self) -> list[Titled]:
        """Those that they are on, this month or later."""
        return [one for one in self.rosters if is_listed(one.own, self.now)]

    @property
    def gone(self) -> list[Link]:
        """Links to departments whose rosters have them no more, though there are some."""
        here = {one.own.sheet.department for one in self.listed}
        read = {one.own.sheet.department for one in self.rosters if one.own.parts}
        paused = {one.department for one in self.paused}
        return [one for one in self.links if one.department in read - here - paused]

    @property
    def paused(self) -> list[Link]:
        """Links whose number is of somebody else, or called otherwise, on what counts now."""
        where = {one.own.sheet.department for one in self.rosters if is_anothers(one.own, self.now)}
        return [one for one in self.links if one.department in where]

    @property
    def hidden(self) -> list[tuple[Link, Month]]:
        """The others, each with the months in which its number is somebody else's."""
        return [
            (link, Month.parse(month))
            for link in self.links
            if link not in self.paused
            for month in sorted(
                {
                    part.period
                    for one in self.rosters
                    if one.own.sheet.department == link.department
                    for part in _current(one.own, self.now)
                    if part.is_anothers and part.period
                }
            )
        ]

    @property
    def tells_changes(self) -> bool:
        """Whether they are told of any."""
        return any(one.changes for one in self.links)

    def marked(self, mark: str) -> Titled | None:
        """The roster that a button means; None: there is none such any more."""
        return next((one for one in self.rosters if mark_of(one.own.sheet.id) == mark), None)

    def link_to(self, sheet: Sheet) -> Link | None:
        """By which a roster is theirs."""
        return next((one for one in self.links if one.department == sheet.department), None)


def services_of(core: Core) -> SheetServices:
    """What serves sheets: handlers of duties are there only where it is."""
    if core.sheets is None:
        raise RuntimeError("duties without sheets")
    return core.sheets


def title_of(core: Core, sheet: Sheet) -> str:
    """What people call a sheet: 淡海 班表"""
    return f"{name_of(core, sheet.department)} {sheet.title}"


def name_of(core: Core, department: str) -> str:
    """What people call a department."""
    found = core.alerts.departments.find(department)
    return department if found is None else found.name


def is_listed(own: Own, now: float) -> bool:
    """Whether the person is on it: this month or later, or where there is nothing of these, on what
    there is."""
    return any(part.is_listed for part in _current(own, now))


def is_anothers(own: Own, now: float) -> bool:
    """Whether their number is of somebody else there, or has another name than was confirmed, in
    the newest month that has it: before, it may have been somebody else's."""
    here = [part for part in _current(own, now) if part.is_listed or part.is_anothers]
    return bool(here) and max(here, key=lambda part: part.period).is_anothers


def _current(own: Own, now: float) -> list[Part]:
    this = str(Month.of(own.local(now).date()))
    every = [*own.parts.values()]
    return [part for part in every if not part.period or part.period >= this] or every


async def mine_of(
    context: BotContext, owner: Owner, month: Month | None = None, *, looks: bool = True
) -> Mine:
    """What somebody is linked to, with what is looked at now where the last look is old.

    Args:
        month: only this one, of those that have a tab for each month; None: yesterday's and what
            follows.
        looks: whether Google may be asked.
    """
    core, people = context.core, services_of(context.core).people
    if looks:
        links = await core.workers.read(people.links.of, owner)
        await _catch_up(context, {link.department for link in links})
    now = core.storage.now()

    def read() -> tuple[list[Link], list[Own]]:
        # After the look, which may take seconds: an administrator may have ended a link meanwhile.
        links, months = people.links.of(owner), _around(now) if month is None else [month]
        return links, [own for link in links for own in people.rosters.of(link, months)]

    links, owns = await core.workers.read(read)
    return Mine(links, [Titled(own, title_of(core, own.sheet)) for own in owns], now)


def this_month(one: Titled, now: float) -> Month:
    """The month that it is where a roster's times are."""
    return Month.of(one.own.local(now).date())


def part_of(own: Own, month: Month) -> Part | None:
    """What is known of a month; None: nothing."""
    return own.parts.get(str(month)) or own.parts.get("")


def is_there(own: Own, month: Month) -> bool:
    """Whether a month can be shown."""
    found = own.state.periods.get(str(month))  # one tab may say itself of which month it is
    if own.is_monthly or found is not None:
        return found is not None and bool(found.current)
    days = [shift.day for part in own.parts.values() for shift in part.shifts]
    return bool(days) and Month.of(min(days)) <= month <= Month.of(max(days))


def month_button(own: Own, month: Month, now: float) -> str:
    """What a button to that month is about; empty: there is none, and it is not looked for."""
    looked_for = own.is_looked_for(month, own.local(now).date())
    return about(own.sheet.id, month) if looked_for or is_there(own, month) else ""


async def _catch_up(context: BotContext, departments: set[str]) -> None:
    """Look at what was not looked at for too long; whoever asked does not wait for ever."""
    mirror = services_of(context.core).mirror
    context.services.inbox.ask_google(context.number, Needs.GOOGLE)
    looks = asyncio.gather(*map(mirror.catch_up, sorted(departments)))
    if context.deadline is None:
        await looks
        return
    try:
        async with context.deadline.kept():
            await looks
    except TransientFault:  # what there is serves, and says how old it is
        return


def _around(now: float) -> list[Month]:
    """Months whose days may be asked for now, wherever the sheet's times are."""
    moment = datetime.fromtimestamp(now, UTC)
    here = Month.of((moment + timedelta(days=1)).date())
    found = {Month.of((moment - timedelta(days=2)).date()), Month.of(moment.date()), here}
    return sorted(found | {here.plus(1)})
