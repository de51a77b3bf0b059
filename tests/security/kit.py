"""Hands for the tests of the core: people, keys, and a world of one data folder and one Google."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

from cryptography.fernet import Fernet
from pydantic import SecretStr

from config import GoogleClient
from drive import DriveApi, Drives
from sandbox.clients.google_controls import GoogleControls
from sandbox.server import Sandbox
from security.audit import AuditTrail
from security.consent.flows import PASTE_REDIRECT, ConsentDesk
from security.consent.pending import PendingConsents
from security.credential import Credential, Owner
from security.custody.custodian import Custodian
from security.encryption import TokenEncryption
from security.google.oauth import GoogleOAuth, OAuthEndpoints
from security.logging_utils import OwnerMask
from security.maintenance.records import Records
from security.maintenance.state import Memory
from security.storage.catalogue import QUARANTINE
from security.storage.files.index import Watch
from security.storage.sealing import Sealer
from security.token_store import TokenStore

ROOT = Path(__file__).parents[2]
ANN, BOB, TOWN = Owner.user(501), Owner.user(502), Owner.parse("department:tanhae")
AMY, BEN = "amy@example.com", "ben@example.com"
MASK = OwnerMask(b"a mask key for tests")


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


def kept_in(keyring: TokenEncryption, copy: Path) -> bytes:
    """What a copy in quarantine holds: the bytes that were set aside."""
    return Sealer(keyring).examine(QUARANTINE, copy.stem, copy.read_bytes()).content


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


@contextmanager
def full_disk(room: int = 0) -> Iterator[None]:
    """Within, the operating system takes only `room` bytes into any file of this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


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


def records_in(folder: Path, keyring: TokenEncryption) -> Records:
    """What a custodian keeps besides, as after a restart."""
    memory = Memory(folder / "maintenance", keyring)
    memory.prepare()
    return Records(memory, Watch(folder), AuditTrail(folder, MASK))


class World:
    """One data folder, one keyring, one Google; custodians as many as wanted."""

    def __init__(
        self, sandbox: Sandbox, google: GoogleControls, folder: Path, keyring: TokenEncryption
    ) -> None:
        self.url, self.google, self.folder, self.keyring = sandbox.url, google, folder, keyring
        self.client = GoogleClient(
            sandbox.config.client_id, SecretStr(sandbox.config.client_secret)
        )
        self.store = TokenStore(folder, keyring, MASK)
        self.store.prepare()
        self.pending = PendingConsents(folder / "consents", keyring)
        self.pending.prepare()
        self.api = DriveApi(sandbox.url)
        self._oauths: list[GoogleOAuth] = []
        self._custodians: list[Custodian] = []
        self._drives: list[Drives] = []
        self.oauth = self.new_oauth()
        self.custodian = self.new_custodian()
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

    def new_custodian(
        self,
        *,
        oauth: GoogleOAuth | None = None,
        clients: tuple[GoogleClient, ...] | None = None,
        records: Records | None = None,
    ) -> Custodian:
        """One more over the same folder, as in another process."""
        made = Custodian(
            TokenStore(self.folder, self.keyring, MASK),
            oauth or self.oauth,
            (self.client,) if clients is None else clients,
            records or records_in(self.folder, self.keyring),
            lead=timedelta(minutes=15),
        )
        self._custodians.append(made)
        return made

    def new_drives(self) -> Drives:
        """One more pool of threads for Drive."""
        made = Drives(self.api, self.custodian, threads=4)
        self._drives.append(made)
        return made

    def new_desk(
        self,
        flow: Literal["device", "callback", "paste"],
        redirect_uri: str = PASTE_REDIRECT,
    ) -> ConsentDesk:
        """A desk over the same folder, as after a restart."""
        return ConsentDesk(
            flow=flow,
            client=self.client,
            redirect_uri=redirect_uri,
            pending=PendingConsents(self.folder / "consents", self.keyring),
            custodian=self.custodian,
            oauth=self.oauth,
            look_up_account=self.drives.account,
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

    def quarantine_notes(self) -> list[str]:
        """The reasons in the quarantine."""
        return [record.reason for record in self.store.copies.records()]

    async def close(self) -> None:
        """Close everything that was opened."""
        for custodian in self._custodians:
            await custodian.close()
        for drives in self._drives:
            await drives.close()
        for oauth in self._oauths:
            await oauth.close()
