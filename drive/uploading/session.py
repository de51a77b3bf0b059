"""One resumable session with Drive: begin, send, ask how far it is, give up.

https://developers.google.com/workspace/drive/api/guides/manage-uploads#resumable. Google's own
client holds a chunk in memory before it sends it, or sends it in blocks of 8 KiB; here the pieces
of a body go out as they arrive, each as large as it comes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

from pydantic import SecretStr

from drive import Drive, DriveFile, error_of_answer, unreadable_answer
from drive.calls import object_of
from security.errors import CustodyError, TransientFault

_DONE = (200, 201)
_INCOMPLETE = 308
_LOST: Final = frozenset({404, 410, 499})  # the last to who still sends while another cancels it
_CANCELLED: Final = frozenset({200, 204})
# A chunk at a wrong offset: Drive's own count settles it. Asked for that, it has lost the session.
_ASK_AGAIN: Final = frozenset({400, 412, 416})
_RANGE: Final = re.compile(r"bytes=0-([0-9]{1,18})", re.ASCII)


class SessionLost(TransientFault):
    """Drive does not know the session any more: there is the whole file, or nothing."""


class UploadSession:
    """Answers are either the finished file or how many bytes Drive has.

    Raises:
        SessionLost: Drive has ended it.
        CustodyError: in all its kinds.
    """

    def __init__(self, drive: Drive, address: SecretStr) -> None:
        """
        Args:
            address: holds for a week, and serves whoever knows it.
        """
        self._drive = drive
        self.address = address

    @classmethod
    def resumed(cls, drive: Drive, address: SecretStr | None) -> UploadSession | None:
        """The session that an earlier run has begun at this address.

        None: there is none; one of another GOOGLE_API_ENDPOINT, as it was set then, is none here.
        """
        if address is None or not drive.api.owns(address.get_secret_value()):
            return None
        return cls(drive, address)

    @classmethod
    def begin(
        cls, drive: Drive, body: dict[str, Any], mime_type: str, total: int | None
    ) -> UploadSession:
        """Announce a file of `total` bytes (None: unknown) with this files resource."""
        return cls(drive, drive.begin_upload(body, mime_type, total))

    def ask(self, total: int | None) -> DriveFile | int | None:
        """What has become of it. None: Drive has the whole, but does not say what it is."""
        return self._put(None, 0, f"bytes */{'*' if total is None else total}")

    def send(
        self, begin: int, length: int, total: int | None, pieces: Iterator[bytes]
    ) -> DriveFile | int | None:
        """Send `length` bytes from `begin` on; an exception out of `pieces` passes through."""
        if length == 0 and begin > 0:
            return self.ask(total)
        span = f"bytes {begin}-{begin + length - 1}/{'*' if total is None else total}"
        return self._put(_Body(pieces), length, span if length else None)

    def cancel(self) -> bool:
        """Have Drive forget what it has; whether it has, as far as it can be reached."""
        with suppress(CustodyError):
            address = self.address.get_secret_value()
            head, _ = self._drive.send(
                "upload.cancel", address, "DELETE", {"Content-Length": "0"}, None
            )
            return head.status in _CANCELLED or head.status in _LOST
        return False

    def _put(self, body: _Body | None, length: int, span: str | None) -> DriveFile | int | None:
        headers = {"Content-Length": str(length)}
        if span is not None:
            headers["Content-Range"] = span
        address = self.address.get_secret_value()
        step = "upload.ask" if body is None else "upload.send"
        head, content = self._drive.send(step, address, "PUT", headers, body)
        if head.status == _INCOMPLETE:
            if "location" in head:
                self.address = self._drive.session_address(head)
            return _received(head)
        if head.status in _LOST or (body is None and head.status in _ASK_AGAIN):
            raise SessionLost("the session was lost")
        if head.status in _ASK_AGAIN:
            raise TransientFault("Drive's count differs")
        if head.status not in _DONE:
            raise error_of_answer(head.status, head, content)
        # What is none is perhaps somebody else's page: Drive is asked how far it is.
        answer = object_of(content)
        try:
            return DriveFile.from_answer(answer)
        except TransientFault:
            return None


def _received(head: Mapping[str, Any]) -> int:
    """How many bytes Drive has, by its `Range`; none at all without one.

    Raises:
        TransientFault: it says something else. Nothing follows from that but to ask again.
    """
    if "range" not in head:
        return 0
    told = _RANGE.fullmatch(str(head["range"]).strip())
    if told is None:
        raise unreadable_answer()
    return int(told[1]) + 1


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
