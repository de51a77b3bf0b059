"""Telegram and Google, played by the sandbox, and people of whom each has connected a Drive.

`python -m bench.world FOLDER DATA_FOLDER PEOPLE [KEY]`. Says where it is; the people's credentials
are in DATA_FOLDER by then, as their consents would have left them.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from pydantic import SecretStr

from bench.child import Json, serve
from bench.owners import CLIENT_ID, CLIENT_SECRET
from config import GoogleClient
from processes.storage import open_storage
from sandbox.clients.google_controls import GoogleControls
from sandbox.server import Sandbox, SandboxConfig
from security.credential import Credential, Owner
from security.encryption import TokenEncryption
from security.google.grants import TokenGrant
from security.google.oauth import GoogleOAuth, OAuthEndpoints
from security.token_store import TokenStore

FIRST_PERSON = 1000
BOT_TOKEN = "110201543:BENCH-AAHdqTcvCH1vGWJxfSeofSAs0K5"  # noqa: S105 - of nobody


async def _grant(oauth: GoogleOAuth, google: GoogleControls, account: str) -> TokenGrant:
    """What the device flow gives, without the chat around it."""
    client = GoogleClient(CLIENT_ID, SecretStr(CLIENT_SECRET))
    asked = await oauth.start_device(client)
    await google.approve_device(asked.user_code, account)
    return await oauth.poll_device(client, asked.device_code)


async def connect(sandbox: Sandbox, store: TokenStore, people: int) -> None:
    """Give everyone a credential of the sandbox's Google."""
    url = sandbox.url
    oauth = GoogleOAuth(
        OAuthEndpoints(
            auth=f"{url}/o/oauth2/v2/auth",
            token=f"{url}/token",
            device=f"{url}/device/code",
            revoke=f"{url}/revoke",
        )
    )
    async with GoogleControls(url) as google:
        await google.device_interval(0.01)
        for number in range(people):
            owner, account = Owner.user(FIRST_PERSON + number), f"person{number}@example.com"
            grant = await _grant(oauth, google, account)
            credential = Credential(
                owner=owner,
                client_id=CLIENT_ID,
                refresh_token=grant.refresh_token,
                access_token=grant.access_token,
                expires_at=grant.expires_at,
                granted_at=datetime.now(UTC),
                account=SecretStr(account),
            )
            store.save_newest(replace(credential, scopes=grant.scopes or credential.scopes))
    await oauth.close()


async def main() -> None:
    """Serve until there are no more commands."""
    folder, data_folder, people, *keys = sys.argv[1:]
    config = SandboxConfig(
        folder=Path(folder),
        bot_token=BOT_TOKEN,
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
    )
    keyring = TokenEncryption([SecretStr(key) for key in keys])
    store = TokenStore(open_storage(Path(data_folder), keyring, str), str)
    async with Sandbox(config) as sandbox:
        await asyncio.to_thread(store.prepare)
        await connect(sandbox, store, int(people))

        async def answer(command: Json) -> Json:
            return command

        await serve({"url": sandbox.url}, answer)


if __name__ == "__main__":
    asyncio.run(main())
