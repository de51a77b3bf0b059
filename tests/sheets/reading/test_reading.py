"""One look at a spreadsheet: which tabs it asks for, and how often."""

from __future__ import annotations

import asyncio
from asyncio import to_thread
from urllib.parse import parse_qs, urlsplit

import pytest

from sheets.answer import open_answer
from sheets.reading.api import SheetsApi
from sheets.wanted import TabWanted
from tests.sheets.reading.conftest import DECEMBER, Desk, titled


async def test_a_look_is_one_read_and_a_token_lasts_for_the_next(desk: Desk) -> None:
    sheet, reader = await desk.add(), desk.reader()
    first = await to_thread(reader.read, sheet, titled("11512班表"))
    assert await desk.asked() == 1
    assert (await to_thread(reader.read, sheet, titled("11512班表"))) == first
    assert (await desk.asked(), desk.tokens) == (1, 1)
    found = open_answer(first)
    assert (found.spreadsheet, found.zone) == (sheet, "Asia/Taipei")
    [tab] = found.tabs
    assert (tab.gid, tab.title) == (77, "11512班表")
    shown = tab.data[0]["rowData"][1]["values"][2]["formattedValue"]
    assert shown == "0905G"


async def test_what_a_planner_changes_is_in_the_next_look(desk: Desk) -> None:
    sheet, reader = await desk.add(), desk.reader()
    before = await desk.read(reader, sheet, titled("11512班表"))
    await desk.google.act("sheet_cell", sheet=sheet, tab=77, cell="C2", text="(特)")
    after = await desk.read(reader, sheet, titled("11512班表"))
    assert before.tabs != after.tabs
    assert after.tabs[0].data[0]["rowData"][1]["values"][2]["formattedValue"] == "(特)"


@pytest.mark.parametrize(
    "title", ["It's 班表", "'", "''", "A1", "114", "R1C1", "班表!A1", "a,b:c", " 班表 ", "🗓️&#%+/?"]
)
async def test_a_title_may_hold_anything(desk: Desk, title: str) -> None:
    other = {"title": "first", "rows": [["no"]]}
    sheet = await desk.add(other, {"title": title, "rows": [["yes"]]})
    found = await desk.read(desk.reader(), sheet, titled(title))
    assert [tab.title for tab in found.tabs] == [title]
    assert await desk.asked() == 1


async def test_several_tabs_are_one_read_each_once(desk: Desk) -> None:
    codes = {"title": "代碼", "rows": [["代碼"]]}
    sheet = await desk.add(DECEMBER, codes, {"title": "other", "rows": []})
    found = await desk.read(desk.reader(), sheet, titled("代碼", "11512班表", "代碼"))
    assert {tab.title for tab in found.tabs} == {"代碼", "11512班表"}
    assert await desk.asked() == 1


async def test_a_tab_that_is_not_there_yet_is_looked_for_and_the_others_are_read(
    desk: Desk,
) -> None:
    """Two requests from then on, of which one has cells; one again once it is there."""
    sheet, reader = await desk.add(), desk.reader()
    tabs = [*titled("11512班表"), *titled("11601班表", needed=False)]
    for asked in (3, 2):
        found = await desk.read(reader, sheet, tabs)
        assert [tab.title for tab in found.tabs] == ["11512班表"]
        assert await desk.asked() == asked
    assert (await desk.google.state())["sheets"][sheet]["reads"] == 2
    await desk.google.act(
        "sheet",
        id=sheet,
        tabs=[DECEMBER, {**DECEMBER, "gid": 78, "title": "11601班表"}],
        shared=(await desk.google.state())["sheets"][sheet]["shared"],
    )
    for asked in (2, 1):
        found = await desk.read(reader, sheet, tabs)
        assert [tab.title for tab in found.tabs] == ["11512班表", "11601班表"]
        assert await desk.asked() == asked


async def test_where_no_tab_is_there_the_answer_has_no_cells(desk: Desk) -> None:
    sheet, reader = await desk.add({"title": "草稿", "rows": [["secret"]]}), desk.reader()
    for _ in range(2):
        found = await desk.read(reader, sheet, titled("11512班表"))
        assert [(tab.title, tab.data) for tab in found.tabs] == [("草稿", [])]
    assert (await desk.google.state())["sheets"][sheet]["reads"] == 0


async def test_a_title_in_full_width_digits_is_found_and_remembered(desk: Desk) -> None:
    sheet, reader = await desk.add({**DECEMBER, "title": "１１５１２班表"}), desk.reader()
    for asked in (3, 1):
        found = await desk.read(reader, sheet, titled("11512班表"))
        assert found.tabs[0].data
        assert await desk.asked() == asked


async def test_a_tab_wanted_by_its_gid_is_found_whatever_it_is_called(desk: Desk) -> None:
    other = {"title": "other", "gid": 5, "rows": [["other"]]}
    sheet, reader = await desk.add(DECEMBER, other), desk.reader()
    tabs = [TabWanted(None, 77)]
    for asked, rename in ((2, None), (1, {77: "改名"}), (3, {77: "x", 5: "改名"}), (4, None)):
        found = await desk.read(reader, sheet, tabs)
        assert [tab.gid for tab in found.tabs] == [77]
        assert found.tabs[0].data
        assert await desk.asked() <= asked
        for gid, title in (rename or {}).items():
            await desk.google.act("sheet_tab", sheet=sheet, tab=gid, title=title)
    await desk.google.act("sheet_tab", sheet=sheet, tab=77, delete=True)
    found = await desk.read(reader, sheet, tabs)
    assert all(not tab.data for tab in found.tabs)


async def test_a_gid_that_is_not_there_does_not_keep_the_others_from_being_read(
    desk: Desk,
) -> None:
    sheet, reader = await desk.add(), desk.reader()
    for _ in range(2):
        found = await desk.read(reader, sheet, [TabWanted(None, 9), *titled("11512班表")])
        assert [tab.gid for tab in found.tabs if tab.data] == [77]
        assert await desk.asked() == 2


async def test_many_may_look_at_once(desk: Desk) -> None:
    """Over connections of their own; and one of them fetches the token."""
    sheets = [await desk.add() for _ in range(10)]
    reader = desk.reader()
    found = await asyncio.gather(
        *(desk.read(reader, sheet, titled("11512班表")) for sheet in sheets)
    )
    assert {one.spreadsheet for one in found} == {*sheets}
    assert (await desk.asked(), desk.tokens) == (10, 1)
    states = (await desk.google.state())["sheets"]
    assert {states[sheet]["reads"] for sheet in sheets} == {1}


async def test_googles_client_makes_the_request_for_the_host_that_sheets_is_on() -> None:
    """Which is another than Drive's."""
    for endpoint, host in (
        ("https://www.googleapis.com", "https://sheets.googleapis.com"),
        ("https://www.googleapis.com/", "https://sheets.googleapis.com"),
        ("http://127.0.0.1:8765", "http://127.0.0.1:8765"),
    ):
        request = SheetsApi(endpoint).request("1/x", "spreadsheetId", ["'a b'", "'c'"])
        parts = urlsplit(request.uri)
        assert f"{parts.scheme}://{parts.netloc}" == host
        assert parts.path == "/v4/spreadsheets/1%2Fx"
        assert parse_qs(parts.query) == {
            "ranges": ["'a b'", "'c'"],
            "fields": ["spreadsheetId"],
            "prettyPrint": ["false"],
            "alt": ["json"],
        }


async def test_nothing_is_asked_after_the_end(desk: Desk) -> None:
    sheet, reader = await desk.add(), desk.reader()
    reader.close()
    with pytest.raises(Exception, match="the program stops"):
        await desk.read(reader, sheet, titled("11512班表"))
    assert await desk.asked() == 0
