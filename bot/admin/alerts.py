"""Tells administrators when trouble begins, and when it is over.

An incident counts as told before the messages go out, and no longer where none of them could.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Final

import structlog
from telegram.ext import ExtBot

from bot.admin import admin_keyboards
from bot.kinds import DATABASE_UNREACHABLE
from bot.notices import to_administrators, was_put_off
from bot.services import Services
from bot.texts import admin_texts
from bot.texts.buttons import Shown
from bot.texts.catalogue import Html, Texts
from drive.errors import INCIDENTS
from security.maintenance.documents import INCIDENT
from security.maintenance.incidents import HOLD, Incident

_GONE_WITH_AN_ANSWER: Final = frozenset({DATABASE_UNREACHABLE, "database_untrusted"})
_log = structlog.get_logger()


def note_drive(services: Services, result: str) -> bool:
    """What a call of anybody's Drive came to; whether an incident began or ended by it."""
    incidents, now = services.core.state.incidents, services.core.storage.now()
    were = {code for code in INCIDENTS if incidents.is_open(code)}
    if result in INCIDENTS:
        incidents.see(result, now, 0)
    elif result == "ok":
        for code in were:
            incidents.end(code, now)
    return were != {code for code in INCIDENTS if incidents.is_open(code)}


async def note_database(bot: ExtBot[int], services: Services, code: str | None) -> None:
    """Why the bot's lease is not renewed, or (None) that it is again; administrators are told."""
    incidents, faults = services.core.state.incidents, services.database_faults
    if code is not None:
        faults.add(code)
        incidents.note(code, services.core.storage.now(), is_there=True)
    else:
        async with services.notices_lock:  # its beginning is told first, if it is being told
            for fault in faults:
                incidents.note(fault, services.core.storage.now(), is_there=False)
            faults.clear()
    await tell_administrators(bot, services)


async def tell_outage_over(
    bot: ExtBot[int], services: Services, outage: Mapping[str, float]
) -> None:
    """The database answers whoever has just become the bot. The one before has told of an outage,
    most likely, and has not lived to tell of its end.

    Args:
        outage: by code, what kept this process from being the bot, and since when, by the storage's
            clock.
    """
    core, incidents = services.core, services.core.state.incidents
    over = {code: 0.0 for code in _GONE_WITH_AN_ANSWER if incidents.is_open(code)} | {**outage}
    if not over:
        return
    async with services.telling() as may_tell:
        for code, since in over.items():
            if may_tell():
                incidents.end_of_another(code, since, core.storage.now())
    await tell_administrators(bot, services)


async def tell_administrators(bot: ExtBot[int], services: Services) -> None:
    """Tell them of each incident once. Without administrators it is logged all the same."""
    core, incidents = services.core, services.core.state.incidents
    if core.fleet.is_of_several and not incidents.to_tell(core.storage.now()):
        return  # nobody has to be asked for it
    try:
        await _tell_all(bot, services)
    finally:
        core.metrics.incidents({incident.code: incident.owners for incident in incidents.open()})


async def _tell_all(bot: ExtBot[int], services: Services) -> None:
    core, incidents = services.core, services.core.state.incidents
    async with services.telling() as may_tell:
        for incident in incidents.to_tell(core.storage.now()):
            if not may_tell():  # the next start, or another process, tells of the others
                return
            # To its end, whatever becomes of this job: half told is never told.
            await services.core.workers.finish(_tell(bot, services, incident))


async def _tell(bot: ExtBot[int], services: Services, incident: Incident) -> None:
    state = services.core.state
    _note(incident)

    async def mark(told: bool) -> None:
        if told:
            state.incidents.told(incident)
        else:
            state.incidents.untold(incident)
        await state.save(incidents=True)
        await keep_unsaved(services)

    message = partial(_message, incident, services)
    send = partial(to_administrators, bot, services, message)
    await services.core.fleet.tell_once(mark, send, was_put_off)


async def keep_unsaved(services: Services) -> None:
    """Keep what was told and could not be written down where the next start finds it."""
    unsaved = services.core.state.writing.unwritten_with(INCIDENT)
    told = {n.removeprefix(INCIDENT): kept["since"] for n, kept in unsaved.items() if kept["told"]}
    await services.core.workers.run(services.core.keep_unsaved, told)


def _note(incident: Incident) -> None:
    """In the log once, however often Telegram has to be tried."""
    if incident.logged:
        return
    incident.logged = True
    if incident.until is None:
        _log.warning("incident_opened", result=incident.code, count=incident.owners)
    else:
        _log.info(
            "incident_closed",
            result=incident.code,
            seconds=round(incident.until - incident.since),
        )


def _message(incident: Incident, services: Services, t: Texts) -> Shown:
    name = admin_texts.title(incident.code, t)
    if incident.until is not None:
        lasted = t.duration(incident.until - incident.since)
        text = admin_texts.over(incident.code, lasted, t)
        over = t.tr("✅ <b>Over:</b> {what}", what=Html(name))
        return f"{over}\n\n{text}", None
    facts = [t.tr("Since {time}", time=t.moment(datetime.fromtimestamp(incident.since, UTC)))]
    if incident.owners:
        facts.append(t.tr("Owners affected: {count}", count=incident.owners))
    facts.append(t.tr("Code: <code>{code}</code>", code=incident.code))
    paragraphs = [
        f"🚨 <b>{name}</b>",
        admin_texts.meaning(incident.code, t),
        "\n".join(facts),
        admin_texts.what_to_do(admin_texts.remedy(incident.code, t), t),
    ]
    held = len(services.core.state.rejections.held())
    markup = admin_keyboards.held(t, held) if incident.code == HOLD and held else None
    return "\n\n".join(paragraphs), markup
