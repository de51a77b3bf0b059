"""The commands of Telegram's menu, in its order."""

from __future__ import annotations

from typing import Final

import structlog
from telegram import Bot, BotCommandScopeChat
from telegram.error import TelegramError

from bot.texts import N_, Texts
from security.credential import Owner

_log = structlog.get_logger()
_MENU: Final = (
    ("start", N_("What this bot does")),
    ("connect", N_("Connect your Google Drive")),
    ("uploads", N_("What is on its way, and what was")),
    ("files", N_("What I have put into your Drive")),
    ("get", N_("Send a file from your Drive here")),
    ("folder", N_("Choose the folder for your files")),
    ("status", N_("Your connection and space")),
    ("disconnect", N_("Disconnect your Google Drive")),
    ("cancel", N_("Stop what is under way")),
    ("language", N_("Choose the language")),
    ("privacy", N_("What is kept about you")),
    ("help", N_("How it works")),
)
_OF_ADMINISTRATORS: Final = (
    ("health", N_("State of the credentials")),
    ("quarantine", N_("Credentials that were set aside")),
)


def command_menu(*, is_admin: bool = False) -> tuple[tuple[str, str], ...]:
    """(command, its meaning in English, the catalogue's key)."""
    return (*_MENU, *(_OF_ADMINISTRATORS if is_admin else ()))


async def show_menu(bot: Bot, owner: Owner, texts: Texts, *, is_admin: bool) -> None:
    """The menu in the person's own language: Telegram tells Chinese scripts apart by chat only."""
    commands = [(name, texts.label(meaning)) for name, meaning in command_menu(is_admin=is_admin)]
    try:
        await bot.set_my_commands(commands, scope=BotCommandScopeChat(int(owner.key)))
    except TelegramError:
        _log.info("message_not_sent", owner=owner)
