"""Flow, client and redirect belong to the request, whatever else the process asks with."""

from __future__ import annotations

import asyncio

import pytest
from pydantic import SecretStr

from config import GoogleClient
from security.consent.flows import PASTE_REDIRECT, ConsentFlows, ConsentMethod
from security.consent.pending import Flow, PendingConsent
from security.credential import Owner
from security.errors import ConsentDenied, OperatorFault
from tests.security.kit import AMY, ANN, BEN, BOB, TOWN, World, answer_of, secret

PAGE = "http://127.0.0.1:8080/api/auth/google/callback"
REDIRECTS: dict[Flow, str] = {"device": "", "callback": PAGE, "paste": PASTE_REDIRECT}
FLOWS = tuple(REDIRECTS)


def method(world: World, flow: Flow, client: GoogleClient | None = None) -> ConsentMethod:
    """How somebody is asked."""
    return ConsentMethod(flow, client or world.client, REDIRECTS[flow])


async def answer(
    here: ConsentFlows, world: World, asked: PendingConsent, account: str
) -> PendingConsent:
    """The account approves, and its owner comes back."""
    if asked.flow == "device":
        await world.google.approve_device(asked.user_code, account)
        return await here.poll(asked)
    redirect = await world.google.consent(asked.address, account)
    if asked.flow == "paste":
        return await here.accept_pasted(asked.owner, redirect)
    brought = answer_of(redirect)
    found = await here.by_state(brought["state"])
    back = await here.accept_redirect(found, code=brought["code"], error=None)
    return await here.claim(asked.owner, secret(back.claim_code))


@pytest.fixture
async def here(world: World) -> ConsentFlows:
    """One for all of them."""
    await world.google.device_interval(0)
    return world.custody.consent_flows(world.drives.account)


async def test_requests_of_every_flow_live_in_one_process(world: World, here: ConsentFlows) -> None:
    """Asked for at the same time, and each finished in its own way."""
    people: dict[Flow, tuple[Owner, str]] = {
        "device": (ANN, AMY),
        "callback": (TOWN, BEN),
        "paste": (BOB, BEN),
    }
    asked = [await here.begin(owner, method(world, f)) for f, (owner, _) in people.items()]
    for pending in asked:
        _, account = people[pending.flow]
        assert pending.redirect_uri == REDIRECTS[pending.flow]
        shown = await answer(here, world, pending, account)
        saved = await here.confirm(pending.owner, shown.id)
        assert secret(saved.account) == account
    assert await here.all() == []


async def test_an_answer_by_another_way_than_the_requests_own_connects_nothing(
    world: World, here: ConsentFlows
) -> None:
    """The callback's asker has to come back by the page; the paste flow has no page."""
    linked = await here.begin(ANN, method(world, "callback"))
    redirect = await world.google.consent(linked.address, AMY)
    with pytest.raises(ConsentDenied) as refused:
        await here.accept_pasted(ANN, redirect)
    assert refused.value.code == "wrong_state"
    pasted = await here.begin(BOB, method(world, "paste"))
    assert await here.by_state(secret(pasted.state)) is None
    await answer(here, world, pasted, BEN)
    found = world.pending.load(BOB)
    assert found is not None
    with pytest.raises(ConsentDenied):
        await here.claim(BOB, secret(found.claim_code))
    assert found.may_be_confirmed


@pytest.fixture
async def other(world: World) -> GoogleClient:
    """One more client of the project, which departments are asked with."""
    made = GoogleClient("web.apps.googleusercontent.com", SecretStr("another secret"))
    await world.google.act("client", client_id=made.id, secret=made.secret.get_secret_value())
    return made


@pytest.mark.parametrize("flow", FLOWS)
async def test_a_request_goes_on_with_the_client_it_was_asked_with(
    world: World, other: GoogleClient, flow: Flow
) -> None:
    """Google gives the tokens to no other; the credential names it, too."""
    await world.google.device_interval(0)
    custody = world.new_custody(clients=(world.client, other))
    here = custody.consent_flows(world.drives.account)
    pending = await here.begin(ANN, method(world, flow, other))
    await here.begin(BOB, method(world, flow))
    await answer(here, world, pending, AMY)
    assert (await here.confirm(ANN, pending.id)).client_id == other.id


@pytest.mark.parametrize("flow", FLOWS)
async def test_the_answer_for_a_client_that_is_no_longer_configured_is_not_sent(
    world: World, here: ConsentFlows, other: GoogleClient, flow: Flow
) -> None:
    """Another client's secret would spend it for nothing."""
    pending = await here.begin(ANN, method(world, flow, other))
    with pytest.raises(OperatorFault) as fault:
        await answer(here, world, pending, AMY)
    assert fault.value.code == "unknown_client"
    counts = (await world.google.calls())["counts"]
    assert not {"google.token.exchange", "google.token.device"} & set(counts)


async def test_nothing_is_saved_that_could_never_be_refreshed(
    world: World, here: ConsentFlows
) -> None:
    """The client went between the approval and the asker's word; it may come back."""
    await world.connect(ANN, AMY)
    before = world.store.load(ANN)
    assert before is not None
    pending = await here.begin(ANN, method(world, "device"))
    await answer(here, world, pending, AMY)
    without = world.new_custody(clients=()).consent_flows(world.drives.account)
    with pytest.raises(OperatorFault) as fault:
        await without.confirm(ANN, pending.id)
    assert fault.value.code == "unknown_client"
    assert world.store.load(ANN) == before
    assert (await here.confirm(ANN, pending.id)).generation == before.generation + 1


async def test_a_device_code_that_google_has_given_is_kept_though_the_asker_is_gone(
    world: World, here: ConsentFlows
) -> None:
    """Google gives few: asked again, the person is shown the same one."""
    workers = world.custody.workers
    async with world.custody.leases.held(ANN):
        asking = asyncio.create_task(here.begin(ANN, method(world, "device")))
        async with asyncio.timeout(30):
            while not workers._critical:  # noqa: ASYNC110 - it waits for the lease then
                await asyncio.sleep(0.001)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        assert asking.cancelled()
    await workers.close()
    kept = world.pending.load(ANN)
    assert kept is not None
    assert kept.user_code
    assert (await world.google.calls())["counts"]["google.device_code"] == 1
