"""Where in a person's Drive their next file goes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from drive import Drive
from security.credential import Owner


@dataclass(frozen=True, slots=True)
class Place:
    """A folder in Drive."""

    folder_id: str
    folder_name: str
    was_made_again: bool = False
    """It had been deleted in Drive."""


class Places:
    """Each person's choice of a folder."""

    def __init__(self, folder_name: str) -> None:
        self._folder_name = folder_name

    def find(self, drive: Drive, owner: Owner, moment: datetime, *, known: bool = False) -> Place:
        """The folder for a file sent at `moment`, made where there is none. Blocks.

        Args:
            known: what was seen in the last minutes is good enough.
        """
        return Place(drive.folder(self._folder_name, known=known), self._folder_name)
