"""The kinds of documents there are: where each is kept, and which document a name stands for.

The one table of them. Whatever goes over everything that may be sealed (rotation, the count of
keys in use, the look at start-up) goes by it; a new kind of documents is added here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from security.credential import Owner

Document = dict[str, Any]
Claims = tuple[object, object]
"""The name and the owner that a document gives itself by its own fields; None: it gives none."""
_NOTE: Final = ".note"


@dataclass(frozen=True, slots=True, repr=False)
class Identity:
    """Which document it is: what is sealed together with its content."""

    kind: str
    name: str
    owner: str | None
    """`Owner.name`; None: it is nobody's alone."""

    def __repr__(self) -> str:
        return f"Identity({self.kind})"  # names hold ids


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of documents."""

    name: str
    """Also what reports call them."""
    subfolder: str
    """Below the data folder; empty: the data folder itself."""
    leased: bool = False
    """Writers hold the lock of the document's owner; else that of the folder."""
    in_use: bool = True
    """Whether the bot works with them as they are; else they are remnants or records, which it can
    do without, and which are no reason to refuse a start."""
    claims: Callable[[Document], Claims] = lambda document: (None, None)
    """Reads what a document says of itself. Those from before sealed documents named themselves
    have nothing else to be compared by."""
    copies_of: Kind | None = None
    """Its documents are those of another kind, moved as they stand; only notes are its own."""

    def identify(self, name: str) -> Identity:
        """The document that is kept under `name`."""
        if self.copies_of is not None and not name.endswith(_NOTE):
            return self.copies_of.identify(name.partition(".")[0])
        owner = owner_of(name)
        return Identity(self.name, name, None if owner is None else owner.name)

    def is_ours(self, name: str) -> bool:
        """Whether a file of this name is the program's. Others may lie beside credentials."""
        return self is not CREDENTIALS or _owner(Owner.from_stem, name) is not None


def _by_owner(document: Document) -> Claims:
    return None, document.get("owner")


def _of_credential(document: Document) -> Claims:
    own = document.get("drivekeeper")
    return None, own.get("owner") if isinstance(own, dict) else None


def _of_job(document: Document) -> Claims:
    return document.get("id"), document.get("owner")


def _of_update(document: Document) -> Claims:
    number = document.get("update_id")
    return None if number is None else str(number), None


CREDENTIALS: Final = Kind("credentials", "", leased=True, claims=_of_credential)
TOMBSTONES: Final = Kind("tombstones", "tombstones", leased=True, in_use=False, claims=_by_owner)
QUARANTINE: Final = Kind(
    "quarantine", "quarantine", leased=True, in_use=False, copies_of=CREDENTIALS
)
CONSENTS: Final = Kind("consents", "consents", claims=_by_owner)
UPDATES: Final = Kind("updates", "updates", in_use=False, claims=_of_update)
UPLOADS: Final = Kind("uploads", "uploads", claims=_of_job)
PREFERENCES: Final = Kind("preferences", "preferences", claims=_by_owner)
MAINTENANCE: Final = Kind("maintenance", "maintenance", in_use=False)
KINDS: Final = (
    CREDENTIALS,
    TOMBSTONES,
    QUARANTINE,
    CONSENTS,
    UPDATES,
    UPLOADS,
    PREFERENCES,
    MAINTENANCE,
)


def kind_in(folder: str) -> Kind:
    """The kind whose folder has this name; where none has, one of that name alone."""
    found = (kind for kind in KINDS if kind.subfolder == folder)
    return next(found, None) or Kind(folder, folder)


def owner_of(name: str) -> Owner | None:
    """Whom a document is about, by its name; None: nobody alone.

    Names are `<stem>`, `<stem>.<time>`, `<stem>.<time>.note`, or `<key>-<number>` of an upload.
    """
    return _owner(Owner.from_stem, name.partition(".")[0]) or _owner(
        Owner.parse, f"user:{name.rpartition('-')[0]}"
    )


def _owner(find: Callable[[str], Owner], text: str) -> Owner | None:
    try:
        return find(text)
    except ValueError:
        return None
