"""A department's sheets on the web front: a roster of December 2026, its codes, two tables."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from sandbox.clients.google_controls import GoogleControls
from sandbox.server import Sandbox
from tests.sandbox.sheets_kit import public_pem
from tests.service_accounts import ADDRESS, KEY_ID, VARIABLE, encoded
from tests.sheets.keeping_kit import HEAD
from tests.web.kit import RunningWeb, running_web

ROSTER, CODES = "/api/sheets/tanhae/roster", "/api/sheets/tanhae/codes"
NAMES = ("林以晴", "陳柏翰", "張雅筑", "王小明")
SPREADSHEET = "1aBcDeFgHiJkLmNoPqRsT"
TOML = """
[tanhae.roster]
title = "班表"
spreadsheet = "{id}"
tab = "班表"
kind = "month-grid"
zone = "Asia/Taipei"
codes = "tanhae.codes"
[tanhae.codes]
kind = "code-table"
tab = "代碼"
[tanhae.phones]
spreadsheet = "{id}"
tab = "電話"
kind = "table"
key = ["單位"]
[tanhae.stops]
spreadsheet = "{id}"
tab = "車站"
kind = "table"
key = ["站"]
persons = false
"""


def sheet_settings(folder: Path, sandbox: Sandbox) -> dict[str, Any]:
    """Settings by which they are read."""
    (file := folder / "sheets.toml").write_text(TOML.replace("{id}", SPREADSHEET), "utf-8")
    return {"SHEETS_FILE": str(file), VARIABLE: encoded(token_uri=f"{sandbox.url}/token")}


async def be_there(google: GoogleControls) -> None:
    """Have Google know the service account, and the spreadsheet."""
    await google.act("service_account", address=ADDRESS, key_id=KEY_ID, public_key=public_pem())
    await google.act("sheet", id=SPREADSHEET, tabs=tabs(month()), shared=[ADDRESS])


def month(*cells: str, people: int = 4, title: str = "115年12月") -> list[list[object]]:
    """A roster's rows: the first days of the first person, and 0905G for all else."""
    rows = [
        [f"{1011 + n}", NAMES[n], *((*cells, *["0905G"] * 31)[:31] if n == 0 else ["0905G"] * 31)]
        for n in range(people)
    ]
    return [[title], [*HEAD], *rows]


@dataclass
class SheetsWeb:
    """The web front, and the planner's hands."""

    web: RunningWeb
    google: GoogleControls
    cookie: str
    title: str = "115年12月"
    """Which month the roster is of."""

    async def write(self, *cells: str, people: int = 4) -> None:
        """The planner has written the roster anew."""
        rows = month(*cells, people=people, title=self.title)
        await self.google.act("sheet", id=SPREADSHEET, tabs=tabs(rows), shared=[ADDRESS])

    async def sync(self) -> None:
        """And it is looked at."""
        await self.web.sheets.mirror.sync([*self.web.sheets.sheets])

    def administrator(self, **headers: str) -> httpx.AsyncClient:
        """Signed in, on this site's own pages."""
        return self.web.browser(self.cookie, **headers)

    async def computer(self) -> httpx.AsyncClient:
        """Of the department."""
        _, key = await self.web.add_computer()
        return self.web.computer(key)


def tabs(roster: list[list[object]]) -> list[dict[str, Any]]:
    """The spreadsheet's."""
    codes = [
        ["代碼", "報到", "收班", "路線"],
        ["0905G", "09:05", "17:35", "藍線"],
        ["1735N", "17:35", "25:55", ""],
    ]
    phones = [["單位", "電話"], ["王小明", "=1+1"], ["行控", "+886 2 1234"]]
    stops = [["站", "備註"], ["紅樹林", "-5"], ["崁頂", "@here"]]
    every = (("班表", roster), ("代碼", codes), ("電話", phones), ("車站", stops))
    return [{"title": t, "gid": 10 + n, "rows": rows} for n, (t, rows) in enumerate(every)]


@asynccontextmanager
async def sheets_web(
    sandbox: Sandbox,
    google: GoogleControls,
    folder: Path,
    keys: tuple[SecretStr, ...],
    monkeypatch: pytest.MonkeyPatch,
    **changes: Any,
) -> AsyncIterator[SheetsWeb]:
    """Everything is set up, and nothing was read yet. Whoever opens a page waits until it is."""
    await be_there(google)
    settings = {**sheet_settings(folder, sandbox), **changes}
    async with running_web(sandbox, folder / "user_data", keys, monkeypatch, **settings) as web:
        web.sheets.on_demand.patience_seconds = 60
        yield SheetsWeb(web, google, await web.sign_in())
