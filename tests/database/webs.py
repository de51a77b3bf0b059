"""`drivekeeper web` several times, and a bot, on one MariaDB, with the sandbox as Google.

They are the real processes, by the command itself; what they share is the database alone. To the
world they are one address, as behind a host's load balancer (`Balancer`).
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import aiohttp
from cryptography.fernet import Fernet
from pydantic import SecretStr

from config import DatabaseAddress, child_environment
from departments.administrators import who
from departments.administrators.links import SignInLinks
from departments.administrators.sessions import Sessions
from departments.clients.alarms import Alarms
from departments.clients.clients import Client, Clients
from departments.secret import AccessSecret
from processes.storage import open_storage
from sandbox.clients.google_controls import GoogleControls
from sandbox.ports import free_port
from sandbox.run import bot_settings, google_settings
from sandbox.server import Sandbox, SandboxConfig
from security.credential import Owner
from security.encryption import TokenEncryption
from security.maintenance.documents import INCIDENT, MAINTENANCE
from security.owner_documents import QUARANTINE
from security.storage.protocol import Storage
from security.token_store import TokenStore
from tests.journeys import until
from tests.mariadb import MariaDB
from tests.security.kit import ROOT
from web.gate.signed_in import COOKIE

PUBLIC_URL: Final = "https://drive.example.org"
TOKEN: Final = "/api/google/get-access-token"
TANHAE: Final = Owner.parse("department:tanhae")
OPERATOR: Final = who.operator("Ops")
_HOST: Final = {"Host": "drive.example.org"}
_START_SECONDS: Final = 60
_ANSWER_SECONDS: Final = 60
_MEMORY: Final = 1.1
"""After so many seconds no process goes by what it remembers."""


@dataclass(frozen=True)
class Answer:
    """What somebody was answered, and in how many seconds."""

    status: int
    headers: Mapping[str, str]
    text: str
    seconds: float

    @property
    def body(self) -> Any:
        """As JSON."""
        return json.loads(self.text)

    @property
    def token(self) -> str:
        """The access token."""
        return str(self.body["access_token"])

    @property
    def code(self) -> str:
        """Why it was refused."""
        return str(self.body["code"])


@dataclass
class Web:
    """One process: `drivekeeper web`, or `drivekeeper bot`, which serves departments as well."""

    name: str
    port: int
    running: subprocess.Popen[bytes]
    output: Path

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def logged(self, event: str) -> list[dict[str, Any]]:
        """What its log says of one kind of event."""
        lines = self.output.read_text("utf-8", "replace").splitlines()
        return [json.loads(line) for line in lines if f'"event": "{event}"' in line]

    async def says(self, event: str) -> None:
        """Wait until its log has this event."""

        def is_said() -> bool:
            assert self.running.poll() is None, self.output.read_text("utf-8", "replace")
            return bool(self.logged(event))

        await until(is_said, _START_SECONDS)

    async def end(self, number: signal.Signals = signal.SIGTERM) -> float:
        """Send it a signal; in how many seconds it has ended."""
        began = time.monotonic()
        self.running.send_signal(number)
        await asyncio.to_thread(self.running.wait, _START_SECONDS)
        return time.monotonic() - began

    def resident_mb(self) -> float:
        """How much memory it takes (RSS), in MB."""
        status = Path(f"/proc/{self.running.pid}/status").read_text("ascii")
        [line] = [line for line in status.splitlines() if line.startswith("VmRSS:")]
        return int(line.split()[1]) / 1024


@dataclass
class Balancer:
    """One address before several processes: each request to the next of those that still listen."""

    processes: list[Web]
    dropped: list[str] = field(default_factory=list)
    cut: list[str] = field(default_factory=list)
    """Requests to which there was no answer."""
    _turn: itertools.count[int] = field(default_factory=itertools.count)

    def next(self) -> Web:
        """Whose turn it is."""
        return self.processes[next(self._turn) % len(self.processes)]

    def drop(self, web: Web) -> None:
        """It listens no more."""
        if web in self.processes:
            self.processes.remove(web)
            self.dropped.append(web.name)


@dataclass
class Webs:
    """All of them, and whoever asks. Use `webs`."""

    sandbox: Sandbox
    google: GoogleControls
    server: MariaDB
    address: SecretStr
    folder: Path
    key: SecretStr
    storage: Storage
    session: aiohttp.ClientSession
    stack: AsyncExitStack
    processes: list[Web] = field(default_factory=list)

    # Processes

    async def start(self, count: int = 1, **changes: str) -> list[Web]:
        """That many more web processes; they serve."""
        made = [self._begin("web", changes) for _ in range(count)]
        for web in made:
            await web.says("web_ready")
        return made

    async def start_bot(self, **changes: str) -> Web:
        """A bot, which serves departments as well."""
        bot = self._begin("bot", changes)
        await bot.says("bot_started")
        return bot

    def _begin(self, command: str, changes: Mapping[str, str]) -> Web:
        name = f"{command}{len(self.processes)}"
        data, port = self.folder / name, free_port()
        config = self.sandbox.config
        of_telegram = bot_settings(self.sandbox, data, "device") if command == "bot" else {}
        settings = {
            **of_telegram,
            **google_settings(self.sandbox),
            "WEB_GOOGLE_CLIENT_ID": config.client_id,
            "WEB_GOOGLE_CLIENT_SECRET": config.client_secret,
            "TOKEN_ENCRYPTION_KEY": self.key.get_secret_value(),
            "DATABASE_URL": self.address.get_secret_value(),
            "DATABASE_CA": str(self.server.ca),
            "USER_DATA_DIR": str(data),
            "PUBLIC_URL": PUBLIC_URL,
            "WEB_PORT": str(port),
            "LOG_FORMAT": "json",
            **changes,
        }
        output = self.folder / f"{name}.log"
        with output.open("wb") as sink:
            running = subprocess.Popen(
                [sys.executable, "-m", "cli", command, "--env-file", os.devnull],
                env=child_environment(settings),
                cwd=ROOT,
                stdout=sink,
                stderr=sink,
            )
        web = Web(name, port, running, output)
        self.stack.callback(_kill, web)
        self.processes.append(web)
        return web

    # Who asks

    async def ask(
        self, web: Web | Balancer, path: str, *, method: str = "POST", cookie: str = "", **more: Any
    ) -> Answer:
        """Ask one of them, or whichever the balancer names.

        Raises:
            aiohttp.ClientError: there is no answer.
        """
        began = time.monotonic()
        headers = {**_HOST, "Sec-Fetch-Site": "same-origin", **more.pop("headers", {})}
        if "json" in more:
            headers["Content-Type"] = "application/json"
        if cookie:
            headers["Cookie"] = f"{COOKIE}={cookie}"
        while True:
            asked = web.next() if isinstance(web, Balancer) else web
            try:
                async with self.session.request(
                    method, asked.url + path, headers=headers, allow_redirects=False, **more
                ) as answer:
                    text = await answer.text()
                    seconds = time.monotonic() - began
                    return Answer(answer.status, answer.headers.copy(), text, seconds)
            except aiohttp.ClientConnectorError:
                if not isinstance(web, Balancer):
                    raise
                web.drop(asked)
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
                if not isinstance(web, Balancer):
                    raise
                web.cut.append(f"{asked.name}: {type(error).__name__}")
                web.drop(asked)  # it was told of the request, or never took the connection

    async def ask_token(
        self, web: Web | Balancer, key: SecretStr, department: str = "tanhae"
    ) -> Answer:
        """An access token, for a computer."""
        bearer = {"Authorization": f"Bearer {key.get_secret_value()}"}
        return await self.ask(web, f"{TOKEN}?department={department}", headers=bearer)

    def computers(self, count: int) -> list[tuple[Client, SecretStr]]:
        """New ones of 淡海's, with their keys."""
        alarms = Alarms(self.storage)
        clients = Clients(self.storage, AccessSecret.of(self.storage), alarms)
        return [
            clients.add("tanhae", f"行控中心 {n}", ("upload", "token"), OPERATOR)
            for n in range(count)
        ]

    def sign_in(self) -> str:
        """What a new session's cookie holds."""
        sessions = Sessions(self.storage, AccessSecret.of(self.storage), lambda _: True)
        return sessions.begin(OPERATOR).get_secret_value()

    def new_link(self) -> str:
        """The code of a link that signs in."""
        links = SignInLinks(self.storage, AccessSecret.of(self.storage))
        return links.make(OPERATOR).get_secret_value()

    async def authorise(
        self, web: Web | Balancer, account: str, back: Web | Balancer | None = None
    ) -> Answer:
        """淡海 is authorised; what the callback answered.

        Args:
            back: whom the callback reaches; None: the same.
        """
        cookie = self.sign_in()
        url = "/api/google/auth-url?department=tanhae"
        asked = await self.ask(web, url, method="GET", cookie=cookie)
        assert asked.status == 200, asked.text
        returns = await self.google.consent(asked.body["auth_url"], account)
        path = returns.removeprefix(PUBLIC_URL)
        return await self.ask(back or web, path, method="GET", cookie=cookie)

    # Google, and what is kept

    async def expire(self) -> None:
        """淡海's access token is over, as far as anybody can tell."""
        store = TokenStore(self.storage, str)
        credential = store.read(TANHAE).open()
        assert credential is not None
        past = datetime.now(UTC) - timedelta(minutes=1)
        store.save_newest(replace(credential, expires_at=past))
        await self.google.expire_access_tokens()
        await asyncio.sleep(_MEMORY)

    async def refreshes(self) -> int:
        """How often Google was asked for a new access token."""
        counts = (await self.google.calls())["counts"]
        return int(counts.get("google.token.refresh", 0))

    def quarantined(self) -> list[str]:
        """Copies of credentials that were set aside."""
        return list(self.storage.names(QUARANTINE))

    def incidents(self) -> list[str]:
        """The codes of the trouble that is written down."""
        names = self.storage.names(MAINTENANCE, INCIDENT)
        return [name.removeprefix(INCIDENT) for name in names]

    def opened(self, code: str) -> list[str]:
        """Which processes have said that this trouble has begun, each as often as it did."""
        return [
            web.name
            for web in self.processes
            for line in web.logged("incident_opened")
            if line["result"] == code
        ]

    def defects(self) -> list[str]:
        """Lines of any log that tell of a defect."""
        found = []
        for web in self.processes:
            lines = web.output.read_text("utf-8", "replace").splitlines()
            found += [
                f"{web.name}: {line}"
                for line in lines
                if '"web_request_failed"' in line
                or '"background_failed"' in line
                or '"handler_failed"' in line
                or "Traceback" in line
            ]
        return found


@asynccontextmanager
async def webs(folder: Path, server: MariaDB) -> AsyncIterator[Webs]:
    """`async with webs(tmp_path, mariadb) as fleet:`: a database and Google; nobody serves yet."""
    address, key = server.new_database(), SecretStr(Fernet.generate_key().decode())
    place = DatabaseAddress.parse(address, server.ca)
    async with AsyncExitStack() as stack:
        sandbox = await stack.enter_async_context(Sandbox(SandboxConfig(folder / "world")))
        google = await stack.enter_async_context(GoogleControls(sandbox.url))
        storage = open_storage(place, TokenEncryption([key]), str)
        await asyncio.to_thread(storage.prepare)
        stack.callback(storage.close)
        session = await stack.enter_async_context(
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, force_close=True),
                timeout=aiohttp.ClientTimeout(total=_ANSWER_SECONDS),
                skip_auto_headers=("Content-Type",),  # an empty body is of no type
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        )
        yield Webs(sandbox, google, server, address, folder, key, storage, session, stack)


def _kill(web: Web) -> None:
    web.running.kill()
    web.running.wait(_START_SECONDS)
    print(web.name, web.output.read_text("utf-8", "replace"))  # for a test that has failed
