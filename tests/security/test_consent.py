"""Asking for consent, three ways: bound to whoever asked, once, and only the latest."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from freezegun import freeze_time
from pydantic import SecretStr

from security.consent.flows import PASTE_REDIRECT, ConsentFlows, ConsentMethod
from security.consent.pending import CONSENTS, Flow, PendingConsent
from security.credential import Owner
from security.errors import (
    ConsentDenied,
    CustodyError,
    DevicePending,
    OperatorFault,
    RefusedByOrganisation,
    TransientFault,
)
from tests.security.kit import (
    AMY,
    ANN,
    BEN,
    BOB,
    TOWN,
    World,
    answer_of,
    in_minutes,
    mode_of,
    secret,
)
from tests.spots import consent_at, names_in, spot
from tests.stores import documents_in

CALLBACK = "http://127.0.0.1:8080/api/auth/google/callback"
FLOWS: tuple[Flow, ...] = ("device", "callback", "paste")


def consents(world: World) -> ConsentFlows:
    """Another one over the same folder is a restart."""
    return world.new_consents()


def method(world: World, flow: Flow) -> ConsentMethod:
    """How the bot asks with this flow."""
    redirect_uri = CALLBACK if flow == "callback" else PASTE_REDIRECT
    return ConsentMethod(flow, world.client, redirect_uri)


async def begin(world: World, flow: Flow, owner: Owner = ANN) -> PendingConsent:
    """A new request."""
    await world.google.device_interval(0)
    return await consents(world).begin(owner, method(world, flow))


async def approve(world: World, pending: PendingConsent, account: str = AMY) -> str:
    """The account approves on Google's page; the address it redirects to ("" for device)."""
    if pending.flow == "device":
        await world.google.approve_device(pending.user_code, account)
        return ""
    return await world.google.consent(pending.address, account)


async def denied(work: object) -> str:
    """The code of the refusal."""
    with pytest.raises(ConsentDenied) as caught:
        await work  # type: ignore[misc]
    return caught.value.code


async def come_back(world: World, pending: PendingConsent, redirect: str) -> PendingConsent:
    """callback: the browser opens our page."""
    answer, here = answer_of(redirect), consents(world)
    asked = await here.by_state(answer["state"])
    return await here.accept_redirect(asked, code=answer.get("code"), error=answer.get("error"))


async def show(world: World, pending: PendingConsent, redirect: str) -> None:
    """Until the asker may be shown whose account it is, whichever way."""
    here = consents(world)
    match pending.flow:
        case "device":
            await here.poll(pending)
        case "callback":
            back = await come_back(world, pending, redirect)
            await here.claim(pending.owner, secret(back.claim_code))
        case "paste":
            await here.accept_pasted(pending.owner, redirect)


async def finish(world: World, pending: PendingConsent, redirect: str) -> None:
    """And they say that it is theirs."""
    await show(world, pending, redirect)
    await consents(world).confirm(pending.owner, pending.id)


# The way it should go


@pytest.mark.parametrize("flow", FLOWS)
async def test_a_consent_is_saved_for_whoever_asked(world: World, flow: Flow) -> None:
    """With the account that approved; nothing pending is left."""
    pending = await begin(world, flow)
    await finish(world, pending, await approve(world, pending))
    saved = world.store.load(ANN)
    assert saved is not None
    assert (secret(saved.account), saved.generation) == (AMY, 1)
    assert saved.account_id is not None
    assert saved.granted_at is not None
    assert await consents(world).all() == []
    assert world.store.owners() == [ANN]


@pytest.mark.parametrize("flow", FLOWS)
async def test_a_request_survives_a_restart(world: World, flow: Flow) -> None:
    """Every step by new flows, in a new custodian."""
    pending = await begin(world, flow)
    world.custodian = world.new_custodian(oauth=world.new_oauth())
    found = await consents(world).latest(ANN)
    assert found == pending
    await finish(world, found, await approve(world, found))
    assert world.store.load(ANN) is not None


@pytest.mark.parametrize("flow", FLOWS)
async def test_connecting_again_saves_the_next_generation_and_revokes_nothing(
    world: World, flow: Flow
) -> None:
    """The earlier grant goes on working elsewhere."""
    await world.connect(BOB, AMY, minutes_left=-1)
    for _ in range(2):
        pending = await begin(world, flow)
        await finish(world, pending, await approve(world, pending))
    saved = world.store.load(ANN)
    assert saved is not None
    assert saved.generation == 2
    assert await world.custodian.access_token(BOB)


async def test_several_people_at_once_do_not_get_in_each_others_way(world: World) -> None:
    """Each account lands with its owner."""
    asked = {owner: await begin(world, "callback", owner) for owner in (ANN, BOB, TOWN)}
    names = {ANN: AMY, BOB: BEN, TOWN: "town@example.com"}
    redirects = {owner: await approve(world, asked[owner], names[owner]) for owner in asked}
    await asyncio.gather(*(finish(world, asked[one], redirects[one]) for one in asked))
    for owner, account in names.items():
        saved = world.store.load(owner)
        assert saved is not None
        assert secret(saved.account) == account


async def test_the_file_of_a_pending_request_is_private(world: World) -> None:
    """Like a credential's."""
    await begin(world, "paste")
    assert mode_of(consent_at(world.folder, ANN).path) == 0o600


@pytest.mark.parametrize("flow", FLOWS)
async def test_pending_requests_are_kept_like_credentials(
    world: World, encryption_keys: tuple[SecretStr, ...], flow: Flow
) -> None:
    """Encrypted when a key is set; also once they hold tokens."""
    pending = await begin(world, flow)
    redirect = await approve(world, pending)
    if flow == "device":
        approved = await consents(world).poll(pending)
    elif flow == "callback":
        approved = await come_back(world, pending, redirect)
    else:
        approved = pending
    text = consent_at(world.folder, ANN).raw().decode()
    hidden = [
        secret(value)
        for value in (approved.device_code, approved.state, approved.code_verifier,
                      approved.claim_code, approved.access_token, approved.refresh_token)
        if secret(value)
    ]  # fmt: skip
    assert hidden
    for value in hidden:
        assert (value in text) is (not encryption_keys)
        assert value not in repr(approved)


# Once


@pytest.mark.parametrize("flow", FLOWS)
async def test_a_finished_request_cannot_be_finished_again(world: World, flow: Flow) -> None:
    """Neither by a second tap nor by a second paste."""
    pending = await begin(world, flow)
    redirect = await approve(world, pending)
    here = consents(world)
    if flow == "callback":
        back = await come_back(world, pending, redirect)
        await here.claim(ANN, secret(back.claim_code))
        await here.confirm(ANN, pending.id)
        assert await denied(here.claim(ANN, secret(back.claim_code))) == "wrong_state"
        assert await denied(here.confirm(ANN, pending.id)) == "expired"
    elif flow == "device":
        await finish(world, pending, redirect)
        assert await denied(here.confirm(ANN, pending.id)) == "expired"
        assert await denied(here.poll(pending)) == "superseded"
    else:
        await finish(world, pending, redirect)
        assert await denied(here.accept_pasted(ANN, redirect)) == "expired"
    saved = world.store.load(ANN)
    assert saved is not None
    assert saved.generation == 1


async def exchanges(world: World) -> int:
    """How often Google was sent a code."""
    return int((await world.google.calls())["counts"].get("google.token.exchange", 0))


async def test_the_same_redirect_gives_the_same_until_it_is_claimed(world: World) -> None:
    """Whatever fetched it before, the person's own page has the button."""
    pending = await begin(world, "callback")
    redirect = await approve(world, pending)
    back = await come_back(world, pending, redirect)
    for _ in range(3):
        assert await come_back(world, pending, redirect) == back
    assert await exchanges(world) == 1
    await consents(world).claim(ANN, secret(back.claim_code))
    assert await denied(come_back(world, pending, redirect)) == "used"
    await consents(world).confirm(ANN, pending.id)
    assert await denied(come_back(world, pending, redirect)) == "wrong_state"


async def test_of_redirects_at_once_one_sends_the_code_and_all_see_the_same(world: World) -> None:
    """A double click, in one process and in several over one folder."""
    pending = await begin(world, "callback")
    redirect = await approve(world, pending)
    answer, here = answer_of(redirect), consents(world)
    asked = await here.by_state(answer["state"])
    found = await asyncio.gather(
        *(come_back(world, pending, redirect) for _ in range(4)),
        *(here.accept_redirect(asked, code=answer["code"], error=None) for _ in range(4)),
    )
    assert {secret(one.claim_code) for one in found} == {secret(found[0].claim_code)}
    assert await exchanges(world) == 1


@pytest.mark.parametrize("instead", [{"code": "4/0Aother"}, {"error": "access_denied"}])
async def test_another_code_under_a_spent_state_is_over(
    world: World, instead: dict[str, str]
) -> None:
    """And disturbs nobody."""
    pending = await begin(world, "callback")
    redirect = await approve(world, pending)
    back = await come_back(world, pending, redirect)
    other = f"{CALLBACK}?{urlencode({'state': secret(pending.state), **instead})}"
    assert await denied(come_back(world, pending, other)) == "used"
    assert await come_back(world, pending, redirect) == back
    assert await exchanges(world) == 1


async def test_an_address_without_an_answer_spends_nothing(world: World) -> None:
    """Half an address is no refusal of the person's."""
    pending = await begin(world, "callback")
    redirect = await approve(world, pending)
    half = f"{CALLBACK}?{urlencode({'state': secret(pending.state)})}"
    assert await denied(come_back(world, pending, half)) == "wrong_state"
    assert (await come_back(world, pending, redirect)).stage == "approved"


async def test_a_code_that_was_with_google_at_a_crash_is_not_sent_again(world: World) -> None:
    """RFC 6749 §4.1.2: nobody can tell whether it was redeemed."""
    pending = await begin(world, "callback")
    redirect = await approve(world, pending)
    here = consents(world)
    assert not await here.is_interrupted(pending)
    digest = SecretStr(hashlib.sha256(answer_of(redirect)["code"].encode()).hexdigest())
    crashed = world.pending.replace(pending, stage="redeeming", code_digest=digest)
    assert crashed is not None
    assert await denied(come_back(world, pending, redirect)) == "used"
    assert await exchanges(world) == 0
    assert await here.is_interrupted(crashed)


@pytest.mark.parametrize("flow", FLOWS)
async def test_tokens_given_before_a_crash_are_not_lost(world: World, flow: Flow) -> None:
    """Only Drive was not asked yet whose they are; nothing is sent to Google twice."""
    pending = await begin(world, flow)
    redirect = await approve(world, pending)
    await world.google.fault("google.drive.about", "drop", count=0)
    async with asyncio.timeout(30):
        coming = asyncio.create_task(finish(world, pending, redirect))
        while (found := world.pending.load(ANN)) is None or found.stage != "granted":  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    coming.cancel()  # as the end of the process would
    await asyncio.gather(coming, return_exceptions=True)
    await world.google.clear_faults()
    world.custodian = world.new_custodian(oauth=world.new_oauth())
    await finish(world, found, redirect)
    assert world.store.load(ANN) is not None
    assert await exchanges(world) == (0 if flow == "device" else 1)


async def test_the_caller_of_a_page_may_go_before_google_answers(world: World) -> None:
    """The code is spent by then: its tokens are kept."""
    pending = await begin(world, "callback")
    redirect = await approve(world, pending)
    await world.google.fault("google.token.exchange", "latency", seconds=0.5)
    coming = asyncio.create_task(come_back(world, pending, redirect))
    async with asyncio.timeout(30):
        while (found := world.pending.load(ANN)) is None or found.stage == "asked":  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    coming.cancel()
    await asyncio.gather(coming, return_exceptions=True)
    assert (await come_back(world, pending, redirect)).stage == "approved"
    assert await exchanges(world) == 1


async def test_a_claim_may_be_repeated_until_it_is_confirmed(world: World) -> None:
    """START pressed twice, or by two at once: the same question, one credential."""
    pending = await begin(world, "callback")
    back = await come_back(world, pending, await approve(world, pending))
    here = consents(world)
    await asyncio.gather(*(here.claim(ANN, secret(back.claim_code)) for _ in range(4)))
    results = await asyncio.gather(
        *(here.confirm(ANN, pending.id) for _ in range(4)), return_exceptions=True
    )
    assert sum(isinstance(result, ConsentDenied) for result in results) == 3
    saved = world.store.load(ANN)
    assert saved is not None
    assert saved.generation == 1


# Whose account it is


@pytest.mark.parametrize("flow", FLOWS)
async def test_only_the_account_connected_last_is_known(world: World, flow: Flow) -> None:
    """The one connected, or the one set aside; after leaving, none."""

    async def is_known(account: str) -> bool:
        pending = await begin(world, flow)
        await show(world, pending, await approve(world, pending, account))
        shown = await consents(world).latest(ANN)
        assert shown is not None
        assert secret(shown.account) == account
        return await consents(world).is_last_account(shown)

    assert not await is_known(AMY)
    await world.connect(ANN, AMY)
    await world.connect(BOB, BEN)
    assert await is_known(AMY)
    assert not await is_known(BEN)
    world.store.copies.set_aside(ANN, "invalid_grant")
    assert await is_known(AMY)
    assert not await is_known(BEN)
    await world.custody.disconnecting.disconnect(ANN)
    assert not await is_known(AMY)


@pytest.mark.parametrize("flow", FLOWS)
async def test_nothing_is_saved_before_the_asker_has_said_that_it_is_theirs(
    world: World, flow: Flow
) -> None:
    """In every flow; and "no" throws it away."""
    pending = await begin(world, flow)
    await show(world, pending, await approve(world, pending, BEN))
    here = consents(world)
    assert world.store.load(ANN) is None
    await here.refuse(ANN, pending.id)
    assert await denied(here.confirm(ANN, pending.id)) == "expired"
    assert world.store.load(ANN) is None
    assert await here.all() == []


@pytest.mark.one_way("on")
async def test_an_account_without_a_name_is_nobodys(world: World) -> None:
    """A blank cannot be recognised, and must not be asked about."""
    pending = await begin(world, "paste")
    redirect = await approve(world, pending)
    await world.google.fault(
        "google.drive.about",
        "status",
        status=200,
        body='{"user": {"emailAddress": " ", "permissionId": "7"}, "storageQuota": {}}',
        content_type="application/json",
        count=0,
    )
    assert await denied(show(world, pending, redirect)) in ("unavailable", "not_json")
    assert await consents(world).all() == []


@pytest.mark.parametrize("flow", FLOWS)
async def test_a_newer_request_ends_the_earlier_one(world: World, flow: Flow) -> None:
    """Only the latest can ever be saved; and the earlier one does not take it along."""
    first = await begin(world, flow)
    redirect = await approve(world, first, BEN)
    second = await begin(world, flow)
    here = consents(world)
    if flow == "device":
        assert await denied(here.poll(first)) == "superseded"
    elif flow == "callback":
        assert await denied(come_back(world, first, redirect)) == "wrong_state"
    else:
        assert await denied(here.accept_pasted(ANN, redirect)) == "wrong_state"
    assert world.store.load(ANN) is None
    await finish(world, second, await approve(world, second, AMY))
    saved = world.store.load(ANN)
    assert saved is not None
    assert secret(saved.account) == AMY


async def test_an_approved_request_that_was_superseded_is_not_saved(world: World) -> None:
    """Approved, then asked anew: the old button does nothing."""
    first = await begin(world, "device")
    await approve(world, first)
    await consents(world).poll(first)
    second = await begin(world, "device")
    assert await denied(consents(world).confirm(ANN, first.id)) == "expired"
    assert await consents(world).latest(ANN) == second


async def test_ending_an_old_request_leaves_the_newer_one(world: World) -> None:
    """A late refusal of the first must not end the second."""
    first = await begin(world, "device")
    second = await begin(world, "device")
    await consents(world).end(first)
    assert await consents(world).latest(ANN) == second


async def test_noting_its_message_late_does_not_undo_an_approval(world: World) -> None:
    """Telegram answers slowly; the person was faster."""
    pending = await begin(world, "callback")
    back = await come_back(world, pending, await approve(world, pending))
    here = consents(world)
    noted = await here.note_message(pending, 77)
    assert (noted.message_id, noted.stage) == (77, "approved")
    assert (await here.claim(ANN, secret(back.claim_code))).message_id == 77


async def test_approving_does_not_forget_the_message(world: World) -> None:
    """It is edited later."""
    pending = await begin(world, "device")
    await consents(world).note_message(pending, 77)
    await approve(world, pending)
    assert (await consents(world).poll(pending)).message_id == 77


@pytest.mark.parametrize("flow", FLOWS)
async def test_a_cancelled_request_cannot_be_finished(world: World, flow: Flow) -> None:
    """The person, or disconnecting, ended it."""
    pending = await begin(world, flow)
    redirect = await approve(world, pending)
    assert await consents(world).cancel(ANN)
    assert not await consents(world).cancel(ANN)
    await denied(finish(world, pending, redirect))
    assert world.store.load(ANN) is None


async def test_cancelling_waits_for_no_lease_and_holds_from_then_on(world: World) -> None:
    """A refresh has it while Google is silent; what waits for it as well saves nothing any more."""
    pending = await begin(world, "device")
    await approve(world, pending)
    here = consents(world)
    await here.poll(pending)
    async with world.custody.leases.held(ANN):
        confirming = asyncio.create_task(here.confirm(ANN, pending.id))
        await asyncio.sleep(0.05)
        async with asyncio.timeout(20):
            assert await here.cancel(ANN)
        assert await denied(here.confirm(ANN, pending.id)) == "expired"
        assert await denied(here.poll(pending)) == "superseded"
    assert await denied(confirming) in ("expired", "superseded")
    async with asyncio.timeout(10):
        while await here.latest(ANN) is not None:  # noqa: ASYNC110 - deleted once the lease is free
            await asyncio.sleep(0.01)
    assert world.store.load(ANN) is None


async def test_whenever_it_is_cancelled_it_is_known_whether_it_is_connected(world: World) -> None:
    """Also amid the save: what is being saved is not said to be cancelled."""
    for milliseconds in (*range(0, 12), 20):
        pending = await begin(world, "device")
        await approve(world, pending)
        here = consents(world)
        await here.poll(pending)
        confirming = asyncio.create_task(here.confirm(ANN, pending.id))
        await asyncio.sleep(milliseconds / 1000)
        was_cancelled = await here.cancel(ANN)
        await asyncio.gather(confirming, return_exceptions=True)
        assert was_cancelled is (confirming.exception() is not None)
        assert was_cancelled is (world.store.load(ANN) is None)
        await world.custody.disconnecting.disconnect(ANN)


# Nobody else's


async def test_another_person_can_neither_confirm_nor_refuse(world: World) -> None:
    """The button was made for Ann."""
    pending = await begin(world, "device")
    await approve(world, pending)
    here = consents(world)
    await here.poll(pending)
    await begin(world, "device", BOB)
    assert await denied(here.confirm(BOB, pending.id)) == "expired"
    assert await denied(here.refuse(BOB, pending.id)) == "expired"
    assert world.store.owners() == []
    assert (await here.confirm(ANN, pending.id)).owner == ANN


async def test_another_person_cannot_claim(world: World) -> None:
    """Whoever approved somebody else's link has a code that is not theirs."""
    pending = await begin(world, "callback", BOB)
    await begin(world, "callback", ANN)
    back = await come_back(world, pending, await approve(world, pending, AMY))
    here = consents(world)
    assert await denied(here.claim(ANN, secret(back.claim_code))) == "wrong_state"
    assert world.store.owners() == []


async def test_whoever_asked_cannot_finish_without_the_code_of_the_result_page(
    world: World,
) -> None:
    """Bob had Amy approve his link: a forged button must not do what his claim cannot."""
    pending = await begin(world, "callback", BOB)
    await come_back(world, pending, await approve(world, pending, AMY))
    here = consents(world)
    assert await denied(here.confirm(BOB, pending.id)) == "expired"
    for code in ("", "x", secret(pending.state), "\ud800"):
        assert await denied(here.claim(BOB, code)) == "wrong_state"
    assert world.store.owners() == []


async def test_another_person_cannot_paste(world: World) -> None:
    """Bob's redirect in Ann's chat, with a request of her own and without."""
    pending = await begin(world, "paste", BOB)
    redirect = await approve(world, pending, BEN)
    here = consents(world)
    assert await denied(here.accept_pasted(ANN, redirect)) == "expired"
    await begin(world, "paste", ANN)
    assert await denied(here.accept_pasted(ANN, redirect)) == "wrong_state"
    assert (await here.accept_pasted(BOB, redirect)).owner == BOB
    assert await denied(here.confirm(ANN, pending.id)) == "expired"


@pytest.mark.parametrize(
    "text",
    ["", "hello", "http://[", "http://127.0.0.1:47851/", "?state=", "?state=&code=4/0A",
     "4/0AanRRrt", "http://127.0.0.1:47851/?code=4/0A&state=wrong", "\ud800?state=\ud800",
     "?state=%FF", "https://例え/?state=報告&code=🎉", "x" * 5000],
    ids=lambda text: ascii(text)[:30],
)  # fmt: skip
async def test_pasted_rubbish_is_refused_and_the_request_goes_on(world: World, text: str) -> None:
    """Copied half, or something else altogether."""
    pending = await begin(world, "paste")
    assert await denied(consents(world).accept_pasted(ANN, text)) == "wrong_state"
    await finish(world, pending, await approve(world, pending))


async def test_rubbish_does_not_end_a_device_request(world: World) -> None:
    """It has no state, and an empty one is none."""
    pending = await begin(world, "device")
    assert await denied(consents(world).accept_pasted(ANN, "hello")) == "wrong_state"
    assert await consents(world).latest(ANN) == pending


@pytest.mark.parametrize("state", ["", "x", "../token_501", "\ud800"])
async def test_an_unknown_state_is_refused(world: World, state: str) -> None:
    """Also the empty one, which device requests have."""
    await begin(world, "device")
    here = consents(world)
    redirected = here.accept_redirect(await here.by_state(state), code="4/0A", error=None)
    assert await denied(redirected) == "wrong_state"


# What the person, or Google, says no to


@pytest.mark.parametrize("flow", ["callback", "paste"])
@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        ("access_denied", ConsentDenied, "access_denied"),
        ("admin_policy_enforced", RefusedByOrganisation, "org_policy"),
        ("org_internal", RefusedByOrganisation, "org_internal"),
        ("temporarily_unavailable", TransientFault, "unavailable"),
        ("server_error", TransientFault, "unavailable"),
        ("unauthorized_client", OperatorFault, "unauthorized_client"),
        ("invalid_scope", OperatorFault, "invalid_request"),
    ],
)
async def test_what_googles_page_refuses_is_told_apart(
    world: World, flow: Flow, error: str, kind: type[CustodyError], code: str
) -> None:
    """RFC 6749 §4.1.2.1: not every `error` is the person's no."""
    pending = await begin(world, flow)
    state = answer_of(pending.address)["state"]
    redirect = f"http://127.0.0.1/?{urlencode({'state': state, 'error': error})}"
    back = (
        come_back(world, pending, redirect)
        if flow == "callback"
        else consents(world).accept_pasted(ANN, redirect)
    )
    with pytest.raises(kind) as caught:
        await back
    assert caught.value.code == code
    assert world.store.load(ANN) is None


@pytest.mark.parametrize("flow", FLOWS)
async def test_declining_ends_the_request(world: World, flow: Flow) -> None:
    """And nothing was saved."""
    pending = await begin(world, flow)
    if flow == "device":
        await world.google.approve_device(pending.user_code, AMY, allow=False)
        redirect = ""
    else:
        redirect = await world.google.consent(pending.address, AMY, allow=False)
    assert await denied(finish(world, pending, redirect)) == "access_denied"
    assert world.store.load(ANN) is None
    assert flow == "device" or await consents(world).latest(ANN) is None


@pytest.mark.parametrize("flow", FLOWS)
async def test_without_drive_ticked_nothing_is_saved(world: World, flow: Flow) -> None:
    """Google lets people leave the box empty."""
    pending = await begin(world, flow)
    if flow == "device":
        await world.google.approve_device(pending.user_code, AMY, grant_drive=False)
        redirect = ""
    else:
        redirect = await world.google.consent(pending.address, AMY, grant_drive=False)
    assert await denied(finish(world, pending, redirect)) == "scope_missing"
    assert world.store.load(ANN) is None
    assert await consents(world).latest(ANN) is None


async def test_a_refused_account_is_forgotten_unused(world: World) -> None:
    """Not mine, says the asker."""
    pending = await begin(world, "device")
    await approve(world, pending, BEN)
    here = consents(world)
    await here.poll(pending)
    await here.refuse(ANN, pending.id)
    assert await here.all() == []
    assert await denied(here.confirm(ANN, pending.id)) == "expired"
    assert names_in(world.folder, CONSENTS) == []


async def test_a_device_request_that_is_not_decided_is_pending(world: World) -> None:
    """And stays."""
    pending = await begin(world, "device")
    with pytest.raises(DevicePending):
        await consents(world).poll(pending)
    assert await consents(world).latest(ANN) == pending


async def test_nothing_can_be_confirmed_before_it_is_approved(world: World) -> None:
    """A button kept from before."""
    pending = await begin(world, "device")
    assert await denied(consents(world).confirm(ANN, pending.id)) == "expired"


async def test_a_code_made_up_beside_the_right_state_is_refused(world: World) -> None:
    """The state is spent by it."""
    pending = await begin(world, "callback")
    forged = f"{CALLBACK}?{urlencode({'state': secret(pending.state), 'code': '4/0Aforged'})}"
    assert await denied(come_back(world, pending, forged)) == "used"
    assert world.store.load(ANN) is None


@pytest.mark.parametrize(
    ("fault", "expected"),
    [({"kind": "status", "status": 503}, TransientFault),
     ({"kind": "oauth_error", "error": "invalid_client"}, OperatorFault)],
    ids=["transient", "operator"],
)  # fmt: skip
async def test_where_google_gives_no_device_code_nothing_is_pending(
    world: World, fault: dict[str, str], expected: type[CustodyError]
) -> None:
    """The error says whose fault it is."""
    await world.google.fault("google.device_code", **fault)
    with pytest.raises(expected):
        await consents(world).begin(ANN, method(world, "device"))
    assert await consents(world).all() == []


async def test_a_poll_that_fails_can_be_repeated(world: World) -> None:
    """Google's answers are lost sometimes."""
    pending = await begin(world, "device")
    await approve(world, pending)
    await world.google.fault("google.token.device", "status", status=503)
    with pytest.raises(TransientFault):
        await consents(world).poll(pending)
    await finish(world, pending, "")


async def test_a_lost_answer_about_the_account_is_asked_for_again(world: World) -> None:
    """The code is spent already."""
    pending = await begin(world, "device")
    await approve(world, pending)
    await world.google.fault("google.drive.about", "drop", count=3)
    await finish(world, pending, "")


# Time


@pytest.mark.parametrize("flow", FLOWS)
async def test_a_request_lapses(world: World, flow: Flow) -> None:
    """Half an hour for a device code, ten minutes for a link."""
    pending = await begin(world, flow)
    redirect = await approve(world, pending)
    with freeze_time(in_minutes(31 if flow == "device" else 11), real_asyncio=True):
        assert await denied(finish(world, pending, redirect)) == "expired"
        assert await consents(world).latest(ANN) is None
        assert await consents(world).expired() == [pending]
    assert world.store.load(ANN) is None


async def test_an_approved_request_lapses_ten_minutes_later(world: World) -> None:
    """Tokens do not wait for ever for a tap."""
    pending = await begin(world, "device")
    await approve(world, pending)
    approved = await consents(world).poll(pending)
    left = approved.expires_at - in_minutes(0)
    assert timedelta(minutes=9) < left <= timedelta(minutes=10)
    with freeze_time(in_minutes(11), real_asyncio=True):
        assert await denied(consents(world).confirm(ANN, pending.id)) == "expired"


# Damage


async def test_a_damaged_request_is_as_none(world: World) -> None:
    """They ask again."""
    pending = await begin(world, "paste")
    consent_at(world.folder, ANN).plant(b"rubbish")
    assert await consents(world).latest(ANN) is None
    again = await begin(world, "paste")
    assert again.id != pending.id


async def test_a_request_under_another_owners_name_is_as_none(world: World) -> None:
    """Files got mixed up."""
    await begin(world, "paste")
    anns = consent_at(world.folder, ANN)
    consent_at(world.folder, BOB).plant(anns.raw())
    anns.take_away()
    assert await consents(world).latest(BOB) is None


async def test_other_files_beside_the_requests_disturb_nobody(world: World) -> None:
    """Not ours, damaged, or under a key that is gone."""
    pending = await begin(world, "callback")
    for name, raw in (("notes", b"{}"), ("token_7", b"rubbish")):
        spot(world.folder, CONSENTS, name).plant(raw)
    spot(world.folder, CONSENTS, "token_8").plant(b'{"v": 9, "alg": "new"}')
    assert await consents(world).all() == [pending]
    await finish(world, pending, await approve(world, pending))


async def test_a_request_with_a_field_of_the_wrong_type_is_as_none(world: World) -> None:
    """Written by another version."""
    pending = await begin(world, "paste")
    document = {**pending.model_dump(mode="json"), "stage": "dancing"}
    documents_in(world.folder, CONSENTS, world.keyring).write(ANN.stem, document)
    assert await consents(world).latest(ANN) is None


async def test_a_caller_cancelled_while_a_consent_is_saved_loses_nothing(world: World) -> None:
    """The lock stays held until it is saved, and closing waits for that."""
    pending = await begin(world, "device")
    await approve(world, pending)
    here = consents(world)
    await here.poll(pending)
    async with world.custody.leases.held(ANN):
        confirming = asyncio.create_task(here.confirm(ANN, pending.id))
        async with asyncio.timeout(30):
            while not world.custody.workers._critical:  # noqa: ASYNC110 - it waits for the lock then
                await asyncio.sleep(0.001)
        confirming.cancel()
        await asyncio.gather(confirming, return_exceptions=True)
    await world.custody.workers.close()
    assert world.store.load(ANN) is not None
