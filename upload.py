"""One file into one Drive: resumable, streaming, verified.

Everything here blocks and runs in a thread. Bytes go on while they arrive; what Drive has not yet
acknowledged is kept in a window of one chunk. The identifier is prepared beforehand, so that no
retry makes a second file, and Drive's md5 is compared with that of the bytes that were read.
https://developers.google.com/workspace/drive/api/guides/manage-uploads#resumable
"""

from __future__ import annotations

import hashlib
import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from googleapiclient.errors import HttpError
from googleapiclient.http import MediaUpload

from drive import Drive, DriveFile, DriveRefused, translated
from security.errors import CustodyError, TransientFault

PAUSE_SECONDS: Final = 1.0
"""Before the second try; doubles with every further one, jittered."""
CHUNK: Final = 1024 * 1024
"""A multiple of 256 KiB, as Drive wants; memory is about four times that a running upload."""
_TRIES: Final = 6
_ATTEMPTS: Final = 3
_LONGEST_WAIT: Final = 60  # in first pauses, whatever a server asks for
_ID_TAKEN: Final = 409
_SESSION_LOST: Final = frozenset({404, 410})
# A chunk that the connection sent twice arrives at a wrong offset: Drive's own count settles it.
_ASK_AGAIN: Final = frozenset({400, 412, 416})


class SourceFailed(CustodyError):
    """The bytes could not be had from where they come from."""

    default_code = "source_failed"


class UploadCancelled(CustodyError):
    """The person, or the end of the program, stopped the upload."""

    default_code = "cancelled"


class _IdentifierSpent(DriveRefused):
    """A file of this identifier was deleted, or was somebody else's: Drive takes it no more."""


class Source(Protocol):
    """Where the bytes come from. It can be opened again, and then begins anew."""

    @property
    def size(self) -> int | None:
        """Bytes in all; None: unknown until the end."""
        ...

    def open(self) -> Iterator[bytes]:
        """The bytes from the beginning, in pieces; SourceFailed where they end early."""
        ...


@dataclass(frozen=True, slots=True)
class Target:
    """What the file shall be in Drive."""

    file_id: str
    """Prepared by `Drive.new_file_id`."""
    name: str
    mime_type: str
    folder_id: str

    def body(self) -> dict[str, Any]:
        """The files resource to create."""
        return {
            "id": self.file_id,
            "name": self.name,
            "mimeType": self.mime_type,
            "parents": [self.folder_id],
        }


class _Window(MediaUpload):  # type: ignore[misc]
    """Google's client reads through this: a chunk-sized window that slides over the source."""

    def __init__(self, source: Source, mime_type: str, cancelled: threading.Event) -> None:
        self._source = source
        self._mime_type = mime_type
        self._cancelled = cancelled
        self._hash = hashlib.md5(usedforsecurity=False)
        self._hashed = 0
        self._total = source.size
        self._next = 0
        self._rewind()

    def _rewind(self) -> None:
        self._pieces = self._source.open()
        self._start = 0
        self._kept = bytearray()

    @property
    def md5(self) -> str:
        """Of every byte read so far, each counted once."""
        return self._hash.hexdigest()

    @property
    def read(self) -> int:
        """How many bytes that is."""
        return self._hashed

    def chunksize(self) -> int:
        return CHUNK

    def mimetype(self) -> str:
        return self._mime_type

    def size(self) -> int | None:
        if self._total is None:
            # Google's client asks before each chunk, and cannot end an upload without the total
            # once a full chunk has turned out to be the last: look one chunk ahead.
            self._read_until(self._next + CHUNK + 1, keep_from=self._start)
        return self._total

    def resumable(self) -> bool:
        return True

    def has_stream(self) -> bool:
        return False

    def getbytes(self, begin: int, length: int) -> bytes:
        if begin < self._start:
            self._rewind()  # Drive lost bytes it had acknowledged: read the source once more
        self._next = begin + length
        # The last byte announced has to be the last one there is.
        self._read_until(self._next + (self._next == self._total), keep_from=begin)
        return bytes(self._kept[:length])

    def _read_until(self, end: int, *, keep_from: int) -> None:
        while (arrived := self._start + len(self._kept)) < end:
            if self._cancelled.is_set():
                raise UploadCancelled("cancelled")
            piece = next(self._pieces, None)
            if piece is None:
                if self._total is not None and arrived < self._total:
                    raise SourceFailed("fewer bytes than announced")
                self._total = arrived
                break
            arrived += len(piece)
            if self._total is not None and arrived > self._total:
                raise SourceFailed("more bytes than announced")
            if arrived > self._hashed:
                self._hash.update(piece[len(piece) - (arrived - self._hashed) :])
                self._hashed = arrived
            self._kept += piece
            self._drop(keep_from)
        self._drop(keep_from)

    def _drop(self, begin: int) -> None:
        if (surplus := min(begin - self._start, len(self._kept))) > 0:
            del self._kept[:surplus]
            self._start += surplus


def upload(
    drive: Drive,
    source: Source,
    target: Target,
    *,
    progress: Callable[[int], None],
    cancelled: threading.Event,
    pause_seconds: float | None = None,
    on_new_id: Callable[[str], None] = lambda _: None,
) -> DriveFile:
    """Put `source` into `drive` as `target`, exactly once.

    Args:
        progress: told the bytes Drive has acknowledged, from this thread.
        cancelled: set from elsewhere; looked at between pieces and chunks.
        pause_seconds: in the place of PAUSE_SECONDS.
        on_new_id: told the identifier that takes a spent one's place, before it is used.

    Raises:
        UploadCancelled: and nothing is left in Drive.
        SourceFailed, DriveRefused, TransientFault, ConsentRequired, OperatorFault: likewise,
            as far as Drive could still be reached.
    """
    pause = PAUSE_SECONDS if pause_seconds is None else pause_seconds
    refusal: DriveRefused
    for _ in range(_ATTEMPTS):
        window = _Window(source, target.mime_type, cancelled)
        try:
            found = _send(drive, window, target, progress, cancelled, pause)
            if found.md5 == window.md5 and found.size == window.read:
                return found
            drive.delete(target.file_id)
            refusal = DriveRefused("not what was sent has arrived", code="checksum_mismatch")
        except _IdentifierSpent as spent:
            refusal = spent
        except CustodyError:
            _discard(drive, target)
            raise
        target = replace(target, file_id=drive.new_file_id())
        on_new_id(target.file_id)
    raise refusal


def _send(
    drive: Drive,
    window: _Window,
    target: Target,
    progress: Callable[[int], None],
    cancelled: threading.Event,
    pause_seconds: float,
) -> DriveFile:
    request, failures, reached = drive.creation(target.body(), window), 0, 0
    while True:
        if cancelled.is_set():
            raise UploadCancelled("cancelled")
        try:
            with translated():
                try:
                    status, answer = request.next_chunk(http=drive.http)
                except HttpError as error:
                    # Without a session yet, 404 speaks of the folder: not for us to mend.
                    begun = request.resumable_uri is not None
                    status_code = error.resp.status
                    if status_code == _ID_TAKEN or (begun and status_code in _SESSION_LOST):
                        found = _look_up(drive, window, target)
                        if found is not None:
                            return found
                        request = drive.creation(target.body(), window)
                        raise TransientFault("the session was lost") from error
                    if not begun and "file.id" in str(error.error_details):
                        raise _IdentifierSpent("the identifier cannot be used") from error
                    if begun and status_code in _ASK_AGAIN:
                        raise TransientFault("Drive's count differs") from error
                    raise
                if answer is not None:
                    return DriveFile.from_answer(answer)
        except TransientFault as fault:
            failures += 1
            if failures >= _TRIES:
                raise
            jitter = random.uniform(0.75, 1.25)  # noqa: S311 - no secret
            wait = fault.retry_after or pause_seconds * 2 ** (failures - 1) * jitter
            if cancelled.wait(min(wait, pause_seconds * _LONGEST_WAIT)):
                raise UploadCancelled("cancelled") from fault
            continue
        if status.resumable_progress > reached:
            reached, failures = status.resumable_progress, 0
            progress(reached)


def _look_up(drive: Drive, window: _Window, target: Target) -> DriveFile | None:
    """The whole file, if it stands under the prepared identifier; anything else is removed."""
    found = drive.find(target.file_id)
    if found is None:
        return None
    # The whole source must have been read before its md5 means anything.
    while window.getbytes(window.read, CHUNK):
        pass
    if found.md5 == window.md5 and found.size == window.read:
        return found
    drive.delete(target.file_id)
    raise _IdentifierSpent("another file had the identifier")


def _discard(drive: Drive, target: Target) -> None:
    """After a failure nothing half done shall be found in Drive; it may be out of reach."""
    try:
        drive.delete(target.file_id)
    except CustodyError:
        return
