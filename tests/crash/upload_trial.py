"""One trial: somebody sends files, the bot is killed, started again, and looked at."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import shutil
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from aiohttp import web
from cryptography.fernet import Fernet
from pydantic import SecretStr

from bench.owners import CLIENT_ID, CLIENT_SECRET
from bench.uploads.content import Content
from bench.world import BOT_TOKEN, FIRST_PERSON, connect
from sandbox.clients.messages import Message
from sandbox.clients.person import Person
from sandbox.faults.metering import Meter, MeteredReader
from sandbox.operations import operation_of
from sandbox.run import bot_settings
from sandbox.server import Sandbox, SandboxConfig
from security.encryption import TokenEncryption
from security.maintenance.documents import MAINTENANCE, PRESENT
from security.storage.documents import Documents
from security.storage.protocol import Storage
from tests.crash.upload_bot import Bot, Moment, Mutant, Order, Step, read_trace
from tests.stores import store_in, uploads_in

WATCHED: Final = re.compile(
    r"telegram\.(sendMessage|editMessageText|getFile)|google\.(drive|upload)\..+"
)
ACCOUNT: Final = "person0@example.com"
_PATIENCE_SECONDS: Final = 20
_LATER_SECONDS: Final = 2 * 86400
_NUMBERS: Final = re.compile(rf"(?<={re.escape(PRESENT)}bot-)[0-9a-f]+|g?\d+")
"""In the names of what is kept; a process's is random."""
_ENDS_BADLY: Final = ("⚠", "⏹", "🔌", "⌛", "♻", "✋")
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Sending:
    """What is sent: one file, or an album of several. Name → content."""

    files: dict[str, Content]


@dataclass(slots=True)
class Found:
    """What a trial has shown."""

    met: bool
    """Whether the bot was killed where it was meant to be."""
    losses: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    """Everything it did, where it was not killed."""
    kept: frozenset[str] = frozenset()
    """What is under `user_data` in the end, numbers left out."""
    messages: int = 0
    """How many messages of the bot's there are in the end."""


class _Fuse(Meter):
    """Kills once this many bytes of a body have been read."""

    def __init__(self, at: int, kill: Callable[[], None]) -> None:
        super().__init__(None, None)
        self._at = at
        self._kill = kill

    async def count(self, size: int) -> None:
        await super().count(size)
        if self.passed >= self._at:
            self._kill()


class WatchedSandbox(Sandbox):
    """Notes what it is asked from the moment it is armed, and kills at the fatal request."""

    def __init__(self, config: SandboxConfig, fatal: Moment | None, kill: Callable[[], None]):
        super().__init__(config)
        self.armed = False
        self.steps: list[Step] = []
        self._counts: Counter[str] = Counter()
        self._fatal = fatal
        self._kill = kill

    def create_app(self) -> web.Application:
        """With a middleware of its own before all others."""
        app = super().create_app()
        app.middlewares.insert(0, self._watch)
        return app

    @web.middleware
    async def _watch(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        name = await operation_of(request)
        if name == "telegram.getUpdates":  # most of them wait for long, and bring nothing
            answer: web.StreamResponse = await handler(request)
            body = answer.body if isinstance(answer, web.Response) else None
            brings = isinstance(body, bytes) and b'"document"' in body
            if self.armed and brings and self._meets(name) == "after":
                self._kill()
            return answer
        if name is None or not self.armed or not WATCHED.fullmatch(name):
            return await handler(request)
        when = self._meets(name)
        if when == "before":
            self._kill()
            return web.Response(status=500)
        if when == "amid" and self._fatal is not None:
            inside: Any = request
            inside._payload = MeteredReader(inside._payload, _Fuse(self._fatal.at, self._kill))
        answer = await handler(request)
        if when == "after":
            self._kill()
        return answer

    def _meets(self, name: str) -> str:
        self._counts[name] += 1
        step = Step(name, self._counts[name])
        self.steps.append(step)
        return self._fatal.when if self._fatal is not None and self._fatal.step == step else ""


@dataclass
class Trial:
    """Everything of one trial."""

    folder: Path
    sending: Sending
    moment: Moment | None
    bots: tuple[Bot, Bot]
    """The one that is killed, and the one that comes after it."""
    key: SecretStr = field(default_factory=lambda: SecretStr(Fernet.generate_key().decode()))

    @property
    def data(self) -> Path:
        """The bot's data folder."""
        return self.folder / "user_data"

    @property
    def local(self) -> Path:
        """Where the local Bot API server keeps what was asked for."""
        return self.folder / "world" / "telegram" / "local"

    async def run(self) -> Found:
        """Send, kill, start again, look."""
        first = self.bots[0]
        config = SandboxConfig(
            folder=self.folder / "world",
            bot_token=BOT_TOKEN,
            client_id=CLIENT_ID,
            client_secret=CLIENT_SECRET,
            local_mode=True,
            keeps_bytes=False,
        )
        async with AsyncExitStack() as stack:
            sandbox = WatchedSandbox(config, self.moment, first.kill)
            await stack.enter_async_context(sandbox)
            store = store_in(self.data, TokenEncryption([self.key]), str)
            store.prepare()
            await connect(sandbox, store, 1)
            ann = await stack.enter_async_context(Person(sandbox.url, FIRST_PERSON, "Ann", "en"))
            fatal = self.moment if self.moment is not None and self.moment.step.is_on_disk else None
            await self._start(sandbox, first, fatal)
            first.arm()
            sandbox.armed = True
            await self._send(sandbox, ann)
            if self.moment is None:
                return await self._undisturbed(sandbox, ann, first)
            return await self._disturbed(sandbox, ann, store.storage)

    async def _undisturbed(self, sandbox: WatchedSandbox, ann: Person, bot: Bot) -> Found:
        found = Found(met=False)
        await self._settle(ann, found)
        await self._stop(bot, found)
        found.steps = sandbox.steps + read_trace(self.folder / "trace")
        self._look(sandbox, ann, found)
        return found

    async def _disturbed(self, sandbox: WatchedSandbox, ann: Person, storage: Storage) -> Found:
        assert self.moment is not None
        first, second = self.bots
        found = Found(met=False)
        code = await first.ended(_PATIENCE_SECONDS)
        if code is None or code >= 0:
            return found
        found.met, sandbox.armed = True, False
        found.losses += self._claims(sandbox, ann)
        if self.moment.forget and sandbox.google is not None:
            sandbox.google.sessions.forget_all(None, unfinished_only=False)
        self._let_time_pass(storage)
        await self._start(sandbox, second, None)
        await self._settle(ann, found)
        await self._stop(second, found)
        self._look(sandbox, ann, found)
        return found

    async def _start(self, sandbox: Sandbox, bot: Bot, fatal: Moment | None) -> None:
        """Until it asks for updates."""
        temporary = self.folder / "tmp"
        temporary.mkdir(exist_ok=True)
        settings = {
            **bot_settings(sandbox, self.data, "device"),
            **{"TOKEN_ENCRYPTION_KEY": self.key.get_secret_value(), "WEB_PORT": "0"},
            **{"TOKEN_MAINTENANCE_INTERVAL_MINUTES": "0"},  # its records come when they come
            **{"TMPDIR": str(temporary), "PATH": os.environ.get("PATH", ""), "LOG_FORMAT": "json"},
        }
        log, trace = self.folder / "log", self.folder / "trace"
        order = Order(settings, self.data, self.local, log, trace, fatal)
        assert sandbox.telegram is not None
        polls = sandbox.telegram.queue.polls
        bot.begin(order)
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while sandbox.telegram.queue.polls == polls:  # noqa: ASYNC110 - nothing announces it
                await asyncio.sleep(0.005)

    async def _send(self, sandbox: Sandbox, ann: Person) -> None:
        assert sandbox.telegram is not None
        items = []
        for name, content in self.sending.files.items():
            blob = sandbox.telegram.files._keep(secrets.token_hex(16), content.path, content.size)
            items.append(("document", blob.id, name))
        if len(items) > 1:
            await ann.send_album(list(items))
        else:
            await ann.send_document(items[0][1], items[0][2])

    async def _settle(self, ann: Person, found: Found) -> None:
        """Until every file is said to be there, and nothing is left to do."""
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                while not (self._said(ann) >= set(self.sending.files) and self._is_idle()):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
        except TimeoutError:
            found.losses.append(f"after {_PATIENCE_SECONDS} s it has not ended")

    def _said(self, ann: Person) -> set[str]:
        """Which files are said to be in Drive."""
        texts = [message.text for message in _of_bot(ann) if message.text.startswith("✅")]
        return {name for name in self.sending.files if any(name in text for text in texts)}

    def _is_idle(self) -> bool:
        jobs = uploads_in(self.data, TokenEncryption([self.key]))
        waiting = [path for path in (self.data / "updates").glob("*.json") if path.stem.isdecimal()]
        return not waiting and all(job.has_ended for job in jobs)

    async def _stop(self, bot: Bot, found: Found) -> None:
        bot.stop()
        if (code := await bot.ended(_PATIENCE_SECONDS)) != 0:
            found.losses.append(f"it did not end in order: {code}")

    def _claims(self, sandbox: Sandbox, ann: Person) -> list[str]:
        """What was said to be in Drive before it was."""
        there = {name for name, _, _ in _in_drive(sandbox)}
        return [f"{name} was said to be in Drive" for name in self._said(ann) - there]

    def _let_time_pass(self, storage: Storage) -> None:
        """What was being written is no save under way any more, and whoever died is forgotten."""
        then = time.time() - _LATER_SECONDS
        for path in self.data.rglob("*.tmp"):
            os.utime(path, (then, then))
        documents = Documents(storage, MAINTENANCE)
        for name in documents.names(PRESENT):
            documents.write(name, {**(documents.read(name) or {}), "seen_at": then})

    def _look(self, sandbox: Sandbox, ann: Person, found: Found) -> None:
        wanted = sorted((name, c.md5, False) for name, c in self.sending.files.items())
        there = sorted(_in_drive(sandbox))
        if there != wanted:
            found.losses.append(f"in Drive are {there}, and not {wanted}")
        texts = [message.text for message in _of_bot(ann)]
        found.messages = len(texts)
        found.losses += [f"a message says {text!r}" for text in texts if text[0] in _ENDS_BADLY]
        for name in self.sending.files:
            count = sum(name in text for text in texts if text.startswith("✅"))
            if count != 1:
                found.losses.append(f"{count} messages say that {name} is in Drive")
        if left := [path.name for path in self.local.rglob("*") if path.is_file()]:
            found.losses.append(f"the local Bot API server still has {left}")
        if left := [path.name for path in (self.folder / "tmp").rglob("*")]:
            found.losses.append(f"temporary files: {left}")
        names = (str(path.relative_to(self.data)) for path in self.data.rglob("*"))
        found.kept = frozenset(_NUMBERS.sub("N", name) for name in names)
        if len(processes := list((self.data / "maintenance").glob(f"{PRESENT}*"))) != 1:
            found.losses.append(f"{len(processes)} processes are said to be or to have been there")
        if '"handler_failed"' in (log := (self.folder / "log").read_text()):
            found.losses.append(f"a handler failed: {log}")


def _of_bot(ann: Person) -> list[Message]:
    return [message for message in ann.messages() if message.from_bot]


def _in_drive(sandbox: Sandbox) -> list[tuple[str, str, bool]]:
    """Every file, with its md5, and whether it is in the bin."""
    assert sandbox.google is not None
    files = sandbox.google.files
    return [(f.name, f.md5, files.is_trashed(f)) for f in files.of(ACCOUNT) if f.md5]


def try_moment(
    folder: Path, sending: Sending, moment: Moment | None, mutant: Mutant | None = None
) -> Found:
    """One trial in a folder of its own, which is gone afterwards. Call it without threads."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    bots = (Bot(mutant), Bot(mutant)) if mutant is not None else (Bot(), Bot())
    try:
        return asyncio.run(Trial(folder, sending, moment, bots).run())
    finally:
        for bot in bots:
            bot.close()
        shutil.rmtree(folder, ignore_errors=True)
