"""Which keys the stored documents need: counted for operators, and tried before a start."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from security.encryption import TokenEncryption, is_encrypted, is_object, kid_of
from security.errors import CorruptCredential, CustodyError, OperatorFault
from security.recovery.sealed_folders import CREDENTIALS, PLACES, Place, documents
from security.storage.sealing import Sealer

_NAMED: Final = 3

State = Literal["newest", "older", "not set", "unnamed", "plaintext", "damaged", "not readable"]


class KeyUse(BaseModel):
    """One key, or a kind of documents without one, and how many documents of each place it has."""

    model_config = ConfigDict(frozen=True)

    kid: str | None
    """The key's fingerprint; None: no key, or none that can be named."""
    state: State
    """newest, older: configured. not set: needed, and not configured; unnamed: the same, of a bare
    Fernet token, which names no key. damaged: no key opens them any more. not readable: the
    operating system does not give them."""
    files: dict[str, int] = {}
    """Place → documents."""

    @property
    def total(self) -> int:
        """Documents in all places."""
        return sum(self.files.values())

    @property
    def may_be_dropped(self) -> bool:
        """Whether the settings can do without this key."""
        return self.state == "older" and self.total == 0


class Census(BaseModel):
    """Every configured key and every other one in use, newest first."""

    model_config = ConfigDict(frozen=True)

    keys: list[KeyUse]

    def of(self, *states: State) -> list[KeyUse]:
        """Those in one of `states`."""
        return [use for use in self.keys if use.state in states]

    @property
    def unopened(self) -> int:
        """Documents that do not open with the configured keys."""
        return sum(u.total for u in self.of("not set", "unnamed", "damaged", "not readable"))


def census(data_folder: Path, encryption: TokenEncryption) -> Census:
    """Try every document: which key opens it. Takes no lock and changes nothing."""
    reader = encryption.accepting_plaintext()
    counts: dict[tuple[State, str | None], Counter[str]] = {
        ("newest" if kid == encryption.kid else "older", kid): Counter() for kid in encryption.kids
    }
    for place, sealed, names in documents(data_folder, encryption):
        for name in names:
            kind: tuple[State, str | None]
            try:
                data = sealed.read_bytes(name)
            except OperatorFault:
                kind = ("not readable", None)
            else:
                if data is None:
                    continue  # finished meanwhile
                kind = _kind_of(data, reader)
            counts.setdefault(kind, Counter())[place.label] += 1
    return Census(
        keys=[KeyUse(kid=kid, state=state, files=files) for (state, kid), files in counts.items()]
    )


def _kind_of(data: bytes, reader: TokenEncryption) -> tuple[State, str | None]:
    try:
        _, kid = reader.open(data)
    except CorruptCredential:
        return "damaged", None
    except CustodyError:
        kid = kid_of(data)
        return ("unnamed" if kid is None else "not set"), kid
    if kid is None:
        return "plaintext", None
    return ("newest" if kid == reader.kid else "older"), kid


def check_some_open(data_folder: Path, sealer: Sealer | TokenEncryption) -> None:
    """Try the keys before anything is done with them; stops at the first document that opens.

    Credentials decide. Where none of them is encrypted, the other folders in use together do.

    Raises:
        OperatorFault: encrypted documents are there, and none of them opens; or nothing is
            encrypted yet, and plaintext is there that is not to be believed.
    """
    keyring = Sealer.of(sealer).keyring
    others = [place for place in PLACES if place.in_use and place is not CREDENTIALS]
    for places in ([CREDENTIALS], others):
        if _some_open(data_folder, keyring, places):
            return
    if keyring.requires_sealing and _is_plaintext_only(data_folder, keyring):
        raise OperatorFault(
            "a key is set, and what is stored is in plaintext, which is not believed: run "
            "`drivekeeper tokens encrypt`, or set TOKEN_REQUIRE_ENCRYPTION=false",
            code="plaintext_refused",
        )


def _is_plaintext_only(data_folder: Path, encryption: TokenEncryption) -> bool:
    found = False
    for _, sealed, names in documents(data_folder, encryption):
        for name in names:
            with suppress(OperatorFault):  # one file that the disk does not give
                data = sealed.read_bytes(name) or b""
                if is_encrypted(data):
                    return False
                found = found or is_object(data)
    return found


def _some_open(data_folder: Path, encryption: TokenEncryption, places: Iterable[Place]) -> bool:
    """False: nothing is encrypted there, or all of it is damaged."""
    kids: Counter[str] = Counter()
    first: OperatorFault | None = None
    for place in places:
        sealed = place.open(data_folder, encryption)
        for name in place.names(sealed):
            with suppress(OperatorFault):  # one file that the disk does not give
                data = sealed.read_bytes(name) or b""
                try:
                    if is_encrypted(data):
                        encryption.decrypt(data)
                        return True
                except CorruptCredential:
                    continue
                except OperatorFault as fault:
                    first = first or fault
                    if (kid := kid_of(data)) is not None:
                        kids[kid] += 1
    if first is None:
        return False
    if first.code != "unknown_key" or not kids:
        raise first
    named = ", ".join(kid for kid, _ in kids.most_common(_NAMED))
    raise OperatorFault(
        f"no encrypted document opens: TOKEN_ENCRYPTION_KEY lacks key {named}", code="unknown_key"
    )
