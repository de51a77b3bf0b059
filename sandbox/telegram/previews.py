"""Link previews: Telegram opens the links in messages, and so does the sandbox.

Only links to this machine are opened. A one-time link that is spent by GET is spent here too,
which is the point. https://core.telegram.org/bots/api#linkpreviewoptions
"""

from __future__ import annotations

import asyncio
import time
from collections import deque

import aiohttp

from sandbox.telegram.formatting.text import loopback_links
from sandbox.telegram.model import Json

AGENT = "TelegramBot (like TwitterBot)"
_TIMEOUT = aiohttp.ClientTimeout(total=5)


class Previews:
    """Opens links in the background and remembers which."""

    def __init__(self) -> None:
        self.enabled = True
        self.opened: deque[Json] = deque(maxlen=200)
        self._tasks: set[asyncio.Task[None]] = set()

    def open_first(self, chat_id: int, urls: list[str]) -> None:
        """Open the first link of a message, if it leads to this machine."""
        local = loopback_links(urls[:1])
        if not self.enabled or not local:
            return
        task = asyncio.get_running_loop().create_task(self._open(chat_id, local[0]))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _open(self, chat_id: int, url: str) -> None:
        entry: Json = {"url": url, "chat_id": chat_id, "at": time.time(), "status": None}
        self.opened.append(entry)
        try:
            async with (
                aiohttp.ClientSession(timeout=_TIMEOUT, headers={"User-Agent": AGENT}) as session,
                session.get(url, max_redirects=5) as answer,
            ):
                await answer.content.read(64 * 1024)
                entry["status"] = answer.status
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            entry["status"] = 0

    async def close(self) -> None:
        """Stop what is under way."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
