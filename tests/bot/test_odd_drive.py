"""Answers of Drive that nobody can read: one of them is a passing fault, and is asked for again."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final

import pytest

from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.person import Person
from tests.bot.upkeep import logged
from tests.fixtures import RunningBot
from tests.journeys import connect, md5_of

People = Callable[..., Person]
pytestmark = pytest.mark.one_way("off")
AMY: Final = "amy@example.com"
BODIES: Final = (
    *("", "null", "[]", "7", "NaN", '"x"', "{", "<html>Please sign in</html>"),
    "[" * 5000 + "]" * 5000,
)


@pytest.mark.parametrize(
    "operation",
    [
        *("drive.about", "drive.files.generateIds", "drive.files.list", "drive.files.create"),
        *("drive.files.get", "upload.start", "upload.chunk", "upload.status"),
    ],
)
@pytest.mark.timing(upload_pause=0.02)
@pytest.mark.one_way
async def test_a_file_arrives_once_though_one_answer_cannot_be_read(
    bot: RunningBot,
    google: GoogleControls,
    people: People,
    monkeypatch: pytest.MonkeyPatch,
    operation: str,
) -> None:
    """With 200, which a proxy's page has as well."""
    monkeypatch.setattr("drive.calls.random.random", lambda: 0.01)
    ann = people()
    await connect(ann, google, AMY)
    for number, body in enumerate(BODIES):
        content, name = os.urandom(3000), f"{number}.bin"
        await google.clear_faults()
        await google.fault(f"google.{operation}", "status", status=200, body=body)
        await ann.send_document(content, name)
        await ann.wait_for(f"{name} (2.9 KiB) is in your Drive")
        files = [file["md5"] for file in await google.files(AMY) if file["name"] == name]
        assert files == [md5_of(content)]
    assert [file["name"] for file in await google.files(AMY)].count("Telegram") == 1
    assert logged(bot, "handler_failed") == []
