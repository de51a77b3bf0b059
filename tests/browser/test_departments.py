"""`make run`, and a department's administrator at a browser: from a real link to every state.

Screenshots of every step are kept in test-artifacts/browser/departments*/.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, Request, expect

from tests.browser.kit import DESKTOP, PHONE, Running, Visit, make_run, person
from tests.browser.test_pages import look_at
from tests.installed import needs

AMY, BEN = "amy@example.com", "ben@example.com"
AUTHORISED = "Google Drive 已授權（淡海）"
CALLBACK = "/api/auth/google/callback"
AWAY = "503"
REFUSALS: Final[tuple[tuple[dict[str, Any], str, str], ...]] = (
    ({"kind": "hang"}, "Google 沒有給出應有的回應", "silent"),
    ({"kind": "oauth_error", "error": "admin_policy_enforced"}, "機構不允許", "organisation"),
    ({"kind": "oauth_error", "error": "invalid_client"}, "不接受這個服務的用戶端", "client"),
)
"""What the token endpoint does, and what the card says then."""
LOOKED_AT: Final = ("never", "another", "revoke", "testing", "on-hold")
"""By axe, and for what does not fit; all of them are in test_pages.py."""

pytestmark = needs("chromium")


class Administrator:
    """Of departments, at the settings page, in Chinese."""

    def __init__(self, visit: Visit, running: Running, *, script: bool = True) -> None:
        self.visit = visit
        self.has_script = script
        self.running = running
        self.page = visit.chat
        self.callbacks: list[str] = []
        self.page.on("request", self._note)

    def _note(self, request: Request) -> None:
        if urlsplit(request.url).path == CALLBACK:
            self.callbacks.append(request.url)

    @property
    def card(self) -> Locator:
        return self.page.locator("#d-tanhae")

    def sign_in(self) -> None:
        """From the address that `make run` prints."""
        self.page.goto(f"{self.running.url}/departments")
        self.visit.picture("departments")
        self.page.get_by_role("button", name="Get a link").click()
        self.visit.picture("link")
        self.page.get_by_role("button", name="登入").click()
        self.on_settings()

    def on_settings(self) -> None:
        expect(self.page.locator("h1")).to_have_text("Google 服務設定")

    def authorise(
        self, account: str, *, drive: bool = True, allow: bool = True, card: str = "tanhae"
    ) -> None:
        """The card's button, Google's two pages, and back."""
        pressed = self.page.locator(f"#d-{card}").get_by_role(
            "button", name=re.compile("授權 Google Drive|重新授權")
        )
        pressed.click()
        self.page.get_by_role("link").filter(has_text=account).click()
        if not drive:
            self.page.get_by_role("checkbox").first.uncheck()
        self.page.get_by_role("button", name="Allow" if allow else "Cancel").click()
        self.on_settings()

    def sees(self, said: str, name: str = "") -> None:
        expect(self.card).to_contain_text(said)
        if name:
            self.page.screenshot(path=self.visit.folder / f"state-{name}.png", full_page=True)
        if name in LOOKED_AT and self.has_script:
            look_at(self.page, name)

    def revoke(self) -> None:
        """Asked first, in its place."""
        self.card.get_by_role("link", name="撤銷授權…").click()
        self.sees("撤銷後，淡海的電腦就無法上傳", "revoke")
        self.card.get_by_role("button", name="撤銷", exact=True).click()
        self.sees("未授權", "revoked")

    def opens_again(self) -> None:
        self.page.goto(self.running.web_url() + "/settings/google")
        self.on_settings()


class Panel:
    """The control panel in a tab of its own, where there is script; else what its buttons do."""

    def __init__(self, visit: Visit, running: Running, *, script: bool) -> None:
        self._running, self._visit = running, visit
        self._page: Page | None = None
        if script:
            self._page = visit.context.new_page()
            self._page.goto(f"{running.url}/sandbox/control")
            expect(self._page.locator("#departments")).to_be_in_viewport(ratio=1)

    def testing(self, on: bool) -> None:
        if self._page is None:
            self._running.control("google/testing_mode", on=on)
        else:
            self._page.get_by_label("Project in").set_checked(on)

    def lose(self, account: str, found: str) -> None:
        """Google takes it back, and the next sweep finds out."""
        if self._page is None:
            self._running.control("google/revoke", account=account)
            self._running.control("departments/sweep")
            return
        theirs = self._page.locator("#accounts > li").filter(has_text=account)
        theirs.get_by_role("button", name="Revoke access").click()
        expect(theirs).to_contain_text("not connected")
        self._page.get_by_role("button", name="Sweep now").click()
        expect(self._page.locator("#swept")).to_contain_text(found)
        self._visit.picture("panel", self._page)

    def database(self, away: bool) -> None:
        if self._page is None:
            self._running.control("departments/database", away=away)
            return
        names = ["Bring the database back", "Take the database away"]
        self._page.get_by_role("button", name=names[away]).click()
        self._page.get_by_role("button", name=names[not away]).wait_for()


@pytest.mark.one_way
def test_an_administrator_authorises_and_revokes(
    browser: Browser, tmp_path: Path, key: str
) -> None:
    with (
        make_run(tmp_path, None, key, departments=True) as running,
        person(browser, "departments", locale="zh-TW") as visit,
    ):
        someone = Administrator(visit, running)
        visit.chat.goto(running.url)  # the first address that is printed
        expect(visit.chat.locator("#departments-link")).not_to_have_attribute(
            "hidden", re.compile("")
        )
        someone.sign_in()
        someone.authorise(AMY)
        someone.sees(AUTHORISED, "authorised")
        someone.revoke()


@pytest.mark.encryption("on")
@pytest.mark.one_way
def test_a_desktop_page_is_paired_and_opened_by_the_sandboxs_pages(
    browser: Browser, tmp_path: Path, key: str
) -> None:
    """Twice, as its link serves once; and a cloud that sleeps ends with the rest."""
    with (
        make_run(tmp_path, None, key, departments=True) as running,
        person(browser, "departments-desktop", viewport=DESKTOP, locale="zh-TW") as visit,
    ):
        page = visit.chat
        page.goto(f"{running.url}/sandbox/control")
        desktop = page.locator("#desktop")
        expect(desktop).to_contain_text("not paired yet")
        desktop.get_by_role("button", name="Pair it with a new code of 淡海").click()
        expect(desktop).to_contain_text("which is spent")
        expect(page.locator("#desktop-state")).to_contain_text("· paired")
        visit.picture("panel")
        desktop.get_by_role("link", name="Open it").click()
        for _ in range(2):
            visit.picture("sandboxs-page")
            page.get_by_role("button", name="Open the page").click()
            page.get_by_role("button", name="開啟").click()
            expect(page.get_by_label("淡海")).to_be_checked()
            page.goto(f"{running.url}/desktop")
        page.get_by_role("button", name="Switch the computer off").click()
        expect(page.locator("main")).to_contain_text("It is switched off, and is paired.")
        page.goto(f"{running.url}/sandbox/control")
        desktop.get_by_role("button", name="Switch the computer on").click()
        expect(desktop).to_contain_text("Runs at http://localhost:")
        page.get_by_role("button", name="Let the cloud sleep").click()
        page.get_by_role("button", name="Wake the cloud").wait_for()


@pytest.mark.one_way
@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_every_state_of_the_card_is_met(
    browser: Browser, tmp_path: Path, key: str, script: bool
) -> None:
    """Each that the sandbox's page names, by what it says to press."""
    folder = "departments-script" if script else "departments-plain"
    with (
        make_run(tmp_path, None, key, departments=True) as running,
        person(
            browser,
            folder,
            viewport=PHONE if script else DESKTOP,
            dark=not script,
            locale="zh-TW",
            script=script,
            expected=AWAY,
        ) as visit,
    ):
        someone = Administrator(visit, running, script=script)
        page, card = someone.page, someone.card
        someone.sign_in()
        panel = Panel(visit, running, script=script)
        someone.sees("未授權", "never")
        someone.authorise(AMY, allow=False)
        someone.sees("你在 Google 的畫面按了「取消」", "declined")
        someone.authorise(AMY, drive=False)
        someone.sees("少了「雲端硬碟」的勾選", "unticked")
        someone.authorise(AMY)
        someone.sees(AUTHORISED, "authorised")
        page.goto(someone.callbacks[-1])
        someone.on_settings()
        someone.sees(AUTHORISED)
        someone.sees("39", "callback-again")
        someone.authorise(BEN)
        someone.sees(f"這次同意的是 {BEN}", "another")
        card.get_by_role("button", name=f"保留 {AMY}").click()
        someone.sees(AMY, "kept")
        someone.authorise(BEN)
        card.get_by_role("button", name=f"改用 {BEN}").click()
        someone.sees(AUTHORISED, "used")
        someone.sees(BEN)
        someone.revoke()
        panel.testing(True)
        someone.authorise(BEN)
        someone.sees("授權七天後會失效", "testing")
        panel.testing(False)
        for fault, words, name in REFUSALS:
            running.control("faults", target="google.token.exchange", count=0, **fault)
            someone.authorise(BEN)
            someone.sees(words, name)
            running.clear_faults()
        for target, seconds in (("google.token.exchange", 8), ("google.drive.*", 60)):
            running.control("faults", target=target, kind="latency", seconds=seconds, count=0)
        someone.authorise(BEN)
        someone.sees("Google 還沒有回應", "waiting")
        running.clear_faults()
        page.goto(someone.callbacks[-1])
        someone.sees(AUTHORISED)
        panel.lose(BEN, "1 lost")
        someone.opens_again()
        someone.sees("需要重新授權", "lost")
        for department in ("tanhae", "anping", "sanying"):
            someone.authorise(BEN, card=department)
        panel.lose(BEN, "3 on hold")
        someone.opens_again()
        someone.sees("暫停中", "on-hold")
        card.get_by_role("link", name="看主控台").click()
        page.get_by_role("link", name="誰在暫停中 →").click()
        page.screenshot(path=visit.folder / "console.png", full_page=True)
        expect(page.locator("#held")).to_contain_text("安坑")
        someone.opens_again()
        panel.database(True)
        page.reload()
        expect(page.locator("main")).to_contain_text("資料庫沒有回應")
        visit.picture("database-away")
        panel.database(False)
        if script:
            someone.on_settings()  # it comes back by itself
        else:
            someone.opens_again()
        someone.sees("暫停中")
