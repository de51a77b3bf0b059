"""The commands of Telegram's menu, in its order."""

from __future__ import annotations

from typing import Final

from bot.texts import N_

_MENU: Final = (
    ("start", N_("What this bot does")),
    ("connect", N_("Connect your Google Drive")),
    ("status", N_("Your connection and space")),
    ("disconnect", N_("Disconnect your Google Drive")),
    ("cancel", N_("Stop what is under way")),
    ("language", N_("Choose the language")),
    ("privacy", N_("What is kept about you")),
    ("help", N_("How it works")),
)


def command_menu() -> tuple[tuple[str, str], ...]:
    """(command, its meaning in English, the catalogue's key)."""
    return _MENU
