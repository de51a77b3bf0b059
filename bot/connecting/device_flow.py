"""The device flow in the chat: waiting for Google; and requests that a stop has interrupted."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import structlog
from telegram.error import TelegramError

from bot.connecting.consent_outcome import job_name, refused
from bot.connecting.whose_account import save_or_ask
from bot.context import BotContext
from bot.delivery.messages import tolerated
from bot.texts.unexpected import Unexpected, new_reference
from security.consent.pending import PendingConsent
from security.errors import ConsentDenied, CustodyError, DevicePending, TransientFault

_TELL_AGAIN_SECONDS: Final = 5
_OLD_NEWS: Final = timedelta(minutes=30)
_SLOW_DOWN_SECONDS: Final = 5  # RFC 8628 §3.5
_log = structlog.get_logger()


def poll_later(context: BotContext, pending: PendingConsent, seconds: float) -> None:
    """device: ask Google again in `seconds`."""
    context.later(seconds, _poll, pending, seconds, name=job_name(pending.owner))


async def _poll(context: BotContext, pending: PendingConsent, interval: float) -> None:
    try:
        await _ask(context, pending, interval)
    except Exception as error:  # the last resort: no approval is lost in silence
        reference = new_reference()
        _log.error("handler_failed", owner=pending.owner, reference=reference, exc_info=error)
        await _refuse(context, pending, Unexpected(reference))


async def _ask(context: BotContext, pending: PendingConsent, interval: float) -> None:
    try:
        approved = await context.core.consents.poll(pending)
    except DevicePending as answer:
        poll_later(context, pending, interval + (_SLOW_DOWN_SECONDS if answer.slow_down else 0))
    except ConsentDenied as refusal:
        if refusal.code != "superseded":
            await _refuse(context, pending, refusal)
    except TransientFault:
        # Google's answers are lost sometimes; the code holds until its time is over.
        poll_later(context, pending, min(interval * 2, 60))
    except CustodyError as error:
        await _refuse(context, pending, error)
    else:
        await save_or_ask(context, approved)


async def _refuse(context: BotContext, pending: PendingConsent, error: CustodyError) -> None:
    """Tell the person; again in a while where Telegram does not take it, until it is old news."""
    try:
        await refused(context, pending, error)
    except (TelegramError, CustodyError):
        _log.warning("message_not_sent", owner=pending.owner)
        if context.core.custodian.clock.now() - pending.expires_at < _OLD_NEWS:
            name = job_name(pending.owner)
            context.later(_TELL_AGAIN_SECONDS, _refuse, pending, error, name=name)


async def resume(context: BotContext) -> None:
    """Once, after start-up: requests that were under way go on, or end with a word."""
    now = context.core.custodian.clock.now()
    pendings = [p for p in await context.core.consents.all() if not p.has_expired(now)]
    for pending in pendings:
        if pending.flow == "device" and pending.stage == "asked":
            poll_later(context, pending, pending.interval)
    for pending in pendings:
        with tolerated(pending.owner, CustodyError):
            await _go_on(context, pending)


async def _go_on(context: BotContext, pending: PendingConsent) -> None:
    consents = context.core.consents
    if pending.stage == "granted" and pending.flow != "callback":  # there the page asks again
        try:
            pending = await consents.identify(pending)
        except CustodyError as error:
            await _refuse(context, pending, error)
            return
    if pending.may_be_confirmed:
        await save_or_ask(context, pending)
    elif await consents.is_interrupted(pending):
        await _refuse(context, pending, ConsentDenied("a crash came in between", code="used"))
