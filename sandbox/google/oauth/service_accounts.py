"""Service accounts: tokens for whoever signs with one of their keys.

RFC 7523, https://developers.google.com/identity/protocols/oauth2/service-account
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from sandbox.google.errors import OAuthRefusal, require
from sandbox.google.model import KNOWN_SCOPES, AccessToken
from sandbox.google.oauth.grants import Answer, Grants

GOOGLES_AUDIENCE = "https://oauth2.googleapis.com/token"
LONGEST = 3600
SKEW = 300.0
"""Seconds by which the clock of whoever signs may be ahead."""
_PROJECT = "drivekeeper-sandbox"


@dataclass
class ServiceAccount:
    """One, and its keys."""

    address: str
    keys: dict[str, str] = field(default_factory=dict)  # by key id the public half, in PEM
    disabled: bool = False


class ServiceAccounts:
    """All of them."""

    def __init__(self, grants: Grants, now: Callable[[], float]):
        self._grants, self._now = grants, now
        self.all: dict[str, ServiceAccount] = {}

    def add(self, account: ServiceAccount) -> None:
        """Keep it; its keys come to those it has already."""
        known = self.all.setdefault(account.address, account)
        known.keys |= account.keys

    def issuer_of(self, statement: str) -> str | None:
        """Whose a signed statement says it is, believed by nobody yet."""
        try:
            found = _parts(statement)[1].get("iss")
        except ValueError:
            return None
        return found if isinstance(found, str) and found in self.all else None

    def token(self, statement: str, audiences: Iterable[str]) -> Answer:
        """A token for a signed statement.

        Args:
            audiences: what this endpoint is called here, besides its name at Google's.
        """
        require("assertion", statement)
        try:
            header, claims, signed, signature = _parts(statement)
        except ValueError:
            raise OAuthRefusal(400, "invalid_grant", "Bad Request") from None
        account = self.all.get(str(claims.get("iss")))
        if account is None:
            raise OAuthRefusal(400, "invalid_grant", "Invalid grant: account not found")
        public = account.keys.get(str(header.get("kid")))
        if header.get("alg") != "RS256" or not _is_signed(public, signed, signature):
            raise OAuthRefusal(400, "invalid_grant", "Invalid JWT Signature.")
        if claims.get("aud") not in (GOOGLES_AUDIENCE, *audiences):
            text = "Invalid JWT: Failed audience check. The right audience is"
            raise OAuthRefusal(400, "invalid_grant", f"{text} {GOOGLES_AUDIENCE}")
        self._check_times(claims)
        if account.disabled:
            raise OAuthRefusal(400, "invalid_grant", "Account disabled")
        if "sub" in claims and claims["sub"] != account.address:
            text = "Client is unauthorized to retrieve access tokens using this method, or client"
            raise OAuthRefusal(
                401,
                "unauthorized_client",
                f"{text} not authorized for any of the scopes requested.",
            )
        scopes = str(claims.get("scope", "")).split()
        if not scopes or not KNOWN_SCOPES.issuperset(scopes):
            text = "Invalid OAuth scope or ID token audience provided."
            raise OAuthRefusal(400, "invalid_scope", text)
        return self._issue(account, scopes)

    def _check_times(self, claims: dict[str, Any]) -> None:
        issued, ends, now = claims.get("iat"), claims.get("exp"), self._now()
        if (
            not isinstance(issued, int | float)
            or not isinstance(ends, int | float)
            or ends - issued > LONGEST
            or ends <= issued
            or issued > now + SKEW
            or ends <= now
        ):
            raise OAuthRefusal(
                400,
                "invalid_grant",
                "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable "
                "timeframe. Check your iat and exp values in the JWT claim.",
            )

    def _issue(self, account: ServiceAccount, scopes: list[str]) -> Answer:
        life = self._grants.access_life
        token = AccessToken(
            f"ya29.c.c0{secrets.token_urlsafe(150)}",
            account.address,
            "",
            scopes,
            self._now() + life,
            account.address,
        )
        self._grants.add_access(token)
        return {"access_token": token.token, "expires_in": life, "token_type": "Bearer"}

    def summary(self) -> dict[str, Any]:
        """By address what the control panel and tests look at."""
        return {
            account.address: {"keys": [*account.keys], "disabled": account.disabled}
            for account in self.all.values()
        }


def made(slug: str, token_uri: str) -> tuple[ServiceAccount, dict[str, str]]:
    """A new account of the sandbox's project, and the file of its key as Google's console has it.

    Args:
        slug: what its address begins with.
        token_uri: where it fetches its tokens.
    """
    # Whoever needs no key need not wait for these.
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        PublicFormat,
    )

    key = rsa.generate_private_key(65537, 2048)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    address = f"{slug}-sheets@{_PROJECT}.iam.gserviceaccount.com"
    key_id = secrets.token_hex(20)
    return ServiceAccount(address, {key_id: public.decode()}), {
        "type": "service_account",
        "project_id": _PROJECT,
        "private_key_id": key_id,
        "private_key": private.decode(),
        "client_email": address,
        "client_id": f"1{secrets.randbelow(10**20):020}",
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "token_uri": token_uri,
        "universe_domain": "googleapis.com",
    }


def _parts(statement: str) -> tuple[dict[str, Any], dict[str, Any], bytes, bytes]:
    """Header, claims, what is signed, and the signature.

    Raises:
        ValueError: it is no JSON Web Signature.
    """
    pieces = statement.split(".")
    if len(pieces) != 3:
        raise ValueError("not of three parts")
    raw = [base64.urlsafe_b64decode(piece + "=" * (-len(piece) % 4)) for piece in pieces]
    try:
        header, claims = json.loads(raw[0]), json.loads(raw[1])
    except RecursionError:
        raise ValueError("too deep") from None
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise ValueError("no objects")  # noqa: TRY004
    return header, claims, f"{pieces[0]}.{pieces[1]}".encode(), raw[2]


def _is_signed(public: str | None, signed: bytes, signature: bytes) -> bool:
    """RS256: https://www.rfc-editor.org/rfc/rfc7518#section-3.3"""
    if public is None:
        return False
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    key = load_pem_public_key(public.encode())
    if not isinstance(key, RSAPublicKey):
        return False
    try:
        key.verify(signature, signed, PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True
