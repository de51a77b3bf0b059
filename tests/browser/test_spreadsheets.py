"""A planner at the sandbox's spreadsheet page, with script and without, and at its panel.

Screenshots are kept in test-artifacts/browser/spreadsheets*/.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from sandbox.google.sheets.samples import ROSTER_ID
from sandbox.server import Sandbox, SandboxConfig
from tests.browser.kit import DESKTOP, Running, person
from tests.installed import needs
from tests.service_accounts import ADDRESS

pytestmark = needs("chromium")


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """The sandbox alone, with the sample spreadsheets."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever)
    thread.start()
    sandbox = Sandbox(SandboxConfig(tmp_path))
    try:
        asyncio.run_coroutine_threadsafe(sandbox.start(), loop).result(30)
        found = Running(sandbox.url, tmp_path, tmp_path)
        found.control("google/service_account", address=ADDRESS)
        found.control("google/sheet_samples", address=ADDRESS)
        yield found
    finally:
        asyncio.run_coroutine_threadsafe(sandbox.stop(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        loop.close()


def look_at(page: Page) -> None:
    """Nothing sticks out, and nothing is kept from anybody."""
    widths = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    needed, given = page.evaluate(widths)
    assert needed == given
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
@pytest.mark.one_way
def test_a_planner_changes_a_cell(browser: Browser, running: Running, script: bool) -> None:
    folder = f"spreadsheets{'' if script else '-no-script'}"
    with person(browser, folder, script=script) as visit:
        page = visit.chat
        page.goto(f"{running.url}/spreadsheets")
        visit.picture("list")
        page.get_by_role("link", name="淡海站務班表").click()
        if script:
            look_at(page)
        page.locator("[data-cell=D5]").click()
        expect(page.get_by_label("Cell", exact=True)).to_have_value("D5")
        typed = page.get_by_label("What stands in it")
        expect(typed).not_to_have_value("")
        visit.picture("chosen")
        typed.fill("(特)")
        page.get_by_role("button", name="Write").click()
        expect(page.locator("[data-cell=D5]")).to_have_text("(特)")
        expect(page.locator("td.chosen")).to_have_text("(特)")
        if script:
            expect(page.locator("#done")).to_have_text("D5 is written.")
        page.set_viewport_size(DESKTOP)
        visit.picture("written")
        page.get_by_role("link", name="代碼").click()
        expect(page.locator("[data-cell=A3]")).to_have_text("0905G")
        expect(page.locator("[data-cell=B3]")).to_have_text("09:05")
        visit.picture("codes")


@pytest.mark.one_way
def test_what_somebody_else_changes_shows_by_itself(browser: Browser, running: Running) -> None:
    with person(browser, "spreadsheets-two") as visit:
        page = visit.chat
        page.goto(f"{running.url}/spreadsheets/d/{ROSTER_ID}/edit")
        page.locator("[data-cell=C4]").click()
        page.get_by_label("What stands in it").fill("half of someth")
        panel = visit.context.new_page()
        panel.set_viewport_size(DESKTOP)
        panel.goto(f"{running.url}/sandbox/control")
        panel.get_by_role("button", name="The planner changes a shift").click()
        expect(panel.locator("#changed")).to_contain_text("林以晴")
        said = panel.locator("#changed").inner_text()
        cell, after = said.split()[1].rstrip(":"), said.rpartition("→ ")[2]
        visit.picture("panel", panel)
        expect(page.locator(f"[data-cell={cell}]")).to_have_text(after)
        expect(page.get_by_label("What stands in it")).to_have_value("half of someth")
        panel.get_by_role("button", name="Clear the first tab").first.click()
        expect(page.locator("[data-cell=B4]")).to_have_text("")
        panel.get_by_role("button", name="All as it was").click()
        expect(page.locator("[data-cell=B4]")).to_have_text("林以晴")
        panel.get_by_role("button", name="Share no longer").first.click()
        expect(panel.get_by_text("not shared", exact=True)).to_be_visible()
        panel.get_by_role("button", name="Share again").click()
        expect(panel.get_by_text("not shared", exact=True)).to_have_count(0)
        visit.picture("as-before", page)
