"""Whether the configured keys fit what is kept: tried before a start."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from security.encryption import TokenEncryption, is_encrypted, is_object, kid_of
from security.errors import CorruptCredential, OperatorFault
from security.storage.catalogue import Kind
from security.storage.protocol import Key, Storage, Stored

_NAMED: Final = 3


def raw_documents(storage: Storage, kinds: Iterable[Kind]) -> Iterator[bytes]:
    """Every document as it stands; those that the storage does not give are left out."""
    for kind in kinds:
        for name in storage.names(kind):
            [found] = storage.read([Key(kind, name)])
            if isinstance(found, Stored):
                yield found.raw


def check_some_open(storage: Storage, kinds: Sequence[Kind], keyring: TokenEncryption) -> None:
    """Try the keys before anything is done with them; stops at the first document that opens.

    Credentials decide. Where none of them is sealed, the other kinds in use together do. Without a
    key, none of any kind may be sealed.

    Raises:
        OperatorFault: sealed documents are there, and none of them opens; or nothing is sealed
            yet, and plaintext is there that is not to be believed.
    """
    if keyring.kid is None:
        for raw in raw_documents(storage, kinds):
            if is_encrypted(raw):
                _try(keyring, raw)
        return
    credentials = [kind for kind in kinds if kind.is_owners]
    others = [kind for kind in kinds if kind.in_use and not kind.is_owners]
    for tried in (credentials, others):
        if _some_open(raw_documents(storage, tried), keyring):
            return
    if keyring.requires_sealing and _is_plaintext_only(raw_documents(storage, kinds)):
        raise OperatorFault(
            "a key is set, and what is stored is in plaintext, which is not believed: run "
            "`drivekeeper tokens encrypt`, or set TOKEN_REQUIRE_ENCRYPTION=false",
            code="plaintext_refused",
        )


def _try(keyring: TokenEncryption, raw: bytes) -> bool:
    """Whether it opens; False: it is damaged. Raises OperatorFault where its key is missing."""
    try:
        keyring.decrypt(raw)
    except CorruptCredential:
        return False
    return True


def _is_plaintext_only(documents: Iterable[bytes]) -> bool:
    found = False
    for raw in documents:
        if is_encrypted(raw):
            return False
        found = found or is_object(raw)
    return found


def _some_open(documents: Iterable[bytes], keyring: TokenEncryption) -> bool:
    """False: nothing is sealed there, or all of it is damaged."""
    kids: Counter[str] = Counter()
    first: OperatorFault | None = None
    for raw in documents:
        try:
            if is_encrypted(raw) and _try(keyring, raw):
                return True
        except OperatorFault as fault:
            first = first or fault
            if (kid := kid_of(raw)) is not None:
                kids[kid] += 1
    if first is None:
        return False
    if first.code != "unknown_key" or not kids:
        raise first
    named = ", ".join(kid for kid, _ in kids.most_common(_NAMED))
    raise OperatorFault(
        f"no encrypted document opens: TOKEN_ENCRYPTION_KEY lacks key {named}", code="unknown_key"
    )
