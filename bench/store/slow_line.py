"""The server as if it were far away. `python -m bench.store.slow_line SOCKET SECONDS`.

Its connections are plain, on loopback: what is in the way sees where a statement ends.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from bench.child import Json, serve
from tests.database.proxy import Proxy


async def main() -> None:
    """Hand on what is said, until there are no more commands."""
    socket, seconds = sys.argv[1:]

    async def answer(command: Json) -> Json:
        return command

    with Proxy(Path(socket), trip_seconds=float(seconds)) as proxy:
        await serve({"port": proxy.port}, answer)


if __name__ == "__main__":
    asyncio.run(main())
