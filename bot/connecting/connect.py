"""/connect: asking for consent, the three ways."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

import structlog
from telegram import Message, Update

from bot.connecting import connected, keyboards
from bot.connecting.consent_outcome import (
    explain_refusal,
    refused,
    say_refused,
    shown_in,
    stop_polling,
)
from bot.connecting.device_flow import poll_later
from bot.connecting.whose_account import save_or_ask
from bot.context import BotContext
from bot.delivery.conversation import message_of
from bot.delivery.messages import acknowledge, privately, say, send, show_instead, tell, tolerated
from bot.delivery.rate_limits import BACKGROUND
from bot.texts.catalogue import Texts
from security.consent.pasted_address import pasted_parameters
from security.consent.pending import Flow, PendingConsent
from security.errors import ConsentDenied, CustodyError

_log = structlog.get_logger()


async def connect(update: Update, context: BotContext) -> None:
    """/connect, and every Connect button: who is connected already is asked whether they mean it.

    Whoever taps a button has been told what it does.
    """
    await acknowledge(update.callback_query)
    owner, texts = context.owner, context.t
    earlier = await context.core.consents.latest(owner)
    # Asked twice in a row, the same request is shown again: Google's device endpoint has one
    # quota for the whole project, and one person could use it up.
    seconds, consents = context.services.options.timing.same_request, context.core.consents
    same = earlier and consents.is_young(earlier, seconds) and not consents.is_ending(earlier)
    is_written = update.callback_query is None
    asked = await connected.as_it_is(context) if is_written and not same else None
    if asked is not None:
        await say(update, context, *asked)
        return
    try:
        if same and earlier:
            pending = earlier
        else:
            pending = await context.in_time(consents.begin(owner, context.core.consent_method))
    except CustodyError as error:
        _log.warning("consent_failed", owner=owner, result=error.code)
        await say(update, context, *explain_refusal(error, texts))
        return
    if earlier is not None:
        stop_polling(context, owner)
        await _withdraw(context, earlier, texts)
    sent = await send(
        context.bot,
        privately(update, owner),
        _instructions(pending, texts) + await connected.earlier(context),
        keyboards.approve(texts, pending.address),
        background=BACKGROUND,
    )
    there = {"message_id": sent.message_id, "topic_id": sent.to.topic_id or 0}
    try:
        pending = await context.core.consents.note_message(pending, **there)
    except ConsentDenied:  # ended, or asked anew, while Telegram was being told
        await _withdraw(context, pending.model_copy(update=there), texts)
        return
    if pending.flow == "device" and pending.stage == "asked":
        poll_later(context, pending, pending.interval)


def _instructions(pending: PendingConsent, t: Texts) -> str:
    return {
        "device": t.tr(
            "🔗 <b>Connect your Google Drive</b>\n\n"
            "1. Tap the button to open Google's page.\n"
            "2. Enter this code: <code>{code}</code> (tap it to copy)\n"
            "3. Choose your account and allow access.\n\n"
            "Only enter a code you asked for yourself. When you are done, I write to you here.",
            code=pending.user_code,
        ),
        "callback": t.tr(
            "🔗 <b>Connect your Google Drive</b>\n\n"
            "1. Tap the button, choose your account and allow access.\n"
            "2. On the page that follows, tap “Back to Telegram”.\n\n"
            "The link is for you alone and works for 10 minutes."
        ),
        "paste": t.tr(
            "🔗 <b>Connect your Google Drive</b>\n\n"
            "1. Tap the button, choose your account and allow access.\n"
            "2. Your browser then shows a page that cannot be reached. That is expected.\n"
            "3. Copy that page's whole address and send it to me.\n\n"
            "The link is for you alone and works for 10 minutes."
        ),
    }[pending.flow]


async def cancel_consent(update: Update, context: BotContext) -> None:
    """The Cancel button below a request for consent."""
    owner, consents = context.owner, context.core.consents
    stop_polling(context, owner)
    if not await consents.cancel(owner) and (
        await consents.latest(owner) is not None or await context.is_connected(owner)
    ):
        # Too late: that it is connected is, or will be, said in this message.
        gone = context.t.label("This button no longer works. /help shows what I can do.")
        await acknowledge(update.callback_query, gone)
        return
    await acknowledge(update.callback_query)
    text = context.t.tr("⏹ Cancelled. Nothing was connected.")
    await show_instead(update, context, text, keyboards.try_again(context.t))


async def _withdraw(context: BotContext, pending: PendingConsent, texts: Texts) -> None:
    """An earlier request's message must not invite anybody any more."""
    if pending.message_id:
        text = texts.tr("⏹ This request has been replaced by the newer one below.")
        await tell(context.bot, pending.owner, pending.message_id, text, to=shown_in(pending))


async def may_be_asked_by(context: BotContext, flow: Flow) -> bool:
    """Whether what the person writes may answer a request of this flow: theirs, or the usual."""
    if context.core.consent_method.flow == flow:
        return True
    try:
        pending = await context.core.consents.latest(context.owner)
    except CustodyError:  # whatever they wrote, it is answered as any other message
        return False
    return pending is not None and pending.flow == flow


async def claim(update: Update, context: BotContext, code: str) -> None:
    """callback: /start with the one-time code of the result page."""
    await _go_on(update, context, context.core.consents.claim(context.owner, code))


def looks_pasted(message: Message) -> str:
    """What of a message may be the address, a link's hidden one included; "": nothing."""
    links = [entity.url for entity in message.entities if entity.url]
    said = (message.text or "", *links)
    return next((text for text in said if "state=" in text or pasted_parameters(text)), "")


async def paste(update: Update, context: BotContext, text: str) -> None:
    """paste: the redirected address, in the person's own chat."""
    # It holds a code: spent or not, it need not stay in the chat.
    with tolerated(context.owner):
        await message_of(update).delete()
    await _go_on(update, context, context.core.consents.accept_pasted(context.owner, text))


async def _go_on(
    update: Update, context: BotContext, approval: Coroutine[Any, Any, PendingConsent]
) -> None:
    """With what the person has brought back from Google; if it is of no use, say why.

    Args:
        approval: not yet begun, so that what it raises is said here.
    """
    here = privately(update, context.owner)
    try:
        await save_or_ask(context, await context.in_time(approval), anew=here)
    except CustodyError as refusal:
        await say_refused(context, context.owner, refusal, here)


async def expire(context: BotContext) -> None:
    """Repeating job: requests whose time is over say so, whichever way they were made."""
    for pending in await context.core.consents.expired():
        with tolerated(pending.owner, CustodyError):
            expired = ConsentDenied("the request's time is over", code="expired")
            await refused(context, pending, expired)
