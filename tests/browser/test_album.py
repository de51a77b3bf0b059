"""An album, by hand, in the chat page: from sending it to its files in another folder.

Screenshots of every step are kept in test-artifacts/browser/album/, the last of each on a phone and
on a desktop.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.browser.kit import Visit, make_run, person
from tests.browser.steps import connect
from tests.installed import needs

pytestmark = needs("chromium")
LONG = "Minutes of the meeting of the members' assembly on 29 November 2026 with all annexes.pdf"
NAMES = (
    LONG,
    "會議紀錄與全部附件_第二次臨時會員大會_修訂版_最終版_二〇二六年十一月二十九日_完整版本.pdf",
    "c.pdf",
)


def send(visit: Visit, *contents: bytes) -> None:
    """Drop the files, and send them together."""
    visit.drop(
        *((name, data, "application/pdf") for name, data in zip(NAMES, contents, strict=True))
    )
    sheet = visit.chat.get_by_role("dialog")
    expect(sheet.get_by_label("Together, as an album")).to_be_checked()
    sheet.get_by_role("button", name="Send").click()


def look(visit: Visit, message: Locator, name: str) -> None:
    """Keep how it looks, once the chat has come to its end."""
    last = message.locator(".key").last
    last.scroll_into_view_if_needed()  # a tap further up leaves the chat there
    expect(last).to_be_in_viewport()
    visit.wide_picture(name)


def keys(message: Locator, *labels: str) -> None:
    """Nothing of the message is wider than the screen, and these are its buttons."""
    expect(message.locator(".key")).to_have_text(list(labels))
    box, page = message.bounding_box(), message.page.viewport_size
    assert box is not None
    assert page is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= page["width"]


def say(visit: Visit, text: str) -> None:
    """Write it, and press Enter."""
    visit.chat.get_by_label("Message", exact=True).fill(text)
    visit.chat.keyboard.press("Enter")


def make_folder(visit: Visit, name: str) -> None:
    """With /folder; files go on going into "Telegram"."""
    say(visit, f"/folder {name}")
    visit.chat.locator(".key").filter(has_text="Use it").last.wait_for()


@pytest.mark.one_way
@pytest.mark.encryption("on")
def test_an_album_from_sending_to_move_all(browser: Browser, tmp_path: Path, key: str) -> None:
    """A summary, its files, links for all of them and none, a folder; then the same once more."""
    contents = [os.urandom(40_000 + number) for number in range(3)]
    with make_run(tmp_path, None, key) as running, person(browser, "album") as visit:
        running.control("google/device_interval", seconds=0.5)
        visit.chat.goto(running.url)
        connect(visit)
        send(visit, *contents)
        summary = visit.says("3 of 3 files are in your Drive")
        keys(summary, "📚 Its files", "🔗 Share all", "📁 Move all")
        look(visit, summary, "summary")
        visit.tap("Its files")
        listed = visit.says("An album of 3 files. In your Drive: 3")
        expect(listed.locator(".key")).to_have_count(5)
        look(visit, listed, "files")
        visit.tap("Share all")
        look(visit, visit.says("Share the files of this album?"), "share-question")
        visit.tap("Yes, share them")
        look(visit, visit.says("Shared: 3 of 3"), "shared")
        visit.tap("Stop sharing them")
        visit.says("No longer open for others by their links: 3 of 3")
        make_folder(visit, "Assembly")
        summary.locator(".key").filter(has_text="Move all").click()
        question = visit.says("Where shall the files of this album go?")
        keys(question, "📁 Assembly", "📁 Telegram", "No, leave it")
        look(visit, question, "move-question")
        visit.tap("📁 Assembly")
        look(visit, visit.says("In the folder “Assembly” now: 3 of 3"), "moved")
        send(visit, *contents)
        twice = visit.says("3 of 3 files are in your Drive.")
        expect(twice).to_contain_text("it was there before, in “Assembly”")
        look(visit, twice, "there-already")
        say(visit, "/uploads")
        look(visit, visit.says("Your uploads"), "uploads")
        visit.tap("📚 ")
        visit.says("An album of 3 files. In your Drive: 3")
