"""The front on Telegram."""

from bot.application import build_application

__all__ = ["build_application"]
