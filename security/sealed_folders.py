"""Which folders of sealed documents there are under the data folder: the one table of them.

Whatever goes over everything that may be encrypted (rotation, the count of keys in use, the check
at start-up) goes by this table. A new folder of sealed documents is added here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from security.credential import Owner
from security.encryption import TokenEncryption
from security.files import SealedFolder


@dataclass(frozen=True, slots=True)
class Place:
    """One kind of sealed documents, and where they are."""

    label: str
    """What reports call them."""
    subfolder: str
    """Below the data folder; empty: the data folder itself."""
    by_owner: bool
    """Writers hold the lock of the document's owner; else that of the folder."""
    in_use: bool = True
    """Whether the bot works with them as they are; else they are remnants or records, which it can
    do without, and which are no reason to refuse a start."""

    def open(self, data_folder: Path, encryption: TokenEncryption) -> SealedFolder:
        """The folder, as its writers open it."""
        return SealedFolder(data_folder / self.subfolder, encryption, own_lock=not self.by_owner)

    def names(self, sealed: SealedFolder) -> list[str]:
        """The documents that are ours, sorted."""
        names = sealed.names()
        if self is not CREDENTIALS:
            return names
        return [name for name in names if _is_stem(name)]  # others may keep other files there


CREDENTIALS: Final = Place("credentials", "", by_owner=True)
PLACES: Final = (
    CREDENTIALS,
    Place("tombstones", "tombstones", by_owner=True, in_use=False),
    Place("quarantine", "quarantine", by_owner=True, in_use=False),
    Place("consents", "consents", by_owner=False),
    Place("updates", "updates", by_owner=False, in_use=False),
    Place("uploads", "uploads", by_owner=False),
    Place("preferences", "preferences", by_owner=False),
    Place("maintenance", "maintenance", by_owner=False, in_use=False),
)


def owner_of(name: str) -> Owner | None:
    """Whom a document is about, by its name; None: nobody alone.

    Names are `<stem>`, `<stem>.<time>`, `<stem>.<time>.note`, or `<key>-<number>` of an upload.
    """
    for find, text in (
        (Owner.from_stem, name.partition(".")[0]),
        (Owner.parse, f"user:{name.rpartition('-')[0]}"),
    ):
        try:
            return find(text)
        except ValueError:
            continue
    return None


def _is_stem(name: str) -> bool:
    try:
        Owner.from_stem(name)
    except ValueError:
        return False
    return True


def documents(
    data_folder: Path, encryption: TokenEncryption
) -> Iterator[tuple[Place, SealedFolder, list[str]]]:
    """Every place with its folder and its documents' names, in the order of the table."""
    for place in PLACES:
        sealed = place.open(data_folder, encryption)
        yield place, sealed, place.names(sealed)
