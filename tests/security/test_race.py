"""Many processes over the same owners, against an endpoint that takes a refresh token once."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from pydantic import SecretStr

from config import GoogleClient
from processes.wiring import Custody, CustodyOptions
from security.credential import Credential, Owner
from security.encryption import TokenEncryption
from security.google.oauth import GoogleOAuth, OAuthEndpoints
from security.token_store import TokenStore
from tests.places import databases
from tests.security.kit import ANN, ROOT, a_credential, in_minutes, secret
from tests.stores import MASK, storage_in

PROCESSES, OWNERS = 8, 200
CLIENT = GoogleClient("client.apps.googleusercontent.com", SecretStr("GOCSPX-secret"))


class RotatingEndpoint:
    """Gives a new refresh token each time, and never takes one twice."""

    def __init__(self) -> None:
        self.valid: dict[str, str] = {}
        """Refresh token → whose it is."""
        self.refreshes: Counter[str] = Counter()
        self.rejected = 0

    def issue(self, whose: str, number: int) -> str:
        """A refresh token of `whose`."""
        token = f"1//0{whose}-{number}"
        self.valid[token] = whose
        return token

    async def answer(self, request: web.Request) -> web.Response:
        """RFC 6749 §6 with rotation, as RFC 9700 §4.14 asks of public clients."""
        form = await request.post()
        whose = self.valid.pop(str(form["refresh_token"]), None)
        if whose is None:
            self.rejected += 1
            return web.json_response({"error": "invalid_grant"}, status=400)
        self.refreshes[whose] += 1
        number = self.refreshes[whose]
        await asyncio.sleep(0.01)
        return web.json_response(
            {
                "access_token": f"ya29.{whose}-{number}",
                "expires_in": 3599,
                "refresh_token": self.issue(whose, number),
                "token_type": "Bearer",
            }
        )


@asynccontextmanager
async def served(handler: Callable[[web.Request], Awaitable[web.Response]]) -> AsyncIterator[str]:
    """The endpoint's address."""
    app = web.Application()
    app.router.add_post("/token", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    try:
        yield f"http://{host}:{port}/token"
    finally:
        await runner.cleanup()


def fill(store: TokenStore, endpoint: RotatingEndpoint, owner: Owner) -> Credential:
    """`owner` is connected, and due."""
    return store.save_consent(
        a_credential(
            owner,
            client_id=CLIENT.id,
            refresh_token=SecretStr(endpoint.issue(owner.key, 0)),
            expires_at=in_minutes(2),
        )
    )


@pytest.mark.one_way
async def test_eight_processes_refresh_each_of_200_owners_once(
    folder: Path, store: TokenStore, encryption_keys: tuple[SecretStr, ...]
) -> None:
    """And nobody is condemned, although a refresh token serves but once."""
    endpoint = RotatingEndpoint()
    owners = [Owner.user(1000 + number) for number in range(OWNERS)]
    for owner in owners:
        fill(store, endpoint, owner)
    keys = ",".join(key.get_secret_value() for key in encryption_keys)
    async with served(endpoint.answer) as address:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.security.race", str(folder), address),
            *(CLIENT.id, CLIENT.secret.get_secret_value(), keys, str(PROCESSES), str(OWNERS)),
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await process.communicate()
    assert process.returncode == 0
    reports = [json.loads(line) for line in output.splitlines()]
    assert len(reports) == PROCESSES
    assert endpoint.refreshes == Counter({owner.key: 1 for owner in owners})
    assert endpoint.rejected == 0
    # In a database whoever another process holds is left to it at once.
    passed_by = {"locked"} if databases() else set()
    assert {code for report in reports for code in report["results"]} <= passed_by
    for trouble in ("operator", "quarantined", "held"):
        assert [report[trouble] for report in reports] == [0] * PROCESSES
    for owner in owners:
        credential = store.load(owner)
        assert credential is not None
        assert secret(credential.refresh_token) in endpoint.valid


async def test_a_consent_during_a_slow_refresh_wins(
    folder: Path, store: TokenStore, keyring: TokenEncryption
) -> None:
    """It waits for the refresh to be saved, and becomes the newest."""
    asked, go_on = asyncio.Event(), asyncio.Event()
    endpoint = RotatingEndpoint()

    async def slowly(request: web.Request) -> web.Response:
        asked.set()
        await go_on.wait()
        return await endpoint.answer(request)

    before = fill(store, endpoint, ANN)
    async with served(slowly) as address:
        oauth = GoogleOAuth(OAuthEndpoints("", address, "", ""))
        refreshing, consenting = (
            Custody(storage_in(folder, keyring), MASK, oauth, CustodyOptions(clients=[CLIENT]))
            for _ in range(2)
        )
        refresh = asyncio.create_task(refreshing.custodian.access_token(ANN))
        await asked.wait()

        async def consent() -> Credential:
            async with consenting.leases.held(ANN) as lease:
                return await consenting.custodian.save_consent(
                    a_credential(ANN, client_id=CLIENT.id, refresh_token=SecretStr("1//0anew")),
                    lease,
                )

        connecting = asyncio.create_task(consent())
        await asyncio.sleep(0.05)
        assert not connecting.done()
        go_on.set()
        await refresh
        saved = await connecting
        assert saved.generation == before.generation + 2
        final = store.load(ANN)
        assert final is not None
        assert secret(final.refresh_token) == "1//0anew"
        for custody in (refreshing, consenting):
            await custody.workers.close()
        await oauth.close()
