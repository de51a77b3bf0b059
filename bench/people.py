"""People who ask the bot for /status. `python -m bench.people URL PEOPLE`."""

from __future__ import annotations

import asyncio
import random
import sys
import time
from contextlib import AsyncExitStack

from bench.child import Json, serve
from bench.world import FIRST_PERSON
from sandbox.clients.person import Person


async def probe(people: list[Person], count: int, per_second: float) -> list[float]:
    """Seconds until each of `count` answers, which are asked for at even times, answered or not.

    Somebody who still waits is passed over: a person asks once.
    """
    waiting: set[int] = set()
    tasks: list[asyncio.Task[float]] = []
    began = time.perf_counter()
    turn = 0
    for number in range(count):
        await asyncio.sleep(max(began + number / per_second - time.perf_counter(), 0))
        while people[turn % len(people)].id in waiting:
            turn += 1
            await asyncio.sleep(0)
        tasks.append(asyncio.create_task(_ask(people[turn % len(people)], waiting)))
        turn += 1
    return list(await asyncio.gather(*tasks))


async def _ask(person: Person, waiting: set[int]) -> float:
    waiting.add(person.id)
    began = time.perf_counter()
    await person.send("/status")
    await person.wait_for(" free", timeout=60)  # of Drive's quota: the whole answer
    waiting.discard(person.id)
    return time.perf_counter() - began


async def main() -> None:
    """Answer "probe" until there are no more commands."""
    url, count = sys.argv[1], int(sys.argv[2])
    async with AsyncExitStack() as stack:
        people = [
            await stack.enter_async_context(Person(url, FIRST_PERSON + n, f"P{n}", "en"))
            for n in range(count)
        ]
        random.shuffle(people)

        async def answer(command: Json) -> Json:
            return {"waits": await probe(people, command["count"], command["per_second"])}

        await serve({}, answer)


if __name__ == "__main__":
    asyncio.run(main())
