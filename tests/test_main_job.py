"""The main job: connect Google Drive, send a file, get its link."""

from __future__ import annotations

import os
from collections.abc import Callable

from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.person import Person
from tests.fixtures import RunningBot
from tests.journeys import ask_device_code, connect


async def test_a_file_sent_before_connecting_is_uploaded_once_connected(
    bot: RunningBot, google: GoogleControls, people: Callable[..., Person]
) -> None:
    """The person does not have to send it twice."""
    ann, content = people(), os.urandom(5_000_000)
    await ann.start()
    await ann.send_document(content, "report.pdf", "application/pdf")
    await ann.wait_for("is waiting")
    code = await ask_device_code(ann)
    await google.approve_device(code, "amy@example.com")
    await ann.wait_for("amy@example.com has approved")
    await ann.tap("Yes, that is mine")
    message = await ann.wait_for("is in your Drive")
    (file,) = [f for f in await google.files("amy@example.com") if f["name"] == "report.pdf"]
    assert await google.file_bytes(file["id"]) == content
    assert file["id"] in message.buttons[0].raw["url"]


async def test_an_upload_lands_in_the_folder_with_name_type_and_link(
    bot: RunningBot, google: GoogleControls, people: Callable[..., Person]
) -> None:
    """Any Unicode stays in the name."""
    ann, content = people(), b"hello"
    await ann.start()
    await connect(ann, google, "amy@example.com")
    await ann.send_document(content, "報告 🎉 <b>&.txt", "text/plain")
    message = await ann.wait_for("is in your Drive")
    assert "報告 🎉 <b>&.txt" in message.text
    files = {f["name"]: f for f in await google.files("amy@example.com")}
    assert files["報告 🎉 <b>&.txt"]["parents"] == [files["Telegram"]["id"]]
    assert files["報告 🎉 <b>&.txt"]["mimeType"] == "text/plain"
    assert message.buttons[0].text == "Open in Drive"
