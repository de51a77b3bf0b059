"""What people do in the chat page, step by step."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.kit import Visit

AMY = "amy@example.com"


def become(visit: Visit, name: str, language: str) -> None:
    """Somebody new, with Telegram in this language."""
    chat = visit.chat
    chat.get_by_role("button", name="Choose who you are").first.click()
    chat.get_by_role("button", name="New person").click()
    chat.get_by_label("Name").fill(name)
    chat.get_by_label("Telegram's language").select_option(language)
    visit.picture("new-person")
    chat.get_by_role("button", name="Create").click()
    expect(chat.locator("#me")).to_contain_text(name)


def start(visit: Visit) -> None:
    visit.chat.get_by_role("button", name="START", exact=True).click()


def allow(visit: Visit, page: Page, account: str) -> None:
    """Google's pages: choose the account, press Allow."""
    visit.picture("accounts", page)
    page.get_by_role("link").filter(has_text=account).click()
    visit.picture("consent", page)
    page.get_by_role("button", name="Allow").click()


def send(visit: Visit, name: str, content: bytes, mime_type: str = "application/pdf") -> None:
    """Drop a file into the chat and send it."""
    visit.drop((name, content, mime_type))
    sheet = visit.chat.get_by_role("dialog")
    expect(sheet.locator(".file-name")).to_have_text(name)
    visit.picture("send-sheet")
    sheet.get_by_role("button", name="Send").click()


def connect(visit: Visit) -> None:
    """From START to "Connected", with the device flow."""
    start(visit)
    visit.says("Drivekeeper")
    visit.tap("Connect Google Drive")
    asked = visit.says("Enter this code")
    google = visit.follow(visit.chat, asked.get_by_role("link", name="Open Google's page"))
    google.get_by_label("Code").fill(asked.locator("code").inner_text())
    google.get_by_role("button", name="Next").click()
    google.get_by_role("link").filter(has_text=AMY).click()
    google.get_by_role("button", name="Allow").click()
    expect(google.get_by_role("heading", level=1)).to_have_text("Device connected")
    google.close()
    visit.says(f"{AMY} has approved")
    visit.tap("Yes, that is mine")
    visit.says(f"Connected as {AMY}")
