"""What Telegram sends, and what of it this version cannot read."""

from __future__ import annotations

from typing import Any, Final

import structlog
from telegram import Bot, Update

ALLOWED_UPDATES: Final = [Update.MESSAGE, Update.CALLBACK_QUERY, Update.MY_CHAT_MEMBER]
"""What the bot asks for: https://core.telegram.org/bots/api#update."""
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


def readable(documents: list[Any]) -> list[Any]:
    """The same updates; of those that cannot be read the number alone, to be acknowledged."""
    found = []
    for document in documents:
        if read_update(document, None) is not None:
            found.append(document)
        elif (number := _number(document)) is not None:
            found.append({"update_id": number})
    return found


def _number(document: Any) -> int | None:
    number = document.get("update_id") if isinstance(document, dict) else None
    return number if isinstance(number, int) else None
