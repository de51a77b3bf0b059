"""What libraries tell an operator: an event of ours, a sentence, or nothing below DEBUG."""

from __future__ import annotations

import asyncio
import gc
import io
import json
import logging
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from fastapi import FastAPI

from security.logging_utils import OwnerMask, configure_logging
from security.logs.schema import EVENTS
from tests.database.kit import engine_of
from tests.mariadb import MariaDB
from web.serving import listen, serving

pytestmark = [pytest.mark.usefixtures("restored_logging"), pytest.mark.one_way("off")]
CANARY = "1//0canary-7301948265"


class Log:
    """What was written."""

    def __init__(self, level: str = "INFO") -> None:
        self.stream = io.StringIO()
        configure_logging(OwnerMask(b"key"), level=level, style="json", stream=self.stream)

    @property
    def lines(self) -> list[dict[str, Any]]:
        """JSON objects, one a line."""
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]

    async def written(self) -> None:
        """Wait until there is anything."""
        async with asyncio.timeout(10):
            lines = self.lines
            while not lines:
                await asyncio.sleep(0.01)
                lines = self.lines

    @property
    def events(self) -> list[str]:
        """What they are called."""
        return [line["event"] for line in self.lines]


@pytest.fixture
def log() -> Iterator[Log]:
    """At INFO, as the bot has it; nothing secret in it at the end."""
    made = Log()
    yield made
    assert "canary" not in made.stream.getvalue()


def broken_app() -> FastAPI:
    """Its only page breaks."""
    app = FastAPI()

    @app.get("/")
    def page() -> None:
        raise ValueError(CANARY)

    return app


def request(connection: str, *headers: str) -> bytes:
    """A plain one."""
    lines = ("GET / HTTP/1.1", "Host: x", f"Connection: {connection}", *headers, "", "")
    return "\r\n".join(lines).encode()


async def ask(port: int, sent: bytes) -> bytes:
    """Bytes as anybody may send them, and the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    await writer.drain()
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


async def test_a_web_front_starts_serves_nonsense_and_stops_without_a_line(log: Log) -> None:
    """uvicorn has a dozen, all of them only places in its source to whoever reads them here."""
    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    async with serving(FastAPI(), listener):
        await ask(port, b"\x16\x03\x01 no http at all\r\n\r\n")
        upgrade = (
            b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n"
        )
        await ask(port, upgrade + b"\r\n")
    assert log.lines == []


async def test_a_page_that_breaks_is_told_with_its_place(log: Log) -> None:
    """A defect of ours, by an event of ours."""
    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    async with serving(broken_app(), listener):
        assert b" 500 " in await ask(port, request("close"))
    assert log.events == ["web_request_failed"]
    assert log.lines[0]["error"] == "ValueError"
    assert log.lines[0]["traceback"][-1].startswith("tests.security.test_library_lines.page:")


def test_a_database_that_hangs_up_is_told_by_whoever_asked_it(log: Log, mariadb: MariaDB) -> None:
    """And by no line of the pool's, with all that led to it."""
    with engine_of(mariadb.new_database(), mariadb.ca) as engine:
        connection = engine.raw_connection()
        cursor = connection.cursor()
        cursor.execute("CREATE TABLE canary (n INT)")
        cursor.execute("INSERT INTO canary VALUES (1)")
        mariadb.sql(f"KILL {cursor.connection.thread_id()}")
        connection.close()
    assert log.lines == []


async def test_a_job_that_came_too_late_is_told(log: Log) -> None:
    """The machine slept, or the loop was held up."""
    scheduler = AsyncIOScheduler()
    scheduler.start()
    late = datetime.now(UTC) - timedelta(minutes=1)
    scheduler.add_job(lambda: None, "date", run_date=late, misfire_grace_time=1)
    await log.written()
    scheduler.shutdown()
    assert log.events == ["job_missed"]


async def test_a_job_that_breaks_is_told(log: Log) -> None:
    """With its place, and without its text."""

    def job() -> None:
        raise ValueError(CANARY)

    scheduler = AsyncIOScheduler()
    scheduler.start()
    scheduler.add_job(job, executor="default")
    await log.written()
    scheduler.shutdown()
    assert log.events == ["job_failed"]
    assert log.lines[0]["error"] == "ValueError"


async def test_what_broke_where_nobody_waited_for_it_is_told(log: Log) -> None:
    """asyncio's "Task exception was never retrieved"."""

    async def work() -> None:
        raise ValueError(CANARY)

    task = asyncio.create_task(work())
    await asyncio.wait((task,))
    del task
    gc.collect()
    assert log.events == ["background_failed"]
    assert log.lines[0]["error"] == "ValueError"


def test_what_nobody_catches_is_called_by_its_name(log: Log) -> None:
    """Of a thread: not a library's doing, but ours."""

    def work() -> None:
        raise ValueError(CANARY)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert log.events == ["uncaught"]
    assert log.lines[0]["level"] == "critical"


@pytest.mark.parametrize("level", [logging.WARNING, logging.ERROR, logging.CRITICAL])
def test_what_nobody_foresaw_is_a_sentence(log: Log, level: int) -> None:
    """Whose it is, how bad, where to look, and what to do; never what it said."""
    package = Path(asyncio.__file__).parent
    record = logging.LogRecord(
        "asyncio.news", level, str(package / "news.py"), 7, CANARY, (), None, "tell"
    )
    logging.getLogger("asyncio.news").handle(record)
    (line,) = log.lines
    assert line["event"] == "library"
    assert line["where"] == "asyncio.news:7"
    assert line["source"] == "asyncio.news.tell:7"
    assert line["says"].startswith("asyncio warns;" if level < logging.ERROR else "asyncio reports")
    assert "LOG_LEVEL=DEBUG" in line["says"]


def test_how_libraries_go_about_their_work_is_for_debug_alone() -> None:
    """Any of them, at INFO: there are lines for each request."""
    names = ("httpx", "uvicorn.error", "telegram.ext.Application", "apscheduler.scheduler", "new")
    for level, seen in (("INFO", 0), ("DEBUG", len(names))):
        log = Log(level)
        for name in names:
            logging.getLogger(name).info(CANARY)
        assert log.events == ["library"] * seen


def test_every_event_that_takes_a_lines_place_is_one_of_ours() -> None:
    """Else it would be shown as a library's."""
    table = sys.modules["security.logs.library_lines"].__dict__["_KNOWN"]
    assert {event for *_, event in table if event} <= EVENTS
