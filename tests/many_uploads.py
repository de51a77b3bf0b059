"""Many people send many files while Telegram and Google fail at random, in both sizes."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field
from typing import Any, Final

from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.person import Person
from tests.journeys import connect, md5_of

_LINK: Final = "/file/d/"
_UPLOAD: Final = ("google.upload.start", "google.upload.chunk")
_ASKED: Final = ("google.drive.files.list", "google.drive.files.generateIds", "telegram.getFile")
_SAID: Final = ("telegram.sendMessage", "telegram.editMessageText")
KINDS: Final[tuple[tuple[tuple[str, ...], str, dict[str, Any]], ...]] = (
    (_UPLOAD, "status", {"status": 503}),
    (_UPLOAD, "status", {"status": 429}),
    (_UPLOAD, "drop", {}),
    (_UPLOAD, "after", {}),
    (_UPLOAD, "latency", {"seconds": 0.3}),
    (("google.upload.chunk",), "cut_body", {"after_bytes": 1000}),
    (("google.upload.chunk",), "status", {"status": 404}),
    (("google.upload.chunk",), "html", {"status": 502}),
    (_ASKED, "status", {"status": 502}),
    (_ASKED, "drop", {}),
    (("telegram.download",), "cut_response", {"after_bytes": 1000}),
    (("telegram.download",), "status", {"status": 502}),
    (_SAID, "status", {"status": 429, "retry_after": 1}),
    (_SAID, "status", {"status": 502}),
    (("telegram.getUpdates",), "after", {}),
    (("telegram.getUpdates",), "status", {"status": 502}),
)


@dataclass
class Crowd:
    """People, each with files of their own; what is random comes from `seed`."""

    google: GoogleControls
    people: list[Person]
    each: int
    seed: int
    contents: dict[int, dict[str, bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311 - to be repeated
        for person in self.people:
            self.contents[person.id] = {
                f"{number:02}.bin": self._random.randbytes(self._random.randint(1, 20_000))
                for number in range(self.each)
            }

    async def go(self, faults: int, patience: float) -> float:
        """Connect, order so many failures, send everything at once; seconds until all is there."""
        for some in range(0, len(self.people), 10):
            await asyncio.gather(
                *(connect(p, self.google, _account(p)) for p in self.people[some : some + 10])
            )
        for _ in range(faults):
            targets, kind, options = self._random.choice(KINDS)
            calls = len(self.people) * self.each
            await self.google.fault(
                self._random.choice(targets), kind, skip=self._random.randrange(calls), **options
            )
        began = time.monotonic()
        await asyncio.gather(*(self._send(person) for person in self.people))
        await asyncio.gather(*(self._wait(person, patience) for person in self.people))
        return time.monotonic() - began

    async def _send(self, person: Person) -> None:
        for name, content in self.contents[person.id].items():
            await person.send_document(content, name)

    async def _wait(self, person: Person, patience: float) -> None:
        end = time.monotonic() + patience
        while not self.told(person) >= set(self.contents[person.id]):
            shown = [message.text for message in person.messages() if message.from_bot]
            assert time.monotonic() < end, f"seed {self.seed}: {shown}"
            await asyncio.sleep(0.2)

    def told(self, person: Person) -> set[str]:
        """Which of their files somebody has been given the link of."""
        linked = [m for m in person.messages() if any(_LINK in (b.url or "") for b in m.buttons)]
        return {name for name in self.contents[person.id] if any(name in m.text for m in linked)}

    async def check(self) -> None:
        """Everything is there once, whole, and in the order it was sent."""
        files = (await self.google.state())["files"]
        for person in self.people:
            arrived = [(f["name"], f["md5"]) for f in files[_account(person)] if f["md5"]]
            sent = [(name, md5_of(data)) for name, data in self.contents[person.id].items()]
            assert arrived == sent, f"seed {self.seed}"


def _account(person: Person) -> str:
    return f"p{person.id}@example.com"
