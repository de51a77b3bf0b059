"""A file's bytes out of Drive, a piece at a time: memory stays flat whatever its size.

https://developers.google.com/workspace/drive/api/guides/manage-downloads
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from drive.calls import Calls
from drive.errors import DriveRefused
from drive.resources import DriveFile
from drive.response_head import NotTheFile, check_head
from security.errors import TransientFault

PIECE: Final = 2 * 1024 * 1024
"""Each piece is a request: large enough that round trips do not count, small enough to hold."""
_TRIES: Final = 3


@dataclass(frozen=True, slots=True, repr=False)
class DriveContent:
    """A file on its way out. `pieces` can be read once, in the thread that has the Drive."""

    name: str
    mime_type: str
    size: int
    pieces: Iterator[bytes]


class Contents(Calls):
    """Everything about files' bytes."""

    def content(self, file_id: str) -> DriveContent:
        """A file's name, size and bytes.

        What was read so far is worth nothing if `pieces` raises: TransientFault, where Drive failed
        or the file was changed meanwhile, or DriveRefused.

        Raises:
            DriveRefused: file_gone: it is not there; no_bytes: it is one of Google's own
                documents, or Drive does not say how large it is.
        """
        found = self.find(file_id)
        if found is None:
            raise DriveRefused("there is no such file", code="file_gone")
        if found.size is None:
            raise DriveRefused("it is none of bytes", code="no_bytes")
        return DriveContent(
            found.name, found.mime_type, found.size, self._pieces(found, found.size)
        )

    def piece(self, file_id: str, start: int, length: int, *, size: int | None = None) -> bytes:
        """The bytes from `start`; all of `length` have to be there.

        Args:
            size: of the whole file; None: not known.

        Raises:
            NotTheFile: something else was answered; the next try may have the bytes.
            DriveRefused: file_gone: it is not there; harmful_file: Google takes it for that;
                no_bytes: it is none of bytes, as Google's own documents are not.
        """
        span = f"bytes={start}-{start + length - 1}"
        # Of a compressed answer a range would be meaningless.
        headers = {"range": span, "accept-encoding": "identity"}
        head, answer = self._request("files.get_media", bytes, fileId=file_id, headers=headers)
        body = check_head(
            int(head.status), head, begin=start, end=start + length, size=size, ranged=True
        )
        part = answer[start - body.begin :][:length]
        if len(part) != length or body.end not in (None, body.begin + len(answer)):
            raise NotTheFile("fewer bytes than announced")
        return part

    def _pieces(self, file: DriveFile, size: int) -> Iterator[bytes]:
        md5 = hashlib.md5(usedforsecurity=False)
        for start in range(0, size, PIECE):
            piece = self._piece_in_tries(file, start, min(PIECE, size - start))
            md5.update(piece)
            yield piece
        if file.md5 and md5.hexdigest() != file.md5:
            raise TransientFault("not what Drive has has arrived", code="checksum_mismatch")

    def _piece_in_tries(self, file: DriveFile, start: int, length: int) -> bytes:
        for _ in range(_TRIES - 1):
            try:
                return self.piece(file.id, start, length, size=file.size)
            except TransientFault:
                # After 5xx it was tried again already, but not after half an answer.
                self.http.close()
        return self.piece(file.id, start, length, size=file.size)
