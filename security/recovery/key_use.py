"""Which keys the stored documents need, counted for operators."""

from __future__ import annotations

from collections import Counter
from typing import Literal

from pydantic import BaseModel, ConfigDict

from security.encryption import TokenEncryption, kid_of
from security.errors import CorruptCredential, CustodyError
from security.storage.protocol import Key, Storage, Stored

State = Literal["newest", "older", "not set", "unnamed", "plaintext", "damaged", "not readable"]


class KeyUse(BaseModel):
    """One key, or a state without one, and how many documents of each kind it has."""

    model_config = ConfigDict(frozen=True)

    kid: str | None
    """The key's fingerprint; None: no key, or none that can be named."""
    state: State
    """newest, older: configured. not set: needed, and not configured; unnamed: the same, of a bare
    Fernet token, which names no key. damaged: no key opens them any more. not readable: the
    operating system does not give them."""
    files: dict[str, int] = {}
    """Kind → documents."""

    @property
    def total(self) -> int:
        """Documents of all kinds."""
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


def census(storage: Storage) -> Census:
    """Try every document: which key opens it. Takes no lease and changes nothing."""
    keyring = storage.sealer.keyring
    reader = keyring.accepting_plaintext()
    counts: dict[tuple[State, str | None], Counter[str]] = {
        ("newest" if kid == keyring.kid else "older", kid): Counter() for kid in keyring.kids
    }
    for kind in storage.kinds:
        for name in storage.names(kind):
            [found] = storage.read([Key(kind, name)])
            if found is not None:  # else it was finished meanwhile
                use = _use_of(found, reader)
                counts.setdefault(use, Counter())[kind.label] += 1
    return Census(
        keys=[KeyUse(kid=kid, state=state, files=files) for (state, kid), files in counts.items()]
    )


def _use_of(found: Stored | Exception, reader: TokenEncryption) -> tuple[State, str | None]:
    if isinstance(found, Exception):
        return "not readable", None
    try:
        _, kid = reader.open(found.raw)
    except CorruptCredential:
        return "damaged", None
    except CustodyError:
        kid = kid_of(found.raw)
        return ("unnamed" if kid is None else "not set"), kid
    if kid is None:
        return "plaintext", None
    return ("newest" if kid == reader.kid else "older"), kid
