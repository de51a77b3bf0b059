"""What the bot says about itself, in the chat page, on a phone and on a desktop.

Screenshots are kept in test-artifacts/browser/words/.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.kit import Visit, make_run, person
from tests.browser.steps import AMY, connect
from tests.installed import needs

pytestmark = [needs("chromium"), pytest.mark.one_way, pytest.mark.encryption("off")]


def say(visit: Visit, text: str) -> None:
    """Write it, and press Enter."""
    visit.chat.get_by_label("Message", exact=True).fill(text)
    visit.chat.keyboard.press("Enter")


def test_help_folder_and_connect_are_easy_to_read(
    browser: Browser, tmp_path: Path, key: str
) -> None:
    """Blocks and buttons; and a group's menu shows what works there."""
    with make_run(tmp_path, None, key) as running, person(browser, "words") as visit:
        running.control("google/device_interval", seconds=0.5)
        visit.chat.goto(running.url)
        connect(visit)
        say(visit, "/help")
        visit.says("Send me files")
        visit.wide_picture("help")
        say(visit, "/folder Invoices/2026/November")
        offered = visit.says("I have made Invoices / 2026 / November")
        visit.wide_picture("folder-offered")
        visit.tap("Use it")
        visit.says("Your files go into the folder Invoices / 2026 / November")
        expect(offered.locator(".key").filter(has_text="Use it")).to_have_count(0)
        say(visit, "/connect")
        visit.says(f"You are connected already, as {AMY}")
        visit.wide_picture("connected-already")
        visit.tap("Leave it as it is")
        visit.says("Everything stays as it is")
        say(visit, "https://example.org/film.mkv")
        visit.says("I do not fetch what a link leads to")
        say(visit, "/status")
        visit.says("Connected as")
        say(visit, "/privacy")
        visit.tap("My data as a file")
        visit.says("drivekeeper-data.json")
        visit.wide_picture("privacy")
        visit.chat.get_by_role("button", name="Choose who you are").first.click()
        visit.chat.get_by_role("button", name="All in a group").click()
        visit.chat.get_by_label("Message", exact=True).fill("/")
        rows = visit.chat.locator(".command-row")
        expect(rows).to_have_count(2)
        expect(rows.first).to_contain_text("/save")
        visit.wide_picture("group-menu")
