"""A reader and the Google it reads from."""

from __future__ import annotations

from asyncio import to_thread
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from config.service_accounts import ServiceAccountKey
from departments.service_accounts.token import fetch_token
from sandbox.clients.google_controls import GoogleControls
from sandbox.server import Sandbox, SandboxConfig
from security.google.network import DIRECT
from sheets.answer import Reading, open_answer
from sheets.reading.api import SheetsApi
from sheets.reading.reader import Reader
from sheets.wanted import TabWanted
from tests.sandbox.sheets_kit import public_pem
from tests.service_accounts import ADDRESS, KEY_ID, pem_of, rsa_key

DECEMBER = {"title": "11512班表", "gid": 77, "rows": [["員編", "姓名", 1], ["1011", "林", "0905G"]]}
KEY = ServiceAccountKey(ADDRESS, KEY_ID, SecretStr(pem_of(rsa_key())), "")


def titled(*titles: str, needed: bool = True) -> list[TabWanted]:
    """Tabs by their titles."""
    return [TabWanted(title, None, needed=needed) for title in titles]


@dataclass
class Clock:
    """Seconds, as a test says."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Desk:
    """Where planners change cells, and somebody looks."""

    sandbox: Sandbox
    google: GoogleControls
    clock: Clock = field(default_factory=Clock)
    tokens: int = 0
    readers: list[Reader] = field(default_factory=list)

    def reader(self, **options: Any) -> Reader:
        """A reader of the service account's."""

        def fetch() -> Any:
            self.tokens += 1
            return fetch_token(KEY, f"{self.sandbox.url}/token", DIRECT)

        options = {"clock": self.clock, **options}
        self.readers.append(Reader(SheetsApi(self.sandbox.url), ADDRESS, fetch, **options))
        return self.readers[-1]

    async def add(self, *tabs: dict[str, Any], **options: Any) -> str:
        """A spreadsheet that is shared with the account; its id."""
        options = {"shared": [ADDRESS], "tabs": tabs or (DECEMBER,), **options}
        return str((await self.google.act("sheet", **options))["id"])

    async def read(self, reader: Reader, sheet: str, tabs: list[TabWanted]) -> Reading:
        """What one look brings."""
        return open_answer(await to_thread(reader.read, sheet, tabs))

    async def asked(self, operation: str = "google.sheets.get") -> int:
        """How often since the last time."""
        count = int((await self.google.calls())["counts"].get(operation, 0))
        await self.google.forget_calls()
        return count


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    config = SandboxConfig(tmp_path, parts=frozenset({"google"}))
    async with Sandbox(config) as sandbox, GoogleControls(sandbox.url) as google:
        await google.act("service_account", address=ADDRESS, key_id=KEY_ID, public_key=public_pem())
        found = Desk(sandbox, google)
        yield found
        for reader in found.readers:
            reader.close()
