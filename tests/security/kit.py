"""Hands for the tests of the core: people, keys, and a world of one data folder and one Google."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography.fernet import Fernet
from pydantic import SecretStr

from config import GoogleClient
from drive import DriveApi, Drives
from processes.wiring import Custody, CustodyOptions
from sandbox.clients.google_controls import GoogleControls
from sandbox.server import Sandbox
from security.consent.approvals import ConsentParts
from security.consent.flows import PASTE_REDIRECT, ConsentFlows
from security.consent.pending import PendingConsents
from security.credential import Credential, Owner
from security.custody.custodian import Custodian
from security.encryption import TokenEncryption
from security.google.oauth import GoogleOAuth, OAuthEndpoints
from security.storage.catalogue import Document
from security.storage.protocol import Key, Storage
from security.storage.sealing import Sealer
from tests.places import full_disk as full_disk
from tests.spots import Spot
from tests.stores import MASK as MASK
from tests.stores import storage_in
from tests.stores import store_in as store_in

ROOT = Path(__file__).parents[2]
ANN, BOB, TOWN = Owner.user(501), Owner.user(502), Owner.parse("department:tanhae")
AMY, BEN = "amy@example.com", "ben@example.com"


def new_key() -> SecretStr:
    """A Fernet key."""
    return SecretStr(Fernet.generate_key().decode())


def in_minutes(minutes: float) -> datetime:
    """That many minutes from now."""
    return datetime.now(UTC) + timedelta(minutes=minutes)


def a_credential(owner: Owner = ANN, **changes: Any) -> Credential:
    """A credential nobody issued."""
    made = Credential(
        owner=owner,
        client_id="client.apps.googleusercontent.com",
        refresh_token=SecretStr("1//0refresh-of-" + owner.key),
        access_token=SecretStr("ya29.access-of-" + owner.key),
        expires_at=in_minutes(60),
        account=SecretStr(AMY),
        account_id=SecretStr("permission-1"),
        granted_at=datetime.now(UTC),
    )
    return replace(made, **changes)


def secret(value: SecretStr | None) -> str:
    """What is in there; there must be something."""
    assert value is not None
    return value.get_secret_value()


def sealed_by(keyring: TokenEncryption, key: Key, document: Document) -> bytes:
    """A document as whoever has this keyring keeps it there."""
    return Sealer(keyring).seal(*key, document)


def kept_in(keyring: TokenEncryption, copy: Spot) -> bytes:
    """What a copy in quarantine holds: the bytes that were set aside."""
    return Sealer(keyring).examine(*copy.key, copy.raw()).content


def mode_of(path: Path) -> int:
    """Permission bits."""
    return path.stat().st_mode & 0o7777


@contextmanager
def umask(bits: int) -> Iterator[None]:
    """Within, files are made under this umask."""
    before = os.umask(bits)
    try:
        yield
    finally:
        os.umask(before)


def python(script: str, *arguments: str) -> subprocess.Popen[str]:
    """Another process of this project, its standard streams as pipes."""
    return subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def answer_of(redirect: str) -> dict[str, str]:
    """The parameters of the address Google redirects to."""
    return {name: values[0] for name, values in parse_qs(urlsplit(redirect).query).items()}


class World:
    """One data folder, one keyring, one Google; custodies as many as wanted."""

    def __init__(
        self, sandbox: Sandbox, google: GoogleControls, folder: Path, keyring: TokenEncryption
    ) -> None:
        self.url, self.google, self.folder, self.keyring = sandbox.url, google, folder, keyring
        self.client = GoogleClient(
            sandbox.config.client_id, SecretStr(sandbox.config.client_secret)
        )
        self.api = DriveApi(sandbox.url)
        self._oauths: list[GoogleOAuth] = []
        self._custodies: list[Custody] = []
        self._drives: list[Drives] = []
        self.oauth = self.new_oauth()
        self.custody = self.new_custody()
        self.custody.store.prepare()
        self.store, self.storage = self.custody.store, self.custody.storage
        self.custodian, self.state = self.custody.custodian, self.custody.state
        self.pending = PendingConsents(self.storage)
        self.drives = self.new_drives()

    @property
    def endpoints(self) -> OAuthEndpoints:
        """The sandbox's."""
        return OAuthEndpoints(
            auth=f"{self.url}/o/oauth2/v2/auth",
            token=f"{self.url}/token",
            device=f"{self.url}/device/code",
            revoke=f"{self.url}/revoke",
        )

    def new_oauth(self, **options: Any) -> GoogleOAuth:
        """One more client of the endpoints."""
        made = GoogleOAuth(self.endpoints, **options)
        self._oauths.append(made)
        return made

    def new_custody(
        self,
        *,
        oauth: GoogleOAuth | None = None,
        clients: tuple[GoogleClient, ...] | None = None,
        storage: Storage | None = None,
        **options: Any,
    ) -> Custody:
        """One more over the same folder, as in another process, or after a restart."""
        made = Custody(
            storage or storage_in(self.folder, self.keyring),
            MASK,
            oauth or self.oauth,
            CustodyOptions(clients=(self.client,) if clients is None else clients, **options),
        )
        made.state.load()
        self._custodies.append(made)
        return made

    def new_custodian(self, **options: Any) -> Custodian:
        """The custodian of one more custody."""
        return self.new_custody(**options).custodian

    def new_drives(self, custody: Custody | None = None, api: DriveApi | None = None) -> Drives:
        """One more pool of threads for Drive."""
        made = Drives(api or self.api, (custody or self.custody).custodian, threads=4)
        self._drives.append(made)
        return made

    def new_consents(self) -> ConsentFlows:
        """Flows over the same folder, as after a restart."""
        return ConsentFlows(
            ConsentParts(
                PendingConsents(storage_in(self.folder, self.keyring)),
                self.custody.workers,
                self.custody.leases,
                self.custodian,
                self.oauth,
                self.custody.clients,
                self.drives.account,
            )
        )

    async def grant(self, owner: Owner, account: str) -> Credential:
        """What Google gives when `account` consents for `owner`; saved nowhere."""
        address, verifier = self.oauth.authorization_address(
            self.client, redirect_uri=PASTE_REDIRECT, state="state"
        )
        answer = answer_of(await self.google.consent(address, account))
        tokens = await self.oauth.exchange(
            self.client,
            code=answer["code"],
            code_verifier=verifier,
            redirect_uri=PASTE_REDIRECT,
        )
        who = await self.drives.account(tokens.access_token)
        return Credential(
            owner=owner,
            client_id=self.client.id,
            refresh_token=tokens.refresh_token,
            access_token=tokens.access_token,
            expires_at=tokens.expires_at,
            account=who.address,
            account_id=who.id,
            granted_at=datetime.now(UTC),
            refresh_expires_at=tokens.refresh_expires_at,
        )

    async def connect(
        self, owner: Owner = ANN, account: str = AMY, *, minutes_left: float = 60
    ) -> Credential:
        """`owner` is connected, with an access token said to last that long."""
        granted = await self.grant(owner, account)
        return self.store.save_consent(replace(granted, expires_at=in_minutes(minutes_left)))

    async def refreshes(self) -> int:
        """How often Google was asked for a new access token."""
        return int((await self.google.calls())["counts"].get("google.token.refresh", 0))

    async def google_is_asked(self) -> None:
        """Wait until a fault has struck: whoever asked waits for the answer."""
        async with asyncio.timeout(30):
            while not any(fault["hits"] for fault in await self.google.faults()):  # noqa: ASYNC110
                await asyncio.sleep(0.005)

    def quarantine_notes(self) -> list[str]:
        """The reasons in the quarantine."""
        return [record.reason for record in self.store.copies.records()]

    async def close(self) -> None:
        """Close everything that was opened."""
        for custody in self._custodies:
            await custody.workers.close()
        for drives in self._drives:
            await drives.close()
        for oauth in self._oauths:
            await oauth.close()
