"""TokenStore: one file a user under `user_data/`, locked, written atomically, quarantined.

Every method blocks on the disk: asynchronous callers use threads. Those that write want the
owner's lock held, across the read they are based on.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from operator import itemgetter
from pathlib import Path

from filelock import Timeout

from security.credential import Credential, Owner
from security.custody.batching import each
from security.encryption import TokenEncryption
from security.errors import CorruptCredential, CustodyError, GenerationConflict, OperatorFault
from security.generations import Generations, older_than_seen
from security.quarantine.copies import Quarantine
from security.recovery.key_use import check_some_open
from security.storage.catalogue import CREDENTIALS, TOMBSTONES
from security.storage.files.group_commit import NewContent, replace_together
from security.storage.files.index import Stamp
from security.storage.files.locks import PrivateLock
from security.storage.files.private_files import (
    SealedFolder,
    disk_faults,
    ensure_private_folder,
    probe_writing,
    reserve_room,
    write_atomically,
)
from security.storage.files.staged_file import Room
from security.storage.sealing import Sealer
from security.tombstones import Tombstones


@dataclass(frozen=True, slots=True)
class Reading:
    """What a token file held: a credential, or damage; neither: nothing that counts."""

    stamp: Stamp | None
    """Which file it was; None: there is none."""
    credential: Credential | None = None
    damage: CorruptCredential | None = None


@dataclass(frozen=True, slots=True)
class Save:
    """A credential to be saved, and what it came of."""

    credential: Credential
    based_on: int
    """The generation it came of."""
    seen: Reading | None = None
    """What was read under the lock that is still held. While the file is that very one, by its
    stamp, it is not read again."""
    room: Room | None = None
    """What `TokenStore.reserve` has kept for this."""


class TokenStore:
    """Credentials as files: `token_<user_id>.json`, `quarantine/`, `tombstones/`, `locks/`."""

    def __init__(
        self, folder: Path, sealer: Sealer | TokenEncryption, mask: Callable[[str], str]
    ) -> None:
        """
        Args:
            folder: the data folder, `user_data/`.
            mask: turns an owner's name into what notes and logs may show.
        """
        self.folder = folder
        self._sealer = sealer = Sealer.of(sealer)
        # The owners' locks guard both: every writer of an owner's document holds it.
        self._tokens = SealedFolder(folder, sealer, CREDENTIALS)
        self._tombstones = Tombstones(SealedFolder(folder / "tombstones", sealer, TOMBSTONES))
        self._seen = Generations()
        self._locks = folder / "locks"
        self.copies = Quarantine(self, folder / "quarantine", sealer, mask)
        """What was set aside."""

    def prepare(self) -> None:
        """Make the folders private, try the keys, and put in order what a crash left.

        Raises:
            OperatorFault: the folder cannot be used, or no encrypted file opens.
        """
        self._seen = Generations()
        for part in (self._tokens, self._tombstones, self.copies):
            part.prepare()
        ensure_private_folder(self._locks)
        self.check_writable()
        self.check_keys()
        self.copies.finish_interrupted()

    def check_keys(self) -> None:
        """Raise OperatorFault where no encrypted file opens, or nothing is to be believed."""
        if self._sealer.is_sealing:  # without a key each folder looks for itself
            check_some_open(self.folder, self._sealer)

    def check_writable(self) -> None:
        """Raise OperatorFault where a save would fail: asked before a token is spent."""
        probe_writing(self.folder)

    def reserve(self, owner: Owner, reading: Reading) -> Room:
        """Likewise for one owner: room for the save, to be given to it or given up."""
        size = reading.stamp.size if reading.stamp else 0
        return reserve_room(self._tokens.file(owner.stem), size)

    def owners(self) -> list[Owner]:
        """Everyone with a token file, sorted."""
        found = []
        for stem in self._tokens.names():
            try:
                found.append(Owner.from_stem(stem))
            except ValueError:
                continue  # not ours: somebody put another file here
        return sorted(found)

    def try_lock(self, owner: Owner) -> PrivateLock | None:
        """The owner's lock, held, or None while another process or task holds it.

        A file of its own, never deleted: the token file itself is replaced at every save.
        """
        lock = PrivateLock(f"{self._locks}/{owner.stem}.lock")
        with disk_faults():
            try:
                lock.acquire()
            except Timeout:
                return None
        return lock

    @contextmanager
    def locked(self, owner: Owner, timeout_seconds: float = 30) -> Iterator[None]:
        """Hold the owner's lock, for callers that may block.

        Raises:
            OperatorFault: somebody else held it for the whole of `timeout_seconds`.
        """
        deadline = time.monotonic() + timeout_seconds
        while (lock := self.try_lock(owner)) is None:
            if time.monotonic() > deadline:
                raise OperatorFault("a credential stayed locked", code="locked")
            time.sleep(0.02)
        try:
            yield
        finally:
            lock.release()

    def load(self, owner: Owner) -> Credential | None:
        """The owner's credential; None: there is none, or one that has ended came back.

        A file of ours that is no newer than its owner's tombstone is an old backup. Other
        programs' files have no generation, and count as new.

        Raises:
            CorruptCredential, OperatorFault: as `SealedFolder.read`.
        """
        reading = self.read(owner)
        if reading.damage is not None:
            raise reading.damage
        return reading.credential

    def read(self, owner: Owner) -> Reading:
        """Like `load`, with the stamp of the file; damage is told, not raised.

        Raises:
            OperatorFault: it cannot be read, or its key is not configured.
        """
        newest, found = self._seen.newest(owner), self._tokens.read_stamped(owner.stem)
        if found is None:
            return Reading(None)
        data, stamp = found[0], Stamp.of(found[1])
        try:
            credential = Credential.from_document(owner, self._tokens.unseal(owner.stem, data))
        except CorruptCredential as damage:
            return Reading(stamp, damage=damage)
        generation, is_active = credential.generation, credential.state == "active"
        if is_active and 0 < generation <= self._tombstones.newest(owner, 0):
            return Reading(stamp)
        if 0 < generation < newest:
            raise older_than_seen(self._sealer, CREDENTIALS, owner, partial(self.read, owner))
        self._seen.saw(owner, generation)
        return Reading(stamp, credential)

    def stamp(self, owner: Owner) -> Stamp | None:
        """Which file is there now; None: there is none."""
        with disk_faults():
            try:
                return Stamp.of(os.stat(self._tokens.file(owner.stem)))  # noqa: PTH116 - at each save
            except FileNotFoundError:
                return None

    def save(self, credential: Credential, *, based_on: int) -> Credential:
        """Save what came of the credential of generation `based_on`, as the next generation.

        Raises:
            GenerationConflict: a newer one has been saved, or the owner has disconnected.
        """
        [outcome] = self.save_all([Save(credential, based_on)])
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def save_all(self, saves: Iterable[Save]) -> list[Credential | Exception]:
        """Likewise for several owners, for each what was saved or why not.

        Their names become durable by one fsync of the folder, before any of them counts as saved.
        """
        sealed = each(self._sealed, saves)
        faults = replace_together(self.folder, each(itemgetter(1), sealed))
        outcomes = [
            new if isinstance(new, Exception) else fault or new[0]
            for new, fault in zip(sealed, faults, strict=True)
        ]
        for saved in outcomes:
            if isinstance(saved, Credential):
                self._seen.saw(saved.owner, saved.generation)
        return outcomes

    def _sealed(self, save: Save) -> tuple[Credential, NewContent]:
        """What shall be on disk, if nothing else has got there meanwhile."""
        owner, seen, based_on = save.credential.owner, save.seen, save.based_on
        if seen is None or seen.stamp is None or seen.stamp != self.stamp(owner):
            seen = self.read(owner)
        if seen.damage is not None:
            raise seen.damage
        current = seen.credential
        if current is None or current.generation != based_on or current.state == "leaving":
            raise GenerationConflict("a newer credential, or none, has taken this one's place")
        # One with a generation has been found above its tombstone; another program's has none.
        newest = based_on or self._tombstones.newest(owner, based_on)
        saved = replace(save.credential, generation=newest + 1)
        data = self._tokens.seal(owner.stem, saved.to_document(), was_read=True)
        return saved, NewContent(self._tokens.file(owner.stem), data, save.room)

    def save_consent(self, credential: Credential) -> Credential:
        """Save a new consent as newest + 1; what is damaged goes into quarantine first."""
        try:
            self.load(credential.owner)
        except CorruptCredential as error:
            self.quarantine(credential.owner, error.code)
        return self.save_newest(credential)

    def save_newest(self, credential: Credential) -> Credential:
        """Save `credential` above everything its owner has had, and above its own generation.

        Raises:
            CorruptCredential, OperatorFault: what is in its place cannot be read.
        """
        owner = credential.owner
        current = self.load(owner)
        newest = max(
            self._tombstones.newest(owner, int(time.time())),
            current.generation if current else 0,
            credential.generation,
            self._seen.newest(owner),
        )
        saved = replace(credential, generation=newest + 1)
        self._write(saved)
        return saved

    def mark_leaving(self, owner: Owner) -> Credential | None:
        """Note that the owner is disconnecting, so that start-up finishes what is interrupted."""
        current = self.load(owner)
        if current is not None and current.state != "leaving":
            current = replace(current, state="leaving")
            self._write(current)
        return current

    def delete(self, owner: Owner) -> None:
        """Forget the owner's credential and its quarantined copies; the tombstone stays."""
        # Copies that go count as one more end: no archive from before may bring them back.
        self._bury(owner, more=1 if self.quarantined(owner) else 0)
        self.purge_quarantine(owner)
        self._tokens.delete(owner.stem)

    def retire(self, owner: Owner) -> None:
        """Remove the owner's file; its generation stays in the tombstone."""
        self._bury(owner)
        self._tokens.delete(owner.stem)

    def read_bytes(self, owner: Owner) -> bytes | None:
        """The owner's file as it is on disk; None: there is none."""
        return self._tokens.read_bytes(owner.stem)

    def quarantine(self, owner: Owner, reason: str, *, told: bool = False) -> None:
        """Set the owner's file aside: its bytes as they were, but encrypted where there is a key.

        Args:
            reason: a result code, kept in the note beside it.
            told: whether the owner knows already.
        """
        self.copies.set_aside(owner, reason, told=told)

    def quarantined(self, owner: Owner) -> list[str]:
        """The names of the owner's quarantined copies, oldest first."""
        return self.copies.names(owner)

    def purge_quarantine(self, owner: Owner) -> None:
        """Delete the owner's quarantined copies and their notes."""
        self.copies.purge_owner(owner)

    def others(self, than: Owner) -> list[Credential | None]:
        """The credentials of everybody else who is not leaving; None: one cannot be read."""
        found: list[Credential | None] = []
        for owner in self.owners():
            if owner == than:
                continue
            try:
                credential = self.load(owner)
            except CustodyError:
                found.append(None)
            else:
                if credential is not None and credential.state != "leaving":
                    found.append(credential)
        return found

    def _write(self, credential: Credential) -> None:
        stem = credential.owner.stem
        self._atomic_save(
            self._tokens.path(stem), self._tokens.seal(stem, credential.to_document())
        )
        self._seen.saw(credential.owner, credential.generation)

    def _atomic_save(self, path: Path, data: bytes) -> None:
        """Replace `path` by sealed bytes: old or new after a crash, never a part."""
        write_atomically(path, data)

    def _bury(self, owner: Owner, more: int = 0) -> None:
        """Keep the newest generation beyond the credential's end.

        Where that cannot be read any more, the counter jumps to Unix seconds: more than any
        counter has counted, so that no older credential passes for the newest.
        """
        try:
            current = self.load(owner)
            generation = current.generation if current else 0
        except CustodyError:
            generation = int(time.time())
        newest = max(self._tombstones.newest(owner, int(time.time())), generation) + more
        self._tombstones.put(owner, newest)
