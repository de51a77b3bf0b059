"""A process that stands still loses its leases: nothing is lost by it, and nobody set aside."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydantic import SecretStr

from processes.storage import KINDS
from security.consent.approvals import GoogleAccount
from security.consent.flows import PASTE_REDIRECT, ConsentMethod
from security.encryption import TokenEncryption
from security.errors import ConsentRequired, OperatorFault, TransientFault
from security.owner_documents import credential_key
from security.recovery.rotation import Mode, Rotation
from security.storage.leases import patience
from security.storage.protocol import Found, Key
from security.storage.sealing import Sealer
from security.token_store import TokenStore
from tests.security.kit import AMY, ANN, MASK, a_credential, new_key, secret
from tests.security.processes import CLIENT, Processes, several
from tests.storage.shared import SharedShelf, SharedStorage

pytestmark = pytest.mark.one_way("on")


def test_whoever_must_have_a_lease_waits_for_longer_than_one_lasts() -> None:
    """Where leases lapse; where they do not, as long as what is done under one may take."""
    assert (patience(30), patience(3), patience(None)) == (35, 8, 30)


async def test_what_a_dead_process_held_is_had_within_the_patience() -> None:
    """Asked for by a task, and by a thread; whoever has it knows from whom it was taken."""
    async with several(lease_seconds=0.3) as processes:
        dead, alive = processes.start(), processes.start()
        assert dead.store.lease(ANN) is not None
        async with alive.leases.held(ANN) as lease:
            assert lease.taken_over_at is not None
        assert dead.store.lease(ANN) is not None
        with alive.store.leased(ANN) as lease:
            assert lease.taken_over_at is not None


@asynccontextmanager
async def stopped_amid_a_refresh(processes: Processes) -> AsyncIterator[asyncio.Task[object]]:
    """Google has given one process Ann's new token; it stands still until its lease has lapsed."""
    processes.connect(ANN)
    late = processes.start()
    processes.endpoint.may_answer.clear()
    refresh = asyncio.create_task(late.custodian.refresh(ANN))
    await processes.endpoint.arrived.wait()
    processes.shelf.tick(31)
    yield refresh
    processes.endpoint.may_answer.set()


async def test_a_refusal_just_after_a_lease_was_taken_over_condemns_nobody(
    processes: Processes,
) -> None:
    """The late one has rotated the token: it saves what it got, and everybody goes on by that."""
    async with stopped_amid_a_refresh(processes) as refresh:
        others = [processes.start(), processes.start()]
        for other in others:  # whoever took it over, and the next holder
            assert (await other.custodian.refresh(ANN)).fault is not None
            assert other.state.rejections.owners() == set()
        report = await processes.start().sweep.run()
        assert (report.transient, report.quarantined, report.held) == (1, 0, 0)
    await refresh
    kept = await others[0].custodian.refresh(ANN)
    assert secret(kept.credential.access_token) == "ya29.501-1"
    assert kept.credential.generation == 2
    assert others[0].store.copies.size() == 0
    assert processes.endpoint.asked == {"501": 1, "refused": 3}


async def test_what_the_late_one_saves_while_another_is_refused_serves_that_one_as_well(
    processes: Processes,
) -> None:
    """Asked for once more, Google would end the token that was just saved."""
    async with stopped_amid_a_refresh(processes) as refresh:
        other = processes.start()

        @asynccontextmanager
        async def asking(client_id: str) -> AsyncIterator[None]:
            try:
                yield
            finally:  # Google has refused, and nothing has been read again yet
                processes.endpoint.may_answer.set()
                await refresh

        kept = await other.custodian.refresh_within(ANN, 30, asking)
    assert secret(kept.credential.access_token) == "ya29.501-1"
    saved = other.store.load(ANN)
    assert saved is not None
    assert secret(saved.refresh_token) == "1//0501-1"
    assert processes.endpoint.asked == {"501": 1, "refused": 1}


async def test_a_refusal_counts_once_the_late_one_has_been_waited_for(
    processes: Processes,
) -> None:
    """It never came back: a lease's length later the grant is found to be of no use."""
    [before] = processes.connect(ANN)
    dead, alive = processes.start(), processes.start()
    assert dead.store.lease(ANN) is not None
    processes.endpoint.end(ANN)
    processes.shelf.tick(31)
    kept = await alive.custodian.refresh(ANN)
    assert (kept.credential.generation, kept.fault is not None) == (before.generation, True)
    processes.shelf.tick(31)
    with pytest.raises(ConsentRequired):
        await alive.custodian.refresh(ANN)
    assert alive.store.copies.size() == 1


async def test_keys_rotated_while_a_process_stood_still_cost_it_no_token(
    processes: Processes,
) -> None:
    """Another version, of the same generation: the late save counts, under the new key."""
    old, new = processes.keys[0], new_key()
    processes.keys = [old, new]
    async with stopped_amid_a_refresh(processes) as refresh:
        report = Rotation(TokenStore(processes.storage([new, old]), MASK)).run(Mode.ROTATE)
        assert report.is_complete
    await refresh
    saved = processes.start([new, old]).store.load(ANN)
    assert saved is not None
    assert secret(saved.refresh_token) == "1//0501-1"


async def test_whoever_lost_the_lease_before_asking_asks_nothing(processes: Processes) -> None:
    """Another process has refreshed meanwhile."""
    processes.connect(ANN)
    late, other = processes.start(), processes.start()
    stands, goes_on = asyncio.Event(), asyncio.Event()

    @asynccontextmanager
    async def asking(client_id: str) -> AsyncIterator[None]:
        stands.set()
        await goes_on.wait()
        yield

    refresh = asyncio.create_task(late.custodian.refresh_within(ANN, 30, asking))
    await stands.wait()
    processes.shelf.tick(31)
    await other.custodian.refresh(ANN)
    goes_on.set()
    kept = await refresh
    assert kept.fault is not None
    assert kept.fault.code == "locked"
    assert processes.endpoint.asked == {"501": 1}
    assert late.state.rejections.owners() == set()


async def test_a_lease_that_lapsed_and_was_taken_by_nobody_is_taken_up_again(
    processes: Processes,
) -> None:
    """Then what was read is what is there."""
    processes.connect(ANN)
    late = processes.start()

    @asynccontextmanager
    async def asking(client_id: str) -> AsyncIterator[None]:
        processes.shelf.tick(31)
        yield

    kept = await late.custodian.refresh_within(ANN, 30, asking)
    assert (kept.asked, kept.credential.generation) == (True, 2)


async def test_a_disconnection_that_wakes_up_late_deletes_no_newer_consent(
    processes: Processes,
) -> None:
    """What was marked as leaving has been replaced; nothing of the newer one is touched."""
    processes.connect(ANN)
    late, other = processes.start(), processes.start()
    processes.endpoint.may_answer.clear()
    leaving = asyncio.create_task(late.disconnecting.disconnect(ANN))
    await processes.endpoint.arrived.wait()
    processes.shelf.tick(31)
    [newer] = processes.connect(ANN)
    processes.endpoint.may_answer.set()
    with pytest.raises(TransientFault):
        await leaving
    kept = other.store.load(ANN)
    assert kept is not None
    assert (kept.generation, kept.state) == (newer.generation, "active")


class Stopped(SharedStorage):
    """Of a process that stands still behind some of its reads, until another has done something."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.behind: dict[int, Callable[[], object]] = {}
        """By the number of reads that are still to come."""

    def read(self, keys: Sequence[Key]) -> list[Found]:
        found = super().read(keys)
        self.behind = {number - 1: act for number, act in self.behind.items()}
        self.behind.pop(0, lambda: None)()
        return found


@pytest.mark.parametrize("reads", [1, 2, 3])
def test_a_consent_that_wakes_up_late_sets_no_other_aside(reads: int) -> None:
    """The credential that was damaged is in quarantine once, the other consent's is not."""
    shelf, sealer = SharedShelf(), Sealer(TokenEncryption([new_key()]))
    late, other = Stopped(shelf, sealer, MASK, KINDS), SharedStorage(shelf, sealer, MASK, KINDS)
    shelf.keep(credential_key(ANN), b"{")

    def meanwhile() -> None:
        shelf.tick(31)
        TokenStore(other, MASK).save_consent(a_credential(ANN))

    late.behind[reads] = meanwhile
    saved = TokenStore(late, MASK).save_consent(a_credential(ANN))
    store = TokenStore(other, MASK)
    kept = store.load(ANN)
    assert kept is not None
    assert kept.generation == saved.generation
    assert [record.reason for record in store.copies.records()] == ["unreadable"]


# Saves in hand


def away(shelf: SharedShelf, *, it_is: bool) -> None:
    """Nothing can be reached."""
    shelf.is_away = it_is


def full(shelf: SharedShelf, *, it_is: bool) -> None:
    """Nothing can be written."""
    shelf.is_full = it_is


@pytest.mark.parametrize(
    ("trouble", "code"), [(away, "database_unreachable"), (full, "store_failed")]
)
async def test_a_token_in_hand_is_saved_as_soon_as_that_can_be_done(
    processes: Processes, trouble: Callable[..., None], code: str
) -> None:
    """Nobody waits for it meanwhile: who asks is given the old token, or told what is wrong."""
    processes.connect(ANN)
    one, other = processes.start(), processes.start()
    processes.endpoint.may_answer.clear()
    refresh = asyncio.create_task(one.custodian.refresh(ANN))
    await processes.endpoint.arrived.wait()
    trouble(processes.shelf, it_is=True)
    processes.endpoint.may_answer.set()
    kept = await refresh
    assert kept.fault is not None
    assert (kept.fault.code, kept.asked) == (code, False)
    assert one.state.incidents.is_open(code)
    trouble(processes.shelf, it_is=False)
    assert (await other.custodian.refresh(ANN)).credential.generation == 2  # once it is saved
    assert processes.endpoint.asked == {"501": 1}
    assert other.store.copies.size() == 0


async def test_what_is_too_large_is_not_tried_for_ever(processes: Processes) -> None:
    """No more of it would be kept another time."""

    async def save() -> None:
        raise OperatorFault("a document is too large for the database", code="too_big")

    with pytest.raises(OperatorFault):
        async with asyncio.timeout(30):
            await processes.start().leases.persist(None, save)


async def test_a_save_whose_answer_was_lost_is_found_to_be_there(processes: Processes) -> None:
    """It is neither refused as somebody else's, nor asked of Google again."""
    processes.connect(ANN)
    one, other = processes.start(), processes.start()
    processes.shelf.loses_answers = True
    assert (await one.custodian.refresh(ANN)).fault is not None
    processes.shelf.is_away = False
    assert (await other.custodian.refresh(ANN)).credential.generation == 2
    assert (await one.custodian.access_token(ANN)).generation == 2
    assert processes.endpoint.asked == {"501": 1}


async def test_the_tokens_of_a_consent_are_kept_as_soon_as_that_can_be_done(
    processes: Processes,
) -> None:
    """Its code is spent: nobody has to consent once more."""
    one = processes.start()

    async def whose(token: SecretStr) -> GoogleAccount:
        return GoogleAccount(address=SecretStr(AMY), id=SecretStr("permission-1"))

    flows = one.consent_flows(whose)
    asked = await flows.begin(ANN, ConsentMethod("paste", CLIENT, PASTE_REDIRECT))
    processes.endpoint.may_answer.clear()
    state = asked.state.get_secret_value()
    pasting = asyncio.create_task(
        flows.accept_pasted(ANN, f"{PASTE_REDIRECT}?state={state}&code=501")
    )
    await processes.endpoint.arrived.wait()
    processes.shelf.is_away = True
    processes.endpoint.may_answer.set()
    done, _ = await asyncio.wait((pasting,), timeout=0.1)
    assert not done
    processes.shelf.is_away = False
    approved = await pasting
    saved = await flows.confirm(ANN, approved.id)
    assert secret(saved.refresh_token) == "1//0501-0"


async def test_the_end_of_a_process_waits_for_its_tokens_in_hand(processes: Processes) -> None:
    """As for any save, until its deadline."""
    processes.connect(ANN)
    one = processes.start()
    processes.endpoint.may_answer.clear()
    refresh = asyncio.create_task(one.custodian.refresh(ANN))
    await processes.endpoint.arrived.wait()
    processes.shelf.is_away = True
    processes.endpoint.may_answer.set()
    await refresh
    ending = asyncio.create_task(one.workers.close())
    done, _ = await asyncio.wait((ending,), timeout=0.1)
    assert not done
    processes.shelf.is_away = False
    await ending
    kept = processes.start().store.load(ANN)
    assert kept is not None
    assert kept.generation == 2
