"""Tells administrators when trouble begins, and when it is over."""

from __future__ import annotations

from telegram.ext import ExtBot

from bot.context import Services


async def tell_administrators(bot: ExtBot[int], services: Services) -> None:
    """Tell them of each incident once."""
