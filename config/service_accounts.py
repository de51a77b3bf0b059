"""Keys of service accounts: the file that Google's console gives, looked at as a whole.

What is wrong with one is told without anything of what it holds, and all of it at once.
https://docs.cloud.google.com/iam/docs/keys-create-delete
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, SecretStr, ValidationInfo

from config.values import of_text

LEAST_BITS: Final = 2048
UNIVERSE: Final = "googleapis.com"
_GOOGLES: Final = frozenset(
    {
        "https://oauth2.googleapis.com/token",
        # in files of earlier years
        "https://accounts.google.com/o/oauth2/token",
        "https://www.googleapis.com/oauth2/v4/token",
    }
)
_MAKE_ONE: Final = "make a new key in Google's console, as docs/service-accounts.md says"
_OF_THERE: Final = "Google's addresses are changed here, and the key has to be of there"
_ENCODE: Final = (
    "encode the file that Google's console gave once more: drivekeeper service-account encode"
)
_ADDRESS: Final = re.compile(r"[a-z0-9-]{1,63}@[a-z0-9.-]{1,200}\.iam\.gserviceaccount\.com")
_KEY_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")


@dataclass(frozen=True, slots=True, repr=False)
class ServiceAccountKey:
    """One key of one service account."""

    address: str
    """Of the account: whom spreadsheets are shared with."""
    id: str
    """By which Google's console lists it; no secret."""
    private_key: SecretStr
    """RSA, as PEM."""
    fingerprint: str
    """Of its public half, 64 hexadecimal digits; the same however the file is written."""

    @classmethod
    def parse(cls, text: str, token_uri: str | None = None) -> ServiceAccountKey:
        """The key that is in `text`: the JSON of Google's file, or the base64 of it.

        Where tokens are fetched is never taken out of it: it only has to agree.

        Args:
            token_uri: where they are fetched here. None: that is not known, and not compared.

        Raises:
            ValueError: it cannot be used; with all that is wrong and what to do, and nothing of
                what it holds.
        """
        found = _object_in(text)
        if found.get("type") != "service_account":
            raise ValueError(
                "it is no key of a service account: its type is not service_account (the file of "
                f"an OAuth client is another: {_MAKE_ONE})"
            )
        faults = [*_faults_of(found, token_uri)]
        try:
            pem = _text(found, "private_key")
            fingerprint = _fingerprint(pem)
        except ValueError as fault:
            faults.append(str(fault))
        if faults:
            is_googles = token_uri is None or token_uri in _GOOGLES
            raise ValueError(f"{'; '.join(faults)} ({_MAKE_ONE if is_googles else _OF_THERE})")
        return cls(
            address=found["client_email"],
            id=found["private_key_id"],
            private_key=SecretStr(pem),
            fingerprint=fingerprint,
        )


def _object_in(text: str) -> Mapping[str, Any]:
    data: str | bytes = text
    if not text.startswith("{"):
        try:
            data = base64.b64decode("".join(text.split()), validate=True)  # it wraps its lines
        except ValueError:
            raise ValueError(f"it is neither JSON nor base64 of it ({_ENCODE})") from None
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ValueError(f"it holds no JSON object ({_ENCODE})")  # noqa: TRY004 - pydantic's
    return found


def _faults_of(found: Mapping[str, Any], token_uri: str | None) -> Iterator[str]:
    """All that is wrong but for the private key."""
    forms = {
        "client_email": (_ADDRESS, "is not a service account's (….iam.gserviceaccount.com)"),
        "private_key_id": (_KEY_ID, "is not the id of a key"),
    }
    for field, (form, otherwise) in forms.items():
        try:
            if not form.fullmatch(_text(found, field)):
                yield f"its {field} {otherwise}"
        except ValueError as fault:
            yield str(fault)
    is_moved = token_uri is not None and token_uri not in _GOOGLES
    allowed = {token_uri} if is_moved else _GOOGLES
    try:
        named = _text(found, "token_uri")
        if named not in allowed and token_uri is not None:
            yield (
                "its token_uri is not GOOGLE_TOKEN_URI"
                if is_moved
                else "its token_uri is not one of Google's"
            )
    except ValueError as fault:
        yield str(fault)
    if found.get("universe_domain", UNIVERSE) != UNIVERSE:
        yield f"its universe_domain is not {UNIVERSE}"


def _text(found: Mapping[str, Any], field: str) -> str:
    value = found.get(field)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"it has no {field}")
    return value


def _fingerprint(pem: str) -> str:
    """Of the private key's public half, once it has been looked at."""
    # Whoever has set no key need not wait for these: the sandbox, above all.
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        PublicFormat,
        load_pem_private_key,
    )

    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except TypeError:
        raise ValueError("its private_key is encrypted by a password") from None
    except (ValueError, UnsupportedAlgorithm):  # whose texts may repeat some of it
        raise ValueError("its private_key is damaged, or no private key in PEM") from None
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("its private_key is no RSA key")  # noqa: TRY004 - pydantic's
    if key.key_size < LEAST_BITS:
        raise ValueError(f"its private_key has fewer than {LEAST_BITS} bits")
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(public).hexdigest()


def _parsed(value: Any, info: ValidationInfo) -> Any:
    return (
        ServiceAccountKey.parse(value, _token_uri(info.data)) if isinstance(value, str) else value
    )


def _token_uri(settings: Mapping[str, Any]) -> str | None:
    """Where tokens are fetched; None: Google's addresses have faults of their own, and one of them
    stands at its default perhaps."""
    token_uri, auth_uri = (settings.get(f"google_{name}_uri") for name in ("token", "auth"))
    is_googles = str(auth_uri).startswith("https://accounts.google.com/")
    return token_uri if (token_uri in _GOOGLES) == is_googles else None


ServiceAccounts = Annotated[
    Mapping[str, Annotated[ServiceAccountKey, BeforeValidator(_parsed), of_text(str)]],
    BeforeValidator(dict),
]
"""By slug the key of its service account."""
