"""What no handler expected: one plain sentence to the person, the rest to the log, redacted."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

import structlog
from telegram import Update
from telegram.error import Conflict, Forbidden, TelegramError
from telegram.ext import ApplicationHandlerStop

from bot.context import BotContext
from bot.delivery.conversation import asked_in, owner_of
from bot.delivery.messages import may_pass, note_refusal, privately, send
from bot.kinds import DATABASE_UNREACHABLE
from bot.texts.catalogue import Texts
from bot.texts.reader import that_is_you
from bot.texts.unexpected import new_reference
from security.errors import Fault, OperatorFault, TransientFault
from security.storage.holding.held_lease import HeldLease

_log = structlog.get_logger()


Job = Callable[[BotContext], Coroutine[Any, Any, None]]


class Outages:
    """What is outside keeps jobs that come again and again from working: it is said once, until all
    of them work again."""

    def __init__(self) -> None:
        self._failing: dict[Job, str] = {}

    def once(self, job: Job) -> Job:
        """The job, which raises a fault only where none of them has met it already."""

        @wraps(job)
        async def run(context: BotContext) -> None:
            try:
                await job(context)
                self._failing.pop(job, None)
            except Fault as fault:
                is_known = fault.code in self._failing.values()
                self._failing[job] = fault.code
                if not is_known:
                    raise

        return run


async def on_error(update: object, context: BotContext) -> None:
    """python-telegram-bot's error handler."""
    try:
        if not context.core.lease.is_lost:  # else it failed for that, and nobody is to be told
            await _answer(update, context)
    finally:
        # An error in one group of handlers must not let the update into the next.
        raise ApplicationHandlerStop


async def _answer(update: object, context: BotContext) -> None:
    error = context.error
    person = update if isinstance(update, Update) and update.effective_user else None
    if isinstance(error, Forbidden):
        # Whoever blocked the bot is left in peace; that is no incident.
        if person is not None:
            here = asked_in(person)
            has_written = here is not None and here.is_private
            note_refusal(error, owner_of(person), has_written=has_written)
        return
    reference = new_reference()
    owner = owner_of(person) if person is not None else None
    fields = {} if owner is None else {"owner": owner}
    if isinstance(error, Fault):  # of what is outside, and no defect of the handler
        _log.warning("handler_failed", reference=reference, result=error.code, **fields)
    else:
        _log.error("handler_failed", reference=reference, exc_info=error, **fields)
    if person is None or owner is None:
        return
    try:
        texts = await context.texts_for(owner)
    except Exception:  # whatever is wrong with the store, the person gets an answer
        texts = Texts("en")
    if _passes(error):
        text = texts.tr(
            "⚠️ That did not work just now. Please try again in a few minutes. (Code: {reference})",
            reference=reference,
        )
    elif isinstance(error, OperatorFault):
        text = texts.tr(
            "⚠️ Something is wrong with this bot's set-up; whoever runs this bot has to fix "
            "it. Tell them this code: {reference}",
            reference=reference,
        ) + that_is_you(texts)
    else:
        text = texts.tr(
            "⚠️ Something went wrong on my side. Please try again. If it happens again, tell "
            "whoever runs this bot this code: {reference}",
            reference=reference,
        ) + that_is_you(texts)
    try:
        await send(context.bot, privately(person, owner), text)  # it concerns nobody else
    except TelegramError:
        _log.warning("message_not_sent", owner=owner, reference=reference)


def _passes(error: Exception | None) -> bool:
    """Whether the same may work in a few minutes."""
    if isinstance(error, OperatorFault):
        return error.code == DATABASE_UNREACHABLE
    return isinstance(error, TransientFault) or (
        isinstance(error, TelegramError) and may_pass(error)
    )


def on_polling_error(lease: HeldLease, error: TelegramError) -> None:
    """The updater's: python-telegram-bot tries again by itself."""
    if isinstance(error, Conflict) and lease.is_changing_hands:
        # Telegram still answers the last question of the process that was the bot before.
        _log.info("polling_conflict", result="expired")
    elif isinstance(error, Conflict):
        # Another process polls with the same token: one of the two has to be stopped.
        _log.error("polling_conflict", result="second_instance")
    else:
        _log.warning("polling_failed", result="unavailable", exc_info=error)
