"""People who send files to the bot. `python -m bench.uploads.people URL`."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Final

from bench.child import Json, serve
from bench.world import FIRST_PERSON
from sandbox.clients.messages import Message
from sandbox.clients.person import Person

_LONGEST: Final = 600.0
_ENDS_BADLY: Final = ("⚠", "⏹", "🔌")
_LINK: Final = "/file/d/"


class People:
    """Whoever is named by a number, from FIRST_PERSON on."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._people: dict[int, Person] = {}

    async def answer(self, command: Json) -> Json:
        """Greet the bot, or send files, all at once."""
        if command["command"] == "greet":
            await asyncio.gather(*(self._greet(number) for number in command["people"]))
            return {}
        sent = await asyncio.gather(*(self._send(**item) for item in command["files"]))
        return {"sent": sent}

    async def close(self) -> None:
        """Everybody leaves."""
        await asyncio.gather(*(person.close() for person in self._people.values()))

    async def _greet(self, number: int) -> None:
        person = Person(self._url, FIRST_PERSON + number, f"P{number}", "en")
        self._people[number] = person
        await person.start()
        await person.wait_for(lambda _: True)

    async def _send(self, person: int, blob: str, name: str) -> Json:
        """Send a file, and wait for its link. When it was sent (Unix time), and seconds to it."""
        sender = self._people[person]
        at, began = time.time(), time.perf_counter()
        await sender.send_document(blob, name)
        last = await sender.wait_for(_ended, timeout=_LONGEST)
        seconds = time.perf_counter() - began
        return {"at": at, "seconds": seconds, "refusal": "" if _has_link(last) else last.text}


def _has_link(message: Message) -> bool:
    return any(_LINK in (button.url or "") for button in message.buttons)


def _ended(message: Message) -> bool:
    return _has_link(message) or message.text.startswith(_ENDS_BADLY)


async def main() -> None:
    """Greet and send until there are no more commands."""
    people = People(sys.argv[1])
    try:
        await serve({}, people.answer)
    finally:
        await people.close()


if __name__ == "__main__":
    asyncio.run(main())
