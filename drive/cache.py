"""What one account's Drive has told lately: not asking it again saves a small file requests."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from drive.errors import unreadable_answer
from drive.resources import About

IDS_AT_ONCE: Final = 20
"""Unused identifiers cost nothing: files.generateIds only draws them, up to 1000 a request."""
_REMEMBERED: Final = 200
_FOLDER_SECONDS: Final = 600
_ABOUT_SECONDS: Final = 60


class DriveCache:
    """Unused identifiers, folders and space of one account. Any thread may use it."""

    def __init__(self) -> None:
        self.making = threading.Lock()
        """Held from looking for a folder to having made it: two uploads want one between them."""
        self._ids: deque[str] = deque()
        self._given: deque[str] = deque(maxlen=_REMEMBERED)
        self._folders: dict[tuple[str, str], tuple[float, str]] = {}
        self._about: tuple[float, About] | None = None

    @property
    def about(self) -> About | None:
        """The account and its space as they were told within the last minute."""
        seen = self._about
        return seen[1] if seen and time.monotonic() - seen[0] < _ABOUT_SECONDS else None

    def note_about(self, about: About) -> None:
        """Remember the account and its space, told just now."""
        self._about = (time.monotonic(), about)

    def take_id(self, fetch: Callable[[int], list[str]]) -> str:
        """An identifier that was never given out before; `fetch` asks Drive for so many more.

        Raises:
            TransientFault: Drive gives those it has given before.
        """
        while True:
            with suppress(IndexError):
                return self._ids.popleft()
            drawn = fetch(IDS_AT_ONCE)
            if not (new := [file_id for file_id in drawn if file_id not in self._given]):
                # A cache on the way: a second file of an identifier would replace the first.
                raise unreadable_answer()
            self._given.extend(new)
            self._ids.extend(new)

    def folder(self, parent_id: str, name: str) -> str | None:
        """The identifier of a folder seen or made within the last ten minutes."""
        since, folder_id = self._folders.get((parent_id, name), (0.0, ""))
        recent = time.monotonic() - since < _FOLDER_SECONDS
        return folder_id if folder_id and recent else None

    def note_folder(self, parent_id: str, name: str, folder_id: str) -> None:
        """Remember a folder that was seen or made just now."""
        self._folders[parent_id, name] = (time.monotonic(), folder_id)
