"""Messages the bot begins by itself: whether one arrived, never will, or may another time."""

from __future__ import annotations

from typing import Literal

import structlog
from telegram import InlineKeyboardMarkup
from telegram.error import BadRequest, Forbidden, TelegramError
from telegram.ext import ExtBot

from bot.context import chat_of
from bot.telegram_request import Unanswered
from security.credential import Owner

Outcome = Literal["sent", "refused", "later"]
_log = structlog.get_logger()


async def deliver(
    bot: ExtBot[int],
    owner: Owner,
    text: str,
    markup: InlineKeyboardMarkup | None,
    *,
    background: int | None = None,
) -> Outcome:
    """Send `text`; "later" where what kept it from arriving may pass by itself."""
    try:
        await bot.send_message(
            chat_of(owner), text, reply_markup=markup, rate_limit_args=background
        )
    except Forbidden:
        _log.info("user_blocked_bot", owner=owner)
        return "refused"
    except BadRequest:  # no such chat: they have never written to the bot
        _log.info("message_not_sent", owner=owner)
        return "refused"
    except (TelegramError, RuntimeError) as error:  # RuntimeError: the process is stopping
        _log.info("message_not_sent", owner=owner)
        # Telegram had all of it and was slow to say so: sent again, it would stand there twice.
        return "sent" if isinstance(error, Unanswered) else "later"
    return "sent"
