"""Which OAuth clients Google refuses: in one pass, each is asked with until that is certain.

`invalid_client` and `deleted_client` speak of the client, so that everybody with a credential of it
would meet the same. But one answer may be anything: so three in a row are wanted, and no success.
No other answer says anything about anybody else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from security.custody.limiter import RefreshSlot
from security.custody.workers import Workers
from security.errors import ClientRefused, CustodyError, OperatorFault
from security.owner_documents import CREDENTIALS
from security.storage.protocol import Storage

_IN_A_ROW: Final = 3


class NotAsked(ClientRefused):
    """Google was not asked: in this pass it has refused the client to others often enough."""


class RefusedClients:
    """What one pass has learned of the clients, by their ids."""

    def __init__(self, workers: Workers, storage: Storage) -> None:
        self._workers = workers
        self._storage = storage
        self._issued: dict[str, set[str]] = {}
        self._in_a_row: Counter[str] = Counter()
        self._serving: set[str] = set()
        self.refused: dict[str, str] = {}
        """The result codes, by the ids of the refused."""

    async def refusal(self, name: str) -> str | None:
        """With which code the client is refused that issued the credential of this name; None: it
        is not, or that is not known. No credential is opened for it that has not changed."""
        for client_id, code in list(self.refused.items()):
            if client_id not in self._issued:
                self._issued[client_id] = await self._workers.read(self._issued_by, client_id)
            if name in self._issued[client_id]:
                return code
        return None

    def _issued_by(self, client_id: str) -> set[str]:
        try:
            return set(self._storage.find(CREDENTIALS, "client_id", client_id))
        except OperatorFault:  # each is told so when their own turn comes
            return set()

    @asynccontextmanager
    async def asking(self, slot: RefreshSlot, client_id: str) -> AsyncIterator[None]:
        """Hold `slot` around a question, whose end is noted; `slot` is waited for.

        Raises:
            NotAsked: others have met a refusal often enough, at first or while this one waited.
        """
        self._check(client_id)
        async with slot:
            self._check(client_id)
            try:
                yield
            except ClientRefused as refusal:
                self._in_a_row[client_id] += 1
                if self._in_a_row[client_id] >= _IN_A_ROW and client_id not in self._serving:
                    self.refused[client_id] = refusal.code
                raise
            except CustodyError:
                self._in_a_row[client_id] = 0
                raise
            self._in_a_row[client_id] = 0
            self._serving.add(client_id)
            self.refused.pop(client_id, None)

    def _check(self, client_id: str) -> None:
        if (code := self.refused.get(client_id)) is not None:
            raise NotAsked("Google refuses the OAuth client", code=code)
