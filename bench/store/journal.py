"""Updates written down, as they come in. `python -m bench.store.journal FILE`.

FILE holds the settings. The journal and its one writer are the bot's.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
from pathlib import Path
from typing import Any, Final

from bench.child import Json, serve
from bench.owners import FIRST_ID, read_settings
from bot.kinds import UPDATES
from bot.updates.journal import UpdateJournal
from bot.updates.writing import Writing
from processes.bot import prepare_logs
from processes.storage import storage_of
from security.custody.workers import Workers
from security.errors import OperatorFault

_BOT_ID: Final = 110201543


def update(number: int) -> dict[str, Any]:
    """A message, as Telegram sends it."""
    person = {"id": FIRST_ID + number % 500, "is_bot": False, "first_name": "Somebody"}
    chat = {"id": person["id"], "type": "private", "first_name": "Somebody"}
    message = {"message_id": number, "date": 1_795_000_000, "chat": chat, "from": person}
    return {"update_id": number, "message": {**message, "text": f"Which folder is it? {number}"}}


class Arriving:
    """So many come at once, and the next one as soon as one is written down."""

    def __init__(self, writing: Writing) -> None:
        self._writing = writing
        self._numbers = itertools.count(1)

    async def write(self, count: int, at_once: int) -> float:
        """Seconds until as many are there."""
        coming = iter(list(itertools.islice(self._numbers, count)))
        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(self._write_on(coming))
        return time.perf_counter() - began

    async def _write_on(self, coming: Any) -> None:
        for number in coming:
            await self._writing.arrive(number, update(number))


def _fail(fault: OperatorFault) -> None:
    raise fault


async def main() -> None:
    """Answer "write" and "look" until there are no more commands."""
    settings = read_settings(Path(sys.argv[1]))
    storage = storage_of(settings, prepare_logs(settings))
    storage.open()
    workers = Workers()
    arriving = Arriving(Writing(UpdateJournal(storage, _BOT_ID), workers, _fail))

    async def answer(command: Json) -> Json:
        if command["command"] == "look":
            return {"there": len(await workers.read(storage.names, UPDATES))}
        return {"seconds": await arriving.write(command["count"], command["at_once"])}

    await serve({}, answer)
    await workers.close()
    storage.close()


if __name__ == "__main__":
    asyncio.run(main())
