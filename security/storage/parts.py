"""A document whose secret fields are sealed apart: what a storage with columns keeps of it.

    {"v": 1, "alg": "parts", "kid": …, "details": {…}, "fields": {"refresh_token": {…}, …}}

`details` and each field are envelopes of their own. The whole says itself what it is, so that
quarantines, archives and other storages carry it as it stands.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from security.encryption import parse_envelope

ALGORITHM: Final = "parts"


@dataclass(frozen=True, slots=True, repr=False)
class Parts:
    """The envelopes that a document is kept in."""

    details: bytes
    """All other fields, and the names of those that are sealed apart."""
    fields: Mapping[str, bytes]
    """By a field's name its value."""

    @property
    def size(self) -> int:
        """Bytes of all envelopes."""
        return len(self.details) + sum(map(len, self.fields.values()))

    def to_raw(self) -> bytes:
        """The one document that they are."""
        kid = (parse_envelope(self.details) or {}).get("kid")
        details, fields = self.details.decode("latin-1"), self.fields.items()
        whole = {
            "v": 1,
            "alg": ALGORITHM,
            "kid": kid if isinstance(kid, str) else None,
            "details": details,
            "fields": {name: value.decode("latin-1") for name, value in fields},
        }
        return json.dumps(whole).encode("ascii")

    @classmethod
    def of(cls, raw: bytes) -> Parts | None:
        """The inverse of `to_raw`; None: it is another form of document, or damaged."""
        whole = parse_envelope(raw)
        if whole is None or whole.get("alg") != ALGORITHM or whole.get("v") != 1:
            return None
        details, fields = whole.get("details"), whole.get("fields")
        if not isinstance(details, str) or not isinstance(fields, dict):
            return None
        try:
            return cls(
                details.encode("latin-1"),
                {name: value.encode("latin-1") for name, value in fields.items()},
            )
        except (AttributeError, UnicodeEncodeError):
            return None


Kept = bytes | Parts
"""A document as it stands: in one piece, or divided."""


def raw_of(kept: Kept) -> bytes:
    """The one document that it is."""
    return kept.to_raw() if isinstance(kept, Parts) else kept


def size_of(kept: Kept) -> int:
    """Bytes of all its envelopes."""
    return kept.size if isinstance(kept, Parts) else len(kept)


def parts_of(kept: Kept) -> Parts | None:
    """Its parts; None: it is not divided, or damaged."""
    return kept if isinstance(kept, Parts) else Parts.of(kept)


def principal(raw: bytes) -> bytes:
    """The envelope by which a document's key is told: that of its details, where it is divided."""
    parts = Parts.of(raw)
    return raw if parts is None else parts.details


def envelopes(raw: bytes) -> list[bytes]:
    """Every envelope of a document, that of its details first; one that is not divided is one."""
    parts = Parts.of(raw)
    return [raw] if parts is None else [parts.details, *parts.fields.values()]
