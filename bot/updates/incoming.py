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
_COUNT: Final = range(1 << 52)
"""Telegram's identifiers have at most 52 bits: https://core.telegram.org/bots/api#chat"""
_PERSON: Final = _COUNT[1:]
_IDENTIFIER: Final = range(1 - len(_COUNT), len(_COUNT))
_log = structlog.get_logger()


_NEEDED: Final[dict[str, tuple[str, ...]]] = {
    "message": ("message_id", "date", "chat"),
    "callback_query": ("id", "from"),
    "my_chat_member": ("chat", "from", "date", "old_chat_member", "new_chat_member"),
    "chat": ("id", "type"),
    "from": ("id", "is_bot", "first_name"),
}
"""Without these there is no such thing: https://core.telegram.org/bots/api#available-types"""
_READ: Final[dict[str, type | range]] = {
    **dict.fromkeys(("chat.id", "sender_chat.id"), _IDENTIFIER),
    **dict.fromkeys(("from.id", "user.id"), _PERSON),
    **dict.fromkeys(("chat.type", "callback_query.id", "callback_query.data"), str),
    **dict.fromkeys(
        (
            *("text", "caption", "file_id", "file_unique_id", "file_name", "mime_type"),
            *("media_group_id", "first_name", "last_name", "username", "title", "language_code"),
            *("inline_message_id", "chat_instance", "url"),
        ),
        str,
    ),
    **dict.fromkeys(
        (
            *("message_id", "message_thread_id", "date", "edit_date", "file_size"),
            *("width", "height", "duration", "offset", "length"),
        ),
        _COUNT,
    ),
    **dict.fromkeys(("migrate_to_chat_id", "migrate_from_chat_id"), _IDENTIFIER),
    **dict.fromkeys(("is_bot", "is_topic_message", "is_forum", "is_animated", "is_video"), bool),
}
"""What the bot looks at, by its name (and what it stands in), and what each may be."""
_SPARE: Final = frozenset(
    {
        *("caption_entities", "cover", "entities", "external_reply", "forward_origin", "quote"),
        *("link_preview_options", "reply_markup", "reply_to_message", "thumbnail", "via_bot"),
    }
)
"""What is given up before the message itself is, where something in it cannot be read."""


def read_update(document: Any, bot: Bot | None) -> Update | None:
    """The update in this JSON; None, and a line in the log, where it is none.

    Telegram would send it for ever, and nothing after it. A field of another type than it should
    be is one that was not told: python-telegram-bot takes it as it comes, and whoever reads it
    fails.
    """
    found = _understood(document, bot)
    return found[1] if found is not None else None


def _understood(document: Any, bot: Bot | None) -> tuple[dict[str, Any], Update] | None:
    """What of the JSON was used, and the update."""
    if _number(document) is not None:
        for without in (frozenset[str](), _SPARE):
            try:
                told = _told(document, without)
                update = Update.de_json(told, bot)
            except Exception:  # noqa: S112 - its text may hold anything of the update
                continue
            return told, update
    _log.error("update_skipped", result="unreadable")
    return None


def _told(value: Any, without: frozenset[str], name: str = "") -> Any:
    """What stands in the field `name`, less what is of no use in there, and those fields.

    Raises:
        LookupError: it lacks one that it cannot be without.
    """
    if isinstance(value, list):
        return [_told(inside, without, name) for inside in value]
    if not isinstance(value, dict):
        return value
    told = {
        field: _told(inside, without, field)
        for field, inside in value.items()
        if field not in without
        and _is_of(_READ.get(f"{name}.{field}", _READ.get(field, object)), inside)
    }
    if not all(told.get(field) is not None for field in _NEEDED.get(name, ())):
        raise LookupError(name)
    return told


def _is_of(kind: type | range, value: Any) -> bool:
    if isinstance(kind, range):
        return type(value) is int and value in kind  # True is no number
    return isinstance(value, kind)


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
        if (understood := _understood(document, None)) is not None:
            found.append(understood[0])
        elif (number := _number(document)) is not None:
            found.append({"update_id": number})
    return found


def _number(document: Any) -> int | None:
    number = document.get("update_id") if isinstance(document, dict) else None
    if not isinstance(number, int) or isinstance(number, bool):
        return None
    return number if 0 <= number <= _HIGHEST else None
