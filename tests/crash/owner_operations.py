"""What happens to one owner at a time: save, quarantine, disconnect, as the custodian does them."""

from __future__ import annotations

from contextlib import ExitStack, suppress

from security.credential import Owner
from security.errors import CorruptCredential
from security.storage.events import Event
from security.storage.leases import Reservation
from security.token_store import Save, TokenStore
from tests.crash.fates import Both, Current, Fate, Gone, Kept, SetAside
from tests.crash.operation import Hands, Operation, Steps
from tests.crash.world import ANN, BOB, CAT, EVE, FAY, NEW, World, a_credential


def _save(hands: Hands) -> Steps:
    """Refreshes of an encrypted and two plain ones, a first consent, one over a damaged file."""
    store = hands.store()
    for owners in ((ANN,), (BOB, CAT)):  # alone, and together
        with ExitStack() as leaving:
            saves = [_reserved(store, owner, leaving) for owner in owners]
            for outcome in store.save_all(saves):
                if isinstance(outcome, Exception):
                    raise outcome
        for owner in owners:
            yield owner.name
    for owner in (NEW, EVE):
        new = a_credential(owner, version="new")
        store.save_consent(new, events=[Event("authorised", owner)])
        yield owner.name


def _reserved(store: TokenStore, owner: Owner, leaving: ExitStack) -> Save:
    """What is done before Google is asked, and what came of asking."""
    lease = leaving.enter_context(store.leased(owner))
    seen = store.read(owner)
    assert seen.credential is not None
    reservation = store.reserve(owner, seen, lease)
    leaving.callback(_give_up, reservation)
    new, events = a_credential(owner, version="new"), [Event("refreshed", owner)]
    return Save(new, seen.credential.generation, lease, seen, reservation, events)


def _give_up(reservation: Reservation) -> None:
    if reservation.is_open:
        reservation.give_up()


def _saved(world: World) -> dict[Owner, Fate]:
    """Each has the new credential; what was damaged is in quarantine as well."""
    new = {owner: Current(a_credential(owner, version="new")) for owner in (ANN, BOB, CAT, NEW)}
    damaged = Both(Current(a_credential(EVE, version="new")), Kept(world.raw[EVE]))
    return {**new, EVE: damaged}


def _half_saved(world: World) -> dict[Owner, Fate]:
    """What was damaged goes into quarantine before the new consent is saved."""
    return {EVE: SetAside(world.raw[EVE])}


def _quarantine(hands: Hands) -> Steps:
    """Encrypted ones, plain ones, a damaged one."""
    store = hands.store()
    for owner in (ANN, BOB, EVE):
        with store.leased(owner) as lease:
            try:
                store.load(owner)
            except CorruptCredential as error:
                reason = error.code
            else:
                reason = "revoked"
            event = Event("quarantined", owner, reason)
            store.copies.set_aside(owner, reason, lease=lease, events=[event])
        yield owner.name


def _set_aside(world: World) -> dict[Owner, Fate]:
    """Each owner's bytes are in quarantine."""
    return {owner: SetAside(world.raw[owner]) for owner in (ANN, BOB, EVE)}


def _disconnect(hands: Hands) -> Steps:
    """Google left out; also those whose credential is damaged or in quarantine."""
    for owner in (ANN, BOB, EVE, FAY):
        end(hands, owner)
        yield owner.name


def end(hands: Hands, owner: Owner) -> None:
    """Disconnect one owner."""
    store = hands.store()
    with store.leased(owner) as lease:
        with suppress(CorruptCredential):  # it cannot be revoked; it is deleted all the same
            store.mark_leaving(owner, lease=lease)
        store.delete(owner, lease=lease, events=[Event("revoked", owner)])


def _disconnected(world: World) -> dict[Owner, Fate]:
    """Nothing is left of them but a tombstone."""
    return {
        owner: Gone(world.credentials[owner].generation if owner in (ANN, BOB) else 1)
        for owner in (ANN, BOB, EVE, FAY)
    }


OWNER_OPERATIONS = (
    Operation("save", _save, _saved, _half_saved),
    Operation("quarantine", _quarantine, _set_aside),
    Operation("disconnect", _disconnect, _disconnected),
)
