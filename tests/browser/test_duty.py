"""`make run`: a planner changes a cell, the sheet's page shows it, and the chat tells it.

Screenshots of every step are kept in test-artifacts/browser/duty/.
"""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Page, expect

from sandbox.google.sheets.a1 import place_name
from tests.browser.kit import DESKTOP, Running, Visit, make_run, person
from tests.browser.steps import start
from tests.installed import needs

pytestmark = needs("chromium")
TAIPEI = ZoneInfo("Asia/Taipei")
NUMBER, NAME = "1011", "林以晴"
"""The first in the roster."""


def say(visit: Visit, text: str) -> None:
    """Write it to the bot."""
    visit.chat.get_by_label("Message", exact=True).fill(text)
    visit.chat.get_by_label("Message", exact=True).press("Enter")


def be_told_of_changes(visit: Visit) -> None:
    """From START to a link that an administrator has confirmed, and the switch."""
    start(visit)
    visit.says("Drivekeeper")
    say(visit, f"/duty {NUMBER}")
    visit.says(NAME)  # the administrator's question: who has that number
    visit.picture("asked")
    visit.tap("Yes, link")
    visit.says("An administrator has confirmed it")
    say(visit, "/duty")
    visit.says("looked at")
    visit.picture("next")
    visit.tap("Tell me of changes")
    expect(visit.chat.locator(".key").filter(has_text="✓ Tell me of changes").last).to_be_visible()


def change_today(page: Page, running: Running) -> str:
    """As the planner, at the spreadsheet's page: what stands there now."""
    page.goto(f"{running.url}/spreadsheets")
    page.get_by_role("link", name="淡海站務班表").click()
    expect(page.get_by_text(f"send /duty {NUMBER}")).to_be_visible()
    cell = page.locator(f"[data-cell={place_name(3, 1 + datetime.now(TAIPEI).day)}]")
    before = cell.inner_text()
    after = "0530E" if "0905G" in before else "0905G"
    cell.click()
    page.get_by_label("What stands in it").fill(after)
    page.get_by_role("button", name="Write").click()
    expect(cell).to_have_text(after)
    return after


def look_at_the_page(page: Page, running: Running, after: str) -> None:
    """As an administrator, who signs in by a real link."""
    page.goto(f"{running.url}/departments")
    page.get_by_role("button", name="Get a link").click()
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#d-tanhae")).to_be_visible()
    page.goto(f"{running.web_url()}/settings/sheets/tanhae/roster")
    difference = page.locator("#diff li").filter(has_text=NAME)
    expect(difference.locator("ins")).to_contain_text(after)


@pytest.mark.one_way
def test_a_changed_cell_is_told_in_the_chat(browser: Browser, tmp_path: Path, key: str) -> None:
    with (
        make_run(tmp_path, None, key, departments=True) as running,
        person(browser, "duty") as visit,
    ):
        while not running.has_said("sheet_changed"):  # before, nobody is on a roster
            time.sleep(0.1)
        visit.chat.goto(running.url)
        be_told_of_changes(visit)
        planner = visit.context.new_page()
        planner.set_viewport_size(DESKTOP)
        after = change_today(planner, running)
        visit.picture("planner", planner)
        told = visit.says("Your duties have changed")
        expect(told).to_contain_text(f"→ {after}")
        visit.picture("told")
        page = visit.context.new_page()
        page.set_viewport_size(DESKTOP)
        look_at_the_page(page, running, after)
        page.locator("#diff").scroll_into_view_if_needed()
        visit.picture("page", page)
