"""While Google is silent: people see that it goes on, are told in time, and served meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.person import Person
from tests.fixtures import RunningBot
from tests.journeys import connect, until

People = Callable[..., Person]
AMY = "amy@example.com"


async def silent(google: GoogleControls, *operations: str) -> None:
    """Google answers none of these any more; without any: nothing at all."""
    for operation in operations or ("google.*",):
        await google.fault(operation, "hang", count=None)


@pytest.mark.timing(answer=3)
async def test_what_needs_no_google_is_answered_beside_what_waits_for_it(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """Within a second, and so is a file; the questions wait in their line, and end in time."""
    ann = people()
    await connect(ann, google, AMY)
    await silent(google)
    began = time.monotonic()
    for text in ("/status", "/files", "/folder"):
        await ann.send(text)
    await until(lambda: ann.actions() == ["typing"], 1.2)
    for text, answer in (
        ("/help", "How it works"),
        ("/language", "Which language"),
        ("/uploads", "Nothing is on its way"),
        ("/privacy", "What I keep"),
        ("/start", "You are connected"),
        ("hello", "Send me a file"),
    ):
        await ann.send(text)
        await ann.wait_for(answer, 1)
    await ann.send_document(b"x", "a.txt")
    await ann.wait_for("a.txt", 1)
    assert time.monotonic() - began < 3
    await ann.wait_for(lambda m: "does not answer" in m.text, since=0)
    assert 2.5 < time.monotonic() - began < 4
    await until(lambda: sum("does not answer" in m.text for m in ann.messages()) == 3)
    assert time.monotonic() - began < 8
