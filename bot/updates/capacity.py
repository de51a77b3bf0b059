"""How many unhandled updates are kept: nobody's flood fills the disk."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

from bot.updates.fair_queue import FairQueue
from bot.updates.queued_update import QueuedUpdate

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
    """How much is written down and unhandled, and whether there is room for more."""

    def __init__(self, waiting: FairQueue) -> None:
        self._waiting = waiting
        self.bytes = 0
        """Of everybody's, written down and unhandled."""
        self._overflowing: set[int] = set()
        """People of whom no more files are taken, until all they have sent is handled."""

    def reason_to_refuse(
        self, queued: QueuedUpdate, arriving: Iterable[QueuedUpdate] = ()
    ) -> Overflow | None:
        """Why there is no room for it.

        Args:
            arriving: what is being written down just now.
        """
        count, texts = self._waiting.count(queued.person)
        same = [other for other in arriving if other.person == queued.person]
        count += len(same)
        texts += sum(not other.is_file for other in same)
        if count == 0 and self.bytes <= MOST_BYTES // 2:
            self._overflowing.discard(queued.person)
        if queued.is_file and queued.person in self._overflowing:
            return "too_many"  # what is said to begin with one file must be so for the next
        if count >= MOST_EACH and (queued.is_file or texts >= _TEXTS_BESIDE):
            return "too_many"
        most = MOST_BYTES - (_BYTES_FOR_TEXTS if queued.is_file else 0)
        return "too_much" if self.bytes >= most else None

    def is_first_refused(self, queued: QueuedUpdate) -> bool:
        """Whether it is the first of this person's without room: to be told of, once."""
        if queued.person in self._overflowing:
            return False
        self._overflowing.add(queued.person)
        return True
