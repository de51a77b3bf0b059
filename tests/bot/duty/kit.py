"""Rosters as the bot is given them, out of cells; and their department's people in Telegram."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.duty.next_duties import Titled
from bot.texts.catalogue import Texts
from sheets.answer import open_answer
from sheets.keeping.forms import Period, Seen, SheetState
from sheets.kinds.contents import Codes, Roster
from sheets.months import Month
from sheets.parsing import look
from sheets.people.rosters import Own, Part
from sheets.shapes.file import Sheet
from sheets.timing import shifts_of, zone_of
from tests.sheets.kit import ROSTER, answer, sheets, tab

TAIPEI = ZoneInfo("Asia/Taipei")
HANT, HANS, EN = Texts("zh_Hant"), Texts("zh_Hans"), Texts("en")
CODE_ROWS: list[list[object]] = [
    ["代碼", "報到", "收班"],
    ["0905G", "09:05", "17:35"],
    ["1130G", "11:30", "19:50"],
    ["1425G", "14:25", "22:55"],
    ["1735N", "17:35", "01:55"],
]


def moment(text: str, zone: ZoneInfo = TAIPEI) -> float:
    """Unix seconds of what the clock shows there."""
    return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()


def parsed(
    sheet: Sheet, codes: Sheet, month: Month, days: Mapping[int, str], person: str = "A1001"
) -> tuple[Roster, Codes]:
    """A month of one person and a few others, out of cells."""
    every = range(1, month.days + 1)
    rows = [
        ["編號", "姓名", *every],
        [person, "王小明", *(days.get(day, "") for day in every)],
        ["B2", "林", *("0905G" for _ in every)],
    ]
    reading = open_answer(answer(tab("班表", rows), tab("代碼", CODE_ROWS, gid=2)))
    near = month.first
    first = look(sheet, reading.tabs[0], str(month), near).parsed
    second = look(codes, reading.tabs[1], "", near).parsed
    assert first is not None
    assert second is not None
    assert isinstance(first.contents, Roster)
    assert isinstance(second.contents, Codes)
    return first.contents, second.contents


def titled(
    months: Mapping[str, Mapping[int, str]],
    *,
    looked: float,
    zone: str = "Asia/Taipei",
    person: str = "A1001",
    title: str = "淡海 班表",
    faults: Sequence[str] = (),
    name: str = "roster",
) -> Titled:
    """A roster with these months: by day what stands in A1001's cell.

    Args:
        looked: when it was looked at last.
        faults: months whose tab says something now that is not taken over.
    """
    found = sheets(ROSTER.replace("Asia/Taipei", zone).replace("tanhae.roster", f"tanhae.{name}"))
    sheet, codes = found[f"tanhae.{name}"], found["tanhae.codes"]
    parts = {}
    for period, days in months.items():
        roster, times = parsed(sheet, codes, Month.parse(period), days)
        shifts = shifts_of(roster, person, times, zone_of(sheet.shape, ""))
        parts[period] = Part(
            period, looked, person in roster.people, period not in faults, tuple(shifts)
        )
    state = SheetState(
        looked_at=looked,
        zone=zone,
        seen={period: Seen(period=period) for period in months},
        periods={period: Period(current="20261130-000000") for period in months},
    )
    return Titled(Own(sheet, state, zone_of(sheet.shape, ""), parts), title)


def rest(first: int = 1, last: int = 31) -> dict[int, str]:
    """Days of rest."""
    return dict.fromkeys(range(first, last + 1), "休")
