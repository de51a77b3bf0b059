"""How much the running uploads may hold of what Drive has not yet acknowledged."""

from __future__ import annotations

import threading
from collections.abc import Iterator
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
        self._held: dict[Share, int] = {}
        self._lock = threading.Lock()

    @contextmanager
    def share(self) -> Iterator[Share]:
        """One upload's part, for as long as it runs."""
        share = Share(self)
        with self._lock:
            self._held[share] = 0
        try:
            yield share
        finally:
            with self._lock:
                del self._held[share]

    def grant(self, share: Share, wanted: int | None) -> int:
        """See `Share.next_chunk`."""
        with self._lock:
            # What an upload took while it was alone is not there for others until it is sent.
            free = self._total - sum(self._held.values()) + self._held[share]
            most = max(min(self._total // len(self._held), free) // BLOCK * BLOCK, BLOCK)
            granted = most if wanted is None else min(wanted, most)
            self._held[share] = granted
            return granted


class Share:
    """What one running upload may hold."""

    def __init__(self, budget: ChunkBudget) -> None:
        self._budget = budget

    def next_chunk(self, wanted: int | None) -> int:
        """Bytes the next chunk may have; what the last one held is given back.

        A multiple of BLOCK, and at least one, or `wanted` where no more than that is left.
        """
        return self._budget.grant(self, wanted)
