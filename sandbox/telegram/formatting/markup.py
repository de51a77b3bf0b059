"""`reply_markup`: parsed, checked and refused as the real server does.

`get_reply_markup` of the public server's `Client.cpp`, then the checks of the library's
`ReplyMarkup.cpp`, then those that only Telegram's own servers make (BUTTON_DATA_INVALID).
"""

from __future__ import annotations

from typing import Any

from sandbox.telegram.errors import ApiError, bad_request
from sandbox.telegram.formatting.html import utf16_length
from sandbox.telegram.formatting.links import button_link, user_of_link
from sandbox.telegram.model import Json
from sandbox.telegram.parameters import parse_json

DATA_LIMIT = 64  # bytes, https://core.telegram.org/bots/api#inlinekeyboardbutton
PLACEHOLDER_LIMIT = 64  # "1-64 characters", https://core.telegram.org/bots/api#forcereply
MOST_BUTTONS = 100
_INLINE = "inline keyboard button"
_NOT_MODELLED = (
    *("callback_game", "pay", "copy_text", "switch_inline_query"),
    *("switch_inline_query_current_chat", "switch_inline_query_chosen_chat"),
)


def _text_field(value: Json, name: str, what: str = _INLINE, *, required: bool = False) -> str:
    if value.get(name) is None:
        if required:
            raise bad_request(f"Can't parse {what}: Can't find field \"{name}\"")
        return ""
    found = value[name]
    if isinstance(found, bool) or not isinstance(found, str | int | float):
        raise bad_request(f'Can\'t parse {what}: Field "{name}" must be of type String')
    return str(found)


def _object_field(value: Json, name: str) -> Json:
    found = value[name]
    if not isinstance(found, dict):
        raise bad_request(f'Can\'t parse {_INLINE}: Field "{name}" must be of type Object')
    return found


def parse_markup(raw: str) -> Json | None:
    """Return the markup in the Bot API's own form, or None where there is none."""
    if raw in ("", "null"):
        return None
    value = parse_json(raw, "reply keyboard markup", dict, "Object expected as reply markup")
    keyboard = _rows(value, "keyboard", 'Field "keyboard" must be an Array of Arrays')
    inline = _rows(
        value,
        "inline_keyboard",
        'Field "inline_keyboard" of the InlineKeyboardMarkup must be an Array of Arrays',
    )
    placeholder = value.get("input_field_placeholder")
    if placeholder is not None and not 1 <= utf16_length(str(placeholder)) <= PLACEHOLDER_LIMIT:
        raise ApiError(400, "Bad Request: INPUT_FIELD_PLACEHOLDER_INVALID")
    if keyboard:
        parsed = [[_reply_button(button) for button in row] for row in keyboard]
        flags = ("resize_keyboard", "one_time_keyboard", "is_persistent", "selective")
        shown = {name: True for name in flags if value.get(name)}
        extra = {"input_field_placeholder": placeholder} if placeholder else {}
        return {"keyboard": parsed, **shown, **extra}
    if inline:
        buttons = [[_inline_button(button) for button in row] for row in inline if row]
        if sum(map(len, buttons)) > MOST_BUTTONS:
            raise bad_request("reply markup is too long")
        return {"inline_keyboard": buttons} if buttons else None
    if value.get("remove_keyboard") or value.get("hide_keyboard"):
        return {"remove_keyboard": True}
    if value.get("force_reply") or value.get("force_reply_keyboard"):
        return {"force_reply": True} | (
            {"input_field_placeholder": placeholder} if placeholder else {}
        )
    return None


def inline_only(raw: str) -> Json | None:
    """Parse the markup of an edit, which may be an inline keyboard only."""
    markup = parse_markup(raw)
    if markup is not None and "inline_keyboard" not in markup:
        raise bad_request("Inline keyboard expected")
    return markup


def _rows(value: Json, name: str, complaint: str) -> list[list[Any]]:
    rows = value.get(name)
    if rows is None:
        return []
    if not isinstance(rows, list):
        raise bad_request(f'Field "{name}" must be of type Array')
    if not all(isinstance(row, list) for row in rows):
        raise bad_request(complaint)
    return rows


def _reply_button(button: Any) -> Json:
    if isinstance(button, str):
        return {"text": button}
    if not isinstance(button, dict):
        raise bad_request(
            "Can't parse keyboard button: KeyboardButton must be a String or an Object"
        )
    text = _text_field(button, "text", "keyboard button", required=True)
    if not text:
        raise bad_request("Keyboard button text must be non-empty")
    return button | {"text": text}


def _inline_button(button: Any) -> Json:
    if not isinstance(button, dict):
        raise bad_request(f"Can't parse {_INLINE}: InlineKeyboardButton must be an Object")
    text, kind = _text_field(button, "text", required=True), _inline_kind(button)
    if not text:
        raise bad_request("Inline keyboard button text must be non-empty")
    style = button.get("style")
    return {"text": text, **kind} | ({"style": style} if style else {})


def _inline_kind(button: Json) -> Json:
    if url := _text_field(button, "url"):
        return {"url": url if user_of_link(url) else button_link(url)}
    if data := _text_field(button, "callback_data"):
        if len(data.encode()) > DATA_LIMIT:
            raise ApiError(400, "Bad Request: BUTTON_DATA_INVALID")
        return {"callback_data": data}
    for name in _NOT_MODELLED:
        if name in button:
            raise bad_request(f"the sandbox does not model {name} of a button")
    for name, what in (("login_url", "login "), ("web_app", "Web App ")):
        if name in button:
            given = _text_field(_object_field(button, name), "url", required=True)
            return {name: {"url": button_link(given, what, https_only=True)}}
    raise bad_request(f"Can't parse {_INLINE}: Text buttons are unallowed in the inline keyboard")
