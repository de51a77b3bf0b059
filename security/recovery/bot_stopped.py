"""What may not be done beside a running bot."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from security.errors import OperatorFault
from security.storage.each import only
from security.storage.holding.held_lease import HeldLease
from security.storage.leases import BOT_LEASE
from security.storage.protocol import Storage

_PATIENCE: Final = 1.2
"""Lengths of a lease."""
_POLL_SECONDS: Final = 0.2
_CERTAIN_SECONDS: Final = 5.0
"""For the storage to say whose the lease is, where it has run out."""


class BotStopped:
    """The bot is kept from starting; where its lease lapses, that is renewed meanwhile."""

    def __init__(self, lease: HeldLease) -> None:
        self._lease = lease

    def check(self) -> None:
        """Raise OperatorFault where that cannot be said any more.

        Where a renewal came too late, and nobody was faster, it still can.
        """
        if not self._lease.is_certain(_CERTAIN_SECONDS):
            raise OperatorFault(
                "the bot could not be kept from starting all the while: see that it is stopped, "
                "and run this again",
                code="second_instance",
            )


@contextmanager
def bot_stopped(
    storage: Storage, on_wait: Callable[[float, float], None] = lambda waited, longest: None
) -> Iterator[BotStopped]:
    """Keep the bot from starting on this storage.

    Where leases lapse, that of a bot that has died is waited for.

    Args:
        on_wait: told at once, and then again and again while that is waited for: the seconds so
            far, and how many they can become.

    Raises:
        OperatorFault: it is running, or that cannot be told.
    """
    began, patience = time.monotonic(), (storage.lease_seconds or 0) * _PATIENCE
    while (lease := only(storage.lease([BOT_LEASE]))) is None:
        waited = time.monotonic() - began
        if waited >= patience:
            break
        on_wait(waited, patience)
        time.sleep(_POLL_SECONDS)
    if lease is None:
        raise OperatorFault(
            f"the bot is running on {_place(storage)}: stop it first", code="second_instance"
        )
    held = HeldLease(lease, storage.lease_seconds)
    held.start()
    try:
        yield BotStopped(held)
    finally:
        held.release()


def _place(storage: Storage) -> str:
    return "this database" if storage.is_shared else "this data folder"
