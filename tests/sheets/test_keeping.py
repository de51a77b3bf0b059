"""Sheets as they are kept: looked at once by several processes, versions, holds, faults."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest

from departments.administrators.who import operator, user
from departments.documents import Shelf
from security.encryption import TokenEncryption
from security.storage.protocol import Key, Storage
from sheets.keeping.changes import PendingChanges
from sheets.keeping.deciding import Decisions
from sheets.keeping.forms import SheetState
from sheets.keeping.kinds import KINDS, SHEETS, VERSIONS
from sheets.keeping.looking import Looking
from sheets.keeping.sources import sources_of
from sheets.keeping.versions import Version
from sheets.kinds.contents import Roster
from tests.service_accounts import ADDRESS
from tests.sheets.keeping_kit import Keeper, keeper, rows, tab, toml
from tests.sheets.reading.conftest import Desk, desk
from tests.stores import MASK, between

__all__ = ["desk"]
ROOT, OPS = user(900), operator("Ops")
pytestmark = pytest.mark.encryption("on")


@pytest.fixture
def folder(run_way: str, tmp_path: Path) -> Path:
    return tmp_path / "user_data"


@pytest.fixture
async def roster(desk: Desk) -> str:
    """A spreadsheet of four people's month of December 2026 in a title of no month."""
    return await desk.add({**tab(), "title": "班表", "rows": [["115年12月"], *rows()]})


@pytest.fixture
async def kept(
    desk: Desk, roster: str, folder: Path, keyring: TokenEncryption
) -> AsyncIterator[Keeper]:
    async with keeper(desk, folder, keyring, toml(roster)) as made:
        yield made


async def write(desk: Desk, sheet: str, people: int, shift: str = "0905G") -> None:
    """The planner has written the tab anew."""
    state = (await desk.google.state())["sheets"][sheet]
    tabs = [{**tab(people, shift), "rows": [["115年12月"], *rows(people, shift)]}]
    await desk.google.act("sheet", id=sheet, tabs=tabs, shared=state["shared"])


async def sync(kept: Keeper) -> None:
    await kept.mirror.sync(["tanhae.r0"])


def current(kept: Keeper) -> Roster:
    """What counts."""
    [(period, one)] = kept.state().periods.items()
    opened = kept.versions.open(Version("tanhae.r0", period, one.current))
    assert opened is not None
    assert isinstance(opened.contents, Roster)
    return opened.contents


async def test_three_processes_read_each_of_ten_sheets_once_an_interval(
    desk: Desk, folder: Path, keyring: TokenEncryption
) -> None:
    ids = [await desk.add({**tab(), "rows": [["115年12月"], *rows()]}) for _ in range(10)]
    async with AsyncExitStack() as stack:
        three = [
            await stack.enter_async_context(keeper(desk, folder, keyring, toml(*ids)))
            for _ in range(3)
        ]
        for _ in range(2):
            await asyncio.gather(*(one.mirror.look() for one in three))
        await three[1].mirror.look()
        sheets = (await desk.google.state())["sheets"]
        assert [sheets[id]["reads"] for id in ids] == [1] * 10
        for n in range(10):
            assert three[2].state(f"tanhae.r{n}").looked_at is not None
            assert len(three[0].versions.of(f"tanhae.r{n}")) == 1
        await asyncio.gather(*(one.mirror.catch_up("tanhae") for one in three))
        sheets = (await desk.google.state())["sheets"]
        assert [sheets[id]["reads"] for id in ids] == [1] * 10


async def test_what_has_slept_is_looked_at_once_by_all_who_ask(
    desk: Desk, roster: str, folder: Path, keyring: TokenEncryption
) -> None:
    async with keeper(desk, folder, keyring, toml(roster)) as kept:
        await kept.mirror.look()
        slept = kept.state().model_copy(update={"due_at": kept.storage.now() - 1})
        Shelf(kept.storage, SHEETS, SheetState).write("tanhae.r0", slept)
        await asyncio.gather(*(kept.mirror.catch_up() for _ in range(5)))
        assert (await desk.google.state())["sheets"][roster]["reads"] == 2


async def test_who_asks_while_google_answers_another_has_a_look_that_began_later(
    desk: Desk, roster: str, folder: Path, keyring: TokenEncryption
) -> None:
    """What the planner wrote since was not in the answer to the one before."""
    reader, answered, goes_on = desk.reader(), threading.Event(), threading.Event()

    def read(_: str, *asked: Any) -> bytes:
        body = reader.read(*asked)
        answered.set()
        assert goes_on.wait(10)
        return body

    async with keeper(desk, folder, keyring, toml(roster), read=read) as kept:
        first = asyncio.create_task(kept.mirror.look())
        await asyncio.to_thread(answered.wait, 10)
        await write(desk, roster, 3)
        asked = asyncio.create_task(sync(kept))
        await asyncio.sleep(0)
        goes_on.set()
        await asyncio.gather(first, asked)
        assert len(current(kept).people) == 3


async def test_the_same_cells_are_no_version_and_others_are_one_with_their_differences(
    desk: Desk, kept: Keeper, roster: str
) -> None:
    await kept.mirror.look()
    first = kept.state()
    await sync(kept)
    again = kept.state()
    assert again.looked_at > first.looked_at  # type: ignore[operator]
    assert (again.changed_at, again.periods) == (first.changed_at, first.periods)
    await desk.google.act("sheet_cell", sheet=roster, tab=77, cell="E3", text="(特)")
    await sync(kept)
    newest, oldest = kept.versions.of("tanhae.r0")
    record = kept.versions.record(newest)
    assert record is not None
    assert (record.before, record.size) == (oldest.id, (4, 124))
    assert record.counts is not None
    assert (record.counts.changed, record.counts.came, record.counts.went) == (1, 0, 0)
    assert current(kept).duties["1011", date(2026, 12, 3)][0].leave == "特"


async def test_changes_wait_to_be_told_and_are_given_once(
    desk: Desk, kept: Keeper, roster: str
) -> None:
    await kept.mirror.look()
    await desk.google.act("sheet_cell", sheet=roster, tab=77, cell="E3", text="(特)")
    await sync(kept)
    changes, noon = PendingChanges(kept.storage), datetime.now(UTC).replace(hour=12)
    assert changes.take("tanhae.r0", datetime.now(UTC)).notices == ()
    [notice] = changes.take("tanhae.r0", noon + timedelta(days=1)).notices
    assert notice.person == "1011"
    assert changes.take("tanhae.r0", noon + timedelta(days=1)).notices == ()


async def test_what_half_of_the_people_have_gone_from_is_held_until_it_is_accepted(
    desk: Desk, kept: Keeper, roster: str
) -> None:
    await kept.mirror.look()
    await write(desk, roster, 1)
    await sync(kept)
    [(period, one)] = kept.state().held.items()
    assert (period, len(current(kept).people)) == ("2026-12", 4)
    assert one.gone is not None
    assert (one.gone.people, one.gone.of_people) == (3, 4)
    await kept.mirror.look()
    assert kept.mirror.is_any_stopped()
    held = one.held
    await sync(kept)
    assert kept.state().held[period].held == held
    assert Decisions(kept.storage).accept("tanhae.r0", period, ROOT, "20000101-000000") is None
    accepted = Decisions(kept.storage).accept("tanhae.r0", period, ROOT, held)
    assert accepted == Version("tanhae.r0", period, held)
    assert Decisions(kept.storage).accept("tanhae.r0", period, ROOT) is None
    assert len(current(kept).people) == 1
    said = [(one.action, one.owner, one.result) for one in kept.storage.events(newest_first=False)]
    assert said == [
        ("confirmed", MASK(ROOT), "sheet_stopped"),
        ("sheet_accepted", MASK("department:tanhae"), "ok"),
    ]
    record = kept.versions.record(accepted)
    assert record is not None
    assert record.accepted_by == ROOT
    assert (record.accepted_at or 0.0) > record.at
    assert len(kept.versions.of("tanhae.r0")) == 2
    await kept.mirror.look()
    assert not kept.mirror.is_any_stopped()


class OneAhead:
    """A storage at which somebody else decides once a version is looked at."""

    def __init__(self, storage: Storage, decide: Callable[[], object]) -> None:
        self._storage, self._decide, self._asked = storage, decide, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    def read(self, keys: Sequence[Key]) -> Any:
        if keys[0].kind is VERSIONS:
            self._asked += 1
            if self._asked == 1:
                self._decide()
        return self._storage.read(keys)


async def test_who_accepts_what_another_has_just_dropped_has_decided_nothing(
    desk: Desk, kept: Keeper, roster: str
) -> None:
    """Whichever of them was first: that is no fault of the storage's."""
    await kept.mirror.look()
    await write(desk, roster, 1)
    await sync(kept)
    first = partial(Decisions(kept.storage).keep, "tanhae.r0", "2026-12", OPS)
    second = Decisions(cast(Storage, OneAhead(kept.storage, first)))
    assert second.accept("tanhae.r0", "2026-12", ROOT) is None
    assert (kept.state().held, len(current(kept).people)) == ({}, 4)


async def test_what_was_accepted_amid_a_look_counts(desk: Desk, kept: Keeper, roster: str) -> None:
    """The look had read before that how the sheet stood."""
    await kept.mirror.look()
    await write(desk, roster, 1)
    await sync(kept)
    accept = partial(Decisions(kept.storage).accept, "tanhae.r0", "2026-12", OPS)
    reader, [source] = desk.reader(), sources_of(kept.mirror.sheets.values())
    looking = Looking(between(kept.storage, accept), lambda _, *asked: reader.read(*asked))
    await asyncio.to_thread(looking.look, source, kept.storage.now() + 1)
    assert (kept.state().held, len(current(kept).people)) == ({}, 1)


async def test_what_was_accepted_amid_a_look_at_something_newer_stays_there(
    desk: Desk, kept: Keeper, roster: str
) -> None:
    """The look takes the newer one in, and would have forgotten what was held until then."""
    await kept.mirror.look()
    await write(desk, roster, 1)
    await sync(kept)
    held = kept.state().held["2026-12"].held
    await write(desk, roster, 4, "1425G")
    accept = partial(Decisions(kept.storage).accept, "tanhae.r0", "2026-12", OPS)
    reader, [source] = desk.reader(), sources_of(kept.mirror.sheets.values())
    looking = Looking(between(kept.storage, accept), lambda _, *asked: reader.read(*asked))
    await asyncio.to_thread(looking.look, source, kept.storage.now() + 1)
    newest, *older = kept.versions.of("tanhae.r0")
    assert held in [one.id for one in older]
    record = kept.versions.record(newest)
    assert record is not None
    assert (record.before, len(older), len(current(kept).people)) == (held, 2, 4)


async def test_who_drops_what_another_has_just_accepted_has_decided_nothing(
    desk: Desk, kept: Keeper, roster: str
) -> None:
    await kept.mirror.look()
    await write(desk, roster, 1)
    await sync(kept)
    first = partial(Decisions(kept.storage).accept, "tanhae.r0", "2026-12", OPS)
    second = Decisions(between(kept.storage, first))
    assert second.keep("tanhae.r0", "2026-12", ROOT) is None
    assert (kept.state().held, len(current(kept).people)) == ({}, 1)


class _At:
    """A storage at another time."""

    def __init__(self, storage: Storage, now: datetime) -> None:
        self._storage, self._now = storage, now.timestamp()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    def now(self) -> float:
        return self._now


async def test_the_month_is_the_spreadsheets_at_first_sight_too(
    desk: Desk, folder: Path, keyring: TokenEncryption
) -> None:
    """In Taipei it is December already, and nothing but the answer says that it is of Taipei."""
    spreadsheet = await desk.add({**tab(), "title": "11512班表"})
    settings = toml(spreadsheet).replace('"班表"', '"{roc}{mm}班表"').replace("zone =", "#")
    async with keeper(desk, folder, keyring, settings) as made:
        [source], reader = sources_of(made.mirror.sheets.values()), desk.reader()
        at = cast(Storage, _At(made.storage, datetime(2026, 11, 30, 16, 17, tzinfo=UTC)))
        looking = Looking(at, lambda _, *asked: reader.read(*asked))
        await asyncio.to_thread(looking.look, source)
        state = made.state()
    assert not state.faults
    assert [*state.periods] == ["2026-12"]


async def test_another_day_there_is_no_reason_to_read_the_same_tab_again(
    desk: Desk, folder: Path, keyring: TokenEncryption
) -> None:
    spreadsheet = await desk.add(tab())
    settings = toml(spreadsheet).replace("zone =", "#")
    async with keeper(desk, folder, keyring, settings) as made:
        [source], reader = sources_of(made.mirror.sheets.values()), desk.reader()
        at = cast(Storage, _At(made.storage, datetime(2026, 11, 30, 16, 17, tzinfo=UTC)))
        looking = Looking(at, lambda _, *asked: reader.read(*asked))
        await asyncio.to_thread(looking.look, source)
    assert (await desk.google.state())["sheets"][spreadsheet]["reads"] == 1


async def test_what_is_kept_instead_is_not_held_again_until_it_changes(
    desk: Desk, kept: Keeper, roster: str
) -> None:
    await kept.mirror.look()
    await write(desk, roster, 1)
    await sync(kept)
    assert Decisions(kept.storage).keep("tanhae.r0", "2026-12", OPS) is not None
    await sync(kept)
    assert (kept.state().held, len(current(kept).people)) == ({}, 4)
    assert len(kept.versions.of("tanhae.r0")) == 1
    await write(desk, roster, 1, "1425G")
    await sync(kept)
    assert [*kept.state().held] == ["2026-12"]
    said = [(one.action, one.owner) for one in kept.storage.events(newest_first=False)]
    assert said == [("confirmed", None), ("sheet_kept", MASK("department:tanhae"))]


async def test_what_was_an_accident_is_over_once_it_is_put_right(
    desk: Desk, kept: Keeper, roster: str
) -> None:
    await kept.mirror.look()
    for people in (1, 4):
        await write(desk, roster, people)
        await sync(kept)
    assert (kept.state().held, kept.state().faults) == ({}, ())
    assert len(kept.versions.of("tanhae.r0")) == 1


async def test_a_cleared_tab_empties_nobody(desk: Desk, kept: Keeper, roster: str) -> None:
    await kept.mirror.look()
    await desk.google.act("sheet_clear", sheet=roster, tab=77)
    await sync(kept)
    assert kept.state().faults != ()
    assert (len(current(kept).people), len(current(kept).duties)) == (4, 124)
    await kept.mirror.look()
    assert kept.mirror.is_any_stopped()
    await write(desk, roster, 4)
    await sync(kept)
    assert kept.state().faults == ()


async def test_a_sheet_that_is_not_shared_says_with_whom_and_keeps_what_it_has(
    desk: Desk, kept: Keeper, roster: str
) -> None:
    await kept.mirror.look()
    await desk.google.act("sheet_share", sheet=roster, address=ADDRESS, on=False)
    await sync(kept)
    state = kept.state()
    assert (state.trouble, state.is_stopped) == ("sheet_not_shared", True)
    assert ADDRESS in state.because
    assert len(current(kept).people) == 4


async def test_a_storm_of_429_backs_off_and_stops_nothing(
    desk: Desk, kept: Keeper, roster: str
) -> None:
    await desk.google.fault("google.sheets.get", "status", status=429, count=50)
    await desk.asked()
    for _ in range(5):
        await kept.mirror.look()
    state = kept.state()
    assert (state.trouble, state.is_stopped) == ("rate_limited", False)
    assert state.due_at - kept.storage.now() > 20
    assert await desk.asked() == 1


@pytest.mark.one_way
async def test_two_thousand_rows_are_kept_and_come_back_whole(
    desk: Desk, kept: Keeper, roster: str
) -> None:
    """Each cell another one, which is the most there can be in them."""
    many = [["115年12月"], [*rows()[0]]]
    many += [
        [f"{10000 + n}", f"林{n}", *(f"{(n * 31 + d) * 7919 % 10**9:09}" for d in range(31))]
        for n in range(2000)
    ]
    state = (await desk.google.state())["sheets"][roster]
    tabs = [{**tab(), "rows": many}]
    await desk.google.act("sheet", id=roster, tabs=tabs, shared=state["shared"])
    await sync(kept)
    assert kept.state().trouble == ""
    found = current(kept)
    assert (len(found.people), len(found.duties)) == (2000, 62000)
    assert len(kept.storage.names(VERSIONS)) > 1


async def test_names_say_nothing_of_anybody_and_what_is_kept_is_sealed(
    kept: Keeper, folder: Path
) -> None:
    await kept.mirror.look()
    for kind in KINDS:
        for name in kept.storage.names(kind):
            assert name.startswith("tanhae.r0")
            [found] = kept.storage.read([Key(kind, name)])
            assert "1011" not in re.findall(r"\d+", name)
            assert b"body" not in found.raw  # type: ignore[union-attr]


async def test_versions_are_kept_for_400_days_and_what_counts_for_ever(
    desk: Desk, kept: Keeper, roster: str
) -> None:
    await kept.mirror.look()
    await desk.google.act("sheet_cell", sheet=roster, tab=77, cell="E3", text="(特)")
    await sync(kept)
    newest, oldest = kept.versions.of("tanhae.r0")
    now = kept.storage.now()
    assert kept.versions.sweep(now + 400 * 86400 - 60, {newest.name}) == 0
    assert kept.versions.sweep(now + 400 * 86400 + 60, {newest.name}) == 1
    assert kept.versions.of("tanhae.r0") == [newest]
    assert kept.versions.record(oldest) is None


async def test_a_defect_that_one_spreadsheet_brings_out_is_not_the_others(
    desk: Desk, roster: str, folder: Path, keyring: TokenEncryption
) -> None:
    """Nor is whoever asks to see what there is told of it."""

    def read(_: str, spreadsheet: str, tabs: object) -> bytes:
        if spreadsheet != roster:
            raise RuntimeError("a defect")
        return desk.readers[0].read(spreadsheet, tabs)  # type: ignore[arg-type]

    other = await desk.add(tab())
    async with keeper(desk, folder, keyring, toml(other, roster), read=read) as kept:
        await kept.mirror.look()
        assert kept.state("tanhae.r1").looked_at is not None
        await kept.mirror.catch_up()
