"""Whose update is handled next: people take turns, and each person's updates go in their order.

What waits is on disk. Here are a few numbers of each: who sent it, and where it stands.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from bot.updates.queued_update import QueuedUpdate

AT_ONCE: Final = 256
"""So many people's updates are handled at the same time, one of each."""


@dataclass(slots=True)
class _PersonQueue:
    """One person's updates. Texts go before files: whoever has forwarded hundreds may still ask."""

    texts: deque[QueuedUpdate] = field(default_factory=deque)
    files: deque[QueuedUpdate] = field(default_factory=deque)
    is_out: bool = False
    """Whether one of them is being handled."""

    def __len__(self) -> int:
        return len(self.texts) + len(self.files)

    def add(self, queued: QueuedUpdate) -> None:
        # What answers a file that waits means that file: it comes after it.
        after_file = queued.replies_to and any(
            file.message == queued.replies_to for file in self.files
        )
        (self.files if queued.is_file or after_file else self.texts).append(queued)

    def take(self) -> QueuedUpdate:
        self.is_out = True
        return (self.texts or self.files).popleft()


class FairQueue:
    """Everybody's updates that wait, by person. It is in memory alone, and never awaited."""

    def __init__(self, at_once: int = AT_ONCE) -> None:
        """
        Args:
            at_once: how many people's updates are handed out at the same time.
        """
        self._at_once = at_once
        self.is_full: Callable[[int], bool] = lambda _: False
        """Whether this person's files have to wait just now."""
        self._queues: dict[int, _PersonQueue] = {}
        self._turns: dict[int, None] = {}
        """People with something that waits, and nothing that is being handled, in their order."""
        self._out: dict[int, int] = {}
        """The numbers that are being handled, and whose they are."""
        self._yielding: set[int] = set()

    def add(self, queued: QueuedUpdate) -> None:
        """Put it at the end of its sender's queue."""
        queue = self._queues.setdefault(queued.person, _PersonQueue())
        queue.add(queued)
        if not queue.is_out:
            self._turns.setdefault(queued.person)

    def take(self) -> QueuedUpdate | None:
        """The update whose turn it is, which is out from now on; None: there is none just now."""
        if len(self._out) - len(self._yielding) >= self._at_once:
            return None
        for person in self._turns:
            queue = self._queues[person]
            if queue.texts or not self.is_full(person):
                del self._turns[person]
                queued = queue.take()
                self._out[queued.number] = person
                return queued
        return None

    def drop_files(self, person: int, before: int) -> list[int]:
        """Take this person's files out that came before this update; their numbers."""
        queue = self._queues.get(person, _PersonQueue())
        dropped = [queued for queued in queue.files if queued.is_file and queued.number < before]
        for queued in dropped:
            queue.files.remove(queued)
        if not len(queue) and not queue.is_out:
            self._queues.pop(person, None)
            self._turns.pop(person, None)
        return [queued.number for queued in dropped]

    def yield_place(self, number: int) -> None:
        """It is out, and waits for something: meanwhile it takes no place of `at_once`."""
        if number in self._out:
            self._yielding.add(number)

    def done(self, number: int) -> None:
        """It has been handled: its sender's next one may be taken."""
        self._yielding.discard(number)
        person = self._out.pop(number, None)
        if person is None:
            return
        queue = self._queues[person]
        queue.is_out = False
        if len(queue):
            self._turns[person] = None
        else:
            del self._queues[person]

    def has_waiting(self, person: int) -> bool:
        """Whether anything of this person's waits, behind what is being handled or without it."""
        return bool(self._queues.get(person))

    def count(self, person: int) -> tuple[int, int]:
        """How many of this person's are unhandled, and how many of these are texts that wait."""
        queue = self._queues.get(person)
        # Compared with None: a queue is false where nothing waits in it, though one may be out.
        return (0, 0) if queue is None else (len(queue) + queue.is_out, len(queue.texts))
