"""A department authorises, and its computers get tokens."""

from __future__ import annotations

import hashlib

import pytest

from sandbox.clients.google_controls import GoogleControls
from tests.security.kit import AMY
from tests.web.kit import TANHAE, RunningWeb

pytestmark = pytest.mark.encryption("on")
ROUTE = "/api/google/get-access-token"
ASK = {"department": "tanhae"}


async def test_a_department_authorises_and_its_computer_gets_a_token(
    web: RunningWeb, google: GoogleControls
) -> None:
    await web.authorise(google, AMY)
    _, key = await web.add_computer()
    async with web.computer(key) as computer:
        answer = await computer.post(ROUTE, params={"department": "淡海"})
        again = await computer.post(ROUTE, params=ASK)
    given = answer.json()
    assert answer.status_code == 200
    assert sorted(given) == [
        *("access_token", "department", "expires_at", "expires_in", "scope", "token_type")
    ]
    assert given["token_type"] == "Bearer"
    assert given["department"] == "tanhae"
    assert 300 < given["expires_in"] <= 3600
    assert again.json()["access_token"] == given["access_token"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert "refresh" not in answer.text


async def test_a_token_that_met_a_401_is_not_given_again(
    web: RunningWeb, google: GoogleControls
) -> None:
    await web.authorise(google, AMY)
    _, key = await web.add_computer()
    async with web.computer(key) as computer:
        first = (await computer.post(ROUTE, params=ASK)).json()["access_token"]
        await google.expire_access_tokens()
        rejected = hashlib.sha256(first.encode()).hexdigest()
        second = await computer.post(ROUTE, params=ASK, json={"rejected_sha256": rejected})
        third = await computer.post(ROUTE, params=ASK, json={"rejected_sha256": rejected})
        assert second.json()["access_token"] != first
        assert third.json()["access_token"] == second.json()["access_token"]


async def test_a_department_that_nobody_authorised_says_whom_to_ask(web: RunningWeb) -> None:
    _, key = await web.add_computer()
    async with web.computer(key, **{"Accept-Language": "zh-TW"}) as computer:
        answer = await computer.post(ROUTE, params=ASK)
    assert (answer.status_code, answer.json()["code"]) == (409, "consent_required")
    [line] = web.lines("token_not_given")
    assert '"result": "not_connected"' in line
    assert "管理員" in answer.json()["detail"]


async def test_a_revocation_works_within_a_second(web: RunningWeb, google: GoogleControls) -> None:
    await web.authorise(google, AMY)
    _, key = await web.add_computer()
    cookie = await web.sign_in()
    async with web.computer(key) as computer, web.browser(cookie) as browser:
        assert (await computer.post(ROUTE, params=ASK)).status_code == 200
        ended = await browser.delete("/api/google/authorization", params=ASK)
        assert ended.json() == {"revoked": True, "shared": False}
        assert (await computer.post(ROUTE, params=ASK)).status_code == 409
        again = await browser.delete("/api/google/authorization", params=ASK)
        [tanhae, _] = (await browser.get("/api/google/status")).json()["departments"]
        assert (tanhae["state"], "revoked_at" in tanhae) == ("never", True)
        assert (again.status_code, again.json()["code"]) == (409, "not_connected")


async def test_a_status_tells_a_computer_of_its_own_department_alone(
    web: RunningWeb, google: GoogleControls
) -> None:
    await web.authorise(google, AMY)
    _, key = await web.add_computer(TANHAE, ("upload",))
    cookie = await web.sign_in()
    async with web.computer(key) as computer, web.browser(cookie) as browser:
        told = (await computer.get("/api/google/status")).json()["departments"]
        [own, other] = (await browser.get("/api/google/status")).json()["departments"]
    assert [sorted(one) for one in told] == [["department", "minutes_left", "name", "state"]]
    assert (own["state"], own["account"], other["state"]) == ("fine", AMY, "never")


async def test_a_pairing_code_becomes_a_key_that_works(
    web: RunningWeb, google: GoogleControls
) -> None:
    await web.authorise(google, AMY)
    cookie = await web.sign_in()
    wanted = {"department": "淡海", "label": "站務電腦", "may": ["token", "upload"]}
    async with web.browser(cookie) as browser, web.browser() as nobody:
        made = await browser.post("/api/clients/pairing-codes", json=wanted)
        assert made.status_code == 201
        paired = await nobody.post("/api/clients/pair", json={"code": made.json()["code"]})
        assert paired.status_code == 201
        spent = await nobody.post("/api/clients/pair", json={"code": made.json()["code"]})
        assert spent.status_code == 400
        async with web.computer(paired.json()["key"]) as computer:
            assert (await computer.post(ROUTE, params=ASK)).status_code == 200
        [listed] = (await browser.get("/api/clients")).json()["clients"]
        assert listed["label"] == "站務電腦"
        ended = await browser.delete(f"/api/clients/{listed['id']}")
        assert ended.json()["state"] == "revoked"
        async with web.computer(paired.json()["key"]) as computer:
            refused = await computer.post(ROUTE, params=ASK)
        assert (refused.status_code, refused.json()["code"]) == (401, "key_revoked")
        assert refused.headers["WWW-Authenticate"] == "Bearer"
