"""Which keys the stored documents need, counted for operators."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from security.encryption import kid_of
from security.errors import CorruptCredential, CustodyError
from security.storage.each import portions
from security.storage.parts import envelopes
from security.storage.protocol import Key, Storage, Stored
from security.storage.sealing import Sealer

_AT_ONCE: Final = 200
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
    """Try every document: which key opens it. Takes no lease and changes nothing.

    One that is divided counts for each older key that a part of it needs.
    """
    keyring = storage.sealer.keyring
    counts: dict[tuple[State, str | None], Counter[str]] = {
        ("newest" if kid == keyring.kid else "older", kid): Counter() for kid in keyring.kids
    }
    for kind in storage.kinds:
        for names in portions(storage.names(kind), _AT_ONCE):
            for found in storage.read([Key(kind, name) for name in names]):
                if found is not None:  # else it was finished meanwhile
                    for use in _uses_of(found, storage.sealer):
                        counts.setdefault(use, Counter())[kind.label] += 1
    return Census(
        keys=[KeyUse(kid=kid, state=state, files=files) for (state, kid), files in counts.items()]
    )


def _uses_of(found: Stored | Exception, sealer: Sealer) -> list[tuple[State, str | None]]:
    if isinstance(found, Exception):
        return [("not readable", None)]
    try:
        kids = sealer.kids(found.raw)
    except CorruptCredential:
        return [("damaged", None)]
    except CustodyError:
        kid = next(filter(None, map(kid_of, _lacking(found.raw, sealer))), None)
        return [("unnamed" if kid is None else "not set", kid)]
    if None in kids:
        return [("plaintext", None)]
    newest = sealer.keyring.kid
    return [("older", kid) for kid in kids if kid != newest] or [("newest", newest)]


def _lacking(raw: bytes, sealer: Sealer) -> Iterator[bytes]:
    """The envelopes whose key is not configured."""
    for envelope in envelopes(raw):
        try:
            sealer.kids(envelope)
        except CustodyError:
            yield envelope
