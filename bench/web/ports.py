"""A contender that answers at a port of its own, and says what of the processor it has used."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from starlette.types import ASGIApp

from bench.child import Json, serve
from processes.wiring import tune_garbage_collector
from web.serving import listen, serving

HOST: Final = "127.0.0.1"
Answer = Callable[[], Awaitable[Json]]


async def serve_at_port(app: ASGIApp, answers: Mapping[str, Answer] | None = None) -> None:
    """Serve as the product does; "cpu" and `answers` are the commands, until there are no more."""
    listener = listen(HOST, 0)

    async def cpu() -> Json:
        return {"cpu_seconds": time.process_time()}

    known: Mapping[str, Answer] = {"cpu": cpu, **(answers or {})}
    async with serving(app, listener):
        tune_garbage_collector()

        async def answer(command: Json) -> Json:
            return await known[command["command"]]()

        await serve({"port": listener.getsockname()[1]}, answer)
