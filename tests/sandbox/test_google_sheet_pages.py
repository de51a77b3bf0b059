"""The page on which a planner sees a tab and changes a cell; in a browser: tests/browser/."""

from __future__ import annotations

import re

import pytest

from sandbox.google.sheets.samples import ROSTER_ID
from tests.sandbox.google_kit import Kit
from tests.sandbox.sheets_kit import Sheets
from tests.service_accounts import ADDRESS

EDIT = f"/spreadsheets/d/{ROSTER_ID}/edit"


@pytest.fixture
async def sheets(kit: Kit) -> Sheets:
    found = Sheets(kit)
    await kit.google.act("sheet_samples", address=ADDRESS)
    return found


async def test_spreadsheets_are_listed_with_whom_they_are_shared(kit: Kit, sheets: Sheets) -> None:
    page = await kit.ask("GET", "/spreadsheets")
    assert page.status == 200
    assert f'href="{EDIT}"' in page.text
    assert ADDRESS in page.text


async def test_a_tab_is_a_table_of_cells(kit: Kit, sheets: Sheets) -> None:
    page = await kit.ask("GET", EDIT)
    assert page.status == 200
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert "林以晴" in page.text
    assert 'data-cell="C4"' in page.text
    assert 'colspan="' in page.text
    codes = re.search(r'href="([^"]*)">代碼', page.text)
    assert codes
    other = await kit.ask("GET", codes[1].replace("&amp;", "&"))
    assert "1425G" in other.text
    assert "林以晴" not in other.text


async def test_a_cell_is_written_without_script(kit: Kit, sheets: Sheets) -> None:
    gid = kit.sandbox.google.sheets.all[ROSTER_ID].tabs[0].gid  # type: ignore[union-attr]
    form = {"gid": str(gid), "cell": "c4", "text": "<特>"}
    done = await kit.ask("POST", EDIT, data=form)
    assert done.status == 303
    page = await kit.ask("GET", done.headers["location"])
    assert 'name="cell" value="C4"' in page.text
    assert 'name="text" value="&lt;特&gt;"' in page.text
    assert re.search(r'class="text chosen"[^>]*><a [^>]*>&lt;特&gt;<', page.text)
    assert "To empty a cell, write nothing into it." in page.text
    done = await kit.ask("POST", EDIT, data=form | {"text": ""})
    assert 'name="text" value=""' in (await kit.ask("GET", done.headers["location"])).text


@pytest.mark.parametrize("cell", ["", "4", "C", "ZZZ99999", "C4:D5", "c0"])
async def test_a_cell_that_there_is_not_is_said(kit: Kit, sheets: Sheets, cell: str) -> None:
    page = await kit.ask("POST", EDIT, data={"gid": "0", "cell": cell, "text": "x"})
    assert page.status == 400
    assert "There is no such cell." in page.text
    assert (await kit.ask("GET", "/spreadsheets/d/nowhere/edit")).status == 404
