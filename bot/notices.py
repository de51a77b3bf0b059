"""Tells of each quarantined credential, once, its owner, or the administrators where a department
owns it; and people whom their organisation refuses.

The quarantine's note says whether that was done, and maintenance remembers it of the refused. It is
set before the message goes out, or after it where another process takes over: see `Fleet`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final

import structlog
from telegram.ext import ExtBot

from bot.core import Core
from bot.delivery.messages import Outcome, deliver
from bot.delivery.rate_limits import BACKGROUND
from bot.services import Services
from bot.texts import admin_texts, buttons
from bot.texts.buttons import Shown, button, keyboard
from bot.texts.catalogue import Texts
from bot.texts.organisation import organisation_refuses
from security.credential import Owner
from security.errors import CustodyError
from security.quarantine.policy import GRANT
from security.quarantine.records import QuarantineRecord
from security.storage.leases import Lease

_AT_ONCE: Final = 16
_log = structlog.get_logger()


async def tell_owners(bot: ExtBot[int], services: Services) -> None:
    """Tell of what was set aside and nobody has been told of, unless it is connected again."""
    core = services.core
    if core.fleet.is_of_several and not await _untold(core):
        return  # nobody has to be asked for it
    async with services.telling() as may_tell:
        waiting = await _untold(core)
        for start in range(0, len(waiting), _AT_ONCE):
            if not may_tell():  # the next start's sweep, or another process, tells the others
                return
            await asyncio.gather(
                # To its end, whatever becomes of this job: half told is told twice.
                *(
                    finish_one(core, record.owner, _tell(bot, services, record))
                    for record in waiting[start : start + _AT_ONCE]
                )
            )


async def _untold(core: Core) -> list[QuarantineRecord]:
    """Of each owner the newest copy that they have not been told of."""
    try:
        records = await core.workers.read(core.quarantine.records)
    except CustodyError:  # the disk fails just now: the next sweep's turn
        return []
    return list({record.owner: record for record in records if not record.told}.values())


async def tell_refused(bot: ExtBot[int], services: Services) -> None:
    """Tell the people whom their organisation refuses, each once. Nothing is asked of them."""
    core, organisations = services.core, services.core.state.organisations
    if core.fleet.is_of_several and not organisations.untold():
        return  # nobody has to be asked for it
    async with services.telling() as may_tell:
        await core.state.recall([owner for owner, _ in organisations.untold()])
        for owner, code in organisations.untold():
            if not may_tell():
                return
            await finish_one(core, owner, _tell_refused(bot, services, owner, code))


def was_put_off(outcomes: set[Outcome]) -> bool:
    """Whether nobody could be told just now, and that may be otherwise another time."""
    return "later" in outcomes and "sent" not in outcomes


async def to_administrators(
    bot: ExtBot[int], services: Services, message: Callable[[Texts], Shown]
) -> set[Outcome]:
    """Send every administrator a message, each in their language; what became of it."""
    outcomes = set()
    for user_id in sorted(services.options.admin_user_ids):
        owner = Owner.user(user_id)
        texts = await services.core.preferences.texts(owner)
        outcome = await deliver(bot, owner, *message(texts))
        outcomes.add(outcome)
        if outcome == "refused":
            _log.warning("administrator_not_reached", owner=owner)
    return outcomes


async def to_whom_it_concerns(
    bot: ExtBot[int],
    services: Services,
    owner: Owner,
    of_own: Callable[[Texts], Shown],
    of_department: Callable[[Texts], Shown],
) -> set[Outcome]:
    """Send the owner a message, or the administrators where it is a department; what became of it.

    Whoever may no longer use the bot is told nothing.
    """
    if owner.kind == "department":
        return await to_administrators(bot, services, of_department)
    if not services.options.members.may_use(owner):
        return set()
    text, markup = of_own(await services.core.preferences.texts(owner))
    return {await deliver(bot, owner, text, markup, background=BACKGROUND)}


def has_nobody_to_tell(services: Services, owner: Owner) -> bool:
    """Whether it is a department and there are no administrators: the start that has some tells."""
    return owner.kind == "department" and not services.options.admin_user_ids


async def finish_one(core: Core, owner: Owner, notice: Coroutine[Any, Any, None]) -> None:
    """Bring one notice to its end; a defect that it brings out keeps nobody else waiting."""
    try:
        await core.workers.finish(notice)
    except Exception:
        _log.exception("message_not_sent", owner=owner)


async def _tell(bot: ExtBot[int], services: Services, record: QuarantineRecord) -> None:
    core, owner = services.core, record.owner
    try:
        # They may have connected again meanwhile; or are about to leave.
        is_connected = await core.custodian.load(owner) is not None
        if not is_connected and has_nobody_to_tell(services, owner):
            return
        if is_connected:
            await _mark(core, record, True)
            return
        send = partial(
            to_whom_it_concerns,
            *(bot, services, owner, partial(_of_own, record), partial(_of_department, record)),
        )
        outcomes = await core.fleet.tell_once(partial(_mark, core, record), send, was_put_off)
    except CustodyError as error:  # an operator's to mend first, or the disk fails
        _log.info("message_not_sent", owner=owner, result=error.code)
        return
    if "sent" in outcomes:
        _log.info("owner_told", owner=owner, result=record.reason)


async def _mark(core: Core, record: QuarantineRecord, told: bool) -> None:
    """Note of all the owner's copies that they know; or, after all, of this one that not."""

    def mark(lease: Lease) -> None:
        if told:
            core.quarantine.mark_owner_told(record.owner, lease=lease)
        else:
            core.quarantine.mark_told(record.name, False, lease=lease)

    with contextlib.nullcontext() if told else contextlib.suppress(CustodyError):
        await core.leases.under(record.owner, mark)


async def _tell_refused(bot: ExtBot[int], services: Services, owner: Owner, code: str) -> None:
    core, organisations = services.core, services.core.state.organisations

    async def mark(told: bool) -> None:
        organisations.mark_told(owner, told=told)
        if told:
            await core.state.save()

    if owner.kind == "department" or not services.options.members.may_use(owner):
        await mark(True)
        return
    texts = await core.preferences.texts(owner)
    text = (
        organisation_refuses(code, texts)
        + "\n\n"
        + texts.tr("Your connection is kept. As soon as it is allowed, everything works again.")
    )

    async def send() -> set[Outcome]:
        return {await deliver(bot, owner, text, None, background=BACKGROUND)}

    if "sent" in await core.fleet.tell_once(mark, send, was_put_off):
        _log.info("owner_told", owner=owner, result=code)


def _of_department(record: QuarantineRecord, t: Texts) -> Shown:
    text = t.tr(
        "🔌 <b>A department is no longer connected to Google Drive: {department}</b>\n\n"
        "Its credential was set aside. Nothing in its Drive has changed. It has to be authorised "
        "again.",
        department=record.owner.key,
    )
    why = t.tr("Why: {reason}", reason=admin_texts.reason(record.reason, t))
    markup = keyboard([button(t.label("🗄 Quarantine"), "quarantine:new")])
    return f"{text}\n\n{why}", markup


def _of_own(record: QuarantineRecord, t: Texts) -> Shown:
    if record.reason == "scope_missing":
        why = t.tr(
            "🔌 <b>Your Google Drive is no longer connected.</b>\n\n"
            "The permission you gave me at Google no longer covers your Drive. Connect again, and "
            "tick the box for Google Drive. Nothing in your Drive has changed."
        )
    elif record.reason in GRANT:
        why = t.tr(
            "🔌 <b>Your Google Drive is no longer connected.</b>\n\n"
            "Google no longer accepts the permission you gave me: it was taken back, or has "
            "grown too old. Nothing in your Drive has changed."
        )
    else:
        why = t.tr(
            "🔌 <b>Your Google Drive is no longer connected.</b>\n\n"
            "What I kept of your connection was damaged, so I cannot use it any more. You did "
            "nothing wrong, and nothing in your Drive has changed."
        )
    text = f"{why}\n\n" + t.tr(
        "Connect again to carry on. Files that wait, and those you send meanwhile, "
        "go into your Drive as soon as you have connected; I keep them in line for seven days."
    )
    return text, buttons.connect(t)
