"""Codes, tokens, and how they end."""

from __future__ import annotations

import base64
import re
import time
from email.utils import parsedate_to_datetime

import pytest

from tests.sandbox.google_kit import (
    AMY,
    BEN,
    CHALLENGE,
    REDIRECT,
    VERIFIER,
    Kit,
    Reply,
    answer_of,
)


def assert_refused(reply: Reply, status: int, error: str) -> None:
    """Google's shape of an OAuth refusal."""
    assert (reply.status, reply.json["error"]) == (status, error)
    assert set(reply.json) <= {"error", "error_description"}


async def test_code_buys_tokens_that_look_like_googles(kit: Kit) -> None:
    tokens = await kit.connect()
    assert re.match(r"ya29\.", tokens["access_token"])
    assert re.match(r"1//", tokens["refresh_token"])
    assert (tokens["expires_in"], tokens["token_type"]) == (3599, "Bearer")


async def test_redirect_carries_code_scope_and_the_exact_state(kit: Kit) -> None:
    answer = answer_of(await kit.google.consent(kit.auth_url(), AMY))
    assert answer["state"] == "st/ate&1"
    assert answer["scope"].endswith("/auth/drive.file")
    assert answer["code"].startswith("4/")


async def test_cancel_redirects_with_access_denied(kit: Kit) -> None:
    answer = answer_of(await kit.google.consent(kit.auth_url(), AMY, allow=False))
    assert answer["error"] == "access_denied"
    assert answer["state"] == "st/ate&1"
    assert "code" not in answer


async def test_unticked_drive_box_grants_a_code_without_drive(kit: Kit) -> None:
    url = kit.auth_url(scope="openid https://www.googleapis.com/auth/drive.file")
    answer = answer_of(await kit.google.consent(url, AMY, grant_drive=False))
    assert answer["scope"] == "openid"
    tokens = (await kit.exchange(answer["code"])).json
    assert tokens["scope"] == "openid"


async def test_code_works_once_and_its_reuse_takes_the_tokens_back(kit: Kit) -> None:
    code = await kit.code()
    tokens = (await kit.exchange(code)).json
    assert_refused(await kit.exchange(code), 400, "invalid_grant")
    assert_refused(await kit.refresh(tokens["refresh_token"]), 400, "invalid_grant")


async def test_code_dies_after_ten_minutes(kit: Kit) -> None:
    code = await kit.code()
    await kit.google.act("advance_clock", seconds=601)
    assert_refused(await kit.exchange(code), 400, "invalid_grant")


async def test_code_is_bound_to_its_redirect_address(kit: Kit) -> None:
    reply = await kit.exchange(await kit.code(), redirect_uri=f"{REDIRECT}/other")
    assert_refused(reply, 400, "redirect_uri_mismatch")


async def test_code_is_bound_to_its_client(kit: Kit) -> None:
    await kit.google.act("client", client_id="other", secret="other-secret")
    code = await kit.code()
    reply = await kit.exchange(code, client_id="other", client_secret="other-secret")
    assert_refused(reply, 400, "invalid_grant")


async def test_rubbish_code_is_malformed(kit: Kit) -> None:
    assert_refused(await kit.exchange("rubbish"), 400, "invalid_grant")


@pytest.mark.parametrize(("method", "challenge"), [("S256", CHALLENGE), ("plain", VERIFIER)])
async def test_pkce_verifier_is_demanded_and_checked(kit: Kit, method: str, challenge: str) -> None:
    code = await kit.code(code_challenge=challenge, code_challenge_method=method)
    missing = await kit.exchange(code)
    assert missing.json["error_description"] == "Missing code verifier."
    wrong = await kit.exchange(code, code_verifier="w" * 64)
    assert wrong.json["error_description"] == "Invalid code verifier."
    assert (await kit.exchange(code, code_verifier=VERIFIER)).status == 200


async def test_refresh_token_only_for_offline_access(kit: Kit) -> None:
    assert "refresh_token" not in await kit.connect(access_type=None)


async def test_refresh_token_only_at_first_consent_unless_asked_again(kit: Kit) -> None:
    assert "refresh_token" in await kit.connect(prompt=None)
    chosen = kit.auth_url(prompt=None, login_hint=AMY)
    page = await kit.ask("GET", chosen)
    redirect = await kit.ask("GET", page.headers["location"])  # no second consent page
    again = await kit.exchange(answer_of(redirect.headers["location"])["code"])
    assert "refresh_token" not in again.json
    assert "refresh_token" in await kit.connect(prompt="consent")


async def test_client_may_authenticate_by_http_basic(kit: Kit) -> None:
    token = (await kit.connect())["refresh_token"]
    pair = base64.b64encode(":".join(kit.client.values()).encode()).decode()
    reply = await kit.ask(
        "POST",
        "/token",
        data={"grant_type": "refresh_token", "refresh_token": token},
        headers={"Authorization": f"Basic {pair}"},
    )
    assert reply.status == 200


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"client_id": "nobody"}, 401, "invalid_client"),
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_secret": ""}, 400, "invalid_request"),
        ({"client_id": ""}, 400, "invalid_request"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"refresh_token": "1//rubbish"}, 400, "invalid_grant"),
        ({"refresh_token": ""}, 400, "invalid_request"),
    ],
)
async def test_bad_token_request_is_refused(
    kit: Kit, changes: dict[str, str], status: int, error: str
) -> None:
    form = {"grant_type": "refresh_token", "refresh_token": "1//x", **changes}
    assert_refused(await kit.token(**form), status, error)


@pytest.mark.parametrize(
    ("state", "error"),
    [
        ("deleted", "deleted_client"),
        ("disabled", "disabled_client"),
        ("wrong_secret", "invalid_client"),
    ],
)
async def test_broken_client_is_an_error_of_its_own(kit: Kit, state: str, error: str) -> None:
    token = (await kit.connect())["refresh_token"]
    await kit.google.act("client", client_id=kit.client["client_id"], state=state)
    assert_refused(await kit.refresh(token), 401, error)
    await kit.google.act("client", client_id=kit.client["client_id"], state="ok")
    assert (await kit.refresh(token)).status == 200


async def test_refresh_token_of_another_client_is_unauthorized(kit: Kit) -> None:
    token = (await kit.connect())["refresh_token"]
    await kit.google.act("client", client_id="other", secret="other-secret")
    reply = await kit.token(
        grant_type="refresh_token",
        refresh_token=token,
        client_id="other",
        client_secret="other-secret",
    )
    assert_refused(reply, 401, "unauthorized_client")


async def test_refresh_answers_without_a_new_refresh_token(kit: Kit) -> None:
    tokens = await kit.connect()
    answer = (await kit.refresh(tokens["refresh_token"])).json
    assert "refresh_token" not in answer
    assert answer["access_token"] != tokens["access_token"]


async def test_rotation_rejects_the_used_refresh_token(kit: Kit) -> None:
    await kit.google.act("rotate_refresh_tokens", on=True)
    first = (await kit.connect())["refresh_token"]
    second = (await kit.refresh(first)).json["refresh_token"]
    assert_refused(await kit.refresh(first), 400, "invalid_grant")
    assert (await kit.refresh(second)).status == 200


async def test_hundred_and_first_refresh_token_silently_ends_the_oldest(kit: Kit) -> None:
    tokens = [(await kit.connect())["refresh_token"] for _ in range(101)]
    assert_refused(await kit.refresh(tokens[0]), 400, "invalid_grant")
    assert (await kit.refresh(tokens[1])).status == 200
    assert (await kit.refresh(tokens[100])).status == 200


async def test_testing_mode_ends_refresh_tokens_after_seven_days(kit: Kit) -> None:
    await kit.google.act("testing_mode", on=True)
    tokens = await kit.connect()
    assert tokens["refresh_token_expires_in"] == 604799
    await kit.google.act("advance_clock", seconds=6 * 86400)
    refreshed = await kit.refresh(tokens["refresh_token"])
    assert refreshed.status == 200
    assert 86400 - 60 < refreshed.json["refresh_token_expires_in"] <= 86400
    await kit.google.act("advance_clock", seconds=86401)
    reply = await kit.refresh(tokens["refresh_token"])
    assert_refused(reply, 400, "invalid_grant")
    assert reply.json["error_description"] == "Token has been expired or revoked."


async def test_project_in_production_sets_refresh_tokens_no_term(kit: Kit) -> None:
    tokens = await kit.connect()
    assert "refresh_token_expires_in" not in tokens
    assert "refresh_token_expires_in" not in (await kit.refresh(tokens["refresh_token"])).json


async def test_answers_carry_googles_time(kit: Kit) -> None:
    """Google's clock, which a test may set ahead; the sandbox's own pages keep the machine's."""

    async def ahead(method: str, path: str) -> float:
        date = (await kit.ask(method, path)).headers["date"]
        return parsedate_to_datetime(date).timestamp() - time.time()

    assert abs(await ahead("POST", "/token")) < 30
    await kit.google.act("advance_clock", seconds=600)
    assert abs(await ahead("POST", "/token") - 600) < 30
    assert abs(await ahead("GET", "/drive/v3/about") - 600) < 30
    assert abs(await ahead("GET", "/sandbox/control")) < 30


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
async def test_revoking_any_token_ends_every_token_of_the_account(
    kit: Kit, method: str, kind: str
) -> None:
    first, second, other = await kit.connect(), await kit.connect(), await kit.connect(BEN)
    reply = await kit.ask(method, "/revoke", params={"token": first[kind]})
    assert (reply.status, reply.json) == (200, {})
    for tokens in (first, second):
        assert_refused(await kit.refresh(tokens["refresh_token"]), 400, "invalid_grant")
        about = await kit.ask(
            "GET",
            "/drive/v3/about?fields=user",
            headers={"Authorization": f"Bearer {tokens['access_token']}"},
        )
        assert about.status == 401
    assert (await kit.refresh(other["refresh_token"])).status == 200


async def test_revoking_with_the_token_in_the_body_works(kit: Kit) -> None:
    token = (await kit.connect())["refresh_token"]
    assert (await kit.ask("POST", "/revoke", data={"token": token})).status == 200


async def test_revoking_an_unknown_or_revoked_token_is_invalid_token(kit: Kit) -> None:
    token = (await kit.connect())["refresh_token"]
    await kit.google.revoke(AMY)
    for dead in (token, "rubbish"):
        assert_refused(
            await kit.ask("POST", "/revoke", params={"token": dead}), 400, "invalid_token"
        )


async def test_access_tokens_expire_by_the_clock_and_on_demand(kit: Kit) -> None:
    drive = await kit.bearer()
    assert (await drive.listed()).status == 200
    await kit.google.act("advance_clock", seconds=3600)
    assert (await drive.listed()).status == 401
    drive = await kit.bearer()
    assert await kit.google.expire_access_tokens(BEN) == 0
    assert await kit.google.expire_access_tokens(AMY) == 1
    assert (await drive.listed()).status == 401


async def test_limited_access_is_told_and_ends(kit: Kit) -> None:
    """The user's own choice, for one account."""
    await kit.google.act("limit_access", account="amy@example.com", seconds=86400)
    tokens = await kit.connect()
    assert tokens["refresh_token_expires_in"] == 86399
    await kit.google.act("advance_clock", seconds=3600)
    refreshed = await kit.refresh(tokens["refresh_token"])
    assert 82800 - 60 < refreshed.json["refresh_token_expires_in"] <= 82800
    await kit.google.act("advance_clock", seconds=86400)
    assert_refused(await kit.refresh(tokens["refresh_token"]), 400, "invalid_grant")
    assert "refresh_token_expires_in" not in await kit.connect("ben@example.com")
