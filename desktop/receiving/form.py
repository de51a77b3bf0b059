"""A form with files, read as it arrives: straight into the queue, and nowhere else.

What Starlette does with one leaves a second copy in the system's folder for temporary files.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Protocol

from python_multipart.multipart import MultipartParser, parse_options_header

_MOST_FILES: Final = 500
_LONGEST_BOUNDARY: Final = 70
"""RFC 2046, 5.1.1; python-multipart has a limit of its own, which raises."""
_LONGEST_FIELD: Final = 256
_LONGEST_HEADER: Final = 4096
_LONGEST_NAME: Final = 1000


class FormRefused(Exception):
    """It is no form with files, or has too much in it."""


class Taker(Protocol):
    """Takes files one after another."""

    def begin(self, department: str, name: str) -> None:
        """A file begins. Its name is whatever somebody has sent."""

    def take(self, piece: bytes) -> None:
        """What comes next in it."""

    def end(self) -> None:
        """It has ended."""


@dataclass
class _Part:
    headers: dict[bytes, bytes] = field(default_factory=dict)
    name: bytes = b""
    is_file: bool = False
    value: bytes = b""


class FormReader:
    """Reads one form; the department's field comes before its files, as it does on the page."""

    def __init__(self, content_type: str, taker: Taker) -> None:
        """
        Raises:
            FormRefused: it is of another type.
        """
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary", b"")
        if kind != b"multipart/form-data" or not 0 < len(boundary) <= _LONGEST_BOUNDARY:
            raise FormRefused
        self._taker = taker
        self._part = _Part()
        self._header, self._value = b"", b""
        self.department = ""
        """The slug that was chosen, once it has arrived."""
        self._files = 0
        self._is_whole = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begun,
                "on_part_data": self._data,
                "on_part_end": self._ended,
                "on_header_field": self._header_field,
                "on_header_value": self._header_value,
                "on_header_end": self._header_ended,
                "on_headers_finished": self._headers_ended,
                "on_end": self._whole,
            },
        )

    def feed(self, piece: bytes) -> None:
        """Hand on what has arrived; this blocks.

        Raises:
            FormRefused: it is no form, or has too much in it.
        """
        try:
            self._parser.write(piece)
        except (ValueError, UnicodeError) as error:  # python-multipart's are ValueErrors
            raise FormRefused from error

    def finish(self) -> None:
        """Nothing more will arrive.

        Raises:
            FormRefused: it broke off before its end.
        """
        if not self._is_whole:
            raise FormRefused

    def _whole(self) -> None:
        self._is_whole = True

    def _begun(self) -> None:
        self._part = _Part()

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]
        if len(self._header) > _LONGEST_HEADER:
            raise FormRefused

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]
        if len(self._value) > _LONGEST_HEADER:
            raise FormRefused

    def _header_ended(self) -> None:
        self._part.headers[self._header.lower()] = self._value
        self._header, self._value = b"", b""

    def _headers_ended(self) -> None:
        part = self._part
        _, options = parse_options_header(part.headers.get(b"content-disposition", b""))
        part.name = options.get(b"name", b"")
        if b"filename" not in options:
            return
        name = options[b"filename"].decode("utf-8", "replace")[:_LONGEST_NAME]
        part.is_file = part.name == b"files" and name != ""  # "": nothing was chosen
        if part.is_file:
            self._files += 1
            if self._files > _MOST_FILES:
                raise FormRefused
            self._taker.begin(self.department, name)

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._part.is_file:
            self._taker.take(data[start:end])
        elif self._part.name == b"department":
            self._part.value += data[start:end]
            if len(self._part.value) > _LONGEST_FIELD:
                raise FormRefused

    def _ended(self) -> None:
        if self._part.is_file:
            self._taker.end()
        elif self._part.name == b"department":
            self.department = self._part.value.decode("utf-8", "replace")
