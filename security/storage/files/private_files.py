"""Private files: written whole or not at all, readable by nobody else.

A save is a temporary file in the same folder, fsync, rename, fsync of the folder: after a crash at
any point the old or the new content is there, whole (rename(2), fsync(2)).
"""

from __future__ import annotations

import os
import re
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

from filelock import Timeout

from security.encryption import TokenEncryption, is_encrypted
from security.errors import CorruptCredential, CustodyError, OperatorFault
from security.storage.catalogue import Kind, kind_in
from security.storage.disk_faults import disk_faults as disk_faults
from security.storage.disk_faults import reason_of as reason_of
from security.storage.files.locks import PrivateLock
from security.storage.files.staged_file import FILE_MODE as FILE_MODE
from security.storage.files.staged_file import Room, StrPath
from security.storage.refusals import NOT_BELIEVED
from security.storage.sealing import Sealer

FOLDER_MODE: Final = 0o700
_STALE_SECONDS: Final = 60  # a save takes milliseconds: what is older was left by a crash
_PIECE: Final = 65536
# A pipe in the place of a file would keep whoever opens it waiting for ever.
_READING: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,120}")
_ENDING: Final = ".json"
_LOCK_SECONDS: Final = 30

Resealed = Literal["changed", "already", "vanished"]


def ensure_private_folder(folder: Path) -> None:
    """Make `folder` 0700, mending looser modes there and 0600 for the files in it.

    Raises:
        OperatorFault: it belongs to somebody else, or cannot be made.
    """
    with disk_faults():
        folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        status = folder.stat()
        if status.st_uid != os.geteuid():
            raise OperatorFault(_whose(folder), code="store_failed")
        if stat.S_IMODE(status.st_mode) != FOLDER_MODE:
            folder.chmod(FOLDER_MODE)
        with os.scandir(folder) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):  # a save beside this has just renamed it
                    _mend(entry)


def _whose(folder: Path) -> str:
    """Why a folder of another user does not serve, where that can be told."""
    if os.access(folder, os.W_OK | os.X_OK):  # a volume with a group's rights: Kubernetes' fsGroup
        return (
            "the data folder belongs to another user of this machine, who lets this one write "
            "there: name a folder below it in USER_DATA_DIR, which is then made private"
        )
    return "the data folder belongs to another user of this machine"


def _mend(entry: os.DirEntry[str]) -> None:
    """Make a file private, or remove it where a crash has left it."""
    if not entry.is_file(follow_symlinks=False):
        return
    status = entry.stat(follow_symlinks=False)
    if status.st_uid != os.geteuid():
        return  # nobody else gets past the folder's own mode; `doctor` tells of it
    is_ours = entry.name.startswith(".") and entry.name.endswith(".tmp")  # as `Room` names them
    if is_ours and time.time() - status.st_mtime > _STALE_SECONDS:
        Path(entry.path).unlink(missing_ok=True)
    elif stat.S_IMODE(status.st_mode) & 0o077:
        Path(entry.path).chmod(FILE_MODE)


def write_atomically(path: StrPath, data: bytes) -> None:
    """Replace `path` by `data`, durably. The caller keeps other writers of `path` away."""
    with disk_faults():
        Room(path).become(data)
        sync_folder(os.path.dirname(path))  # noqa: PTH120 - a string may be all there is


def reserve_room(path: StrPath, size: int = 0) -> Room:
    """Make sure that `path` could be replaced just now, and keep the room for it.

    Args:
        size: about how many bytes it will be.

    Raises:
        OperatorFault: it could not.
    """
    with disk_faults():
        room = Room(path)
        room.reserve(size)
        return room


def read_regular(path: StrPath) -> tuple[bytes, os.stat_result] | None:
    """The bytes of a regular file, and the status of the very file they came from; None: no file.

    A pipe or a device in its place would hang whoever opens it, a link lead elsewhere.

    Raises:
        OperatorFault: it is anything else, or cannot be read.
    """
    with disk_faults():
        try:
            descriptor = os.open(path, _READING)
        except FileNotFoundError:
            return None
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise OperatorFault("a folder or pipe in a file's place", code="store_failed")
            data = os.read(descriptor, status.st_size + 1)
            while len(data) != status.st_size and (piece := os.read(descriptor, _PIECE)):
                data += piece
        finally:
            os.close(descriptor)
        return data, status


def probe_writing(folder: Path) -> None:
    """Raise OperatorFault where a small file cannot be written into `folder` just now."""
    reserve_room(folder / "probe").give_up()


def sync_folder(folder: StrPath) -> None:
    """Make renames and removals in `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove(path: Path) -> bool:
    """Remove `path` durably; False where it was not there."""
    with disk_faults():
        try:
            path.unlink()
        except FileNotFoundError:
            return False
        sync_folder(path.parent)
        return True


class SealedFolder:
    """A folder of small JSON documents, encrypted where there is a key.

    One lock, a file of its own in `locks/` beside the folder, is held across every write and
    removal: whoever re-encrypts the folder loses no save and brings back nothing deleted.
    """

    def __init__(
        self, folder: Path, sealer: Sealer | TokenEncryption, kind: Kind | None = None
    ) -> None:
        """
        Args:
            kind: of the documents; None: the one that has a folder of this name.
        """
        self.folder = folder
        self.kind = kind or kind_in(folder.name)
        self._root = str(folder)
        self.sealer = Sealer.of(sealer)
        self._queue = threading.Lock()

    def prepare(self) -> None:
        """Make the folder private, and clear what a crash left.

        Raises:
            OperatorFault: it holds encrypted documents, and no key is set.
        """
        ensure_private_folder(self.folder)
        if not self.sealer.is_sealing:
            for name in self.names():
                try:
                    data = self.read_bytes(name)
                except OperatorFault:
                    continue  # one document that the disk does not give is nobody else's trouble
                if data is not None and is_encrypted(data):
                    with suppress(CorruptCredential):
                        self.sealer.keyring.decrypt(data)  # says which key is missing

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep every other writer of the folder away, in this process and in others.

        Raises:
            OperatorFault: somebody else held the lock for half a minute.
        """
        if self.kind.leased:  # its writers hold the owner's lock anyway
            yield
            return
        locks = self.folder.parent / "locks"
        with disk_faults():
            if not locks.is_dir():
                ensure_private_folder(locks)
        lock = PrivateLock(locks / f"folder_{self.folder.name}.lock")
        # Threads of one process queue up here, in their order; only processes poll.
        if not self._queue.acquire(timeout=_LOCK_SECONDS):
            raise OperatorFault("a folder stayed locked", code="locked")
        try:
            with disk_faults():
                try:
                    lock.acquire(timeout=_LOCK_SECONDS)
                except Timeout:
                    raise OperatorFault("a folder stayed locked", code="locked") from None
            try:
                yield
            finally:
                lock.release()
        finally:
            self._queue.release()

    def path(self, name: str) -> Path:
        """Where `name` is kept; the name is the program's own, never a user's."""
        return Path(self.file(name))

    def file(self, name: str) -> str:
        """Likewise, without the price of a `Path`."""
        if not _NAME.fullmatch(name):
            raise ValueError("not a name of a sealed document")
        return f"{self._root}/{name}{_ENDING}"

    def names(self, beginning: str = "") -> list[str]:
        """Every document's name that begins so, sorted."""
        with disk_faults():
            if not self.folder.is_dir():
                return []
            with os.scandir(self.folder) as entries:  # no Path for each of a hundred thousand
                names = [entry.name for entry in entries if entry.name.startswith(beginning)]
            stems = (name[: -len(_ENDING)] for name in names if name.endswith(_ENDING))
            return sorted(stem for stem in stems if _NAME.fullmatch(stem))

    def read_bytes(self, name: str) -> bytes | None:
        """The bytes as they are on disk; None: there is no such document."""
        found = self.read_stamped(name)
        return None if found is None else found[0]

    def read_stamped(self, name: str) -> tuple[bytes, os.stat_result] | None:
        """The bytes as they are on disk, and the status of the very file they came from."""
        return read_regular(self.file(name))

    def read(self, name: str) -> dict[str, Any] | None:
        """The document, decrypted; None: there is none.

        Raises:
            CorruptCredential: it is not one JSON object, or was tampered with.
            OperatorFault: it cannot be read, or its key is not configured.
        """
        data = self.read_bytes(name)
        return None if data is None else self.unseal(name, data)

    def unseal(self, name: str, data: bytes) -> dict[str, Any]:
        """The document that `data` is, found under `name`; raises as `read` does."""
        try:
            return self.sealer.open(self.kind, name, data)
        except CustodyError as fault:
            if fault.code in NOT_BELIEVED:
                self.sealer.refusals.note(self.kind, name, fault.code, partial(self.read, name))
            raise

    def seal(self, name: str, document: dict[str, Any], *, was_read: bool = False) -> bytes:
        """`document` as it shall be on disk.

        Args:
            was_read: what is in its place has just been read: without a key, so it is plaintext.

        Raises:
            OperatorFault: plaintext would take an encrypted document's place.
        """
        if not self.sealer.is_sealing and not was_read:
            present = self.read_bytes(name)
            if present is not None and is_encrypted(present):
                raise OperatorFault(
                    "would replace an encrypted file by plaintext: its key is not set",
                    code="key_missing",
                )
        return self.sealer.seal(self.kind, name, document)

    def write(self, name: str, document: dict[str, Any]) -> None:
        """Seal and save `document`."""
        with self.locked():
            write_atomically(self.path(name), self.seal(name, document))

    def write_sealed(self, name: str, data: bytes) -> None:
        """Save bytes that are sealed already."""
        with self.locked():
            write_atomically(self.path(name), data)

    def reseal(self, name: str, convert: Callable[[bytes], bytes | None]) -> Resealed:
        """Replace the bytes of one document by what `convert` makes of them, None: leave them.

        What has vanished stays so. Where the folder has no lock of its own, the caller holds that
        of the document's owner.

        Raises:
            CustodyError: what `convert` raises, or the disk's fault. The document is as it was.
        """
        with self.locked():
            data = self.read_bytes(name)
            if data is None:
                return "vanished"
            converted = convert(data)
            if converted is None:
                return "already"
            write_atomically(self.path(name), converted)
            return "changed"

    def delete(self, name: str) -> bool:
        """Remove the document; False where there was none."""
        with self.locked():
            return remove(self.path(name))
