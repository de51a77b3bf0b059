"""Whose update is handled next: people take turns, and each person's updates go in their order.

What waits is on disk. Here are a few numbers of each: who sent it, and where it stands.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from bot.updates.queued_update import Needs, QueuedUpdate

AT_ONCE: Final = 256
"""So many updates that ask Google are handled at the same time, and so many that do not."""

_OUT_EACH: Final = 4
"""So many of one person's are handled at the same time where some turn out to ask Google."""


@dataclass(slots=True)
class _PersonQueue:
    """One person's updates, in three lines, each in its order.

    What asks Google is handled beside what does not: /help never waits for Google. Texts go before
    files: whoever has forwarded hundreds may still ask.
    """

    texts: deque[QueuedUpdate] = field(default_factory=deque)
    questions: deque[QueuedUpdate] = field(default_factory=deque)
    """What asks Google."""
    files: deque[QueuedUpdate] = field(default_factory=deque)
    out: dict[int, QueuedUpdate] = field(default_factory=dict)
    """What is being handled, by number: one at most that asks Google, and one that does not."""

    def __len__(self) -> int:
        return len(self.texts) + len(self.questions) + len(self.files)

    def add(self, queued: QueuedUpdate) -> None:
        # What answers a file that waits means that file: it comes after it. So does what asks
        # Google about one that is being taken in, beside which it would be handled.
        before = [*self.files, *self.out.values()] if _asks(queued) else self.files
        after_file = queued.replies_to and any(
            file.is_file and file.message == queued.replies_to for file in before
        )
        if queued.is_file or after_file:
            self.files.append(queued)
        else:
            (self.questions if _asks(queued) else self.texts).append(queued)

    def take(self, no_place: set[bool], is_full: Callable[[], bool]) -> QueuedUpdate | None:
        """The one whose turn it is; None: all that waits has to wait for something.

        Args:
            no_place: for what asks Google (True), or does not, there is no place just now.
            is_full: whether files have to wait just now.
        """
        busy = no_place | {_asks(queued) for queued in self.out.values()}
        if self.texts and False not in busy:
            line = self.texts
        elif self.questions and True not in busy and self._may_ask():
            line = self.questions
        elif self.files and _asks(self.files[0]) not in busy and self._may_go(is_full):
            line = self.files
        else:
            return None
        queued = line.popleft()
        self.out[queued.number] = queued
        return queued

    def _may_ask(self) -> bool:
        """Whether the first of the questions may be handled now.

        A file that is being taken in goes where it would have gone when it was sent.
        """
        decides = self.questions[0].needs is Needs.DECIDES
        return not (decides and any(other.is_file for other in self.out.values()))

    def _may_go(self, is_full: Callable[[], bool]) -> bool:
        """Whether the first of the files may be handled now, as far as what came before it goes."""
        first = self.files[0].number
        return not is_full() and not any(
            other.is_file or (other.needs is Needs.DECIDES and other.number < first)
            for other in (*self.out.values(), *self.questions)
        )


def _asks(queued: QueuedUpdate) -> bool:
    return queued.needs is not Needs.NOTHING


class FairQueue:
    """Everybody's updates that wait, by person. It is in memory alone, and never awaited."""

    def __init__(self, at_once: int = AT_ONCE) -> None:
        """
        Args:
            at_once: how many updates are handed out at the same time: so many that ask Google,
                and so many that do not, and never wait behind those.
        """
        self._at_once = at_once
        self.is_full: Callable[[int], bool] = lambda _: False
        """Whether this person's files have to wait just now."""
        self._queues: dict[int, _PersonQueue] = {}
        self._turns: dict[int, None] = {}
        """People with something that waits, in their order."""
        self._out: dict[int, int] = {}
        """The numbers that are being handled, and whose they are."""
        self._asking: set[int] = set()
        """Those of them that ask Google."""
        self._yielding: set[int] = set()

    def add(self, queued: QueuedUpdate) -> None:
        """Put it at the end of its line of its sender's."""
        self._queues.setdefault(queued.person, _PersonQueue()).add(queued)
        self._turns.setdefault(queued.person)

    def take(self) -> QueuedUpdate | None:
        """The update whose turn it is, which is out from now on; None: there is none just now."""
        asking = len(self._asking - self._yielding)
        others = len(self._out) - len(self._asking | self._yielding)
        places = {True: asking, False: others}
        no_place = {asks for asks, count in places.items() if count >= self._at_once}
        if len(no_place) == len(places):
            return None
        for person in self._turns:
            queue = self._queues[person]
            if (queued := queue.take(no_place, partial(self.is_full, person))) is not None:
                del self._turns[person]
                if len(queue):
                    self._turns[person] = None  # behind everybody else
                self._out[queued.number] = person
                if _asks(queued):
                    self._asking.add(queued.number)
                return queued
        return None

    def drop(self, person: int, before: int) -> list[int]:
        """Take out what of this person's waits, came before this update and is more than a text:
        files, and what asks Google. Returns their numbers.
        """
        queue = self._queues.get(person, _PersonQueue())
        dropped = [
            (line, queued)
            for line in (queue.files, queue.questions)
            for queued in line
            if (queued.is_file or _asks(queued)) and queued.number < before
        ]
        for line, queued in dropped:
            line.remove(queued)
        if not len(queue):
            self._turns.pop(person, None)
            if not queue.out:
                self._queues.pop(person, None)
        return [queued.number for _, queued in dropped]

    def ask_google(self, number: int, needs: Needs) -> bool:
        """It is out as one that needs no Google, and asks it after all; whether others may go on.

        That is so for a few of a person's at a time.
        """
        queue = self._queues.get(self._out.get(number, 0))
        queued = queue.out.get(number) if queue is not None else None
        if queue is None or queued is None or _asks(queued) or len(queue.out) >= _OUT_EACH:
            return False
        queued.needs = needs
        self._asking.add(number)
        return True

    def yield_place(self, number: int) -> None:
        """It is out, and waits for something: meanwhile it takes no place of `at_once`."""
        if number in self._out:
            self._yielding.add(number)

    def done(self, number: int) -> None:
        """It has been handled: its sender's next one may be taken."""
        self._yielding.discard(number)
        self._asking.discard(number)
        person = self._out.pop(number, None)
        if person is None:
            return
        queue = self._queues[person]
        del queue.out[number]
        if not len(queue) and not queue.out:
            del self._queues[person]

    def has_waiting(self, person: int) -> bool:
        """Whether anything of this person's waits, behind what is being handled or without it."""
        return bool(self._queues.get(person))

    def count(self, person: int) -> tuple[int, int]:
        """How many of this person's are unhandled, and how many of these wait and are no files."""
        queue = self._queues.get(person)
        # Compared with None: a queue is false where nothing waits in it, though one may be out.
        if queue is None:
            return 0, 0
        return len(queue) + len(queue.out), len(queue.texts) + len(queue.questions)
