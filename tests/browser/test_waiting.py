"""In the chat page, with Google silent: "typing…", and what needs no Google is answered.

Screenshots are kept in test-artifacts/browser/waiting/.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.kit import Visit, make_run, person
from tests.browser.steps import connect
from tests.installed import needs

pytestmark = needs("chromium")


def say(visit: Visit, text: str) -> None:
    """Write it, and press Enter."""
    visit.chat.get_by_label("Message", exact=True).fill(text)
    visit.chat.keyboard.press("Enter")


@pytest.mark.one_way
@pytest.mark.encryption("on")
def test_nobody_waits_in_silence_nor_behind_google(
    browser: Browser, tmp_path: Path, key: str
) -> None:
    """Typing soon, /help meanwhile, and /cancel ends the question."""
    with make_run(tmp_path, None, key) as running, person(browser, "waiting") as visit:
        running.control("google/device_interval", seconds=0.5)
        visit.chat.goto(running.url)
        connect(visit)
        running.control("faults", target="google.*", kind="hang", count=None)
        status = visit.chat.locator("#bot-status")
        say(visit, "/status")
        expect(status).to_have_text("typing…", timeout=10_000)
        visit.wide_picture("typing")
        say(visit, "/help")
        visit.says("How it works")
        expect(status).to_have_text("typing…", timeout=12_000)  # it is kept up
        visit.picture("helped")
        say(visit, "/cancel")
        visit.says("I do not answer what you asked before any more")
        expect(status).to_have_text("bot")
        visit.wide_picture("cancelled")
