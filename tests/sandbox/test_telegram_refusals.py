"""What the Bot API refuses, the sandbox refuses with the same status and the same words."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.sandbox.telegram_kit import TOKEN, Kit, eventually, running

ANN = 700
GREETING = {"chat_id": ANN, "text": "hi"}
BUTTON = "Bad Request: can't parse inline keyboard button: "


@pytest.fixture
async def kit(tmp_path: Path) -> AsyncIterator[Kit]:
    async with running(tmp_path) as started:
        yield started


@pytest.mark.parametrize(
    ("token", "refusal"),
    [
        (TOKEN[:-1] + "x", (401, "Unauthorized")),
        ("42:" + "a" * 35, (401, "Unauthorized")),
        ("nonsense", (404, "Not Found")),
        ("", (404, "Not Found")),
    ],
)
async def test_wrong_tokens(kit: Kit, token: str, refusal: tuple[int, str]) -> None:
    assert (await kit.call("getMe", token)).refusal == refusal


async def test_a_local_server_words_a_malformed_token_differently(tmp_path: Path) -> None:
    async with running(tmp_path, local_mode=True) as kit:
        assert (await kit.call("getMe", "nonsense")).refusal == (
            401,
            "Unauthorized: invalid token specified",
        )


async def test_unknown_methods_and_the_case_of_known_ones(kit: Kit) -> None:
    assert (await kit.call("getEverything")).refusal == (404, "Not Found: method not found")
    assert (await kit.call("GETME")).result["username"] == "drivekeeper_sandbox_bot"


async def test_parameters_may_come_in_every_way_the_documentation_names(kit: Kit) -> None:
    await kit.person()
    url = f"{kit.url}/bot{TOKEN}/sendMessage"
    async with kit.session.get(url, params={"chat_id": str(ANN), "text": "query"}) as answer:
        assert (await answer.json())["result"]["text"] == "query"
    form = await kit.post("sendMessage", data={"chat_id": str(ANN), "text": "form"})
    assert form.result["text"] == "form"
    parts = aiohttp.FormData({"chat_id": str(ANN), "text": "parts"})
    parts.add_field("x", b"x", filename="x")
    assert (await kit.post("sendMessage", data=parts)).result["text"] == "parts"
    assert (await kit.call("sendMessage", **GREETING)).result["text"] == "hi"
    broken = await kit.post("sendMessage", data=b"{", headers={"Content-Type": "application/json"})
    assert broken.status == 400


@pytest.mark.parametrize(
    ("args", "description"),
    [
        ({"text": "hi"}, "Bad Request: chat_id is empty"),
        ({"text": "hi", "chat_id": 12345}, "Bad Request: chat not found"),
        ({"text": "hi", "chat_id": "@nobody"}, "Bad Request: chat not found"),
        ({"text": ""}, "Bad Request: message text is empty"),
        ({"text": "  \n "}, "Bad Request: text must be non-empty"),
        ({"text": "x" * 4097}, "Bad Request: message is too long"),
        ({"text": "x" * 40000}, "Bad Request: text is too long"),
        ({"text": "x", "parse_mode": "RST"}, "Bad Request: unsupported parse_mode"),
        (
            {"text": "*x*", "parse_mode": "MarkdownV2"},
            "Bad Request: the sandbox does not model parse_mode MarkdownV2, use HTML",
        ),
        (
            {"text": "x", "reply_parameters": {"message_id": 99}},
            "Bad Request: message to be replied not found",
        ),
        (
            {"text": "x", "link_preview_options": "["},
            "Bad Request: can't parse link preview options JSON object",
        ),
    ],
)
async def test_texts_that_cannot_be_sent(kit: Kit, args: dict[str, Any], description: str) -> None:
    await kit.person()
    answer = await kit.call(
        "sendMessage", **({"chat_id": ANN} if "hi" not in args.values() else {}), **args
    )
    assert answer.refusal == (400, description)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("<b>x", 'Can\'t find end tag corresponding to start tag "b"'),
        ("a<foo>x</foo>", 'Unsupported start tag "foo" at byte offset 1'),
        ("é</b>", "Unexpected end tag at byte offset 2"),
        (
            "<b>x</i>",
            'Unmatched end tag at byte offset 4, expected "</b>", found "</i>"',
        ),
        ("<b", "Unclosed start tag at byte offset 0"),
        ("1 < 2", 'Unsupported start tag "" at byte offset 2'),
        ("<b>x</b", "Unclosed end tag at byte offset 4"),
        ("<span>x</span>", 'Tag "span" must have class "tg-spoiler" at byte offset 0'),
        ("<a href=x/y>z</a>", "Unexpected end of name token at byte offset 8"),
        ("<a =x>z</a>", 'Empty attribute name in the tag "a" at byte offset 0'),
        # The standard library's parser passes over these, or takes them for text.
        ("a <3", "Unclosed start tag at byte offset 2"),
        ("a<3>", 'Unsupported start tag "3" at byte offset 1'),
        ("<!-- x -->", 'Unsupported start tag "!--" at byte offset 0'),
        ("x<![foo[>", 'Unsupported start tag "![foo[" at byte offset 1'),
        ("<b/>", 'Unsupported start tag "b/" at byte offset 0'),
        ("<b>x</ b>", "Unclosed end tag at byte offset 4"),
        ("<b>x</b c>", "Unclosed end tag at byte offset 4"),
        ("</>", "Unexpected end tag at byte offset 0"),
    ],
)
async def test_html_that_cannot_be_parsed(kit: Kit, text: str, problem: str) -> None:
    await kit.person()
    answer = await kit.call("sendMessage", chat_id=ANN, text=text, parse_mode="HTML")
    if text == "1 < 2":  # the tag has no end at all
        problem = "Unclosed start tag at byte offset 2"
        answer = await kit.call("sendMessage", chat_id=ANN, text="1 <2", parse_mode="HTML")
    assert answer.refusal == (400, f"Bad Request: can't parse entities: {problem}")


@pytest.mark.parametrize(
    ("button", "description"),
    [
        ({"text": "x", "callback_data": "d" * 65}, "Bad Request: BUTTON_DATA_INVALID"),
        ({"text": "x", "callback_data": "節" * 22}, "Bad Request: BUTTON_DATA_INVALID"),
        (
            {"text": "x", "callback_data": ""},
            BUTTON + "Text buttons are unallowed in the inline keyboard",
        ),
        ({"callback_data": "x"}, BUTTON + 'Can\'t find field "text"'),
        ({"text": "x", "url": ["y"]}, BUTTON + 'Field "url" must be of type String'),
        (
            {"text": "", "callback_data": "x"},
            "Bad Request: inline keyboard button text must be non-empty",
        ),
        (
            {"text": "x", "url": "ftp://example.org"},
            "Bad Request: inline keyboard button URL 'ftp://example.org' is invalid: "
            "Unsupported URL protocol",
        ),
        (
            {"text": "x", "url": "http://intranet/x"},
            "Bad Request: inline keyboard button URL 'http://intranet/x' is invalid: "
            "Wrong HTTP URL",
        ),
        (
            {"text": "x", "url": "https://example.org:99999/"},
            "Bad Request: inline keyboard button URL 'https://example.org:99999/' is invalid: "
            "Wrong port number specified in the URL",
        ),
        (
            {"text": "x", "web_app": {"url": "http://example.org"}},
            "Bad Request: inline keyboard button Web App URL 'http://example.org' is invalid: "
            "Only HTTPS links are allowed",
        ),
        ("x", BUTTON + "InlineKeyboardButton must be an Object"),
    ],
)
async def test_buttons_that_cannot_be_sent(kit: Kit, button: Any, description: str) -> None:
    await kit.person()
    markup = {"inline_keyboard": [[button]]}
    answer = await kit.call("sendMessage", **GREETING, reply_markup=markup)
    assert answer.refusal == (400, description)


async def test_markup_that_is_no_markup(kit: Kit) -> None:
    await kit.person()
    for markup, description in (
        ("{", "can't parse reply keyboard markup JSON object"),
        ("[]", "object expected as reply markup"),
        (
            '{"inline_keyboard":[{}]}',
            'field "inline_keyboard" of the InlineKeyboardMarkup must be an Array of Arrays',
        ),
    ):
        answer = await kit.call("sendMessage", **GREETING, reply_markup=markup)
        assert answer.refusal == (400, f"Bad Request: {description}")


async def test_loopback_urls_in_buttons_are_the_one_deliberate_difference(kit: Kit) -> None:
    await kit.person()
    markup = {"inline_keyboard": [[{"text": "x", "url": "http://localhost:8765/a?b"}]]}
    sent = (await kit.call("sendMessage", **GREETING, reply_markup=markup)).result
    assert sent["reply_markup"]["inline_keyboard"][0][0]["url"] == "http://localhost:8765/a?b"


async def test_people_who_cannot_be_written_to(kit: Kit) -> None:
    ann = await kit.person(start=False)
    for method in ("sendMessage", "getChat"):
        answer = await kit.call(method, **GREETING)
        assert answer.refusal == (400, "Bad Request: chat not found")
    group = await kit.controls.make_group("Depot", [ANN], told=False)
    await kit.controls.group_message(group, ANN, "not for the bot")
    assert (await kit.call("getChat", **GREETING)).status == 400
    await kit.controls.group_message(group, ANN, "/for_the_bot")
    assert (await kit.call("getChat", **GREETING)).status == 200
    assert (await kit.call("sendMessage", **GREETING)).refusal == (
        403,
        "Forbidden: bot can't initiate conversation with a user",
    )
    await ann.start()
    await ann.block()
    assert (await kit.call("sendMessage", **GREETING)).refusal == (
        403,
        "Forbidden: bot was blocked by the user",
    )
    await kit.controls.deactivate(ANN)
    assert (await kit.call("sendMessage", **GREETING)).refusal == (
        403,
        "Forbidden: user is deactivated",
    )


async def test_edits_that_change_nothing_or_the_wrong_thing(kit: Kit) -> None:
    ann = await kit.person()
    hers = await ann.send("hers")
    markup = {"inline_keyboard": [[{"text": "a", "callback_data": "a"}]]}
    sent = (await kit.call("sendMessage", **GREETING, reply_markup=markup)).result
    place = {"chat_id": ANN, "message_id": sent["message_id"]}
    same = await kit.call("editMessageText", **place, text="hi ", reply_markup=markup)
    assert same.refusal == (
        400,
        "Bad Request: message is not modified: specified new message content and reply markup "
        "are exactly the same as a current content and reply markup of the message",
    )
    again = await kit.call("editMessageReplyMarkup", **place, reply_markup=markup)
    assert again.status == 400
    gone = await kit.call("editMessageText", chat_id=ANN, message_id=9999, text="x")
    assert gone.refusal == (400, "Bad Request: message to edit not found")
    foreign = await kit.call("editMessageText", chat_id=ANN, message_id=hers.id, text="x")
    assert foreign.refusal == (400, "Bad Request: message can't be edited")
    long = await kit.call("editMessageText", **place, text="x" * 4097)
    assert long.refusal == (400, "Bad Request: MESSAGE_TOO_LONG")
    keyboard = await kit.call(
        "editMessageText", **place, text="x", reply_markup={"keyboard": [["a"]]}
    )
    assert keyboard.refusal == (400, "Bad Request: inline keyboard expected")
    nowhere = await kit.call("editMessageText", text="x")
    assert nowhere.refusal == (400, "Bad Request: message identifier is not specified")
    edited = await kit.call("editMessageText", **place, text="new")
    assert "reply_markup" not in edited.result
    assert edited.result["edit_date"]


async def test_deleting(kit: Kit) -> None:
    ann = await kit.person()
    hers = await ann.send("hers")
    place = {"chat_id": ANN, "message_id": hers.id}
    assert (await kit.call("deleteMessage", **place)).result is True
    await ann.wait_gone(hers.id)
    assert (await kit.call("deleteMessage", **place)).refusal == (
        400,
        "Bad Request: message to delete not found",
    )
    assert (await kit.call("deleteMessage", chat_id=ANN)).refusal == (
        400,
        "Bad Request: message identifier is not specified",
    )
    old = (await kit.call("sendMessage", **GREETING)).result["message_id"]
    kit.world.chats[ANN].messages[old].data["date"] -= 49 * 3600
    assert (await kit.call("deleteMessage", chat_id=ANN, message_id=old)).refusal == (
        400,
        "Bad Request: message can't be deleted for everyone",
    )


async def test_taps_that_can_no_longer_be_answered(kit: Kit) -> None:
    ann = await kit.person()
    too_old = (
        400,
        "Bad Request: query is too old and response timeout expired or query ID is invalid",
    )
    assert (await kit.call("answerCallbackQuery", callback_query_id="1")).refusal == too_old
    markup = {"inline_keyboard": [[{"text": "a", "callback_data": "a"}]]}
    await kit.call("sendMessage", **GREETING, reply_markup=markup)
    await ann.wait_for("hi")
    tap = asyncio.create_task(ann.tap("a"))
    await eventually(lambda: bool(kit.world.callbacks))
    (query_id,) = kit.world.callbacks
    long = await kit.call("answerCallbackQuery", callback_query_id=query_id, text="x" * 201)
    assert long.refusal == (400, "Bad Request: MESSAGE_TOO_LONG")
    url = await kit.call(
        "answerCallbackQuery", callback_query_id=query_id, url="https://example.org"
    )
    assert url.refusal == (400, "Bad Request: URL_INVALID")
    assert (await kit.call("answerCallbackQuery", callback_query_id=query_id)).result is True
    assert (await tap).text == ""
    await kit.controls.callback_lifetime(0.0)
    late = await kit.call("answerCallbackQuery", callback_query_id=query_id)
    assert late.refusal == too_old


async def test_actions_and_commands_are_checked(kit: Kit) -> None:
    await kit.person()
    action = await kit.call("sendChatAction", chat_id=ANN, action="dancing")
    assert action.refusal == (400, "Bad Request: wrong parameter action in request")
    for commands, description in (
        ([{"command": "Not Good", "description": "x"}], "BOT_COMMAND_INVALID"),
        ([{"command": "good", "description": ""}], "BOT_COMMAND_DESCRIPTION_INVALID"),
        ([{"command": "c"}], "can't parse BotCommand: Can't find field \"description\""),
        ({}, "expected an Array of BotCommand"),
    ):
        answer = await kit.call("setMyCommands", commands=commands)
        assert answer.refusal == (400, f"Bad Request: {description}")
    language = await kit.call("setMyCommands", commands=[], language_code="zh-hant")
    assert language.refusal == (400, "Bad Request: invalid language code specified")
    scope = await kit.call("setMyCommands", commands=[], scope={"type": "moon"})
    assert scope.status == 400


async def test_after_log_out_the_cloud_answers_nothing_else(kit: Kit) -> None:
    assert (await kit.call("logOut")).result is True
    assert (await kit.call("getMe")).refusal == (400, "Logged out")


@pytest.mark.parametrize("placeholder", ["", "a" * 65, "😀" * 33])
async def test_a_placeholder_has_one_to_64_characters(kit: Kit, placeholder: str) -> None:
    """https://core.telegram.org/bots/api#forcereply"""
    await kit.person()
    markup = {"force_reply": True, "input_field_placeholder": placeholder}
    refused = await kit.call("sendMessage", chat_id=700, text="x", reply_markup=markup)
    assert refused.status == 400
    markup["input_field_placeholder"] = "a" * 64
    assert (await kit.call("sendMessage", chat_id=700, text="x", reply_markup=markup)).result
