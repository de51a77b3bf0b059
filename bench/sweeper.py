"""The product: sweeps over a data folder. `python -m bench.sweeper FILE`.

FILE holds the settings. Everything is put together as in the bot's process, metrics and logs too.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from bench.child import Json, serve
from bench.idle import Ticker, look_bare
from bench.owners import read_settings
from bot.monitoring.metrics import Metrics
from processes.bot import prepare_logs
from processes.storage import storage_of
from processes.wiring import CustodyOptions, custody, tune_garbage_collector


async def main() -> None:
    """Answer "sweep" and "bare" until there are no more commands."""
    settings = read_settings(Path(sys.argv[1]))
    mask = prepare_logs(settings)
    options = CustodyOptions.of(settings, Metrics().refreshed)
    async with custody(settings, storage_of(settings, mask), mask, options) as parts:

        async def answer(command: Json) -> Json:
            """One pass, or one bare look over the folder."""
            if command["command"] == "bare":
                return {"seconds": look_bare(settings.user_data_dir)}
            async with Ticker(watching=bool(command.get("watch_loop"))) as ticker:
                began, cpu = time.perf_counter(), time.process_time()
                report = await parts.sweep.run()
                seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
            return {
                "seconds": seconds,
                "cpu_seconds": cpu,
                "longest_hold": ticker.longest,
                "seen": report.seen,
                "fresh": report.fresh,
                "refreshed": report.refreshed,
            }

        tune_garbage_collector()
        await serve({}, answer)


if __name__ == "__main__":
    asyncio.run(main())
