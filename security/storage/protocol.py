"""The seam: what custody needs of a place to keep things.

A backend keeps documents of a few kinds by name, seals them by the Sealer it was built with, and
knows nothing of the rules of custody, which are written once, above it. Every method blocks:
custody's threads call it. `tests/storage/` holds the contract that every backend keeps.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal, NamedTuple, Protocol

from security.credential import Owner
from security.errors import CorruptCredential, CustodyError, OperatorFault
from security.storage.catalogue import Document, Kind
from security.storage.due import DueCounts, DuePage
from security.storage.events import Action, AuditEntry, Event
from security.storage.leases import Lease, Reservation
from security.storage.parts import Kept, raw_of
from security.storage.sealing import Sealer

Version = str
"""Which state of a document was read: opaque, compared and kept, never parsed."""
ABSENT: Final[Version] = "absent"
"""Instead of a version: there must be no such document."""
ANY: Final[Version] = "any"
"""Instead of a version: whatever is there, or nothing."""

Resealed = Literal["changed", "already", "vanished"]
Convert = Callable[[bytes], bytes | None]
"""From a document as it stands to what shall take its place; None: it stays."""


class Conflict(CustodyError):
    """A document is not in the version that a step wanted."""

    default_code = "superseded"


class Key(NamedTuple):
    """Which document."""

    kind: Kind
    name: str
    """The program's own (see `catalogue.NAME`), never a user's."""

    @property
    def leased_by(self) -> Owner | None:
        """Whose lease a change of it wants; None: it wants none. A stray document of a leased kind,
        whose name is no owner's, has no writer to be kept away."""
        return self.kind.owner_of(self.name) if self.kind.leased else None


@dataclass(frozen=True, slots=True)
class Stored:
    """A document as it was found."""

    version: Version
    kept: Kept = field(repr=False)
    """As it stands: sealed, in plaintext, or damaged. It says itself which of these it is."""
    document: Document | None = field(default=None, repr=False)
    """What is in it; None: see `fault`."""
    fault: CorruptCredential | OperatorFault | None = None
    """Why it cannot be read: damage of its own, or what an operator has to mend."""
    is_private: bool = True
    """Whether nobody else on the machine can reach it."""

    @property
    def raw(self) -> bytes:
        """As it stands, in one piece."""
        return raw_of(self.kept)

    def open(self) -> Document:
        """The document; raises `fault` where there is none."""
        if self.document is None:
            raise self.fault or CorruptCredential("not one JSON object", code="unreadable")
        return self.document


Found = Stored | Exception | None
"""What `Storage.read` gives for one key; None: there is no such document. An error: the storage
itself did not answer for it, or has a defect that this one document brings out."""


@dataclass(frozen=True, slots=True)
class Step:
    """One change of one document."""

    key: Key


@dataclass(frozen=True, slots=True)
class Put(Step):
    """Keep `document`."""

    document: Document = field(repr=False)
    expected: Version = ANY
    reservation: Reservation | None = None


@dataclass(frozen=True, slots=True)
class PutRaw(Step):
    """Keep bytes that come from elsewhere: sealed ones as they are, others sealed where there is a
    key."""

    raw: bytes = field(repr=False)
    is_believed: bool = False
    """Whether plaintext among them is this installation's own word, and may be opened as such."""
    expected: Version = ANY


@dataclass(frozen=True, slots=True)
class Copy(Step):
    """Keep what is at `source`, as it stands, at `key`: whether it opens or not. Where there is a
    key, plaintext is sealed, and believed nowhere."""

    source: Key
    expected: Version = ANY
    """Of the source. Without one there is nothing to copy, which is a conflict in any case."""


@dataclass(frozen=True, slots=True)
class Drop(Step):
    """Keep it no longer. What has gone already is no conflict, unless a version is expected."""

    expected: Version = ANY


@dataclass(frozen=True, slots=True)
class Unit:
    """Steps in their order. A backend makes all of them or none; or each is durable before the next
    begins, and what comes before a conflict stays made. Whoever makes a unit sees to it that its
    every beginning can be finished later."""

    steps: Sequence[Step]
    lease: Lease | None = None
    """Of the owner, wherever a step's kind is leased and the name an owner's. One that has lapsed
    since serves as well: versions say what may be saved. One that was given back does not."""
    events: Sequence[Event] = ()
    """For the audit trail, once all steps are made."""
    ends_lease: bool = False
    """Whether nothing is done under the lease afterwards: where giving it back is a change as well,
    that is made with the steps. Whoever holds it gives it back in any case."""


class DocumentStore(Protocol):
    """Where documents are read and changed: what most who keep some need of a storage."""

    def check_writable(self, kind: Kind | None = None) -> None:
        """Raise OperatorFault where a small document of this kind cannot be kept just now.

        None: one of any kind; each may have a place of its own that refuses it.
        """

    def read(self, keys: Sequence[Key]) -> list[Found]:
        """What there is, for each key; one's trouble, whatever it is, hides nothing of the others.

        What is not what its name says (`refusals.NOT_BELIEVED`) is noted as refused.

        Raises:
            ValueError: a name is none.
        """

    def names(self, kind: Kind, prefix: str = "") -> list[str]:
        """The names of the kind's documents that begin so, sorted.

        Raises:
            OperatorFault: they cannot be listed.
        """

    def find(self, kind: Kind, index: str, value: str | None) -> list[str]:
        """The names of the documents whose `Kind.indexes` have this value, sorted; None: those of
        which it is not known, be it that they cannot be read.

        Reads what has changed and no others (nor again what could not be read and has not changed
        since), and is no look that `due` knows of.

        Raises:
            OperatorFault: they cannot be looked through.
        """

    def apply(self, units: Sequence[Unit]) -> list[list[Version] | Exception]:
        """Make changes durable: for each unit the version after every step, or why it ended.

        One unit's trouble is nobody else's. `Conflict`: a document was not in the version wanted;
        also where a unit before it in this call has changed it. OperatorFault: it cannot be kept,
        or plaintext would take a sealed document's place, as no step may do. A unit's events are
        recorded once its last step is made.

        Raises:
            RuntimeError: an owner's document of a leased kind is changed without the owner's lease,
            which is a defect;
            ValueError: a name is none. Nothing has been done then.
        """


class Storage(DocumentStore, Protocol):
    """A place to keep documents in."""

    @property
    def sealer(self) -> Sealer:
        """What seals and opens everything here, and knows what was not believed."""

    @property
    def kinds(self) -> Sequence[Kind]:
        """The kinds of documents that are kept here."""

    @property
    def lease_seconds(self) -> float | None:
        """How long a lease lasts that nobody renews; None: as long as its process lives."""

    @property
    def is_shared(self) -> bool:
        """Whether processes on other machines may work on the same documents."""

    @property
    def takes_plaintext(self) -> bool:
        """Whether documents may be kept here without a key."""

    def open(self) -> None:
        """Make ready, and clear what a crash left.

        Raises:
            OperatorFault: it cannot be used, nothing can be written, or the keys do not fit what
                is kept (`check_keys`).
        """

    def prepare(self, kinds: Collection[Kind] | None = None) -> None:
        """The part of `open` that tries neither keys nor room: for whoever is to mend them.

        Args:
            kinds: the only ones that are worked with; None: all of them, and the audit trail. Of
                others what a crash has left half done is removed, where that can be done.

        Raises:
            OperatorFault: it cannot be used.
        """

    def check_keys(self) -> None:
        """Raise OperatorFault where no sealed document opens, or where plaintext is all there is
        and is not to be believed. Changes nothing."""

    def close(self) -> None:
        """Give back what is held open."""

    def now(self) -> float:
        """The storage's own clock, in Unix seconds: what several processes go by. Asks nobody."""

    def skew(self) -> float:
        """By how many seconds this machine's clock is ahead of the storage's. Asks nobody."""

    def holds(self, key: Key, raw: bytes) -> bool:
        """Whether the document is one of these very bytes, sealed since or not.

        Raises:
            CustodyError: the storage did not answer.
        """

    def reseal(self, key: Key, convert: Convert, lease: Lease | None) -> Resealed:
        """Replace one document by what `convert` makes of it; nobody writes it meanwhile.

        Every change makes a new version, also where the bytes are the same.

        Raises:
            CustodyError: what `convert` raises, or the storage's fault. Nothing has changed.
            RuntimeError: the kind is leased, and the lease is not its owner's or not held. What is
                nobody's by its name wants none.
        """

    def lease(self, names: Sequence[str]) -> list[Lease | CustodyError | None]:
        """For each name the lease; None: somebody holds it; an error: it could not be asked.

        Nobody waits. ValueError: a name is none.
        """

    def release(self, leases: Sequence[Lease]) -> None:
        """Give several back together: less work, where one is a change by itself."""

    def is_leased(self, name: str) -> bool | None:
        """Whether somebody holds it; None: that cannot be told. Changes nothing."""

    def reserve(self, key: Key, size: int, lease: Lease) -> Reservation:
        """Room for the next `Put` of this document, which takes about `size` bytes, or more.

        Whoever holds one makes no other change of the document before it is used or given up.

        Raises:
            OperatorFault: it could not be written.
        """

    def due(
        self, kind: Kind, before: float, size: int, *, everything: bool, scattered: bool = False
    ) -> Iterator[DuePage]:
        """Pages of at most `size` documents whose `Kind.due` comes before a moment (Unix seconds).

        Soonest first; then, in any order, those that have changed since they were last looked at
        (read, or put by this process), and those whose moment is None. One page at least.

        Args:
            everything: all documents, as if every one had changed.
            scattered: whether several processes work on what is due. Then each page is some at
                random of the soonest (`random_parts`), looked up anew.

        Raises:
            OperatorFault: they cannot be looked through.
        """

    def look_again(self, keys: Sequence[Key]) -> None:
        """What was read there is of no use, though it opens: `due` gives it at every look, until it
        is read or put again and nobody says this of it."""

    def known(self, kind: Kind) -> dict[str, float | None]:
        """By name, when documents are due (as in `Due`) that this process has read or put, without
        another look: others may have changed or removed them since."""

    def due_counts(self, kind: Kind, edges: Sequence[float]) -> DueCounts:
        """How many of the kind's documents are due by each of these moments, without a look at any.

        On files those count that this process has read or put.

        Args:
            edges: Unix seconds, ascending, one at least; the last may be infinite.

        Raises:
            OperatorFault: they cannot be counted.
        """

    def record(self, events: Sequence[Event]) -> None:
        """Add to the audit trail. Never raises: what has happened has happened."""

    def events(
        self,
        *,
        newest_first: bool = True,
        owner: str | None = None,
        action: Action | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Iterator[AuditEntry]:
        """The audit trail's entries that fit.

        Args:
            owner: a mask.
            since, until: aware; nothing older, or newer, is given.

        Raises:
            OperatorFault: it cannot be read.
        """
