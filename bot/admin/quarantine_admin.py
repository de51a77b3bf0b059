"""/quarantine: what was set aside, for administrators: looked at, put back, deleted.

Entries are named by mask and time (`QuarantineRecord.id`): no button holds anybody's Telegram id.
"""

from __future__ import annotations

from typing import Final

import structlog
from telegram import InlineKeyboardMarkup, Message, Update

from bot import notices
from bot.admin import admin_keyboards, alerts
from bot.context import BotContext
from bot.delivery.conversation import argument_of
from bot.delivery.messages import acknowledge, say, show_instead
from bot.texts import admin_texts
from bot.texts.catalogue import Texts
from security.errors import (
    ConsentRequired,
    CorruptCredential,
    CustodyError,
    OperatorFault,
    RefusedByOrganisation,
    RestoreRefused,
)
from security.maintenance.incidents import HOLD
from security.maintenance.putting_back import put_back
from security.quarantine.records import QuarantineRecord
from security.storage.events import Event

_PAGE: Final = 8
_SHOWN_HELD: Final = 10
_log = structlog.get_logger()


async def quarantine(update: Update, context: BotContext) -> None:
    """/quarantine, and every button of it."""
    action, _, argument = argument_of(update.callback_query).partition(":")
    await acknowledge(update.callback_query)
    if action in ("", "new", "page"):
        page = int(argument) if argument.isdecimal() and len(argument) < 6 else 0
        shown = await _list(context, page, context.t)
    else:
        found = await context.core.workers.read(context.core.quarantine.find, argument)
        record = next((record for record in found if record.id == argument), None)
        shown = (
            await _do(context, action, record, context.t)
            if record is not None
            else (_gone(context.t), admin_keyboards.to_list(context.t))
        )
    await _show(update, context, *shown, anew=action in ("", "new"))


async def hold(update: Update, context: BotContext) -> None:
    """The buttons about those on hold: set all aside, or leave them."""
    await acknowledge(update.callback_query)
    await context.core.state.recall_rejected()
    count = len(context.core.state.rejections.held())
    match argument_of(update.callback_query):
        case "ask" if count:
            text = context.t.plural(
                "Set {number} credential aside?\n\n"
                "It goes into quarantine, and its owner is asked to connect again. If a wrong "
                "setting is behind it, put that right instead: then it is released by itself.",
                "Set {number} credentials aside?\n\n"
                "They go into quarantine, and their owners are asked to connect again. If a wrong "
                "setting is behind it, put that right instead: then they are released by "
                "themselves.",
                count,
            )
            await _show(
                update, context, text, admin_keyboards.confirm_held(context.t, count), anew=True
            )
        case "yes" if count:
            await _show(update, context, await _confirm(context, context.t))
            context.application.create_task(_tell(context), name="told of the hold")
        case "no":
            text = context.t.tr(
                "👌 They stay where they are: on hold until they work again, or until you set "
                "them aside with /quarantine."
            )
            await _show(update, context, text, admin_keyboards.to_list(context.t))
        case _:
            await _show(update, context, context.t.tr("Nothing is on hold any more."))


async def _confirm(context: BotContext, t: Texts) -> str:
    core = context.core
    # Who said so comes before what follows from it.
    await core.record(Event("confirmed", context.owner, HOLD))
    moved = await core.workers.finish(core.rejecting.confirm_held())
    left = len(core.state.rejections.held())
    text = t.tr("📦 Set aside: {count}. Their owners are told now.", count=moved)
    if left:
        text += "\n\n" + t.tr(
            "{count} could not be set aside just now. Please try again in a few minutes.",
            count=left,
        )
    return text


async def _tell(context: BotContext) -> None:
    memory = context.core.state
    if not memory.rejections.held():
        memory.incidents.end(HOLD, context.core.storage.now())
    await alerts.tell_administrators(context.bot, context.services)
    await notices.tell_owners(context.bot, context.services)


async def _list(context: BotContext, page: int, t: Texts) -> tuple[str, InlineKeyboardMarkup]:
    core = context.core
    await core.state.recall_rejected()
    first = page * _PAGE
    count, shown = await core.workers.read(core.quarantine.newest_records, first, _PAGE)
    pages = max(-(-count // _PAGE), 1)
    if page >= pages:
        return await _list(context, pages - 1, t)
    lines = [t.tr("🗄 <b>Quarantine</b>: {count}", count=count)]
    held = core.state.rejections.held() if page == 0 else {}
    if held:
        lines += ["", t.tr("<b>On hold</b>: {count}", count=len(held))]
        for owner, verdict in list(held.items())[:_SHOWN_HELD]:
            mask = core.quarantine.mask_of(owner)
            lines.append(f"• <code>{mask}</code> – {admin_texts.reason(verdict.reason, t)}")
        if len(held) > _SHOWN_HELD:
            lines.append(t.tr("… and {count} more", count=len(held) - _SHOWN_HELD))
    if shown:
        lines += ["", t.tr("Newest first; tap a number for more.")]
        lines += [_line(number, record, t) for number, record in enumerate(shown, first + 1)]
    elif not held:
        lines += ["", t.tr("Nothing was set aside.")]
    numbered = [(number, record.id) for number, record in enumerate(shown, first + 1)]
    return "\n".join(lines), admin_keyboards.quarantine(t, numbered, page, pages, len(held))


def _line(number: int, record: QuarantineRecord, t: Texts) -> str:
    told = t.tr("told") if record.told else t.tr("not told")
    why = admin_texts.reason(record.reason, t)
    when = t.moment(record.time)
    return f"{number}. <code>{record.owner_mask}</code>\n    {when} · {why} · {told}"


async def _do(
    context: BotContext, action: str, record: QuarantineRecord, t: Texts
) -> tuple[str, InlineKeyboardMarkup]:
    match action:
        case "restore":
            return await _restore(context, record, t), admin_keyboards.to_list(t)
        case "purge":
            text = t.tr(
                "Delete this copy for good?\n\n<code>{mask}</code>\n\n"
                "Its owner loses nothing but the chance that you restore it.",
                mask=record.owner_mask,
            )
            return text, admin_keyboards.confirm_purge(t, record.id)
        case "purge-yes":
            return await _purge(context, record, t), admin_keyboards.to_list(t)
        case _:
            told = t.tr("told") if record.told else t.tr("not told")
            text = "\n".join(
                (
                    f"🗄 <code>{record.owner_mask}</code>",
                    t.tr("Set aside: {time}", time=t.moment(record.time)),
                    t.tr("Why: {reason}", reason=admin_texts.reason(record.reason, t)),
                    t.tr("Code: <code>{code}</code>", code=record.reason),
                    t.tr("Owner: {told}", told=told),
                )
            )
            return text, admin_keyboards.entry(t, record.id)


async def _restore(context: BotContext, record: QuarantineRecord, t: Texts) -> str:
    core, owner = context.core, record.owner
    try:
        done = await put_back(core.workers, core.quarantine, core.state, record)
    except CustodyError as error:
        return _why_not(error, t)
    # It is in place; whether Google still knows it is another matter, and better known now.
    try:
        credential = await core.custodian.load(owner)
        spent = credential.access_token if credential else None
        await context.in_time(core.custodian.refresh(owner, rejected=spent))
    except ConsentRequired:
        if record.told:  # they know already
            await core.note_owner_told(owner)
        return t.tr(
            "⚠️ Restored, but Google does not accept it: its owner has to connect again. It goes "
            "back into quarantine."
        )
    except RefusedByOrganisation:
        text = t.tr(
            "✅ Restored. Google knows it, but its owner's organisation does not let this bot use "
            "it. Its owner is told so; there is nothing for you to do."
        )
    except OperatorFault as fault:
        text = t.tr(
            "✅ Restored. Whether Google accepts it could not be found out: something in this "
            "bot's set-up is wrong (<code>{code}</code>). <code>drivekeeper doctor</code> says "
            "more.",
            code=fault.code,
        )
    except CustodyError:
        text = t.tr("✅ Restored. Google could not be asked just now whether it accepts it.")
    else:
        text = t.tr("✅ Restored, and Google accepts it.")
    await context.services.uploads.release(owner)
    if done.replaced is not None:
        text += "\n\n" + t.tr("The file in its place was of no use and is in quarantine now.")
    return text


async def _purge(context: BotContext, record: QuarantineRecord, t: Texts) -> str:
    core = context.core
    try:
        await core.workers.finish(core.workers.run(core.quarantine.purge, record.name))
    except CustodyError as error:
        return _why_not(error, t)
    return t.tr("🗑 Deleted for good.")


def _why_not(error: CustodyError, t: Texts) -> str:
    _log.info("command_handled", result=error.code)
    match error:
        case RestoreRefused(code="gone"):
            return _gone(t)
        case RestoreRefused(code="no_refresh_token"):
            return t.tr(
                "⚠️ Not restored: the copy has no refresh token, so it could never be refreshed. "
                "Its owner has to connect again."
            )
        case RestoreRefused(code="not_connected"):
            return t.tr("⚠️ Not restored: its owner is disconnecting.")
        case RestoreRefused():
            return t.tr("⚠️ Not restored: its owner has a credential that can be read already.")
        case CorruptCredential():
            return t.tr(
                "⚠️ Not restored: the copy itself is damaged. Its owner has to connect again."
            )
        case _ if error.code in ("key_missing", "unknown_key"):
            return t.tr(
                "⚠️ Nothing was changed: the copy is encrypted under a key that is not in "
                "TOKEN_ENCRYPTION_KEY."
            )
        case _:
            return t.tr(
                "⚠️ Nothing was changed: the bot's data, or the copy, cannot be used just now "
                "({code}).",
                code=error.code,
            )


def _gone(t: Texts) -> str:
    return t.tr("It is no longer there: it was restored or deleted, or its owner has left.")


async def _show(
    update: Update,
    context: BotContext,
    text: str,
    markup: InlineKeyboardMarkup | None = None,
    *,
    anew: bool = False,
) -> None:
    """In the place of what was tapped; anew where that is to stay, or nothing was."""
    query = update.callback_query
    if anew or query is None or not isinstance(query.message, Message):
        await say(update, context, text, markup)
    else:
        await show_instead(update, context, text, markup)
