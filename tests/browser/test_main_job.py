"""`make run`, and a browser: from START to the same bytes, by each way to authorise.

Screenshots of every step are kept in test-artifacts/browser/.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.kit import DESKTOP, Running, Visit, address_bar, make_run, person
from tests.browser.steps import AMY, allow, become, send, start
from tests.installed import needs

SLOWLY = 600_000  # bytes a second: the bot edits its message every three seconds
REPORT = "Quarterly report.pdf"
TOKENS = ("ya29.", "1//0")  # how the sandbox's tokens begin, as Google's do

pytestmark = needs("chromium")


def download(visit: Visit, file_page: Page, name: str) -> bytes:
    """The bytes behind the file page's Download."""
    expect(file_page.get_by_role("heading", level=1)).to_have_text(name)
    with file_page.expect_download() as got:
        file_page.get_by_role("link", name="Download").click()
    assert got.value.suggested_filename == name
    return Path(got.value.path()).read_bytes()


def check_custody(running: Running, key: str) -> None:
    """With a key no token can be read under the data folder; and none is in the log either way."""
    stored = running.stored()
    assert [start in stored for start in TOKENS] == [not key, not key]
    assert not any(start in running.log() for start in TOKENS)


# One way each: Chromium sees no difference, and test_at_rest.py looks at every flow both ways.
@pytest.mark.one_way("on")
def test_device_flow_on_a_phone(browser: Browser, tmp_path: Path, key: str) -> None:
    """START, connect with a code, drop 5 MiB, watch it go, open the link, the same bytes."""
    content = os.urandom(5 * 1024 * 1024)
    with make_run(tmp_path, None, key) as running, person(browser, "device") as visit:
        running.control("google/device_interval", seconds=0.5)
        running.control("rate", target="telegram.download", bytes_per_second=SLOWLY)
        chat = visit.chat
        chat.goto(running.url)
        become(visit, "Mia Chen", "en")
        visit.picture("before-start")
        start(visit)
        visit.says("Drivekeeper")
        visit.picture("started")
        visit.tap("Connect Google Drive")
        asked = visit.says("Enter this code")
        visit.picture("code")
        google = visit.follow(chat, asked.get_by_role("link", name="Open Google's page"))
        google.get_by_label("Code").fill(asked.locator("code").inner_text())
        visit.picture("device-page", google)
        google.get_by_role("button", name="Next").click()
        allow(visit, google, AMY)
        expect(google.get_by_role("heading", level=1)).to_have_text("Device connected")
        visit.picture("device-done", google)
        google.close()
        visit.says(f"{AMY} has approved")
        visit.picture("whose")
        visit.tap("Yes, that is mine")
        visit.says(f"Connected as {AMY}")
        visit.picture("connected")
        send(visit, "Boarding pass.pdf", os.urandom(184_000))
        visit.says("is in your Drive")
        percentages = visit.watch_progress()
        send(visit, REPORT, content)
        under_way = visit.says("▰")
        expect(under_way.get_by_role("button", name="Cancel")).to_be_visible()
        visit.picture("progress")
        visit.conversation("chat", "Connected as")
        done = visit.says(f"{REPORT} (5 MiB) is in your Drive")
        # One message, edited: more and more of it is there, then its link.
        assert percentages() == sorted(percentages())
        assert 0 < percentages()[-1] <= 100
        expect(chat.locator(".from-bot").filter(has_text="Uploading")).to_have_count(0)
        visit.wide_picture("done")
        drive = visit.follow(chat, done.get_by_role("link", name="Open in Drive"))
        visit.picture("file-page", drive)
        assert download(visit, drive, REPORT) == content
        drive.get_by_role("link", name="Open “Telegram”").click()
        visit.wide_picture("drive-folder", drive)
        check_custody(running, key)


@pytest.mark.one_way
def test_callback_flow_on_a_desktop(browser: Browser, tmp_path: Path, key: str) -> None:
    """Consent page, the bot's own page, its button to the chat, START, connected."""
    content = os.urandom(300_000)
    with (
        make_run(tmp_path, "callback", key) as running,
        person(browser, "callback", viewport=DESKTOP, dark=True) as visit,
    ):
        chat = visit.chat
        chat.goto(running.url)
        visit.picture("before-start")
        start(visit)
        visit.says("Drivekeeper")
        visit.tap("Connect Google Drive")
        asked = visit.says("tap “Back to Telegram”")
        visit.picture("asked")
        google = visit.follow(chat, asked.get_by_role("link", name="Open Google's page"))
        allow(visit, google, AMY)
        expect(google.get_by_role("heading", level=1)).to_have_text("Almost done")
        visit.picture("almost-done", google)
        visit.says("Google says yes")
        google.get_by_role("link", name="Back to Telegram").click()
        google.get_by_role("button", name="START", exact=True).wait_for()
        visit.picture("back-in-telegram", google)
        google.get_by_role("button", name="START", exact=True).click()
        expect(google.locator(".from-bot").last).to_contain_text(f"{AMY} has approved")
        visit.picture("whose", google)
        google.get_by_role("button", name="Yes, that is mine").click()
        expect(google.locator(".from-bot").last).to_contain_text(f"Connected as {AMY}")
        visit.picture("connected", google)
        google.close()
        send(visit, "📷 Lisbon.zip", content, "application/zip")
        done = visit.says("is in your Drive")
        visit.picture("done")
        drive = visit.follow(chat, done.get_by_role("link", name="Open in Drive"))
        visit.picture("file-page", drive)
        assert download(visit, drive, "📷 Lisbon.zip") == content
        check_custody(running, key)


@pytest.mark.one_way
def test_paste_flow_in_chinese(browser: Browser, tmp_path: Path, key: str) -> None:
    """The address of the page that cannot be reached goes into the chat."""
    content = os.urandom(300_000)
    with (
        make_run(tmp_path, "paste", key) as running,
        person(browser, "paste", dark=True) as visit,
    ):
        chat = visit.chat
        chat.goto(running.url)
        become(visit, "陳 美雅", "zh-hant")
        start(visit)
        visit.says("Drivekeeper")
        visit.picture("started")
        visit.tap("Google")
        asked = visit.says("10 分鐘")
        visit.picture("asked")
        google = visit.follow(chat, asked.get_by_role("link"))
        allow(visit, google, AMY)
        google.wait_for_url("chrome-error://**")
        visit.picture("cannot-be-reached", google)
        address = address_bar(google)
        assert address.startswith("http://127.0.0.1:")
        google.close()
        chat.get_by_label("Message", exact=True).fill(address)
        chat.keyboard.press("Enter")
        visit.says(f"{AMY} 已經授權")
        visit.tap("是，這是我的")
        visit.says(f"已連接 {AMY}")
        expect(chat.locator(".own").filter(has_text="127.0.0.1")).to_have_count(0)
        visit.picture("connected")
        send(visit, "十一月班表.pdf", content)
        done = visit.says("十一月班表.pdf")
        drive = visit.follow(chat, done.get_by_role("link"))
        visit.picture("done")
        assert download(visit, drive, "十一月班表.pdf") == content
        check_custody(running, key)
