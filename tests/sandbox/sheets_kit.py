"""Hands for the tests of Sheets: a service account that signs for its tokens, and spreadsheets."""

from __future__ import annotations

import time
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from google.auth import crypt, jwt

from tests.sandbox.google_kit import Kit, Reply
from tests.service_accounts import ADDRESS, KEY_ID, TOKEN_URI, pem_of, rsa_key

READONLY = "https://www.googleapis.com/auth/spreadsheets.readonly"
SERVICE_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def public_pem(number: int = 0) -> str:
    """The public half of one of the run's keys."""
    public = rsa_key(number).public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def statement(number: int = 0, *, kid: str = KEY_ID, now: float = 0, **changes: Any) -> str:
    """A signed statement as google-auth makes it; a change to None leaves the claim out."""
    issued = int(now or time.time())
    claims = {
        "iss": ADDRESS,
        "scope": READONLY,
        "aud": TOKEN_URI,
        "iat": issued,
        "exp": issued + 3600,
        **changes,
    }
    claims = {name: value for name, value in claims.items() if value is not None}
    signer = crypt.RSASigner.from_string(pem_of(rsa_key(number)), kid)  # type: ignore[no-untyped-call]
    made: bytes = jwt.encode(signer, claims)  # type: ignore[no-untyped-call]
    return made.decode()


class Sheets:
    """The API over raw HTTP, as a service account."""

    def __init__(self, kit: Kit) -> None:
        self.kit = kit
        self.token = ""

    async def know(self, number: int = 0, **options: Any) -> None:
        """Make the account known to Google, with this key."""
        public = public_pem(number)
        options = {"address": ADDRESS, "key_id": KEY_ID, "public_key": public, **options}
        await self.kit.google.act("service_account", **options)

    async def exchange(self, signed: str) -> Reply:
        """What the token endpoint answers to a statement."""
        form = {"grant_type": SERVICE_GRANT, "assertion": signed}
        return await self.kit.ask("POST", "/token", data=form)

    async def sign_in(self, **changes: Any) -> None:
        """Get a token."""
        await self.know()
        reply = await self.exchange(statement(**changes))
        assert reply.status == 200, reply.text
        self.token = reply.json["access_token"]

    async def add(self, *tabs: dict[str, Any], **options: Any) -> str:
        """A spreadsheet, shared with the account; its id."""
        options = {"shared": [ADDRESS], "tabs": tabs, **options}
        return str((await self.kit.google.act("sheet", **options))["id"])

    async def get(self, sheet: str, *ranges: str, **query: str) -> Reply:
        """spreadsheets.get."""
        asked = [("ranges", one) for one in ranges] + [*query.items()]
        headers = {"Authorization": f"Bearer {self.token}"}
        return await self.kit.ask("GET", f"/v4/spreadsheets/{sheet}", params=asked, headers=headers)

    async def values(self, sheet: str, range_: str, **query: str) -> Reply:
        """spreadsheets.values.get."""
        path = f"/v4/spreadsheets/{sheet}/values/{range_}"
        headers = {"Authorization": f"Bearer {self.token}"}
        return await self.kit.ask("GET", path, params=query, headers=headers)
