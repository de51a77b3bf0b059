"""A start while the database is away waits for it; what an operator has to mend ends it, logged."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from config import Settings
from processes import bot as bot_process
from processes.ending import StartupError
from sandbox.clients.person import Person
from sandbox.ports import free_port
from sandbox.run import bot_settings
from sandbox.server import Sandbox
from tests.database.proxy import Proxy
from tests.journeys import until
from tests.mariadb import MariaDB
from tests.security.kit import new_key, secret

pytestmark = pytest.mark.one_way("on")
Start = Callable[..., asyncio.Task[None]]


@pytest.fixture
def log(restored_logging: None) -> io.StringIO:
    """Standard error, from the first start on."""
    return io.StringIO()


@pytest.fixture
async def start(
    sandbox: Sandbox, tmp_path: Path, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Start]:
    """`start(DATABASE_URL=…)`: the bot's process, as a task of this one."""
    started: list[asyncio.Task[None]] = []

    def make(**changes: Any) -> asyncio.Task[None]:
        values = {
            **bot_settings(sandbox, tmp_path / "user_data", "device"),
            **{"WEB_PORT": 0, "LOG_FORMAT": "json", "TOKEN_MAINTENANCE_INTERVAL_MINUTES": 0},
            "TOKEN_ENCRYPTION_KEY": secret(new_key()),
            **changes,
        }
        with monkeypatch.context() as patched:
            for name, value in values.items():
                patched.setenv(name, str(value))
            settings = Settings(_env_file=None)
        monkeypatch.setattr(sys, "stderr", log)  # pytest has set it for the test itself meanwhile
        started.append(asyncio.create_task(bot_process.run(settings)))
        return started[-1]

    yield make
    for task in started:
        task.cancel()
        with suppress(asyncio.CancelledError, StartupError):
            await task
    print(log.getvalue(), file=sys.stdout)


def logged(log: io.StringIO, event: str) -> list[dict[str, Any]]:
    """The log's lines of this event."""
    lines = [line for line in log.getvalue().splitlines() if line.startswith("{")]
    return [line for line in map(json.loads, lines) if line["event"] == event]


@pytest.mark.one_way
async def test_a_bot_that_is_started_in_an_outage_waits_and_starts_when_the_database_answers(
    start: Start, log: io.StringIO, people: Callable[..., Person], mariadb: MariaDB
) -> None:
    """It says for what, on its ports as a standby does; and that it is over, to administrators."""
    name, port = mariadb.make_database(), free_port()
    with Proxy(mariadb.socket) as proxy:
        proxy.refuse()
        address = mariadb.url(name, port=proxy.port).get_secret_value() + "?tls=off"
        root, operations = people(900, "Root"), f"http://127.0.0.1:{port}"
        await root.start()
        bot = start(DATABASE_URL=address, METRICS_PORT=port, ADMIN_USER_IDS=900)
        await until(lambda: bool(logged(log, "web_started")))
        [waits] = logged(log, "start_waits")
        assert (waits["level"], waits["result"]) == ("warning", "database_unreachable")
        assert "Waiting for it, to start when it answers." in log.getvalue()
        async with aiohttp.ClientSession() as session:
            async with session.get(f"{operations}/healthz") as got:
                assert got.status == 200
            async with session.get(f"{operations}/readyz") as got:
                assert (got.status, (await got.json())["reasons"]) == (503, ["standby"])
        assert not bot.done()
        proxy.admit()
        await until(lambda: bool(logged(log, "bot_started")))
        await root.wait_for("Over:", since=0)
        assert logged(log, "bot_refused_to_start") == []
        bot.cancel()
        with suppress(asyncio.CancelledError):
            await bot


async def test_a_bot_that_waits_for_its_database_is_stopped_in_order(
    start: Start, log: io.StringIO
) -> None:
    """By a signal."""
    bot = start(DATABASE_URL=f"mysql://u:p@127.0.0.1:{free_port()}/d?tls=off")
    await until(lambda: bool(logged(log, "start_waits")))
    await asyncio.sleep(0.05)
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(bot, 10)
    assert [line["result"] for line in logged(log, "bot_stopped")] == ["ok"]


async def test_a_bot_that_is_stopped_in_an_outage_does_not_begin_anew(
    start: Start, log: io.StringIO, people: Callable[..., Person], mariadb: MariaDB
) -> None:
    """Though what it would have written down at the end was not taken."""
    with Proxy(mariadb.socket) as proxy:
        name, ann = mariadb.make_database(), people()
        address = mariadb.url(name, port=proxy.port).get_secret_value() + "?tls=off"
        bot = start(DATABASE_URL=address)
        await until(lambda: bool(logged(log, "bot_started")))
        await ann.send("/help")
        await ann.wait_for("Send me files")
        proxy.refuse()
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(bot, 30)
    assert [line["result"] for line in logged(log, "bot_stopped")] == ["ok"]
    assert logged(log, "start_waits") == []


async def test_what_an_operator_has_to_mend_ends_the_start_at_once_and_is_logged(
    start: Start, log: io.StringIO, mariadb: MariaDB, tmp_path: Path
) -> None:
    """By its code: a log is watched by programs, and the sentence is for people."""
    name = mariadb.make_database()
    address = mariadb.url(name).get_secret_value()
    wrong = address.replace(f"{name}:", f"{name}:not-", 1)
    for changes, code in (
        ({"DATABASE_URL": wrong, "DATABASE_CA": mariadb.ca}, "database_refused"),
        ({"DATABASE_URL": address}, "database_untrusted"),
    ):
        with pytest.raises(StartupError, match=r"the database of DATABASE_URL"):
            await start(**changes)
        assert logged(log, "bot_refused_to_start")[-1]["result"] == code
    (tmp_path / "user_data").mkdir(mode=0o700, exist_ok=True)
    (tmp_path / "user_data" / "moved_away.txt").write_text("2026-11-01T00:00:00+00:00\nIt was.\n")
    with pytest.raises(StartupError, match=r"was moved to the database"):
        await start()
    assert logged(log, "bot_refused_to_start")[-1]["result"] == "moved_away"
    assert logged(log, "start_waits") == []
