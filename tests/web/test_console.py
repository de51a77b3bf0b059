"""The console as `drivekeeper web` serves it: behind the gate, with Google beside it."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from freezegun import freeze_time
from pydantic import SecretStr

from departments.administrators import who
from departments.administrators.links import ENTER_PATH
from departments.overview import Overview
from sandbox.clients.google_controls import GoogleControls
from sandbox.server import Sandbox
from security.maintenance.state import MaintenanceState
from tests.pages.kit import Html
from tests.security.kit import AMY
from tests.web.kit import TANHAE, RunningWeb, running_web

pytestmark = pytest.mark.encryption("on")
PAGES = ("", "/live", "/incidents", "/quarantine", "/computers", "/processes", "/audit")


async def press(browser: httpx.AsyncClient, path: str, button: str) -> httpx.Response:
    """The first button of this name on a page, as its form has it."""
    page = Html((await browser.get(path)).text)
    form = next(
        form
        for form in page.all("form")
        for one in form.children
        if one.tag == "button" and one.text.startswith(button)
    )
    fields = {
        one.attributes["name"]: one.attributes.get("value", "")
        for one in form.children
        if one.tag == "input"
    }
    return await browser.post(form.attributes["action"], data=fields)


async def test_an_administrator_restores_what_google_still_accepts(
    web: RunningWeb, google: GoogleControls
) -> None:
    """By the page's own button; what Google has taken back meanwhile is said to be so."""
    await web.authorise(google, "amy@example.com")
    copies = web.custody.store.copies
    await web.custody.workers.run(copies.set_aside, TANHAE.owner, "invalid_grant")
    cookie = await web.sign_in(who.user(501))
    async with web.browser(cookie, **{"Accept-Language": "en"}) as browser:
        answer = await press(browser, "/console/quarantine", "Restore")
        assert (answer.status_code, answer.headers["Location"]) == (
            303,
            "/console/quarantine?done=restored",
        )
        assert "Google accepts it" in (await browser.get(answer.headers["Location"])).text
        assert web.custody.store.load(TANHAE.owner) is not None
        await google.revoke("amy@example.com")
        await web.custody.workers.run(copies.set_aside, TANHAE.owner, "invalid_grant")
        answer = await press(browser, "/console/quarantine", "Restore")
        assert answer.headers["Location"] == "/console/quarantine?done=restored_refused"
        assert "1 copy" in (await browser.get("/console/quarantine")).text
    said = [
        (entry.action, entry.result) for entry in web.custody.storage.events(action="confirmed")
    ]
    assert said == [("confirmed", "restored")] * 2


async def test_every_page_of_the_console_is_strict_and_kept_by_nobody(web: RunningWeb) -> None:
    """Its headers are the gate's; without a session one is led to how to sign in."""
    async with web.browser(await web.sign_in()) as browser, web.browser() as stranger:
        for page in PAGES:
            answer = await browser.get(f"/console{page}")
            assert answer.status_code == 200
            policy = answer.headers["Content-Security-Policy"]
            assert policy.startswith("default-src 'none'")
            assert "unsafe" not in policy
            assert answer.headers["Cache-Control"] == "no-store"
            head = await browser.head(f"/console{page}")
            assert (head.status_code, head.content) == (200, b"")
            led = await stranger.get(f"/console{page}")
            assert (led.status_code, led.headers["Location"]) == (303, ENTER_PATH)
        trail = await browser.get("/console/audit.csv")
        assert trail.headers["Content-Type"].startswith("text/csv")
        assert trail.headers["Cache-Control"] == "no-store"
        assert re.match("\ufefftime,action,owner,result", trail.text)
        style = Html((await browser.get("/console")).text)
        sheets = [
            one.attributes["href"]
            for one in style.all("link")
            if "console" in one.attributes["href"]
        ]
        assert (await stranger.get(sheets[0])).headers["Content-Type"].startswith("text/css")


@pytest.mark.one_way("sqlite")
async def test_the_console_knows_at_once_who_was_authorised_again(
    sandbox: Sandbox,
    tmp_path: Path,
    encryption_keys: tuple[SecretStr, ...],
    restored_logging: None,
    monkeypatch: pytest.MonkeyPatch,
    google: GoogleControls,
) -> None:
    """No sweep need come first; what other processes say of the department is the same."""
    departments = "tanhae=淡海,anping=安坑,sanying=三鶯"
    async with running_web(
        sandbox, tmp_path / "user_data", encryption_keys, monkeypatch, DEPARTMENTS=departments
    ) as web:
        if not web.custody.storage.is_shared:
            pytest.skip("on files the bot remembers who is on hold")
        for department in web.services.departments:
            await web.authorise(google, AMY, department)
        await google.revoke(AMY)
        with freeze_time(web.services.clock.now() + timedelta(minutes=50), real_asyncio=True):
            await web.custody.sweep.run()
        custody = web.custody
        beside = MaintenanceState(custody.storage, custody.workers)
        beside.load()
        others = Overview(web.services.departments, custody.workers, custody.store, beside)
        assert {one.state for one in await others.of_all()} == {"on_hold"}
        async with web.browser(await web.sign_in(), **{"Accept-Language": "en"}) as browser:

            async def said(page: str = "") -> str:
                web.services.console.look.forget()  # it is a few seconds later
                return Html((await browser.get(f"/console{page}")).text).all("main")[0].text

            assert "3 credentials are on hold" in await said()
            await web.authorise(google, AMY, TANHAE)
            assert "2 credentials are on hold" in await said()
            assert "1 credential is refreshed as usual" in await said()
            assert "2 owners" in await said("/quarantine")
        assert [one.state for one in await others.of_all()] == ["fine", "on_hold", "on_hold"]
