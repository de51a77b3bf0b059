"""The world that the frozen folders' bot comes back to: its chats, its Drives, and what is said.

Telegram and Google are the sandbox's. What a document of then names and only a sandbox of now can
give (a file's number, the session of half an upload) is made here, and put where the mark stands.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp

from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.group import Group
from sandbox.clients.person import Person
from sandbox.clients.telegram_controls import TelegramControls
from sandbox.run import bot_settings
from sandbox.server import Sandbox
from tests.bot.processes import BotProcess, process
from tests.frozen.kit import (
    AFTER,
    AT_MOMENT,
    MOMENT,
    SANDBOX_MARK,
    SESSION_MARK,
    WEB_MARK,
    WRITTEN,
    Kind,
    keys_of,
    lay_out,
)

HALF: Final = bytes(range(250)) * 2400
FIRST_PIECE: Final = 256 * 1024
SMALL: Final = b"9 bytes.\n"
_FILES: Final = ("half.bin", "two.jpg", "left.pdf", "unnamed.pdf", "waits.pdf", "held.pdf")
NEWCOMERS: Final = (580, 581, 582, 583)
_ROOT: Final = 570
"""The administrator."""
_CHANCE: Final = (
    (re.compile(r"/file/d/[\w-]+"), "/FILE"),
    (re.compile(r"(?<![\w-])1[\w-]{32}(?![\w-])"), "FILE"),
    (re.compile(r"2026-11-20 12:0[1-9] UTC"), "LATELY UTC"),
    (re.compile(r"20261120t120[1-9][0-9]{8}"), "LATELY"),
)


@dataclass
class Stage:
    """Everything around one data folder."""

    kind: Kind
    sandbox: Sandbox
    google: GoogleControls
    telegram: TelegramControls
    root: Path
    settings: dict[str, str]
    group: Group
    people: dict[int, Person] = field(default_factory=dict)

    @asynccontextmanager
    async def bot(self, version: Path, after: float = AFTER) -> AsyncIterator[BotProcess]:
        """A version's bot on the folder, until the end of the block; then it has stopped."""
        settings = {**self.settings, "PYTHONPATH": str(version)}
        output = self.root / f"bot {after}"
        output.mkdir()
        async with process(output, settings, str(AT_MOMENT), str(MOMENT + after)) as running:
            yield running
            await running.stop()

    def said(self, numbers: list[int]) -> list[dict[str, Any]]:
        """What stands in these people's chats by now, from the bot: texts, and below each buttons.

        In no order: what is told of different things comes as it comes.
        """
        chats: dict[str, Person] = {str(number): self.people[number] for number in numbers}
        chats["group"] = self.group
        return [{"chat": name, "says": self._shown(chat)} for name, chat in chats.items()]

    def _shown(self, chat: Person) -> list[list[str]]:
        shown = [
            [
                message.text,
                *(button.callback_data or button.url or "" for button in message.buttons),
            ]
            for message in chat.messages()
            if message.from_bot
        ]
        text = json.dumps(shown, ensure_ascii=False)
        for address, mark in (
            (self.sandbox.url, SANDBOX_MARK),
            (self.settings["PUBLIC_URL"], WEB_MARK),
        ):
            text = text.replace(address, mark)
        for pattern, mark in _CHANCE:
            text = pattern.sub(mark, text)
        return sorted(json.loads(text))

    async def sessions_begun(self, number: int) -> int:
        """How many uploads have been begun in this person's Drive."""
        calls = (await self.google.calls())["calls"]
        begun = ("google.upload.start", f"person{number}@example.com")
        return sum((call["operation"], call["owner"]) == begun for call in calls)


def in_order(text: str) -> str:
    """A text whose items stand in an order of their own: whoever is on hold is in none."""
    lines = text.split("\n")
    items = iter(sorted(line for line in lines if line.startswith("• ")))
    return "\n".join(next(items) if line.startswith("• ") else line for line in lines)


def write_both_halves(kind: Kind, world: Path) -> None:
    """What Google and Telegram know of the folder's people, for a sandbox to start in `world`."""
    talkers = [
        {"id": number, "first_name": f"P{number}", "language_code": "en", "started": True}
        for number in numbers(kind)
    ]
    halves = {"google/state.json": WRITTEN[kind]["google"]}
    halves |= {"telegram/people.json": {"users": talkers}}
    for name, document in halves.items():
        (world / name).parent.mkdir(parents=True)
        (world / name).write_text(json.dumps(document), "utf-8")


def numbers(kind: Kind) -> list[int]:
    """Everybody in the folder, the administrator, and some who come anew."""
    return sorted({*map(int, WRITTEN[kind]["masks"]), _ROOT, *NEWCOMERS})


async def set_the_stage(
    kind: Kind,
    sandbox: Sandbox,
    google: GoogleControls,
    telegram: TelegramControls,
    make: Callable[..., Person],
    root: Path,
) -> Stage:
    """The folder laid out, and everybody in it reachable."""
    settings = {
        **bot_settings(sandbox, root / "user_data", "callback"),
        "TOKEN_ENCRYPTION_KEY": keys_of(kind),
        "LOG_FORMAT": "json",
        "ADMIN_USER_IDS": str(_ROOT),
    }
    gil = await make(561, "P561").open()
    number = await telegram.make_group("Depot", [gil.id], told=False)
    group = await Group(sandbox.url, number).open()
    settings["ALLOWED_CHAT_IDS"] = str(number)
    stage = Stage(kind, sandbox, google, telegram, root, settings, group, {561: gil})
    for one in numbers(kind):
        if one != gil.id:
            stage.people[one] = await make(one, f"P{one}").open()
    marks = {
        SESSION_MARK: await _begin_half(sandbox.url),
        **await _files(sandbox.url, telegram, gil),
        SANDBOX_MARK: sandbox.url,
        WEB_MARK: settings["PUBLIC_URL"],
    }
    lay_out(kind, root / "user_data", marks)
    return stage


async def _begin_half(url: str) -> str:
    """Ann's upload as far as it has come; the session's address."""
    bearer = {"Authorization": "Bearer ya29.made-up-access-501"}
    wish = {"id": "1half-a-file-of-501", "name": "half.bin", "parents": ["1folder-of-person501"]}
    start = f"{url}/upload/drive/v3/files?uploadType=resumable&supportsAllDrives=true"
    start += "&fields=id,name,md5Checksum,size,webViewLink,trashed"
    length = {"X-Upload-Content-Length": str(len(HALF))}
    span = {"Content-Range": f"bytes 0-{FIRST_PIECE - 1}/{len(HALF)}"}
    async with aiohttp.ClientSession(headers=bearer) as session:
        async with session.post(start, json=wish, headers=length) as begun:
            assert begun.status == 200, await begun.text()
            address = begun.headers["Location"]
        async with session.put(address, data=HALF[:FIRST_PIECE], headers=span) as taken:
            assert taken.status == 308, await taken.text()
    return address


async def _files(url: str, telegram: TelegramControls, sender: Person) -> Mapping[str, str]:
    """Telegram's numbers of the files that are on their way, by what stands for them.

    They were sent where the bot cannot read: it is told of none of them again.
    """
    elsewhere = await telegram.make_group("Elsewhere", [sender.id], told=False)
    numbers = {}
    async with Group(url, elsewhere) as group:
        for name in _FILES:
            content = HALF if name == "half.bin" else SMALL + name.encode()
            sent = await group.by(sender).send_document(content, name)
            numbers[f"file-{name}"] = str(sent.raw["document"]["file_id"])
    return numbers
