"""Telegram on loopback: the Bot API, people who use the bot, and a chat page.

Imports nothing of the product; docs/sandbox.md says what it does as the real one, with
the source of each behaviour, and what it does not.
"""

from __future__ import annotations

from aiohttp import web

from sandbox.telegram.bot_api import bot_api_routes
from sandbox.telegram.chat.routes import chat_routes, page_routes
from sandbox.telegram.world import TelegramWorld

__all__ = ["TelegramWorld", "telegram_routes"]


def telegram_routes(world: TelegramWorld) -> list[web.AbstractRouteDef]:
    """Everything of the Telegram half; whoever mounts it calls `world.close()` at the end."""
    return [*bot_api_routes(world), *chat_routes(world), *page_routes(world)]
