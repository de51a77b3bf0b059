"""Sign-in links among those who open whatever they are sent, and over several processes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest
from playwright.async_api import Request, async_playwright
from pydantic import SecretStr

from sandbox.server import Sandbox
from tests.browser.conftest import OPTIONS
from tests.installed import CHROMIUM, needs
from tests.web.kit import OPERATOR, RunningWeb, running_web
from tests.web.pages_kit import SETTINGS
from web.gate.signed_in import COOKIE

pytestmark = pytest.mark.encryption("on")
PREVIEWS: Final = (
    "TelegramBot (like TwitterBot)",
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "Slack-ImgProxy (+https://api.slack.com/robots)",
    "WhatsApp/2.23.20.0",
    "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
    "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) SafeLinks/1.0 Barracuda Sentinel (EE)",
    "Mozilla/5.0 (compatible; Google-Safety; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; YandexBot/3.0; MirrorDetector; +http://yandex.com/bots)",
    "LinkedInBot/1.0 (compatible; Mozilla/5.0; Apache-HttpClient +http://www.linkedin.com)",
)


@pytest.fixture
async def beside(
    web: RunningWeb,
    sandbox: Sandbox,
    tmp_path: Path,
    encryption_keys: tuple[SecretStr, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[RunningWeb]:
    """Another process on the same storage, behind the same address."""
    folder = tmp_path / "user_data"
    async with running_web(sandbox, folder, encryption_keys, monkeypatch) as made:
        yield made


async def new_link(web: RunningWeb) -> str:
    code = await web.custody.workers.run(web.services.links.make, OPERATOR)
    return f"/console/enter/{code.get_secret_value()}"


@pytest.mark.one_way("on")
async def test_no_preview_of_a_chat_or_mail_spends_a_link(web: RunningWeb) -> None:
    """Nor learns anything by it, be it told how to by the page."""
    link = await new_link(web)
    async with web.browser() as browser:
        for agent in PREVIEWS:
            for how in ({}, {"Range": "bytes=0-32767"}, {"Sec-Purpose": "prefetch;prerender"}):
                answer = await browser.get(link, headers={"User-Agent": agent, **how})
                assert answer.status_code == 200
                assert "Set-Cookie" not in answer.headers
                assert "Refresh" not in answer.headers
                for word in ("og:", "http-equiv", OPERATOR.partition(":")[2], "淡海"):
                    assert word not in answer.text
                assert (await browser.head(link, headers={"User-Agent": agent})).status_code == 200
        assert (await browser.post(link)).status_code == 303


async def test_of_twenty_at_two_processes_one_is_signed_in(
    web: RunningWeb, beside: RunningWeb
) -> None:
    """The balancer leads each of them somewhere; who has lost gets no cookie."""
    link = await new_link(web)
    async with web.browser() as here, beside.browser() as there:
        answers = await asyncio.gather(*(one.post(link) for one in [here, there] * 10))
        assert sorted(answer.status_code for answer in answers) == [303, *[410] * 19]
        [won] = [answer for answer in answers if "Set-Cookie" in answer.headers]
        assert won.status_code == 303
        cookie = won.headers["Set-Cookie"].partition("=")[2].partition(";")[0]
    for process in (web, beside):
        async with process.browser(cookie) as browser:
            assert (await browser.get(SETTINGS)).status_code == 200
    assert len(web.lines("access_denied")) + len(beside.lines("access_denied")) == 19


@pytest.mark.one_way("on")
async def test_who_signs_out_at_one_process_is_out_at_the_other_at_once(
    web: RunningWeb, beside: RunningWeb
) -> None:
    cookie = await web.sign_in()
    async with beside.browser(cookie) as browser:
        assert (await browser.get(SETTINGS)).status_code == 200
        sessions = web.services.sessions
        assert await web.custody.workers.run(sessions.end_all, OPERATOR) == 1
        assert (await browser.get(SETTINGS)).status_code == 303


@pytest.mark.one_way
@needs("chromium")
async def test_a_scanner_that_runs_scripts_spends_no_link(web: RunningWeb) -> None:
    """It waits as long as scanners do, moves about, and reports what the page has asked for."""
    link = await new_link(web)
    asked: list[str] = []

    def note(request: Request) -> None:
        asked.append(request.method)

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        context = await browser.new_context(user_agent=PREVIEWS[6])
        page = await context.new_page()
        page.on("request", note)
        for _ in range(3):
            await page.goto(f"{web.url}{link}", wait_until="networkidle")
            await page.mouse.move(200, 300)
            await page.keyboard.press("Tab")
            await page.mouse.wheel(0, 2000)
            await page.evaluate("new Promise((done) => setTimeout(done, 3000))")
            await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        cookies = {one.get("name") for one in await context.cookies()}
        await browser.close()
    assert set(asked) == {"GET"}
    assert COOKIE not in cookies
    async with web.browser() as someone:
        assert (await someone.post(link)).status_code == 303
