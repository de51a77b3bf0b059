"""One run of the bot after another over one folder, as python-telegram-bot has them run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Literal

from telegram import Bot as TelegramBot
from telegram import Update

from security.encryption import TokenEncryption
from tests.frozen.disk import Disk, Killed
from tests.frozen.product import UpdatesRun
from tests.frozen.updates_model import Sent

BOT: Final = TelegramBot("110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw")
End = Literal["well", "badly", "cancelled"]
_PATIENCE_SECONDS = 10


class HandlerFailed(Exception):
    """What a handler raises here."""


def update_of(number: int, sent: Sent) -> Update:
    """As Telegram sends it."""
    if sent.kind == "empty":  # what `getUpdates` could not make out: it has its number alone
        return Update.de_json({"update_id": number}, BOT)
    person = {"id": sent.person, "is_bot": False, "first_name": "Ann"}
    chat = {"id": sent.person, "type": "private", "first_name": "Ann"}
    content: dict[str, Any] = {"message_id": 5, "date": 1_700_000_000, "chat": chat}
    if sent.kind == "text":
        content["text"] = "/help"
    else:
        content["document"] = {"file_id": f"f{number}", "file_unique_id": f"u{number}"}
    return Update.de_json({"update_id": number, "message": {**content, "from": person}}, BOT)


class Bot:
    """One run, and the loop that the library has around the handlers of its updates."""

    def __init__(
        self, folder: Path, keyring: TokenEncryption, members: frozenset[int], disk: Disk
    ) -> None:
        self.product = UpdatesRun(folder, keyring, members)
        self._disk = disk
        self.running: dict[int, asyncio.Future[End]] = {}
        """The updates whose handlers run, and what is to become of them."""
        self.twice: list[int] = []
        """Updates that were begun while they ran."""
        self._processing: dict[int, asyncio.Task[None]] = {}
        self._fetching = asyncio.create_task(self._fetch())

    async def _fetch(self) -> None:
        while True:
            update = await self.product.next()
            self._processing[update.update_id] = asyncio.create_task(self._process(update))

    async def _process(self, update: Update) -> None:
        handlers = self._handle(update.update_id)
        try:
            await self.product.process(update, handlers)
        finally:
            handlers.close()  # where it never came to them

    async def _handle(self, number: int) -> None:
        if number in self.running:
            self.twice.append(number)
        end = self.running[number] = asyncio.get_running_loop().create_future()
        try:
            if await end == "badly":
                raise HandlerFailed
        finally:
            del self.running[number]

    async def end(self, number: int, how: End) -> None:
        """Let its handlers end so; returns when that has been noted."""
        task = self._processing[number]
        if how == "cancelled":
            task.cancel()
        else:
            self.running[number].set_result(how)
        await self.until(task.done)
        with suppress(HandlerFailed, asyncio.CancelledError):
            task.result()

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Wait for it; raise Killed where the process is killed meanwhile."""
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while not is_so():
                if self._disk.is_dead:
                    raise Killed
                await asyncio.sleep(0.0002)

    async def come_to_rest(self, *waiting: asyncio.Task[None]) -> None:
        """Wait until nothing is under way but handlers, and tasks that are known to be `waiting`.

        What one can see of an end, say that a document is gone, may come before the bot counts it.
        """

        def is_at_rest() -> bool:
            known = {asyncio.current_task(), self._fetching, *waiting}
            return asyncio.all_tasks() <= known | set(self._processing.values())

        await self.until(is_at_rest)

    async def stop(self) -> None:
        """In order: what still runs is cut off."""
        self.product.begin_stop()
        await _cancel(set(self._processing.values()) | {self._fetching})
        await self.product.end_stop()

    async def vanish(self) -> None:
        """Nothing is left of it but what is on disk."""
        self._disk.is_dead = True
        while tasks := asyncio.all_tasks() - {asyncio.current_task()}:
            await _cancel(tasks)
        await _cancel(set(self._processing.values()))  # nobody else asks what became of them
        await self.product.close()
        self._disk.revive()


async def _cancel(tasks: set[asyncio.Task[Any]] | set[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
