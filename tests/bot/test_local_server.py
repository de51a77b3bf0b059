"""Files that a local Bot API server has put on a shared volume."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.person import Person
from sandbox.clients.telegram_controls import TelegramControls
from tests.bot.upkeep import logged, said_to
from tests.fixtures import StartBot
from tests.journeys import connect, md5_of, until, until_struck

People = Callable[..., Person]
pytestmark = pytest.mark.one_way("on")
AMY = "amy@example.com"
UNREADABLE = "Files of the local Bot API server cannot be read"


@pytest.fixture
async def local(start_bot: StartBot, people: People) -> Person:
    """Somebody whose Telegram is a local server."""
    ann = people()
    async with TelegramControls(ann.base_url) as telegram:
        await telegram.local_mode(True)
    return ann


async def test_the_servers_copy_is_deleted_whatever_became_of_the_upload(
    start_bot: StartBot, local: Person, google: GoogleControls, tmp_path: Path
) -> None:
    """Nobody may ever tap Try again; whoever does has it fetched anew."""

    def copies() -> list[Path]:
        return [path for path in (tmp_path / "world").rglob("local/**/*") if path.is_file()]

    content = os.urandom(5000)
    async with start_bot(TELEGRAM_LOCAL_MODE="true"):
        await connect(local, google, AMY)
        full = {"status": 403, "reason": "storageQuotaExceeded"}
        await google.fault("google.upload.start", "status", **full)
        await local.send_document(content, "a.bin")
        message = await local.wait_for("your Google Drive is full")
        await until(lambda: not copies())
        await local.tap("Try again", message)
        await local.wait_for("is in your Drive")
        await until(lambda: not copies())
    assert [file["md5"] for file in await google.files(AMY) if file["md5"]] == [md5_of(content)]


async def test_administrators_hear_once_that_its_files_cannot_be_read_and_once_that_they_can(
    start_bot: StartBot, local: Person, google: GoogleControls, people: People, tmp_path: Path
) -> None:
    """It is nobody's fault but the set-up's, and no sweep would notice."""
    root = people(900, "Root")
    nowhere = {"file_id": "1", "file_unique_id": "1", "file_path": str(tmp_path / "nowhere")}
    async with start_bot(TELEGRAM_LOCAL_MODE="true", ADMIN_USER_IDS="900") as bot:
        await root.start()
        await root.wait_for("Drivekeeper")
        await connect(local, google, AMY)
        body = {"ok": True, "result": nowhere}
        await google.fault("telegram.getFile", "status", status=200, body=body, count=2)
        for name in ("a.bin", "b.bin"):
            await local.send_document(os.urandom(100), name)
            await local.wait_for(f"{name}")
            await local.wait_for("wrong with this bot's set-up")
        message = await root.wait_for(UNREADABLE, since=0)
        assert "under the same path" in message.text
        await local.send_document(os.urandom(100), "c.bin")
        await local.wait_for("c.bin (100 bytes) is in your Drive", since=0)
        await root.wait_for("Over:", since=0)
        assert len(await said_to(root, UNREADABLE)) == 2
        (opened,) = logged(bot, "incident_opened")
        assert opened["result"] == "local_file_unreadable"


async def test_cancel_does_not_wait_for_the_servers_own_download(
    start_bot: StartBot, local: Person, google: GoogleControls
) -> None:
    """Which takes an hour for a large file; the line is free at once."""
    async with start_bot(TELEGRAM_LOCAL_MODE="true"):
        await connect(local, google, AMY)
        await google.fault("telegram.getFile", "latency", seconds=60)
        await local.send_document(os.urandom(100), "slow.bin")
        await until_struck(google, "telegram.getFile")
        message = await local.wait_for("Preparing the upload of slow.bin", since=0)
        await local.tap("Cancel", message)
        await local.wait_for("slow.bin was cancelled", timeout=20)
        await local.send_document(os.urandom(100), "next.bin")
        await local.wait_for("next.bin (100 bytes) is in your Drive", timeout=20)
    assert [file["name"] for file in await google.files(AMY) if file["md5"]] == ["next.bin"]


@pytest.mark.parametrize("what", ["environment", "settings", "data", "link", "other bot"])
async def test_no_file_but_its_own_is_uploaded_or_deleted_whatever_it_names(
    start_bot: StartBot, local: Person, google: GoogleControls, tmp_path: Path, what: str
) -> None:
    """Whoever answers for a local server could have any file of the bot's user otherwise."""
    aside = tmp_path / "stand-in.env"
    aside.write_text("TOKEN_ENCRYPTION_KEY=secret")
    async with start_bot(TELEGRAM_LOCAL_MODE="true") as bot:
        folder = tmp_path / "world" / "telegram" / "local"
        assert bot.settings.telegram_bot_token is not None
        own = folder / bot.settings.telegram_bot_token.get_secret_value()
        own.mkdir(parents=True, exist_ok=True)
        (own / "odd-link").symlink_to(aside)
        (folder / "1234:other").mkdir()
        (folder / "1234:other" / "theirs.bin").write_text("theirs")
        await connect(local, google, AMY)
        named = {
            "environment": Path("/proc/self/environ"),
            "settings": aside,
            "data": next(bot.folder.glob("token_*.json")),
            "link": own / "odd-link",
            "other bot": folder / "1234:other" / "theirs.bin",
        }[what]
        told = {"file_path": str(named), "file_size": len(named.read_bytes())}
        body = {"ok": True, "result": {"file_id": "1", "file_unique_id": "1", **told}}
        await google.fault("telegram.getFile", "status", status=200, body=body)
        await local.send_document(os.urandom(100), "a.bin")
        await local.wait_for("wrong with this bot's set-up")
        assert [file["name"] for file in await google.files(AMY) if file["md5"]] == []
        assert named.exists()
        text = bot.log.getvalue()
        assert named.name not in text
        assert str(folder) not in text
    assert aside.read_text() == "TOKEN_ENCRYPTION_KEY=secret"


LARGE = 3_500_000_000
"""Bytes: more than Telegram's cloud gives to a bot, and takes from one."""


async def announce(by: Person, at: Person, content: bytes, name: str, size: int) -> None:
    """Have somebody send a file that is said to be as large as that."""
    shown = (await at.send_document(content, name)).raw["document"]
    await by.send("", extra={"document": {**shown, "file_size": size}})


async def test_a_file_of_more_than_two_gigabytes_is_taken(
    start_bot: StartBot, local: Person, google: GoogleControls, people: People, tmp_path: Path
) -> None:
    """A local server has no limit for what it gives to a bot."""
    if shutil.disk_usage(tmp_path).free < LARGE:
        pytest.skip("this disk has no room for such a file, and the bot looks")
    content = os.urandom(5000)
    async with start_bot(TELEGRAM_LOCAL_MODE="true"):
        await connect(local, google, AMY)
        await announce(local, people(502, "Bob"), content, "film.mkv", LARGE)
        await local.wait_for("film.mkv (4.9 KiB) is in your Drive")
        await local.send("/help")
        await local.wait_for("up to 4,000 MiB")
    assert [file["md5"] for file in await google.files(AMY) if file["md5"]] == [md5_of(content)]


async def test_room_in_drive_is_looked_at_before_the_server_fetches_a_file(
    start_bot: StartBot, local: Person, google: GoogleControls, people: People
) -> None:
    """Which takes as long as the file is large, and the shared disk's space."""
    async with start_bot(TELEGRAM_LOCAL_MODE="true"):
        await connect(local, google, AMY)
        await google.set_quota(AMY, limit=LARGE, used=1_000_000_000)
        await announce(local, people(502, "Bob"), b"x", "film.mkv", LARGE)
        await local.wait_for("this needs 3.3 GiB, and your Google Drive has 2.3 GiB left")
    assert (await google.calls())["counts"].get("telegram.getFile", 0) == 0


async def test_so_is_room_on_the_disk_it_fetches_it_to(
    start_bot: StartBot, local: Person, google: GoogleControls, people: People, tmp_path: Path
) -> None:
    """No server's answer would say what is wrong."""
    (tmp_path / "world" / "telegram" / "local").mkdir(exist_ok=True)
    async with start_bot(TELEGRAM_LOCAL_MODE="true") as bot:
        await connect(local, google, AMY)
        await google.set_quota(AMY, limit=10**18)
        await announce(local, people(502, "Bob"), b"x", "film.mkv", 4 * 10**15)
        await local.wait_for("wrong with this bot's set-up")
        assert {line["result"] for line in logged(bot, "upload_failed")} == {"store_failed"}
    assert (await google.calls())["counts"].get("telegram.getFile", 0) == 0
