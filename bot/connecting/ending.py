"""Tells people ahead that Google will end their connection on a date, where it has set one.

Each once, by the sweep that finds it near; of a department, the administrators. Remembered before
the message goes out, as notices of quarantine are.
"""

from __future__ import annotations

from functools import partial

import structlog
from telegram.ext import ExtBot

from bot.notices import finish_one, has_nobody_to_tell, to_whom_it_concerns, was_put_off
from bot.services import Services
from bot.texts import buttons
from bot.texts.buttons import Shown
from bot.texts.catalogue import Texts
from security.credential import Credential, Owner
from security.errors import CustodyError

_log = structlog.get_logger()


async def tell_ahead(bot: ExtBot[int], services: Services) -> None:
    """Tell everybody whose connection ends within days, and who does not know."""
    core, terms = services.core, services.core.state.terms
    if core.fleet.is_of_several and not terms.to_tell(core.storage.now()):
        return  # nobody has to be asked for it
    async with services.telling() as may_tell:
        await core.state.recall([owner for owner, _ in terms.to_tell(core.storage.now())])
        for owner, _ in terms.to_tell(core.storage.now()):
            if not may_tell():  # the next start's sweep, or another process, tells the others
                return
            await finish_one(core, owner, _tell(bot, services, owner))


async def _tell(bot: ExtBot[int], services: Services, owner: Owner) -> None:
    core, terms = services.core, services.core.state.terms
    try:
        credential = await core.custodian.load(owner)
    except CustodyError:  # an operator's to mend first
        return
    if credential is None or credential.refresh_expires_at is None:
        terms.note(owner, None)
        return
    if has_nobody_to_tell(services, owner):
        return

    async def mark(told: bool) -> None:
        terms.mark_told(owner, told=told)
        if told:
            await core.state.save()

    send = partial(
        to_whom_it_concerns,
        *(bot, services, owner, partial(_of_own, credential), partial(_of_department, credential)),
    )
    if "sent" in await core.fleet.tell_once(mark, send, was_put_off):
        _log.info("owner_told", owner=owner, result="grant_ends")


def _of_own(credential: Credential, t: Texts) -> Shown:
    text = t.tr(
        "⏳ <b>On {date} Google ends your connection.</b>\n\n"
        "It was given for a limited time. Connect again before that, with the same Google account, "
        "and nothing stops. What is in your Drive stays there either way.",
        date=_date(credential, t),
    )
    if t.to_administrator and credential.ends_within_days:
        text += "\n\n" + t.tr(
            "🛠 You run this bot: seven days are what an app with the status Testing gets. Publish "
            "it at Google, and new connections have no end; README.md says where."
        )
    return text, buttons.connect(t)


def _of_department(credential: Credential, t: Texts) -> Shown:
    text = t.tr(
        "⏳ <b>On {date} Google ends a department's connection: {department}</b>\n\n"
        "It was given for a limited time, and has to be authorised again before that.",
        date=_date(credential, t),
        department=credential.owner.key,
    )
    return text, None


def _date(credential: Credential, t: Texts) -> str:
    return "" if credential.refresh_expires_at is None else t.date(credential.refresh_expires_at)
