"""One resumable session with Drive: begin, send, ask how far it is, give up.

https://developers.google.com/workspace/drive/api/guides/manage-uploads#resumable. Google's own
client holds a chunk in memory before it sends it, or sends it in blocks of 8 KiB; here the pieces
of a body go out as they arrive, each as large as it comes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from googleapiclient.errors import HttpError
from googleapiclient.http import MediaUpload
from pydantic import SecretStr

from drive import Drive, DriveFile, translated
from security.errors import CustodyError, TransientFault

_DONE = (200, 201)
_INCOMPLETE = 308


class UploadSession:
    """Answers are either the finished file or how many bytes Drive has.

    Raises:
        HttpError: Drive refused; and whatever else `drive.translated` knows.
    """

    def __init__(self, drive: Drive, address: SecretStr) -> None:
        """
        Args:
            address: holds for a week, and serves whoever knows it.
        """
        self._drive = drive
        self.address = address

    @classmethod
    def begin(
        cls, drive: Drive, body: dict[str, Any], mime_type: str, total: int | None
    ) -> UploadSession:
        """Announce a file of `total` bytes (None: unknown) with this files resource."""
        request = drive.creation(body, _Announced(mime_type, total), size=total)
        headers = {**request.headers, "X-Upload-Content-Type": mime_type}
        if total is not None:
            headers["X-Upload-Content-Length"] = str(total)
        response, content = _request(drive, request.uri, "POST", headers, request.body)
        if response.status not in _DONE:
            raise HttpError(response, content)
        if "location" not in response:
            raise TransientFault("Drive gave no session", code="not_json")
        return cls(drive, SecretStr(response["location"]))

    def ask(self, total: int | None) -> DriveFile | int:
        """What has become of it."""
        return self._put(None, 0, f"bytes */{'*' if total is None else total}")

    def send(
        self, begin: int, length: int, total: int | None, pieces: Iterator[bytes]
    ) -> DriveFile | int:
        """Send `length` bytes from `begin` on; an exception out of `pieces` passes through."""
        if length == 0 and begin > 0:
            return self.ask(total)
        span = f"bytes {begin}-{begin + length - 1}/{'*' if total is None else total}"
        return self._put(_Body(pieces), length, span if length else None)

    def cancel(self) -> None:
        """Have Drive forget what it has, as far as it can be reached."""
        with suppress(CustodyError), translated():
            address = self.address.get_secret_value()
            _request(self._drive, address, "DELETE", {"Content-Length": "0"}, None)

    def _put(self, body: _Body | None, length: int, span: str | None) -> DriveFile | int:
        headers = {"Content-Length": str(length)}
        if span is not None:
            headers["Content-Range"] = span
        address = self.address.get_secret_value()
        response, content = _request(self._drive, address, "PUT", headers, body)
        if response.status == _INCOMPLETE:
            if "location" in response:
                self.address = SecretStr(response["location"])
            return int(response["range"].rpartition("-")[2]) + 1 if "range" in response else 0
        if response.status not in _DONE:
            raise HttpError(response, content)
        try:
            answer = json.loads(content)
        except ValueError:
            answer = None
        return DriveFile.from_answer(answer)


def _request(
    drive: Drive, address: str, method: str, headers: dict[str, str], body: _Body | str | None
) -> tuple[Any, bytes]:
    try:
        answer: tuple[Any, bytes] = drive.http.request(
            address, method=method, body=body, headers=headers
        )
    except BaseException:
        # Half a request is under way on this connection, or its answer: the next takes another.
        drive.http.close()
        raise
    return answer


class _Body:
    """Goes out once.

    httplib2 sends a request again by itself where a connection turns out to be closed, and
    google-auth after a 401. What has gone of the body would be missing then, and the server would
    wait for it: Drive is asked for its count instead.
    """

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces: Iterator[bytes] | None = pieces

    def __iter__(self) -> Iterator[bytes]:
        pieces, self._pieces = self._pieces, None
        if pieces is None:
            raise TransientFault("the connection ended before Drive answered")
        return pieces


class _Announced(MediaUpload):  # type: ignore[misc]
    """Tells Google's client of a file, for the request that begins a session."""

    def __init__(self, mime_type: str, total: int | None) -> None:
        self._mime_type = mime_type
        self._total = total

    def mimetype(self) -> str:
        return self._mime_type

    def size(self) -> int | None:
        return self._total

    def resumable(self) -> bool:
        return True
