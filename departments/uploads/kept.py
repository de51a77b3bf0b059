"""The uploads that are kept, and which of them wait for bytes."""

from __future__ import annotations

from departments.documents import Held, Shelf
from departments.kinds import UPLOADS
from departments.uploads.records import Record
from security.storage.protocol import Storage


class Uploads(Shelf[Record]):
    """All of them. Every method blocks."""

    def __init__(self, storage: Storage) -> None:
        super().__init__(storage, UPLOADS, Record)
        self._whole = storage

    def open(self, client: str | None = None) -> list[Held[Record]]:
        """Those whose session may still take bytes, as far as is known, oldest first.

        Args:
            client: the computer's document; None: every computer's.
        """
        now = self._whole.now()
        found = [
            held
            for held in self.some(self._names(client))
            if held.content.is_open(now) and client in (None, held.content.client)
        ]
        return sorted(found, key=lambda held: held.content.began_at)

    def _names(self, client: str | None) -> list[str]:
        if not self._whole.is_shared:  # of files no such index is kept
            return self._whole.names(UPLOADS)
        index, value = ("open", "yes") if client is None else ("open_of", client)
        found = (self._whole.find(UPLOADS, index, wanted) for wanted in (value, None))
        return sorted({name for names in found for name in names})
