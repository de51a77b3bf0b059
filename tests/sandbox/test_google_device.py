"""The device flow."""

from __future__ import annotations

import re

import pytest

from sandbox.clients.connection import SandboxError
from tests.sandbox.google_kit import AMY, BEN, Kit


async def test_device_code_looks_like_googles(kit: Kit) -> None:
    device = await kit.start_device()
    assert re.fullmatch(r"[B-DF-HJ-NP-TV-XZ]{4}-[B-DF-HJ-NP-TV-XZ]{4}", device["user_code"])
    assert (device["expires_in"], device["interval"]) == (1800, 5)
    assert device["verification_url"] == f"{kit.url}/device"


async def test_pending_is_428_and_approval_brings_tokens_once(kit: Kit) -> None:
    device = await kit.start_device()
    pending = await kit.poll(device["device_code"])
    assert (pending.status, pending.json["error"]) == (428, "authorization_pending")
    await kit.google.approve_device(device["user_code"], AMY)
    tokens = await kit.poll(device["device_code"])
    assert tokens.status == 200
    assert {"access_token", "refresh_token", "scope"} <= set(tokens.json)
    again = await kit.poll(device["device_code"])
    assert (again.status, again.json["error"]) == (400, "invalid_grant")


async def test_polling_too_soon_is_slow_down(kit: Kit) -> None:
    device = await kit.start_device()
    await kit.poll(device["device_code"])
    hasty = await kit.poll(device["device_code"])
    assert (hasty.status, hasty.json["error"]) == (403, "slow_down")
    await kit.google.act("advance_clock", seconds=5)
    assert (await kit.poll(device["device_code"])).status == 428


async def test_interval_can_be_shortened_for_tests(kit: Kit) -> None:
    await kit.google.device_interval(0)
    device = await kit.start_device()
    assert device["interval"] == 0
    assert [(await kit.poll(device["device_code"])).status for _ in range(3)] == [428] * 3


async def test_declined_is_403_access_denied(kit: Kit) -> None:
    device = await kit.start_device()
    await kit.google.approve_device(device["user_code"], AMY, allow=False)
    denied = await kit.poll(device["device_code"])
    assert (denied.status, denied.json["error"]) == (403, "access_denied")


@pytest.mark.parametrize("by_clock", [True, False])
async def test_lapsed_code_is_expired_token(kit: Kit, by_clock: bool) -> None:
    device = await kit.start_device()
    if by_clock:
        await kit.google.act("advance_clock", seconds=1801)
    else:
        assert (await kit.google.act("expire_device_codes"))["expired"] == 1
    lapsed = await kit.poll(device["device_code"])
    assert (lapsed.status, lapsed.json["error"]) == (400, "expired_token")
    with pytest.raises(SandboxError):
        await kit.google.approve_device(device["user_code"], AMY)


async def test_unticked_drive_box_grants_tokens_without_drive(kit: Kit) -> None:
    device = await kit.start_device()
    await kit.google.approve_device(device["user_code"], AMY, grant_drive=False)
    assert (await kit.poll(device["device_code"])).json["scope"] == ""


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({"scope": "https://www.googleapis.com/auth/drive"}, 400, "invalid_scope"),
        ({"scope": "rubbish"}, 400, "invalid_scope"),
        ({"scope": ""}, 400, "invalid_request"),
        ({"client_id": ""}, 400, "invalid_request"),
        ({"client_id": "nobody"}, 401, "invalid_client"),
    ],
)
async def test_bad_device_request_is_refused(
    kit: Kit, form: dict[str, str], status: int, error: str
) -> None:
    base = {"client_id": kit.client["client_id"], "scope": "email"}
    reply = await kit.ask("POST", "/device/code", data={**base, **form})
    assert (reply.status, reply.json["error"]) == (status, error)


async def test_unknown_or_missing_device_code_is_refused(kit: Kit) -> None:
    unknown = await kit.poll("rubbish")
    assert (unknown.status, unknown.json["error"]) == (400, "invalid_grant")
    missing = await kit.poll("")
    assert (missing.status, missing.json["error"]) == (400, "invalid_request")


async def test_code_page_is_prefilled_and_forgives_case_and_dash(kit: Kit) -> None:
    device = await kit.start_device()
    page = await kit.ask("GET", f"/device?user_code={device['user_code']}")
    assert device["user_code"] in page.text
    typed = device["user_code"].lower().replace("-", " ")
    reply = await kit.ask("POST", "/device", data={"user_code": typed})
    assert reply.status == 303
    chooser = await kit.ask("GET", reply.headers["location"])
    assert AMY in chooser.text


async def test_wrong_user_code_says_so(kit: Kit) -> None:
    reply = await kit.ask("POST", "/device", data={"user_code": "AAAA-AAAA"})
    assert reply.status == 400
    assert "didn’t work" in reply.text


async def test_device_tokens_belong_to_the_account_that_approved(kit: Kit) -> None:
    device = await kit.start_device()
    await kit.google.approve_device(device["user_code"], BEN)
    token = (await kit.poll(device["device_code"])).json["access_token"]
    about = await kit.ask(
        "GET",
        "/drive/v3/about?fields=user(emailAddress)",
        headers={"Authorization": f"Bearer {token}"},
    )
    assert about.json == {"user": {"emailAddress": BEN}}
