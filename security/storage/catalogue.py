"""What a kind of documents is. Each kind is defined by whoever owns its documents, and registered
by the wiring: whatever goes over everything that is kept goes by that list.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from security.credential import Owner

Document = dict[str, Any]
Claims = tuple[object, object]
"""The name and the owner that a document gives itself by its own fields; None: it gives none."""
NOTE: Final = ".note"
"""What follows a copy's name in that of the note beside it."""
NAME: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,120}")
"""What a document or a lease may be called: it may become a part of a file's name."""


def owner_by_stem(name: str) -> Owner | None:
    """The owner whose stem the name is, or begins with before a full stop; None: nobody's."""
    try:
        return Owner.from_stem(name.partition(".")[0])
    except ValueError:
        return None


def claims_owner(document: Document) -> Claims:
    """What documents say of themselves that have a field `owner`."""
    return None, document.get("owner")


@dataclass(frozen=True, slots=True, repr=False)
class Identity:
    """Which document it is: what is sealed together with its content."""

    kind: str
    name: str
    owner: str | None
    """`Owner.name`; None: it is nobody's alone."""

    def __repr__(self) -> str:
        return f"Identity({self.kind})"  # names hold ids


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """One kind of documents."""

    name: str
    """Also the folder they are kept in, where there are folders."""
    leased: bool = False
    """Writers hold the lease of the document's owner; else the storage itself serialises them."""
    in_use: bool = True
    """Whether the bot works with them as they are; else they are remnants or records, which it can
    do without, and which are no reason to refuse a start."""
    owner_of: Callable[[str], Owner | None] = owner_by_stem
    """Whom a document is about, by its name; None: nobody alone."""
    claims: Callable[[Document], Claims] = lambda document: (None, None)
    """Reads what a document says of itself. Those from before sealed documents named themselves
    have nothing else to be compared by."""
    copies_of: Kind | None = None
    """Its documents are those of another kind, moved as they stand; only notes are its own."""
    is_owners: bool = False
    """Whether every document has an owner's name. Other programs' files may lie beside them."""
    indexes: Callable[[Document], Mapping[str, str | None]] | None = None
    """By what a document is found without its name; the value None: not known of this one."""
    due: Callable[[Document, float], float | None] | None = None
    """When a document is to be seen to, in Unix seconds, by what is in it and what time it is by
    the storage's clock; None: at every look."""
    apart: tuple[str, ...] = ()
    """Secret fields, which a storage with columns seals apart from the rest."""
    generation: Callable[[Document], int] = lambda document: 0
    """Which generation of its owner's it is: sealed with each field that is kept apart, so that
    none serves in another generation."""
    reported_as: str = ""
    """What reports call them, where it is not their name: one that was divided is one there."""
    is_seldom: bool = False
    """Whether many installations have none, and reports that count them say nothing then."""

    @property
    def label(self) -> str:
        """What reports call them."""
        return self.reported_as or self.name

    def identify(self, name: str) -> Identity:
        """The document that is kept under `name`."""
        if self.copies_of is not None and not name.endswith(NOTE):
            return self.copies_of.identify(name.partition(".")[0])
        owner = self.owner_of(name)
        return Identity(self.name, name, None if owner is None else owner.name)

    def is_ours(self, name: str) -> bool:
        """Whether a document of this name is the program's."""
        if self.is_owners:
            owner = self.owner_of(name)
            return owner is not None and owner.stem == name
        return NAME.fullmatch(name) is not None
