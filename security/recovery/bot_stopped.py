"""What may not be done beside a running bot."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from security.errors import CustodyError, OperatorFault
from security.storage.leases import BOT_LEASE
from security.storage.protocol import Storage


@contextmanager
def bot_stopped(storage: Storage) -> Iterator[None]:
    """Keep the bot from starting on this storage.

    Raises:
        OperatorFault: it is running, or that cannot be told.
    """
    [lease] = storage.lease([BOT_LEASE])
    if isinstance(lease, CustodyError):
        raise lease
    if lease is None:
        raise OperatorFault(
            "the bot is running on this data folder: stop it first", code="second_instance"
        )
    try:
        yield
    finally:
        lease.release()
