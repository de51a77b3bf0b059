"""One trial: people are served, the bot dies or stands still, and its standby goes on."""

from __future__ import annotations

import asyncio
import secrets
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from cryptography.fernet import Fernet
from pydantic import SecretStr

from bench.owners import CLIENT_ID, CLIENT_SECRET
from bench.uploads.content import Content, make
from bench.world import BOT_TOKEN, FIRST_PERSON, connect
from bot.kinds import FINISHED_UPLOADS, UPDATES, UPLOADS
from config import DatabaseAddress, child_environment
from processes.storage import open_storage
from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.person import Person
from sandbox.run import bot_settings
from sandbox.server import SandboxConfig
from security.consent.pending import CONSENTS
from security.credential import Owner
from security.encryption import TokenEncryption
from security.owner_documents import credential_key, tombstone_key
from security.storage.protocol import Key, Storage, Stored
from security.token_store import TokenStore
from tests.crash.upload_bot import Moment
from tests.crash.upload_trial import WatchedSandbox
from tests.journeys import ask_device_code, confirm, times_told, until, until_struck
from tests.security.kit import ROOT

LEASE_SECONDS: Final = 6
"""More than a busy machine stands still for: then it would be lost before the moment comes."""
UPLOADERS: Final = 3
_PATIENCE_SECONDS: Final = 60
_STUCK_SECONDS: Final = 10
"""After this a standby that does not take over cannot: the other one stands still amid a write."""
_BAD: Final = ("⚠", "⏹", "🔌", "⌛", "♻", "✋")
DAN, EVE, FAY = 501, 502, FIRST_PERSON + UPLOADERS
"""Who is about to connect, who has asked twice, and who is disconnecting."""
Way = Literal["killed", "stopped", "stopped for long"]
"""killed: for good. stopped: it goes on once the standby is the bot; for long: once all is done."""


@dataclass
class Process:
    """A bot, or a standby."""

    running: subprocess.Popen[bytes]
    output: Path

    def log(self) -> str:
        """All it has written."""
        return self.output.read_text("utf-8", "replace")

    async def says(self, event: str, seconds: float = _PATIENCE_SECONDS) -> None:
        """Wait until its log has this event."""
        await until(lambda: f'"{event}"' in self.log(), seconds)

    def signal(self, number: int) -> None:
        """Send it a signal, if it is still there."""
        if self.running.poll() is None:
            self.running.send_signal(number)

    async def ended(self) -> int:
        """Its exit code."""
        await until(lambda: self.running.poll() is not None, _PATIENCE_SECONDS)
        return self.running.returncode


@dataclass
class Trial:
    """Everything of one trial. What it finds wrong is in `losses`."""

    folder: Path
    moment: Moment
    way: Way
    size: int = 20_000_000
    rate: int = 6_000_000
    local: bool = False
    """Whether files come by a local Bot API server's folder, which both processes see."""
    shares_folder: bool = True
    address: SecretStr | None = None
    """Of the database; None: SQLite."""
    ca: Path | None = None
    losses: list[str] = field(default_factory=list)
    met: bool = False
    """Whether the moment came."""
    was_replaced: bool = False
    is_owed: bool = False
    """Whether Eve's first question was unanswered then: else Telegram did not take its answer."""
    key: SecretStr = field(default_factory=lambda: SecretStr(Fernet.generate_key().decode()))
    _first: Process | None = None

    async def run(self) -> None:
        """Serve, strike, let the standby go on, and look."""
        config = SandboxConfig(
            folder=self.folder / "world",
            bot_token=BOT_TOKEN,
            client_id=CLIENT_ID,
            client_secret=CLIENT_SECRET,
            local_mode=self.local,
            keeps_bytes=False,
        )
        files = [make(self.folder / f"film{n}", self.size) for n in range(UPLOADERS)]
        async with AsyncExitStack() as stack:
            self.sandbox = WatchedSandbox(config, self.moment, self._strike)
            await stack.enter_async_context(self.sandbox)
            self.storage = self._open()
            store = TokenStore(self.storage, str)
            await asyncio.to_thread(store.prepare)
            stack.callback(self.storage.close)
            await connect(self.sandbox, store, UPLOADERS + 1)
            self.google = await stack.enter_async_context(GoogleControls(self.sandbox.url))
            await self.google.device_interval(0.5)
            await self.google.rate("google.upload.chunk", self.rate)
            numbers = [*(FIRST_PERSON + n for n in range(UPLOADERS)), DAN, EVE, FAY]
            people = [
                await stack.enter_async_context(Person(self.sandbox.url, n, f"P{n}", "en"))
                for n in numbers
            ]
            self._first = first = await stack.enter_async_context(self._process("first"))
            await first.says("bot_started")
            second = await stack.enter_async_context(self._process("second"))
            await second.says("standby_waits")
            await self._go_on(first, second, people, files)

    async def _go_on(
        self, first: Process, second: Process, people: list[Person], files: list[Content]
    ) -> None:
        *uploaders, dan, eve, fay = people
        code = await ask_device_code(dan)
        await self.google.fault("google.revoke", "hang", count=None)
        await fay.send("/disconnect")
        await fay.wait_for("Disconnect")
        await fay.tap("Yes, disconnect")
        await until_struck(self.google, "google.revoke")
        # Her first update is being handled, and her second one waits behind it.
        await self.google.fault("telegram.sendMessage", "hang", owner=str(EVE), count=None)
        before = {*self._updates()}
        for text in ("/help", "/cancel"):
            await eve.send(text)
        await until_struck(self.google, "telegram.sendMessage")
        await until(lambda: len({*self._updates()} - before) == 2)
        asked = min({*self._updates()} - before, key=int)
        self.sandbox.armed = True
        for person, content in zip(uploaders, files, strict=True):
            await self._send(person, content)
        try:
            await until(lambda: self.met, _PATIENCE_SECONDS)
        except TimeoutError:
            return
        self.is_owed = asked in self._updates()
        await self.google.clear_faults()
        await self._take_over(first, second)
        self.is_owed &= self.was_replaced
        await self.google.approve_device(code, "dan@example.com")
        await confirm(dan, "dan@example.com", patience=_PATIENCE_SECONDS)
        await self._settle(uploaders, eve, files)
        if self.was_replaced and self.way != "killed":
            await self._end_of(first)
        self._look(uploaders, dan, eve, files)
        said = second.log().replace('"standby_waits", "result": "second_instance"', "")
        for event in ("handler_failed", "second_instance"):
            if event in said:
                self.losses.append(f"the standby complains: {said}")

    @property
    def _limit(self) -> str:
        """What /help says of files."""
        return "4,000 MiB" if self.local else "20 MiB"

    def _strike(self) -> None:
        if self._first is not None and not self.met:  # a request that is stopped amid goes on
            self.met = True
            self._first.signal(signal.SIGKILL if self.way == "killed" else signal.SIGSTOP)

    async def _take_over(self, first: Process, second: Process) -> None:
        try:
            await second.says("standby_took_over", LEASE_SECONDS + _STUCK_SECONDS)
        except TimeoutError:
            if self.way == "killed":
                raise
            # It stands amid a write, and keeps everybody out of the file: it may go on as the bot.
            first.signal(signal.SIGCONT)
            return
        self.was_replaced = True
        if self.way == "stopped":
            first.signal(signal.SIGCONT)

    async def _end_of(self, first: Process) -> None:
        """The late one's, which has gone on by now, or does so here."""
        calls = 0
        if self.way == "stopped for long":
            calls = await self._calls_at_rest()
            first.signal(signal.SIGCONT)
        if (code := await first.ended()) != 4:
            self.losses.append(f"the late one ended with {code}: {first.log()}")
        more = self.sandbox.steps[calls:] if calls else []
        if len(more) > 1:  # one may have been about to go out, its question already answered
            self.losses.append(f"the late one did more: {more}")

    async def _calls_at_rest(self) -> int:
        """How many requests there have been once no more come: then only a late one makes any."""
        calls = 0
        while calls != len(self.sandbox.steps):
            calls = len(self.sandbox.steps)
            await asyncio.sleep(1)
        return calls

    async def _settle(self, uploaders: list[Person], eve: Person, files: list[Content]) -> None:
        def is_done() -> bool:
            told = all(self._ends(p, f) for p, f in zip(uploaders, files, strict=True))
            answered = times_told(eve, self._limit) >= self.is_owed and times_told(
                eve, "nothing to cancel"
            )
            has_ended = not self.shares_folder or not self.storage.names(UPLOADS)
            is_idle = not self._updates() and has_ended
            return told and bool(answered) and is_idle and self._has_left()

        try:
            await until(is_done, _PATIENCE_SECONDS)
        except TimeoutError:
            self.losses.append(f"not all has ended: {self._updates()}, {self._jobs()}")

    def _look(
        self, uploaders: list[Person], dan: Person, eve: Person, files: list[Content]
    ) -> None:
        assert self.sandbox.google is not None
        kept = self.sandbox.google.files
        for number, (person, content) in enumerate(zip(uploaders, files, strict=True)):
            found = [f for f in kept.of(f"person{number}@example.com") if f.md5]
            if not self.shares_folder:
                if found or not times_told(person, "cannot reach the file"):
                    self.losses.append(f"{[m.text for m in person.messages()]}")
                continue
            if [(f.md5, kept.is_trashed(f)) for f in found] != [(content.md5, False)]:
                self.losses.append(f"in {number}'s Drive: {[f.name for f in found]}")
            if self._ends(person, content) != 1:
                self.losses.append(f"{[m.text for m in person.messages()]}")
            bad = [m.text for m in person.messages() if m.from_bot and m.text[:1] in _BAD]
            self.losses += [f"a message says {text!r}" for text in bad]
        for text, owed in ((self._limit, self.is_owed), ("nothing to cancel", True)):
            if not owed <= times_told(eve, text) <= 1:
                self.losses.append(f"{times_told(eve, text)} answers say {text!r}")
        if times_told(dan, "Connected as") != 1:
            self.losses.append(f"{[m.text for m in dan.messages()]}")
        [request, credential] = self.storage.read(
            [Key(CONSENTS, Owner.user(DAN).stem), credential_key(Owner.user(DAN))]
        )
        if request is not None or not isinstance(credential, Stored):
            self.losses.append(f"of the consent is left: {request}, {credential}")
        if len(jobs := self._jobs()) != UPLOADERS:
            self.losses.append(f"jobs: {jobs}")

    def _ends(self, person: Person, content: Content) -> int:
        """How many messages say that the file is in Drive; or that it cannot be."""
        if not self.shares_folder:
            return times_told(person, "cannot reach the file")
        return sum(
            m.from_bot and m.text.startswith("✅") and content.path.name in m.text
            for m in person.messages()
        )

    async def _send(self, person: Person, content: Content) -> None:
        assert self.sandbox.telegram is not None
        kept = self.sandbox.telegram.files
        blob = kept._keep(secrets.token_hex(16), content.path, content.size)
        await person.send_document(blob.id, content.path.name)

    def _updates(self) -> list[str]:
        return [name for name in self.storage.names(UPDATES) if name.isdecimal()]

    def _jobs(self) -> list[str]:
        return [*self.storage.names(UPLOADS), *self.storage.names(FINISHED_UPLOADS)]

    def _has_left(self) -> bool:
        keys = [credential_key(Owner.user(FAY)), tombstone_key(Owner.user(FAY))]
        credential, tombstone = self.storage.read(keys)
        return credential is None and isinstance(tombstone, Stored)

    def _open(self) -> Storage:
        address = DatabaseAddress.parse(self._url(), self.ca)
        return open_storage(address, TokenEncryption([self.key]), str)

    def _url(self) -> SecretStr:
        return self.address or SecretStr(f"sqlite:///{self.folder / 'shared.db'}")

    @asynccontextmanager
    async def _process(self, name: str) -> AsyncIterator[Process]:
        settings = {
            **bot_settings(self.sandbox, self.folder / name, "device"),
            **{"DATABASE_URL": self._url().get_secret_value(), "WEB_PORT": "0"},
            **{"TOKEN_ENCRYPTION_KEY": self.key.get_secret_value(), "LOG_FORMAT": "json"},
            **{"TOKEN_MAINTENANCE_INTERVAL_MINUTES": "0"},
        }
        if self.ca is not None:
            settings["DATABASE_CA"] = str(self.ca)
        if name == "second" and not self.shares_folder:
            (elsewhere := self.folder / "elsewhere").mkdir()
            settings["TELEGRAM_FILES_DIR"] = str(elsewhere)
        output = self.folder / f"{name}.log"
        with output.open("wb") as sink:
            running = subprocess.Popen(  # noqa: ASYNC220 - it is signalled, and asked how it ended
                [sys.executable, "-m", "tests.failover.bot", str(LEASE_SECONDS)],
                env=child_environment(settings),
                cwd=ROOT,
                stdout=sink,
                stderr=sink,
            )
        try:
            yield Process(running, output)
        finally:
            running.kill()
            running.wait(_PATIENCE_SECONDS)
            print(name, output.read_text("utf-8", "replace"))
