"""Content-Range in uploads: which bytes a chunk brings, and what is wrong with it.

RFC 9110 §14.4; https://developers.google.com/workspace/drive/api/guides/manage-uploads#resumable
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from aiohttp import web

from sandbox.google.errors import DriveRefusal
from sandbox.google.uploads.sessions import BLOCK, UploadSession

_RANGE = re.compile(r"bytes\s+(\d+)-(\d+)/(\d+|\*)$")
STATUS = re.compile(r"bytes\s*\*/(\d+|\*)$")


@dataclass(frozen=True)
class Span:
    """A parsed Content-Range: bytes from ``start`` up to, not including, ``end``."""

    start: int
    end: int
    total: int | None

    @property
    def last(self) -> bool:
        """Whether the upload is complete with it."""
        return self.total is not None and self.end == self.total


def read_span(header: str, request: web.Request, session: UploadSession) -> Span:
    """Where a chunk belongs; refuses a header at odds with itself or with the body."""
    length = request.content_length
    if not header:  # all of it at once
        total = length if length is not None else session.total
        if total is None:
            raise DriveRefusal(400, "badRequest", "Missing Content-Range header.")
        return Span(0, total, total)
    match = _RANGE.match(header)
    if match is None:
        raise DriveRefusal(400, "badRequest", "Failed to parse Content-Range header.")
    start, last = int(match.group(1)), int(match.group(2))
    total = None if match.group(3) == "*" else int(match.group(3))
    if last < start or (total is not None and last >= total):
        raise DriveRefusal(400, "badRequest", "Failed to parse Content-Range header.")
    if length is not None and length != last + 1 - start:
        raise DriveRefusal(
            400,
            "badRequest",
            f"Invalid request. There were {length} byte(s) in the request body. There should "
            f"have been {last + 1 - start} byte(s) (starting at offset {start} and ending at "
            f"offset {last}) according to the Content-Range header.",
        )
    return Span(start, last + 1, total)


def gap_text(offset: int, received: int) -> str:
    """What Google says of a chunk that leaves a gap (as plain text, with a 503)."""
    return (
        "Invalid request.  According to the Content-Range header, the upload offset is "
        f"{offset} byte(s), which exceeds already uploaded size of {received} byte(s)."
    )


def uneven_chunk(size: int) -> DriveRefusal:
    """Build the 400 for a chunk of an uneven size that is not the last."""
    return DriveRefusal(
        400,
        "badRequest",
        "Invalid request.  The number of bytes uploaded is required to be equal or greater than "
        f"{BLOCK}, except for the final request (it's recommended to be the exact multiple of "
        f"{BLOCK}).  The received request contained {size} bytes, which does not meet this "
        "requirement.",
    )
