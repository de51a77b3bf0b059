"""Updates: how they are fetched, confirmed and pushed, and what people's deeds become."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from sandbox.clients.group import Group
from tests.sandbox.telegram_kit import Kit, eventually, running

ANN = 700


@pytest.fixture
async def kit(tmp_path: Path) -> AsyncIterator[Kit]:
    async with running(tmp_path) as started:
        yield started


async def test_an_update_comes_again_until_a_higher_offset_confirms_it(kit: Kit) -> None:
    ann = await kit.person()
    for text in ("a", "b", "c"):
        await ann.send(text)
    first = await kit.updates()
    assert [u["message"]["text"] for u in first] == ["/start", "a", "b", "c"]
    assert await kit.updates() == first
    assert await kit.updates(limit=2) == first[:2]
    assert await kit.updates(offset=first[2]["update_id"]) == first[2:]
    assert await kit.updates() == first[2:]
    assert await kit.updates(offset=-1) == first[3:]
    assert await kit.updates(offset=first[3]["update_id"] + 1) == []


async def test_batches_are_of_a_hundred(kit: Kit) -> None:
    ann = await kit.person()
    for number in range(120):
        kit.world.queue.put("message", {"n": number})
    assert ann.id == ANN
    batch = await kit.updates(timeout=5)
    assert len(batch) == 100
    assert len(await kit.updates(offset=batch[-1]["update_id"] + 1)) == 21


async def test_a_long_poll_waits_and_ends_at_the_first_update(kit: Kit) -> None:
    ann = await kit.person()
    offset = (await kit.updates())[-1]["update_id"] + 1
    poll = asyncio.create_task(kit.updates(offset=offset, timeout=50))
    await asyncio.sleep(0.05)
    assert not poll.done()
    begun = time.monotonic()
    await ann.send("now")
    assert (await poll)[0]["message"]["text"] == "now"
    assert time.monotonic() - begun < 20
    begun = time.monotonic()
    assert await kit.updates(offset=offset + 1, timeout=1) == []
    assert time.monotonic() - begun >= 0.9


async def test_a_later_poll_ends_the_earlier_one_with_a_conflict(kit: Kit) -> None:
    older = asyncio.create_task(kit.call("getUpdates", timeout=50))
    await eventually(lambda: kit.world.queue._poll is not None)
    newer = asyncio.create_task(kit.call("getUpdates", timeout=1))
    assert (await older).refusal == (
        409,
        "Conflict: terminated by other getUpdates request; "
        "make sure that only one bot instance is running",
    )
    assert (await newer).result == []


async def test_allowed_updates_are_remembered(kit: Kit) -> None:
    ann = await kit.person()
    await kit.updates(allowed_updates=["callback_query"], offset=-1)
    await ann.send("unheard")
    assert await kit.updates(offset=2**31 - 1) == []
    assert (await kit.call("getWebhookInfo")).result["allowed_updates"] == ["callback_query"]
    await kit.updates(allowed_updates=[])
    await ann.send("heard")
    assert (await kit.updates())[-1]["message"]["text"] == "heard"


async def test_a_webhook_gets_each_update_once_it_answers(kit: Kit) -> None:
    got: list[tuple[str, dict[str, Any]]] = []
    answers = [500, 200, 200]

    async def hook(request: web.Request) -> web.Response:
        secret = request.headers.get("X-Telegram-Bot-Api-Secret-Token", "")
        got.append((secret, await request.json()))
        return web.Response(status=answers.pop(0))

    app = web.Application()
    app.router.add_post("/hook", hook)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    kit.world.webhook.first_pause = 0.05
    poll = asyncio.create_task(kit.call("getUpdates", timeout=50))
    await eventually(lambda: kit.world.queue._poll is not None)
    answer = await kit.call("setWebhook", url=url, secret_token="s-1")
    assert answer.body["description"] == "Webhook was set"
    assert (await poll).refusal[1] == "Conflict: terminated by setWebhook request"
    ann = await kit.person()
    await ann.send("pushed")
    await eventually(lambda: len(got) == 3)
    assert [update["message"]["text"] for _, update in got] == ["/start", "/start", "pushed"]
    assert {secret for secret, _ in got} == {"s-1"}
    info = (await kit.call("getWebhookInfo")).result
    assert info["last_error_message"].startswith("Wrong response from the webhook: 500")
    refused = await kit.call("getUpdates")
    assert refused.refusal == (
        409,
        "Conflict: can't use getUpdates method while webhook is active; "
        "use deleteWebhook to delete the webhook first",
    )
    assert (await kit.call("deleteWebhook")).body["description"] == "Webhook was deleted"
    again = await kit.call("deleteWebhook")
    assert again.body["description"] == "Webhook is already deleted"
    assert await kit.updates() == []
    await runner.cleanup()


@pytest.mark.parametrize(
    ("args", "description"),
    [
        ({"url": "ftp://x.org"}, "invalid webhook URL specified"),
        ({"url": "http://example.org/h"}, "bad webhook: An HTTPS URL must be provided for webhook"),
        (
            {"url": "https://example.org/h"},
            "bad webhook: Failed to resolve host: Name or service not known",
        ),
        ({"url": "http://127.0.0.1/h", "secret_token": "a" * 257}, "secret token is too long"),
        (
            {"url": "http://127.0.0.1/h", "secret_token": "a b"},
            "secret token contains unallowed characters",
        ),
    ],
)
async def test_webhooks_that_cannot_be_set(
    kit: Kit, args: dict[str, str], description: str
) -> None:
    answer = await kit.call("setWebhook", **args)
    assert answer.refusal == (400, f"Bad Request: {description}")


async def test_messages_have_the_fields_of_the_bot_api(kit: Kit) -> None:
    ann = await kit.person(ANN, "zh-hant", start=False)
    await ann.start("a_1-b")
    first = await ann.send("see https://example.org/a. or mail a@example.org #tag")
    await ann.send("an answer", reply_to=first.id)
    await ann.send_contact()
    await ann.send_location()
    await ann.edit(first.id, "corrected")
    await ann.send("passed on", forward_from="Somebody")
    start, plain, reply, contact, location, edited, forward = await kit.updates()
    message = start["message"]
    assert message["from"] == {
        "id": ANN,
        "is_bot": False,
        "first_name": "User700",
        "language_code": "zh-hant",
    }
    assert message["chat"] == {"id": ANN, "first_name": "User700", "type": "private"}
    assert message["entities"] == [{"offset": 0, "length": 6, "type": "bot_command"}]
    assert [entity["type"] for entity in plain["message"]["entities"]] == [
        "url",
        "email",
        "hashtag",
    ]
    assert plain["message"]["entities"][0] == {"offset": 4, "length": 21, "type": "url"}
    assert reply["message"]["reply_to_message"]["message_id"] == first.id
    assert contact["message"]["contact"]["phone_number"]
    assert location["message"]["location"]["latitude"]
    assert edited["edited_message"]["text"] == "corrected"
    assert edited["edited_message"]["edit_date"]
    assert forward["message"]["forward_origin"]["sender_user_name"] == "Somebody"


async def test_blocking_and_unblocking_are_told_as_my_chat_member(kit: Kit) -> None:
    ann = await kit.person()
    await ann.block()
    await ann.unblock()
    _, blocked, unblocked = await kit.updates()
    change = blocked["my_chat_member"]
    assert change["old_chat_member"]["status"] == "member"
    assert change["new_chat_member"]["status"] == "kicked"
    assert change["new_chat_member"]["user"]["is_bot"] is True
    assert unblocked["my_chat_member"]["new_chat_member"]["status"] == "member"


async def test_a_tap_is_a_callback_query_and_its_answer_reaches_the_person(kit: Kit) -> None:
    ann = await kit.person()
    markup = {"inline_keyboard": [[{"text": "Go", "callback_data": "go:1"}]]}
    await kit.call("sendMessage", chat_id=ANN, text="go?", reply_markup=markup)
    message = await ann.wait_for("go?")
    tap = asyncio.create_task(ann.tap("go:1"))
    await eventually(lambda: bool(kit.world.callbacks))
    query = (await kit.updates(offset=-1))[0]["callback_query"]
    assert query["data"] == "go:1"
    assert query["from"]["id"] == ANN
    assert query["message"]["message_id"] == message.id
    await kit.call("answerCallbackQuery", callback_query_id=query["id"], text="fine")
    answer = await tap
    assert (answer.text, answer.show_alert) == ("fine", False)


async def test_groups_privacy_mode_and_anonymous_administrators(kit: Kit) -> None:
    await kit.person()
    controls = kit.controls
    group = await controls.make_group("Depot", [ANN])
    assert group < -1000000000000
    await controls.group_message(group, ANN, "not for the bot")
    await controls.group_message(group, ANN, "/help")
    await controls.anonymous_message(group, "/connect")
    texts = [u["message"] for u in await kit.updates() if "message" in u]
    assert [m["text"] for m in texts] == ["/start", "/help", "/connect"]
    assert texts[1]["chat"] == {"id": group, "title": "Depot", "type": "supergroup"}
    assert texts[2]["sender_chat"]["id"] == group
    assert texts[2]["from"]["username"] == "GroupAnonymousBot"
    assert (await kit.call("sendMessage", chat_id=group, text="hello")).result["message_id"]
    await kit.call("leaveChat", chat_id=group)
    gone = await kit.call("sendMessage", chat_id=group, text="hello")
    assert gone.refusal == (403, "Forbidden: bot was kicked from the supergroup chat")


async def test_privacy_mode_looks_at_each_part_of_an_album_and_who_a_command_is_for(
    kit: Kit,
) -> None:
    ann = await kit.person()
    quiet = await kit.controls.make_group("Depot", [ANN], told=False)
    told = await kit.controls.make_group("Depot", [ANN], told=False, admin=True)
    parts: list[Any] = [("document", b"x", "x.bin"), ("document", b"x", "x.bin")]
    for number in (quiet, told):
        async with Group(kit.controls.base_url, number) as group:
            await group.by(ann).send_album(parts, f"@{kit.world.bot_username}")
            await group.by(ann).send("/help@another_bot")
    messages = [u["message"] for u in await kit.updates() if "message" in u]
    assert [m["chat"]["id"] for m in messages if "document" in m] == [quiet, told, told]
    assert [m["chat"]["id"] for m in messages if m.get("text", "").endswith("bot")] == [told]
    assert not [u for u in await kit.updates() if "my_chat_member" in u]


async def test_an_update_may_be_injected_as_it_is(kit: Kit) -> None:
    number = await kit.controls.inject("channel_post", {"message_id": 1, "text": "x"})
    assert (await kit.updates())[0] == {
        "update_id": number,
        "channel_post": {"message_id": 1, "text": "x"},
    }
