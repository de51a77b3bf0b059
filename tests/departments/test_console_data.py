"""What the console shows, wherever everything is kept: counts, incidents, the trail, processes."""

from __future__ import annotations

import asyncio
import csv
import io
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from freezegun.api import FrozenDateTimeFactory

from departments.console.fleet import FleetLook
from departments.console.trail import Cursor, Wanted, as_csv, trail_file, trail_page
from processes.present import present
from security.credential import Owner
from security.encryption import TokenEncryption
from security.maintenance.documents import INCIDENT, MAINTENANCE, OWNER, PRESENT, PROCESS
from security.maintenance.presence import Presence, Role, all_present
from security.maintenance.report import SweepReport
from security.storage.documents import Documents
from security.storage.events import AuditEntry, Event
from security.storage.protocol import Storage
from security.token_store import TokenStore
from tests.journeys import until
from tests.security.kit import a_credential
from tests.stores import MASK, storage_in
from web.activity import Activity

LEAD = timedelta(minutes=15)
OWNERS = [Owner.user(1000 + number) for number in range(12)]


@pytest.fixture
def store(storage: Storage) -> TokenStore:
    """Custody's, over the same storage."""
    return TokenStore(storage, MASK)


def connect(store: TokenStore, minutes_left: dict[Owner, float]) -> None:
    now = store.clock.now()
    for owner, minutes in minutes_left.items():
        expires = now + timedelta(minutes=minutes)
        store.save_consent(a_credential(owner, expires_at=expires, granted_at=now))


def look_of(storage: Storage, *, sweeps_here: bool = False) -> FleetLook:
    """As in another process than the one that swept, as it is where everything is in files."""
    return FleetLook(storage, TokenStore(storage, MASK).copies, LEAD, sweeps_here=sweeps_here)


def a_sweep(ended: datetime, **counts: float) -> SweepReport:
    return SweepReport(started_at=ended, seconds=0, full=False, **counts)


def hold(store: TokenStore, owner: Owner) -> None:
    """As a sweep that has put the owner's credential on hold."""
    now, version = store.storage.now(), store.read(owner).version
    kept = {"rejection": ["invalid_grant", now, version, True, False], "rejected": [now, True]}
    Documents(store.storage, MAINTENANCE).write(OWNER + owner.stem, {"owner": owner.name, **kept})


def keep_sweeps(storage: Storage, process: str, *reports: SweepReport) -> None:
    kept = {"asked": {}, "read": {}, "sweeps": [r.model_dump(mode="json") for r in reports]}
    Documents(storage, MAINTENANCE).write(PROCESS + process, kept)


# The fleet


def test_a_process_that_does_not_sweep_counts_what_others_have_saved(
    storage: Storage, store: TokenStore, folder: Path, keyring: TokenEncryption
) -> None:
    """Each credential is in one number and one bin; a second look finds what has changed."""
    minutes = [2.5, 7.5, 12.5, 21, 22, 31.5, 44, 58, 59, 90]
    connect(store, dict(zip(OWNERS, minutes, strict=False)))
    beside = storage_in(folder, keyring)
    beside.prepare()
    look = look_of(beside)
    fleet, _ = look.look()
    assert (fleet.connected, fleet.due, fleet.fine, fleet.held) == (10, 3, 7, 0)
    assert [(b.least, b.count) for b in fleet.bins if b.count] == [
        *((0, 1), (5, 1), (10, 1), (20, 2), (30, 1), (40, 1), (55, 2), (60, 1))
    ]
    assert fleet.bins[-1].most == math.inf
    assert sum(b.count for b in fleet.bins) == fleet.connected
    assert fleet.minutes_left == pytest.approx(2.5, abs=0.2)
    assert not fleet.is_empty
    beside.close()


def test_an_installation_without_credentials_is_empty(storage: Storage) -> None:
    """Until somebody has authorised, there is nothing to draw."""
    fleet, memory = look_of(storage).look()
    assert fleet.is_empty
    assert len(fleet.hours) == 24
    assert (fleet.quarantined, fleet.minutes_left, fleet.last_sweep) == (0, None, None)
    assert (memory.incidents, memory.sweeps, memory.held) == ([], [], {})


def test_who_is_on_hold_is_in_no_other_number(storage: Storage, store: TokenStore) -> None:
    """With the reason of each; who was only rejected of late is not on hold."""
    connect(store, dict(zip(OWNERS, [-5, -5, 30, 30], strict=False)))
    documents, now = Documents(storage, MAINTENANCE), storage.now()
    keep_sweeps(storage, "a", a_sweep(datetime.now(UTC), held=2))
    for owner in OWNERS[:2]:
        hold(store, owner)
    lately = {"owner": OWNERS[2].name, "rejected": [now, True]}
    documents.write(OWNER + OWNERS[2].stem, lately)
    documents.write(OWNER + "token_9", {"owner": "user:9", "rejection": "of another version"})
    fleet, memory = look_of(storage).look()
    assert (fleet.held, fleet.due, fleet.fine) == (2, 0, 2)
    assert {owner: entry.reason for owner, entry in memory.held.items()} == dict.fromkeys(
        OWNERS[:2], "invalid_grant"
    )


def test_whoever_authorises_again_is_on_hold_no_more(storage: Storage, store: TokenStore) -> None:
    """At once, whatever the last sweep has counted; and nobody's hold is none."""
    connect(store, dict.fromkeys(OWNERS[:3], 30))
    keep_sweeps(storage, "a", a_sweep(datetime.now(UTC), held=3))
    for owner in OWNERS[:3]:
        hold(store, owner)
    kept = {"since": storage.now() - 60, "owners": 0, "told": True, "until": None}
    Documents(storage, MAINTENANCE).write(INCIDENT + "on_hold", kept)

    def seen() -> tuple[int, int, list[tuple[str, int]]]:
        fleet, memory = look_of(storage).look()
        return fleet.held, fleet.fine, [(one.code, one.owners) for one in memory.incidents]

    assert seen() == (3, 0, [("on_hold", 3)])
    connect(store, {OWNERS[0]: 45})
    assert seen() == (2, 1, [("on_hold", 2)])
    connect(store, dict.fromkeys(OWNERS[1:3], 45))
    assert seen() == (0, 3, [])


def test_the_sweeps_of_all_processes_are_shown_by_the_hour(storage: Storage) -> None:
    """Added up, with the fewest minutes of any; what is older than a day is left out."""
    now = datetime.fromtimestamp(storage.now(), UTC)
    this, before = now.replace(minute=0, second=0, microsecond=0), now - timedelta(hours=23)
    keep_sweeps(storage, "a", a_sweep(this, refreshed=3, minutes_left=12), a_sweep(before))
    keep_sweeps(
        storage,
        "b",
        a_sweep(this, refreshed=4, transient=2, operator=1, quarantined=1, minutes_left=6.5),
        a_sweep(now - timedelta(hours=25), refreshed=100),
    )
    Documents(storage, MAINTENANCE).write(PROCESS + "c", {"sweeps": "of another version"})
    fleet, _ = look_of(storage).look()
    newest = fleet.hours[-1]
    assert (newest.start, newest.sweeps, newest.minutes_left) == (this, 2, 6.5)
    assert (newest.refreshed, newest.transient, newest.operator, newest.quarantined) == (7, 2, 1, 1)
    assert newest.total == 11
    assert fleet.hours[0].sweeps == 1
    assert sum(hour.sweeps for hour in fleet.hours) == 3


def test_a_look_is_kept_for_a_moment_unless_something_was_changed(
    storage: Storage, store: TokenStore
) -> None:
    """Whoever reloads the page makes nobody count; whoever has pressed a button sees it."""
    look = look_of(storage)
    connect(store, {OWNERS[0]: 30})
    assert look.look()[0].quarantined == 0
    store.copies.set_aside(OWNERS[0], "invalid_grant")
    assert look.look()[0].quarantined == 0
    look.forget()
    assert look.look()[0].quarantined == 1


def test_what_any_process_has_changed_is_counted_soon(
    storage: Storage, store: TokenStore, clock: FrozenDateTimeFactory
) -> None:
    """The first one at once, also in a database, whose sweeps count every five minutes alone."""
    look = look_of(storage)
    assert look.look()[0].is_empty
    connect(store, {OWNERS[0]: 30})
    assert look.look()[0].connected == 1
    connect(store, {OWNERS[1]: 30})
    clock.tick(6)
    fleet, _ = look.look()
    assert (fleet.connected, fleet.counted_at) == (2, store.clock.now())


def test_open_incidents_of_all_processes_are_shown_oldest_first(storage: Storage) -> None:
    """What is over, or damaged, is not."""
    documents = Documents(storage, MAINTENANCE)
    for code, since, over in [
        *(("unavailable", 2.0, None), ("clock_skew", 1.0, None), ("on_hold", 0.5, 3.0)),
    ]:
        kept = {"since": since, "owners": 3, "told": True, "until": over}
        documents.write(INCIDENT + code, kept)
    documents.write(INCIDENT + "store_failed", {"since": "once"})
    _, memory = look_of(storage).look()
    shown = [(incident.code, incident.since, incident.owners) for incident in memory.incidents]
    assert shown == [("clock_skew", 1.0, 3), ("unavailable", 2.0, 3)]


# Processes


def test_each_process_is_seen_with_its_version_and_clock(storage: Storage) -> None:
    """Those that go on come first; one that has ended says so."""
    bot, web = Presence(storage, "bot", "1.2", "one"), Presence(storage, "web", "1.3", "two" * 99)
    bot.say("standby")
    web.say("works")
    bot.say("ended")
    shown = all_present(storage)
    assert [(one.name, one.kind, one.role, one.version) for one in shown] == [
        (web.name, "web", "works", "1.3"),
        (bot.name, "bot", "ended", "1.2"),
    ]
    assert [one.is_there(storage.now()) for one in shown] == [True, False]
    assert abs(shown[0].skew) < 5
    assert len(shown[0].machine) == 64
    assert shown[1].started_at <= shown[1].seen_at
    assert not shown[0].is_there(shown[0].seen_at + 151)


class Noted(Presence):
    """Notes what was written."""

    def __init__(self, storage: Storage) -> None:
        super().__init__(storage, "web", "1.2", "m")
        self.said: list[Role] = []

    def say(self, role: Role) -> None:
        super().say(role)
        self.said.append(role)


async def test_who_has_nothing_to_do_says_so_once_and_then_nothing(storage: Storage) -> None:
    """A database that sleeps when nobody asks it anything is left to."""
    activity, presence = Activity(), Noted(storage)
    async with present(presence, "works", activity.news(), beat_seconds=0.1):
        await until(lambda: len(presence.said) == 2)
        [one] = await asyncio.to_thread(all_present, storage)
        seen = one.seen_at
        assert [one.is_there(seen + hours * 3600) for hours in (1, 14, 16)] == [True, True, False]
        await asyncio.sleep(0.5)
        assert presence.said == ["works", "idle"]
        activity.note()
        await until(lambda: len(presence.said) == 4)
        [one] = await asyncio.to_thread(all_present, storage)
        assert one.seen_at > seen
    await until(lambda: presence.said == ["works", "idle"] * 2 + ["ended"])
    assert [one.role for one in all_present(storage)] == ["ended"]


def test_a_process_that_is_gone_for_a_day_is_forgotten(storage: Storage) -> None:
    """By the next one that starts; what cannot be read stays, and is not shown."""
    documents, now = Documents(storage, MAINTENANCE), storage.now()
    about = {"kind": "web", "version": "1", "machine": "m", "role": "works", "skew": 0.0}
    for name, ago in (("web-old1", 86_500), ("web-new1", 86_300)):
        times = {"started_at": now - ago, "seen_at": now - ago}
        documents.write(PRESENT + name, {**about, **times})
    documents.write(PRESENT + "web-odd1", {**about, "role": "king"})
    here = Presence(storage, "web", "2", "m")
    here.say("works")
    assert [one.name for one in all_present(storage)] == [here.name, "web-new1"]
    assert storage.names(MAINTENANCE, PRESENT) == sorted(
        PRESENT + name for name in (here.name, "web-new1", "web-odd1")
    )


# The trail


@pytest.fixture
def trail(storage: Storage) -> Storage:
    """Refreshes of many, and a few things that matter; several of one moment."""
    for number in range(30):
        storage.record([Event("refreshed", owner) for owner in OWNERS[:4]])
        if number % 10 == 0:
            storage.record([Event("denied", None, "access_denied"), Event("revoked", OWNERS[5])])
    return storage


def test_a_page_goes_on_where_the_one_before_has_ended(trail: Storage) -> None:
    """Nothing twice, nothing left out, also within one moment."""
    everything = list(trail.events())
    seen, start, pages = list[AuditEntry](), None, 0
    while True:
        page = trail_page(trail, Wanted(), start, 7)
        seen += page.entries
        pages += 1
        if page.older is None:
            break
        start = Cursor.parse(str(page.older))
        assert start is not None
    assert seen == everything
    assert pages == -(-len(everything) // 7)


def test_what_is_wanted_is_all_that_is_shown(trail: Storage) -> None:
    """By what happened, to whom, and when."""
    rare = frozenset({"denied", "revoked"})
    shown = trail_page(trail, Wanted(rare), None, 50)  # type: ignore[arg-type]
    assert {entry.action for entry in shown.entries} == rare
    assert len(shown.entries) == 6
    assert shown.older is None
    one = trail_page(trail, Wanted(frozenset({"denied"})), None, 50)
    assert [entry.result for entry in one.entries] == ["access_denied"] * 3
    theirs = trail_page(trail, Wanted(owner=MASK(OWNERS[5].name)), None, 50)
    assert [entry.action for entry in theirs.entries] == ["revoked"] * 3
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    assert trail_page(trail, Wanted(since=tomorrow), None, 50).entries == []
    assert trail_page(trail, Wanted(until=tomorrow), None, 5).older is not None


def test_a_page_ends_after_many_that_do_not_fit_and_says_how_far_it_came(
    trail: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rare ones among millions keep nobody waiting."""
    monkeypatch.setattr("departments.console.trail._MOST_LOOKED_AT", 20)
    rare = Wanted(frozenset({"denied", "revoked"}))
    first = trail_page(trail, rare, None, 50)
    assert first.looked_to is not None
    seen, start = [*first.entries], first.older
    while start is not None:
        page = trail_page(trail, rare, start, 50)
        seen += page.entries
        start = page.older
    assert len(seen) == 6


@pytest.mark.parametrize("text", ["", "x", "1", "1.", ".1", "-1.0", "1.0.0", "9" * 15 + ".0"])
def test_a_place_that_nobody_gave_is_none(text: str) -> None:
    """Whoever writes into the address gets the first page."""
    assert Cursor.parse(text) is None


def test_the_file_is_whole_and_names_departments(trail: Storage) -> None:
    """A line for each entry below the heading, in Unicode that Excel knows."""
    mask = MASK(OWNERS[5].name)
    text, is_whole = trail_file(trail, Wanted(frozenset({"revoked"})), {mask: "department:x"})
    assert text.startswith("\ufefftime,action,owner,result\r\n")
    rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))
    assert [row[1:] for row in rows[1:]] == [["revoked", "department:x", "ok"]] * 3
    assert is_whole


def test_a_long_trail_gives_its_newest_part(
    trail: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And says so."""
    monkeypatch.setattr("departments.console.trail.MOST_IN_FILE", 5)
    text, is_whole = trail_file(trail, Wanted(), {})
    assert (text.count("\r\n"), is_whole) == (6, False)


@pytest.mark.encryption("on")
def test_no_cell_becomes_a_formula() -> None:
    """Nor does one cell become two."""
    cells = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", 'a"b', "a,b", "a\nb", "fine"]
    [row] = csv.reader(io.StringIO(as_csv([cells]).removeprefix("\ufeff"), newline=""))
    assert row == [f"'{cell}" for cell in cells[:6]] + cells[6:]


def test_time_stands_still_for_nobody(clock: FrozenDateTimeFactory, storage: Storage) -> None:
    """The minutes left are those of the moment they are asked for, not of the count."""
    store, now = TokenStore(storage, MASK), datetime.now(UTC)
    expires = now + timedelta(minutes=30)
    store.save_consent(a_credential(OWNERS[0], expires_at=expires, granted_at=now))
    look = look_of(storage)
    assert look.look()[0].minutes_left == pytest.approx(30, abs=0.1)
    clock.tick(600)
    look.forget()
    assert look.look()[0].minutes_left == pytest.approx(20, abs=0.1)
