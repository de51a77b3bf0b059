"""A department authorised by the routes: with real cookies, and in two processes of one storage."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from sandbox.clients.google_controls import GoogleControls
from sandbox.server import Sandbox
from tests.web.kit import TANHAE, RunningWeb, running_web

pytestmark = [pytest.mark.encryption("on"), pytest.mark.one_way("on")]
AMY: Final = "amy@example.com"
AUTHORISED: Final = "/settings/google?department=tanhae&done=authorised"


async def redirected(web: RunningWeb, google: GoogleControls, cookie: str) -> str:
    """Asked for with this cookie, and approved at Google's page: path and query, not opened yet."""
    async with web.browser(cookie) as browser:
        asked = await browser.get("/api/google/auth-url", params={"department": "淡海"})
    back = urlsplit(await google.consent(asked.json()["auth_url"], AMY))
    return f"{back.path}?{back.query}"


async def opened(web: RunningWeb, address: str, cookie: str | None) -> tuple[int, str]:
    """What a browser with this cookie gets: the status, and where it is led."""
    async with web.browser(cookie) as browser:
        answer = await browser.get(address)
    return answer.status_code, answer.headers.get("Location", "")


async def test_only_the_session_that_asked_is_taken_back(
    web: RunningWeb, google: GoogleControls
) -> None:
    """Not another administrator's, not nobody's, and not its own once it has ended."""
    mine, others, ended = [await web.sign_in() for _ in range(3)]
    address = await redirected(web, google, mine)
    assert await opened(web, address, others) == (403, "")
    assert await opened(web, address, None) == (403, "")
    assert await web.custody.custodian.load(TANHAE.owner) is None
    assert await opened(web, address, mine) == (303, AUTHORISED)
    assert await opened(web, address, mine) == (303, AUTHORISED)
    assert len(web.lines("access_denied")) == 2
    address = await redirected(web, google, ended)
    sessions = web.services.sessions
    session = await web.custody.workers.run(sessions.find, ended)
    assert session is not None
    await web.custody.workers.run(sessions.end, session)
    assert await opened(web, address, ended) == (403, "")


async def test_twenty_tabs_at_two_processes_are_one_exchange(
    web: RunningWeb,
    google: GoogleControls,
    sandbox: Sandbox,
    tmp_path: Path,
    encryption_keys: tuple[SecretStr, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The balancer leads each of them somewhere."""
    folder, cookie = tmp_path / "user_data", await web.sign_in()
    address = await redirected(web, google, cookie)
    async with running_web(sandbox, folder, encryption_keys, monkeypatch) as beside:
        found = await asyncio.gather(*(opened(one, address, cookie) for one in [web, beside] * 10))
    assert found == [(303, AUTHORISED)] * 20
    assert (await google.calls())["counts"]["google.token.exchange"] == 1
