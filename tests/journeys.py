"""What people do with the bot, step by step, for tests that need somebody connected."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import hashlib
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import aiohttp

from bot.uploads.jobs import UploadJob
from config import Settings
from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.messages import Message
from sandbox.clients.person import Person
from sandbox.clients.telegram_controls import TelegramControls
from security.encryption import TokenEncryption
from tests.stores import uploads_in

DEVICE_CODE = re.compile(r"[A-Z]{4}-[A-Z]{4}")
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # linux/fcntl.h, linux/fs.h


async def ask_to_connect(person: Person, shown: str, patience: float = 15) -> Message:
    """/connect, also for who is connected already; the message that shows how."""
    already = "You are connected already"
    await person.send("/connect")
    message = await person.wait_for(lambda m: shown in m.text or already in m.text, patience)
    if shown in message.text:
        return message
    await person.tap("Connect again", message, timeout=patience)
    return await person.wait_for(shown, patience)


async def ask_device_code(person: Person, patience: float = 15) -> str:
    """/connect with the device flow; the code the bot shows."""
    message = await ask_to_connect(person, "Enter this code", patience)
    found = DEVICE_CODE.search(message.text)
    assert found, message.text
    return found[0]


async def connect(
    person: Person, google: GoogleControls, account: str, *, patience: float = 15
) -> Message:
    """Connect with the device flow, from /connect to "Connected"; `patience` s for each answer."""
    code = await ask_device_code(person, patience)
    await google.approve_device(code, account)
    return await confirm(person, account, patience=patience)


async def confirm(person: Person, account: str, *, patience: float = 15) -> Message:
    """Say that the account is mine, where I am asked, to "Connected"."""
    asked, done = f"{account} has approved", f"Connected as {account}"
    message = await person.wait_for(lambda m: asked in m.text or done in m.text, patience)
    if done in message.text:  # the account that was connected last
        return message
    await person.tap("Yes, that is mine", timeout=patience)
    return await person.wait_for("Connected", patience)


async def forge_tap(person: Person, data: str) -> None:
    """Any client can send any button's data: a tap without the button."""
    sender = {"id": person.id, "is_bot": False, "first_name": "A", "language_code": "en"}
    async with TelegramControls(person.base_url) as telegram:
        await telegram.inject(
            "callback_query",
            {
                "id": "4711",
                "from": sender,
                "message": person.last().raw,
                "chat_instance": "1",
                "data": data,
            },
        )


async def ask_link(person: Person) -> str:
    """/connect with the callback or paste flow; the address of Google's page."""
    message = await ask_to_connect(person, "The link is for you alone")
    return person.button_url("Open Google's page", message)


async def open_page(address: str, language: str = "en", **headers: str) -> tuple[int, str]:
    """What a browser sees there, redirects not followed."""
    async with (
        aiohttp.ClientSession(headers={"Accept-Language": language, **headers}) as session,
        session.get(address, allow_redirects=False) as response,
    ):
        return response.status, await response.text()


def claim_code(page: str) -> str:
    """The one-time code in the button of the callback's page."""
    found = re.search(r'href="([^"]+)"', page)
    assert found, page
    return parse_qs(urlsplit(unescape(found[1])).query)["start"][0]


async def until(happened: Callable[[], bool], seconds: float = 30) -> None:
    """Wait for something that no message announces."""
    async with asyncio.timeout(seconds):
        began = time.monotonic()
        while not happened():
            # Files and logs tell nobody. A look that takes long leaves the bot time to do things.
            await asyncio.sleep(max(0.02, 5 * (time.monotonic() - began)))
            began = time.monotonic()


def times_told(person: Person, text: str) -> int:
    """How often the bot has said so."""
    return sum(m.from_bot and text in m.text for m in person.messages())


async def until_in_menu(person: Person, command: str) -> None:
    """Wait until the person's menu has this command: it follows the greeting."""
    async with asyncio.timeout(30):
        while command not in [name for name, _ in await person.commands()]:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


def unfinished(settings: Settings) -> list[UploadJob]:
    """The jobs of a bot with these settings that have not ended."""
    keyring = TokenEncryption(settings.encryption_keys)
    jobs = uploads_in(settings.user_data_dir, keyring)
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


@contextlib.contextmanager
def out_of_place(folder: Path, text: str = "") -> Iterator[None]:
    """A file where a folder should be: every write into it fails, as on a full disk.

    At no moment is nothing there: the running bot would make the folder anew, and write into it.
    """
    wrong = folder.with_name(f"out-of-place-{folder.name}")
    wrong.write_text(text)
    _exchange(wrong, folder)
    try:
        yield
    finally:
        _exchange(wrong, folder)
        wrong.unlink()


def _exchange(one: Path, other: Path) -> None:
    """Each takes the other's place, in one step (renameat2(2))."""
    libc = ctypes.CDLL(None, use_errno=True)
    paths = os.fsencode(one), os.fsencode(other)
    if libc.renameat2(_AT_FDCWD, paths[0], _AT_FDCWD, paths[1], _RENAME_EXCHANGE):
        raise OSError(ctypes.get_errno(), "cannot be exchanged")


def md5_of(content: bytes) -> str:
    """As Drive states it."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
