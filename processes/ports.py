"""The ports of the bot's process, and of one that stands by to be it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from urllib.parse import urlsplit

from fastapi import FastAPI
from starlette.types import ASGIApp

from bot import webhook
from bot.connecting import consent_outcome
from bot.context import BotApplication
from bot.monitoring.metrics import Metrics
from bot.readiness import STANDBY, Readiness
from config import Settings
from processes.departments import department_parts
from processes.serving import serving_both
from web.app import WebParts, create_app
from web.chat_returns import ChatParts
from web.operations import OperationsParts, create_operations_app
from web.standby import create_standby_app
from web.webhook import Webhook


@asynccontextmanager
async def web_front(settings: Settings, application: BotApplication) -> AsyncIterator[None]:
    """The web front and the operations port, in this process; port 0 turns either off."""
    parts = application.bot_data
    parts.core.metrics.ask_telegram(parts.telegram_health.is_alive)
    parts.core.metrics.ask_quarantine(parts.core.quarantine.size)
    pages, operations = partial(_pages, settings, application), partial(_operations, application)
    async with serving_both(settings, pages, operations):
        yield


@asynccontextmanager
async def standby_front(settings: Settings, metrics: Metrics) -> AsyncIterator[None]:
    """Both ports of a process that stands by: it is well, and not ready for anybody."""

    async def obstacles() -> list[str]:
        return [STANDBY]

    parts = OperationsParts(metrics=metrics.text, is_alive=lambda: True, obstacles=obstacles)
    operations = partial(create_operations_app, parts)
    metrics.is_standby = True
    async with serving_both(settings, create_standby_app, operations):
        yield
    metrics.is_standby = False


def _pages(settings: Settings, application: BotApplication) -> ASGIApp:
    parts = application.bot_data
    services, sheets = parts.core.departments, parts.core.sheets
    return create_app(
        WebParts(
            is_alive=parts.telegram_health.is_alive,
            chat=ChatParts(
                consents=parts.core.consents,
                offers_callback=parts.core.consent_method.flow == "callback",
                bot_link=lambda: _bot_link(application, parts.options.link_base_url),
                on_approved=partial(consent_outcome.tell_approved, parts, application.bot),
                on_refused=partial(consent_outcome.tell_refused, parts, application.bot),
            ),
            departments=(
                None if services is None else department_parts(settings, services, sheets)
            ),
            webhook=_webhook(application),
        )
    )


def _webhook(application: BotApplication) -> Webhook | None:
    options = application.bot_data.options
    if options.webhook_url is None or options.webhook_secret is None:
        return None
    path = urlsplit(options.webhook_url).path or "/"
    return Webhook(path, options.webhook_secret, partial(webhook.take_in, application))


def _bot_link(application: BotApplication, base: str) -> str | None:
    try:
        return f"{base}/{application.bot.username}"
    except RuntimeError:
        return None  # Telegram has not told yet who the bot is


def _operations(application: BotApplication) -> FastAPI:
    parts = application.bot_data
    return create_operations_app(
        OperationsParts(
            metrics=parts.core.metrics.text,
            is_alive=parts.telegram_health.is_alive,
            obstacles=Readiness(application).obstacles,
        )
    )
