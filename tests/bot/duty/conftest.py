"""A department whose roster the bot reads, and a planner who writes it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bot.duty.telling import tell
from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.person import Person
from sandbox.server import Sandbox
from security.credential import Owner
from sheets.keeping.services import SheetServices
from sheets.months import Month, title_of
from sheets.people.asks import Decider
from tests.bot.upkeep import by_hand
from tests.fixtures import RunningBot, StartBot
from tests.sandbox.sheets_kit import public_pem
from tests.service_accounts import ADDRESS, KEY_ID, VARIABLE, encoded

ROOT, CHEN = 900, 901
"""Who administers."""
CODES: list[list[object]] = [
    ["代碼", "報到", "收班"],
    ["0905G", "09:05", "17:35"],
    ["1130G", "11:30", "19:50"],
]
_TOML = """
[{department}.{name}]
title = "{title}"
spreadsheet = "{id}"
tab = "{{roc}}{{mm}}班表"
months = [0, 1]
kind = "month-grid"
zone = "{zone}"
codes = "{department}.codes-{name}"
[{department}.codes-{name}]
kind = "code-table"
tab = "代碼"
"""


def daytime() -> str:
    """A zone in which it is about noon: there nobody is left in peace."""
    ahead = 12 - datetime.now(UTC).hour
    return "Etc/UTC" if not ahead else f"Etc/GMT{-ahead:+}"


@dataclass
class Planner:
    """One spreadsheet."""

    google: GoogleControls
    department: str = "tanhae"
    name: str = "roster"
    title: str = "班表"
    zone: str = field(default_factory=daytime)
    id: str = ""
    cells: dict[tuple[str, date], str] = field(default_factory=dict)
    people: dict[str, str] = field(default_factory=lambda: {"A1001": "王小明", "A1002": "李四"})
    renamed: dict[tuple[int, str], str] = field(default_factory=dict)
    """What else somebody is called in a month, by the month and their number."""
    months: tuple[int, ...] = (0,)
    """Which tabs there are; 0 is this month's."""

    @property
    def today(self) -> date:
        """Where the roster's times are."""
        return datetime.now(ZoneInfo(self.zone)).date()

    @property
    def toml(self) -> str:
        """The settings."""
        return _TOML.format(**vars(self))

    def put(self, person: str, ahead: int, text: str) -> date:
        """What stands on a day from today on; it is in a tab once it is written."""
        day = self.today + timedelta(days=ahead)
        self.cells[person, day] = text
        return day

    async def write(self) -> None:
        """Save everything."""
        here = Month.of(self.today)
        tabs: list[dict[str, Any]] = [{"title": "代碼", "gid": 2, "rows": CODES}]
        for number, ahead in enumerate(self.months, 10):
            month = here.plus(ahead)
            days = [month.first + timedelta(days=n) for n in range(month.days)]
            rows: list[list[object]] = [["員編", "姓名", *range(1, month.days + 1)]]
            for person, usual in self.people.items():
                name = self.renamed.get((ahead, person), usual)
                rows.append([person, name, *(self.cells.get((person, d), "0905G") for d in days)])
            tabs.append({"title": title_of("{roc}{mm}班表", month), "gid": number, "rows": rows})
        options: dict[str, Any] = {"tabs": tabs, "shared": [ADDRESS]}
        answer = await self.google.act("sheet", **options, **({"id": self.id} if self.id else {}))
        self.id = str(answer["id"])


@dataclass
class Depot:
    """The bot that reads it."""

    bot: RunningBot
    planner: Planner

    @property
    def sheets(self) -> SheetServices:
        """What serves sheets."""
        found = self.bot.services.core.sheets
        assert found is not None
        return found

    async def look(self) -> None:
        """Read what stands there now."""
        await self.sheets.mirror.sync([*self.sheets.sheets])

    async def tell(self) -> None:
        """What the job does after each look."""
        await tell(self.bot.application.bot, self.bot.services)

    def link(self, person: Person, number: str = "A1001", department: str = "tanhae") -> None:
        """As an administrator's tap does it."""
        people = self.sheets.people
        ask, _ = people.asks.ask(Owner.user(person.id), number, "")
        people.asks.confirm(ask.id, department, number, Decider(Owner.user(ROOT), "Root"))

    def log(self) -> str:
        """Everything that was logged."""
        return self.bot.log.getvalue()


StartDepot = Callable[..., Any]


@pytest.fixture
async def planner(google: GoogleControls) -> Planner:
    """Who has shared a roster of this month with the service account."""
    await google.act("service_account", address=ADDRESS, key_id=KEY_ID, public_key=public_pem())
    made = Planner(google)
    await made.write()
    return made


@pytest.fixture
def start_depot(
    start_bot: StartBot, sandbox: Sandbox, planner: Planner, tmp_path: Path
) -> StartDepot:
    """`async with start_depot(ALLOWED_CHAT_IDS="-1") as depot:`"""

    @asynccontextmanager
    async def start(*others: Planner, **changes: Any) -> AsyncIterator[Depot]:
        file = tmp_path / "sheets.toml"
        file.write_text("".join(one.toml for one in (planner, *others)), "utf-8")
        settings: Mapping[str, Any] = {
            "ADMIN_USER_IDS": f"{ROOT},{CHEN}",
            "SHEETS_FILE": str(file),
            # Nobody waits longer than the clock of a test can tell apart.
            "SHEETS_SETTLE_MINUTES": "0.002",
            VARIABLE: encoded(token_uri=f"{sandbox.url}/token"),
            **changes,
        }
        async with start_bot(**settings) as bot:
            by_hand(bot)
            jobs = bot.application.job_queue
            assert jobs is not None
            for job in jobs.get_jobs_by_name("sheets"):
                job.schedule_removal()  # each test looks when it wants to
            depot = Depot(bot, planner)
            await depot.look()
            yield depot

    return start


@pytest.fixture
async def depot(start_depot: StartDepot) -> AsyncIterator[Depot]:
    """With nothing else."""
    async with start_depot() as running:
        yield running
