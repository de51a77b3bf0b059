"""The bot's own process, sweeping when it is told to. `python -m bench.bot FILE`.

Everything as in `processes.bot.run`; only when to sweep is not the JobQueue's to say.
"""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path

from bench.child import Json, serve
from bench.owners import read_settings
from bot import lifecycle, maintenance
from bot.context import BotApplication, BotContext
from processes.bot import only_bot_on, prepare_logs, services
from processes.storage import storage_of
from processes.wiring import tune_garbage_collector


class Sweeps:
    """The job of the bot, over and over."""

    def __init__(self, application: BotApplication) -> None:
        self._context: BotContext = application.context_types.context(application)
        self._memory = application.bot_data.core.state
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self.refreshed = 0
        self.seconds = 0.0

    async def once(self) -> int:
        """One pass; how many it refreshed."""
        began = time.perf_counter()
        await maintenance.sweep(self._context)
        self.seconds += time.perf_counter() - began
        refreshed = self._memory.sweeps[-1].refreshed
        self.refreshed += refreshed
        return refreshed

    async def _go_on(self) -> None:
        while not self._stopping:
            await self.once()

    def start(self) -> None:
        """From now on."""
        self._stopping, self.refreshed, self.seconds = False, 0, 0.0
        self._task = asyncio.create_task(self._go_on())

    async def stop(self) -> None:
        """After the pass that is under way."""
        self._stopping = True
        if self._task is not None:
            await self._task


async def main() -> None:
    """Answer "sweep", "start" and "stop" until there are no more commands."""
    settings = read_settings(Path(sys.argv[1]), for_bot=True)
    mask = prepare_logs(settings)
    storage = storage_of(settings, mask)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(only_bot_on(storage))
        application = await stack.enter_async_context(services(settings, storage, mask))
        stack.push_async_callback(lifecycle.stop, application)
        await lifecycle.start(application)
        tune_garbage_collector()
        sweeps = Sweeps(application)

        async def answer(command: Json) -> Json:
            match command["command"]:
                case "sweep":
                    await sweeps.once()
                case "start":
                    sweeps.start()
                case "stop":
                    await sweeps.stop()
            return {"refreshed": sweeps.refreshed, "seconds": sweeps.seconds}

        await serve({}, answer)


if __name__ == "__main__":
    asyncio.run(main())
