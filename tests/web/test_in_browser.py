"""An administrator in Chromium, against the web process and the sandbox's Google.

Screenshots are kept in test-artifacts/browser/settings-*/.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from freezegun import freeze_time
from playwright.async_api import Page, async_playwright, expect
from pydantic import SecretStr

from sandbox.clients.google_controls import GoogleControls
from sandbox.server import Sandbox
from tests.browser.conftest import OPTIONS, PATIENCE_MS
from tests.browser.kit import ARTEFACTS
from tests.installed import CHROMIUM, needs
from tests.security.kit import AMY, BEN
from tests.web.kit import OPERATOR, RunningWeb, running_web

pytestmark = [needs("chromium"), pytest.mark.encryption("on")]
SETTINGS = "/settings/google"


class Administrator:
    """At a browser; complaints of its pages fail the test."""

    def __init__(self, page: Page, web: RunningWeb, folder: Path) -> None:
        self.page = page
        self.web = web
        self._folder = folder
        self._number = 0
        self.card = page.locator("#d-tanhae")

    async def sign_in(self) -> None:
        """By a link, as the bot or the command gives it."""
        code = await self.web.custody.workers.run(self.web.services.links.make, OPERATOR)
        link = f"{self.web.url}/console/enter/{code.get_secret_value()}"
        for _ in range(3):  # as scanners do, of which some run scripts
            await self.page.goto(link, wait_until="networkidle")
        await self.picture("link")
        await self.page.get_by_role("button", name="登入").click()
        await expect(self.page.locator("h1")).to_have_text("Google 服務設定")

    async def authorise(self, account: str | None, *, drive: bool = True) -> None:
        """Press the card's button, and decide at Google; None: say no."""
        await self.card.get_by_role("button", name=re.compile("授權 Google Drive|重新授權")).click()
        await self.page.get_by_role("link").filter(has_text=account or AMY).click()
        boxes = self.page.get_by_role("checkbox")
        if not drive:
            await boxes.first.uncheck()
        await self.page.get_by_role("button", name="Allow" if account else "Cancel").click()
        await expect(self.page.locator("h1")).to_have_text("Google 服務設定")

    async def sees(self, said: str, name: str = "") -> None:
        """The card says it."""
        await expect(self.card).to_contain_text(said)
        if name:
            await self.picture(name)

    async def picture(self, name: str) -> None:
        """Keep what is to be seen."""
        self._number += 1
        path = self._folder / f"{self._number:02}-{name}.png"
        await self.page.screenshot(path=path, full_page=True)


async def sweep(web: RunningWeb) -> None:
    """The one that is due when access tokens are about to end."""
    with freeze_time(web.services.clock.now() + timedelta(minutes=50), real_asyncio=True):
        await web.custody.sweep.run()


@asynccontextmanager
async def administrator(
    web: RunningWeb, folder: str, *, script: bool
) -> AsyncIterator[Administrator]:
    """`async with administrator(web, "settings", script=True) as someone:`"""
    complaints: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        context = await browser.new_context(
            locale="zh-TW",
            timezone_id="Asia/Taipei",
            viewport={"width": 390, "height": 844},
            java_script_enabled=script,
        )
        context.set_default_timeout(PATIENCE_MS)
        page = await context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        (ARTEFACTS / folder).mkdir(parents=True, exist_ok=True)
        yield Administrator(page, web, ARTEFACTS / folder)
        await browser.close()
    assert complaints == []


@pytest.mark.one_way
@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
async def test_an_administrator_meets_each_state_of_the_card(
    web: RunningWeb, google: GoogleControls, script: bool
) -> None:
    """Never, declined, unticked, authorised, revoked, another account, Testing, lost."""
    folder = "settings-script" if script else "settings-plain"
    async with administrator(web, folder, script=script) as someone:
        page = someone.page
        await someone.sign_in()
        await someone.sees("未授權", "never")
        await someone.authorise(None)
        await someone.sees("你在 Google 的畫面按了「取消」", "declined")
        await someone.authorise(AMY, drive=False)
        await someone.sees("少了「雲端硬碟」的勾選", "unticked")
        await someone.authorise(AMY)
        await someone.sees("Google Drive 已授權（淡海）", "authorised")
        await page.reload()
        await someone.sees("Google Drive 已授權（淡海）")
        await someone.card.get_by_role("link", name="撤銷授權…").click()
        await someone.sees("撤銷後，淡海的電腦就無法上傳", "revoke")
        await someone.card.get_by_role("button", name="撤銷", exact=True).click()
        await someone.sees("Ops 已撤銷授權", "revoked")
        await google.act("testing_mode", on=True)
        await someone.authorise(BEN)
        await someone.sees(f"這次同意的是 {BEN}", "another")
        await someone.card.get_by_role("button", name=f"改用 {BEN}").click()
        await someone.sees("授權七天後會失效", "testing")
        await google.act("testing_mode", on=False)
        await google.revoke(BEN)
        await sweep(web)
        await page.goto(web.url + SETTINGS)
        await someone.sees("需要重新授權", "lost")
        await someone.authorise(BEN)
        await someone.sees("已授權", "authorised-again")
        await page.get_by_role("button", name="登出", exact=True).click()
        await expect(page.locator("main")).to_contain_text("已登出")


@pytest.mark.one_way
async def test_many_that_fail_at_once_are_on_hold(
    sandbox: Sandbox,
    tmp_path: Path,
    encryption_keys: tuple[SecretStr, ...],
    restored_logging: None,
    monkeypatch: pytest.MonkeyPatch,
    google: GoogleControls,
) -> None:
    departments = "tanhae=淡海,anping=安坑,sanying=三鶯"
    async with (
        running_web(
            sandbox, tmp_path / "user_data", encryption_keys, monkeypatch, DEPARTMENTS=departments
        ) as web,
        administrator(web, "settings-hold", script=True) as someone,
    ):
        for department in web.services.departments:
            await web.authorise(google, AMY, department)
        await google.revoke(AMY)
        await sweep(web)
        await someone.sign_in()
        await someone.sees("暫停中", "on-hold")
        await expect(someone.card.get_by_role("link", name="看主控台")).to_be_visible()
        await someone.authorise(AMY)  # it was the account after all
        await someone.sees("已授權", "released")
