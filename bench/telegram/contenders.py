"""Ways to send a message. `python -m bench.telegram.contenders KIND URL`.

ours     `bot/telegram_request.py`
library  python-telegram-bot's own, by httpx
bare     the same bytes by aiohttp, and nothing else
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Final
from urllib.parse import urlencode

import aiohttp
from telegram.request import BaseRequest, HTTPXRequest, RequestData
from telegram.request._requestparameter import RequestParameter

from bench.child import Json, serve
from bot.telegram_request import TelegramRequest
from custody_parts import settle_memory

AT_ONCE: Final = 10
_MESSAGE: Final = {"chat_id": 7_000_000_000, "text": "Your file is in your Drive.\n" * 5}
_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}


class Bare:
    """The POST alone."""

    async def initialize(self) -> None:
        """Open for requests."""
        self._session = aiohttp.ClientSession()

    async def shutdown(self) -> None:
        """Close the connections."""
        await self._session.close()

    async def send(self, url: str) -> int:
        """The status of the answer, read to its end."""
        body = urlencode(_MESSAGE).encode("ascii")
        async with self._session.post(url, data=body, headers=_FORM) as response:
            await response.read()
            return response.status


class Library:
    """A `BaseRequest`, asked as the library asks it."""

    def __init__(self, request: BaseRequest) -> None:
        self._request = request
        self.initialize, self.shutdown = request.initialize, request.shutdown

    async def send(self, url: str) -> int:
        """Likewise."""
        parameters = [RequestParameter.from_input(key, value) for key, value in _MESSAGE.items()]
        status, _ = await self._request.do_request(url, "POST", RequestData(parameters))
        return status


def contender(kind: str) -> Bare | Library:
    """One of the three."""
    match kind:
        case "ours":
            return Library(TelegramRequest(connection_pool_size=AT_ONCE))
        case "library":
            return Library(HTTPXRequest(connection_pool_size=AT_ONCE))
        case _:
            return Bare()


async def main() -> None:
    """Send as many as is asked for, some at once, until there are no more commands."""
    kind, url = sys.argv[1:]
    way = contender(kind)
    await way.initialize()

    async def send(count: int) -> None:
        for _ in range(count):
            # The endpoint knows no bots, and says so: as cheap to make, as dear to read.
            if await way.send(f"{url}/bot1:2/sendMessage") != 400:
                raise RuntimeError("the endpoint answered something else")

    async def answer(command: Json) -> Json:
        each = command["count"] // AT_ONCE
        cpu = time.process_time()
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(send(each))
        return {"milliseconds": (time.process_time() - cpu) * 1000 / (each * AT_ONCE)}

    settle_memory()
    await serve({}, answer)
    await way.shutdown()


if __name__ == "__main__":
    asyncio.run(main())
