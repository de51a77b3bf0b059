"""What Telegram sends, and what of it this version cannot read."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from telegram import Bot, Update
from telegram._utils.datetime import to_timestamp

ALLOWED_UPDATES: Final = [Update.MESSAGE, Update.CALLBACK_QUERY, Update.MY_CHAT_MEMBER]
"""What the bot asks for: https://core.telegram.org/bots/api#update."""
_HIGHEST: Final = 2**63 - 1
"""Telegram's numbers are far below. One beyond, asked for as an offset, or a negative one, would
acknowledge others: https://core.telegram.org/bots/api#getupdates"""
_log = structlog.get_logger()


def read_update(document: Any, bot: Bot | None) -> Update | None:
    """The update in this JSON; None, and a line in the log, where python-telegram-bot fails on it.

    Telegram would send it for ever, and nothing after it.
    """
    try:
        if _number(document) is not None:
            return Update.de_json(document, bot)
    except Exception:  # noqa: S110 - its text may hold anything of the update
        pass
    _log.error("update_skipped", result="unreadable")
    return None


def written(update: Update) -> dict[str, Any]:
    """JSON that `read_update` makes the same update of, as Telegram sent it.

    The library leaves times of messages inside messages as Python's own, which no JSON knows.
    """
    document: dict[str, Any] = _plain(update.to_dict())
    return document


def _plain(value: Any) -> Any:
    match value:
        case dict():
            return {name: _plain(inside) for name, inside in value.items()}
        case list() | tuple():
            return [_plain(inside) for inside in value]
        case datetime():  # https://core.telegram.org/bots/api#message (date: Unix time)
            return to_timestamp(value)
        case timedelta():
            seconds = value.total_seconds()
            return int(seconds) if seconds.is_integer() else seconds
    return value


def readable(documents: list[Any]) -> list[Any]:
    """The same updates; of those that cannot be read the number alone, to be acknowledged.

    What has no number that Telegram gives is passed over: nobody can acknowledge it.
    """
    found = []
    for document in documents:
        if read_update(document, None) is not None:
            found.append(document)
        elif (number := _number(document)) is not None:
            found.append({"update_id": number})
    return found


def _number(document: Any) -> int | None:
    number = document.get("update_id") if isinstance(document, dict) else None
    if not isinstance(number, int) or isinstance(number, bool):
        return None
    return number if 0 <= number <= _HIGHEST else None
