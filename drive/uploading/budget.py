"""How much the running uploads may hold of what Drive has not yet acknowledged."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

BLOCK: Final = 256 * 1024
"""Drive takes chunks in multiples of this, except for the last.
https://developers.google.com/workspace/drive/api/guides/manage-uploads#resumable"""
DEFAULT_TOTAL: Final = 32 * 1024 * 1024
"""One file of Telegram's cloud (up to 20 MB) fits in one chunk; many share it."""


class ChunkBudget:
    """Divides so many bytes among the uploads that run. Threads share it."""

    def __init__(self, total_bytes: int = DEFAULT_TOTAL) -> None:
        self._total = total_bytes
        self._held: dict[object, int] = {}
        self._lock = threading.Lock()

    @contextmanager
    def share(self) -> Iterator[Callable[[int | None], int]]:
        """One upload's part, for as long as it runs.

        It is asked how many bytes the next chunk may have, while so many are left (None: unknown),
        and the last chunk is given back with that. The answer is a multiple of BLOCK, and at least
        one, or what is left where that is less.
        """
        upload = object()

        def next_chunk(left: int | None) -> int:
            with self._lock:
                # What an upload took while it was alone is not there for others until it is sent.
                free = self._total - sum(self._held.values()) + self._held[upload]
                most = max(min(self._total // len(self._held), free) // BLOCK * BLOCK, BLOCK)
                self._held[upload] = most if left is None else min(left, most)
                return self._held[upload]

        with self._lock:
            self._held[upload] = 0
        try:
            yield next_chunk
        finally:
            with self._lock:
                del self._held[upload]
