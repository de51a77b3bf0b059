"""What Telegram does not take for a passing reason is said again, and stands there once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.person import Person
from tests.bot.upkeep import logged
from tests.fixtures import RunningBot
from tests.journeys import until, until_called

People = Callable[..., Person]
pytestmark = pytest.mark.one_way("on")


def said(person: Person, text: str) -> int:
    """In how many messages of the bot's this stands."""
    return len([m for m in person.messages() if m.from_bot and text in m.text])


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_an_answer_refused_in_passing_is_given(
    bot: RunningBot, google: GoogleControls, people: People, status: int
) -> None:
    """Twice, even: the person reads it once, and nothing has failed."""
    ann = people()
    await google.fault("telegram.sendMessage", "status", status=status, count=2)
    await ann.send("/help")
    await ann.wait_for("20 MiB")
    assert said(ann, "20 MiB") == 1
    assert logged(bot, "handler_failed") == []


@pytest.mark.parametrize(
    ("kind", "options"), [("status", {"status": 502}), ("drop", {}), ("after", {})]
)
async def test_an_edit_is_made_whatever_became_of_the_first(
    bot: RunningBot, google: GoogleControls, people: People, kind: str, options: dict[str, Any]
) -> None:
    """Refused, lost on its way, or its answer lost: made twice, it is as made once."""
    ann = people()
    await ann.send("/language")
    await ann.wait_for("Which language?")
    await google.fault("telegram.editMessageText", kind, **options)
    await ann.tap("English")
    await ann.wait_for("From now on I speak English")
    assert said(ann, "From now on") == 1
    assert logged(bot, "handler_failed") == []


async def test_a_tap_is_acknowledged_though_telegram_fails_at_first(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """The person's button would show a clock for long."""
    ann = people()
    await ann.send("/language")
    await ann.wait_for("Which language?")
    await google.fault("telegram.answerCallbackQuery", "status", status=502)
    await ann.tap("English")


async def test_a_message_that_may_have_arrived_is_not_sent_once_more(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """The connection ended after Telegram had all of it: nobody knows, and two are worse."""
    ann = people()
    await google.fault("telegram.sendMessage", "after")
    await ann.send("/help")
    await ann.wait_for("20 MiB")
    await until(lambda: bool(logged(bot, "handler_failed")))
    assert said(ann, "20 MiB") == 1


@pytest.mark.timing(send_pauses=(0.01, 0.01, 0.01))
async def test_a_refusal_that_stays_is_given_up(
    bot: RunningBot,
    google: GoogleControls,
    people: People,
) -> None:
    """After four tries, and with a line in the log; so is what is no passing one, at once."""
    ann = people()
    await google.fault("telegram.sendMessage", "status", status=502, count=4)
    await ann.send("/help")
    await ann.wait_for("That did not work just now")
    assert len(logged(bot, "handler_failed")) == 1
    await google.fault("telegram.sendMessage", "status", status=403)
    before = (await google.calls())["counts"]["telegram.sendMessage"]
    await ann.send("/help")
    await until_called(google, "telegram.sendMessage", before + 1)
    await until(lambda: bool(logged(bot, "user_blocked_bot")))
