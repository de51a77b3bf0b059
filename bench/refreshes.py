"""The POST of a refresh by aiohttp, which every floor has: so many at once, and timed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Final, Generic, TypeVar
from urllib.parse import urlencode

import aiohttp

from bench.child import Json, serve
from bench.owners import CLIENT_ID, CLIENT_SECRET

T = TypeVar("T")
_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}


class Refreshes(Generic[T]):
    """A refresh for each of `items`."""

    def __init__(self, items: Sequence[T], url: str, concurrency: int) -> None:
        self._items = items
        self._url = f"{url}/token"
        self._concurrency = concurrency

    async def run(self) -> int:
        """Once for every item; how many there are."""
        items = iter(self._items)
        timeout = aiohttp.ClientTimeout(total=10)
        async with aiohttp.ClientSession(timeout=timeout) as session, asyncio.TaskGroup() as group:
            for _ in range(self._concurrency):
                group.create_task(self._work(session, items))
        return len(self._items)

    async def _work(self, session: aiohttp.ClientSession, items: Iterator[T]) -> None:
        for item in items:
            await self._keep(session, item)

    async def _keep(self, session: aiohttp.ClientSession, item: T) -> None:
        """Refresh one, and keep what has come."""
        raise NotImplementedError

    async def _post(self, session: aiohttp.ClientSession, refresh_token: str) -> None:
        form = {
            "grant_type": "refresh_token",
            "refresh_token": refresh_token,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
        }
        body = urlencode(form).encode("ascii")  # aiohttp's own encoder takes twice the time
        async with session.post(
            self._url, data=body, headers=_FORM, allow_redirects=False
        ) as response:
            await response.read()
            if response.status != 200:
                raise RuntimeError(f"the endpoint answered {response.status}")


async def serve_runs(run: Callable[[], Awaitable[int]]) -> None:
    """A contender's process: `run` at each command, and how long it took."""

    async def answer(_: Json) -> Json:
        began, cpu = time.perf_counter(), time.process_time()
        refreshed = await run()
        return {
            "seconds": time.perf_counter() - began,
            "cpu_seconds": time.process_time() - cpu,
            "refreshed": refreshed,
        }

    await serve({}, answer)
