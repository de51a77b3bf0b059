"""Every answer of Telegram's has a decided end: fields that lack, or are odd, included.

python-telegram-bot takes an answer's shape for granted. Behind a proxy, or with a server that is
none of Telegram's, that ends in a KeyError or TypeError somewhere in the bot.
https://core.telegram.org/bots/api#making-requests
"""

from __future__ import annotations

import math
from typing import Any, Final

from telegram import (
    BotCommand,
    BotDescription,
    BotShortDescription,
    File,
    TelegramObject,
    User,
    WebhookInfo,
)
from telegram.error import NetworkError
from telegram.request import BaseRequest

from security.google.answers import json_object

_SOONEST_SECONDS: Final = 5
"""After a 429 that does not say how long to wait."""
_LATEST_SECONDS: Final = 24 * 3600
_CHAT_BITS: Final = 52  # https://core.telegram.org/bots/api#chat
_MOST_MESSAGES: Final = 1 << 31
_MOST_BYTES: Final = 1 << 52  # https://core.telegram.org/bots/api#file
_NO_RESULT: Final = object()
Answer = dict[str, Any]


_TEXT: Final = (str,)
_NUMBER: Final = (int,)
_TRUTH: Final = (bool,)
_Needed = tuple[dict[str, tuple[type, ...]], type[TelegramObject]]
_NEEDED: Final[dict[str, _Needed]] = {
    "getMe": ({"id": _NUMBER, "is_bot": _TRUTH, "first_name": _TEXT, "username": _TEXT}, User),
    "getFile": (
        {"file_id": _TEXT, "file_unique_id": _TEXT, "file_path": (*_TEXT, type(None))},
        File,
    ),
    "getWebhookInfo": (
        {"url": _TEXT, "has_custom_certificate": _TRUTH, "pending_update_count": _NUMBER},
        WebhookInfo,
    ),
    "getMyDescription": ({"description": _TEXT}, BotDescription),
    "getMyShortDescription": ({"short_description": _TEXT}, BotShortDescription),
}
"""What the bot needs of an answer, of which types, and what the library makes of it."""
_COMMAND: Final[_Needed] = ({"command": _TEXT, "description": _TEXT}, BotCommand)


class DecidedAnswers(BaseRequest):
    """For a class that makes requests: its answers, looked at before the library takes them."""

    async def post(self, url: str, *args: Any, **options: Any) -> Any:  # type: ignore[misc] # final
        """As the base class.

        Raises:
            telegram.error.NetworkError: also where the answer is of no use.
        """
        method = url.rpartition("/")[2]
        result = await super().post(url, *args, **options)
        if result is _NO_RESULT:
            raise NetworkError("Telegram's answer says neither yes nor no")
        if method.startswith(("send", "edit")):
            return _what_was_sent(result)
        if method == "getMyCommands":
            for command in result if isinstance(result, list) else [None]:
                _check(command, *_COMMAND)
        elif method in _NEEDED:
            if method == "getFile":
                result = _with_a_size_or_none(result)
            _check(result, *_NEEDED[method])
        return result

    @staticmethod
    def parse_json_payload(payload: bytes) -> Answer:
        """As the base class, which would log what it cannot read."""
        answer = json_object(payload.decode("utf-8", "replace"))
        if answer is None:
            raise NetworkError("Telegram's answer cannot be read")
        if answer.get("ok") is True:
            return {"result": None, **answer}
        return _refusal(answer)


def _refusal(answer: Answer) -> Answer:
    """With those of its fields alone that the library acts upon, each of its type."""
    said, parameters = answer.get("description"), answer.get("parameters")
    given = parameters if isinstance(parameters, dict) else {}
    after = _whole(given.get("retry_after"))
    moved_to = _whole(given.get("migrate_to_chat_id"))
    kept: dict[str, int] = {}
    if after > 0 or answer.get("error_code") == 429:
        kept["retry_after"] = min(after, _LATEST_SECONDS) if after > 0 else _SOONEST_SECONDS
    if -(1 << _CHAT_BITS) < moved_to < 0:
        kept["migrate_to_chat_id"] = moved_to
    description = said if isinstance(said, str) else ""
    return {"ok": False, "description": description, "parameters": kept, "result": _NO_RESULT}


def _whole(value: Any) -> int:
    """A number as the API or a careless server writes it; 0: there is none."""
    if isinstance(value, str) and len(value) <= 20:
        try:
            value = float(value) if "." in value else int(value)
        except ValueError:
            return 0
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return 0
    return math.ceil(value)


def _check(result: Any, needed: dict[str, tuple[type, ...]], made: type[TelegramObject]) -> None:
    try:
        # By the very type: True is no number.
        if all(type(result.get(name)) in kinds for name, kinds in needed.items()):
            made.de_json(result, None)
            return
    except (TypeError, ValueError, LookupError, AttributeError, OverflowError):
        pass
    # What the library says may hold anything of the answer.
    raise NetworkError(f"Telegram's answer is no {made.__name__}")


def _with_a_size_or_none(result: Any) -> Any:
    """Without what can be no size of a file: it is optional, and the download tells it as well.

    Nor is 0 believed: Telegram takes no empty files, and of one nothing would be asked for.
    """
    if isinstance(result, dict) and not _is_count(result.get("file_size"), _MOST_BYTES):
        return {name: value for name, value in result.items() if name != "file_size"}
    return result


def _what_was_sent(result: Any) -> Answer:
    """All the bot needs of a message that it has sent: its number; 0 where that is odd.

    It has been done, and must not be done twice: this is no error.
    """
    told = result.get("message_id") if isinstance(result, dict) else None
    number = told if _is_count(told, _MOST_MESSAGES) else 0
    return {"message_id": number, "date": 0, "chat": {"id": 0, "type": "private"}}


def _is_count(value: Any, limit: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < limit
