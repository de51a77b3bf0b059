"""Keyed hashes of what only its holder shall know: links, cookies, keys, codes.

The key comes of a secret that is made once and kept sealed: a rotation of encryption keys seals it
anew and does not change it, so that every link and key holds over it.
"""

from __future__ import annotations

import hmac
import secrets
from contextlib import suppress
from functools import cache
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretBytes, SecretStr

from departments.kinds import ACCESS
from security.errors import CorruptCredential, CustodyError, OperatorFault
from security.storage.documents import Documents
from security.storage.protocol import ABSENT, Conflict, DocumentStore, Key, Put

_NAME: Final = "secret"
_BYTES: Final = 32


class SecretDamaged(OperatorFault):
    """It is there and cannot be read: no link, session or key is recognised before it is back."""


class AccessSecret:
    """What keyed hashes are made with."""

    def __init__(self, value: SecretBytes) -> None:
        self._value = value
        self._key_of = cache(self._derive)

    @classmethod
    def of(cls, storage: DocumentStore) -> AccessSecret:
        """The installation's own, made where there is none; of several processes one makes it.

        Blocks.

        Raises:
            SecretDamaged: it is no secret any more.
            OperatorFault: it cannot be read or kept.
        """
        documents = Documents(storage, ACCESS)
        value = _read(documents)
        if value is None:
            made = {"value": secrets.token_hex(_BYTES)}
            with suppress(Conflict):  # another process was faster, and its own is the one
                documents.change([Put(Key(ACCESS, _NAME), made, ABSENT)])
            value = _read(documents)
        if value is None:
            raise OperatorFault("the storage has not kept what was put there", code="store_failed")
        return cls(SecretBytes(value))

    @classmethod
    def find(cls, storage: DocumentStore) -> AccessSecret | None:
        """The installation's own, for whoever only looks; None: it was never made.

        Blocks.

        Raises:
            OperatorFault: it cannot be read.
        """
        value = _read(Documents(storage, ACCESS))
        return None if value is None else cls(SecretBytes(value))

    def digest(self, purpose: str, value: str) -> str:
        """The keyed hash of `value`, 64 hexadecimal digits: a document's name.

        Args:
            purpose: what it is of, such as the kind's name: the same value has another hash for
                another purpose.
        """
        key = self._key_of(purpose)
        return hmac.digest(key, value.encode("utf-8", "replace"), "sha256").hex()

    def _derive(self, purpose: str) -> bytes:
        hkdf = HKDF(SHA256(), _BYTES, salt=None, info=f"drivekeeper {purpose}".encode())
        return hkdf.derive(self._value.get_secret_value())


def new_secret(bytes_of_it: int = _BYTES) -> SecretStr:
    """So many random bytes, as text that addresses and cookies can hold."""
    return SecretStr(secrets.token_urlsafe(bytes_of_it))


def _read(documents: Documents) -> bytes | None:
    try:
        found = documents.read(_NAME)
        return None if found is None else bytes.fromhex(found["value"])
    except (CorruptCredential, KeyError, TypeError, ValueError) as damage:
        raise SecretDamaged(
            "what sign-in links and computers' keys are recognised by is damaged: bring it back "
            "from a backup",
            code=damage.code if isinstance(damage, CustodyError) else "store_failed",
        ) from None
