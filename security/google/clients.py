"""The OAuth clients that are configured: who asks Google, and in whose name a grant was given."""

from __future__ import annotations

from collections.abc import Iterable

from config import GoogleClient
from security.errors import OperatorFault


class Clients:
    """The clients by their ids."""

    def __init__(self, clients: Iterable[GoogleClient]) -> None:
        self._by_id = {client.id: client for client in clients}

    def by_id(self, client_id: str) -> GoogleClient:
        """The client that something was issued to: no other can use it.

        Raises:
            OperatorFault: it is not configured, or not any more.
        """
        client = self._by_id.get(client_id)
        if client is None:
            raise OperatorFault(
                "issued by an OAuth client that is not configured (GOOGLE_OTHER_CLIENTS)",
                code="unknown_client",
            )
        return client
