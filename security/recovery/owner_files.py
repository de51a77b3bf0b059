"""The files of one owner, all together: credential, tombstone, quarantined copies.

For archives, which take an owner's state as a whole and put it back. Every method blocks on the
disk, and is called with the owner's lock held (`TokenStore.locked`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from security.credential import Credential, Owner
from security.encryption import TokenEncryption
from security.errors import CorruptCredential, CustodyError, OperatorFault
from security.recovery.snapshot import STAMP, Copy, Holdings, counting, note_of
from security.storage.catalogue import CREDENTIALS, QUARANTINE, TOMBSTONES
from security.storage.files.private_files import SealedFolder, disk_faults, ensure_private_folder
from security.storage.sealing import Sealer

_NOTE: Final = ".note"
_STAMP: Final = "%Y%m%dt%H%M%S%f"
_LONGEST: Final = 1024 * 1024  # a credential is about a kilobyte: larger is no credential
_SETTLED: Final = 0.1  # seconds; a folder's time stamp may be as coarse as a tick of the clock


@dataclass(frozen=True, slots=True)
class Current:
    """What there is of one owner now."""

    data: bytes | None
    """The credential's file as it is; None: there is none."""
    credential: Credential | None
    """What is in it; None also where it is no newer than the tombstone, and so counts as none."""
    fault: str | None
    """The result code, where the file cannot be read."""
    is_damaged: bool
    """Whether that is the file's own fault; else it is the set-up's."""
    tombstone: int | None
    """The newest generation that has ended; 0: none, None: it cannot be read."""


class OwnerFiles:
    """Reads and writes what is kept of an owner."""

    def __init__(
        self, folder: Path, sealer: Sealer | TokenEncryption, mask: Callable[[str], str]
    ) -> None:
        """
        Args:
            folder: the data folder, `user_data/`.
            mask: turns an owner's name into what notes may show.
        """
        self._folder = folder
        self._sealer = sealer = Sealer.of(sealer)
        self._mask = mask
        # The owner's lock guards all three.
        self._tokens = SealedFolder(folder, sealer, CREDENTIALS)
        self._tombstones = SealedFolder(folder / "tombstones", sealer, TOMBSTONES)
        self._quarantine = SealedFolder(folder / "quarantine", sealer, QUARANTINE)
        self._copies: dict[Owner, list[str]] = {}
        self._listed = (0, 0.0)

    @property
    def is_encrypted(self) -> bool:
        """Whether what is written here is encrypted."""
        return self._sealer.is_sealing

    def prepare(self) -> None:
        """Make the folders, private. The keys are not tried: a restore may be to mend them."""
        for part in (self._tokens, self._tombstones, self._quarantine):
            ensure_private_folder(part.folder)
        ensure_private_folder(self._folder / "locks")

    def owners(self) -> list[Owner]:
        """Everyone of whom anything is kept, sorted."""
        found = set(self._list_copies())
        for sealed in (self._tokens, self._tombstones):
            found |= {owner for name in sealed.names() if (owner := _owner_of(name))}
        return sorted(found)

    def current(self, owner: Owner) -> Current:
        """What there is now.

        Raises:
            OperatorFault: the disk failed.
        """
        tombstone = self._tombstone(owner)
        data = self._tokens.read_bytes(owner.stem)
        if data is None:
            return Current(None, None, None, False, tombstone)
        try:
            credential = Credential.from_document(owner, self._tokens.unseal(owner.stem, data))
        except CorruptCredential as damage:
            return Current(data, None, damage.code, True, tombstone)
        except OperatorFault as fault:
            return Current(data, None, fault.code, False, tombstone)
        ended = 0 < credential.generation <= (tombstone or 0) and credential.state == "active"
        return Current(data, None if ended else credential, None, False, tombstone)

    def holdings(self, owner: Owner) -> Holdings:
        """What there is now, for an archive. Whatever cannot be read is in it as a fault."""
        try:
            now = self.current(owner)
        except OperatorFault as fault:  # one file that the disk does not give
            return Holdings(owner, fault=fault.code, tombstone=None)
        if now.credential is not None and now.credential.state == "leaving":
            # Disconnecting was interrupted, and will be finished: for the archive it is done.
            return Holdings(owner, tombstone=max(now.tombstone or 0, now.credential.generation))
        copies = [self._copy(name) for name in self._list_copies().get(owner, [])]
        return Holdings(
            owner,
            credential=counting(now.credential, now.tombstone),
            fault=now.fault,
            sealed=now.data if now.fault and len(now.data or b"") <= _LONGEST else None,
            tombstone=now.tombstone,
            copies=tuple(copy for copy in copies if copy is not None),
            left_out=copies.count(None),
        )

    def read(self, owner: Owner, data: bytes) -> Credential:
        """The credential in a file's bytes; raises as `SealedFolder.read` does."""
        return Credential.from_document(owner, self._tokens.unseal(owner.stem, data))

    def put_credential(self, credential: Credential) -> None:
        """Replace the owner's file by `credential`, generation and all."""
        self._tokens.write(credential.owner.stem, credential.to_document())

    def put_tombstone(self, owner: Owner, generation: int) -> None:
        """Note that this generation, and all before it, have ended."""
        self._tombstones.write(owner.stem, {"owner": owner.name, "generation": generation})

    def has_copy(self, name: str) -> bool:
        """Whether the quarantine holds a copy of this name."""
        return self._quarantine.read_bytes(name) is not None

    def put_copy(self, owner: Owner, copy: Copy) -> None:
        """Put a copy into quarantine, encrypted where there is a key."""
        if copy.note is not None:  # before the copy, as everywhere: a note alone is nothing
            note = {"owner": self._mask(owner.name), **copy.note}
            self._quarantine.write(copy.name + _NOTE, note)
        seal = self._sealer.seal_content if copy.opened else self._sealer.set_aside
        self._quarantine.write_sealed(copy.name, seal(QUARANTINE, copy.name, copy.content))

    def copy_aside(self, owner: Owner, reason: str) -> None:
        """Put a copy of the owner's file into quarantine; the file stays until it is replaced.

        The copy is named after the time of the file, so that one that was made before a crash is
        found again. Its owner need not be told: a credential is about to take its place.
        """
        found = self._tokens.read_stamped(owner.stem)
        if found is None:
            return
        data, status = found
        written = datetime.fromtimestamp(0, UTC) + timedelta(
            microseconds=status.st_mtime_ns // 1000
        )
        while (name := f"{owner.stem}.{written.strftime(_STAMP)}") and self.has_copy(name):
            if self._is_copy(name, data):
                return
            written += timedelta(microseconds=1)
        note = {"reason": reason, "time": datetime.now(UTC).isoformat(), "told": True}
        self.put_copy(owner, Copy(name, data, opened=False, note=note))

    def _is_copy(self, name: str, data: bytes) -> bool:
        kept = self._quarantine.read_bytes(name)
        if kept is None or kept == data:
            return kept is not None
        try:
            return self._sealer.examine(QUARANTINE, name, kept).content == data
        except CustodyError:
            return False

    def _tombstone(self, owner: Owner) -> int | None:
        try:
            document = self._tombstones.read(owner.stem)
        except CustodyError:
            return None
        generation = 0 if document is None else document.get("generation")
        return generation if type(generation) is int and generation >= 0 else None

    def _copy(self, name: str) -> Copy | None:
        try:
            data = self._quarantine.read_bytes(name)
        except OperatorFault:  # one file that the disk does not give
            return None
        if data is None or len(data) > _LONGEST:
            return None
        try:
            found = self._sealer.examine(QUARANTINE, name, data)
        except CustodyError:
            return Copy(name, data, False, self._note(name))
        # What was plaintext goes back as plaintext: the archive's key makes nobody's word of it.
        return Copy(name, found.content, not found.was_plaintext, self._note(name))

    def _note(self, name: str) -> dict[str, Any] | None:
        try:
            return note_of(self._quarantine.read(name + _NOTE))
        except CustodyError:
            return None

    def _list_copies(self) -> dict[Owner, list[str]]:
        """Each owner's copies; listed anew only where the folder may have changed since."""
        with disk_faults():
            try:
                changed = self._quarantine.folder.stat().st_mtime_ns
            except FileNotFoundError:
                return {}
        known, listed = self._listed
        if changed != known or listed - changed / 1e9 < _SETTLED:
            self._listed = (changed, time.time())
            self._copies = {}
            for name in self._quarantine.names():
                stem, _, stamp = name.partition(".")
                owner = _owner_of(stem)
                if owner is not None and STAMP.fullmatch(stamp):
                    self._copies.setdefault(owner, []).append(name)
        return self._copies


def _owner_of(stem: str) -> Owner | None:
    try:
        return Owner.from_stem(stem)
    except ValueError:
        return None  # not ours: somebody put another file here
