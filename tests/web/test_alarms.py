"""A key of a department's computer in other hands: noticed by its requests, told elsewhere."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.monitoring.metrics import Metrics
from departments.clients.desk import REMEMBERED_SECONDS
from processes.sweeping import alerting
from sandbox.clients.google_controls import GoogleControls
from sandbox.server import Sandbox
from tests.departments.test_alerts import SECRET, Told
from tests.departments.test_alerts import told as told  # a fixture
from tests.security.kit import AMY
from tests.web.kit import RunningWeb, running_web
from web.activity import Activity

pytestmark = [pytest.mark.one_way("on"), pytest.mark.encryption("on")]
ROUTE = "/api/google/get-access-token?department=tanhae"
MACHINE = "X-Drivekeeper-Machine"


async def get_token(web: RunningWeb, key: SecretStr, machine: str) -> tuple[int, str]:
    """The answer's status and, where it is a refusal, its code."""
    async with web.computer(key, **{MACHINE: machine}) as computer:
        answer = await computer.post(ROUTE)
    return answer.status_code, answer.json().get("code", "")


async def test_a_second_machine_is_told_to_the_address_that_is_set(
    web: RunningWeb, google: GoogleControls, told: Told
) -> None:
    await web.authorise(google, AMY)
    client, key = await web.add_computer()
    settings = web.settings.model_copy(update={"alert_webhook_url": told.address})
    assert await get_token(web, key, "desk-1") == (200, "")
    assert await get_token(web, key, "desk-2") == (200, "")
    metrics = Metrics()
    async with alerting(web.custody, settings, metrics, Activity()), asyncio.timeout(10):
        while not told.bodies:  # noqa: ASYNC110 - of what it does nothing but this can be seen
            await asyncio.sleep(0.01)
    [body] = told.bodies
    assert 'drivekeeper_incidents{result="client_second_machine"} 1.0' in metrics.text().decode()
    assert (body["code"], body["state"], body["count"]) == ("client_second_machine", "opened", 1)
    assert body["link"] == f"{web.url}/console"
    assert client.id not in str(body)
    log = web.log.getvalue()
    assert '"incident_opened"' in log
    assert SECRET not in log
    assert key.get_secret_value() not in log
    assert "desk-2" not in log
    assert client.label not in log
    assert json.dumps(client.label)[1:-1] not in log


async def test_it_is_blocked_at_once_where_that_is_set(
    sandbox: Sandbox,
    google: GoogleControls,
    tmp_path: Path,
    encryption_keys: tuple[SecretStr, ...],
    restored_logging: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    start = running_web(
        sandbox, tmp_path / "user_data", encryption_keys, monkeypatch, CLIENT_ALARM="block"
    )
    async with start as web:
        await web.authorise(google, AMY)
        client, key = await web.add_computer()
        assert await get_token(web, key, "desk-1") == (200, "")
        assert await get_token(web, key, "desk-2") == (401, "key_blocked")
        assert await get_token(web, key, "desk-1") == (401, "key_blocked")
        await web.services.desk.unblock(client.id, "operator:Ops")
        assert await get_token(web, key, "desk-1") == (200, "")
        assert await get_token(web, key, "desk-2") == (200, "")


async def test_who_asks_too_often_is_told_when_to_come_back(
    web: RunningWeb, google: GoogleControls
) -> None:
    await web.authorise(google, AMY)
    _, key = await web.add_computer()
    async with web.computer(key) as computer:
        answers = [await computer.post(ROUTE) for _ in range(31)]
    assert [answer.status_code for answer in answers] == [*[200] * 30, 429]
    assert answers[-1].json()["code"] == "rate_limited"
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 60


@pytest.mark.one_way
async def test_a_block_and_its_end_are_everywhere_within_a_second(
    sandbox: Sandbox,
    google: GoogleControls,
    tmp_path: Path,
    encryption_keys: tuple[SecretStr, ...],
    restored_logging: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also where the key was found good just now; unblocked by the API."""
    folder = tmp_path / "user_data"
    web_, beside_ = [
        running_web(sandbox, folder, encryption_keys, monkeypatch, CLIENT_ALARM="block")
        for _ in range(2)
    ]
    async with web_ as web, beside_ as beside:
        await web.authorise(google, AMY)
        client, key = await web.add_computer()
        assert await get_token(web, key, "desk-1") == (200, "")
        assert await get_token(beside, key, "desk-1") == (200, "")
        assert await get_token(web, key, "desk-2") == (401, "key_blocked")
        await asyncio.sleep(REMEMBERED_SECONDS)
        assert await get_token(beside, key, "desk-1") == (401, "key_blocked")
        async with web.browser(await web.sign_in()) as browser:
            ended = await browser.post(
                f"/api/clients/{client.id}/unblock", headers={"Content-Type": "application/json"}
            )
        assert (ended.status_code, ended.json()["state"]) == (200, "active")
        assert await get_token(web, key, "desk-1") == (200, "")
        await asyncio.sleep(REMEMBERED_SECONDS)
        assert await get_token(beside, key, "desk-1") == (200, "")
