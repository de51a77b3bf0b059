"""What happens to one owner at a time: save, quarantine, disconnect, as the custodian does them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, suppress

from security.credential import Owner
from security.errors import CorruptCredential
from security.storage.events import Event
from security.storage.leases import Reservation
from security.token_store import Save, TokenStore
from tests.crash.fates import Both, Current, Fate, Gone, Kept, SetAside
from tests.crash.operation import Hands, Operation, Steps
from tests.crash.world import ANN, BOB, CAT, EVE, FAY, NEW, World, a_credential


def save(*groups: Sequence[Owner]) -> Operation:
    """Refreshes; those of one group are saved together."""
    everyone = [owner for owners in groups for owner in owners]

    def run(hands: Hands) -> Steps:
        store = hands.store()
        for owners in groups:
            with ExitStack() as leaving:
                saves = [_reserved(store, owner, leaving) for owner in owners]
                for outcome in store.save_all(saves):
                    if isinstance(outcome, Exception):
                        raise outcome
            for owner in owners:
                yield owner.name

    def ends(world: World) -> dict[Owner, Fate]:
        return {owner: Current(a_credential(owner, version="new")) for owner in everyone}

    return Operation("save", run, ends)


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


def consent(*owners: Owner) -> Operation:
    """New consents; what was damaged goes into quarantine before."""

    def run(hands: Hands) -> Steps:
        store = hands.store()
        for owner in owners:
            new = a_credential(owner, version="new")
            store.save_consent(new, events=[Event("authorised", owner)])
            yield owner.name

    def ends(world: World) -> dict[Owner, Fate]:
        new: dict[Owner, Fate] = {
            owner: Current(a_credential(owner, version="new")) for owner in owners
        }
        return new | {EVE: Both(new[EVE], Kept(world.raw[EVE]))} if EVE in new else new

    def between(world: World) -> dict[Owner, Fate]:
        return {EVE: SetAside(world.raw[EVE])}

    return Operation("consent", run, ends, between)


def quarantine(*owners: Owner) -> Operation:
    """They are set aside; damaged ones as well."""

    def run(hands: Hands) -> Steps:
        store = hands.store()
        for owner in owners:
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

    def ends(world: World) -> dict[Owner, Fate]:
        return {owner: SetAside(world.raw[owner]) for owner in owners}

    return Operation("quarantine", run, ends)


def disconnect(*owners: Owner) -> Operation:
    """Google left out; also those whose credential is damaged or in quarantine."""

    def run(hands: Hands) -> Steps:
        for owner in owners:
            end(hands, owner)
            yield owner.name

    def ends(world: World) -> dict[Owner, Fate]:
        return {
            owner: Gone(1 if owner in (EVE, FAY) else world.credentials[owner].generation)
            for owner in owners
        }

    return Operation("disconnect", run, ends)


def end(hands: Hands, owner: Owner) -> None:
    """Disconnect one owner."""
    store = hands.store()
    with store.leased(owner) as lease:
        with suppress(CorruptCredential):  # it cannot be revoked; it is deleted all the same
            store.mark_leaving(owner, lease=lease)
        store.delete(owner, lease=lease, events=[Event("revoked", owner)])


OWNER_OPERATIONS = (
    save((ANN,), (BOB, CAT)),
    consent(NEW, EVE),
    quarantine(ANN, BOB, EVE),
    disconnect(ANN, BOB, EVE, FAY),
)
