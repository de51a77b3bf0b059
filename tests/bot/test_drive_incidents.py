"""Administrators hear that there is no Drive for anybody: no sweep would notice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.person import Person
from tests.bot.upkeep import logged, said_to
from tests.fixtures import StartBot
from tests.journeys import ask_device_code, connect

People = Callable[..., Person]
pytestmark = pytest.mark.one_way("on")
AMY = "amy@example.com"


@pytest.mark.parametrize(
    ("code", "fault", "says"),
    [
        ("api_not_found", {"status": 404}, "GOOGLE_API_ENDPOINT"),
        ("api_disabled", {"reason": "accessNotConfigured"}, "Google Drive API is not enabled"),
    ],
)
async def test_a_drive_that_is_nobodys_is_one_alert_and_one_end(
    start_bot: StartBot,
    google: GoogleControls,
    people: People,
    code: str,
    fault: dict[str, Any],
    says: str,
) -> None:
    """Also where nobody has connected yet: it is met by the first who tries."""
    root, ann = people(900, "Root"), people()
    async with start_bot(ADMIN_USER_IDS="900") as bot:
        await root.start()
        await root.wait_for("Drivekeeper")
        await google.fault("google.drive.about", "status", count=0, **fault)
        number = await ask_device_code(ann)
        await google.approve_device(number, AMY)
        await ann.wait_for("This bot's set-up at Google is not right")
        await root.wait_for(says, since=0)
        await google.clear_faults()
        await connect(ann, google, AMY)
        await ann.send_document(b"x", "a.bin")
        await ann.wait_for("a.bin (1 byte) is in your Drive", since=0)
        await root.wait_for("Over:", since=0)
        assert len(await said_to(root, says)) == 2
        assert [entry["result"] for entry in logged(bot, "incident_opened")] == [code]
