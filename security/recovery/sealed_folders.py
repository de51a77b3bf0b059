"""The folders that documents are kept in, a folder for each kind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from security.encryption import TokenEncryption
from security.errors import OperatorFault
from security.storage import catalogue
from security.storage.catalogue import KINDS, Kind
from security.storage.catalogue import owner_of as owner_of
from security.storage.files.private_files import SealedFolder, disk_faults
from security.storage.sealing import Sealer


@dataclass(frozen=True, slots=True)
class Place:
    """One kind of documents, and where they are."""

    kind: Kind

    @property
    def label(self) -> str:
        """What reports call them."""
        return self.kind.name

    @property
    def subfolder(self) -> str:
        """Below the data folder; empty: the data folder itself."""
        return self.kind.subfolder

    @property
    def by_owner(self) -> bool:
        """Writers hold the lock of the document's owner; else that of the folder."""
        return self.kind.leased

    @property
    def in_use(self) -> bool:
        """As `Kind.in_use`."""
        return self.kind.in_use

    def open(self, data_folder: Path, sealer: Sealer | TokenEncryption) -> SealedFolder:
        """The folder, as its writers open it."""
        return SealedFolder(data_folder / self.subfolder, sealer, self.kind)

    def names(self, sealed: SealedFolder) -> list[str]:
        """The documents that are ours, sorted."""
        return [name for name in sealed.names() if self.kind.is_ours(name)]


PLACES: Final = tuple(map(Place, KINDS))
_OURS: Final = {"audit", "locks", "log_mask.key", *(kind.subfolder for kind in KINDS)} - {""}
CREDENTIALS: Final = next(place for place in PLACES if place.kind is catalogue.CREDENTIALS)


def holds_ours(data_folder: Path) -> bool:
    """Whether anything there is Drivekeeper's; False: it is empty, or not there. Changes nothing.

    Raises:
        OperatorFault: it holds other things alone. What a start and commands do to a data folder
            (its mode, what a crash left in it) is not to be done to somebody's home.
    """
    with disk_faults():
        try:
            names = [path.name for path in data_folder.iterdir()]
        except (FileNotFoundError, NotADirectoryError):
            return False
    if any(map(_is_ours, names)):
        return True
    if any(not name.startswith(".") and name != "lost+found" for name in names):
        raise OperatorFault(
            "USER_DATA_DIR names a folder that holds other things, and nothing of Drivekeeper's: "
            "name the bot's own folder, or one that is empty",
            code="store_failed",
        )
    return False


def _is_ours(name: str) -> bool:
    return name in _OURS or (name.endswith(".json") and CREDENTIALS.kind.is_ours(name[:-5]))


def documents(
    data_folder: Path, sealer: Sealer | TokenEncryption
) -> Iterator[tuple[Place, SealedFolder, list[str]]]:
    """Every place with its folder and its documents' names, in the order of the table."""
    for place in PLACES:
        sealed = place.open(data_folder, sealer)
        yield place, sealed, place.names(sealed)
