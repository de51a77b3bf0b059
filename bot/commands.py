"""The commands of Telegram's menu, in its order."""

from __future__ import annotations

from typing import Final

_MENU: Final = (
    ("start", "What this bot does"),
    ("connect", "Connect your Google Drive"),
    ("status", "Your connection and space"),
    ("disconnect", "Disconnect your Google Drive"),
    ("cancel", "Stop what is under way"),
    ("language", "Choose the language"),
    ("privacy", "What is kept about you"),
    ("help", "How it works"),
)


def command_menu() -> tuple[tuple[str, str], ...]:
    """(command, its meaning in English, the catalogue's key)."""
    return _MENU
