"""Updates whose fields lack or are odd: each has a decided end, and none is a defect of the bot's.

A proxy, or a server that is none of Telegram's, sends what it likes; python-telegram-bot takes the
type of a field for granted. https://core.telegram.org/bots/api#update
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, Final

import pytest
from telegram import Update

from bot.updates.incoming import read_update, readable
from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.person import Person
from sandbox.clients.telegram_controls import TelegramControls
from tests.bot.test_updates import kept
from tests.bot.upkeep import logged
from tests.fixtures import RunningBot
from tests.journeys import connect, until
from tests.running import in_rest

People = Callable[..., Person]
pytestmark = pytest.mark.one_way("off")
AMY: Final = "amy@example.com"
NOTHING: Final = object()
ODD: Final = (
    *(None, NOTHING, [1], {"a": 1}, True, -1, 0, 10**40, 1.5, float("inf")),
    *("", "5000", "\ud800", "\x00", "x" * 5000),
)
USER: Final = {"id": 501, "is_bot": False, "first_name": "Ann", "language_code": "en"}
CHAT: Final = {"id": 501, "type": "private", "first_name": "Ann"}
MEMBER: Final = {"status": "member", "user": USER}
SOME: Final = ("message", "callback_query")
FIELDS: Final[dict[str, tuple[str, ...]]] = {
    "message": (
        *("message_id", "date", "chat", "chat.id", "chat.type", "from", "from.id"),
        *("from.is_bot", "from.first_name", "from.language_code", "caption", "caption_entities"),
        *("media_group_id", "message_thread_id", "is_topic_message", "reply_to_message"),
        *("external_reply", "sender_chat", "document", "document.file_id", "document.file_name"),
        *("document.file_size", "document.mime_type", "document.file_unique_id", "text", "photo"),
    ),
    "callback_query": (
        *("id", "from", "data", "message", "message.chat", "message.date", "message.message_id"),
        *("chat_instance", "inline_message_id"),
    ),
    "my_chat_member": (
        *("chat", "from", "date", "old_chat_member", "new_chat_member", "new_chat_member.status"),
        *("new_chat_member.user",),
    ),
}


def changed(document: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """The same but for this field."""
    new = copy.deepcopy(document)
    *around, last = path.split(".")
    inside: Any = new
    for name in around:
        inside = inside[name]
    inside.pop(last, None)
    if value is not NOTHING:
        inside[last] = value
    return new


@pytest.mark.parametrize("kind", [*SOME, *in_rest(*(one for one in FIELDS if one not in SOME))])
@pytest.mark.one_way
async def test_no_field_of_an_update_is_a_defect_of_the_bots(
    bot: RunningBot, google: GoogleControls, people: People, kind: str
) -> None:
    """Whatever it is, it is handled or passed over, and the next message has its answer."""
    ann = people()
    await connect(ann, google, AMY)
    file = {"file_id": "none", "file_unique_id": "u", "file_name": "a.bin", "file_size": 400}
    message = {"message_id": 5000, "date": 1_800_000_000, "chat": CHAT, "from": USER}
    kinds: dict[str, dict[str, Any]] = {
        "message": {**message, "document": file},
        "callback_query": {
            **{"id": "1", "from": USER, "chat_instance": "1", "data": "x:y"},
            "message": ann.last().raw,
        },
        "my_chat_member": {
            **{"chat": CHAT, "from": USER, "date": 1, "old_chat_member": MEMBER},
            "new_chat_member": {"status": "kicked", "user": USER, "until_date": 0},
        },
    }
    async with TelegramControls(ann.base_url) as telegram:
        for field in FIELDS[kind]:
            whole = dict(kinds[kind])
            if field in ("text", "photo"):
                whole.pop("document", None)
            for value in ODD:
                if field == "chat.id" and isinstance(value, (list, dict)):
                    continue  # the sandbox looks for the chat itself
                await telegram.inject(kind, changed(whole, field, value))
            await ann.send("/help")
            await ann.wait_for("/connect", 20)
            await until(lambda: not kept(bot.folder))
            assert logged(bot, "handler_failed") == [], field


@pytest.mark.parametrize("size", [None, [1], 0, -1, True, "5000", 1.5, 10**40])
@pytest.mark.parametrize("field", ["file_size", "file_name", "mime_type"])
@pytest.mark.one_way
async def test_a_file_of_which_something_odd_is_said_arrives(
    bot: RunningBot, google: GoogleControls, people: People, field: str, size: Any
) -> None:
    """Only what cannot be done without is needed: its identifier. The rest is not told."""
    ann, content = people(), b"z" * 400
    await connect(ann, google, AMY)
    sent = await ann.send_document(content, "base.bin")
    await ann.wait_for("is in your Drive")
    raw = {**sent.raw, "message_id": 5000}
    async with TelegramControls(ann.base_url) as telegram:
        await telegram.inject("message", changed(raw, f"document.{field}", size))
    await ann.wait_for(lambda m: "It is there already" in m.text or "✅" in m.text)
    assert {file["size"] for file in await google.files(AMY) if file.get("size")} == {400}
    assert logged(bot, "handler_failed") == []


@pytest.mark.parametrize("value", [[1], {"a": 1}, "x", 7, True])
@pytest.mark.parametrize(
    "field",
    [
        *("document.thumbnail", "entities", "caption_entities", "reply_to_message", "via_bot"),
        *("external_reply", "forward_origin", "quote", "link_preview_options", "reply_markup"),
    ],
)
def test_no_file_is_passed_over_for_what_nobody_needs(field: str, value: Any) -> None:
    """By polling and from the disk alike."""
    file = {"file_id": "a", "file_unique_id": "b", "file_name": "a.bin", "file_size": 400}
    message = {"message_id": 5, "date": 1_800_000_000, "chat": CHAT, "from": USER}
    document = {"update_id": 7, "message": changed({**message, "document": file}, field, value)}
    update = read_update(document, None)
    assert update is not None
    assert update.message is not None
    assert update.message.document is not None
    (kept,) = readable([document])
    assert "message" in kept
    assert Update.de_json(kept, None) == update
