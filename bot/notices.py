"""Tells the owner of a quarantined credential, once."""

from __future__ import annotations

from telegram.ext import ExtBot

from bot.context import Services


async def tell_owners(bot: ExtBot[int], services: Services) -> None:
    """Tell those who have not been told."""
