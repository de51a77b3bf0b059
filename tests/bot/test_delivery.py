"""What Telegram refuses in whatever words: nobody is left without an answer, nor told twice."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from telegram.error import BadRequest, Forbidden, NetworkError, RetryAfter, TelegramError, TimedOut

from bot.delivery.messages import may_pass, says_so_already
from sandbox.clients.chat_watch import WaitError
from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.person import Person
from tests.bot.upkeep import by_hand
from tests.fixtures import RunningBot, StartBot
from tests.journeys import ask_device_code, connect, until, until_called

People = Callable[..., Person]
pytestmark = pytest.mark.one_way("off")
AMY = "amy@example.com"
ROOT: Final = Path(__file__).parents[2]
REFUSED: Final = [
    (400, "Bad Request: MESSAGE_ID_INVALID"),
    (400, "Bad Request: CHANNEL_PRIVATE"),
    (400, "Bad Request: message identifier is not specified"),
    (400, "Bad Request: there is no text in the message to edit"),
    (400, "Bad Request: message can't be edited"),
    (400, "Bad Request: message to edit not found"),
    (400, "Bad Request: chat not found"),
    (400, "Bad Request: PEER_ID_INVALID"),
    (400, "Bad Request: MESSAGE_EDIT_TIME_EXPIRED"),
    (400, "Bad Request: MESSAGE_TOO_LONG"),
    (400, "Bad Request: BUTTON_URL_INVALID"),
    (400, "Bad Request: TOPIC_CLOSED"),
    (400, "Bad Request: TOPIC_DELETED"),
    (400, "Bad Request: message thread not found"),
    (400, "Bad Request: business connection not found"),
    (400, "Nachricht kann nicht bearbeitet werden"),
    (400, "x"),
    (403, "Forbidden: MESSAGE_AUTHOR_REQUIRED"),
    (403, "Forbidden: bot is not a member of the channel chat"),
]
"""Refusals of an edit, as people have reported them, and as nobody has."""


def said(person: Person) -> list[str]:
    """What the bot has said."""
    return [message.text for message in person.messages() if message.from_bot]


def troubles(bot: RunningBot) -> list[dict[str, Any]]:
    """Lines of the log that tell of a defect."""
    lines = [json.loads(line) for line in bot.log.getvalue().splitlines()]
    return [line for line in lines if line["level"] in ("error", "critical")]


async def refuse_edits(google: GoogleControls, status: int = 400, reason: str = "x") -> None:
    """From now on nothing can be edited."""
    for method in ("editMessageText", "editMessageMedia"):
        await google.fault(f"telegram.{method}", "status", status=status, reason=reason, count=0)


@pytest.mark.one_way
async def test_the_end_of_an_upload_is_told_whatever_words_an_edit_is_refused_with(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """In one new message each, which the journal knows from then on."""
    ann = people()
    await connect(ann, google, AMY)
    for number, (status, reason) in enumerate(REFUSED):
        await google.clear_faults()
        await refuse_edits(google, status, reason)
        await ann.send_document(os.urandom(200), f"{number}.bin")
        await ann.wait_for(f"{number}.bin (200 bytes) is in your Drive")
    ends = [text for text in said(ann) if "is in your Drive" in text]
    assert len(ends) == len(REFUSED)
    assert troubles(bot) == []
    assert "message_not_sent" not in bot.log.getvalue()


async def test_a_private_chat_that_is_said_to_have_moved_is_where_it_was(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """Only groups become supergroups: the end is told in a new message of the same chat."""
    ann = people()
    await connect(ann, google, AMY)
    moved = {"ok": False, "error_code": 400, "description": "x"}
    body = {**moved, "parameters": {"migrate_to_chat_id": -5}}
    await google.fault("telegram.editMessageText", "status", status=400, body=body, count=0)
    await ann.send_document(os.urandom(200), "a.bin")
    await ann.wait_for("a.bin (200 bytes) is in your Drive")
    assert troubles(bot) == []


async def test_connecting_works_where_nothing_can_be_edited(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """And the question is asked once."""
    ann = people()
    code = await ask_device_code(ann)
    await refuse_edits(google, reason="Bad Request: MESSAGE_ID_INVALID")
    await google.approve_device(code, AMY)
    await ann.wait_for("has approved")
    await ann.tap("Yes, that is mine")
    await ann.wait_for("Connected as")
    assert sum("has approved" in text for text in said(ann)) == 1
    assert troubles(bot) == []


async def test_a_declined_and_a_cancelled_request_are_told_of(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """Both are edits of the message that asked."""
    ann = people()
    await refuse_edits(google)
    await google.approve_device(await ask_device_code(ann), AMY, allow=False)
    await ann.wait_for("You declined")
    await ann.send("/connect")
    await ann.wait_for("Enter this code")
    await ann.tap("Cancel")
    await ann.wait_for("Cancelled. Nothing was connected")
    assert troubles(bot) == []


async def test_no_button_is_dead_where_nothing_can_be_edited(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """Each shows in a new message what it would have shown in its own."""
    ann = people()
    await connect(ann, google, AMY)
    await ann.send_document(b"wages", "a.txt")
    done = await ann.wait_for("is in your Drive")
    await refuse_edits(google, reason="Bad Request: MESSAGE_ID_INVALID")
    for button, answer in [
        ("Share", "can then open"),
        ("Move", "Where shall"),
        ("Delete", "bin"),
    ]:
        await ann.tap(button, done)
        await ann.wait_for(answer)
    for command, button, answer in [
        ("/uploads", "Refresh", "Your uploads"),
        ("/folder", "by date", "sub-folders by date"),
        ("/language", "English", "From now on I speak English"),
        ("/privacy", "Delete all", "Delete everything I keep"),
        ("/disconnect", "No, ", "Everything stays as it is"),
    ]:
        await ann.send(command)
        shown = await ann.wait_for(lambda m: m.from_bot and bool(m.buttons))
        await ann.tap(button, shown)
        await ann.wait_for(answer)
    assert troubles(bot) == []


@pytest.mark.timing(first_progress=0.1, progress_interval=0.2)
async def test_progress_that_cannot_be_shown_is_given_up_after_one_new_message(
    bot: RunningBot,
    google: GoogleControls,
    people: People,
) -> None:
    """A chat is no place for a message every three seconds."""
    ann = people()
    await connect(ann, google, AMY)
    await refuse_edits(google)
    await google.rate("google.upload.*", 200_000)
    await google.forget_calls()
    await ann.send_document(os.urandom(900_000), "slow.bin")
    await until_called(google, "telegram.editMessageText", 2)
    await google.rate("google.upload.*", 0)
    await ann.wait_for("slow.bin (878.9 KiB) is in your Drive", timeout=30)
    about = [text for text in said(ann) if "slow.bin" in text]
    assert len(about) == 3, about
    assert troubles(bot) == []


@pytest.mark.parametrize(
    "words",
    [
        "Bad Request: message is not modified: specified new message content and reply markup are "
        "exactly the same as a current content and reply markup of the message",
        "Bad Request: MESSAGE_NOT_MODIFIED",
    ],
)
async def test_what_says_so_already_is_not_said_again(
    bot: RunningBot, google: GoogleControls, people: People, words: str
) -> None:
    """The one refusal of an edit that is none, in both of its forms."""
    ann = people()
    await ann.send("/language")
    await ann.wait_for("Which language?")
    await google.fault("telegram.editMessageText", "status", status=400, reason=words, count=0)
    await ann.tap("English")
    await ann.tap("English")
    await ann.send("/help")
    await ann.wait_for("20 MiB")
    assert not any("From now on" in text for text in said(ann))
    assert troubles(bot) == []


@pytest.mark.parametrize("kind", ["502", "drop", "429"])
async def test_an_edit_that_may_pass_is_no_reason_for_a_second_message(
    bot: RunningBot, google: GoogleControls, people: People, kind: str
) -> None:
    """Nobody knows whether it has been made: it is made again."""
    ann = people()
    await connect(ann, google, AMY)
    if kind == "drop":
        await google.fault("telegram.editMessageText", "drop")
    else:
        await google.fault("telegram.editMessageText", "status", status=int(kind), retry_after=1)
    await ann.send_document(b"x" * 300, "a.bin")
    await ann.wait_for("is in your Drive")
    about = {
        message.id for message in ann.messages() if message.from_bot and "a.bin" in message.text
    }
    assert len(about) == 1
    assert troubles(bot) == []


async def test_a_tap_that_cannot_be_answered_is_carried_out(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """Whatever words the answer is refused with."""
    ann = people()
    for reason in (
        "Bad Request: query is too old and response timeout expired or query ID is invalid",
        "Bad Request: QUERY_ID_INVALID",
        "x",
    ):
        await ann.send("/language")
        shown = await ann.wait_for("Which language?")
        await google.fault("telegram.answerCallbackQuery", "status", status=400, reason=reason)
        with pytest.raises(WaitError, match="did not answer"):
            await ann.tap("English", shown, timeout=0.5)
        await ann.wait_for("From now on I speak English")
    assert troubles(bot) == []


@pytest.mark.one_way
async def test_the_administrators_chart_is_shown_anew_where_it_cannot_be_changed(
    start_bot: StartBot, google: GoogleControls, people: People
) -> None:
    """editMessageMedia is an edit like others."""
    async with start_bot(ADMIN_USER_IDS="501", WEB_PORT=0) as bot:
        by_hand(bot)
        ann = people()
        await ann.send("/health")
        shown = await ann.wait_for("Connected:", timeout=30)
        await refuse_edits(google, reason="Bad Request: MESSAGE_ID_INVALID")
        await ann.tap("Refresh", shown)
        await until(lambda: sum("Connected:" in text for text in said(ann)) == 2, 30)
        assert troubles(bot) == []


async def test_what_both_ways_refuse_is_a_defect_and_told_as_one(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """Then it is what the bot wants to say that Telegram does not take."""
    ann = people()
    await ann.send("/language")
    await ann.wait_for("Which language?")
    await refuse_edits(google)
    await google.fault("telegram.sendMessage", "status", status=400, reason="MESSAGE_TOO_LONG")
    await ann.tap("English")
    await ann.wait_for("Something went wrong on my side")
    assert [line["event"] for line in troubles(bot)] == ["handler_failed"]


@pytest.mark.parametrize(
    "reason",
    [
        "Forbidden: bot was blocked by the user",
        "Forbidden: user is deactivated",
        "Forbidden: bot can't initiate conversation with a user",
        "Forbidden: bot was kicked from the supergroup chat",
        "Forbidden: USER_IS_BLOCKED",
        "x",
    ],
)
async def test_whoever_cannot_be_reached_is_no_defect_whatever_it_is_called(
    bot: RunningBot, google: GoogleControls, people: People, reason: str
) -> None:
    """Telegram's 403 is enough."""
    ann = people()
    await google.fault("telegram.sendMessage", "status", status=403, reason=reason)
    await ann.send("/help")
    await ann.send("/status")
    await ann.wait_for("not connected")
    assert troubles(bot) == []
    assert "user_blocked_bot" in bot.log.getvalue()


@pytest.mark.parametrize(
    ("error", "may"),
    [
        (NetworkError("Bad Gateway"), True),
        (TimedOut(), True),
        (BadRequest("chat not found"), False),
        (Forbidden("x"), False),
        (RetryAfter(3), False),
        (TelegramError("x"), False),
    ],
)
def test_errors_are_judged_by_their_class(error: TelegramError, may: bool) -> None:
    """python-telegram-bot's BadRequest is a NetworkError, and means the opposite."""
    assert may_pass(error) is may
    assert says_so_already(error) is False


def test_words_of_telegram_are_looked_at_in_one_place() -> None:
    """Elsewhere only getFile's, which has one code for three things, and no other sign."""
    found = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "bot").rglob("*.py")
        if re.search(r"\b(error|refusal|fault|answer)\.message\b", path.read_text("utf-8"))
    }
    assert found <= {
        "bot/delivery/messages.py",
        "bot/delivery/file_sender.py",
        "bot/uploads/running/telegram_files.py",
    }


def test_nobody_speaks_past_the_place_that_knows_how() -> None:
    """A message sent elsewhere would know neither topics nor refusals."""
    wanted = r"\.(send_message|reply_text|reply_\w+|edit_text|edit_message_\w+)\("
    found = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "bot").rglob("*.py")
        if re.search(wanted, path.read_text("utf-8"))
    }
    assert found == {"bot/delivery/messages.py"}


@pytest.mark.parametrize(
    ("reason", "end"),
    [
        ("Bad Request: invalid file_id", "Telegram no longer has a.bin"),
        ("Bad Request: FILE_ID_INVALID", "Telegram no longer has a.bin"),
        ("Bad Request: wrong file identifier/HTTP URL specified", "Telegram no longer has a.bin"),
        ("Bad Request: file is too big", "is too big"),
        ("Bad Request: wrong file_id or the file is temporarily unavailable", "Try again"),
        ("Bad Request: FILE_REFERENCE_EXPIRED", "Try again"),
        ("x", "Try again"),
    ],
)
@pytest.mark.timing(get_file_pauses=(0.1, 0.1))
async def test_a_file_that_telegram_refuses_in_unknown_words_is_not_given_up(
    bot: RunningBot,
    google: GoogleControls,
    people: People,
    reason: str,
    end: str,
) -> None:
    """Only what can never be had is; else there is a button."""
    ann = people()
    await connect(ann, google, AMY)
    await google.fault("telegram.getFile", "status", status=400, reason=reason, count=0)
    await ann.send_document(b"x" * 300, "a.bin")
    ended = await ann.wait_for(lambda m: end in m.text or m.button(end) is not None)
    assert (ended.button("Try again") is not None) is (end == "Try again")
    assert troubles(bot) == []
