"""Changing what was sent, and answering taps.

https://core.telegram.org/bots/api#updating-messages
"""

from __future__ import annotations

import time
from typing import Any

from sandbox.telegram.call import METHODS, Call
from sandbox.telegram.errors import NOT_MODIFIED, ApiError, bad_request
from sandbox.telegram.files.media import KINDS
from sandbox.telegram.formatting.markup import inline_only
from sandbox.telegram.formatting.text import TEXT_LIMIT
from sandbox.telegram.methods.sending import caption_content, shown_media, text_content
from sandbox.telegram.model import Chat, Json, Message
from sandbox.telegram.parameters import parse_json

ANSWER_LIMIT = 200  # https://core.telegram.org/bots/api#answercallbackquery
_DELETABLE = 48 * 60 * 60  # https://core.telegram.org/bots/api#deletemessage
_TEXT_KEYS = ("text", "entities", "link_preview_options", "reply_markup", "edit_date")
_CAPTION_KEYS = ("caption", "caption_entities", "reply_markup", "edit_date")
_MEDIA_KEYS = (*KINDS, *_CAPTION_KEYS)


def _find(call: Call, what: str) -> tuple[Chat, Message]:
    chat = call.chat()
    message = chat.messages.get(call.number("message_id"))
    if message is None:
        raise bad_request(f"{what} not found")
    return chat, message


def _own(call: Call) -> tuple[Chat, Message]:
    """The bot's message that is to be edited."""
    if not call.text("chat_id") and not call.number("message_id"):
        if not call.text("inline_message_id"):
            raise bad_request("Message identifier is not specified")
        raise ApiError(400, "Bad Request: MESSAGE_ID_INVALID")
    chat, message = _find(call, "message to edit")
    if not message.from_bot:
        raise bad_request("Message can't be edited")
    return chat, message


def _apply(call: Call, chat: Chat, message: Message, changes: Json, keys: tuple[str, ...]) -> Json:
    """Replace these fields; refuse an edit that changes nothing."""
    kept = {name: value for name, value in message.data.items() if name not in keys}
    new = kept | changes
    if new == {k: v for k, v in message.data.items() if k != "edit_date"}:
        raise bad_request(NOT_MODIFIED)
    call.world.check_reachable(chat)
    call.world.limits.note(chat, call.method)
    call.world.replace(chat, message, new)
    return message.data


def _markup(markup: Json | None) -> Json:
    return {} if markup is None else {"reply_markup": markup}


@METHODS.add("editMessageText")
async def edit_message_text(call: Call) -> Any:
    """https://core.telegram.org/bots/api#editmessagetext; no markup takes the old one away."""
    changes = text_content(call)
    markup = inline_only(call.text("reply_markup"))
    chat, message = _own(call)
    if "text" not in message.data:
        raise bad_request("There is no text in the message to edit")
    if len(changes["text"]) > TEXT_LIMIT:
        raise ApiError(400, "Bad Request: MESSAGE_TOO_LONG")
    result = _apply(call, chat, message, changes | _markup(markup), _TEXT_KEYS)
    call.world.preview(chat, changes)
    return result


@METHODS.add("editMessageReplyMarkup")
async def edit_message_reply_markup(call: Call) -> Any:
    """https://core.telegram.org/bots/api#editmessagereplymarkup."""
    markup = inline_only(call.text("reply_markup"))
    chat, message = _own(call)
    return _apply(call, chat, message, _markup(markup), ("reply_markup", "edit_date"))


@METHODS.add("editMessageMedia")
async def edit_message_media(call: Call) -> Any:
    """https://core.telegram.org/bots/api#editmessagemedia."""
    markup = inline_only(call.text("reply_markup"))
    raw = call.text("media") or "{}"
    unsupported = 'Can\'t parse InputMedia: type "" is unsupported'
    item = parse_json(raw, "input media", dict, unsupported)
    kind = str(item.get("type", ""))
    if kind not in ("photo", "video", "document", "audio", "animation"):
        raise bad_request(f'Can\'t parse InputMedia: type "{kind}" is unsupported')
    source = call.media("media", kind, str(item.get("media", "")))
    if source is None:
        raise bad_request("Can't parse InputMedia: media not found")
    chat, message = _own(call)
    if not any(kind in message.data for kind in KINDS):
        raise bad_request("There is no media in the message to edit")
    changes = shown_media(call, kind, source, item) | caption_content(call, item)
    return _apply(call, chat, message, changes | _markup(markup), _MEDIA_KEYS)


@METHODS.add("deleteMessage")
async def delete_message(call: Call) -> Any:
    """https://core.telegram.org/bots/api#deletemessage."""
    if not call.text("chat_id"):
        raise bad_request("Chat identifier is not specified")
    if not call.number("message_id"):
        raise bad_request("Message identifier is not specified")
    chat, message = _find(call, "message to delete")
    if time.time() - message.data["date"] > _DELETABLE:
        raise bad_request("message can't be deleted for everyone")
    if not message.from_bot and chat.type != "private" and not chat.bot_is_admin:
        raise bad_request("message can't be deleted")
    call.world.remove(chat, message.id)
    return True


@METHODS.add("answerCallbackQuery")
async def answer_callback_query(call: Call) -> Any:
    """https://core.telegram.org/bots/api#answercallbackquery."""
    query = call.world.open_callback(call.text("callback_query_id"))
    text, url = call.text("text"), call.text("url")
    if len(text) > ANSWER_LIMIT:
        raise ApiError(400, "Bad Request: MESSAGE_TOO_LONG")
    own = (f"https://t.me/{call.world.bot_username}", f"t.me/{call.world.bot_username}", "tg://")
    if url and not url.startswith(own):
        raise ApiError(400, "Bad Request: URL_INVALID")
    query.answered = True
    call.world.chats[query.chat_id].events.add(
        "answer",
        query_id=query.id,
        user_id=query.user_id,
        text=text,
        show_alert=call.flag("show_alert"),
        url=url,
    )
    return True
