"""The web process's services in this process, on a real port, against the sandbox's Google."""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from bot.monitoring.metrics import Metrics
from config import Settings
from departments.administrators import who
from departments.clients.clients import Client, May
from departments.limits import Limits
from departments.names import Department
from departments.services import DepartmentServices
from processes import web as web_process
from processes.storage import storage_of
from processes.wiring import Custody
from sandbox.clients.google_controls import GoogleControls
from sandbox.run import google_settings
from sandbox.server import Sandbox
from security.storage.protocol import Storage
from sheets.keeping.services import SheetServices
from tests.places import TravellingClock, settings_of
from web.app import create_app
from web.departments import DepartmentParts
from web.gate.signed_in import COOKIE
from web.serving import listen, serving

OPERATOR = who.operator("Ops")
SAME_SITE = {"Sec-Fetch-Site": "same-origin"}
TANHAE = Department("tanhae", "淡海")


@dataclass(frozen=True)
class RunningWeb:
    """What serves departments, and who may ask it."""

    url: str
    settings: Settings
    custody: Custody
    parts: DepartmentParts
    log: io.StringIO

    @property
    def services(self) -> DepartmentServices:
        """What departments are served with."""
        return self.parts.services

    @property
    def sheets(self) -> SheetServices:
        """What departments' sheets are served with; SHEETS_FILE is to be set."""
        assert self.parts.sheets is not None
        return self.parts.sheets

    def browser(self, cookie: str | None = None, **headers: str) -> httpx.AsyncClient:
        """Somebody's, signed in or not, on this site's own pages."""
        cookies = {} if cookie is None else {COOKIE: cookie}
        return httpx.AsyncClient(
            base_url=self.url, headers={**SAME_SITE, **headers}, cookies=cookies, timeout=30
        )

    def computer(self, key: str | SecretStr, **headers: str) -> httpx.AsyncClient:
        """One that brings a key."""
        said = key.get_secret_value() if isinstance(key, SecretStr) else key
        return httpx.AsyncClient(
            base_url=self.url, headers={"Authorization": f"Bearer {said}", **headers}, timeout=30
        )

    async def sign_in(self, administrator: str = OPERATOR) -> str:
        """What a new session's cookie holds."""
        begin = self.services.sessions.begin
        return (await self.custody.workers.run(begin, administrator)).get_secret_value()

    async def add_computer(
        self, department: Department = TANHAE, may: tuple[May, ...] = ("upload", "token")
    ) -> tuple[Client, SecretStr]:
        """A computer of the department, and its key."""
        add = self.services.desk.clients.add
        return await self.custody.workers.run(add, department.slug, "行控中心 1", may, OPERATOR)

    async def authorise(
        self, google: GoogleControls, account: str, department: Department = TANHAE
    ) -> None:
        """Have the department authorised, as far as the storage can tell."""
        cookie = await self.sign_in()
        async with self.browser(cookie) as browser:
            asked = await browser.get(
                "/api/google/auth-url", params={"department": department.slug}
            )
            back = await google.consent(asked.json()["auth_url"], account)
            answer = await browser.get(back)
            assert (answer.status_code, answer.headers["Location"].partition("done=")[2]) == (
                303,
                "authorised",
            )

    @property
    def host(self) -> str:
        """As a browser says it."""
        return self.url.partition("//")[2]

    async def raw(self, sent: str | bytes, *, port: int | None = None) -> str:
        """What is answered to these very bytes, up to the connection's end.

        Args:
            sent: `{host}` in a text stands for this site's.
            port: None: this site's.
        """
        if isinstance(sent, str):
            sent = sent.replace("{host}", self.host).encode()
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port or httpx.URL(self.url).port
        )
        writer.write(sent)
        async with asyncio.timeout(20):
            answer = (await reader.read()).decode("latin-1")
        writer.close()
        return answer

    def lines(self, event: str) -> list[str]:
        """The log's lines of an event."""
        return [line for line in self.log.getvalue().splitlines() if f'"{event}"' in line]


@asynccontextmanager
async def running_web(
    sandbox: Sandbox,
    folder: Path,
    keys: tuple[SecretStr, ...],
    monkeypatch: pytest.MonkeyPatch,
    limits: Limits | None = None,
    through: Callable[[Storage], Storage] = lambda storage: storage,
    **changes: Any,
) -> AsyncIterator[RunningWeb]:
    """`async with running_web(sandbox, folder, keys, monkeypatch) as web:`

    Args:
        through: what stands between the process and its storage.
    """
    listener = listen("127.0.0.1", 0)
    url = f"http://localhost:{listener.getsockname()[1]}"
    values = {
        **google_settings(sandbox),
        "WEB_GOOGLE_CLIENT_ID": sandbox.config.client_id,
        "WEB_GOOGLE_CLIENT_SECRET": sandbox.config.client_secret,
        "TOKEN_ENCRYPTION_KEY": ",".join(key.get_secret_value() for key in keys),
        "USER_DATA_DIR": str(folder),
        "PUBLIC_URL": url,
        "LOG_FORMAT": "json",
        "ADMIN_USER_IDS": "501",
        **settings_of(folder),
        **changes,
    }
    log = io.StringIO()
    with monkeypatch.context() as patched:
        for name, value in values.items():
            patched.setenv(name, str(value))
        settings = Settings(_env_file=None)
        patched.setattr(sys, "stderr", log)
        mask = web_process.prepare_logs(settings)
        patched.setattr("security.storage.sql.storage.DatabaseClock", TravellingClock)
        storage, metrics = through(storage_of(settings, mask)), Metrics()
    try:
        async with (
            web_process.services(settings, storage, mask, metrics, limits) as (custody, parts),
            serving(create_app(parts), listener),
        ):
            assert parts.departments is not None
            yield RunningWeb(url, settings, custody, parts.departments, log)
    finally:
        print(log.getvalue())  # pytest shows it when the test has failed
