"""A code becomes a key once, however often it is sent: whoever waits for a cloud to wake presses
again, and the browser shows the last answer."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from desktop.keeping.credentials import DesktopCredentialManager, Pairing
from desktop.sending.cloud import Cloud, address_of
from security.errors import CustodyError
from security.google.network import Network

_HEARD_SECONDS: Final = 60.0


@dataclass
class Pairer:
    """One for a page."""

    credentials: DesktopCredentialManager
    network: Network
    _under_way: dict[tuple[str, str], asyncio.Task[None]] = field(default_factory=dict)

    async def pair(self, typed: str, code: str) -> None:
        """Have the code become a key, and keep it.

        Raises:
            WrongAddress, CustodyError: as `address_of` and `Cloud.pair`.
            OSError: it cannot be kept; the code is not spent.
        """
        asked = address_of(typed), code
        if (task := self._under_way.get(asked)) is None:
            task = asyncio.create_task(self._pair(Cloud(asked[0], self.network), code))
            self._under_way[asked] = task
            task.add_done_callback(partial(self._ended, asked))
        await task

    def _ended(self, asked: tuple[str, str], task: asyncio.Task[None]) -> None:
        """Whoever pressed twice may be heard just now: the code is spent, and did what it shall."""
        is_paired = not task.cancelled() and task.exception() is None
        seconds = _HEARD_SECONDS if is_paired else 0
        asyncio.get_running_loop().call_later(seconds, self._under_way.pop, asked)

    async def _pair(self, cloud: Cloud, code: str) -> None:
        try:
            await asyncio.to_thread(self.credentials.need_room)
            pairing = await asyncio.to_thread(_paired, cloud, code)
        except asyncio.CancelledError:  # the program ends, and would wait for its threads
            cloud.stop.interrupt()
            raise
        await asyncio.to_thread(self.credentials.keep, pairing)


def _paired(cloud: Cloud, code: str) -> Pairing:
    """The pairing that a code becomes, by the department's own name where that is told."""
    pairing = cloud.pair(code)
    with suppress(CustodyError):
        pairing = pairing.model_copy(update={"name": cloud.status(pairing)[0] or pairing.name})
    return pairing
