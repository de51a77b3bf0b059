"""Requests for consent that an earlier version has left on disk go on."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr

from security.consent.approvals import LIFETIME
from security.consent.flows import ConsentMethod
from security.consent.pending import CONSENTS, Flow, PendingConsent
from security.errors import ConsentDenied
from tests.security.kit import AMY, ANN, World, answer_of, secret
from tests.stores import documents_in

CALLBACK = "http://127.0.0.1:8080/api/auth/google/callback"
PASTE = "http://127.0.0.1:47851/"
FIELDS = frozenset(
    {
        "owner",
        "id",
        "flow",
        "client_id",
        "created_at",
        "expires_at",
        "stage",
        "address",
        "user_code",
        "interval",
        "device_code",
        "state",
        "code_verifier",
        "claim_code",
        "access_token",
        "refresh_token",
        "token_expires_at",
        "refresh_expires_at",
        "account",
        "account_id",
        "message_id",
    }
)
"""What it wrote."""


async def left_behind(world: World, flow: Flow, stage: str) -> tuple[PendingConsent, str]:
    """A request as that version left it at this stage, and where Google redirected to."""
    await world.google.device_interval(0)
    method = ConsentMethod(flow, world.client, CALLBACK if flow == "callback" else PASTE)
    pending, redirect = await world.new_consents().begin(ANN, method), ""
    if flow == "device":
        await world.google.approve_device(pending.user_code, AMY)
    else:
        redirect = await world.google.consent(pending.address, AMY)
    found: dict[str, Any] = {}
    if stage == "approved":
        granted = await world.grant(ANN, AMY)
        assert granted.expires_at is not None
        found = {
            "access_token": secret(granted.access_token),
            "refresh_token": secret(granted.refresh_token),
            "token_expires_at": granted.expires_at.isoformat(),
            "account": secret(granted.account),
            "account_id": secret(granted.account_id),
            "claim_code": "one-time" if flow == "callback" else "",
        }
    document = pending.model_dump(mode="json") | found | {"stage": stage}
    document = {name: value for name, value in document.items() if name in FIELDS}
    assert set(document) == FIELDS
    documents_in(world.folder, CONSENTS, world.keyring).write(ANN.stem, document)
    left = world.pending.load(ANN)
    assert left is not None
    return left, redirect


async def connected(world: World, pending: PendingConsent) -> bool:
    """Whether the asker's yes saves it."""
    saved = await world.new_consents().confirm(ANN, pending.id)
    return secret(saved.account) == AMY


async def test_an_asked_device_code_is_polled(world: World) -> None:
    """And then shown."""
    pending, _ = await left_behind(world, "device", "asked")
    assert (await world.new_consents().poll(pending)).may_be_confirmed
    assert await connected(world, pending)


async def test_the_buttons_of_an_approved_device_code_work(world: World) -> None:
    """They are in the chat already."""
    pending, _ = await left_behind(world, "device", "approved")
    assert pending.may_be_confirmed
    assert await connected(world, pending)


async def test_an_asked_link_works(world: World) -> None:
    """Found by its state, in the same way."""
    pending, redirect = await left_behind(world, "callback", "asked")
    consents, answer = world.new_consents(), answer_of(redirect)
    asked = await consents.by_state(answer["state"])
    back = await consents.accept_redirect(asked, code=answer["code"], error=None)
    await consents.claim(ANN, secret(back.claim_code))
    assert await connected(world, pending)


async def test_the_page_of_an_approved_link_works_and_a_reload_of_it_is_over(world: World) -> None:
    """Which code it was for is not known: whoever asked knows the state, too."""
    pending, redirect = await left_behind(world, "callback", "approved")
    consents, answer = world.new_consents(), answer_of(redirect)
    with pytest.raises(ConsentDenied):
        await consents.accept_redirect(pending, code=answer["code"], error=None)
    with pytest.raises(ConsentDenied):
        await consents.confirm(ANN, pending.id)
    assert (await consents.claim(ANN, "one-time")).may_be_confirmed
    assert await connected(world, pending)


async def test_an_asked_paste_works(world: World) -> None:
    """The address is accepted, and the account shown."""
    pending, redirect = await left_behind(world, "paste", "asked")
    assert (await world.new_consents().accept_pasted(ANN, redirect)).may_be_confirmed
    assert await connected(world, pending)


async def test_an_approved_paste_is_shown(world: World) -> None:
    """That version died between the account and the saving."""
    pending, _ = await left_behind(world, "paste", "approved")
    assert pending.may_be_confirmed
    assert await connected(world, pending)


@pytest.mark.parametrize("flow", ["callback", "paste"])
async def test_a_code_that_was_with_google_is_told_as_over(world: World, flow: Flow) -> None:
    """Nobody knows what became of it."""
    pending, redirect = await left_behind(world, flow, "redeeming")
    consents, answer = world.new_consents(), answer_of(redirect)
    assert await consents.is_interrupted(pending)
    with pytest.raises(ConsentDenied):
        await consents.accept_redirect(pending, code=answer["code"], error=None)


def test_the_fields_are_still_read() -> None:
    """None has been renamed."""
    assert set(PendingConsent.model_fields) >= FIELDS
    assert SecretStr("") == PendingConsent.model_fields["code_digest"].default
    assert LIFETIME.total_seconds() == 600
