"""/start, /help, /status, /disconnect, /privacy, /language, /cancel: about the person."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

import structlog
from telegram import Update

from bot.cancelling import uploads as cancelling
from bot.commands import show_menu
from bot.connecting import account_texts, connect, keyboards
from bot.connecting.consent_outcome import shown_in
from bot.connecting.whose_account import ask_once_more
from bot.context import BotContext
from bot.delivery.conversation import argument_of
from bot.delivery.messages import Sent, acknowledge, say, show_instead, tell, tolerated
from bot.drive_files import file_texts
from bot.texts import buttons
from bot.texts.catalogue import Texts
from bot.texts.filenames import CLOUD_LIMIT, LARGEST
from config.languages import LANGUAGES
from drive import Drive
from security.consent.pending import PendingConsent
from security.errors import (
    ConsentRequired,
    CustodyError,
    OperatorFault,
    RefusedByOrganisation,
)

_SOON_SECONDS: Final = 1
"""So long the messages of what has ended come before the answer; there may be hundreds."""
_log = structlog.get_logger()


async def start(update: Update, context: BotContext) -> None:
    """/start, also with the one-time code of the callback flow's result page."""
    if context.args and await connect.may_be_asked_by(context, "callback"):
        await connect.claim(update, context, context.args[0])
        return
    connected = await context.is_connected(context.owner)
    text = context.t.tr(
        "👋 <b>Drivekeeper</b>\n\nSend me a file, and I put it into your own Google Drive and "
        "answer with its link.\n\nI see only what I put there myself, nothing else in your Drive."
    )
    if connected:
        text += "\n\n" + context.t.tr("You are connected: just send a file.")
    await say(update, context, text, None if connected else buttons.connect(context.t))
    await show_menu(context, context.owner, context.t)


async def help_(update: Update, context: BotContext) -> None:
    """/help"""
    options = context.services.options
    limit = LARGEST if options.local_mode else CLOUD_LIMIT
    text = account_texts.help_(
        context.t,
        limit,
        options.folder_name,
        context.bot.username,
        has_rosters=context.core.has_rosters,
    )
    await say(update, context, text)


async def status(update: Update, context: BotContext) -> None:
    """/status: which account, since when, whether it works, and how much room there is."""
    owner, texts = context.owner, context.t
    try:
        about = await context.on_drive(Drive.about)
        credential = await context.core.custodian.load(owner)
    except ConsentRequired:
        await _say_not_connected(update, context)
        return
    except CustodyError as error:
        log = _log.warning if isinstance(error, OperatorFault) else _log.info
        log("command_handled", owner=owner, result=error.code)
        if isinstance(error, OperatorFault | RefusedByOrganisation):
            text, _ = file_texts.trouble(error, texts)
        else:
            text = texts.tr(
                "⏳ You are connected, but Google Drive does not answer just now. "
                "Please try again in a few minutes."
            )
        await say(update, context, text)
        if isinstance(error, RefusedByOrganisation):
            context.core.state.organisations.mark_told(owner)
        return
    lines = [texts.tr("✅ <b>Connected</b> as {account}", account=about.address.get_secret_value())]
    if credential is not None and credential.granted_at is not None:
        lines.append(texts.tr("Since {date}", date=texts.date(credential.granted_at)))
    if credential is not None and credential.refresh_expires_at is not None:
        ends = texts.date(credential.refresh_expires_at)
        lines.append(texts.tr("⏳ Until {date}: then Google ends it by itself", date=ends))
    lines.append(account_texts.room(about, texts))
    if waiting := context.services.uploads.position(owner):
        lines.append(texts.tr("Files on their way: {count}", count=waiting))
    await say(update, context, "\n".join(lines), keyboards.status(texts))


async def disconnect(update: Update, context: BotContext) -> None:
    """/disconnect asks; its buttons answer."""
    texts, answer = context.t, argument_of(update.callback_query)
    await acknowledge(update.callback_query)
    if answer == "yes":
        await _leave(update, context, _disconnect(update, context))
    elif answer not in ("", "ask"):
        await show_instead(update, context, texts.tr("👌 Everything stays as it is."))
    elif not await context.is_connected(context.owner):
        await _say_not_connected(update, context)
    else:
        text = texts.tr(
            "Disconnect your Google Drive?\n\nI forget your credentials and cancel uploads that "
            "are under way. Files already in your Drive stay there."
        )
        markup = keyboards.yes_no(texts, "disconnect", texts.label("Yes, disconnect"))
        await say(update, context, text, markup)


async def _leave(update: Update, context: BotContext, leaving: Coroutine[Any, Any, str]) -> None:
    """Do it to its end, and say how it ended; where Google takes long, first that it goes on."""
    telling = asyncio.Lock()

    async def leave() -> None:
        text = await leaving
        async with telling:
            await show_instead(update, context, text)

    left = context.core.workers.uncancelled(leave())
    if await context.has_ended_in_time(left):
        await left
        return
    text = context.t.tr(
        "⏳ Google does not answer just now, and may have done it all the same. I go on by "
        "myself, and say so here when it is done. How it stands: /status"
    )
    async with telling:
        if not left.done():
            await show_instead(update, context, text)

    async def its_end() -> None:
        await asyncio.shield(left)

    # What still keeps it from that, the error handler tells, as if they waited.
    context.beside(its_end(), update, name="leave")


async def _disconnect(update: Update, context: BotContext) -> str:
    owner, texts = context.owner, context.t
    ended = await cancelling.end_files(update, context)
    await context.core.consents.cancel(owner)
    if ended.stopping:
        text = texts.tr("⏳ Cancelling what is under way, then I disconnect …")
        with tolerated(owner):
            await show_instead(update, context, text)
        # What still ended afterwards could remember the folder anew, or arrive behind their back.
        await cancelling.until_over(context, ended)
    await context.services.uploads.forget(owner)
    outcome = await context.core.disconnecting.disconnect(owner)
    await context.core.preferences.forget_folder(owner)
    context.beside(cancelling.tell_ended(context, ended), name="cancel")
    if not outcome.was_connected:
        return texts.tr("You are not connected to Google Drive.")
    text = texts.tr("👋 <b>Disconnected.</b> I have deleted my access to your Drive.")
    if outcome.shared:
        text += "\n\n" + texts.tr(
            "Google still lists this app for your account, because somebody else uses the same "
            "account here. You can remove it at myaccount.google.com/connections."
        )
    elif not outcome.revoked:
        text += "\n\n" + texts.tr(
            "Google could not be told, so it may still list this app. "
            "You can remove it at myaccount.google.com/connections."
        )
    return text


async def privacy(update: Update, context: BotContext) -> None:
    """/privacy: what is kept, a button that sends all of it, and one that deletes it."""
    text = context.t.tr(
        "🔐 <b>What I keep about you</b>\n\n"
        "• your Telegram id, and the Google tokens for the files I put into your Drive, with "
        "your Google account's address\n"
        "• your language, the folder you chose, and the day you last wrote to me\n"
        "• what you write to me, until I have answered it\n"
        "• of your files: name, size and type, caption, and where they are in your Drive, for "
        "seven days after they have arrived or were given up\n\n"
        "Your files pass through and are not kept. I cannot see anything else in your Drive. "
        "Logs hold no names, no ids and no file names.\n\n"
        "When you delete everything, what stays is a counter and an empty lock file, named after "
        "your Telegram id, so that no old backup can bring your connection back, and notes of when "
        "you connected and disconnected, under a code instead of your id."
    )
    rows = []
    if (sheets := context.core.sheets) is not None:
        links = sheets.people.links
        may_tap = context.services.options.members.may_use(context.owner)
        linked = await context.core.workers.read(links.of, context.owner)
        if may_tap and linked:
            rows.append(keyboards.unlink(context.t, context.owner))
        text += "\n\n" + context.t.tr(
            "📅 Of rosters I keep which staff number is yours, what you want to be told, and which "
            "numbers you asked for within 30 days. The roster itself is your department's."
        )
    await say(update, context, text, keyboards.privacy(context.t, rows))


async def erase(update: Update, context: BotContext) -> None:
    """The button of /privacy asks, and its buttons answer."""
    texts = context.t
    await acknowledge(update.callback_query)
    match argument_of(update.callback_query):
        case "ask":
            text = texts.tr("Delete everything I keep about you, and disconnect your Drive?")
            markup = keyboards.yes_no(texts, "erase", texts.label("Yes, delete everything"))
            await show_instead(update, context, text, markup)
        case "yes":
            await _leave(update, context, _erase(update, context))
        case _:
            await show_instead(update, context, texts.tr("👌 Everything stays as it is."))


async def _erase(update: Update, context: BotContext) -> str:
    owner = context.owner
    text = await _disconnect(update, context)
    await context.core.preferences.forget(owner)
    if (sheets := context.core.sheets) is not None:
        await context.core.workers.run(sheets.people.forget, owner)
    await context.services.inbox.forget(owner)
    _log.info("data_erased", owner=owner, result="ok")
    return text + "\n\n" + context.t.tr("Everything else I kept about you is deleted too.")


async def language(update: Update, context: BotContext) -> None:
    """/language offers; its buttons choose."""
    query, owner = update.callback_query, context.owner
    if query is None:
        await say(update, context, context.t.tr("Which language?"), keyboards.languages())
        return
    if (chosen := argument_of(update.callback_query)) not in LANGUAGES:
        await acknowledge(query)
        return
    await context.core.preferences.choose(owner, chosen)
    _log.info("language_changed", owner=owner, result="ok")
    texts = Texts(chosen)
    await acknowledge(query)
    await show_instead(update, context, texts.tr("👌 From now on I speak English."))
    await show_menu(context, owner, texts)


async def cancel(update: Update, context: BotContext) -> None:
    """/cancel: end what is under way, a connection or uploads."""
    owner, texts = context.owner, context.t
    pending = await context.core.consents.latest(owner)
    ended = await cancelling.end_files(update, context)
    if not await context.core.consents.cancel(owner):
        pending = None
    # What has ended has ended, whether or not that can be said here.
    work = _tell_cancelled(context, ended, pending)
    telling = context.beside(work, name="cancel")
    if not ended.stopping:
        await asyncio.wait({telling}, timeout=_SOON_SECONDS)
    consent = [] if pending is None else [_nothing_connected(texts)]
    lines = cancelling.said_at_once(ended, texts) + consent
    said = await say(update, context, "\n".join(lines) or texts.tr("There is nothing to cancel."))
    if ended.stopping:
        later = _tell_outcome(context, said, ended, consent)
        context.beside(later, name="cancel")


async def _tell_cancelled(
    context: BotContext, ended: cancelling.Ended, pending: PendingConsent | None
) -> None:
    if pending is not None and pending.message_id:
        text, to = _nothing_connected(context.t), shown_in(pending)
        await tell(context.bot, context.owner, pending.message_id, text, to=to)
    await cancelling.tell_ended(context, ended)


async def _tell_outcome(
    context: BotContext, said: Sent, ended: cancelling.Ended, consent: list[str]
) -> None:
    """In the answer to /cancel: what came of what was on its way."""
    if lines := await cancelling.said_later(context, ended):
        text = "\n".join(lines + consent)
        await tell(context.bot, context.owner, said.message_id, text, to=said.to)


def _nothing_connected(t: Texts) -> str:
    return t.tr("⏹ Cancelled. Nothing was connected.")


async def _say_not_connected(update: Update, context: BotContext) -> None:
    if await ask_once_more(context):
        return
    quarantined = await context.core.custodian.was_quarantined(context.owner)
    text = (
        context.t.tr(
            "🔌 Your connection to Google Drive has stopped working, so I stopped using "
            "it. Connect again to carry on."
        )
        if quarantined
        else context.t.tr("You are not connected to Google Drive yet.")
    )
    await say(update, context, text, buttons.connect(context.t))
    if quarantined:
        await context.core.note_owner_told(context.owner)
