"""Whose update is handled next: people take turns, and each person's updates go in their order.

What waits is on disk. Here are a few numbers of each: who sent it, and where it stands.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from telegram import Update

AT_ONCE: Final = 256
"""So many people's updates are handled at the same time, one of each."""
_FILES: Final = frozenset(
    {
        *("document", "photo", "live_photo", "video", "audio", "voice", "video_note"),
        *("animation", "sticker"),
    }
)
"""https://core.telegram.org/bots/api#message: what of it brings a file."""


class QueuedUpdate(NamedTuple):
    """What is known of an update while it waits."""

    number: int
    person: int
    """The sender's Telegram id; 0: nobody's."""
    is_file: bool
    message: int
    """The number of the message, and of the one it replies to; 0: none."""
    replies_to: int

    @classmethod
    def of(cls, number: int, document: Any) -> QueuedUpdate:
        """Of an update as Telegram sends it; whatever is odd in it counts as missing."""
        contents = [_object(document, kind) for kind in Update.ALL_TYPES]
        content = next(filter(None, contents), {})
        return cls(
            number,
            _whole(_object(content, "from"), "id"),
            "text" not in content and not _FILES.isdisjoint(content),
            _whole(content, "message_id"),
            _whole(_object(content, "reply_to_message"), "message_id"),
        )


def _object(document: Any, name: str) -> dict[str, Any]:
    found = document.get(name) if isinstance(document, dict) else None
    return found if isinstance(found, dict) else {}


def _whole(document: dict[str, Any], name: str) -> int:
    found = document.get(name)
    return found if isinstance(found, int) else 0


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
        """Whether this person's files have to wait, until somebody calls `release_held`."""
        self._held: set[int] = set()
        """People whose turn has come, and whose files have to wait."""
        self._queues: dict[int, _PersonQueue] = {}
        self._turns: deque[int] = deque()
        """People with something that waits, and nothing that is being handled."""
        self._out: dict[int, int] = {}
        """The numbers that are being handled, and whose they are."""
        self._yielding: set[int] = set()

    def add(self, queued: QueuedUpdate) -> None:
        """Put it at the end of its sender's queue."""
        queue = self._queues.setdefault(queued.person, _PersonQueue())
        queue.add(queued)
        if queued.person in self._held and queue.texts:
            self._held.discard(queued.person)
            self._turns.append(queued.person)
        elif not queue.is_out and len(queue) == 1:
            self._turns.append(queued.person)

    def take(self) -> QueuedUpdate | None:
        """The update whose turn it is, which is out from now on; None: there is none just now."""
        while self._turns and len(self._out) - len(self._yielding) < self._at_once:
            person = self._turns.popleft()
            queue = self._queues[person]
            if not queue.texts and self.is_full(person):
                self._held.add(person)
                continue
            queued = queue.take()
            self._out[queued.number] = person
            return queued
        return None

    def release_held(self) -> None:
        """Somebody's files may no longer have to wait."""
        self._turns.extend(self._held)
        self._held.clear()

    def drop_files(self, person: int, before: int) -> list[int]:
        """Take this person's files out that came before this update; their numbers."""
        queue = self._queues.get(person, _PersonQueue())
        dropped = [queued for queued in queue.files if queued.is_file and queued.number < before]
        for queued in dropped:
            queue.files.remove(queued)
        if not len(queue) and not queue.is_out and self._queues.pop(person, None) is not None:
            self._held.discard(person)
            if person in self._turns:
                self._turns.remove(person)
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
            self._turns.append(person)
        else:
            del self._queues[person]

    def count(self, person: int) -> tuple[int, int]:
        """How many of this person's are unhandled, and how many of these are texts that wait."""
        queue = self._queues.get(person)
        # Compared with None: a queue is false where nothing waits in it, though one may be out.
        return (0, 0) if queue is None else (len(queue) + queue.is_out, len(queue.texts))
