"""Tombstones: the newest generation of each owner that has ended. They outlive the credentials."""

from __future__ import annotations

from functools import partial

from security.credential import Owner
from security.errors import CorruptCredential, CustodyError
from security.generations import Generations, older_than_seen
from security.storage.files.private_files import SealedFolder


class Tombstones:
    """The documents, one an owner, whose lock guards them. Every method blocks on the disk."""

    def __init__(self, sealed: SealedFolder) -> None:
        self._sealed = sealed
        self._seen = Generations()

    def prepare(self) -> None:
        """Make the folder private.

        Raises:
            OperatorFault: it cannot be used, or holds envelopes and no key is set.
        """
        self._seen = Generations()
        self._sealed.prepare()

    def newest(self, owner: Owner, unreadable: int) -> int:
        """The newest generation that has ended, 0: none has; `unreadable` where nobody can tell.

        Never less than this process has seen, whatever lies on the disk by now.
        """
        try:
            return self._read(owner)
        except CustodyError:
            return max(unreadable, self._seen.newest(owner))

    def put(self, owner: Owner, generation: int) -> None:
        """This one, and all before it, have ended."""
        self._sealed.write(owner.stem, {"owner": owner.name, "generation": generation})
        self._seen.saw(owner, generation)

    def _read(self, owner: Owner) -> int:
        newest = self._seen.newest(owner)
        document = self._sealed.read(owner.stem)
        generation = 0 if document is None else document.get("generation")
        if not isinstance(generation, int):
            raise CorruptCredential("a field of the wrong type", code="unreadable")
        if generation < newest:
            look = partial(self._read, owner)
            raise older_than_seen(self._sealed.sealer, self._sealed.kind, owner, look)
        self._seen.saw(owner, generation)
        return generation
