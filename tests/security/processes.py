"""Hands for the tests of many processes: several custodies over one storage that they share."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web
from pydantic import SecretStr

from config import GoogleClient
from config.database import DatabaseAddress
from processes.storage import KINDS
from processes.wiring import Custody, CustodyOptions
from security.credential import DRIVE_FILE_SCOPE, Credential, Owner
from security.encryption import TokenEncryption
from security.google.oauth import GoogleOAuth, OAuthEndpoints
from security.storage.protocol import Storage
from security.storage.refusals import Refusals
from security.storage.sealing import Sealer
from security.storage.sql.engine import make_engine
from security.storage.sql.storage import SqlStorage
from tests.security.kit import MASK, a_credential, new_key
from tests.storage.shared import SharedShelf, SharedStorage

CLIENT = GoogleClient("client.apps.googleusercontent.com", SecretStr("GOCSPX-secret"))


class Endpoint:
    """Google's token endpoint, where a refresh token serves once and every answer may be held up.

    RFC 6749 §6 with rotation, as RFC 9700 §4.14 asks of public clients.
    """

    def __init__(self) -> None:
        self.valid: dict[str, str] = {}
        """Refresh token → whose it is."""
        self.asked: Counter[str] = Counter()
        """How often for each; what was refused counts as "refused"."""
        self.arrived = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.seconds = 0.0
        """How long each answer takes, as it does over a network."""

    def issue(self, whose: str, number: int) -> SecretStr:
        """A refresh token of `whose`."""
        token = f"1//0{whose}-{number}"
        self.valid[token] = whose
        return SecretStr(token)

    def end(self, *owners: Owner) -> None:
        """Their grants are revoked."""
        gone = {owner.key for owner in owners}
        self.valid = {token: whose for token, whose in self.valid.items() if whose not in gone}

    async def answer(self, request: web.Request) -> web.Response:
        form = await request.post()
        if form["grant_type"] == "authorization_code":
            await self._hold_up()
            return web.json_response(
                {
                    "access_token": "ya29.consent",
                    "refresh_token": self.issue(str(form["code"]), 0).get_secret_value(),
                    "expires_in": 3599,
                    "scope": DRIVE_FILE_SCOPE,
                    "token_type": "Bearer",
                }
            )
        whose = self.valid.pop(str(form["refresh_token"]), None)
        if whose is None:
            self.asked["refused"] += 1
            return web.json_response({"error": "invalid_grant"}, status=400)
        self.asked[whose] += 1
        number = self.asked[whose]
        answer = {
            "access_token": f"ya29.{whose}-{number}",
            "expires_in": 3599,
            "refresh_token": self.issue(whose, number).get_secret_value(),
            "token_type": "Bearer",
        }
        await self._hold_up()
        return web.json_response(answer)

    async def revoke(self, request: web.Request) -> web.Response:
        """RFC 7009."""
        await self._hold_up()
        return web.json_response({})

    async def _hold_up(self) -> None:
        self.arrived.set()
        await self.may_answer.wait()
        await asyncio.sleep(self.seconds)


class Processes:
    """The processes, their storage and their Google."""

    def __init__(
        self,
        endpoint: Endpoint,
        address: str,
        shelf: SharedShelf,
        database: DatabaseAddress | None = None,
    ) -> None:
        """
        Args:
            database: instead of the shelf.
        """
        self.endpoint, self.shelf = endpoint, shelf
        self._address_of_database = database
        self.keys = [new_key()]
        self._address = address
        self._custodies: list[Custody] = []

    def storage(self, keys: list[SecretStr] | None = None) -> Storage:
        """Of one more process."""
        sealer = Sealer(TokenEncryption(keys or self.keys), Refusals())
        if self._address_of_database is not None:
            engine = make_engine(self._address_of_database)
            made: Storage = SqlStorage(engine, sealer, MASK, KINDS)
            made.prepare()
            return made
        return SharedStorage(self.shelf, sealer, MASK, KINDS)

    def start(self, keys: list[SecretStr] | None = None, **options: Any) -> Custody:
        """One more process."""
        storage = self.storage(keys)
        address = self._address
        oauth = GoogleOAuth(
            OAuthEndpoints("", f"{address}/token", "", f"{address}/revoke"),
            now=storage.now,
        )
        made = Custody(storage, MASK, oauth, CustodyOptions(clients=[CLIENT], **options))
        made.store.prepare()
        made.state.load()
        self._custodies.append(made)
        return made

    def now(self) -> datetime:
        """By the shelf's clock."""
        return datetime.fromtimestamp(self.shelf.now()).astimezone()

    def connect(self, *owners: Owner, minutes_left: float = 2) -> list[Credential]:
        """They are connected, and due."""
        store = self.start(remembers=False).store
        return [
            store.save_consent(
                a_credential(
                    owner,
                    client_id=CLIENT.id,
                    refresh_token=self.endpoint.issue(owner.key, 0),
                    expires_at=self.now() + timedelta(minutes=minutes_left),
                    granted_at=self.now(),
                )
            )
            for owner in owners
        ]

    async def close(self) -> None:
        self.shelf.is_away = self.shelf.is_full = False
        self.endpoint.may_answer.set()
        for custody in self._custodies:
            await custody.close()


@asynccontextmanager
async def several(
    database: DatabaseAddress | None = None, **shelf: Any
) -> AsyncIterator[Processes]:
    """Nobody is connected yet."""
    endpoint = Endpoint()
    app = web.Application()
    app.router.add_post("/token", endpoint.answer)
    app.router.add_post("/revoke", endpoint.revoke)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    made = Processes(endpoint, f"http://{host}:{port}", SharedShelf(**shelf), database)
    try:
        yield made
    finally:
        await made.close()
        await runner.cleanup()
