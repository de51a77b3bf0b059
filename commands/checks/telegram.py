"""Telegram: in reach, and content with the token; and nobody has pointed the bot elsewhere.

https://core.telegram.org/bots/api#getme and https://core.telegram.org/bots/api#getwebhookinfo
"""

from __future__ import annotations

import asyncio
import re
import time
from typing import Any, Final

from commands.checks.finding import Finding, failed, ok, skipped, warning
from commands.checks.http import Answer, Asker, Unreachable
from config import Settings
from security.google.network import Network

_USERNAME: Final = re.compile(r"[A-Za-z0-9_]{3,64}")
_STATUS: Final = re.compile(r"Wrong response from the webhook: (\d{3})\b")
_LATELY_SECONDS: Final = 900


async def check_telegram(settings: Settings) -> list[Finding]:
    """getMe and getWebhookInfo: neither changes anything, nor disturbs a running bot."""
    token = settings.telegram_bot_token
    if token is None:
        why = "There is no TELEGRAM_BOT_TOKEN to ask with."
        return [skipped("telegram", why), skipped("webhook", why)]
    base = f"{settings.telegram_api_base_url}/bot{token.get_secret_value()}"
    try:
        async with Asker(Network.of(settings)) as asker:
            me, webhook = await asyncio.gather(
                asker.ask("POST", f"{base}/getMe"),
                asker.ask("POST", f"{base}/getWebhookInfo"),
            )
    except Unreachable as nothing:
        do = "Let this machine reach it by https; look at TELEGRAM_API_BASE_URL."
        return [
            failed("telegram", f"Telegram {nothing}.", do),
            skipped("webhook", "Telegram could not be asked."),
        ]
    return [judge_me(me), judge_webhook(webhook, settings.telegram_webhook_url, time.time())]


def judge_me(answer: Answer) -> Finding:
    """Whether the token is accepted, and whose it is."""
    name = "telegram"
    result = _result(answer)
    if result is not None:
        username = str(result.get("username", ""))
        shown = f"@{username}" if _USERNAME.fullmatch(username) else "without a username"
        return ok(name, f"Telegram accepts the token; the bot is {shown}.")
    if answer.is_fault:
        return warning(
            name,
            f"Telegram answers with a fault of its own ({answer.status}).",
            "It passes by itself: try again later.",
        )
    document = answer.document or {}
    if document.get("description") == "Logged out":
        return failed(
            name,
            "This bot is logged out of Telegram's cloud.",
            "It was moved to a local Bot API server: set TELEGRAM_API_BASE_URL to that.",
        )
    if document.get("ok") is False and answer.status in (401, 404):
        return failed(
            name,
            "Telegram does not accept TELEGRAM_BOT_TOKEN.",
            "Compare it with what @BotFather shows; a revoked token never works again.",
        )
    return failed(
        name,
        f"What answers in Telegram's place ({answer.status}) does not speak as Telegram does.",
        "Look for a proxy, and at TELEGRAM_API_BASE_URL.",
    )


def judge_webhook(answer: Answer, wanted: str | None, now: float) -> Finding:
    """Whether messages go where they should, or somewhere else.

    Args:
        wanted: TELEGRAM_WEBHOOK_URL; None: the bot asks for messages, and a webhook forbids that.
        now: Unix seconds.
    """
    name = "webhook"
    result = _result(answer)
    if result is None:
        return skipped(name, "Telegram could not be asked.")
    found = result.get("url")
    if found and found != wanted:
        return warning(
            name,
            "Somebody has set a webhook for this bot: its messages go there.",
            "Find out who else uses the token. Starting the bot takes the webhook away.",
        )
    if wanted is None:
        return ok(name, "None is set: messages wait for the bot to ask for them.")
    if not found:
        return ok(name, "None is set yet: the bot sets TELEGRAM_WEBHOOK_URL when it starts.")
    failed_at = result.get("last_error_date")
    if not isinstance(failed_at, int) or now - failed_at > _LATELY_SECONDS:
        return ok(name, "Telegram brings messages to TELEGRAM_WEBHOOK_URL.")
    status = _STATUS.match(str(result.get("last_error_message", "")))
    answered = f"was answered {status[1]}" if status else "could not connect"
    return warning(
        name,
        f"Telegram brings messages to TELEGRAM_WEBHOOK_URL, but lately {answered} there.",
        "403: something else answers there, or the secret differs; 404: the proxy changes the "
        "path; 502 or 503: the bot was away, or cannot write. Else look at DNS, firewall and "
        "certificate.",
    )


def _result(answer: Answer) -> dict[str, Any] | None:
    document = answer.document or {}
    result = document.get("result") if document.get("ok") is True else None
    return result if answer.status == 200 and isinstance(result, dict) else None
