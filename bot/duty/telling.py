"""Tells people what has changed for them, chats how much, and whoever waits that a month is there.

What is to be told leaves the pending changes and enters the outbox in one unit: a kill loses none
of it. It leaves the outbox as every notice does (`Fleet.tell_once`): on files before it is sent, so
that a kill at that very moment costs one message rather than sending two; on a database after it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

import structlog
from telegram.error import TelegramError
from telegram.ext import ExtBot

from bot.core import Core
from bot.delivery.conversation import Conversation
from bot.delivery.messages import REFUSALS, Outcome, deliver, send
from bot.delivery.rate_limits import BACKGROUND
from bot.delivery.telegram_request import Unanswered
from bot.duty import days, linking
from bot.duty.buttons import Buttons, about
from bot.duty.changes import Changed, changed, counted
from bot.duty.own import services_of, title_of
from bot.notices import finish_one, was_put_off
from bot.services import Services
from bot.texts.buttons import Shown
from bot.texts.catalogue import Html, Texts
from config.languages import language_of
from security.maintenance.fleet import MayTell
from security.storage.protocol import Put
from sheets.months import Month
from sheets.people.chats import Digest
from sheets.people.links import Link
from sheets.people.outbox import Letter
from sheets.people.rosters import Rosters
from sheets.shapes.file import Sheet
from sheets.versions.notices import Telling, is_day

_log = structlog.get_logger()


async def tell(bot: ExtBot[int], services: Services) -> None:
    """Whoever is to be told something by now. What fails is tried again at the next look.

    Raises:
        CustodyError: the storage does not answer.
    """
    core = services.core
    await core.workers.run(services_of(core).people.renaming.look)
    await core.workers.run(_take, services)
    await linking.put_questions(bot, services)
    if not await core.workers.read(_is_any, services):
        return  # nobody has to be asked for it
    async with services.telling() as may_tell:
        await _tell_all(bot, services, may_tell)


def _take(services: Services) -> None:
    """Out of the pending changes into the outbox. Blocks."""
    sheets, now = services_of(services.core), services.core.storage.now()
    people = sheets.people

    def keeping(sheet: str, telling: Telling) -> list[Put]:
        notices = telling.notices
        return [*people.outbox.putting(sheet, notices), *people.chats.putting(sheet, notices)]

    for sheet in people.rosters.sheets.values():
        here = people.rosters.local(sheet, now)
        settle = services.options.sheets_settle
        sheets.changes.take(sheet.id, here, settle, partial(keeping, sheet.id))


def _is_any(services: Services) -> bool:
    people = services_of(services.core).people
    return (
        next(people.outbox.letters(), None) is not None
        or bool(_due(services))
        or bool(_come(services))
    )


async def _tell_all(bot: ExtBot[int], services: Services, may_tell: MayTell) -> None:
    core = services.core
    people = services_of(core).people
    for letter in await core.workers.read(lambda: [*people.outbox.letters()]):
        if not may_tell():
            return
        await finish_one(core, letter.owner, _tell_changes(bot, services, letter))
    for link, sheet, month in await core.workers.read(_come, services):
        if not may_tell():
            return
        await finish_one(core, link.owner, _tell_month(bot, services, link, sheet, month))
    for digest in await core.workers.read(_due, services):
        if not may_tell():
            return
        await core.workers.finish(_tell_chat(bot, services, digest))


async def _tell_changes(bot: ExtBot[int], services: Services, letter: Letter) -> None:
    core, owner = services.core, letter.owner
    people = services_of(core).people
    mark = _marking(core, partial(people.outbox.mark, letter))
    links = await core.workers.read(people.links.of, owner)
    department = letter.sheet.partition(".")[0]
    # They may have taken it back since, or have another number.
    mine = department, letter.number
    wants = [one for one in links if one.changes and (one.department, one.number) == mine]
    sheet = people.rosters.sheets.get(letter.sheet)
    if sheet is not None and wants and services.options.members.may_use(owner):
        letter = await core.workers.read(_theirs, people.rosters, wants[0], letter)
    else:
        letter = replace(letter, changes=())
    if sheet is None or not letter.changes:
        await mark(True)
        return
    t = await core.preferences.texts(owner)
    several = (
        sum(
            one.department in {link.department for link in links}
            for one in people.rosters.sheets.values()
        )
        > 1
    )
    shown = await core.workers.read(_changes_shown, core, letter, sheet, t, several)

    async def once() -> set[Outcome]:
        return {await deliver(bot, owner, *shown, background=BACKGROUND)}

    if "sent" in await core.fleet.tell_once(mark, once, was_put_off):
        _log.info("roster_told", owner=owner, count=len(letter.changes))


def _theirs(rosters: Rosters, link: Link, letter: Letter) -> Letter:
    """Without the days that are of somebody else by now, to whom the number was given. Blocks."""
    theirs = (one for one in letter.changes if rosters.is_theirs(link, letter.sheet, one.day))
    return replace(letter, changes=tuple(theirs))


def _changes_shown(core: Core, letter: Letter, sheet: Sheet, t: Texts, names_it: bool) -> Shown:
    rosters = services_of(core).people.rosters
    every = [
        Changed(one.day, one.old, one.new, rosters.timed(sheet, one.day, one.new))
        for one in letter.changes
    ]
    here = rosters.local(sheet, core.storage.now())
    read = max(one.at for one in letter.changes).astimezone(here.tzinfo)
    title = title_of(core, sheet) if names_it else ""
    text = changed(every, sheet.shape, read, here.date(), t, title)
    first = about(sheet.id, Month.of(every[0].day))
    return text, Buttons(letter.owner, t).changed(first)


def _come(services: Services) -> list[tuple[Link, Sheet, Month]]:
    """Who is to be told by now that a month is there. Blocks."""
    people = services_of(services.core).people
    found, now = list[tuple[Link, Sheet, Month]](), services.core.storage.now()
    for link in people.links.waiting():
        for id, period in link.waits_for:
            sheet = people.rosters.sheets.get(id)
            if sheet is None:
                people.links.waited(link.owner, link.department, id, period)
                continue
            mine = people.rosters.state(id).periods.get(period)
            here = people.rosters.local(sheet, now)
            if period < str(Month.of(here.date())):  # nobody waits for it any more
                people.links.waited(link.owner, link.department, id, period)
            elif mine is not None and mine.current and is_day(here):
                found.append((link, sheet, Month.parse(period)))
    return found


async def _tell_month(
    bot: ExtBot[int], services: Services, link: Link, sheet: Sheet, month: Month
) -> None:
    core, owner = services.core, link.owner
    links = services_of(core).people.links

    def note(*, told: bool) -> None:
        does = links.waited if told else links.wait_for
        does(owner, link.department, sheet.id, str(month))

    mark = _marking(core, note)
    if not services.options.members.may_use(owner):
        await mark(True)
        return
    t = await core.preferences.texts(owner)
    name = days.month_of(month, t)
    text = t.tr("{month}’s roster is there.", month=Html(name))
    markup = Buttons(owner, t).only_month(name, about(sheet.id, month))

    async def once() -> set[Outcome]:
        return {await deliver(bot, owner, text, markup, background=BACKGROUND)}

    if "sent" in await core.fleet.tell_once(mark, once, was_put_off):
        _log.info("roster_told", owner=owner, count=month.days)


def _due(services: Services) -> list[Digest]:
    """What chats are to be told by now. Blocks."""
    people, now = services_of(services.core).people, services.core.storage.now()
    first = next(iter(people.rosters.sheets.values()), None)
    if first is None:
        return []
    here = people.rosters.local(first, now)
    return [*people.chats.due(here, services.options.sheets_settle)]


async def _tell_chat(bot: ExtBot[int], services: Services, digest: Digest) -> None:
    core = services.core
    people, t = services_of(core).people, Texts(digest.language or language_of(None))
    mark = _marking(core, partial(people.chats.mark, digest))
    known = [
        (one, people.rosters.sheets[one.sheet])
        for one in digest.counts
        if one.sheet in people.rosters.sheets
    ]
    if digest.chat_id not in services.options.allowed_chat_ids or not known:
        await mark(True)
        return
    text = "\n".join(counted(one, title_of(core, sheet), t) for one, sheet in known)

    async def once() -> set[Outcome]:
        return {await _send(bot, Conversation(digest.chat_id, digest.topic_id), text)}

    outcome = await core.fleet.tell_once(mark, once, was_put_off)
    if "refused" in outcome:  # the bot is no longer in it
        await core.workers.run(people.chats.end, digest.chat_id)
    elif "sent" in outcome:
        _log.info("roster_told", count=sum(one.cells for one, _ in known))


async def _send(bot: ExtBot[int], to: Conversation, text: str) -> Outcome:
    try:
        await send(bot, to, text, background=BACKGROUND)
    except REFUSALS:
        _log.info("message_not_sent", result="refused")
        return "refused"
    except (TelegramError, RuntimeError) as error:
        _log.info("message_not_sent")
        return "sent" if isinstance(error, Unanswered) else "later"
    return "sent"


def _marking(core: Core, note: Callable[..., object]) -> Callable[[bool], Awaitable[None]]:
    async def mark(told: bool) -> None:
        await core.workers.run(partial(note, told=told))

    return mark
