"""Telegram's updates that have arrived and are not handled yet, written down.

One document an update: what somebody wrote is kept no longer than until it is handled. One more,
the ledger, holds numbers alone: which updates were handled lately, so that Telegram may send them
again, and how often handling one has been begun.
https://core.telegram.org/bots/api#getting-updates
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import structlog
from pydantic import BaseModel, Field, RootModel, ValidationError

from bot.kinds import UPDATES
from bot.updates.queued_update import Needs, QueuedUpdate
from security.errors import CorruptCredential, CustodyError, OperatorFault
from security.storage.documents import Documents
from security.storage.each import only, portions
from security.storage.protocol import (
    DocumentStore,
    Drop,
    Found,
    Key,
    Put,
    Step,
    Stored,
    Unit,
)

_LEDGER: Final = "ledger"
_READ_AT_ONCE: Final = 100
_RESENT_SECONDS: Final = 24 * 3600
"""Telegram keeps an update, and sends it again where it must, for no longer than this."""
Run = tuple[int, int, float]
"""The first and the last number of some that follow each other, and when the run last grew (Unix
seconds)."""
_log = structlog.get_logger()


Arrived = tuple[int, dict[str, Any]]
"""The number of an update, and the update as Telegram sends it."""


class Written(NamedTuple):
    """What became of one change of the journal."""

    sizes: list[int | Exception]
    """Of each update that has arrived, its bytes on disk, or why it is not there."""
    fault: Exception | None
    """Why the ledger is not there."""


class HandledIds(RootModel[list[Run]]):
    """Numbers of updates handled within a day, as runs of neighbours: Telegram counts upwards.

    A run is forgotten once nothing was added to it for a day. After a week of silence Telegram
    begins to count somewhere else. The runs are few, so they are looked through one by one.
    """

    root: list[Run] = []
    """In the order of their numbers."""

    def __contains__(self, number: int) -> bool:
        return any(first <= number <= last for first, last, _ in self.root)

    def add(self, number: int, now: float) -> None:
        """This one was handled just now."""
        joined = [run for run in self.root if run[0] - 1 <= number <= run[1] + 1]
        ends = [number, *(end for first, last, _ in joined for end in (first, last))]
        others = [run for run in self.root if run not in joined]
        self.root = sorted([*others, (min(ends), max(ends), now)])

    def forget_old(self, now: float) -> None:
        """Drop what Telegram no longer sends."""
        self.root = [run for run in self.root if now - run[2] < _RESENT_SECONDS]


class Ledger(BaseModel):
    """Numbers alone: what is known of updates beside the documents of those that wait."""

    bot: int
    """Whose updates they are: Telegram counts each bot's apart."""
    handled: HandledIds = Field(default_factory=HandledIds)
    begun: dict[int, int] = {}
    """How many starts have begun to handle an update that was left by the run before."""
    aside: dict[int, float] = {}
    """Updates that are not tried again, and since when (Unix seconds)."""

    def knows(self, number: int, now: float) -> bool:
        """Whether an update was handled within a day, or is not tried again."""
        self.handled.forget_old(now)  # after a week of silence Telegram counts anew
        return number in self.aside or number in self.handled

    def end(self, number: int, now: float) -> None:
        """An update is not to be handled any more."""
        self.handled.add(number, now)
        self.begun.pop(number, None)
        self.aside.pop(number, None)

    def keep_only(self, there: Collection[int]) -> None:
        """Forget how often others were begun, and that they were set aside."""
        self.begun = {number: times for number, times in self.begun.items() if number in there}
        self.aside = {number: since for number, since in self.aside.items() if number in there}


class UpdateJournal:
    """The documents of one bot. Every method blocks on the disk."""

    def __init__(self, storage: DocumentStore, bot_id: int) -> None:
        """
        Args:
            bot_id: Telegram counts each bot's updates apart.
        """
        self._documents = Documents(storage, UPDATES)
        self._bot_id = bot_id

    def load(
        self,
        needs: Callable[[dict[str, Any]], Needs | None] = lambda _: Needs.NOTHING,
    ) -> tuple[Ledger, list[QueuedUpdate]]:
        """What an earlier run has left: the ledger, and the updates in Telegram's order.

        Damaged documents are removed.

        Args:
            needs: what handling an update takes; None: it is none, and is removed.

        Raises:
            OperatorFault: the disk failed.
        """
        ledger, left = self._ledger(), []
        names = [name for name in self._documents.names() if name.isdecimal()]
        if ledger.bot != self._bot_id:
            # The token is another bot's by now: it cannot answer what was written to this one.
            self._forget(names)
            ledger = Ledger(bot=self._bot_id)
            self.settle(ledger.model_dump(mode="json"), ())
        ledger.handled.forget_old(time.time())
        forgotten = [name for name in names if int(name) in ledger.handled]
        for number, stored in self._found(sorted(set(map(int, names)) - set(map(int, forgotten)))):
            if (document := self._opened(str(number), stored)) is None:
                continue
            if (needed := needs(document)) is None:
                forgotten.append(str(number))
            else:
                size = len(stored.raw) if isinstance(stored, Stored) else 0
                left.append(QueuedUpdate.of(number, document, size, needed))
        self._forget(forgotten)
        return ledger, left

    def is_anothers(self) -> bool:
        """Whether what is written down is another bot's, which would be forgotten.

        Raises:
            OperatorFault: the storage does not say.
        """
        return self._ledger().bot != self._bot_id

    def write(self, number: int, update: dict[str, Any]) -> int:
        """Write an update down: afterwards it survives a power cut. Returns its bytes on disk."""
        return only(self.change([(number, update)]).sizes)

    def read(self, number: int) -> dict[str, Any] | None:
        """The update; None where there is none, or it cannot be read.

        Raises:
            OperatorFault: the disk failed.
        """
        [(_, found)] = self._found([number])
        if isinstance(found, OperatorFault):
            raise found
        return self._opened(str(number), found)

    def read_all(self, numbers: Iterable[int]) -> list[dict[str, Any] | None]:
        """Those updates; None for each that cannot be read, for whatever reason."""
        return [self._opened(str(number), found) for number, found in self._found([*numbers])]

    def change(
        self,
        arrived: Sequence[Arrived],
        ledger: dict[str, Any] | None = None,
        ended: Iterable[int] = (),
    ) -> Written:
        """Write updates down; and the ledger, then forget the updates that have ended.

        In this order: after a kill in between the ledger says that they were handled. All of it is
        one call of the storage.

        Args:
            ledger: its `model_dump`; None: it is as it was, and nothing has ended.
        """
        units = [Unit([Put(self._key(number), update)]) for number, update in arrived]
        if ledger is not None:
            steps: list[Step] = [Put(self._key(_LEDGER), {**ledger, "bot": self._bot_id})]
            units.append(Unit([*steps, *(Drop(self._key(number)) for number in ended)]))
        try:
            outcomes = self._documents.storage.apply(units)
        except OperatorFault as fault:
            outcomes = [fault for _ in units]
        there = self._sizes([number for number, _ in arrived])
        sizes = [
            outcome if isinstance(outcome, Exception) else size
            for outcome, size in zip(outcomes, there, strict=False)
        ]
        settled = outcomes[-1] if ledger is not None else None
        return Written(sizes, settled if isinstance(settled, Exception) else None)

    def settle(self, ledger: dict[str, Any], ended: Iterable[int]) -> None:
        """Write the ledger down, then forget the updates that have ended. Raises what ended it."""
        if (fault := self.change([], ledger, ended).fault) is not None:
            raise fault

    def probe(self) -> None:
        """Raise OperatorFault where nothing can be written down just now."""
        self._documents.storage.check_writable(self._documents.kind)

    def _forget(self, names: Iterable[str]) -> None:
        units = [Unit([Drop(self._key(name))]) for name in names]
        for outcome in self._documents.storage.apply(units) if units else ():
            only([outcome])

    def _found(self, numbers: Sequence[int]) -> Iterator[tuple[int, Found]]:
        """What there is of each; never very many of them in memory."""
        for some in portions(numbers, _READ_AT_ONCE):
            found = self._documents.storage.read([self._key(number) for number in some])
            yield from zip(some, found, strict=True)

    def _sizes(self, numbers: Sequence[int]) -> list[int]:
        """Bytes of each on disk; what cannot be looked at counts for nothing, and is kept."""
        return [len(f.raw) if isinstance(f, Stored) else 0 for _, f in self._found(numbers)]

    def _key(self, name: int | str) -> Key:
        return Key(self._documents.kind, str(name))

    def _opened(self, name: str, found: Found) -> dict[str, Any] | None:
        """The update; None where there is none. One that is damaged is removed."""
        try:
            if isinstance(found, Exception):
                raise found
            return None if found is None else found.open()
        except CorruptCredential as damage:
            _log.error("update_skipped", result=damage.code)
            self._documents.delete(name)
        except CustodyError as fault:  # its key may come back
            _log.error("update_skipped", result=fault.code)
        return None

    def _ledger(self) -> Ledger:
        """Raises OperatorFault where the storage is away: what is in there must not be lost."""
        try:
            found = only(self._documents.storage.read([self._key(_LEDGER)]))
            document = None if found is None else found.open()
            return Ledger.model_validate(document or {"bot": self._bot_id})
        except (CustodyError, ValidationError):
            self._documents.names()  # which raises where it is not this one document's fault
            return Ledger(bot=self._bot_id)  # what is handled twice is recognised by its job
