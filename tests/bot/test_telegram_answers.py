"""Answers of Telegram's that are none: fields that lack, are null or of another type."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any, Final

import pytest
from telegram.error import ChatMigrated, NetworkError, RetryAfter, TelegramError
from telegram.ext import ExtBot

from bot.delivery.telegram_answers import DecidedAnswers
from bot.updates.telegram_health import TelegramHealth
from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.person import Person
from tests.fixtures import RunningBot
from tests.journeys import connect, until_called

People = Callable[..., Person]
pytestmark = pytest.mark.one_way("off")
AMY = "amy@example.com"
ODD: Final[list[Any]] = [None, "", "x", 0, -1, 3, 1.5, 10**40, True, False, [], [1], {}, {"a": {}}]
BOT: Final = {"id": 1, "is_bot": True, "first_name": "B", "username": "b_bot"}
CHAT: Final = {"id": 5, "type": "private"}
GOOD: Final[dict[str, Any]] = {
    "getMe": BOT,
    "getFile": {"file_id": "a", "file_unique_id": "b", "file_size": 3, "file_path": "a/b"},
    "getWebhookInfo": {
        **{"url": "", "has_custom_certificate": False, "pending_update_count": 0},
        **{"last_error_date": 1_800_000_000, "last_error_message": "x", "ip_address": "1.2.3.4"},
        **{"max_connections": 40, "allowed_updates": ["message"]},
    },
    "sendMessage": {"message_id": 7, "date": 1_800_000_000, "chat": CHAT, "from": BOT, "text": "x"},
    "getMyCommands": [{"command": "a", "description": "b"}],
    "getMyDescription": {"description": "x"},
    "getMyShortDescription": {"short_description": "x"},
    "getUpdates": [{"update_id": 3, "message": {"message_id": 1, "date": 2, "chat": CHAT}}],
}
CALLS: Final[dict[str, Callable[[ExtBot[None]], Any]]] = {
    "getMe": lambda bot: bot.get_me(),
    "getFile": lambda bot: bot.get_file("a"),
    "getWebhookInfo": lambda bot: bot.get_webhook_info(),
    "sendMessage": lambda bot: bot.send_message(5, "x"),
    "getMyCommands": lambda bot: bot.get_my_commands(),
    "getMyDescription": lambda bot: bot.get_my_description(),
    "getMyShortDescription": lambda bot: bot.get_my_short_description(),
    "getUpdates": lambda bot: bot.get_updates(),
}


class Canned(DecidedAnswers):
    """Answers as it is told, without a network."""

    status, payload = 200, b""

    async def initialize(self) -> None: ...
    async def shutdown(self) -> None: ...
    @property
    def read_timeout(self) -> float | None:
        return 5

    async def do_request(self, *_: Any, **__: Any) -> tuple[int, bytes]:
        return self.status, self.payload


class CannedHealth(TelegramHealth):
    """Likewise, for updates."""

    async def initialize(self) -> None: ...
    async def shutdown(self) -> None: ...
    async def do_request(self, *_: Any, **__: Any) -> tuple[int, bytes]:
        return Canned.status, Canned.payload


async def ask(method: str, payload: bytes, status: int = 200) -> Any:
    """What the library makes of this answer."""
    Canned.status, Canned.payload = status, payload
    bot: ExtBot[None] = ExtBot("1:x", request=Canned(), get_updates_request=CannedHealth())
    return await CALLS[method](bot)


def variants(value: Any) -> list[Any]:
    """`value` with one thing in it lacking or odd, at every depth, and odd as a whole."""
    found: list[Any] = list(ODD)
    if isinstance(value, dict):
        for name in value:
            found.append({k: v for k, v in value.items() if k != name})
            found += [{**value, name: odd} for odd in variants(value[name])]
    elif isinstance(value, list) and value:
        found += [[odd] for odd in variants(value[0])]
    return found


@pytest.mark.parametrize("method", GOOD)
async def test_no_answer_of_any_shape_ends_in_an_exception_of_pythons(method: str) -> None:
    """An error of Telegram's, or something the bot can use."""
    await ask(method, json.dumps({"ok": True, "result": GOOD[method]}).encode())
    for odd in variants(GOOD[method]):
        try:
            await ask(method, json.dumps({"ok": True, "result": odd}).encode())
        except NetworkError:
            assert method != "sendMessage", odd  # it has been sent: not once more
    for answer in [*ODD, {"ok": True}, {"ok": False}, {"ok": 1, "result": GOOD[method]}]:
        if method == "sendMessage" and answer == {"ok": True}:
            continue
        with pytest.raises(NetworkError):
            await ask(method, json.dumps(answer).encode())
    for raw in (
        b"",
        b"<html>",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"ok":true,"result":' + b"[" * 50_000,
    ):
        with pytest.raises(NetworkError):
            await ask(method, raw)


async def test_what_was_sent_keeps_its_number_or_has_none() -> None:
    """Its other fields the bot can do without."""
    for odd in variants(GOOD["sendMessage"]):
        sent = await ask("sendMessage", json.dumps({"ok": True, "result": odd}).encode())
        number = odd.get("message_id") if isinstance(odd, dict) else 0
        known = isinstance(number, int) and not isinstance(number, bool) and 0 < number < 2**31
        assert sent.message_id == (number if known else 0)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 418, 429, 500, 502, 503, 599])
async def test_no_refusal_of_any_shape_ends_in_an_exception_of_pythons(status: int) -> None:
    """Nor do parameters that are none."""
    fields: dict[str, Any] = {"description": "Bad Request: x", "error_code": status}
    parameters = {"retry_after": 3, "migrate_to_chat_id": -1009}
    refusals = [{"ok": False, **fields, "parameters": odd} for odd in variants(parameters)]
    refusals += [{"ok": False, **odd} for odd in variants(fields) if isinstance(odd, dict)]
    for refusal in [*refusals, *ODD]:
        with pytest.raises(TelegramError) as raised:
            await ask("sendMessage", json.dumps(refusal).encode(), status)
        if isinstance(raised.value, RetryAfter):
            assert 0 < raised.value._retry_after.total_seconds() <= 24 * 3600
        if isinstance(raised.value, ChatMigrated):
            assert raised.value.new_chat_id < 0
            assert isinstance(raised.value.new_chat_id, int)
    for raw in (b"", b"<html>", b"[" * 100_000):
        with pytest.raises(TelegramError):
            await ask("sendMessage", raw, status)


@pytest.mark.parametrize(
    ("after", "seconds"),
    [(3, 3), ("3", 3), (2.2, 3), ("2.5", 3), (None, 5), (0, 5), (-4, 5), ("x", 5), (10**30, 86400)],
)
async def test_a_429_is_obeyed_whatever_it_asks(after: Any, seconds: int) -> None:
    """Too soon would be answered with a longer one; for ever nobody waits."""
    answer = {"ok": False, "error_code": 429, "parameters": {"retry_after": after}}
    with pytest.raises(RetryAfter) as raised:
        await ask("sendMessage", json.dumps(answer).encode(), 429)
    assert raised.value._retry_after.total_seconds() == seconds


async def test_a_file_whose_path_telegram_does_not_tell_has_its_end(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """Asked again, and then told; a passing oddity costs nothing."""
    ann = people()
    await connect(ann, google, AMY)
    stored = {"file_id": "a", "file_unique_id": "b", "file_size": 3}
    for odd in [{"file_id": 5}, {**stored, "file_path": 7}, {**stored, "file_size": "x"}, []]:
        answer = {"ok": True, "result": odd}
        await google.fault("telegram.getFile", "status", status=200, body=answer)
        await ann.send_document(json.dumps(odd).encode(), "a.bin")
        await ann.wait_for("is in your Drive")
    assert "handler_failed" not in bot.log.getvalue()


async def test_odd_answers_to_messages_and_polls_stop_nothing(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """What was sent is not sent again; what came is asked for again."""
    ann = people()
    await connect(ann, google, AMY)
    numbers = itertools.count()
    for odd in (
        {"ok": True, "result": {"message_id": "x"}},
        {"ok": True},
        {"ok": True, "result": 5},
    ):
        name = f"{next(numbers)}.bin"
        await google.fault("telegram.sendMessage", "status", status=200, body=odd)
        await ann.send_document(name.encode() * 30, name)
        await ann.wait_for(f"{name} (")
    odd_polls: list[Any] = [{"ok": True}, {"ok": True, "result": [{"x": 1}]}, []]
    for odd in odd_polls:
        await google.forget_calls()
        await google.fault("telegram.getUpdates", "status", status=200, body=odd)
        await ann.send("/help")
        await until_called(google, "telegram.getUpdates", 1)
        await ann.wait_for("20 MiB")
    lines = [json.loads(line) for line in bot.log.getvalue().splitlines()]
    errors = [line["event"] for line in lines if line["level"] in ("error", "critical")]
    assert errors == ["update_skipped"]
    assert bot.services.telegram_health.is_alive()
