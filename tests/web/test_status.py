"""Who is told what of how departments stand."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from sandbox.clients.google_controls import GoogleControls
from sandbox.server import Sandbox
from tests.security.kit import AMY
from tests.service_accounts import ADDRESS, VARIABLE, encoded
from tests.web.kit import RunningWeb, running_web

pytestmark = [pytest.mark.encryption("on"), pytest.mark.one_way("on")]
ROUTE = "/api/google/status"


@pytest.fixture
async def web(
    sandbox: Sandbox,
    tmp_path: Path,
    encryption_keys: tuple[SecretStr, ...],
    restored_logging: None,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[RunningWeb]:
    """With a service account for 淡海 alone. Takes the place of conftest's."""
    account: dict[str, Any] = {VARIABLE: encoded(token_uri=f"{sandbox.url}/token")}
    folder = tmp_path / "user_data"
    async with running_web(sandbox, folder, encryption_keys, monkeypatch, **account) as made:
        yield made


async def test_administrators_are_told_all_and_computers_that_they_may_work(
    web: RunningWeb, google: GoogleControls
) -> None:
    await web.authorise(google, AMY)
    cookie = await web.sign_in()
    async with web.browser(cookie) as browser:
        answer = await browser.get(ROUTE)
    tanhae, anping = answer.json()["departments"]
    assert (tanhae["state"], tanhae["account"]) == ("fine", AMY)
    assert tanhae["service_account"] == {
        "address": ADDRESS,
        "key": "c41f",
        "key_state": "ok",
        "key_days": 0,
    }
    assert (anping["state"], anping.get("service_account")) == ("never", None)
    _, key = await web.add_computer()
    async with web.computer(key) as computer:
        [own] = (await computer.get(ROUTE)).json()["departments"]
    assert sorted(own) == ["department", "minutes_left", "name", "state"]
    assert ADDRESS not in web.log.getvalue()
    assert len(web.lines("service_key_seen")) == 1
