"""The commands of Telegram's menu, in its order, and what Telegram shows of the bot beside it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import structlog
from telegram import (
    BotCommand,
    BotCommandScopeAllGroupChats,
    BotCommandScopeAllPrivateChats,
    BotCommandScopeChat,
    BotDescription,
    BotShortDescription,
)
from telegram.error import RetryAfter, TelegramError
from telegram.ext import ExtBot

from bot.context import BotContext
from bot.delivery.messages import REFUSALS, may_pass, tolerated
from bot.delivery.rate_limits import COURTESY
from bot.texts.catalogue import Texts
from config.languages import N_
from security.credential import Owner

DESCRIPTION: Final = N_(
    "Send me a file, and I put it into your own Google Drive and answer with its link. "
    "I see only what I put there myself."
)
SHORT_DESCRIPTION: Final = N_("Puts your files into your own Google Drive.")
_AGAIN_AT_THE_LATEST: Final = timedelta(days=1)
_log = structlog.get_logger()
Commands = tuple[tuple[str, str], ...]
"""(command, its meaning in English, the catalogue's key) each."""
DUTY: Final = "duty"
_MENU: Final[Commands] = (
    ("start", N_("What this bot does")),
    ("connect", N_("Connect your Google Drive")),
    ("uploads", N_("What is on its way, and what was")),
    ("files", N_("What I have put into your Drive")),
    ("get", N_("Send a file from your Drive here")),
    (DUTY, N_("When you work next")),
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
    ("console", N_("Sign in to the web pages")),
)


IN_GROUPS: Final[Commands] = (
    ("save", N_("Reply to a file: I put it into your Drive")),
    (DUTY, N_("When you work next")),
    ("help", N_("What I do in a group")),
)
"""The same for a group."""


def command_menu(*, is_admin: bool = False, has_rosters: bool = False) -> Commands:
    """The menu of a private chat.

    Args:
        has_rosters: whether there is /duty.
    """
    menu = tuple(one for one in _MENU if has_rosters or one[0] != DUTY)
    return (*menu, *(_OF_ADMINISTRATORS if is_admin else ()))


def group_menu(*, has_rosters: bool = False) -> Commands:
    """The menu of a group: nothing else works there."""
    return tuple(one for one in IN_GROUPS if has_rosters or one[0] != DUTY)


async def show_menu(context: BotContext, owner: Owner, texts: Texts) -> None:
    """The menu in the person's own language: Telegram tells Chinese scripts apart by chat only."""
    is_admin, has_rosters = context.is_admin(owner), context.core.has_rosters
    with tolerated(owner):
        await context.bot.set_my_commands(
            _commands(texts, command_menu(is_admin=is_admin, has_rosters=has_rosters)),
            scope=BotCommandScopeChat(int(owner.key)),
            rate_limit_args=COURTESY,
        )


async def publish(context: BotContext) -> None:
    """Job, once updates come in: what Telegram shows of the bot, where that is something else.

    Nothing depends on it: what cannot be published is told once, and left until the next start,
    or tried again where it may pass by itself.
    """
    failure: TelegramError | None = None
    for shown in await _everything(context):
        try:
            if await shown.read() != shown.wanted:
                await shown.write()
        except TelegramError as error:
            if shown.administrator is not None and isinstance(error, REFUSALS):
                # They have not opened the bot yet. START brings their menu, too.
                _log.info("administrator_not_reached", owner=shown.administrator)
                continue
            failure = error
            if isinstance(error, RetryAfter) or may_pass(error):
                break  # as the others would
    if failure is None:
        return
    _log.warning(
        "menu_not_published",
        result="rate_limited" if isinstance(failure, RetryAfter) else "unavailable",
    )
    least = timedelta(seconds=context.services.options.timing.menu_again)
    pause = failure._retry_after if isinstance(failure, RetryAfter) else least
    if isinstance(failure, RetryAfter) or may_pass(failure):
        context.later(max(least, min(pause, _AGAIN_AT_THE_LATEST)), publish, name="publish")


@dataclass(frozen=True, slots=True)
class _Shown:
    """One thing that Telegram shows of the bot."""

    wanted: object
    read: Callable[[], Awaitable[object]]
    write: Callable[[], Awaitable[object]]
    administrator: Owner | None = None
    """To whom alone, if not to everybody."""


async def _everything(context: BotContext) -> list[_Shown]:
    """For whoever has not spoken to the bot yet, by the language of their Telegram; and the menu
    of whoever is an administrator by now, and needs not look for it.
    """
    bot, has_rosters = context.bot, context.core.has_rosters
    found = [
        *_in_language(bot, None, Texts("en"), has_rosters=has_rosters),
        *_in_language(bot, "zh", Texts("zh_Hans"), has_rosters=has_rosters),
    ]
    # As it was before there were menus for one kind of chat and the other: nobody sees it.
    found += [_no_menu(bot, None), _no_menu(bot, "zh")]
    for user_id in sorted(context.services.options.admin_user_ids):
        owner = Owner.user(user_id)
        menu = command_menu(is_admin=True, has_rosters=has_rosters)
        commands = _commands(await context.texts_for(owner), menu)
        found.append(_menu(bot, commands, {"scope": BotCommandScopeChat(user_id)}, owner))
    return found


def _in_language(
    bot: ExtBot[int], code: str | None, texts: Texts, *, has_rosters: bool
) -> list[_Shown]:
    where: dict[str, Any] = {"language_code": code, "rate_limit_args": COURTESY}
    description, short = texts.label(DESCRIPTION), texts.label(SHORT_DESCRIPTION)
    return [
        *(
            _menu(bot, _commands(texts, menu), {"scope": scope, "language_code": code})
            for menu, scope in (
                (command_menu(has_rosters=has_rosters), BotCommandScopeAllPrivateChats()),
                (group_menu(has_rosters=has_rosters), BotCommandScopeAllGroupChats()),
            )
        ),
        _Shown(
            BotDescription(description),
            lambda: bot.get_my_description(**where),
            lambda: bot.set_my_description(description, **where),
        ),
        _Shown(
            BotShortDescription(short),
            lambda: bot.get_my_short_description(**where),
            lambda: bot.set_my_short_description(short, **where),
        ),
    ]


def _menu(
    bot: ExtBot[int],
    commands: tuple[BotCommand, ...],
    where: dict[str, Any],
    administrator: Owner | None = None,
) -> _Shown:
    where = {**where, "rate_limit_args": COURTESY}
    return _Shown(
        commands,
        lambda: bot.get_my_commands(**where),
        lambda: bot.set_my_commands(commands, **where),
        administrator,
    )


def _no_menu(bot: ExtBot[int], code: str | None) -> _Shown:
    where: dict[str, Any] = {"language_code": code, "rate_limit_args": COURTESY}
    return _Shown((), lambda: bot.get_my_commands(**where), lambda: bot.delete_my_commands(**where))


def _commands(texts: Texts, menu: Commands) -> tuple[BotCommand, ...]:
    return tuple(BotCommand(name, texts.label(meaning)) for name, meaning in menu)
