"""Taken off ALLOWED_USER_IDS: what waits waits, and what was given can be taken back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from telegram import Update

from bot.uploads.journal import UploadJournal
from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.person import Person
from security.credential import Owner
from security.encryption import TokenEncryption
from tests.bot.test_maintenance import expire_soon, stored
from tests.bot.test_updates import answers
from tests.bot.upkeep import by_hand, logged, sweep
from tests.fixtures import RunningBot, StartBot
from tests.journeys import connect, unfinished, until, until_uploading
from tests.stores import storage_in, uploads_in

People = Callable[..., Person]
pytestmark = pytest.mark.one_way("on")
AMY = "amy@example.com"
ANN = Owner.user(501)
WITHOUT: dict[str, Any] = {"ALLOWED_USER_IDS": "502", "WEB_PORT": 0}
WITH: dict[str, Any] = {"ALLOWED_USER_IDS": "501,502", "WEB_PORT": 0}


async def two_files_in_line(bot: RunningBot, google: GoogleControls, ann: Person) -> None:
    """One on its way, one behind it, and the process stops."""
    await connect(ann, google, AMY)
    await google.rate("google.upload.chunk", 5_000)
    await ann.send_document(b"1" * 100_000, "first.bin")
    await ann.send_document(b"2" * 100_000, "second.bin")
    await until_uploading(google)
    await until(lambda: len(unfinished(bot.settings)) == 2)


async def test_files_in_line_wait_and_go_on_when_their_owner_is_back(
    start_bot: StartBot, google: GoogleControls, people: People
) -> None:
    """Told once, also over further starts; nothing is sent to Drive meanwhile."""
    ann = people(501, "Ann")
    async with start_bot(**WITH) as bot:
        await two_files_in_line(bot, google, ann)
    await google.rate("google.upload.chunk", None)
    for start in range(2):
        await google.forget_calls()
        async with start_bot(**WITHOUT) as bot:
            told = await ann.wait_for("no longer have access", since=0)
            assert "were not uploaded yet: 2" in told.text
            assert [job.state for job in unfinished(bot.settings)] == ["waiting", "waiting"]
            waiting = [line["result"] for line in logged(bot, "upload_waiting")]
            assert waiting == (["not_allowed"] if start == 0 else [])
            counts = (await google.calls())["counts"]
            assert not [name for name in counts if name.startswith(("google.upload", "google.dr"))]
    async with start_bot(**WITH) as bot:
        await ann.wait_for("second.bin (97.7 KiB) is in your Drive", since=0)
        await until(lambda: not unfinished(bot.settings))
    files = [file["name"] for file in await google.files(AMY) if file["md5"]]
    assert files == ["first.bin", "second.bin"]
    assert len(answers(ann, "no longer have access")) == 1


async def test_after_seven_days_the_waiting_ends(
    start_bot: StartBot, google: GoogleControls, people: People, keyring: TokenEncryption
) -> None:
    """And its message says so; to send it again would be of no use."""
    ann = people(501, "Ann")
    async with start_bot(**WITH) as bot:
        await two_files_in_line(bot, google, ann)
    journal = UploadJournal(storage_in(bot.folder, keyring))
    for job in uploads_in(bot.folder, keyring):
        created_at = datetime.now(UTC) - timedelta(days=7, minutes=1)
        journal.save(job.model_copy(update={"created_at": created_at}))
    async with start_bot(**WITHOUT) as bot:
        await ann.wait_for("no longer have access", since=0)
        jobs = bot.application.job_queue
        assert jobs is not None
        for later in jobs.get_jobs_by_name("forget_old"):
            await later.run(bot.application)
        await ann.wait_for("second.bin has waited for seven days", since=0)
        assert not unfinished(bot.settings)
    assert not any("Send it again" in text for text in answers(ann, "seven days and is"))


async def test_a_sweep_refreshes_nothing_of_theirs(
    start_bot: StartBot, google: GoogleControls, people: People
) -> None:
    """Until they are back. It stays where it is, whole."""
    ann = people(501, "Ann")
    async with start_bot(**WITH) as bot:
        await connect(ann, google, AMY)
        before = expire_soon(bot)
    async with start_bot(**WITHOUT) as bot:
        by_hand(bot)
        await sweep(bot, 2)
        assert stored(bot).generation == before.generation
        assert logged(bot, "sweep_finished")[-1]["skipped"] == 1
    for allowed in ({"ALLOWED_USER_IDS": "502", "ADMIN_USER_IDS": "501"}, WITH):
        async with start_bot(**{**WITH, **allowed}) as bot:
            before = expire_soon(bot)
            by_hand(bot)
            await sweep(bot)
            assert stored(bot).generation == before.generation + 1


@pytest.mark.parametrize("way", ["/disconnect", "/privacy"])
async def test_they_can_still_take_back_what_they_gave(
    start_bot: StartBot, google: GoogleControls, people: People, way: str
) -> None:
    """Everything else is refused, and the refusal says that this is not."""
    ann = people(501, "Ann")
    async with start_bot(**WITH) as bot:
        await connect(ann, google, AMY)
    async with start_bot(**WITHOUT) as bot:
        await ann.send("/status")
        refused = await ann.wait_for("This bot is private")
        assert "/disconnect" in refused.text
        await ann.send(way)
        if way == "/disconnect":
            await ann.wait_for("Disconnect your Google Drive?")
            await ann.tap("Yes, disconnect")
        else:
            await ann.wait_for("What I keep")
            await ann.tap("Delete all my data")
            await ann.wait_for("Delete everything I keep")
            await ann.tap("Yes, delete everything")
        await ann.wait_for("I have deleted my access to your Drive")
        assert (await google.calls())["counts"]["google.revoke"] == 1
        # Now there is nothing to take back: they are strangers like others.
        await until(lambda: not (bot.folder / "token_501.json").exists())
        seen = len(logged(bot, "access_denied"))
        await ann.send(way)
        await until(lambda: len(logged(bot, "access_denied")) == seen + 1)


@pytest.mark.parametrize("data", ["connect", "consent-yes", "language:en", "files", "health"])
async def test_no_other_button_serves_them(
    start_bot: StartBot, google: GoogleControls, people: People, data: str
) -> None:
    """A button's data can be sent by any client."""
    ann = people(501, "Ann")
    async with start_bot(**WITH) as bot:
        await connect(ann, google, AMY)
        await ann.send("/privacy")
        await ann.wait_for("What I keep")
    user = {"id": 501, "is_bot": False, "first_name": "Ann"}
    query: dict[str, Any] = {"id": "1", "from": user, "chat_instance": "1", "data": data}
    chat = {"id": 501, "type": "private", "first_name": "Ann"}
    query["message"] = {"message_id": 1, "date": 1_700_000_000, "chat": chat, "text": "x"}
    async with start_bot(**WITHOUT) as bot:
        await bot.application.update_queue.put(  # as Telegram would bring it
            Update.de_json({"update_id": 9, "callback_query": query}, bot.application.bot)
        )
        await until(lambda: len(logged(bot, "access_denied")) == 1)
        assert logged(bot, "access_denied")[0]["result"] == "not_allowed"
