"""The files of all accounts: metadata in memory, bytes on disk, never a whole file in memory."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from sandbox.google.model import DriveFile


def new_file_id() -> str:
    """Make up a file's id of 33 characters, like Google's."""
    return f"1{secrets.token_urlsafe(24)}"


class BlobWriter:
    """Writes one blob piece by piece and hashes it meanwhile."""

    def __init__(self, path: Path, *, keeps: bool = True):
        """
        Args:
            keeps: whether bytes are kept, not only counted and hashed (for benchmarks).
        """
        self.path = path
        self._keeps = keeps
        self.size = 0
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._file: BinaryIO | None = path.open("wb")

    def write(self, piece: bytes | bytearray | memoryview) -> None:
        """Append a piece."""
        if self._keeps:
            if self._file is None:
                self._file = self.path.open("ab")
            self._file.write(piece)
        self._md5.update(piece)
        self.size += len(piece)

    def pause(self) -> None:
        """Let go of the file descriptor until the next piece; a session may wait for a week."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def finish(self) -> str:
        """Close the blob; its md5 in hex."""
        self.pause()
        return self._md5.hexdigest()

    def discard(self) -> None:
        """Close and delete the blob."""
        self.pause()
        self.path.unlink(missing_ok=True)


class FileStore:
    """Files by id and by account."""

    def __init__(self, folder: Path, now: Callable[[], float], *, keeps_bytes: bool = True):
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._keeps_bytes = keeps_bytes
        self._now = now
        self._files: dict[str, DriveFile] = {}
        self._by_account: dict[str, dict[str, DriveFile]] = {}
        self._usage: dict[str, int] = {}
        self.generated: dict[str, str] = {}  # id → account it was generated for

    def timestamp(self) -> str:
        """Now, as Drive writes times (RFC 3339 with milliseconds)."""
        moment = datetime.fromtimestamp(self._now(), UTC)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def all(self) -> Iterable[DriveFile]:
        """Every file of everyone."""
        return self._files.values()

    def of(self, account: str) -> list[DriveFile]:
        """Every file of one account, oldest first."""
        return list(self._by_account.get(account, {}).values())

    def get(self, file_id: str) -> DriveFile | None:
        """The file of this id, whoever's it is."""
        return self._files.get(file_id)

    def usage(self, account: str) -> int:
        """Bytes of an account's files, those in the trash included, as Drive counts."""
        return self._usage.get(account, 0)

    def trash_usage(self, account: str) -> int:
        """Bytes of what is in the trash."""
        own = [file for file in self.of(account) if not file.drive_id]
        return sum(file.size or 0 for file in own if self.is_trashed(file))

    def add(self, file: DriveFile) -> None:
        """Take in a file."""
        self._files[file.id] = file
        self._by_account.setdefault(file.account, {})[file.id] = file
        self._count(file, file.size or 0)
        self.generated.pop(file.id, None)

    def remove(self, file: DriveFile) -> None:
        """Delete for good, and everything inside."""
        for child in self.children(file.account, file.id):
            self.remove(child)
        if self._files.pop(file.id, None) is None:
            return
        self._by_account[file.account].pop(file.id, None)
        self._count(file, -(file.size or 0))
        if file.blob is not None:
            (self._folder / file.blob).unlink(missing_ok=True)

    def place(self, file: DriveFile, parents: list[str], drive_id: str) -> None:
        """Put a file elsewhere, with all that is in it; ``drive_id``: into that shared drive."""
        file.parents = parents
        inside = [file]
        for one in inside:
            inside += self.children(one.account, one.id)
            self._count(one, -(one.size or 0))
            one.drive_id = drive_id
            self._count(one, one.size or 0)

    def _count(self, file: DriveFile, more: int) -> None:
        """A shared drive's space is nobody's own."""
        if not file.drive_id:
            self._usage[file.account] = self.usage(file.account) + more

    def children(self, account: str, parent: str) -> list[DriveFile]:
        """What lies directly in a folder."""
        return [file for file in self.of(account) if parent in file.parents]

    def with_folders(self, file: DriveFile) -> Iterator[DriveFile]:
        """A file, the folder it lies in, the one around that, and so on."""
        current: DriveFile | None = file
        for _depth in range(100):  # in case of a ring
            if current is None:
                return
            yield current
            current = self.get(current.parents[0]) if current.parents else None

    def is_trashed(self, file: DriveFile) -> bool:
        """Whether a file is in the trash by itself or with a folder it lies in."""
        return any(one.trashed for one in self.with_folders(file))

    def lies_within(self, file_id: str, folder_id: str) -> bool:
        """Whether a file is the folder or somewhere below it (so that no ring is made)."""
        file = self.get(file_id)
        return file is not None and any(one.id == folder_id for one in self.with_folders(file))

    # Bytes

    def new_blob(self) -> BlobWriter:
        """A blob to write; it belongs to no file until ``set_content``."""
        return BlobWriter(self._folder / secrets.token_hex(16), keeps=self._keeps_bytes)

    def set_content(self, file: DriveFile, blob: BlobWriter) -> None:
        """Give a file the bytes of a finished blob; the old ones go."""
        md5 = blob.finish()
        if file.blob is not None:
            (self._folder / file.blob).unlink(missing_ok=True)
        if file.id in self._files:
            self._count(file, blob.size - (file.size or 0))
        target = self._folder / blob.path.name
        if blob.path != target:
            blob.path.replace(target)
        file.blob, file.size, file.md5 = target.name, blob.size, md5

    def path(self, file: DriveFile) -> Path:
        """Where a file's bytes are."""
        assert file.blob is not None  # noqa: S101 - folders have no bytes; callers check
        return self._folder / file.blob

    def summary_of(self, file: DriveFile) -> dict[str, Any]:
        """The few facts that tests ask for."""
        return {
            "id": file.id,
            "name": file.name,
            "mimeType": file.mime_type,
            "size": file.size,
            "md5": file.md5,
            "parents": file.parents,
            "trashed": self.is_trashed(file),
            "appProperties": file.app_properties,
            "description": file.description,
            "shared": file.shared,
            "driveId": file.drive_id,
            "createdTime": file.created,
        }
