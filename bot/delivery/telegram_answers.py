"""Every answer of Telegram's has a decided end: fields that lack, or are odd, included.

python-telegram-bot takes an answer's shape for granted. Behind a proxy, or with a server that is
none of Telegram's, that ends in a KeyError or TypeError somewhere in the bot.
https://core.telegram.org/bots/api#making-requests
"""

from __future__ import annotations

import json
import math
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field, StrictBool, StrictInt, StrictStr, ValidationError
from telegram import BotCommand, BotDescription, BotShortDescription, File, User, WebhookInfo
from telegram.error import NetworkError
from telegram.request import BaseRequest

_SOONEST_SECONDS: Final = 5
"""After a 429 that does not say how long to wait."""
_LATEST_SECONDS: Final = 24 * 3600
_CHAT_BITS: Final = 52  # https://core.telegram.org/bots/api#chat
_MOST_MESSAGES: Final = 1 << 31
_MOST_BYTES: Final = 1 << 52  # https://core.telegram.org/bots/api#file
_NO_RESULT: Final = object()
Answer = dict[str, Any]


class _User(BaseModel):
    id: StrictInt
    is_bot: StrictBool
    first_name: StrictStr
    username: StrictStr


class _File(BaseModel):
    file_id: StrictStr
    file_unique_id: StrictStr
    file_path: Annotated[StrictStr, Field(min_length=1)] | None = None


class _WebhookInfo(BaseModel):
    url: StrictStr
    has_custom_certificate: StrictBool
    pending_update_count: StrictInt


class _Described(BaseModel):
    description: StrictStr


class _ShortlyDescribed(BaseModel):
    short_description: StrictStr


class _Command(BaseModel):
    command: StrictStr
    description: StrictStr


_ASKED: Final[dict[str, tuple[type[BaseModel], Any]]] = {
    "getMe": (_User, User),
    "getFile": (_File, File),
    "getWebhookInfo": (_WebhookInfo, WebhookInfo),
    "getMyDescription": (_Described, BotDescription),
    "getMyShortDescription": (_ShortlyDescribed, BotShortDescription),
}
"""What the bot needs of an answer, and what the library makes of it."""


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
                _check(command, _Command, BotCommand)
        elif method in _ASKED:
            if method == "getFile":
                result = _with_a_size_or_none(result)
            _check(result, *_ASKED[method])
        return result

    @staticmethod
    def parse_json_payload(payload: bytes) -> Answer:
        """As the base class, which would log what it cannot read."""
        try:
            answer = json.loads(payload.decode("utf-8", "replace"))
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
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


def _check(result: Any, needed: type[BaseModel], made: Any) -> None:
    try:
        needed.model_validate(result)
        made.de_json(result, None)
    except (ValidationError, TypeError, ValueError, LookupError, AttributeError, OverflowError):
        # Its text may hold anything of the answer.
        raise NetworkError(f"Telegram's answer is no {made.__name__}") from None


def _with_a_size_or_none(result: Any) -> Any:
    """Without what can be no size of a file: it is optional, and the download tells it as well.

    Nor is 0 believed: Telegram takes no empty files, and of one nothing would be asked for.
    """
    if not isinstance(result, dict) or "file_size" not in result:
        return result
    size = result["file_size"]
    if isinstance(size, int) and not isinstance(size, bool) and 0 < size < _MOST_BYTES:
        return result
    return {name: value for name, value in result.items() if name != "file_size"}


def _what_was_sent(result: Any) -> Answer:
    """All the bot needs of a message that it has sent: its number; 0 where that is odd.

    It has been done, and must not be done twice: this is no error.
    """
    number = result.get("message_id") if isinstance(result, dict) else None
    if not isinstance(number, int) or isinstance(number, bool) or not 0 < number < _MOST_MESSAGES:
        number = 0
    return {"message_id": number, "date": 0, "chat": {"id": 0, "type": "private"}}
