"""Documents of one kind by their names: for whoever keeps something simple."""

from __future__ import annotations

from security.errors import CorruptCredential, OperatorFault
from security.storage.catalogue import Document, Kind
from security.storage.each import only
from security.storage.parts import Kept
from security.storage.protocol import (
    DocumentStore,
    Drop,
    Key,
    Put,
    Step,
    Storage,
    Stored,
    Unit,
    Version,
)
from security.storage.refusals import NOT_BELIEVED


def read_one(storage: DocumentStore, key: Key) -> Stored | None:
    """The document as it stands; None: there is none.

    Raises:
        CustodyError: the storage does not say.
    """
    return only(storage.read([key]))


def opened(
    storage: Storage, key: Key, version: Version, kept: Kept, *, is_private: bool = True
) -> Stored:
    """What stands at `key`, for the storage that found it there.

    What is not what its name says is noted as refused, and looked at again through the storage.
    """

    def look_again() -> None:
        found = read_one(storage, key)
        if found is not None:
            found.open()

    sealer = storage.sealer
    try:
        document = sealer.open(key.kind, key.name, kept)
    except (CorruptCredential, OperatorFault) as fault:
        if fault.code in NOT_BELIEVED:
            sealer.refusals.note(key.kind, key.name, fault.code, look_again)
        # Its traceback would keep frames, and by them whoever has read this, in a circle.
        fault = fault.with_traceback(None)
        return Stored(version, kept, fault=fault, is_private=is_private)
    return Stored(version, kept, document, is_private=is_private)


class Documents:
    """The documents of a kind without an owner's lease. Every method blocks."""

    def __init__(self, storage: DocumentStore, kind: Kind) -> None:
        self.storage = storage
        self.kind = kind

    def names(self, prefix: str = "") -> list[str]:
        """Every document's name that begins so, sorted.

        Raises:
            OperatorFault: they cannot be listed.
        """
        return self.storage.names(self.kind, prefix)

    def stored(self, name: str) -> Stored | None:
        """The document as it stands; None: there is none.

        Raises:
            CustodyError: the storage does not say.
        """
        return read_one(self.storage, Key(self.kind, name))

    def read(self, name: str) -> Document | None:
        """What is in the document; None: there is none.

        Raises:
            CorruptCredential: it is not one JSON object, or was tampered with.
            OperatorFault: it cannot be read, or its key is not configured.
        """
        found = self.stored(name)
        return None if found is None else found.open()

    def write(self, name: str, document: Document) -> None:
        """Keep `document`.

        Raises:
            OperatorFault: it cannot be kept.
        """
        self.change([Put(Key(self.kind, name), document)])

    def delete(self, name: str) -> bool:
        """Keep it no longer, whether it can be read or not; False: there was none.

        Raises:
            OperatorFault: it cannot be removed.
        """
        try:
            was_there = self.stored(name) is not None
        except Exception:  # whatever it is that keeps it from being read
            was_there = True
        self.change([Drop(Key(self.kind, name))])
        return was_there

    def change(self, steps: list[Step]) -> None:
        """Make steps durable, one after the other; raises what ended them."""
        only(self.storage.apply([Unit(steps)]))
