"""The sandbox's server: Telegram's half, Google's half, or both, on one origin.

``Sandbox`` is the composition root; whoever embeds the sandbox (the command line, tests,
benchmarks) starts it and reads its ``url``.
"""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from aiohttp import web

from sandbox.faults.metering import hold_little
from sandbox.faults.plan import FaultPlan
from sandbox.google import GoogleWorld, google_routes
from sandbox.google.model import ACCESS_LIFE
from sandbox.hosts import check_host
from sandbox.operations import is_googles
from sandbox.panel.control import control_routes
from sandbox.panel.departments import department_routes
from sandbox.panel.desktop import desktop_routes

if TYPE_CHECKING:
    from sandbox.departments.desk import Desk
    from sandbox.departments.office import Office
    from sandbox.telegram import TelegramWorld

LOOPBACK = "127.0.0.1"
LARGEST_BODY = 4 * 1024**3  # handlers stream; this only has to be out of their way


@dataclass(frozen=True)
class SandboxConfig:
    """How a sandbox is set up. The secrets are made up and open no door anywhere."""

    folder: Path
    port: int = 0
    bot_token: str = "110201543:SANDBOX-AAHdqTcvCH1vGWJxfSeofSAs0K5"  # noqa: S105
    client_id: str = "sandbox-client.apps.googleusercontent.com"
    client_secret: str = "GOCSPX-sandbox-hL2kQ9vT4mXw7RzB"  # noqa: S105
    local_mode: bool = False
    parts: frozenset[str] = field(default_factory=lambda: frozenset({"telegram", "google"}))
    public_url: str | None = None  # where people reach it, if not where it listens
    allow_hosts: frozenset[str] = frozenset()  # names it answers to besides this machine's own
    keeps_bytes: bool = True  # False: Drive counts and hashes what it gets, and drops it
    access_life: int = ACCESS_LIFE  # seconds: how long Google's access tokens live


class Sandbox:
    """A running sandbox: ``async with Sandbox(config) as sandbox: sandbox.url``."""

    def __init__(self, config: SandboxConfig):
        unknown = set(config.parts) - {"telegram", "google"}
        if unknown or not config.parts:
            raise ValueError(f"parts: telegram, google or both; not {sorted(unknown)}")
        self.config = config
        self.faults = FaultPlan()
        self.google: GoogleWorld | None = None
        self.telegram: TelegramWorld | None = None
        self.departments: Office | None = None
        """Whoever runs the web process beside the sandbox says so here."""
        self.desk: Desk | None = None
        """And who runs the desktop page."""
        self._runner: web.AppRunner | None = None
        self._url = ""
        self._listening: list[socket.socket] = []
        self.faults.on_slow_line = self._narrow

    @property
    def url(self) -> str:
        """The origin, without a slash at its end."""
        if not self._url:
            raise RuntimeError("the sandbox is not running")
        return self._url

    def create_app(self) -> web.Application:
        """Mount the parts that were asked for."""
        config = self.config
        hosts = config.allow_hosts
        if config.public_url and (name := urlsplit(config.public_url).hostname):
            hosts |= {name}
        app = web.Application(
            middlewares=[check_host(hosts), self.faults.middleware], client_max_size=LARGEST_BODY
        )
        if "google" in config.parts:
            self.google = GoogleWorld(
                config.folder,
                client_id=config.client_id,
                client_secret=config.client_secret,
                keeps_bytes=config.keeps_bytes,
            )
            self.google.public_url = config.public_url
            self.google.grants.access_life = config.access_life
            self.faults.owner_of = self.google.owner_of
            app.on_response_prepare.append(self._tell_googles_time)
            app.add_routes(google_routes(self.google))
        if "telegram" in config.parts:
            # Imported here so that Google's half can be served, and loaded, alone.
            from sandbox.telegram import TelegramWorld, telegram_routes

            self.telegram = TelegramWorld(
                config.folder, token=config.bot_token, local_mode=config.local_mode
            )
            app.add_routes(telegram_routes(self.telegram))
            # On shutdown, not after it: whoever polls for updates is let go, not waited for.
            app.on_shutdown.append(self._close_telegram)
        app.add_routes(control_routes(self.faults, self.google))
        app.add_routes(department_routes(lambda: self.departments))
        app.add_routes(desktop_routes(lambda: self.desk))
        if "telegram" not in config.parts:
            app.router.add_get("/", _to_control)
        return app

    async def _tell_googles_time(self, request: web.Request, response: web.StreamResponse) -> None:
        """RFC 9110 §6.6.1: an answer's Date is its server's clock."""
        if self.google is not None and self.google.clock_offset and is_googles(request.path):
            response.headers["Date"] = formatdate(self.google.now(), usegmt=True)

    async def _close_telegram(self, _app: web.Application) -> None:
        if self.telegram is not None:
            await self.telegram.close()

    async def start(self) -> None:
        """Listen; afterwards ``url`` is known."""
        self.config.folder.mkdir(parents=True, exist_ok=True)
        self._runner = web.AppRunner(self.create_app(), access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        await self._listen(self._runner, self.config.port)
        self._url = f"http://{LOOPBACK}:{self._runner.addresses[0][1]}"

    async def listen_by_tls(self, tls: ssl.SSLContext) -> int:
        """Listen on one more port, by TLS, until `stop`; its number."""
        if self._runner is None:
            raise RuntimeError("the sandbox is not running")
        await self._listen(self._runner, 0, tls)
        return int(self._runner.addresses[-1][1])

    async def _listen(
        self, runner: web.AppRunner, port: int, tls: ssl.SSLContext | None = None
    ) -> None:
        listening = socket.create_server((LOOPBACK, port), backlog=1024)
        self._listening.append(listening)
        await web.SockSite(runner, listening, ssl_context=tls, backlog=1024).start()

    def _narrow(self) -> None:
        """A line is slow from now on: what the system has taken in already, it would keep."""
        open_ones = self._runner.server.connections if self._runner and self._runner.server else []
        lines = [one.transport.get_extra_info("socket") for one in open_ones if one.transport]
        for line in (*self._listening, *lines):  # what is accepted has what the listening one has
            hold_little(line)

    async def stop(self) -> None:
        """Stop listening, let go of whoever hangs, and write Google's state down."""
        self.faults.clear()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
            self._listening.clear()
        if self.google is not None:
            self.google.save()
        self._url = ""

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.stop()


async def _to_control(request: web.Request) -> web.StreamResponse:
    raise web.HTTPFound("/sandbox/control")
