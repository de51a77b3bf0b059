"""Topics, and groups that become supergroups, as the Bot API shows them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.sandbox.telegram_kit import Kit, running


@pytest.fixture
async def kit(tmp_path: Path) -> AsyncIterator[Kit]:
    """Telegram's half."""
    async with running(tmp_path) as started:
        yield started


async def test_a_message_in_a_topic_carries_its_number_and_answers_go_there(kit: Kit) -> None:
    """Also those that only reply; into the general one nobody can send by its number."""
    await kit.person(501)
    group = await kit.controls.make_group("Depot", [501], told=False)
    topic = await kit.controls.make_topic(group)
    sent = await kit.controls.group_message(group, 501, "/hello", topic=topic)
    message = sent["message"]
    assert (message["message_thread_id"], message["is_topic_message"]) == (topic, True)
    assert message["chat"]["is_forum"] is True
    for where in (
        {"message_thread_id": topic},
        {"reply_parameters": {"message_id": message["message_id"]}},
    ):
        answer = await kit.call("sendMessage", chat_id=group, text="x", **where)
        assert answer.result["message_thread_id"] == topic
    assert (
        "message_thread_id" not in (await kit.call("sendMessage", chat_id=group, text="x")).result
    )
    for number in (1, topic + 1):
        refused = await kit.call("sendMessage", chat_id=group, text="x", message_thread_id=number)
        assert refused.refusal == (400, "Bad Request: message thread not found")


async def test_a_topic_that_was_closed_or_deleted_takes_nothing(kit: Kit) -> None:
    """Nor does the general one, once it is closed."""
    await kit.person(501)
    group = await kit.controls.make_group("Depot", [501], told=False)
    topic = await kit.controls.make_topic(group)
    for deed, says in (("close", "TOPIC_CLOSED"), ("delete", "TOPIC_DELETED")):
        await kit.controls.change_topic(group, topic, deed)
        refused = await kit.call("sendMessage", chat_id=group, text="x", message_thread_id=topic)
        assert refused.refusal == (400, f"Bad Request: {says}")
    await kit.controls.change_topic(group, topic, "reopen")
    await kit.call("sendMessage", chat_id=group, text="x", message_thread_id=topic)
    await kit.controls.change_topic(group, 1, "close")
    refused = await kit.call("sendMessage", chat_id=group, text="x")
    assert refused.refusal == (400, "Bad Request: TOPIC_CLOSED")


async def test_a_private_chat_has_topics_too(kit: Kit) -> None:
    """Without them a number is refused."""
    ann = await kit.person(501)
    await ann.start()
    refused = await kit.call("sendMessage", chat_id=501, text="x", message_thread_id=5)
    assert refused.refusal == (400, "Bad Request: message thread not found")
    topic = await kit.controls.make_topic(501)
    sent = await ann.send("x", topic=topic)
    assert sent.raw["message_thread_id"] == topic
    answer = await kit.call("sendMessage", chat_id=501, text="x", message_thread_id=topic)
    assert answer.result["is_topic_message"] is True


async def test_a_group_that_became_a_supergroup_says_its_new_number(kit: Kit) -> None:
    """To whoever writes to the old one, and by a message in each."""
    await kit.person(501)
    group = await kit.controls.make_group("Depot", [501], kind="group", told=False)
    new = await kit.controls.upgrade(group)
    refused = await kit.call("sendMessage", chat_id=group, text="x")
    assert refused.status == 400
    assert refused.body["parameters"] == {"migrate_to_chat_id": new}
    assert (await kit.call("sendMessage", chat_id=new, text="x")).result["chat"]["id"] == new
    told = [u["message"] for u in await kit.updates() if "message" in u][-2:]
    assert [m.get("migrate_to_chat_id") for m in told] == [new, None]
    assert told[1]["migrate_from_chat_id"] == group


async def test_a_message_made_by_hand_makes_its_topic(kit: Kit) -> None:
    """By `extra`, or as a whole update."""
    await kit.person(501)
    group = await kit.controls.make_group("Depot", [501], told=False)
    inside = {"message_thread_id": 77, "is_topic_message": True}
    await kit.controls.group_message(group, 501, "/hello", extra=inside)
    sent = await kit.call("sendMessage", chat_id=group, text="x", message_thread_id=77)
    assert sent.result["is_topic_message"] is True
    message = {"message_id": 5, "date": 1, "chat": {"id": 501}, "text": "x", **inside}
    await kit.controls.inject("message", message)
    sent = await kit.call("sendMessage", chat_id=501, text="x", message_thread_id=77)
    assert sent.result["is_topic_message"] is True
