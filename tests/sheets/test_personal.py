"""A roster is personal: what stands in cells is in no text that a program writes by itself."""

from __future__ import annotations

import dataclasses
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from security.errors import TransientFault
from sheets.answer import open_answer
from sheets.cells.grid import Grid
from sheets.parsing import look
from sheets.timing import shifts_of, sums_of, unknown_texts, zone_of
from sheets.versions.difference import RosterDifference, counts
from sheets.versions.judging import judge
from sheets.versions.notices import events_of, net, tell
from sheets.versions.written import Unreadable, read
from tests.sheets.kit import NEAR, answer, error, sheets, tab

CANARY = "王小明"
CELLS = (CANARY, "A1001", "0905G", "R(國)/1425G(+2)", "1425G", "(特)", "站訓", "秘密路線", "備忘")


def everything() -> Iterator[Any]:
    """One of each thing that there is on the way."""
    rows = [
        ["工號", "姓名", *range(1, 32)],
        ["A1001", CANARY, "0905G", "R(國)/1425G(+2)", "(特)", "站訓", error()],
        *([f"B{n}", CANARY, *["休"] * 31] for n in range(3)),
        ["", "", "備忘"],
    ]
    codes = [["代碼", "報到", "收班", "路線"], ["0905G", "09:05", "17:35", "秘密路線"]]
    reading = open_answer(answer(tab("11412班表", rows), tab("代碼", codes, gid=2)))
    yield reading
    yield from reading.tabs
    yield Grid.of(reading.tabs[0])
    found = sheets()
    first = look(found["tanhae.roster"], reading.tabs[0], "2025-12", NEAR)
    table = look(found["tanhae.codes"], reading.tabs[1], "", NEAR)
    assert first.parsed is not None
    assert table.parsed is not None
    yield from (first, table, first.parsed.contents, table.parsed.contents)
    roster: Any = first.parsed.contents
    times: Any = table.parsed.contents
    yield [*roster.duties.values()]
    shifts = shifts_of(roster, "A1001", times, zone_of(found["tanhae.roster"].shape, ""))
    yield shifts
    yield unknown_texts(roster, times)
    yield sums_of(shifts).shifts
    later = [[*row[:2], "站訓", *row[3:]] for row in rows]
    twice = look(
        found["tanhae.roster"],
        open_answer(answer(tab("11412班表", [*later, later[1]]))).tabs[0],
        "2025-12",
        NEAR,
    )
    assert twice.parsed is not None
    yield judge(twice.parsed, roster)
    cleared = look(
        found["tanhae.roster"],
        open_answer(answer(tab("11412班表", [*rows[:1], later[1][:6]]))).tabs[0],
        "2025-12",
        NEAR,
    )
    assert cleared.parsed is not None
    verdict = judge(cleared.parsed, roster)
    assert isinstance(verdict.change, RosterDifference)
    yield verdict
    yield counts(verdict.change)
    events = events_of(verdict.change, datetime(2025, 12, 3, 12, tzinfo=UTC))
    yield from (events, net(events), tell(events, datetime(2025, 12, 3, 13, tzinfo=UTC)))


def test_nothing_that_is_printed_shows_a_cell() -> None:
    for each in everything():
        shown = f"{each!r} {each}"
        assert [cell for cell in CELLS if cell in shown] == [], type(each).__name__
        if dataclasses.is_dataclass(each) and hasattr(each, "findings"):
            assert [cell for cell in CELLS if cell in repr(each.findings)] == []


def test_nothing_that_is_raised_shows_a_cell() -> None:
    """With whatever it was raised from."""
    written: list[Any] = [
        {"form": 1, "kind": "roster", "first": CANARY, "duties": [[CANARY]], "people": [CANARY]},
        {"form": 1, "kind": "codes", "codes": [CANARY]},
        {"form": 1, "kind": "rows", "columns": [], "rows": [CANARY]},
    ]
    for each in written:
        with pytest.raises(Unreadable) as refused:
            read(each)
        assert CANARY not in "".join(traceback.format_exception(refused.value))
    with pytest.raises(TransientFault) as no_answer:
        open_answer(f'{{"a": "{CANARY}'.encode())
    assert CANARY not in "".join(traceback.format_exception(no_answer.value))
