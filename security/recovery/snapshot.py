"""What is kept of one owner, all together, and how it stands in an archive.

A credential that can be read stands there as it is without the data's encryption, so that it can
be restored under other keys; what cannot be read stands there as its bytes.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from security.credential import Credential, Owner
from security.errors import CorruptCredential
from security.owner_documents import has_ended, owner_of_copy

_CODE: Final = re.compile(r"[a-z][a-z_]{0,40}")  # a result code, maybe of another version


@dataclass(frozen=True, slots=True)
class ArchivedCopy:
    """One copy in quarantine."""

    name: str
    """`<owner's stem>.<time>`, as in the quarantine."""
    content: bytes = field(repr=False)
    opened: bool
    """Whether `content` is without the data's encryption; else it is the copy as it stood."""
    note: dict[str, Any] | None = None
    """Reason, time and told; None: there is none, or it cannot be read."""


@dataclass(frozen=True, slots=True)
class OwnerSnapshot:
    """All that is kept of one owner, read in one go under the owner's lease."""

    owner: Owner
    credential: Credential | None = None
    """Only one that counts: neither ended, nor of somebody who is disconnecting."""
    fault: str | None = None
    """The result code of a credential that cannot be read; None: it can, or is not there."""
    sealed: bytes | None = field(default=None, repr=False)
    """Its bytes as they stand, where they can be had."""
    tombstone: int | None = 0
    """The newest generation that has ended; 0: none, None: it cannot be read."""
    copies: tuple[ArchivedCopy, ...] = ()
    left_out: int = 0
    """Copies that could not be taken along: the disk does not give them, or they are no copies."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing of this owner to keep."""
        nothing = self.credential is None and self.fault is None and not self.copies
        return nothing and self.tombstone == 0

    def to_body(self) -> dict[str, Any]:
        """The record's body."""
        return {
            "owner": self.owner.name,
            "credential": self.credential.to_document() if self.credential else None,
            "fault": self.fault,
            "sealed": _encode(self.sealed) if self.sealed is not None else None,
            "tombstone": self.tombstone,
            "copies": [
                {
                    "name": copy.name,
                    "content": _encode(copy.content),
                    "opened": copy.opened,
                    "note": copy.note,
                }
                for copy in self.copies
            ],
        }

    @classmethod
    def from_body(cls, body: dict[str, Any]) -> OwnerSnapshot:
        """The inverse of `to_body`.

        Raises:
            CorruptCredential: it is no such record.
        """
        try:
            owner = Owner.parse(body["owner"])
            document, fault, tombstone = body["credential"], body["fault"], body["tombstone"]
            sealed = body["sealed"]
            snapshot = cls(
                owner=owner,
                credential=None if document is None else Credential.from_document(owner, document),
                fault=fault,
                sealed=None if sealed is None else _decode(sealed),
                tombstone=tombstone,
                copies=tuple(
                    ArchivedCopy(
                        name=item["name"],
                        content=_decode(item["content"]),
                        opened=item["opened"] is True,
                        note=_note(item["note"]),
                    )
                    for item in body["copies"]
                ),
            )
            snapshot._check()
        except (KeyError, TypeError, AttributeError, ValueError, CorruptCredential):
            raise CorruptCredential("the archive holds a broken record", code="tampered") from None
        return snapshot

    def _check(self) -> None:
        """ValueError or TypeError where a name could lead elsewhere, or a number is none."""
        named = all(owner_of_copy(copy.name) == self.owner for copy in self.copies)
        counted = self.tombstone is None or (type(self.tombstone) is int and self.tombstone >= 0)
        if not named or not counted or not (self.fault is None or _CODE.fullmatch(self.fault)):
            raise ValueError("not what was written")

    def with_credential(self, credential: Credential) -> OwnerSnapshot:
        """The same where the credential can be read after all."""
        counts = credential.state == "active" and not has_ended(credential, self.tombstone or 0)
        kept = with_generation(credential if counts else None, self.tombstone)
        return replace(self, credential=kept, fault=None, sealed=None)


def with_generation(credential: Credential | None, tombstone: int | None) -> Credential | None:
    """The credential with a generation of ours: another program's file has none, and is new."""
    if credential is None or credential.generation > 0:
        return credential
    return replace(credential, generation=(tombstone or 0) + 1)


def note_of(document: dict[str, Any] | None) -> dict[str, Any] | None:
    """What an archive keeps of a quarantine's note: not the mask, which may be another's."""
    try:
        return _note(document and {**document, "told": document.get("told") is True})
    except (KeyError, TypeError, ValueError):
        return None


def _note(document: dict[str, Any] | None) -> dict[str, Any] | None:
    if document is None:
        return None
    datetime.fromisoformat(document["time"])
    if not _CODE.fullmatch(document["reason"]) or not isinstance(document["told"], bool):
        raise ValueError("not a note")
    return {name: document[name] for name in ("reason", "time", "told")}


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _decode(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
