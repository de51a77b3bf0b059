"""ALERT_WEBHOOK_URL: each incident is told once when it begins, and once when it is over."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
import structlog
from aiohttp import web
from pydantic import SecretStr

from departments.alerts.alerts import Alerts
from departments.alerts.webhook import Webhook
from departments.clients.alarms import GUESSED, Alarm
from departments.documents import Shelf
from departments.kinds import ALARMS, POSTED
from departments.names import Departments
from security.custody.leases import Leases
from security.custody.workers import Workers
from security.encryption import TokenEncryption
from security.google.network import DIRECT
from security.maintenance.documents import MAINTENANCE
from security.maintenance.incidents import OUTAGE, Incidents
from security.storage.leases import ALERT_LEASE
from security.storage.protocol import Drop, Key, Put, Storage, Unit
from security.token_store import TokenStore
from tests import places
from tests.stores import MASK, storage_in
from web.activity import Activity

pytestmark = pytest.mark.encryption("on")
TROUBLE, ALARM = "invalid_client", "client_busy"
SECRET = "canary-of-the-address"


@dataclass
class Told:
    """Whoever is told, on loopback."""

    address: SecretStr
    bodies: list[dict[str, Any]] = field(default_factory=list)
    status: int = 204
    answers: asyncio.Event = field(default_factory=asyncio.Event)

    def states(self) -> list[tuple[str, str]]:
        return [(body["code"], body["state"]) for body in self.bodies]


@pytest.fixture
async def told() -> AsyncIterator[Told]:
    async def take(request: web.Request) -> web.Response:
        await made.answers.wait()
        made.bodies.append(await request.json())
        is_elsewhere = request.path != f"/{SECRET}"  # where a redirect would lead, all is taken
        status = 204 if is_elsewhere else made.status
        return web.Response(status=status, headers={"Location": "/elsewhere"})

    app = web.Application()
    app.router.add_post("/{secret}", take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    made = Told(SecretStr(f"http://{host}:{port}/{SECRET}?key={SECRET}"))
    made.answers.set()
    yield made
    made.answers.set()
    await runner.cleanup()


@dataclass
class Process:
    """One that may tell."""

    alerts: Alerts
    storage: Storage
    incidents: Incidents

    def write(self, code: str = TROUBLE, **changes: Any) -> None:
        entry = {"since": 1.8e9, "owners": 4, "told": True, "until": None, **changes}
        key = Key(MAINTENANCE, f"incident.{code}")
        self.storage.apply([Unit([Put(key, entry)])])

    def end(self, code: str = TROUBLE) -> None:
        self.storage.apply([Unit([Drop(Key(MAINTENANCE, f"incident.{code}"))])])

    def alarm(self, client: str = "0123456789ab") -> None:
        now = self.storage.now()
        about = {"client": client, "department": "tanhae", "label": "行控中心"}
        self.alerts.alarms.see(Alarm(code=ALARM, since=now, seen=now, count=25, **about))


Start = Callable[..., Process]


@pytest.fixture
async def start(
    storage: Storage, folder: Path, keyring: TokenEncryption, told: Told
) -> AsyncIterator[Start]:
    """`start()`: a process; the second one is another."""
    opened: list[Storage] = []
    async with AsyncExitStack() as stack:

        def make(
            *,
            address: SecretStr | None = told.address,
            seconds: float = 5,
            through: Callable[[Storage], Storage] = lambda storage: storage,
        ) -> Process:
            its = through(storage_in(folder, keyring) if opened else storage)
            if opened:
                stack.callback(its.close)
            opened.append(its)
            workers, incidents = Workers(), Incidents()
            stack.push_async_callback(workers.close)
            leases = Leases(workers, TokenStore(its, MASK))
            webhook = None if address is None else Webhook(address, DIRECT, seconds)
            names = Departments(["tanhae=淡海"])
            url = "https://drive.example"
            alerts = Alerts(its, workers, leases, incidents, names, webhook, url)
            return Process(alerts, its, incidents)

        yield make


@pytest.fixture
def process(start: Start) -> Process:
    return start()


async def test_an_incident_is_told_once_when_it_begins_and_once_when_it_is_over(
    process: Process, told: Told
) -> None:
    process.write()
    for _ in range(3):
        await process.alerts.look()
    [body] = told.bodies
    assert [body] == [
        {
            "id": body["id"],
            "code": TROUBLE,
            "state": "opened",
            "count": 4,
            "time": "2027-01-15T08:00:00+00:00",
            "link": "https://drive.example/console",
        }
    ]
    process.end()
    for _ in range(3):
        await process.alerts.look()
    assert told.states() == [(TROUBLE, "opened"), (TROUBLE, "closed")]
    assert told.bodies[1]["id"] == body["id"]
    assert process.storage.names(POSTED) == []


async def test_of_a_key_that_looks_stolen_nothing_is_said_but_that(
    process: Process, told: Told
) -> None:
    process.alarm()
    await process.alerts.look()
    [body] = told.bodies
    assert {*body} == {"id", "code", "state", "count", "time", "link"}
    assert (body["code"], body["count"]) == (ALARM, 1)
    said = json.dumps(body, ensure_ascii=False)
    assert "0123456789ab" not in said
    assert "tanhae" not in said
    assert "行控中心" not in said
    process.alerts.alarms.end_of("0123456789ab")
    await process.alerts.look()
    assert told.states() == [(ALARM, "opened"), (ALARM, "closed")]


async def test_each_key_and_kind_is_told_by_itself(process: Process, told: Told) -> None:
    process.alarm()
    process.alarm("ba9876543210")
    process.write()
    await process.alerts.look()
    assert sorted(told.states()) == [(ALARM, "opened"), (ALARM, "opened"), (TROUBLE, "opened")]
    assert len({body["id"] for body in told.bodies}) == 3


async def test_of_several_processes_one_tells(start: Start, told: Told) -> None:
    processes = [start() for _ in range(3)]
    processes[0].write()
    processes[0].alarm()
    for _ in range(3):
        await asyncio.gather(*(process.alerts.look() for process in processes))
    assert sorted(told.states()) == [(ALARM, "opened"), (TROUBLE, "opened")]
    processes[0].end()
    for _ in range(3):
        await asyncio.gather(*(process.alerts.look() for process in processes))
    assert len(told.bodies) == 3


async def test_a_restart_repeats_nothing(start: Start, told: Told) -> None:
    process = start()
    process.write()
    await process.alerts.look()
    await start().alerts.look()
    process.end()
    await start().alerts.look()
    assert told.states() == [(TROUBLE, "opened"), (TROUBLE, "closed")]


@pytest.mark.parametrize("status", [307, 404, 429, 500])
async def test_what_was_not_taken_is_told_at_the_next_look(
    process: Process, told: Told, status: int
) -> None:
    process.write()
    told.status = status
    with structlog.testing.capture_logs() as log:
        for _ in range(3):
            await process.alerts.look()
    assert [line["event"] for line in log] == ["alert_not_sent"]
    assert SECRET not in repr(log)
    told.status, told.bodies = 200, []
    for _ in range(2):
        await process.alerts.look()
    assert told.states() == [(TROUBLE, "opened")]
    process.end()
    told.status = status
    await process.alerts.look()
    told.status, told.bodies = 200, []
    await process.alerts.look()
    assert told.states() == [(TROUBLE, "closed")]


async def test_whoever_does_not_answer_is_not_waited_for(start: Start, told: Told) -> None:
    process = start(seconds=0.1)
    process.write()
    process.alarm()
    told.answers.clear()
    with structlog.testing.capture_logs() as log:
        async with asyncio.timeout(30):
            await process.alerts.look()
    assert [(line["event"], line["result"]) for line in log] == [("alert_not_sent", "timeout")]
    told.answers.set()
    await start().alerts.look()  # by one with more patience
    assert (TROUBLE, "opened") in told.states()


async def test_where_nobody_listens_nothing_breaks(start: Start, told: Told) -> None:
    process = start(address=SecretStr(f"http://127.0.0.1:9/{SECRET}"))
    process.write()
    with structlog.testing.capture_logs() as log:
        await process.alerts.look()
    assert [(line["event"], line["result"]) for line in log] == [("alert_not_sent", "unavailable")]
    assert SECRET not in repr(log)


async def test_without_an_address_nobody_is_told(start: Start, told: Told) -> None:
    process = start(address=None)
    process.write()
    await process.alerts.look()
    assert told.bodies == []
    assert process.storage.names(POSTED) == []


async def test_without_an_address_what_is_over_is_ended_whatever_other_processes_do(
    start: Start,
) -> None:
    process, alarms = start(address=None), start(address=None).alerts.alarms
    now = process.storage.now()
    alarms.see(Alarm(code=GUESSED, since=now - 9000, seen=now - 7200))
    [lease] = process.storage.lease([ALERT_LEASE])
    assert lease is not None
    assert not isinstance(lease, Exception)
    try:
        with structlog.testing.capture_logs() as log:
            await process.alerts.look()
    finally:
        lease.release()
    assert [line["event"] for line in log] == ["incident_closed"]


def test_what_has_changed_since_it_was_read_is_not_forgotten(storage: Storage) -> None:
    shelf = Shelf(storage, ALARMS, Alarm)
    shelf.write("one", Alarm(code=GUESSED, since=1, seen=1))
    read = shelf.find("one")
    assert read is not None
    shelf.write("one", Alarm(code=GUESSED, since=2, seen=2))
    shelf.forget(read)
    changed = shelf.find("one")
    assert changed is not None
    shelf.forget(changed)
    assert shelf.find("one") is None


async def test_that_google_is_away_is_told_once_it_lasts(process: Process, told: Told) -> None:
    now = process.storage.now()
    process.write(OUTAGE, told=False, since=now - 60)
    await process.alerts.look()
    assert told.bodies == []
    process.write(OUTAGE, told=False, since=now - 1000)
    await process.alerts.look()
    assert told.states() == [(OUTAGE, "opened")]


@contextmanager
def away(folder: Path) -> Iterator[str]:
    """Within, the database is not there, or a folder is in the place of a file."""
    if (databases := places.databases()) is not None:
        with databases.gone(folder) as code:
            yield code
        return
    its = folder / POSTED.name / "unreadable.json"
    its.mkdir()
    yield "store_failed"
    its.rmdir()


async def test_while_the_storage_is_away_that_itself_is_told(
    start: Start, told: Told, folder: Path
) -> None:
    """And once it is back, that this is over."""
    process = start()
    process.write()
    await process.alerts.look()
    with away(folder) as code:
        process.incidents.see(code, process.storage.now(), 0)
        for _ in range(3):
            await process.alerts.look()
    process.incidents.end(code, process.storage.now())
    for _ in range(2):
        await process.alerts.look()
    assert told.states() == [(TROUBLE, "opened"), (code, "opened"), (code, "closed")]


async def test_what_each_process_tells_while_the_storage_is_away_is_one(
    start: Start, told: Told, folder: Path
) -> None:
    """Each that has told of the beginning tells of the end, and one that has died need not."""
    processes = [start() for _ in range(3)]
    for process in processes:
        process.storage.prepare()
    with away(folder) as code:
        for process in processes:
            process.incidents.see(code, process.storage.now(), 0)
            await process.alerts.look()
    for process in processes[:2]:
        process.incidents.end(code, process.storage.now())
        for _ in range(2):
            await process.alerts.look()
    assert told.states() == [(code, "opened")] * 3 + [(code, "closed")] * 2
    assert len({body["id"] for body in told.bodies}) == 1


class Counted:
    """A storage that counts what is asked of it."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self.count = 0

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._storage, name)
        self.count += name in ("names", "read", "apply", "lease", "find")
        return found


async def test_who_has_nothing_to_do_and_nothing_to_tell_asks_the_storage_nothing(
    start: Start, told: Told
) -> None:
    """What goes on is looked at to its end, however little is done meanwhile."""
    counts: list[Counted] = []

    def counted(storage: Storage) -> Storage:
        counts.append(Counted(storage))
        return cast(Storage, counts[-1])

    process, activity = start(through=counted), Activity()
    [storage] = counts
    has_news, turns = activity.news(), list[bool]()

    def note() -> bool:
        turns.append(has_news())
        return turns[-1]

    watching = asyncio.create_task(process.alerts.watch(note, every_seconds=0.02))

    async def rests() -> bool:
        """Over turns of its own, however long one takes."""
        before, since = storage.count, len(turns)
        while len(turns) < since + 6:  # noqa: ASYNC110 - it tells nobody else
            await asyncio.sleep(0.01)
        return storage.count == before

    async with asyncio.timeout(20):
        while not await rests():
            pass
        process.write()
        assert await rests()
        activity.note()
        while len(told.bodies) < 1:  # noqa: ASYNC110 - whoever is told has no event
            await asyncio.sleep(0.01)
        assert not await rests()
        process.end()
        while len(told.bodies) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        while not await rests():
            pass
    watching.cancel()
    await asyncio.wait((watching,))
    assert told.states() == [(TROUBLE, "opened"), (TROUBLE, "closed")]


async def test_what_is_found_out_of_a_key_just_after_it_was_used_is_told(
    start: Start, told: Told
) -> None:
    """Its use is written a minute later: nobody has to ask anything after that."""
    process, turns = start(), iter(("news", "", "", "news", "alarm"))

    def has_news() -> bool:
        """Asked at each turn: it has looked at what is new, and not again yet."""
        if (turn := next(turns, "")) == "alarm":
            process.alarm()
        return turn == "news"

    watching = asyncio.create_task(process.alerts.watch(has_news, every_seconds=0.02))
    async with asyncio.timeout(20):
        while not told.bodies:  # noqa: ASYNC110 - whoever is told has no event
            await asyncio.sleep(0.01)
    watching.cancel()
    await asyncio.wait((watching,))
    assert told.states() == [(ALARM, "opened")]
