"""What the head of an answer must say before its bytes are taken for those of a file.

Any 2xx may be something else: a page to sign in on, an error in JSON, a part nobody asked for.
The length is what tells them apart, and RFC 9110 says where it stands: Content-Length (8.6),
Content-Range (14.4). A 200 without a length is known by its end alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from security.errors import TransientFault

_SPAN: Final = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})", re.ASCII)
_LENGTH: Final = re.compile(r"\d{1,18}", re.ASCII)


class NotTheFile(TransientFault):
    """An answer that does not bring the bytes that were asked for: none of it counts."""


@dataclass(frozen=True, slots=True)
class Body:
    """What an answer brings, by its head. Offsets and sizes in bytes."""

    begin: int
    """Where in the file its first byte stands."""
    end: int | None
    """Where its last byte has to end; None: where a chunked body ends cleanly."""
    size: int | None
    """Of the whole file, as far as that is known now."""
    has_length: bool
    """Whether the answer says how long it is. If not, nothing of it counts before its end."""


def check_head(
    status: int,
    headers: Mapping[str, str],
    *,
    begin: int = 0,
    end: int | None = None,
    size: int | None,
    ranged: bool | None = None,
) -> Body:
    """What this answer brings of a file.

    Args:
        headers: by their names in lower case.
        begin: where the bytes that were asked for begin.
        end: where they end; None: with the file.
        size: of the whole file, as announced; None: not announced.
        ranged: whether the request had a Range; None: where it did not begin at the beginning.

    Raises:
        NotTheFile: anything but the whole file, or the part that was asked for.
    """
    # httplib2 takes the encoding off by itself, and keeps a note of it.
    for name in ("content-encoding", "-content-encoding"):
        if headers.get(name, "identity").strip().lower() not in ("", "identity"):
            raise NotTheFile("the answer is encoded")
    length = _length(headers)
    if status == 200:
        return _whole(headers, length, size)
    if status == 206 and (begin > 0 if ranged is None else ranged):
        return _part(headers, length, begin, end, size)
    raise NotTheFile(f"answered {status}")


def _whole(headers: Mapping[str, str], length: int | None, size: int | None) -> Body:
    coding = headers.get("transfer-encoding", "").strip().lower()
    if length is None and size is None and coding != "chunked":
        raise NotTheFile("nothing says how long the file is")
    if None not in (length, size) and length != size:
        raise NotTheFile("as long as another file")
    known = length if size is None else size
    return Body(0, known, known, length is not None)


def _part(
    headers: Mapping[str, str], length: int | None, begin: int, end: int | None, size: int | None
) -> Body:
    span = _SPAN.fullmatch(headers.get("content-range", "").strip())
    kind = headers.get("content-type", "").strip().lower()
    if span is None or kind.startswith("multipart/"):  # several parts in one body: RFC 9110, 14.6
        raise NotTheFile("a part of nobody knows what")
    first, last, total = map(int, span.groups())
    stop = last + 1
    if first != begin or not begin < stop <= (total if end is None else min(end, total)):
        raise NotTheFile("another part")
    if size is not None and total != size:
        raise NotTheFile("a part of another file")
    if length is not None and length != stop - first:
        raise NotTheFile("as long as another part")
    return Body(first, stop, total, length is not None)


def _length(headers: Mapping[str, str]) -> int | None:
    said = headers.get("content-length")
    # RFC 9112, 6.3: beside a Transfer-Encoding it means nothing.
    if said is None or "transfer-encoding" in headers:
        return None
    if not _LENGTH.fullmatch(said.strip()):
        raise NotTheFile("a length that is none")
    return int(said)
