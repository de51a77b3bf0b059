"""The next start after a crash, and what must be true then."""

from __future__ import annotations

import traceback
from collections.abc import Collection

from security.credential import Owner
from security.errors import CustodyError
from tests.crash.fates import Remains, before
from tests.crash.operation import ALL_DONE, Hands, Operation
from tests.crash.owner_operations import end
from tests.crash.world import OWNERS, other_documents


def losses(operation: Operation, hands: Hands, done: set[str]) -> list[str]:
    """Start on what a crash has left, look, do the operation again, look again.

    Args:
        hands: the storage as the crash has left it; changed.
        done: what the operation had reported as done.
    """
    try:
        hands.let_time_pass()
        next_start(hands)
        found = _look(operation, hands, done)
        found += _again(operation, hands) if not found else []
    except CustodyError as error:
        found = [f"refused at the next start: {error}"]
    except Exception:
        found = [traceback.format_exc()]
    return found


def _look(
    operation: Operation, hands: Hands, done: set[str], stay: Collection[Owner] = ()
) -> list[str]:
    remains, found = hands.remains(), []
    ends, between = operation.ends(hands.world), operation.between(hands.world)
    begins = operation.begins(hands.world)
    for owner in OWNERS:
        old, new = begins.get(owner) or before(hands.world, owner), ends.get(owner)
        finished = new is not None and (owner.name in done or ALL_DONE in done)
        fates = [new] if finished else [old, new]
        fates += [between.get(owner)] if not finished or owner in stay else []
        if not any(fate.holds(remains, owner) for fate in fates if fate is not None):
            wanted = "new" if finished else "old or new"
            found.append(f"{_label(owner)} is not {wanted}: {_describe(remains, owner)}")
    if other_documents(hands.storage()) != hands.world.documents:
        found.append("a consent, an upload or a preference has changed")
    found += hands.left_behind()
    found += operation.also(hands)
    if ALL_DONE in done:
        found += operation.finally_also(hands)
    return found


def _again(operation: Operation, hands: Hands) -> list[str]:
    """The fault is gone: the operation must succeed, once more or at last."""
    try:
        for _ in operation.run(hands):
            pass
    except CustodyError as error:
        return [f"cannot be done again: {error}"]
    everyone = {owner.name for owner in operation.ends(hands.world)} | {ALL_DONE}
    after = _look(operation, hands, everyone, operation.stays)
    return [f"done again: {loss}" for loss in after]


def next_start(hands: Hands) -> None:
    """What the bot does at its start, with the storage."""
    store = hands.store()
    store.prepare()
    for owner in store.owners():
        try:
            credential = store.load(owner)
        except CustodyError:
            continue
        if credential is not None and credential.state == "leaving":
            end(hands, owner)


def _label(owner: Owner) -> str:
    return f"owner {owner.key}"


def _describe(remains: Remains, owner: Owner) -> str:
    """What is there instead, for whoever mends it."""
    try:
        current: object = remains.current(owner)
    except CustodyError as error:
        current = error
    data = remains.raw(owner)
    size = "nothing" if data is None else f"{len(data)} bytes"
    copies = len(remains.quarantined(owner))
    return f"{size}, {copies} in quarantine, tombstone {remains.ended(owner)}, loads as {current}"
