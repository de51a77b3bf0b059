"""What one can do with files, by hand, in the chat page: before they arrive, and afterwards.

Screenshots of every step are kept in test-artifacts/browser/uploads/.
"""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.kit import Running, Visit, make_run, person
from tests.browser.steps import connect, send
from tests.installed import needs

pytestmark = needs("chromium")
PDF = "application/pdf"


def say(visit: Visit, text: str) -> None:
    """Write it, and press Enter."""
    visit.chat.get_by_label("Message", exact=True).fill(text)
    visit.chat.keyboard.press("Enter")


def send_album(visit: Visit, *names: str) -> None:
    """Drop several files, and send them together."""
    visit.drop(*((name, os.urandom(40_000), PDF) for name in names))
    sheet = visit.chat.get_by_role("dialog")
    expect(sheet.get_by_label("Together, as an album")).to_be_checked()
    visit.picture("album-sheet")
    sheet.get_by_role("button", name="Send").click()


def look_at_folders(visit: Visit) -> None:
    """/folder: a new one, by its name; files go there from now on."""
    say(visit, "/folder")
    visit.says("Your files go into the folder")
    visit.picture("folders")
    visit.tap("New folder here")
    visit.says("be called?")
    visit.picture("folder-question")
    say(visit, "Travel")
    visit.says("Inside “Travel”")
    visit.tap("Use it")
    visit.says("Your files go into the folder Travel")
    visit.picture("folder-chosen")


def use_the_list(visit: Visit) -> None:
    """One file runs, one is renamed before it is uploaded, one is cancelled out of /uploads."""
    send(visit, "Long film.pdf", os.urandom(1_400_000))
    visit.says("Long film.pdf")
    send(visit, "scan0001.pdf", os.urandom(30_000))
    visit.says("scan0001.pdf is in line")
    send(visit, "Not this one.pdf", os.urandom(30_000))
    visit.says("Not this one.pdf is in line")
    visit.picture("in-line")
    waiting = visit.chat.locator(".message").filter(has_text="scan0001.pdf is in line")
    waiting.locator(".key").filter(has_text="Rename").click()
    visit.says("What shall scan0001.pdf be called?")
    visit.picture("rename-question")
    say(visit, "Passport")
    visit.says("Its name is Passport.pdf now")
    say(visit, "/uploads")
    listed = visit.says("Your uploads")
    expect(listed).to_contain_text("Not this one.pdf is in line")
    visit.picture("list")
    number = next(
        line.partition(".")[0]
        for line in listed.inner_text().splitlines()
        if "Not this one.pdf" in line
    )
    visit.tap(f"Cancel {number}")
    visit.says("⏹ Not this one.pdf")
    visit.picture("list-cancelled")


def watch_a_slow_line(running: Running, visit: Visit) -> None:
    """The first figure comes early, and is true, with speed and time left."""
    running.control("rate", target="google.upload.chunk", bytes_per_second=150_000)
    send(visit, "Photos of the house.pdf", os.urandom(1_600_000))
    shown = visit.says("▱").inner_text()
    (read,) = running.reading()
    figure = re.search(r"(\d+)% · .* of 1.5 MiB\n[\d.]+ KiB/s · (about|a few)", shown)
    assert figure, shown
    assert abs(int(figure[1]) * 16_000 - read) < 512 * 1024
    visit.wide_picture("slow-line")
    visit.says("Photos of the house.pdf (1.5 MiB) is in your Drive")
    running.control("rate", target="google.upload.chunk", bytes_per_second=0)


def use_the_buttons(visit: Visit) -> None:
    """Share and stop, into the bin and out of it again."""
    visit.tap("🔗 Share")
    visit.says("Anyone who has the link")
    visit.picture("share-question")
    visit.tap("Yes, share it")
    visit.says("Anyone with this link can open it")
    visit.picture("shared")
    visit.tap("Stop sharing")
    visit.says("no longer opens for others")
    visit.tap("🗑 Delete")
    visit.says("into your Drive's bin?")
    visit.picture("bin-question")
    visit.tap("Yes, into the bin")
    visit.says("is in your Drive's bin")
    visit.picture("in-the-bin")
    visit.tap("Undo")
    visit.says("out of the bin again")
    visit.picture("restored")


def cancel_under_way(running: Running, visit: Visit) -> None:
    """Cancel amid an upload: it is said at once, and then that nothing of it has arrived."""
    running.control("rate", target="google.upload.chunk", bytes_per_second=100_000)
    # So that there is time for a look at it.
    delay = {"target": "google.upload.cancel", "kind": "latency", "seconds": 60}
    running.control("faults", **delay)
    send(visit, "Wrong film.pdf", os.urandom(1_500_000))
    visit.says("Uploading Wrong film.pdf")
    visit.picture("under-way")
    visit.tap("Cancel")
    cancelling = visit.says("Cancelling Wrong film.pdf …")
    expect(cancelling.locator(".key")).to_have_count(0)
    visit.picture("cancelling")
    running.clear_faults()
    visit.says("Wrong film.pdf was cancelled, nothing of it is in your Drive.")
    visit.wide_picture("cancelled")
    running.control("rate", target="google.upload.chunk", bytes_per_second=3)
    send(visit, "Too late.txt", b"hello", "text/plain")
    visit.says("Too late.txt")
    while not running.has_in_drive("Too late.txt"):  # which holds its answer back
        time.sleep(0.02)
    visit.tap("Cancel")
    told = visit.says("It was too late to cancel.")
    expect(told.locator(".key")).to_have_count(6)
    visit.wide_picture("too-late")
    running.control("rate", target="google.upload.chunk", bytes_per_second=0)


@pytest.mark.one_way
@pytest.mark.encryption("on")
def test_files_before_and_after_they_arrive(browser: Browser, tmp_path: Path, key: str) -> None:
    """An album; a folder; a list with Cancel; a name; the buttons; a search; a file comes back."""
    with make_run(tmp_path, None, key) as running, person(browser, "uploads") as visit:
        running.control("google/device_interval", seconds=0.5)
        visit.chat.goto(running.url)
        connect(visit)
        send_album(visit, "Ticket out.pdf", "Ticket back.pdf", "Hotel.pdf")
        visit.says("3 of 3 files are in your Drive")
        visit.picture("album")
        watch_a_slow_line(running, visit)
        look_at_folders(visit)
        running.control("rate", target="telegram.download", bytes_per_second=70_000)
        use_the_list(visit)
        running.control("rate", target="telegram.download", bytes_per_second=0)
        done = visit.says("Passport.pdf (29.3 KiB) is in your Drive, in the folder “Travel”")
        expect(done.locator(".key")).to_have_count(6)
        visit.wide_picture("arrived")
        use_the_buttons(visit)
        cancel_under_way(running, visit)
        say(visit, "/files")
        visit.says("Your files, newest first")
        visit.picture("files")
        visit.tap("🔎 Search")
        visit.says("What is it called?")
        say(visit, "tick")
        visit.says("Files with “tick”")
        visit.picture("found")
        say(visit, "/get Hotel")
        sent = visit.chat.locator(".from-bot").filter(has_text="Hotel.pdf").last
        expect(sent.locator(".file-name")).to_have_text("Hotel.pdf")
        visit.picture("sent-back")
        visit.wide_picture("end")
