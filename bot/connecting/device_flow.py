"""The device flow in the chat: waiting for Google, and asking whose account it is."""

from __future__ import annotations

from typing import Any, Final

import structlog
from telegram import Update
from telegram.error import BadRequest, Forbidden, TelegramError

from bot import keyboards
from bot.connecting.consent_outcome import finish, job_name, refused, shown_in, what_is
from bot.context import BotContext, argument_of, owner_of
from bot.delivery import acknowledge, edit_or_send, show_instead
from bot.limits import BACKGROUND
from security.errors import CustodyError, TransientFault
from security.google_oauth import ConsentDenied, DevicePending
from security.pending_consents import PendingConsent

_ASK_AGAIN_SECONDS: Final = 5
_SLOW_DOWN_SECONDS: Final = 5  # RFC 8628 §3.5
_log = structlog.get_logger()


def poll_later(context: BotContext, pending: PendingConsent, seconds: float) -> None:
    """device: ask Google again in `seconds`."""
    context.jobs.run_once(
        _poll,
        seconds,
        data=(pending, seconds),
        name=job_name(pending.owner),
        # A poll that is late is still wanted: JobQueue would skip it after one second.
        job_kwargs={"misfire_grace_time": None},
    )


async def _poll(context: BotContext) -> None:
    if context.job is None:
        return
    data: Any = context.job.data
    pending: PendingConsent = data[0]
    interval: float = data[1]
    try:
        approved = await context.core.consents.poll(pending)
    except DevicePending as answer:
        poll_later(context, pending, interval + (_SLOW_DOWN_SECONDS if answer.slow_down else 0))
    except ConsentDenied as refusal:
        if refusal.code != "superseded":
            await refused(context, pending, refusal)
    except TransientFault:
        # Google's answers are lost sometimes; the code holds until its time is over.
        poll_later(context, pending, min(interval * 2, 60))
    except CustodyError as error:
        await refused(context, pending, error)
    else:
        await _ask_whose_or_later(context, approved)


async def _ask_whose_or_later(context: BotContext, pending: PendingConsent) -> None:
    try:
        await ask_whose(context, pending)
    except Forbidden:
        _log.info("user_blocked_bot", owner=pending.owner)
    except BadRequest:  # not even in a new message: that would be so in five seconds, too
        _log.warning("message_not_sent", owner=pending.owner, exc_info=True)
    except TelegramError:
        _log.warning("message_not_sent", owner=pending.owner)
        context.jobs.run_once(
            _ask_later,
            _ASK_AGAIN_SECONDS,
            data=pending,
            name=job_name(pending.owner),
            job_kwargs={"misfire_grace_time": None},
        )


async def _ask_later(context: BotContext) -> None:
    if context.job is None or not isinstance(context.job.data, PendingConsent):
        return
    current = await context.core.consents.latest(context.job.data.owner)
    if current is not None and current.id == context.job.data.id:
        await _ask_whose_or_later(context, current)


async def ask_whose(context: BotContext, pending: PendingConsent) -> None:
    """device: show which account approved, for the asker to confirm."""
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
        await context.core.consents.note_message(pending, sent.message_id, sent.to.topic_id or 0)


async def confirm_account(update: Update, context: BotContext) -> None:
    """device: Yes, that is mine."""
    query = update.callback_query
    if query is None or query.data is None:
        return
    consent_id = argument_of(query)
    await acknowledge(query)
    await finish(update, context, lambda owner: context.core.consents.confirm(owner, consent_id))


async def refuse_account(update: Update, context: BotContext) -> None:
    """device: No, not mine."""
    query = update.callback_query
    if query is None or query.data is None:
        return
    owner, texts = owner_of(update), await context.texts(update)
    await acknowledge(query)
    try:
        await context.core.consents.refuse(owner, argument_of(query))
    except ConsentDenied as refusal:
        _log.info("consent_refused", owner=owner, result=refusal.code)
        text, markup = await what_is(context, owner, refusal, texts)
    else:
        markup = keyboards.try_again(texts)
        text = texts.tr(
            "🛡 Good that you looked. Nothing was connected, and that account's access was "
            "thrown away unused."
        )
    await show_instead(update, context, text, markup)


async def resume(context: BotContext) -> None:
    """Once, after start-up: requests that were under way go on."""
    pendings = [p for p in await context.core.consents.all() if p.flow == "device"]
    for pending in pendings:
        if pending.stage == "asked":
            poll_later(context, pending, pending.interval)
    for pending in pendings:
        if pending.stage == "approved":
            await _ask_whose_or_later(context, pending)
