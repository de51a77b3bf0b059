"""How this account's browser comes in, and nobody else's: other people of the machine reach the
port as well.

A file that the account alone may read leads to the page with a token, which a click spends. There
is always one that has not been spent: whoever starts the program again opens the file again. It
lies in the folder, and where browsers can be kept from that one, also where they can read it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import threading
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from html import escape, unescape
from pathlib import Path
from typing import Final

from desktop.keeping import files
from desktop.keeping.system import System

ENTER: Final = "/enter"
FILE: Final = "open.html"
_MOST_BROWSERS: Final = 20
_PAGE: Final = """<!doctype html>
<meta charset="utf-8">
<meta name="referrer" content="no-referrer">
<meta http-equiv="refresh" content="0; url={address}">
<title>Drivekeeper</title>
<p><a href="{address}">Drivekeeper</a></p>
"""


class Entering:
    """One for a start of the program."""

    def __init__(
        self, folder: Path, system: System, port: int, visible: Iterable[Path] = ()
    ) -> None:
        """
        Args:
            visible: where else the file may lie; it does in the first of these that takes it.

        Raises:
            OSError: the file cannot be written.
        """
        self.path = folder / FILE
        """The file."""
        self.shown = self.path
        """Where the browser is to find it."""
        self._visible = tuple(visible)
        self.cookie = f"drivekeeper-desktop-{port}"
        """Named after the port: all ports of this machine share their cookies."""
        self.at = f"/{secrets.token_urlsafe(16)}"
        """Below which the pages are. Browsers send the cookies of `localhost` to each of its ports,
        and so to any account's server; one that is for this path goes to who knows the path."""
        self._system = system
        self._origin = f"http://localhost:{port}"
        self._lock = threading.Lock()
        self._sessions: deque[bytes] = deque(maxlen=_MOST_BROWSERS)
        self._token = self._written = ""
        self._renew()
        self._write()

    @property
    def address(self) -> str:
        """Where the file leads, for whoever reads the terminal."""
        return f"{self._origin}{ENTER}?token={self._token}"

    def holds(self, token: str) -> bool:
        """Whether it can be spent."""
        return hmac.compare_digest(token.encode(), self._token.encode())

    def spend(self, token: str) -> str | None:
        """What the browser's cookie is to hold; None: the token is none, or was spent."""
        with self._lock:
            if not self.holds(token):
                return None
            self._renew()
            with suppress(OSError):  # a full disk: it is written as soon as there is room
                self._write()
            value = secrets.token_urlsafe(32)
            self._sessions.append(_digest(value))
            return value

    def is_in(self, value: str) -> bool:
        """Whether a cookie is one of this start's."""
        return _digest(value) in self._sessions

    def look(self) -> None:
        """Write the file if it lacks: downloads are cleared, and a disk can be full for a while."""
        if self._written == self._token and self.path.exists() and self.shown.exists():
            return
        with self._lock, suppress(OSError):
            self._write()

    def close(self) -> None:
        """Nobody can come in any more."""
        for path in (self.path, self.shown):
            path.unlink(missing_ok=True)

    def _renew(self) -> None:
        self._token = secrets.token_urlsafe(32)

    def _write(self) -> None:
        page = _PAGE.format(address=escape(self.address)).encode()
        files.write(self._system, self.path, page)
        self._written = self._token
        for path in self._visible:
            with suppress(OSError):
                files.write(self._system, path, page)
                self.shown = path
                return
        if self.shown != self.path:  # what is in it has been spent
            self.shown.unlink(missing_ok=True)
        self.shown = self.path


def address_in(path: Path) -> str | None:
    """Where such a file leads; None: it cannot be read, or is gone by now."""
    try:
        found = re.search('href="([^"]+)"', path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError):
        return None
    return unescape(found[1]) if found else None


def _digest(value: str) -> bytes:
    return hashlib.sha256(value.encode()).digest()
