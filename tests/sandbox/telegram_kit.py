"""What the tests of the sandbox's Telegram half share: a server of its own, raw calls, a bot."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from sandbox.clients.person import Person
from sandbox.clients.telegram_controls import TelegramControls
from sandbox.telegram import TelegramWorld, telegram_routes

TOKEN = "110201543:SANDBOX-AAHdqTcvCH1vGWJxfSeofSAs0K5"
Json = dict[str, Any]


async def eventually(true: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for something that no event tells of."""
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.01)


@dataclass
class Answer:
    """One answer of the Bot API."""

    status: int
    body: Json
    headers: dict[str, str]

    @property
    def result(self) -> Any:
        assert self.body.get("ok"), self.body
        return self.body["result"]

    @property
    def refusal(self) -> tuple[int, str]:
        assert self.body["ok"] is False
        assert self.body["error_code"] == self.status
        return self.status, self.body["description"]


@dataclass
class Kit:
    """A running Telegram half and a raw client for it."""

    url: str
    world: TelegramWorld
    session: aiohttp.ClientSession
    people: list[Person] = field(default_factory=list)

    @property
    def controls(self) -> TelegramControls:
        return TelegramControls(self.url, self.session)

    async def call(self, method: str, token: str = TOKEN, /, **args: Any) -> Answer:
        """Call a method with a JSON body."""
        return await self.post(method, token, json=args)

    async def post(self, method: str, token: str = TOKEN, **options: Any) -> Answer:
        async with self.session.post(f"{self.url}/bot{token}/{method}", **options) as answer:
            return Answer(answer.status, await answer.json(), dict(answer.headers))

    async def person(
        self, user_id: int = 700, language: str = "en", *, start: bool = True
    ) -> Person:
        """A person who watches their chat and, unless told otherwise, has started the bot."""
        person = Person(self.url, user_id, f"User{user_id}", language, session=self.session)
        self.people.append(await person.open())
        if start:
            await person.start()
        return person

    async def updates(self, **args: Any) -> list[Json]:
        found: list[Json] = (await self.call("getUpdates", **args)).result
        return found


@asynccontextmanager
async def running(folder: Path, **options: Any) -> AsyncIterator[Kit]:
    """Serve the Telegram half alone."""
    world = TelegramWorld(folder, token=TOKEN, **options)
    app = web.Application(client_max_size=1 << 32)
    app.add_routes(telegram_routes(world))
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        kit = Kit(f"http://{host}:{port}", world, session)
        try:
            yield kit
        finally:
            for person in kit.people:
                await person.close()
            await world.close()
            await runner.cleanup()
