"""What may not be done beside a running bot."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from security.errors import CustodyError, OperatorFault
from security.storage.each import only
from security.storage.leases import BOT_LEASE, Lease
from security.storage.protocol import Storage

_RENEWALS: Final = 3
"""Within the length of a lease: one or two may fail."""
_PATIENCE: Final = 1.2
"""Lengths of a lease."""
_POLL_SECONDS: Final = 0.2


class BotStopped:
    """The bot is kept from starting; where its lease lapses, that is renewed meanwhile."""

    def __init__(self, lease: Lease, seconds: float | None) -> None:
        """
        Args:
            seconds: how long the lease lasts that nobody renews; None: as long as the process.
        """
        self._lease = lease
        self._ended = threading.Event()
        self._renewer: threading.Thread | None = None
        if seconds is not None:
            pause = seconds / _RENEWALS
            self._renewer = threading.Thread(target=self._renew, args=(pause,), daemon=True)
            self._renewer.start()

    def check(self) -> None:
        """Raise OperatorFault where that cannot be said any more.

        Where a renewal came too late, and nobody was faster, it still can.
        """
        if not (self._lease.may_begin() or self._lease.renew()):
            raise OperatorFault(
                "the bot could not be kept from starting all the while", code="second_instance"
            )

    def end(self) -> None:
        """It may start again."""
        self._ended.set()
        if self._renewer is not None:
            self._renewer.join()
        self._lease.release()

    def _renew(self, pause: float) -> None:
        while not self._ended.wait(pause):
            with suppress(CustodyError):  # `check` tells, once it has lapsed
                self._lease.renew()


@contextmanager
def bot_stopped(storage: Storage) -> Iterator[BotStopped]:
    """Keep the bot from starting on this storage.

    Where leases lapse, that of a bot that has died is waited for.

    Raises:
        OperatorFault: it is running, or that cannot be told.
    """
    deadline = time.monotonic() + (storage.lease_seconds or 0) * _PATIENCE
    while (lease := only(storage.lease([BOT_LEASE]))) is None and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    if lease is None:
        raise OperatorFault(
            f"the bot is running on {_place(storage)}: stop it first", code="second_instance"
        )
    stopped = BotStopped(lease, storage.lease_seconds)
    try:
        yield stopped
    finally:
        stopped.end()


def _place(storage: Storage) -> str:
    return "this database" if storage.is_shared else "this data folder"
