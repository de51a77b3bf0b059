"""A long run: what a bot holds after thousands of uploads is what it held after some hundreds.

`make soak`: twelve people send small files one after another, first a little slower than one
message a second each lets the bot answer, then a little faster, so that more and more waits.
Failures every five seconds, with encryption. The bot is the real process, against the sandbox's.

Telegram's limits would make 5,000 uploads a quarter of an hour: the bot's clock for those limits,
and for nothing else, runs `--pace` times as fast (4; 1: as in earnest).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import re
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Final, NamedTuple, cast

import pytest
from pydantic import SecretStr

from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.person import Person
from sandbox.run import bot_settings
from sandbox.server import Sandbox, SandboxConfig
from tests.journeys import connect, md5_of, until
from tests.many_uploads import KINDS

PEOPLE: Final = 12
FIRST: Final = 500
"""Uploads after which the bot is looked at for the first time."""
FAULTS_EVERY: Final = 5.0
QUIET: Final = 60.0
FIRST_QUIET: Final = 20.0
"""Seconds; before what is held is compared."""
MESSAGES: Final = 2
"""Of the bot's for a file: that it was taken in, and that it has arrived."""
SLOWER: Final = 1.25
FASTER: Final = 0.9
"""Times as long between two files as Telegram's limits want."""
MB: Final = 1_000_000
_LINK: Final = "/file/d/"
_BOT: Final = """
import asyncio, runpy, time, types
import bot.delivery.rate_limits as limits
pace = {pace}
limits.time = types.SimpleNamespace(monotonic=lambda: time.monotonic() * pace)
limits.asyncio = types.SimpleNamespace(**vars(asyncio))
limits.asyncio.sleep = lambda seconds: asyncio.sleep(seconds / pace)
runpy.run_module("cli", run_name="__main__")
"""


class Held(NamedTuple):
    """What a process holds."""

    bytes: int
    """PSS: https://docs.kernel.org/filesystems/proc.html."""
    descriptors: int

    @classmethod
    def by(cls, pid: int) -> Held:
        """By this process, as of now."""
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii")
        found = re.search(r"^Pss: +(\d+) kB", rollup, re.M)
        assert found
        return cls(int(found[1]) * 1024, len(list(Path(f"/proc/{pid}/fd").iterdir())))


@asynccontextmanager
async def process(
    log: Path, environment: dict[str, str], *arguments: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A Python process, until the end of the block; what it prints is in `log`."""
    usual = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG", "SSL_CERT_FILE")}
    with log.open("wb") as output:
        running = await asyncio.create_subprocess_exec(
            *(sys.executable, *arguments), env=usual | environment, stdout=output, stderr=output
        )
    try:
        yield running
    finally:
        with contextlib.suppress(ProcessLookupError):
            running.send_signal(signal.SIGINT)
        await running.wait()


@dataclass
class Senders:
    """People, and what each has sent."""

    google: GoogleControls
    people: list[Person]
    pace: float
    sent: dict[int, dict[str, str]] = field(default_factory=dict)
    """By person and name: the md5."""

    def __post_init__(self) -> None:
        self.seed = int.from_bytes(os.urandom(2))
        self._random = random.Random(self.seed)  # noqa: S311 - to be repeated
        self.sent = {person.id: {} for person in self.people}
        self.struck = 0

    async def send(self, count: int, slowness: float) -> None:
        """So many files in all, while something fails every five seconds."""
        faults = asyncio.create_task(self._break_things())
        try:
            each, pause = count // len(self.people), slowness * MESSAGES / self.pace
            await asyncio.gather(*(self._send(person, each, pause) for person in self.people))
            await self._until_told()
        finally:
            faults.cancel()
            await asyncio.gather(faults, return_exceptions=True)
            await self.google.clear_faults()

    async def _send(self, person: Person, count: int, pause: float) -> None:
        due = time.monotonic() + self._random.uniform(0, pause)
        for _ in range(count):
            await asyncio.sleep(max(due - time.monotonic(), 0))
            due += pause
            content = self._random.randbytes(self._random.randint(1, 20_000))
            name = f"{len(self.sent[person.id]):04}.bin"
            self.sent[person.id][name] = md5_of(content)
            await person.send_document(content, name)

    async def _break_things(self) -> None:
        while True:
            await asyncio.sleep(FAULTS_EVERY)
            targets, kind, options = self._random.choice(KINDS)
            await self.google.fault(self._random.choice(targets), kind, **options)
            self.struck += 1

    async def _until_told(self) -> None:
        """Every file's link has been given to whoever sent it."""
        async with asyncio.timeout(600):
            for person in self.people:
                while len(_linked(person)) < len(self.sent[person.id]):  # noqa: ASYNC110 - all of them
                    await asyncio.sleep(0.5)

    async def check(self) -> None:
        """Every file is in its sender's Drive, whole and once, and in the order they were sent."""
        files = (await self.google.state())["files"]
        for person in self.people:
            arrived = [(f["name"], f["md5"]) for f in files[_account(person)] if f["md5"]]
            assert arrived == list(self.sent[person.id].items()), f"seed {self.seed}"


def _linked(person: Person) -> list[int]:
    return [m.id for m in person.messages() if any(_LINK in (b.url or "") for b in m.buttons)]


def _account(person: Person) -> str:
    return f"p{person.id}@example.com"


@pytest.mark.load
@pytest.mark.paced
@pytest.mark.encryption("on")
@pytest.mark.timeout(7200)
async def test_thousands_of_uploads_leave_nothing_behind(
    tmp_path: Path, encryption_keys: tuple[SecretStr, ...], pytestconfig: pytest.Config
) -> None:
    """Memory within a tenth of what it was after the first 500, and descriptors given back."""
    count, pace = pytestconfig.getoption("--uploads"), pytestconfig.getoption("--pace")
    world, log = tmp_path / "sandbox.log", tmp_path / "bot.log"
    arguments = ("-m", "cli", "sandbox", "--no-bot", "--port", "0", "--folder")
    async with (
        process(world, {"PYTHONUNBUFFERED": "1"}, *arguments, str(tmp_path / "world")),
        AsyncExitStack() as stack,
    ):
        await until(lambda: "Chat" in world.read_text())
        found = re.search(r"Chat +(http://\S+?)/\s", world.read_text())
        assert found
        url = found[1]
        like = SimpleNamespace(url=url, config=SandboxConfig(folder=tmp_path))
        settings = bot_settings(cast("Sandbox", like), tmp_path / "user_data", "device")
        settings |= {
            "TOKEN_ENCRYPTION_KEY": encryption_keys[0].get_secret_value(),
            "LOG_FORMAT": "json",
        }
        code = ("-c", _BOT.format(pace=pace), "bot", "--env-file", os.devnull)
        bot = await stack.enter_async_context(process(log, settings, *code))
        await until(lambda: '"bot_started"' in log.read_text())
        google = await stack.enter_async_context(GoogleControls(url))
        await google.device_interval(1)
        people = [
            await stack.enter_async_context(Person(url, 7000 + n, f"P{n}", "en"))
            for n in range(PEOPLE)
        ]
        await asyncio.gather(*(connect(one, google, _account(one)) for one in people))
        senders = Senders(google, people, pace)
        began, looks = time.monotonic(), [("connected", Held.by(bot.pid))]
        half = (count - FIRST) // 2
        for name, files, slowness in (
            ("the first", FIRST, SLOWER),
            ("slower", half, SLOWER),
            ("faster", half, FASTER),
        ):
            at = time.monotonic()
            await senders.send(files, slowness)
            seconds = time.monotonic() - at
            _say(f"{name}, {files} in {seconds:.0f} s", busy := Held.by(bot.pid))
            looks.append((name, busy))
            if name != "slower":
                await asyncio.sleep(FIRST_QUIET if name == "the first" else QUIET)
                looks.append((f"{name}, and some quiet", Held.by(bot.pid)))
        for name, held in looks:
            _say(name, held)
        print(
            f"{sum(map(len, senders.sent.values()))} uploads in {time.monotonic() - began:.0f} s, "
            f"pace {pace}, {senders.struck} faults, seed {senders.seed}"
        )
        await senders.check()
        after = dict(looks)
    assert bot.returncode == 0, log.read_text()[-5000:]
    events = log.read_text()
    assert '"handler_failed"' not in events, [x for x in events.splitlines() if "handler_fail" in x]
    first = after["the first, and some quiet"]
    last = after["faster, and some quiet"]
    assert last.bytes < 1.1 * first.bytes
    assert last.descriptors <= first.descriptors + 2


def _say(what: str, held: Held) -> None:
    print(f"{what}: {held.bytes / MB:.1f} MB, {held.descriptors} descriptors", flush=True)
