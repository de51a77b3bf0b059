"""How long Google lets a grant live, where it sets a term: known from the first day.

An app in "Testing" gets seven days (https://developers.google.com/identity/protocols/oauth2#expiration).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from security.consent.pending import Flow
from security.credential import Credential
from security.encryption import TokenEncryption
from security.google.grants import TokenGrant
from tests.security.kit import ANN, World, a_credential, in_minutes
from tests.security.test_consent import FLOWS, approve, begin, finish

WEEK = timedelta(days=7)
SUSPECTED = "testing_status_suspected"


@pytest.fixture
def keyring() -> TokenEncryption:
    """Encryption makes no difference here: once is enough."""
    return TokenEncryption()


async def connect(world: World, flow: Flow) -> tuple[Credential, list[str]]:
    """Ann connects as people do; what is stored, and the warnings of it."""
    with capture_logs() as log:
        pending = await begin(world, flow)
        await finish(world, pending, await approve(world, pending))
    stored = world.store.load(ANN)
    assert stored is not None
    return stored, [line["event"] for line in log if line["log_level"] == "warning"]


@pytest.mark.parametrize("flow", FLOWS)
async def test_a_grant_of_an_app_in_testing_is_told_at_consent(world: World, flow: Flow) -> None:
    """To the operator, whichever way the person came."""
    await world.google.act("testing_mode", on=True)
    stored, warnings = await connect(world, flow)
    assert stored.refresh_expires_at is not None
    left = stored.refresh_expires_at - datetime.now(UTC)
    assert WEEK - timedelta(minutes=1) < left <= WEEK
    assert stored.ends_within_days
    assert warnings == [SUSPECTED]


async def test_a_grant_of_an_app_in_production_has_no_term(world: World) -> None:
    stored, warnings = await connect(world, "paste")
    assert stored.refresh_expires_at is None
    assert warnings == []


async def test_a_refresh_that_tells_no_term_keeps_the_known_one(world: World) -> None:
    term = (datetime.now(UTC) + timedelta(days=3)).replace(microsecond=0)
    granted = replace(await world.connect(), expires_at=in_minutes(1), refresh_expires_at=term)
    world.store.save_consent(granted)
    refreshed = await world.custodian.access_token(ANN)
    assert refreshed.access_token != granted.access_token
    assert refreshed.refresh_expires_at == term
    stored = world.store.load(ANN)
    assert stored is not None
    assert stored.refresh_expires_at == term


async def test_a_refresh_that_tells_a_term_is_believed(world: World) -> None:
    """The credential was granted before anybody knew of terms."""
    await world.google.act("testing_mode", on=True)
    granted = replace(await world.grant(ANN, "amy@example.com"), refresh_expires_at=None)
    world.store.save_consent(replace(granted, expires_at=in_minutes(1)))
    await world.custodian.access_token(ANN)
    stored = world.store.load(ANN)
    assert stored is not None
    assert stored.ends_within_days


@pytest.mark.parametrize("told", [None, "604799", "soon", True, [], -1e400, 1e400, 10**30])
async def test_a_term_that_makes_no_sense_costs_nobody_the_grant(world: World, told: Any) -> None:
    body = {"access_token": "ya29.x", "expires_in": 3599, "refresh_token_expires_in": told}
    await world.google.fault("google.token.refresh", "status", status=200, body=body)
    grant: TokenGrant = await world.oauth.refresh(world.client, SecretStr("1//0any"))
    assert grant.refresh_expires_at is None


def test_a_file_from_before_terms_were_kept_loads() -> None:
    document = a_credential().to_document()
    del document["drivekeeper"]["refresh_expires_at"]
    assert Credential.from_document(ANN, document).refresh_expires_at is None


@pytest.mark.parametrize(
    ("days", "granted", "testing"),
    [(7, True, True), (1, True, True), (180, True, False), (None, True, False), (7, False, False)],
)
def test_only_a_term_of_about_a_week_is_testing(
    days: int | None, granted: bool, testing: bool
) -> None:
    """People may limit access themselves, to months."""
    now = datetime.now(UTC)
    credential = a_credential(
        granted_at=now if granted else None,
        refresh_expires_at=None if days is None else now + timedelta(days=days),
    )
    assert credential.ends_within_days is testing
