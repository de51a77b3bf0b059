"""Limits, previews, commands by language, entities, state, and what survives a restart."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.clients.chat_watch import WaitError
from sandbox.clients.connection import SandboxError
from sandbox.clients.group import Group
from sandbox.clients.person import Person
from tests.sandbox.telegram_kit import Kit, eventually, running

ANN = 700


@pytest.fixture
async def kit(tmp_path: Path) -> AsyncIterator[Kit]:
    async with running(tmp_path) as started:
        yield started


async def test_flood_limits_are_always_counted_and_refused_only_on_order(kit: Kit) -> None:
    await kit.person()
    await kit.controls.limits(per_second=0.1)
    for _ in range(5):
        assert (await kit.call("sendMessage", chat_id=ANN, text="x")).status == 200
    assert await kit.controls.violations() == 0
    sixth = await kit.call("sendMessage", chat_id=ANN, text="x")
    assert sixth.status == 200
    assert await kit.controls.violations() == 1
    await kit.controls.limits(enforce=True)
    refused = await kit.call("sendMessage", chat_id=ANN, text="x")
    seconds = refused.body["parameters"]["retry_after"]
    assert 0 < seconds <= 10
    assert refused.refusal == (429, f"Too Many Requests: retry after {seconds}")
    assert refused.headers["Retry-After"] == str(seconds)
    place = {"chat_id": ANN, "message_id": sixth.result["message_id"]}
    assert (await kit.call("editMessageText", **place, text="y")).status == 429
    await kit.controls.limits(retry_after=17)
    longer = await kit.call("sendMessage", chat_id=ANN, text="x")
    assert longer.body["parameters"] == {"retry_after": 17}
    with pytest.raises(SandboxError):
        await kit.controls.limits(nonsense=1)


async def test_a_chat_recovers_at_one_message_a_second(kit: Kit) -> None:
    await kit.person()
    await kit.controls.limits(enforce=True, burst=1)
    began = time.monotonic()
    assert (await kit.call("sendMessage", chat_id=ANN, text="x")).status == 200
    second = await kit.call("sendMessage", chat_id=ANN, text="x")
    assert second.status == 429 or time.monotonic() - began >= 1
    await asyncio.sleep(1.02)
    assert (await kit.call("sendMessage", chat_id=ANN, text="x")).status == 200


async def test_thirty_a_second_over_all_chats_and_twenty_a_minute_in_a_group(kit: Kit) -> None:
    people = [await kit.person(number) for number in range(701, 734)]
    await kit.controls.limits(enforce=True)
    calls = [kit.call("sendMessage", chat_id=p.id, text="x") for p in people]
    began = time.monotonic()
    statuses = [answer.status for answer in await asyncio.gather(*calls)]
    assert statuses.count(429) >= 1 or time.monotonic() - began >= 1
    group = await kit.controls.make_group("G", [701])
    await kit.controls.limits(burst=50, overall_per_second=1000)
    results = [await kit.call("sendMessage", chat_id=group, text="x") for _ in range(21)]
    assert [answer.status for answer in results] == [200] * 20 + [429]
    assert results[-1].body["parameters"]["retry_after"] > 50


@pytest.mark.parametrize(
    ("text", "mode", "shown", "entities"),
    [
        (
            "<b>a <i>b</i></b> &lt;&amp; 😀<code>c</code>",
            "HTML",
            "a b <& 😀c",
            [("bold", 0, 3), ("italic", 2, 1), ("code", 9, 1)],
        ),
        (
            '<a href="https://example.org/?a=1&amp;b=2">link</a>',
            "HTML",
            "link",
            [("text_link", 0, 4)],
        ),
        (
            '<pre><code class="language-python">x = 1</code></pre>',
            "HTML",
            "x = 1",
            [("pre", 0, 5)],
        ),
        ("<tg-spoiler>s</tg-spoiler><u>u</u><s>t</s>", "html", "sut", [
            ("spoiler", 0, 1), ("underline", 1, 1), ("strikethrough", 2, 1)]),
        ("<blockquote expandable>q</blockquote>", "HTML", "q", [("expandable_blockquote", 0, 1)]),
        ("<b>x</>&copy;&amp;copy;&#65", "HTML", "x&copy;&copy;A", [("bold", 0, 1)]),
        ("  <b> x</b>  ", "HTML", "x", [("bold", 0, 1)]),
        ("a_b /help@somebot @someone", "", "a_b /help@somebot @someone", [
            ("bot_command", 4, 13), ("mention", 18, 8)]),
    ],
)  # fmt: skip
async def test_formatting(
    kit: Kit, text: str, mode: str, shown: str, entities: list[tuple[str, int, int]]
) -> None:
    await kit.person()
    sent = (await kit.call("sendMessage", chat_id=ANN, text=text, parse_mode=mode)).result
    assert sent["text"].strip() == shown
    found = [(e["type"], e["offset"], e["length"]) for e in sent.get("entities", [])]
    if text.startswith("  <b>"):  # white space inside an entity at the beginning is kept
        assert found == [("bold", 0, 2)]
    else:
        assert found == entities


async def test_commands_are_shown_in_the_persons_own_language(kit: Kit) -> None:
    english = [{"command": "start", "description": "Begin"}]
    chinese = [{"command": "/start", "description": "開始"}]
    await kit.call("setMyCommands", commands=english)
    await kit.call("setMyCommands", commands=chinese, language_code="zh")
    ann, bo = await kit.person(701, "zh-hant"), await kit.person(702, "de")
    assert await ann.commands() == [("start", "開始")]
    assert await bo.commands() == [("start", "Begin")]
    scope = {"type": "chat", "chat_id": 702}
    await kit.call("setMyCommands", commands=chinese, scope=scope)
    assert await bo.commands() == [("start", "開始")]
    assert (await kit.call("getMyCommands", language_code="zh")).result[0]["description"] == "開始"
    for name in ("Name", "Description", "ShortDescription"):
        key = {"ShortDescription": "short_description"}.get(name, name.lower())
        await kit.call(f"setMy{name}", **{key: "說明", "language_code": "zh"})
        assert (await kit.call(f"getMy{name}", language_code="zh")).result == {key: "說明"}


async def test_previews_open_links_in_texts_but_never_those_of_buttons(kit: Kit) -> None:
    ann = await kit.person()
    opened = kit.world.previews.opened
    markup = {"inline_keyboard": [[{"text": "a", "url": f"{kit.url}/button"}]]}
    quiet = {"is_disabled": True}
    await kit.call("sendMessage", chat_id=ANN, text="no link", reply_markup=markup)
    await kit.call("sendMessage", chat_id=ANN, text=f"{kit.url}/a", link_preview_options=quiet)
    await kit.call("sendMessage", chat_id=ANN, text="https://example.org/elsewhere")
    await kit.controls.previews(False)
    await kit.call("sendMessage", chat_id=ANN, text=f"{kit.url}/off")
    assert not opened
    await kit.controls.previews(True)
    link = f'<a href="{kit.url}/hidden">x</a>'
    sent = await kit.call("sendMessage", chat_id=ANN, text=link, parse_mode="HTML")
    place = {"chat_id": ANN, "message_id": sent.result["message_id"]}
    await kit.call("editMessageText", **place, text=f"{kit.url}/edited")
    await ann.send(f"{kit.url}/pasted")
    await eventually(lambda: len(opened) == 3 and all(o["status"] == 404 for o in opened))
    assert [o["url"].rsplit("/", 1)[1] for o in opened] == ["hidden", "edited", "pasted"]


async def test_people_and_their_numbers_survive_a_restart(tmp_path: Path) -> None:
    async with running(tmp_path) as kit:
        ann = await kit.person(701)
        await ann.block()
        number = (await kit.updates())[-1]["update_id"]
        last = ann.messages()[-1].id
        fresh = kit.world.put_user({"first_name": "New"})
    async with running(tmp_path) as kit:
        assert kit.world.users[701].blocked
        assert fresh.id in kit.world.users
        assert kit.world.put_user({"first_name": "Newer"}).id > fresh.id
        bo = await kit.person(702)
        assert bo.messages()[-1].id > last
        assert (await kit.updates())[-1]["update_id"] >= number


async def test_wait_for_looks_only_behind_the_last_deed_and_says_what_came(kit: Kit) -> None:
    ann = await kit.person()
    await kit.call("sendMessage", chat_id=ANN, text="first")
    await ann.wait_for("first")
    await ann.send("next")
    with pytest.raises(WaitError, match="the bot said: \\[\\]"):
        await ann.wait_for("first", 0.1)
    assert (await ann.wait_for("first", since=0)).text == "first"
    sent = (await kit.call("sendMessage", chat_id=ANN, text="10 %")).result
    place = {"chat_id": ANN, "message_id": sent["message_id"]}
    for text in ("50 %", "done"):
        await kit.call("editMessageText", **place, text=text)
    # States that were soon replaced by others are found all the same.
    for text in ("10 %", "50 %", "done"):
        assert (await ann.wait_for(text)).text == text
    assert ann.last().text == "done"
    with pytest.raises(LookupError, match="no button"):
        ann.button_url("Nothing")


async def test_a_reply_keyboard_is_tapped_by_its_text(kit: Kit) -> None:
    ann = await kit.person()
    keyboard: dict[str, Any] = {"keyboard": [["Yes", {"text": "No"}]], "resize_keyboard": True}
    await kit.call("sendMessage", chat_id=ANN, text="well?", reply_markup=keyboard)
    await ann.wait_for("well?")
    await ann.tap("No")
    assert (await kit.updates(offset=-1))[0]["message"]["text"] == "No"
    gone = {"remove_keyboard": True}
    await kit.call("sendMessage", chat_id=ANN, text="fine", reply_markup=gone)
    await ann.wait_for("fine")
    assert ann.keyboard is None


async def test_actions_and_state(kit: Kit) -> None:
    ann = await kit.person()
    assert (await kit.call("sendChatAction", chat_id=ANN, action="typing")).result is True
    await eventually(lambda: ann.actions() == ["typing"])
    state = await kit.controls.state()
    assert state["calls"]["sendChatAction"] == 1
    assert state["pending_updates"] == 1


async def test_a_hundred_people_at_once_are_no_burden(kit: Kit) -> None:
    begun = time.monotonic()
    people = [Person(kit.url, 1000 + n, session=kit.session) for n in range(100)]
    kit.people.extend(await asyncio.gather(*[person.open() for person in people]))
    blob = await people[0].upload(b"x" * 100_000)
    await asyncio.gather(*[person.send_document(blob) for person in people])
    got: list[Any] = []
    while batch := await kit.updates(offset=got[-1]["update_id"] + 1 if got else 0):
        got += batch
    assert {update["message"]["from"]["id"] for update in got} == {p.id for p in people}
    texts = [kit.call("sendMessage", chat_id=person.id, text="thanks") for person in people]
    await asyncio.gather(*texts)
    await asyncio.gather(*[person.wait_for("thanks") for person in people])
    asked = time.monotonic()
    await kit.controls.state()
    assert time.monotonic() - asked < 10
    assert time.monotonic() - begun < 60


async def test_the_narrowest_list_of_commands_is_the_one_that_is_shown(kit: Kit) -> None:
    """https://core.telegram.org/bots/api#determining-list-of-commands, also once one is deleted."""
    ann, ben = await kit.person(701, "en"), await kit.person(702, "zh-hans")
    number = await kit.controls.make_group("Depot", [701, 702], told=False)
    scopes: list[dict[str, Any]] = [
        {"type": "default"},
        {"type": "all_private_chats"},
        {"type": "all_group_chats"},
        {"type": "all_chat_administrators"},
        {"type": "chat", "chat_id": number},
        {"type": "chat_administrators", "chat_id": number},
        {"type": "chat_member", "chat_id": number, "user_id": 701},
    ]
    async with Group(kit.url, number) as group:
        seen = []
        for place, scope in enumerate(scopes):
            commands = [{"command": f"c{place}", "description": "abc"}]
            await kit.call("setMyCommands", commands=commands, scope=scope)
            looks = [await who.commands() for who in (ann, group.by(ann))]
            looks.append(await group.by(ben).commands())
            seen.append(tuple(look[0][0] for look in looks))
        assert seen == [
            ("c0", "c0", "c0"),
            ("c1", "c0", "c0"),
            ("c1", "c2", "c2"),
            ("c1", "c3", "c2"),
            ("c1", "c4", "c4"),
            ("c1", "c5", "c4"),
            ("c1", "c6", "c4"),
        ]
        zh = {"scope": scopes[2], "language_code": "zh"}
        await kit.call("setMyCommands", commands=[{"command": "zh", "description": "abc"}], **zh)
        assert (await kit.call("deleteMyCommands", scope=scopes[4])).result is True
        assert await group.by(ben).commands() == [("zh", "abc")]
        await kit.call("deleteMyCommands", **zh)
        assert await group.by(ben).commands() == [("c2", "abc")]
