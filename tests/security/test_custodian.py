"""A valid access token for an owner: refreshed once, served to all, lost by nobody."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from config import GoogleClient
from security.credential import Credential, Owner
from security.custody.leases import Locked
from security.custody.workers import Workers
from security.encryption import TokenEncryption
from security.errors import ConsentRequired, OperatorFault, TransientFault
from security.owner_documents import CREDENTIALS
from security.storage.leases import Lease
from tests.security.kit import (
    AMY,
    ANN,
    BEN,
    BOB,
    World,
    in_minutes,
    python,
    secret,
)
from tests.spots import credential_at, full

FAILURES: list[tuple[str, dict[str, Any]]] = [
    ("status", {"status": 503}),
    ("status", {"status": 502}),
    ("status", {"status": 429, "retry_after": 30}),
    ("drop", {}),
    ("hang", {}),
    ("html", {}),
]


def patience(kind: str) -> float:
    """Seconds for an answer: few where none comes, and else more than a busy machine needs."""
    return 3.0 if kind == "hang" else 30.0


async def stored(world: World) -> Credential:
    """Ann's credential as it is on disk."""
    found = world.store.load(ANN)
    assert found is not None
    return found


# When a refresh is due


async def test_a_token_with_more_than_the_lead_left_is_served_as_it_is(world: World) -> None:
    """Google is not asked."""
    kept = await world.connect(minutes_left=16)
    served = await world.custodian.access_token(ANN)
    assert served.access_token == kept.access_token
    assert await world.refreshes() == 0


@pytest.mark.parametrize("minutes", [14.9, 0, -60])
async def test_a_token_within_the_lead_is_refreshed_and_saved(world: World, minutes: float) -> None:
    """Ahead of its end, and after it."""
    kept = await world.connect(minutes_left=minutes)
    served = await world.custodian.access_token(ANN)
    assert served.access_token != kept.access_token
    assert served.refresh_token == kept.refresh_token
    assert served.generation == kept.generation + 1
    assert (await stored(world)).to_document() == served.to_document()
    assert await world.refreshes() == 1


async def test_a_file_of_another_program_without_an_expiry_is_refreshed(world: World) -> None:
    """Nobody knows how long it serves."""
    granted = await world.grant(ANN, AMY)
    document = replace(granted, expires_at=None).to_document()
    del document["drivekeeper"]
    data = world.keyring.encrypt(json.dumps(document).encode())
    credential_at(world.folder, ANN).plant(data)
    served = await world.custodian.access_token(ANN)
    assert served.access_token != granted.access_token
    assert await world.refreshes() == 1


async def test_nobody_connected_must_connect(world: World) -> None:
    """Without a call to Google."""
    with pytest.raises(ConsentRequired) as caught:
        await world.custodian.access_token(ANN)
    assert caught.value.code == "not_connected"
    assert await world.refreshes() == 0


async def test_a_rotated_refresh_token_is_kept(world: World) -> None:
    """The old one is dead from then on."""
    await world.google.act("rotate_refresh_tokens", on=True)
    kept = await world.connect(minutes_left=1)
    served = await world.custodian.access_token(ANN)
    assert served.refresh_token != kept.refresh_token
    again = await world.custodian.access_token(ANN, rejected=served.access_token)
    assert again.generation == 3


# Single flight


async def test_fifty_callers_make_one_refresh(world: World) -> None:
    """And all get its token."""
    await world.connect(minutes_left=1)
    served = await asyncio.gather(*(world.custodian.access_token(ANN) for _ in range(50)))
    assert len({secret(one.access_token) for one in served}) == 1
    assert await world.refreshes() == 1


async def test_two_custodians_over_one_folder_make_one_refresh(world: World) -> None:
    """The second reads again under the lock."""
    await world.connect(minutes_left=1)
    await world.google.fault("google.token.refresh", "latency", seconds=0.2, count=0)
    two = world.custodian, world.new_custodian(oauth=world.new_oauth())
    served = await asyncio.gather(*(one.access_token(ANN) for one in two for _ in range(5)))
    assert len({secret(one.access_token) for one in served}) == 1
    assert await world.refreshes() == 1


_OTHER_PROCESS = """
import asyncio, sys
from datetime import timedelta
from pathlib import Path
from pydantic import SecretStr
from config import GoogleClient
from security.credential import Owner
from security.encryption import TokenEncryption
from security.google.oauth import GoogleOAuth, OAuthEndpoints
from processes.wiring import Custody, CustodyOptions
from tests.stores import storage_in
folder, url, id, secret, keys = sys.argv[1:]
keyring = TokenEncryption([SecretStr(key) for key in keys.split(",") if key])
async def main():
    oauth = GoogleOAuth(OAuthEndpoints("", f"{url}/token", "", ""))
    options = CustodyOptions(clients=[GoogleClient(id, SecretStr(secret))])
    custody = Custody(storage_in(Path(folder), keyring, str), str, oauth, options)
    print("ready", flush=True)
    sys.stdin.readline()
    served = await custody.custodian.access_token(Owner.user(501))
    print(served.access_token.get_secret_value(), flush=True)
    await custody.close()
asyncio.run(main())
"""


async def test_two_processes_make_one_refresh(
    world: World, encryption_keys: tuple[SecretStr, ...]
) -> None:
    """The lease is the storage's, not the program's."""
    await world.connect(minutes_left=1)
    await world.google.fault("google.token.refresh", "latency", seconds=0.3, count=0)
    keys = ",".join(key.get_secret_value() for key in encryption_keys)
    client = world.client
    other = python(
        _OTHER_PROCESS, str(world.folder), world.url, client.id, secret(client.secret), keys
    )
    assert other.stdout is not None
    assert await asyncio.to_thread(other.stdout.readline) == "ready\n"
    (theirs, errors), ours = await asyncio.gather(
        asyncio.to_thread(other.communicate, "go\n", timeout=20),
        world.custodian.access_token(ANN),
    )
    assert theirs.splitlines()[-1] == secret(ours.access_token), errors
    assert await world.refreshes() == 1


async def test_owners_do_not_wait_for_one_another(world: World) -> None:
    """Ann's refresh hangs; Bob's does not."""
    await world.connect(ANN, AMY, minutes_left=1)
    await world.connect(BOB, BEN, minutes_left=1)
    await world.google.fault("google.token.refresh", "hang", owner=AMY)
    waiting = asyncio.create_task(world.custodian.access_token(ANN))
    await asyncio.wait_for(world.custodian.access_token(BOB), 20)
    assert not waiting.done()
    await world.google.clear_faults()
    await asyncio.wait({waiting})
    assert waiting.done()
    assert waiting.result().owner == ANN  # the hung call was dropped: the old token still serves


# What fails, and what follows


@pytest.mark.parametrize(("kind", "options"), FAILURES, ids=lambda value: str(value)[:30])
async def test_a_valid_token_is_served_while_a_new_one_cannot_be_had(
    world: World, kind: str, options: dict[str, Any]
) -> None:
    """Kept, and tried again at the next occasion."""
    kept = await world.connect(minutes_left=5)
    await world.google.fault("google.token.refresh", kind, **options)
    custodian = world.new_custodian(oauth=world.new_oauth(timeout_seconds=patience(kind)))
    served = await custodian.access_token(ANN)
    assert served.access_token == kept.access_token
    assert (await custodian.access_token(ANN)).access_token != kept.access_token


@pytest.mark.parametrize(("kind", "options"), FAILURES, ids=lambda value: str(value)[:30])
async def test_an_ended_token_is_not_served_and_the_credential_is_kept(
    world: World, kind: str, options: dict[str, Any]
) -> None:
    """Nobody has to connect again because Google is away."""
    kept = await world.connect(minutes_left=-1)
    await world.google.fault("google.token.refresh", kind, **options)
    custodian = world.new_custodian(oauth=world.new_oauth(timeout_seconds=patience(kind)))
    with pytest.raises(TransientFault):
        await custodian.access_token(ANN)
    assert (await stored(world)).to_document() == kept.to_document()
    assert world.quarantine_notes() == []


@pytest.mark.parametrize("state", ["deleted", "disabled", "wrong_secret"])
async def test_a_refused_client_quarantines_nobody(world: World, state: str) -> None:
    """The operator mends it, and everything goes on."""
    await world.connect(minutes_left=-1)
    await world.google.act("client", state=state)
    with pytest.raises(OperatorFault):
        await world.custodian.access_token(ANN)
    assert world.quarantine_notes() == []
    await world.google.act("client", state="ok")
    assert (await world.custodian.access_token(ANN)).generation == 2


async def test_a_client_that_is_not_configured_is_an_operator_fault(world: World) -> None:
    """Google is not asked, and nothing of the file's own client is used."""
    await world.connect(minutes_left=-1)
    stranger = GoogleClient("another", SecretStr("secret"))
    with pytest.raises(OperatorFault) as caught:
        await world.new_custodian(clients=(stranger,)).access_token(ANN)
    assert caught.value.code == "unknown_client"
    assert world.quarantine_notes() == []
    assert await world.refreshes() == 0


async def test_a_credential_is_refreshed_with_the_client_that_issued_it(world: World) -> None:
    """Not with the newest."""
    await world.connect(minutes_left=-1)
    newest = GoogleClient("newest", SecretStr("secret"))
    custodian = world.new_custodian(clients=(newest, world.client))
    assert (await custodian.access_token(ANN)).client_id == world.client.id


async def test_an_unknown_key_quarantines_nobody(world: World) -> None:
    """The operator brings the key back."""
    await world.connect(minutes_left=-1)
    there = credential_at(world.folder, ANN)
    other = TokenEncryption([SecretStr("A" * 43 + "=")])
    before = other.encrypt(b"{}")
    there.plant(before)
    with pytest.raises(OperatorFault):
        await world.custodian.access_token(ANN)
    assert there.raw() == before
    assert world.quarantine_notes() == []


async def test_a_full_disk_is_noticed_before_google_is_asked(world: World) -> None:
    """With rotation, the answer would be lost."""
    await world.connect(minutes_left=-1)
    # The log goes to a file of pytest's: nothing can be written there either.
    with capture_logs(), full(world.folder), pytest.raises(OperatorFault) as caught:
        await world.custodian.access_token(ANN)
    assert caught.value.code == "store_failed"
    assert await world.refreshes() == 0


@pytest.mark.parametrize("status", [429, 503])
async def test_room_that_was_kept_for_a_save_is_given_back_where_there_is_none(
    world: World, status: int
) -> None:
    """Beside the credentials there is nothing that is none."""
    await world.connect(minutes_left=-1)
    await world.google.fault("google.token.refresh", "status", status=status)
    with pytest.raises((TransientFault, OperatorFault)):
        await world.custodian.access_token(ANN)
    assert [path.name for path in world.folder.iterdir() if path.is_file()] == ["token_501.json"]


async def test_a_revoked_grant_is_quarantined_once_with_its_reason(world: World) -> None:
    """And from then on the owner is not connected."""
    await world.connect(minutes_left=-1)
    await world.google.revoke(AMY)
    results = await asyncio.gather(
        *(world.custodian.access_token(ANN) for _ in range(10)), return_exceptions=True
    )
    assert {type(result) for result in results} == {ConsentRequired}
    assert world.quarantine_notes() == ["invalid_grant"]
    assert await world.custodian.was_quarantined(ANN)
    with pytest.raises(ConsentRequired) as caught:
        await world.custodian.access_token(ANN)
    assert caught.value.code == "not_connected"
    assert await world.refreshes() == 1


async def test_a_credential_without_a_refresh_token_is_quarantined_when_due(world: World) -> None:
    """It can never be refreshed."""
    granted = await world.grant(ANN, AMY)
    world.store.save_consent(replace(granted, refresh_token=None, expires_at=in_minutes(-1)))
    with pytest.raises(ConsentRequired):
        await world.custodian.access_token(ANN)
    assert world.quarantine_notes() == ["no_refresh_token"]


@pytest.mark.parametrize("how", ["load", "access_token"])
async def test_a_damaged_file_is_quarantined_and_the_owner_not_connected(
    world: World, how: str
) -> None:
    """Whoever reads it first."""
    await world.connect()
    credential_at(world.folder, ANN).plant(b"rubbish")
    if how == "load":
        assert await world.custodian.load(ANN) is None
    else:
        with pytest.raises(ConsentRequired):
            await world.custodian.access_token(ANN)
    assert world.quarantine_notes() == ["unreadable"]


async def test_a_newer_token_found_after_invalid_grant_is_used(world: World) -> None:
    """A program that knows no lock connected this owner while Google was asked."""
    await world.connect(minutes_left=-1)
    newer = await world.grant(ANN, AMY)
    document = replace(newer, expires_at=in_minutes(-1)).to_document()
    document["drivekeeper"]["generation"] = 1
    await world.google.fault("google.token.refresh", "oauth_error", error="invalid_grant")
    await world.google.fault("google.token.refresh", "latency", seconds=60)
    asking = asyncio.create_task(world.custodian.access_token(ANN))
    await world.google_is_asked()
    credential_at(world.folder, ANN).plant(world.keyring.encrypt(json.dumps(document).encode()))
    await world.google.clear_faults()
    served = await asking
    assert served.refresh_token == newer.refresh_token
    assert served.generation == 2
    assert world.quarantine_notes() == []


async def test_a_consent_of_another_program_during_a_refresh_wins(world: World) -> None:
    """It knows no lock; what it put there is served, not what was refreshed."""
    await world.connect(minutes_left=-1)
    newer = await world.grant(ANN, AMY)
    document = newer.to_document()
    del document["drivekeeper"]
    await world.google.fault("google.token.refresh", "latency", seconds=60)
    asking = asyncio.create_task(world.custodian.access_token(ANN))
    await world.google_is_asked()
    credential_at(world.folder, ANN).plant(world.keyring.encrypt(json.dumps(document).encode()))
    await world.google.clear_faults()
    assert (await asking).access_token == newer.access_token


# Rejected tokens


async def test_a_rejected_token_forces_one_refresh(world: World) -> None:
    """Google answered 401 although its time is not over."""
    kept = await world.connect()
    served = await asyncio.gather(
        *(world.custodian.access_token(ANN, rejected=kept.access_token) for _ in range(10))
    )
    assert {secret(one.access_token) for one in served} != {secret(kept.access_token)}
    assert await world.refreshes() == 1


async def test_a_rejected_token_that_is_no_longer_the_newest_costs_nothing(world: World) -> None:
    """Somebody else has refreshed meanwhile."""
    kept = await world.connect(minutes_left=1)
    newest = await world.custodian.access_token(ANN)
    served = await world.custodian.access_token(ANN, rejected=kept.access_token)
    assert served.access_token == newest.access_token
    assert await world.refreshes() == 1


async def test_a_rejected_token_is_not_served_even_where_no_other_can_be_had(
    world: World,
) -> None:
    """It would be rejected again."""
    kept = await world.connect()
    await world.google.fault("google.token.refresh", "status", status=503)
    with pytest.raises(TransientFault):
        await world.custodian.access_token(ANN, rejected=kept.access_token)


async def test_a_rejection_that_meets_a_flight_already_under_way_is_heard(world: World) -> None:
    """That flight knows nothing of it, fails, and would serve the rejected token."""
    kept = await world.connect(minutes_left=5)
    await world.google.fault("google.token.refresh", "latency", seconds=60)
    await world.google.fault("google.token.refresh", "status", status=503)
    unaware = asyncio.create_task(world.custodian.access_token(ANN))
    await world.google_is_asked()
    aware = asyncio.create_task(world.custodian.access_token(ANN, rejected=kept.access_token))
    await asyncio.sleep(0.05)
    assert not unaware.done()
    await world.google.clear_faults()
    assert (await unaware).access_token == kept.access_token
    assert (await aware).access_token != kept.access_token


# Nothing is cut short


async def test_a_cancelled_caller_loses_nothing(world: World) -> None:
    """With rotation the answer is the only copy of the refresh token."""
    await world.google.act("rotate_refresh_tokens", on=True)
    kept = await world.connect(minutes_left=-1)
    await world.google.fault("google.token.refresh", "latency", seconds=60)
    asking = asyncio.create_task(world.custodian.access_token(ANN))
    await world.google_is_asked()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await world.google.clear_faults()
    served = await world.custodian.access_token(ANN)
    assert served.generation == kept.generation + 1
    assert await world.refreshes() == 1


async def test_closing_waits_for_a_refresh_to_be_saved(world: World) -> None:
    """A shutdown in the middle."""
    await world.google.act("rotate_refresh_tokens", on=True)
    kept = await world.connect(minutes_left=-1)
    await world.google.fault("google.token.refresh", "latency", seconds=60)
    custody = world.new_custody()
    asking = asyncio.create_task(custody.custodian.access_token(ANN))
    await world.google_is_asked()
    asking.cancel()
    closing = asyncio.create_task(custody.workers.close())
    await asyncio.sleep(0.05)
    assert not closing.done()
    await world.google.clear_faults()
    await closing
    assert (await stored(world)).refresh_token != kept.refresh_token


async def test_a_caller_cancelled_while_it_waits_for_the_lock_leaves_it_free(
    world: World,
) -> None:
    """At any of a hundred moments."""

    async def hold() -> None:
        async with world.custody.leases.held(ANN):
            await asyncio.sleep(0)

    for number in range(100):
        task = asyncio.create_task(hold())
        await asyncio.sleep(number / 50_000)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    async with asyncio.timeout(15):
        # The thread of the last one may just have taken it: then it lets go of it.
        workers = world.custody.workers
        while (lease := await workers.run(world.store.lease, ANN)) is None:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    lease.release()


async def test_finished_work_survives_its_caller(world: World) -> None:
    """What `finish` was given goes to its end, and `close` waits for it."""
    workers, done = Workers(), asyncio.Event()

    async def work() -> None:
        await asyncio.sleep(0.1)
        done.set()

    caller = asyncio.create_task(workers.finish(work()))
    await asyncio.sleep(0.02)
    caller.cancel()
    await workers.close()
    assert done.is_set()


# Disconnecting


async def test_disconnecting_revokes_and_forgets(world: World) -> None:
    """At Google and on disk."""
    await world.connect()
    farewell = await world.custody.disconnecting.disconnect(ANN)
    assert (farewell.was_connected, farewell.revoked, farewell.shared) == (True, True, False)
    assert world.store.load(ANN) is None
    assert await allowing(world) == []


async def allowing(world: World) -> list[str]:
    """The accounts that still allow the app."""
    return sorted((await world.google.state())["grants"])


async def test_an_account_somebody_else_uses_is_not_revoked(world: World) -> None:
    """It would disconnect them as well."""
    await world.connect(ANN, AMY)
    await world.connect(BOB, AMY, minutes_left=1)
    farewell = await world.custody.disconnecting.disconnect(ANN)
    assert (farewell.revoked, farewell.shared) == (False, True)
    assert (await world.custodian.access_token(BOB)).generation == 2
    assert (await world.custody.disconnecting.disconnect(BOB)).revoked


async def test_an_account_another_programs_file_names_by_address_is_not_revoked(
    world: World,
) -> None:
    """It has no id of the account."""
    await world.connect(ANN, AMY)
    document = (await world.grant(BOB, AMY)).to_document()
    del document["drivekeeper"]
    credential_at(world.folder, BOB).plant(json.dumps(document).encode())
    assert (await world.custody.disconnecting.disconnect(ANN)).shared


async def test_an_account_that_cannot_be_told_from_others_is_not_revoked(world: World) -> None:
    """Somebody's file cannot be read."""
    await world.connect(ANN, AMY)
    credential_at(world.folder, Owner.user(7)).plant(b"rubbish")
    assert (await world.custody.disconnecting.disconnect(ANN)).shared


@pytest.mark.parametrize("damaged", ["client_id", "generation"])
async def test_what_is_no_credential_may_be_of_any_account(world: World, damaged: str) -> None:
    """Whatever else it says of itself."""
    await world.connect(ANN, AMY)
    other = replace(await world.grant(BOB, BEN), account_id=SecretStr("of ben"), generation=1)
    document = other.to_document()
    (document if damaged in document else document["drivekeeper"])[damaged] = []
    sealed = world.storage.sealer.seal(CREDENTIALS, BOB.stem, document)
    credential_at(world.folder, BOB).plant(sealed)
    farewell = await world.custody.disconnecting.disconnect(ANN)
    assert (farewell.revoked, farewell.shared) == (False, True)


async def test_what_is_older_than_what_was_seen_may_be_of_any_account(world: World) -> None:
    """It was brought back: whose account its owner has by now is not in it."""
    await world.connect(ANN, AMY)
    await world.connect(BOB, BEN)
    there = credential_at(world.folder, BOB)
    older = there.raw()
    await world.connect(BOB, AMY)
    there.plant(older)
    with capture_logs():
        farewell = await world.custody.disconnecting.disconnect(ANN)
    assert (farewell.revoked, farewell.shared) == (False, True)


@pytest.mark.parametrize(
    ("kind", "options"),
    # To a revocation 200 is a yes, whatever its body (RFC 7009 §2.2).
    [(kind, {"status": 403} if kind == "html" else options) for kind, options in FAILURES],
    ids=lambda value: str(value)[:30],
)
async def test_where_revoking_fails_the_credential_is_deleted_all_the_same(
    world: World, kind: str, options: dict[str, Any]
) -> None:
    """And the person is told."""
    await world.connect()
    await world.google.fault("google.revoke", kind, **options)
    custody = world.new_custody(oauth=world.new_oauth(timeout_seconds=patience(kind)))
    farewell = await custody.disconnecting.disconnect(ANN)
    assert (farewell.was_connected, farewell.revoked) == (True, False)
    assert world.store.load(ANN) is None
    assert credential_at(world.folder, ANN).is_empty


async def test_disconnecting_nobody_is_no_error(world: World) -> None:
    """Twice is as good as once."""
    farewell = await world.custody.disconnecting.disconnect(ANN)
    assert (farewell.was_connected, farewell.revoked) == (False, False)


async def test_a_damaged_credential_is_deleted_all_the_same(world: World) -> None:
    """It cannot be revoked."""
    await world.connect()
    credential_at(world.folder, ANN).plant(b"rubbish")
    assert not (await world.custody.disconnecting.disconnect(ANN)).revoked
    assert credential_at(world.folder, ANN).is_empty


async def test_start_up_finishes_what_was_interrupted(world: World) -> None:
    """A crash between the mark and the deletion."""
    await world.connect(ANN, AMY)
    await world.connect(BOB, BEN)
    world.store.mark_leaving(ANN)
    with pytest.raises(ConsentRequired):
        await world.custodian.access_token(ANN)
    assert await world.custody.disconnecting.finish_interrupted() == 1
    assert world.store.owners() == [BOB]
    assert await allowing(world) == [BEN]
    assert await world.custody.disconnecting.finish_interrupted() == 0


async def test_a_slow_refresh_brings_no_disconnected_owner_back(world: World) -> None:
    """Disconnecting waits for it, then deletes what it saved."""
    await world.connect(minutes_left=-1)
    await world.google.fault("google.token.refresh", "latency", seconds=0.2)
    asking = asyncio.create_task(world.custodian.access_token(ANN))
    await world.google_is_asked()
    farewell = await world.new_custody().disconnecting.disconnect(ANN)
    await asking
    assert farewell.revoked
    assert world.store.load(ANN) is None
    assert world.store.owners() == []


async def test_a_consent_during_a_slow_refresh_wins(world: World) -> None:
    """It is saved after it, as the newest."""
    await world.connect(minutes_left=-1)
    newer = await world.grant(ANN, BEN)
    await world.google.fault("google.token.refresh", "latency", seconds=0.2)
    asking = asyncio.create_task(world.custodian.access_token(ANN))
    await world.google_is_asked()
    other = world.new_custody()
    async with other.leases.held(ANN) as lease:
        await other.custodian.save_consent(newer, lease)
    await asking
    final = await stored(world)
    assert final.refresh_token == newer.refresh_token
    assert final.generation == 3


@pytest.mark.parametrize("is_free", [True, False])
async def test_a_stop_ends_the_waiting_for_a_lock_after_a_last_look(
    world: World, is_free: bool
) -> None:
    """It may have become free while the look before it was under way."""
    looks, custody = 0, world.custody

    async def take() -> Lease:
        nonlocal looks
        looks += 1
        if looks == 1:
            custody.workers.stop()
        lease = world.store.lease(ANN) if looks > 1 and is_free else None
        if lease is None:
            raise Locked
        return lease

    try:
        async with asyncio.timeout(30), custody.leases.holding(ANN, take):
            assert world.store.lease(ANN) is None
            outcome = "held"
    except TransientFault as fault:
        outcome = fault.code
    assert (outcome, looks) == ("held" if is_free else "locked", 2)


async def test_a_process_that_stops_asks_google_for_nothing_more(world: World) -> None:
    """What still serves is served; nobody is condemned, and nothing is lost."""
    await world.connect(minutes_left=5)
    await world.connect(BOB, BEN, minutes_left=-5)
    world.custody.workers.stop()
    assert secret((await world.custodian.access_token(ANN)).access_token)
    with pytest.raises(TransientFault) as caught:
        await world.custodian.access_token(BOB)
    assert caught.value.code == "stopped"
    assert await world.refreshes() == 0
    assert world.quarantine_notes() == []


async def test_a_disconnection_that_meets_the_stop_is_finished_by_the_next_start(
    world: World,
) -> None:
    """The mark is there, and Google has not been told yet."""
    await world.connect()
    world.custody.workers.stop()
    with pytest.raises(TransientFault):
        await world.custody.disconnecting.disconnect(ANN)
    assert (await world.google.calls())["counts"].get("google.revoke", 0) == 0
    assert await world.new_custody().disconnecting.finish_interrupted() == 1
    assert (await world.google.calls())["counts"]["google.revoke"] == 1
    assert world.store.load(ANN) is None


async def test_the_condemned_are_set_aside_after_the_next_start_where_this_one_ends(
    world: World,
) -> None:
    """However many there are, the stop does not wait for them."""
    await world.connect(minutes_left=5)
    credential_at(world.folder, ANN).plant(b"{")
    world.custody.workers.stop()
    assert await world.custodian.load(ANN) is None
    assert world.quarantine_notes() == []
    assert await world.new_custodian().load(ANN) is None
    assert world.quarantine_notes() == ["unreadable"]


async def test_what_is_remembered_last_is_what_stays_on_disk(world: World) -> None:
    """The first writing is long, and the second must not be overtaken by its end."""
    state = world.state
    for number in range(200):
        state.pauses.extend(Owner.user(number + 1), 0.0)
    state.rejections.reject(ANN, "unreadable", "1-2-3", 0.0)
    first = asyncio.create_task(state.save())
    await asyncio.sleep(0)
    state.rejections.reject(ANN, "tampered", "4-5-6", 0.0)
    state.rejections.reject(BOB, "unreadable", "1-2-3", 0.0)
    await asyncio.gather(first, state.save())
    again = world.new_custody().state
    await again.recall_rejected()  # which the sweep does, where several processes remember
    assert again.rejections.get(ANN) == state.rejections.get(ANN)
    assert BOB in again.rejections
