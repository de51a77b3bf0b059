"""Files sent together, and what can happen while they are still coming in."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox.client import Person
from sandbox.google_client import GoogleControls
from tests.conftest import RunningBot
from tests.journeys import connect

People = Callable[..., Person]
pytestmark = pytest.mark.one_way("on")
AMY = "amy@example.com"


def album(name: str, count: int) -> list[tuple[str, bytes | Path | str, str]]:
    """Documents of different bytes."""
    return [("document", os.urandom(100), f"{name} {number}.bin") for number in range(count)]


async def test_an_album_cancelled_while_more_of_it_is_awaited_stays_cancelled(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """What is sent next overtakes nothing, so its end shows that the album's was the last word."""
    ann = people()
    await connect(ann, google, AMY)
    await ann.send_album(album("first", 2))
    await ann.send("/cancel")
    await ann.wait_for("⏹ Cancelled.")
    await ann.send_album(album("second", 3))
    await ann.wait_for("3 of 3 files are in your Drive", timeout=20)
    names = {file["name"] for file in await google.files(AMY) if file["md5"]}
    assert names == {f"second {number}.bin" for number in range(3)}
