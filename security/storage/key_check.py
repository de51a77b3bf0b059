"""Whether the configured keys fit what is kept: tried before a start."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Final

from security.encryption import TokenEncryption, is_encrypted, is_object, kid_of, lacks
from security.errors import CorruptCredential, OperatorFault
from security.storage.catalogue import Kind
from security.storage.parts import principal

_NAMED: Final = 3


GiveRaw = Callable[[Kind], Iterable[bytes]]
"""Gives a kind's documents as they stand, but those that cannot be read. Nobody is told of any: a
start that is refused over and over would fill the log and the audit trail."""


def check_some_open(give_raw: GiveRaw, kinds: Sequence[Kind], keyring: TokenEncryption) -> None:
    """Try the keys before anything is done with them; stops at the first document that opens.

    Credentials decide. Where none of them is sealed, the other kinds in use together do. Without a
    key, none of any kind may be sealed.

    Raises:
        OperatorFault: sealed documents are there, and none of them opens; or nothing is sealed
            yet, and plaintext is there that is not to be believed.
    """
    if keyring.kid is None:
        for raw in chain.from_iterable(map(give_raw, kinds)):
            if is_encrypted(raw):
                _try(keyring, raw)
        return
    credentials = [kind for kind in kinds if kind.is_owners]
    others = [kind for kind in kinds if kind.in_use and not kind.is_owners]
    for tried in (credentials, others):
        if _some_open(chain.from_iterable(map(give_raw, tried)), keyring):
            return
    if keyring.requires_sealing and _is_plaintext_only(chain.from_iterable(map(give_raw, kinds))):
        raise OperatorFault(
            "a key is set, and what is stored is in plaintext, which is not believed: run "
            "`drivekeeper tokens encrypt`, or set TOKEN_REQUIRE_ENCRYPTION=false",
            code="plaintext_refused",
        )


def _try(keyring: TokenEncryption, raw: bytes) -> bool:
    """Whether it opens; False: it is damaged. Raises OperatorFault where its key is missing."""
    try:
        keyring.decrypt(principal(raw))
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
    raise OperatorFault(f"no encrypted document opens: {lacks(f'key {named}')}", code="unknown_key")
