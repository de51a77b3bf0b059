"""Webhook mode: Telegram brings the updates to the web front, instead of being asked for them.

https://core.telegram.org/bots/api#setwebhook
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

import structlog
from pydantic import SecretStr
from telegram.error import BadRequest, InvalidToken, TelegramError
from telegram.ext import ExtBot

from bot.context import BotApplication, BotContext
from bot.core import BotOptions
from bot.errors import on_polling_error
from bot.updates.incoming import ALLOWED_UPDATES, read_update
from security.errors import OperatorFault
from security.google.answers import json_object

EVERY_SECONDS: Final = 30
"""How often Telegram is asked whether all is well; the health check wants an answer in 90 s."""
_log = structlog.get_logger()


def secret_from(token: SecretStr) -> SecretStr:
    """A webhook's secret for whoever sets none: always the same, and it tells nothing of the token.

    Args:
        token: the bot's.
    """
    key = token.get_secret_value().encode()
    return SecretStr(hmac.new(key, b"drivekeeper webhook secret", hashlib.sha256).hexdigest())


async def set_webhook(bot: ExtBot[int], options: BotOptions) -> None:
    """Tell Telegram where to bring updates; those that wait are kept.

    Raises:
        OperatorFault: it does not take the address.
        telegram.error.TelegramError: it cannot be reached, or does not accept the bot's token.
    """
    if options.webhook_url is None or options.webhook_secret is None:
        raise ValueError("the settings name no webhook")
    try:
        await bot.set_webhook(
            options.webhook_url,
            allowed_updates=ALLOWED_UPDATES,
            drop_pending_updates=False,
            secret_token=options.webhook_secret.get_secret_value(),
        )
    except BadRequest as refusal:
        raise OperatorFault(
            "Telegram does not take TELEGRAM_WEBHOOK_URL: it wants https, a host name that it can "
            "look up, and port 443, 80, 88 or 8443"
        ) from refusal
    _log.info("webhook_set", result="ok")


async def take_in(application: BotApplication, body: bytes) -> None:
    """One request of Telegram's; it may be acknowledged once this has returned.

    Raises:
        OperatorFault: the update cannot be written down.
        TransientFault: the bot is starting or stopping.
    """
    update = read_update(json_object(body), application.bot)
    if update is not None:
        await application.bot_data.inbox.accept(update)


async def watch(context: BotContext) -> None:
    """Repeating job: whether Telegram answers, and still brings updates here."""
    services = context.services
    try:
        info = await context.bot.get_webhook_info()
        services.telegram_health.note_answer()
        if info.url != services.options.webhook_url:
            if services.core.lease.is_changing_hands:
                _log.info("polling_conflict", result="expired")
            else:  # somebody else uses the token: one of the two has to be stopped
                _log.error("polling_conflict", result="second_instance")
            await set_webhook(context.bot, services.options)
    except InvalidToken:
        services.telegram_health.token_refused.set()
    except TelegramError as error:
        on_polling_error(services.core.lease, error)
    except OperatorFault as fault:
        _log.error("polling_failed", result=fault.code)
