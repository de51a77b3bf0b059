"""The sandbox's spreadsheets of a department, from Google's cells to who works when."""

from __future__ import annotations

from typing import cast
from unicodedata import normalize

from sandbox.google.sheets.samples import CODES, PEOPLE, SHEETS_TOML, shift_of
from sheets.keeping.sources import sources_of, tabs_of
from sheets.kinds.contents import Codes, Contents, Roster
from sheets.parsing import look
from sheets.shapes.file import Sheet, parse_shapes
from sheets.wanted import tab_of, wanted
from tests.service_accounts import ADDRESS
from tests.sheets.reading.conftest import Desk


async def test_samples_are_understood_whole(desk: Desk) -> None:
    """One read each of the two spreadsheets; and every cell of a roster is somebody's day."""
    await desk.google.act("sheet_samples", address=ADDRESS)
    found = await contents(desk)
    today = desk.sandbox.google.sheets.today()  # type: ignore[union-attr]
    month = f"{today:%Y-%m}"
    roster = cast("Roster", found["tanhae.roster", month])
    assert roster.people == dict(PEOPLE)
    duties = roster.duties[PEOPLE[2][0], today]
    assert [duty.text for duty in duties] == [normalize("NFKC", shift_of(2, today.day))]
    codes = cast("Codes", found["tanhae.codes", ""]).codes
    assert {*codes} == {code for code, *_ in CODES}
    assert (codes["2200N"].start, codes["2200N"].end) == (22 * 60, 30 * 60)
    assert (codes["1530A"].start, codes["1530A"].end) == (15 * 60 + 30, 24 * 60)
    assert len(cast("Roster", found["tanhae.duty", month]).people) == 6
    assert len(found) == 5
    assert await desk.asked() == 2


async def test_what_the_planner_changes_is_one_duty_that_is_another(desk: Desk) -> None:
    await desk.google.act("sheet_samples", address=ADDRESS)
    before = await contents(desk)
    did = await desk.google.act("sheet_change", person=1, day=3)
    after = await contents(desk)
    changed = [key for key in before if before[key] != after[key]]
    assert len(changed) == 1
    old, new = (cast("Roster", found[changed[0]]).duties for found in (before, after))
    [key] = [key for key in old if old[key] != new[key]]
    assert (key[0], key[1].day) == (PEOPLE[1][0], 3)
    told = (normalize("NFKC", did[when]) for when in ("before", "after"))
    assert (old[key][0].text, new[key][0].text) == (*told,)


async def contents(desk: Desk) -> dict[tuple[str, str], Contents]:
    """By sheet and period what is understood; no text of it may be unknown."""
    reader, sheets = desk.reader(), parse_shapes(SHEETS_TOML, ["tanhae"])
    today = desk.sandbox.google.sheets.today()  # type: ignore[union-attr]
    found: dict[tuple[str, str], Contents] = {}
    for source in sources_of(sheets.values()):
        tabs = tabs_of(source, dict.fromkeys(sheets, today))
        reading = await desk.read(reader, source.spreadsheet, [*tabs])
        for sheet in source.sheets:
            for one in wanted(sheet, today):
                tab = tab_of(reading, one)
                assert tab is not None
                parsed = look(sheet, tab, one.period, today).parsed
                assert parsed is not None
                # The duty table has a column of running numbers, which nothing is called.
                aside = {"texts_aside"} if sheet.name == "duty" else set()
                assert {finding.code for finding in parsed.findings} == aside
                assert parsed.contents is not None
                assert unknown(parsed.contents) == []
                found[sheet.id, one.period] = parsed.contents
    return found


def unknown(contents: Contents) -> list[str]:
    """Texts in cells that mean nothing to the settings."""
    if not isinstance(contents, Roster):
        return []
    return [
        duty.text
        for duties in contents.duties.values()
        for duty in duties
        if duty.kind in ("unknown", "error")
    ]


def test_settings_of_the_samples_have_no_fault() -> None:
    sheets: dict[str, Sheet] = parse_shapes(SHEETS_TOML, ["tanhae"])
    assert [*sheets] == ["tanhae.roster", "tanhae.codes", "tanhae.duty"]
