"""What people do with the bot, step by step, for tests that need somebody connected."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from bot.uploads.jobs import UploadJob, UploadJournal
from config import Settings
from sandbox.client import Message, Person
from sandbox.google_client import GoogleControls
from security.encryption import TokenEncryption

DEVICE_CODE = re.compile(r"[A-Z]{4}-[A-Z]{4}")


async def ask_device_code(person: Person, patience: float = 15) -> str:
    """/connect with the device flow; the code the bot shows."""
    await person.send("/connect")
    message = await person.wait_for("Enter this code", patience)
    found = DEVICE_CODE.search(message.text)
    assert found, message.text
    return found[0]


async def connect(
    person: Person, google: GoogleControls, account: str, *, patience: float = 15
) -> Message:
    """Connect with the device flow, from /connect to "Connected"; `patience` s for each answer."""
    code = await ask_device_code(person, patience)
    await google.approve_device(code, account)
    await person.wait_for("has approved", patience)
    await person.tap("Yes, that is mine", timeout=patience)
    return await person.wait_for("Connected", patience)


async def until(happened: Callable[[], bool], seconds: float = 15) -> None:
    """Wait for something that no message announces."""
    async with asyncio.timeout(seconds):
        while not happened():  # noqa: ASYNC110 - files and logs tell nobody
            await asyncio.sleep(0.02)


def unfinished(settings: Settings) -> list[UploadJob]:
    """The jobs of a bot with these settings that have not ended."""
    keyring = TokenEncryption(settings.encryption_keys)
    jobs = UploadJournal(settings.user_data_dir / "uploads", keyring).all()
    return [job for job in jobs if not job.has_ended]


async def until_uploading(google: GoogleControls) -> None:
    """Wait until bytes are on their way to Drive; slowed down, they are for a while."""
    while (await google.calls())["counts"].get("google.upload.start", 0) < 1:  # noqa: ASYNC110
        await asyncio.sleep(0.05)  # the sandbox is asked over HTTP: there is no event to wait for
    await asyncio.sleep(0.5)


async def until_struck(google: GoogleControls, operation: str, times: int = 1) -> None:
    """Wait until faults of this operation have struck so often: it has been asked for by then."""
    async with asyncio.timeout(30):
        while sum(f["hits"] for f in await google.faults() if f["target"] == operation) < times:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def until_called(google: GoogleControls, operation: str, times: int = 1) -> None:
    """Wait until it has been asked for so often, and answered."""
    async with asyncio.timeout(30):
        while (await google.calls())["counts"].get(operation, 0) < times:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


def put(thing: Path, path: Path) -> None:
    """Move it there, whatever the running bot has made there meanwhile."""
    while thing.exists():
        with contextlib.suppress(OSError):
            thing.rename(path)
        if thing.exists() and path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        elif thing.exists():
            path.unlink(missing_ok=True)


def md5_of(content: bytes) -> str:
    """As Drive states it."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
