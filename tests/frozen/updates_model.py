"""What must be true of updates, whatever is inside: a plain set of numbers, and whose each is."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import Final, Literal, NamedTuple

DAY: Final = 24 * 3600
WEEK: Final = 7 * DAY
STARTS: Final = 3
"""So many runs may end in the midst of one update; then it is set aside for a day."""
EACH, TEXTS_BESIDE = 3, 2
TOTAL, TOTAL_FOR_TEXTS = 5000, 1500
STRANGER: Final = 666
Kind = Literal["text", "file", "empty"]


class Sent(NamedTuple):
    """An update, whenever it comes."""

    person: int
    kind: Kind


@dataclass
class Ledger:
    """Numbers alone."""

    handled: dict[int, float] = field(default_factory=dict)
    """And when."""
    begun: dict[int, int] = field(default_factory=dict)
    """How many runs have begun one that an earlier run had left."""
    aside: dict[int, float] = field(default_factory=dict)
    """And since when."""

    def copy(self) -> Ledger:
        return replace(
            self, handled=dict(self.handled), begun=dict(self.begun), aside=dict(self.aside)
        )


@dataclass
class Line:
    """What waits of one person: texts go before files, each sort in its order."""

    texts: list[int] = field(default_factory=list)
    files: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.texts) + len(self.files)

    def discard(self, number: int) -> None:
        for numbers in (self.texts, self.files):
            if number in numbers:
                numbers.remove(number)


class Model:
    """One installation. What a run knows is reset by `begin`; what is on disk is in two ledgers."""

    def __init__(self) -> None:
        self.sent: dict[int, Sent] = {}
        self.memory = Ledger()
        """What the run knows: on disk is no more than this,"""
        self.sure = Ledger()
        """and no less than this."""
        self.documents: set[int] = set()
        """What was on disk at the end of the last step."""
        self.damaged: set[int] = set()
        self.begin()

    def begin(self) -> None:
        """A run begins."""
        self.owed: dict[int, int] = {}
        """Taken and not handled, and how many bytes each takes."""
        self.lines: defaultdict[int, Line] = defaultdict(Line)
        self.out: dict[int, int] = {}
        """Whose update is being handled, and which."""
        self.running: set[int] = set()
        self.alone: set[int] = set()
        """Out, but one after another: they were begun by a run that did not end in order."""
        self.left: set[int] = set()
        """By an earlier run."""
        self.begun_now: set[int] = set()
        """Of these, what would count as begun if the run did not end in order."""
        self.most_begun = dict(self.memory.begun)
        """How often each has been begun, also where it has ended since."""
        self.overflowing: set[int] = set()
        self.told: list[int] = []

    def is_known(self, number: int, now: float) -> bool:
        """Whether it must not be taken again."""
        handled = self.memory.handled.get(number)
        is_handled = handled is not None and now - handled < DAY
        return number in self.owed or number in self.memory.aside or is_handled

    def is_new(self, number: int, now: float) -> bool:
        """Whether it must be taken: after a week of silence Telegram begins anywhere."""
        latest = max(self.memory.handled.values(), default=-WEEK)
        return number not in self.memory.handled or now - latest >= WEEK

    def count(self, person: int) -> int:
        """How many of this person's are unhandled, as far as this run goes."""
        return len(self.lines[person]) + (person in self.out)

    def may_refuse(self, number: int) -> bool:
        """Whether there may be no room for it."""
        person, kind = self.sent[number]
        count, total = self.count(person), sum(self.owed.values())
        if count == 0 and total <= TOTAL // 2:
            self.overflowing.discard(person)
        if kind == "file":
            most = TOTAL - TOTAL_FOR_TEXTS
            return person in self.overflowing or count >= EACH or total >= most
        return (count >= EACH and len(self.lines[person].texts) >= TEXTS_BESIDE) or total >= TOTAL

    def refuse(self, number: int, now: float) -> None:
        """Acknowledged, and never to be handled."""
        self.memory.handled[number] = now
        person = self.sent[number].person
        if person not in self.overflowing:
            self.told.append(number)
        self.overflowing.add(person)

    def keep(self, number: int, size: int) -> None:
        """It is on disk, and waits."""
        self.memory.handled.pop(number, None)
        self.owed[number] = size
        person, kind = self.sent[number]
        line = self.lines[person]
        (line.files if kind == "file" else line.texts).append(number)

    def next_of(self, person: int, held: set[int]) -> int | None:
        """What of this person's is to be handed out now; `held`: whose files have to wait."""
        line = self.lines[person]
        if person in self.out or not len(line):
            return None
        if line.texts:
            return line.texts[0]
        return None if person in held else line.files[0]

    def take(self, number: int) -> None:
        """It is handed out, and begins at once unless it goes alone."""
        person = self.sent[number].person
        self.lines[person].discard(number)
        self.out[person] = number
        if self.memory.begun.get(number):
            self.alone.add(number)
        else:
            self.run(number)

    def run(self, number: int) -> None:
        """Its handlers begin."""
        self.running.add(number)
        if number in self.left:
            self.memory.begun[number] = self.memory.begun.get(number, 0) + 1
            self.most_begun[number] = self.memory.begun[number]
            self.begun_now.add(number)

    def leave(self, number: int) -> None:
        """Its handlers have ended, one way or another."""
        del self.out[self.sent[number].person]
        self.running.discard(number)
        self.alone.discard(number)

    def end(self, number: int, now: float) -> None:
        """It need not be handled any more."""
        was_kept = self.owed.pop(number, None) is not None
        if was_kept:  # of who is refused nothing is, and the same one may have come once more
            self.lines[self.sent[number].person].discard(number)
        was_aside = self.memory.aside.pop(number, None) is not None
        if was_kept or was_aside:
            self.memory.handled[number] = now
            for ledger in (self.memory, self.sure):
                ledger.begun.pop(number, None)
            self.sure.aside.pop(number, None)
        self.begun_now.discard(number)

    def lose(self, number: int) -> None:
        """Its document was damaged: it is as if it had never come."""
        self.lines[self.sent[number].person].discard(number)
        self.owed.pop(number, None)
        self.left.discard(number)
        self.documents.discard(number)

    def lapse(self, now: float) -> None:
        """What was set aside is kept for a day."""
        for number, since in list(self.memory.aside.items()):
            if now - since > DAY:
                self.end(number, now)
