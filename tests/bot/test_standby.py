"""One process at a time is the bot: once its lease is over it begins nothing, and another goes on.

Here the processes are tasks of one, over a database in memory. Their leases last for longer than a
busy machine may stand still, and lapse when a test says so.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import aiohttp
import pytest
from pydantic import SecretStr

from bot import application
from bot.context import BotContext
from bot.errors import Outages
from bot.kinds import PREFERENCES
from config import Settings
from processes import bot as bot_process
from processes.ending import Replaced, StartupError
from processes.storage import KINDS
from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.person import Person
from sandbox.ports import free_port
from sandbox.run import bot_settings
from sandbox.server import Sandbox
from security.credential import Owner
from security.encryption import TokenEncryption
from security.errors import OperatorFault
from security.maintenance.documents import INCIDENT, MAINTENANCE
from security.maintenance.presence import all_present
from security.storage.documents import Documents
from security.storage.holding.fenced import FencedDocuments
from security.storage.holding.held_lease import HeldLease
from security.storage.protocol import Drop, Key, Put, Unit
from security.storage.sealing import Sealer
from tests.journeys import connect, times_told, until, until_uploading
from tests.security.processes import several
from tests.storage.shared import SharedShelf, SharedStorage
from tests.stores import MASK, between

People = Callable[..., Person]
pytestmark = pytest.mark.one_way("on")
AMY = "amy@example.com"
SECONDS: Final = 0.9
"""In which a lease is renewed three times."""


@dataclass
class Process:
    """A bot, or a standby."""

    task: asyncio.Task[None]
    storage: SharedStorage
    operations: str
    web: str

    async def ask(self, path: str) -> tuple[int, Any]:
        """Status and JSON of a page of the operations port."""
        async with aiohttp.ClientSession() as session, session.get(self.operations + path) as got:
            return got.status, await got.json()

    async def is_standby(self) -> bool:
        """As its metrics say."""
        address = f"{self.operations}/metrics"
        async with aiohttp.ClientSession() as session, session.get(address) as got:
            return "\ndrivekeeper_standby 1.0" in await got.text()

    async def stop(self) -> None:
        """In order."""
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task


Start = Callable[..., Process]


class Log(io.StringIO):
    """Of all processes."""

    async def has(self, event: str, times: int = 1) -> None:
        """Wait until an event stands there so often."""
        await until(lambda: self.count(event) >= times)

    def count(self, event: str) -> int:
        """How often an event stands there."""
        return self.getvalue().count(f'"event": "{event}"')


@pytest.fixture
def database() -> SharedShelf:
    """What the processes share."""
    return SharedShelf(lease_seconds=600, renewed_as_of_seconds=SECONDS)


Connect = Callable[[], SharedStorage]


@pytest.fixture
def connect_to(database: SharedShelf, keyring: TokenEncryption) -> Connect:
    """As one more process does."""
    return lambda: SharedStorage(database, Sealer(keyring), MASK, KINDS)


@pytest.fixture
def log(restored_logging: None) -> Log:
    """What they write."""
    return Log()


@pytest.fixture
async def start(
    sandbox: Sandbox,
    tmp_path: Path,
    connect_to: Connect,
    log: Log,
    monkeypatch: pytest.MonkeyPatch,
    encryption_keys: tuple[SecretStr, ...],
) -> AsyncIterator[Start]:
    """`start()`: one more process, with a data folder of its own."""
    started: list[Process] = []

    def make(**changes: Any) -> Process:
        ports = free_port(), free_port()
        values = {
            **bot_settings(sandbox, tmp_path / f"data{len(started)}", "device"),
            **{"METRICS_PORT": ports[0], "WEB_PORT": ports[1], "LOG_FORMAT": "json"},
            **{"TOKEN_MAINTENANCE_INTERVAL_MINUTES": 0, "LOG_MASK_KEY": "a mask key for tests"},
            "TOKEN_ENCRYPTION_KEY": ",".join(key.get_secret_value() for key in encryption_keys),
            **changes,
        }
        with monkeypatch.context() as patched:
            for name, value in values.items():
                patched.setenv(name, str(value))
            settings = Settings(_env_file=None)
        storage = connect_to()
        monkeypatch.setattr(sys, "stderr", log)
        task = asyncio.create_task(bot_process.run(settings, lambda *_: storage))
        addresses = (f"http://127.0.0.1:{port}" for port in ports)
        started.append(Process(task, storage, *addresses))
        return started[-1]

    yield make
    for process in started:
        if not process.task.done():
            await process.stop()
    print(log.getvalue(), file=sys.stdout)


def roles(storage: SharedStorage) -> list[str]:
    """Of all processes, as they say themselves."""
    return sorted(one.role for one in all_present(storage))


async def test_each_process_says_what_it_is_until_it_ends(
    start: Start, log: Log, connect_to: Connect
) -> None:
    """A standby, the bot, and one that has ended: an operator sees which is which."""
    first, storage = start(), connect_to()
    await until(lambda: roles(storage) == ["works"])
    second = start()
    await until(lambda: roles(storage) == ["standby", "works"])
    await first.stop()
    await until(lambda: roles(storage) == ["ended", "works"])
    assert len({one.version for one in all_present(storage)}) == 1
    await second.stop()
    assert roles(storage) == ["ended", "ended"]


async def test_a_second_bot_stands_by_and_takes_over_when_the_first_one_stops(
    start: Start, log: Log, people: People
) -> None:
    """It is well and not ready; it refuses what is for the bot; then it is the bot at once."""
    ann, first = people(), start()
    await log.has("bot_started")
    second = start()
    await log.has("standby_waits")
    assert "standing by" in log.getvalue()
    assert await first.is_standby() is False
    assert await first.ask("/readyz") == (200, {"ready": True, "reasons": []})
    await until_up(second)
    assert await second.is_standby() is True
    assert await second.ask("/healthz") == (200, {"alive": True})
    assert await second.ask("/readyz") == (503, {"ready": False, "reasons": ["standby"]})
    async with aiohttp.ClientSession(second.web) as session:
        async with session.get("/healthz") as got:
            assert got.status == 200
        async with session.post("/telegram", data=b"{}") as got:
            assert (got.status, got.headers["Retry-After"]) == (503, "5")
        async with session.get("/api/auth/google/callback?state=x&code=y") as got:
            assert got.status == 503
        async with session.get("/api/google/status") as got:
            assert (got.status, got.headers["Retry-After"]) == (503, "5")
        for page in ("/console/enter/code", "/settings/google", "/"):
            for method in ("GET", "POST"):
                async with session.request(method, page) as got:
                    assert (got.status, "Nothing is lost" in await got.text()) == (503, True)
    await ann.start()
    await ann.wait_for("Drivekeeper")
    await first.stop()
    await log.has("bot_started", 2)
    assert '"event": "standby_took_over", "result": "ok"' in in_order(log)
    await ann.send("/help")
    await ann.wait_for("20 MiB")
    assert await second.is_standby() is False
    assert log.count("standby_waits") == 1


async def test_another_bot_does_not_stand_by(start: Start, log: Log, people: People) -> None:
    """It would forget what people wrote to this one, whose settings somebody has copied."""
    ann, first = people(), start()
    await ann.start()
    await ann.wait_for("Drivekeeper")
    other = start(TELEGRAM_BOT_TOKEN="998877665:" + "x" * 35)
    with pytest.raises(StartupError, match=r"TELEGRAM_BOT_TOKEN.*DATABASE_URL"):
        await other.task
    assert log.count("standby_waits") == 0
    await ann.send("/help")
    await ann.wait_for("20 MiB")
    await first.stop()


def in_order(log: Log) -> str:
    """Its lines, with the event and the result before all else."""
    lines = [json.loads(line) for line in log.getvalue().splitlines() if line.startswith("{")]
    return "\n".join(
        json.dumps({"event": line["event"], "result": line.get("result")}) for line in lines
    )


async def until_up(process: Process) -> None:
    """Wait until its ports are open."""
    async with asyncio.timeout(15):
        while True:
            with suppress(aiohttp.ClientError):
                await process.ask("/healthz")
                return
            await asyncio.sleep(0.02)


async def test_a_bot_that_was_cut_off_for_too_long_does_nothing_more(
    start: Start, log: Log, people: People, google: GoogleControls, database: SharedShelf
) -> None:
    """The standby answers what it did not take in; it ends once it learns whose the lease is."""
    ann, first = people(), start()
    await ann.start()
    await ann.wait_for("Drivekeeper")
    second = start()
    await log.has("standby_waits")
    first.storage.is_cut_off = True
    database.lapse()
    await ann.send("/help")
    await ann.wait_for("20 MiB")
    assert '"event": "standby_took_over", "result": "expired"' in in_order(log)
    assert "standby" in (await first.ask("/readyz"))[1]["reasons"]
    before = (await google.calls())["counts"]
    first.storage.is_cut_off = False
    with pytest.raises(Replaced):
        await first.task
    assert log.count("lease_lost") == 1
    after = (await google.calls())["counts"]
    sent = [name for name in after if name.startswith(("telegram.send", "telegram.edit"))]
    assert {name: before[name] for name in sent} == {name: after[name] for name in sent}
    await ann.send("/cancel")
    await ann.wait_for("nothing to cancel")
    assert (times_told(ann, "20 MiB"), times_told(ann, "nothing to cancel")) == (1, 1)
    assert '"event": "polling_conflict", "result": "second_instance"' not in in_order(log)
    assert not second.task.done()


async def test_a_bot_without_its_database_begins_nothing_and_goes_on_once_it_is_back(
    start: Start, log: Log, people: People, database: SharedShelf
) -> None:
    """Its lease has run out by then, and is nobody else's."""
    root, ann, bot = people(900, "Root"), people(), start(ADMIN_USER_IDS="900")
    for person in (root, ann):
        await person.start()
        await person.wait_for("Drivekeeper")
    bot.storage.is_cut_off = True
    await log.has("lease_not_renewed")
    database.lapse()
    await ann.send("/help")
    await asyncio.sleep(2 * SECONDS)
    assert times_told(ann, "20 MiB") == 0
    assert "standby" in (await bot.ask("/readyz"))[1]["reasons"]
    bot.storage.is_cut_off = False
    await ann.wait_for("20 MiB")
    await log.has("lease_renewed")
    assert (log.count("lease_not_renewed"), log.count("lease_lost")) == (1, 0)
    await root.wait_for("Over:", since=0)
    told = [m.text for m in root.messages() if "The database does not answer" in m.text]
    assert ["Over:" in text for text in told] == [False, True]


async def test_an_outage_is_no_defect_of_a_job_that_meets_it(
    start: Start, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told by its code, and without a traceback: there is nothing to report. It is told once,
    however often the job meets it."""
    monkeypatch.setattr(application, "_EXPIRY_SECONDS", 0.05)
    bot = start()
    await log.has("bot_started")
    bot.storage.is_cut_off = True
    await log.has("handler_failed")
    await log.has("lease_not_renewed")  # the job has come again by then
    assert log.count("handler_failed") == 1
    bot.storage.is_cut_off = False
    lines = [json.loads(line) for line in log.getvalue().splitlines() if "handler_failed" in line]
    assert {(line["level"], line["result"]) for line in lines} == {
        ("warning", "database_unreachable")
    }
    assert not any("traceback" in line for line in lines)


async def test_of_several_jobs_in_one_outage_one_is_said_to_fail() -> None:
    """And one again in the next, once all of them have worked in between."""
    outages, is_away, context = Outages(), True, cast("BotContext", None)

    async def first(_: BotContext) -> None:
        if is_away:
            raise OperatorFault("away", code="database_unreachable")

    async def second(_: BotContext) -> None:
        await first(_)

    jobs, failed = [outages.once(job) for job in (first, second)], list[bool]()
    for is_away in (True, False, True):
        for job in (*jobs, *jobs):
            try:
                await job(context)
            except OperatorFault:
                failed.append(is_away)
    assert failed == [True, True]


def heard_by(root: Person) -> list[bool]:
    """Of each message about the database, whether it says that this is over."""
    told = [m.text for m in root.messages() if "The database does not answer" in m.text]
    return ["Over:" in text for text in told]


@pytest.mark.one_way
async def test_the_next_bot_says_that_the_outage_is_over_which_the_last_one_did_not_outlive(
    start: Start, log: Log, people: People, database: SharedShelf
) -> None:
    """It was written down nowhere: only whoever stood by has seen it as well."""
    root, first = people(900, "Root"), start(ADMIN_USER_IDS="900")
    await root.start()
    await root.wait_for("Drivekeeper")
    start(ADMIN_USER_IDS="900", TOKEN_MAINTENANCE_INTERVAL_MINUTES=0)
    await log.has("standby_waits")
    database.is_away = True
    await log.has("standby_waits", 2)
    first.storage.is_cut_off = True  # for good
    database.lapse()
    database.is_away = False
    await root.wait_for("Over:", since=0)
    assert '"event": "incident_closed", "result": "database_unreachable"' in in_order(log)
    assert heard_by(root)[-1] is True


@pytest.mark.one_way
@pytest.mark.parametrize("is_stopped", [False, True])
async def test_what_was_told_and_never_written_down_is_over_with_the_next_start(
    start: Start, log: Log, people: People, database: SharedShelf, tmp_path: Path, is_stopped: bool
) -> None:
    """After the outage, of which the new process has seen nothing; also after a crash."""
    root, settings = people(900, "Root"), {"ADMIN_USER_IDS": "900"}
    settings["USER_DATA_DIR"] = str(tmp_path / "beside")
    first = start(**settings)
    await root.start()
    await root.wait_for("Drivekeeper")
    database.is_away = True
    await root.wait_for("The database does not answer", since=0)
    note = tmp_path / "beside" / ".told.json"
    await until(note.exists)
    assert note.stat().st_mode & 0o777 == 0o600
    if is_stopped:
        await first.stop()
    else:
        first.storage.is_cut_off = True
        database.lapse()
    database.is_away = False
    start(**settings)
    await root.wait_for("Over:", since=0)
    await until(lambda: not note.exists())
    assert heard_by(root) == [False, True]


@pytest.mark.one_way
async def test_an_outage_that_ends_with_another_bot_is_told_once_and_over_once(
    start: Start, log: Log, people: People, database: SharedShelf
) -> None:
    """The first one told of it, could write nothing down, and is replaced once it could."""
    root, settings = people(900, "Root"), {"ADMIN_USER_IDS": "900"}
    settings["TOKEN_MAINTENANCE_INTERVAL_MINUTES"] = "1"
    first = start(**settings)
    await root.start()
    await root.wait_for("Drivekeeper")
    second = start(**settings)
    await log.has("standby_waits")
    database.is_away = True
    await root.wait_for("The database does not answer", since=0)
    first.storage.is_cut_off = True
    database.lapse()
    database.is_away = False
    await root.wait_for("Over:", since=0)
    first.storage.is_cut_off = False
    with pytest.raises(Replaced):
        await first.task
    await until(lambda: not second.storage.names(MAINTENANCE, INCIDENT))
    assert heard_by(root) == [False, True]
    address = f"{second.operations}/metrics"
    async with aiohttp.ClientSession() as session, session.get(address) as got:
        assert 'drivekeeper_incidents{result="database' not in await got.text()


async def test_who_is_on_hold_by_another_process_is_counted_and_shown(
    start: Start,
    people: People,
    database: SharedShelf,
    encryption_keys: tuple[SecretStr, ...],
) -> None:
    """A sweep of a web process, or of a command: the bot itself has swept nothing since."""
    root, owners = people(900, "Root"), [Owner.user(number) for number in range(1000, 1004)]
    start(ADMIN_USER_IDS="900")
    await root.start()
    await root.wait_for("Drivekeeper")
    async with several() as others:
        others.shelf, others.keys = database, [*encryption_keys]
        others.connect(*owners)
        others.endpoint.end(*owners)
        web = others.start()
        report = await web.sweep.run()
        await web.fleet.learn(report)
        assert report.held == 4
        await root.send("/health")
        shown = await root.wait_for("Connected")
        assert "on hold 4" in shown.text
        assert "No trouble" not in shown.text
        await root.send("/quarantine")
        await root.wait_for("On hold: 4")


async def test_an_upload_outlasts_the_database(
    start: Start, log: Log, people: People, google: GoogleControls, database: SharedShelf
) -> None:
    """Nothing is said to have failed: what is to be noted down waits, and so does the rest."""
    ann, bot = people(), start()
    await connect(ann, google, AMY)
    await google.rate("google.upload.chunk", 1_000_000)
    await ann.send_document(os.urandom(2_000_000), "a.bin")
    await until_uploading(google)
    bot.storage.is_cut_off = True
    await log.has("lease_not_renewed")
    database.lapse()
    await asyncio.sleep(3 * SECONDS)
    assert not [file for file in await google.files(AMY) if file["md5"]]
    bot.storage.is_cut_off = False
    await ann.wait_for("is in your Drive")
    assert not [m.text for m in ann.messages() if m.from_bot and m.text[:1] == "⚠"]
    assert len([file for file in await google.files(AMY) if file["md5"]]) == 1


@pytest.mark.one_way
async def test_a_standby_is_stopped_in_order(start: Start, log: Log) -> None:
    """Before it was the bot, by a signal."""
    start()
    await log.has("bot_started")
    second = start()
    await log.has("standby_waits")
    await until_up(second)
    os.kill(os.getpid(), signal.SIGTERM)  # its handler is the last one of this process
    await asyncio.wait_for(second.task, 10)
    assert log.count("bot_stopped") == 1


Hold = Callable[[SharedStorage], HeldLease]


@pytest.fixture
def held_by() -> Iterator[Hold]:
    """`held_by(storage)`: the process's lease, renewed until the test is over."""
    held: list[HeldLease] = []

    def take(storage: SharedStorage) -> HeldLease:
        [lease] = storage.lease(["bot"])
        assert lease is not None
        assert not isinstance(lease, Exception)
        held.append(HeldLease(lease, storage.lease_seconds))
        held[-1].start()
        return held[-1]

    yield take
    for lease in held:
        lease.release()


NOTE = Key(PREFERENCES, "user_501")


def test_what_comes_late_overwrites_nothing(
    database: SharedShelf, connect_to: Connect, held_by: Hold
) -> None:
    """Nor does it remove anything: what has been written since stays."""
    first, second = connect_to(), connect_to()
    notes = Documents(FencedDocuments(first, held_by(first)), PREFERENCES)
    notes.write("user_501", {"by": "first"})
    first.is_cut_off = True
    database.tick(database.lease_seconds)
    others = Documents(FencedDocuments(second, held_by(second)), PREFERENCES)
    others.write("user_501", {"by": "second"})
    first.is_cut_off = False
    for late in (Put(NOTE, {"by": "first, late"}), Drop(NOTE)):
        with pytest.raises(OperatorFault) as caught:
            notes.change([late])
        assert caught.value.code == "second_instance"
    assert others.read("user_501") == {"by": "second"}


@pytest.mark.parametrize("saves_late", [False, True])
@pytest.mark.parametrize(
    "late", [Put(NOTE, {"by": "first, late"}), Drop(NOTE)], ids=["put", "drop"]
)
def test_what_was_let_through_and_comes_late_overwrites_nothing_either(
    database: SharedShelf, connect_to: Connect, held_by: Hold, late: Put | Drop, saves_late: bool
) -> None:
    """The process stood still after it had asked whether it may: its version alone is left."""
    first, second = connect_to(), connect_to()

    def take_over() -> None:
        first.is_cut_off = True
        database.tick(database.lease_seconds)
        others = Documents(FencedDocuments(second, held_by(second)), PREFERENCES)
        others.write("user_501", {"by": "second"})
        first.is_cut_off = False

    first.apply([Unit([Put(NOTE, {"by": "first"})])])
    fenced = FencedDocuments(between(first, take_over), held_by(first), saves_late=saves_late)
    notes = Documents(fenced, PREFERENCES)
    assert notes.read("user_501") == {"by": "first"}
    with pytest.raises(OperatorFault) as caught:
        notes.change([late])
    assert caught.value.code == "second_instance"
    assert Documents(second, PREFERENCES).read("user_501") == {"by": "second"}


def test_what_was_only_sealed_anew_is_put_on_that_version(
    connect_to: Connect, held_by: Hold
) -> None:
    """A rotation of keys beside the bot, or a late one's last write: the bot's own comes after."""
    storage = connect_to()
    notes = Documents(FencedDocuments(storage, held_by(storage)), PREFERENCES)
    notes.write("user_501", {"by": "bot"})
    storage.reseal(NOTE, lambda raw: raw, None)
    notes.write("user_501", {"by": "bot, again"})
    storage.apply([Unit([Put(NOTE, {"by": "somebody"})])])
    assert notes.delete("user_501")
    assert notes.read("user_501") is None


def test_once_the_lease_is_lost_nothing_is_written(
    database: SharedShelf, connect_to: Connect, held_by: Hold
) -> None:
    """Whatever its version."""
    storage = connect_to()
    held = held_by(storage)
    held.is_lost = True
    with pytest.raises(OperatorFault):
        Documents(FencedDocuments(storage, held), PREFERENCES).write("user_501", {"by": "first"})
    assert database.documents == {}
