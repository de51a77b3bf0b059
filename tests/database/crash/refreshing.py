"""A refresh, cut amid it: Google is asked once, whatever becomes of the save."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Final

from pydantic import SecretStr

from config import GoogleClient
from processes.wiring import Custody, CustodyOptions
from security.credential import Credential, Owner
from security.encryption import TokenEncryption
from security.errors import CustodyError
from security.google.oauth import GoogleOAuth, OAuthEndpoints
from security.storage.sql.storage import SqlStorage
from security.token_store import TokenStore
from tests.database.crash.custody import Database, Rows, storage_of
from tests.database.proxy import Proxy
from tests.database.rotating import RotatingEndpoint, refresh_token
from tests.security.kit import new_key
from tests.stores import MASK

_OWNER: Final = Owner.user(1)
_CLIENT: Final = GoogleClient("client.apps.googleusercontent.com", SecretStr("GOCSPX-x"))
_AWAY_SECONDS: Final = 0.2
_LONGEST: Final = 30


class RefreshingSubject:
    """One owner's, with the custodian that the product has."""

    name = "refresh"

    def __init__(self, database: Database, proxy: Proxy) -> None:
        self._database = database
        self._proxy = proxy
        self._keyring = TokenEncryption([new_key()], required=True)
        self._rows: Rows | None = None
        self._google = RotatingEndpoint()

    def begin(self) -> None:
        """The owner's access token has run out."""
        self._google = RotatingEndpoint()
        if self._rows is None:
            self._rows = self._make()
        self._database.put_back(self._rows)

    def _make(self) -> Rows:
        self._database.put_back({table: [] for table in self._database.rows()})
        with self._storage(self._database.url_beside) as storage:
            store = TokenStore(storage, MASK)
            store.prepare()
            store.save_newest(
                Credential(
                    owner=_OWNER,
                    client_id=_CLIENT.id,
                    refresh_token=SecretStr(refresh_token(1, 0)),
                    access_token=SecretStr("ya29.old"),
                    expires_at=datetime.now(UTC) - timedelta(hours=1),
                )
            )
        return self._database.rows()

    def run(self) -> None:
        """Somebody wants an access token; a network that is cut comes back before long."""
        asyncio.run(self._ask())

    async def _ask(self) -> None:
        async with asyncio.timeout(_LONGEST), self._google.serving() as google:
            oauth = GoogleOAuth(OAuthEndpoints(*[f"{google.url}/p0/token"] * 4))
            with self._storage(self._database.url) as storage:
                custody = Custody(storage, MASK, oauth, CustodyOptions(clients=[_CLIENT]))
                coming_back = asyncio.create_task(self._come_back())
                try:
                    await custody.custodian.access_token(_OWNER)
                finally:
                    coming_back.cancel()
                    await custody.close()

    async def _come_back(self) -> None:
        while self._proxy.met is None:  # noqa: ASYNC110 - a thread of the proxy's sets it
            await asyncio.sleep(0.01)
        await asyncio.sleep(_AWAY_SECONDS)
        self._proxy.admit()

    def losses(self) -> list[str]:
        """Google is asked again only if it had not answered; what is kept is what it knows."""
        before = self._google.turns[1]
        self._database.let_time_pass()
        if before and self._kept() != refresh_token(1, before):
            return ["what Google gave is lost"]
        with suppress(CustodyError):
            self.run()
        asked, turns = self._google.asked["p0"], self._google.turns[1]
        if (asked, turns, self._kept()) != (1, 1, refresh_token(1, 1)):
            return [f"Google was asked {asked} times, refreshed {turns} times, of which is kept"]
        return []

    def _kept(self) -> str | None:
        with self._storage(self._database.url_beside) as storage:
            found = TokenStore(storage, MASK).load(_OWNER)
        token = found.refresh_token if found else None
        return token.get_secret_value() if token else None

    @contextmanager
    def _storage(self, url: SecretStr) -> Iterator[SqlStorage]:
        storage = storage_of(url, self._keyring, MASK)
        try:
            yield storage
        finally:
            storage.close()
