"""Whose account has approved: shown to the asker, in every flow, before anything is saved."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import structlog
from telegram import Update
from telegram.error import BadRequest, Forbidden, TelegramError

from bot.connecting import keyboards
from bot.connecting.consent_outcome import current_state, finish, job_name, shown_in
from bot.context import BotContext
from bot.delivery.conversation import Conversation, argument_of
from bot.delivery.messages import acknowledge, edit_or_send, privately, show_instead
from bot.delivery.rate_limits import BACKGROUND
from security.consent.pending import PendingConsent
from security.errors import ConsentDenied, CustodyError

Handle = Callable[[Update, BotContext], Coroutine[Any, Any, None]]
_log = structlog.get_logger()


async def save_or_ask(
    context: BotContext, pending: PendingConsent, *, anew: Conversation | None = None
) -> None:
    """Save what the account that was connected last has approved; of any other, ask whose it is.

    `anew`: where the person has written since the request was shown, for a new message.
    """
    if anew is not None:
        pending = await context.core.consents.note_message(pending, 0, anew.topic_id or 0)
    if await context.core.consents.is_last_account(pending):
        await finish(context, pending.owner, pending.id, shown_in(pending))
    else:
        await ask_or_later(context, pending)


async def ask_or_later(context: BotContext, pending: PendingConsent) -> None:
    """Ask; where Telegram cannot be reached, in a while."""
    try:
        await _ask(context, pending)
    except Forbidden:
        _log.info("user_blocked_bot", owner=pending.owner)
    except BadRequest:  # not even in a new message: that would be so in five seconds, too
        _log.warning("message_not_sent", owner=pending.owner, exc_info=True)
    except TelegramError:
        _log.warning("message_not_sent", owner=pending.owner)
        seconds = context.services.options.timing.ask_account_again
        context.later(seconds, _ask_again, pending, name=job_name(pending.owner))


async def ask_once_more(context: BotContext) -> bool:
    """Whether all that lacks is the asker's own answer; then the question is put again, below.

    "Connect your Drive" would sound as if what Google's page has just said were lost.
    """
    pending = await context.core.consents.latest(context.owner)
    if pending is None or not pending.may_be_confirmed:
        return False
    with suppress(ConsentDenied):  # answered or ended meanwhile: that is said in its place
        topic_id = pending.topic_id or 0
        pending = await context.core.consents.note_message(pending, 0, topic_id)
        await ask_or_later(context, pending)
    return True


def answered_first(handle: Handle) -> Handle:
    """A command that needs a connection: where only the asker's answer lacks, that comes first."""

    async def handling(update: Update, context: BotContext) -> None:
        if await context.is_connected(context.owner) or not await ask_once_more(context):
            await handle(update, context)

    return handling


async def _ask_again(context: BotContext, pending: PendingConsent) -> None:
    current = await context.core.consents.latest(pending.owner)
    if current is not None and current.id == pending.id:
        await ask_or_later(context, current)


async def _ask(context: BotContext, pending: PendingConsent) -> None:
    texts = await context.texts_for(pending.owner)
    text = texts.tr(
        "👤 <b>{account}</b> has approved.\n\nIs this your own Google account? "
        "Your files would go into its Drive.",
        account=pending.account.get_secret_value(),
    )
    sent = await edit_or_send(
        context.bot,
        shown_in(pending),
        pending.message_id,
        text,
        keyboards.confirm_account(texts, pending.id),
        background=BACKGROUND,
    )
    if sent.message_id != pending.message_id:
        with suppress(ConsentDenied):  # over by now: its buttons say so
            topic_id = sent.to.topic_id or 0
            await context.core.consents.note_message(pending, sent.message_id, topic_id)


async def confirm_account(update: Update, context: BotContext) -> None:
    """Yes, that is mine."""
    await acknowledge(update.callback_query)
    consent_id = argument_of(update.callback_query)
    to, query = privately(update, context.owner), update.callback_query
    message = query.message if query is not None else None
    stands_there = message is not None and message.chat.id == to.chat_id
    await finish(
        context,
        context.owner,
        consent_id,
        to,
        tapped=message.message_id if message is not None and stands_there else 0,
    )


async def refuse_account(update: Update, context: BotContext) -> None:
    """No, not mine."""
    await acknowledge(update.callback_query)
    try:
        await context.core.consents.refuse(context.owner, argument_of(update.callback_query))
    except CustodyError as refusal:
        _log.info("consent_refused", owner=context.owner, result=refusal.code)
        text, markup = await current_state(context, context.owner, refusal, context.t)
    else:
        markup = keyboards.try_again(context.t)
        text = context.t.tr(
            "🛡 Good that you looked. Nothing was connected, and that account's access was "
            "thrown away unused."
        )
    await show_instead(update, context, text, markup)
