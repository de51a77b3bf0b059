"""Sending messages: https://core.telegram.org/bots/api#available-methods.

Checks come in the order of the public server: the text, then the markup, then the chat; what only
Telegram's own servers know (too long, blocked, too fast) comes last.
"""

from __future__ import annotations

import json
from typing import Any

from sandbox.telegram.call import METHODS, Call, Upload
from sandbox.telegram.errors import bad_request
from sandbox.telegram.files.media import KINDS, WITH_CAPTION, media_content
from sandbox.telegram.files.pictures import picture_size
from sandbox.telegram.files.store import PHOTO_LIMIT, StoredFile
from sandbox.telegram.formatting.markup import parse_markup
from sandbox.telegram.formatting.text import CAPTION_LIMIT, TEXT_LIMIT, format_text, preview_options
from sandbox.telegram.model import Chat, Json, Message
from sandbox.telegram.parameters import parse_json

_WIDEST_PHOTO = 10000  # "The photo's width and height must not exceed 10000 in total"
_SLOWEST_RATIO = 20
_ACTIONS = frozenset(
    {
        "cancel",
        "typing",
        "record_video",
        "upload_video",
        "record_audio",
        "record_voice",
        "upload_audio",
        "upload_voice",
        "upload_photo",
        "upload_document",
        "choose_sticker",
        "pick_up_location",
        "find_location",
        "record_video_note",
        "upload_video_note",
    }
)


def reply_target(call: Call, chat: Chat) -> int:
    """The message replied to; refuses one that is gone, unless told to send without."""
    raw = call.text("reply_parameters") or "{}"
    value = parse_json(raw, "reply parameters", dict, "Object expected as reply parameters")
    number = int(value.get("message_id") or 0)
    if number <= 0 or number in chat.messages:
        return number
    if not value.get("allow_sending_without_reply"):
        raise bad_request("message to be replied not found")
    return 0


def deliver(call: Call, content: Json, *, markup: Json | None, chat: Chat | None = None) -> Message:
    """Put the bot's message into the chat."""
    chat = chat or call.chat()
    world = call.world
    reply = reply_target(call, chat)
    world.check_reachable(chat)
    wanted = call.number("message_thread_id")
    topic = world.topics.target(chat, wanted, reply, may_closed=chat.bot_is_admin)
    world.limits.note(chat, call.method)
    content = topic | content
    return world.post(chat, world.bot_json(), content, from_bot=True, reply_to=reply, markup=markup)


@METHODS.add("sendMessage")
async def send_message(call: Call) -> Any:
    """https://core.telegram.org/bots/api#sendmessage."""
    content = text_content(call)
    markup = parse_markup(call.text("reply_markup"))
    chat = call.chat()
    if len(content["text"]) > TEXT_LIMIT:
        raise bad_request("Message is too long")
    message = deliver(call, content, markup=markup, chat=chat)
    call.world.preview(chat, content)
    return message.data


def text_content(call: Call) -> Json:
    """The part of a message that is its text."""
    if not call.text("text"):
        raise bad_request("Message text is empty")
    options = preview_options(call.args)
    text, entities = format_text(
        call.text("text"), call.text("parse_mode"), call.text("entities"), empty=False
    )
    more = {"entities": entities, "link_preview_options": options}
    return {"text": text} | {name: value for name, value in more.items() if value}


def caption_content(call: Call, given: Json | None = None) -> Json:
    """The caption, from the call's parameters or from an album's item."""
    source = given if given is not None else call.args
    raw = str(source.get("caption") or "")
    entities = source.get("caption_entities") or ""
    written = entities if isinstance(entities, str) else json.dumps(entities)
    mode = str(source.get("parse_mode") or "")
    text, found = format_text(raw, mode, written, empty=True)
    if len(text) > CAPTION_LIMIT:
        raise bad_request("Message caption is too long")
    content: Json = {"caption": text} if text else {}
    return content | ({"caption_entities": found} if found else {})


def check_media(call: Call, kind: str, source: Upload | StoredFile) -> None:
    """Refuse a file that cannot be sent as this kind of media."""
    if source.blob.size == 0:
        raise bad_request("file must be non-empty")
    if kind == "photo" and isinstance(source, Upload):
        if source.blob.size > PHOTO_LIMIT and not call.world.local_mode:
            raise bad_request("file of size is too big for a photo")
        size = picture_size(source.blob.path)
        if size is None:
            raise bad_request("IMAGE_PROCESS_FAILED")
        if sum(size) > _WIDEST_PHOTO or max(size) > _SLOWEST_RATIO * min(size):
            raise bad_request("PHOTO_INVALID_DIMENSIONS")


def shown_media(call: Call, kind: str, source: Upload | StoredFile, options: Json) -> Json:
    """The part of a message that is its media."""
    check_media(call, kind, source)
    files = call.world.files
    if isinstance(source, StoredFile):
        return media_content(files, kind, source, options=options)
    return media_content(
        files, kind, source.blob, name=source.name, mime=source.mime, options=options
    )


def _register_media(kind: str) -> None:
    field = kind
    method = "send" + "".join(word.capitalize() for word in kind.split("_"))

    async def send(call: Call) -> Any:
        source = call.media(field, kind)
        if source is None:
            raise bad_request(f"There is no {kind.replace('_', ' ')} in the request")
        caption = caption_content(call) if kind in WITH_CAPTION else {}
        markup = parse_markup(call.text("reply_markup"))
        chat = call.chat()
        content = shown_media(call, kind, source, dict(call.args)) | caption
        return deliver(call, content, markup=markup, chat=chat).data

    METHODS.add(method)(send)


for _kind in KINDS:
    _register_media(_kind)


@METHODS.add("sendChatAction")
async def send_chat_action(call: Call) -> Any:
    """https://core.telegram.org/bots/api#sendchataction."""
    action = call.text("action").lower()
    if action not in _ACTIONS:
        raise bad_request("Wrong parameter action in request")
    chat = call.chat()
    call.world.check_reachable(chat)
    topic = call.world.topics.target(
        chat, call.number("message_thread_id"), 0, may_closed=chat.bot_is_admin
    )
    chat.events.add("action", action=action, **topic)
    return True
