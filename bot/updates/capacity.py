"""How many unhandled updates are kept: nobody's flood fills the disk."""

from __future__ import annotations

from typing import Final, Literal

from bot.updates.fair_queue import FairQueue, QueuedUpdate

MOST_EACH: Final = 1000
"""Updates of one person."""
MOST_BYTES: Final = 64 * 1024 * 1024
"""Of everybody's, on disk."""
_BYTES_FOR_TEXTS: Final = 8 * 1024 * 1024
_TEXTS_BESIDE: Final = 50
"""Texts are taken of whoever has filled all of the above with files: /cancel, say."""
Overflow = Literal["too_many", "too_much"]
"""Results of `update_refused`: of this person's, or in all."""


class Capacity:
    """What is written down and unhandled, by number, and whether there is room for more."""

    def __init__(self, waiting: FairQueue) -> None:
        self._waiting = waiting
        self._sizes: dict[int, int] = {}
        self._bytes = 0
        self._overflowing: set[int] = set()
        """People of whom no more files are taken, until all they have sent is handled."""

    def __contains__(self, number: int) -> bool:
        return number in self._sizes

    def __len__(self) -> int:
        return len(self._sizes)

    def keep(self, number: int, size: int) -> None:
        """It has been written down, in so many bytes."""
        self._sizes[number] = size
        self._bytes += size

    def forget(self, number: int) -> None:
        """It no longer counts."""
        self._bytes -= self._sizes.pop(number, 0)

    def reason_to_refuse(self, queued: QueuedUpdate) -> Overflow | None:
        """Why there is no room for it."""
        count, texts = self._waiting.count(queued.person)
        if count == 0 and self._bytes <= MOST_BYTES // 2:
            self._overflowing.discard(queued.person)
        if queued.is_file and queued.person in self._overflowing:
            return "too_many"  # what is said to begin with one file must be so for the next
        if count >= MOST_EACH and (queued.is_file or texts >= _TEXTS_BESIDE):
            return "too_many"
        most = MOST_BYTES - (_BYTES_FOR_TEXTS if queued.is_file else 0)
        return "too_much" if self._bytes >= most else None

    def is_first_refused(self, queued: QueuedUpdate) -> bool:
        """Whether it is the first of this person's without room: to be told of, once."""
        if queued.person in self._overflowing:
            return False
        self._overflowing.add(queued.person)
        return True
