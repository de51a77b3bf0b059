"""Tokens of service accounts: the statement's signature, audience and times are all looked at."""

from __future__ import annotations

import json
import time
from asyncio import to_thread
from typing import Any

import pytest
from pydantic import SecretStr

from config.service_accounts import ServiceAccountKey
from departments.service_accounts.token import SCOPE, fetch_token
from sandbox.google.oauth.service_accounts import made
from sandbox.server import Sandbox
from security.errors import OperatorFault, TransientFault
from security.google.network import DIRECT
from tests.sandbox.google_kit import Kit
from tests.sandbox.sheets_kit import READONLY, Sheets, statement
from tests.service_accounts import ADDRESS, KEY_ID, pem_of, rsa_key

SHORT_LIVED = "Invalid JWT: Token must be a short-lived token (60 minutes)"
SIGNATURE = "Invalid JWT Signature."
NOW = time.time()


@pytest.fixture
async def sheets(kit: Kit) -> Sheets:
    found = Sheets(kit)
    await found.know()
    return found


async def test_a_signed_statement_gives_a_token_for_an_hour(sheets: Sheets) -> None:
    for signed in (statement(), statement(aud=f"{sheets.kit.url}/token")):
        reply = await sheets.exchange(signed)
        assert reply.status == 200
        assert set(reply.json) == {"access_token", "expires_in", "token_type"}
        assert reply.json["expires_in"] == 3599
    calls = await sheets.kit.google.calls()
    assert calls["counts"]["google.token.service_account"] == 2
    assert calls["calls"][-1]["owner"] == ADDRESS


@pytest.mark.parametrize(
    ("key", "changes", "says"),
    [
        (1, {}, SIGNATURE),
        (0, {"kid": "another"}, SIGNATURE),
        (0, {"iss": "nobody@example-project.iam.gserviceaccount.com"}, "account not found"),
        (0, {"aud": "https://oauth2.example.com/token"}, "Failed audience check"),
        (0, {"aud": None}, "Failed audience check"),
        (0, {"iat": NOW - 7200, "exp": NOW - 3600}, SHORT_LIVED),
        (0, {"iat": NOW - 3600, "exp": NOW}, SHORT_LIVED),
        (0, {"iat": NOW, "exp": NOW + 3601}, SHORT_LIVED),
        (0, {"iat": NOW + 9000, "exp": NOW + 9200}, SHORT_LIVED),
        (0, {"iat": NOW + 10, "exp": NOW + 5}, SHORT_LIVED),
        (0, {"iat": None}, SHORT_LIVED),
        (0, {"exp": "soon"}, SHORT_LIVED),
        (0, {"sub": "amy@example.com"}, "unauthorized"),
        (0, {"scope": None}, "Invalid OAuth scope"),
        (0, {"scope": f"{READONLY} https://www.googleapis.com/auth/moon"}, "Invalid OAuth scope"),
    ],
)
async def test_what_is_wrong_with_a_statement_is_refused(
    sheets: Sheets, key: int, changes: dict[str, Any], says: str
) -> None:
    reply = await sheets.exchange(statement(key, **changes))
    assert reply.status in (400, 401)
    assert says.lower() in reply.json["error_description"].lower()


@pytest.mark.parametrize("changed", ["", "x", "a.b.c", "e30.e30.", "W10.W10.eA", "x.y"])
async def test_what_is_no_statement_is_refused(sheets: Sheets, changed: str) -> None:
    assert (await sheets.exchange(changed)).status == 400


async def test_claims_changed_after_the_signature_are_refused(sheets: Sheets) -> None:
    mine, other = statement().split("."), statement(exp=NOW + 3000, iat=NOW).split(".")
    reply = await sheets.exchange(".".join((mine[0], other[1], mine[2])))
    assert reply.json["error_description"] == SIGNATURE
    unsigned = "eyJhbGciOiJub25lIn0"  # {"alg":"none"}
    reply = await sheets.exchange(".".join((unsigned, mine[1], "")))
    assert reply.json["error_description"] == SIGNATURE


async def test_googles_clock_counts_not_the_machines(sheets: Sheets) -> None:
    await sheets.kit.google.act("advance_clock", seconds=3601)
    assert SHORT_LIVED in (await sheets.exchange(statement())).text
    assert (await sheets.exchange(statement(now=NOW + 3601))).status == 200
    await sheets.kit.google.act("advance_clock", seconds=-7200)
    assert SHORT_LIVED in (await sheets.exchange(statement())).text


async def test_keys_and_accounts_can_be_taken_away(sheets: Sheets) -> None:
    await sheets.know(disabled=True)
    assert (await sheets.exchange(statement())).json["error"] == "invalid_grant"
    await sheets.know()
    assert (await sheets.exchange(statement())).status == 200
    await sheets.know(public_key="")
    assert (await sheets.exchange(statement())).json["error_description"] == SIGNATURE
    state = (await sheets.kit.google.state())["service_accounts"]
    assert state == {ADDRESS: {"keys": [], "disabled": False}}


async def test_what_the_product_signs_is_taken(sheets: Sheets, kit: Kit) -> None:
    """By google-auth, over the product's own connections."""
    key = ServiceAccountKey(ADDRESS, KEY_ID, SecretStr(pem_of(rsa_key())), "")
    token = await to_thread(fetch_token, key, f"{kit.url}/token", DIRECT)
    access = kit.sandbox.google.grants.bearer(token.value.get_secret_value())  # type: ignore[union-attr]
    assert access is not None
    assert (access.account, access.scopes) == (ADDRESS, [SCOPE])
    await kit.google.act("advance_clock", seconds=4000)
    with pytest.raises(OperatorFault, match="this machine's clock is wrong"):
        await to_thread(fetch_token, key, f"{kit.url}/token", DIRECT)


@pytest.mark.parametrize("status", [303, 307, 308])
async def test_a_signed_statement_follows_no_redirect(
    kit: Kit, sheets: Sheets, status: int
) -> None:
    """Whoever answers for Google sends it nowhere else, with or without what was signed."""
    key = ServiceAccountKey(ADDRESS, KEY_ID, SecretStr(pem_of(rsa_key())), "")
    there = {"Location": f"{kit.url}/drive/v3/about"}
    await kit.google.fault("google.token.service_account", "odd", status=status, headers=there)
    with pytest.raises(TransientFault):
        await to_thread(fetch_token, key, f"{kit.url}/token", DIRECT)
    assert (await sheets.kit.google.calls())["counts"] == {"google.token.service_account": 1}


async def test_an_account_of_the_sandboxs_own_is_a_key_file_of_googles(sandbox: Sandbox) -> None:
    account, file = made("tanhae", f"{sandbox.url}/token")
    key = ServiceAccountKey.parse(json.dumps(file), f"{sandbox.url}/token")
    assert (key.address, [key.id]) == (account.address, [*account.keys])
