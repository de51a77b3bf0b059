"""Telegram's updates that have arrived and are not handled yet, written down.

One document an update: what somebody wrote is kept no longer than until it is handled. One more,
the ledger, holds numbers alone: which updates were handled lately, so that Telegram may send them
again, and how often handling one has been begun.
https://core.telegram.org/bots/api#getting-updates
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable
from typing import Any, Final

import structlog
from pydantic import BaseModel, Field, RootModel, ValidationError

from bot.kinds import UPDATES
from bot.updates.queued_update import Needs, QueuedUpdate
from security.errors import CorruptCredential, CustodyError, OperatorFault
from security.storage.documents import Documents
from security.storage.protocol import Storage

_LEDGER: Final = "ledger"
_RESENT_SECONDS: Final = 24 * 3600
"""Telegram keeps an update, and sends it again where it must, for no longer than this."""
Run = tuple[int, int, float]
"""The first and the last number of some that follow each other, and when the run last grew (Unix
seconds)."""
_log = structlog.get_logger()


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

    def __init__(self, storage: Storage, bot_id: int) -> None:
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
        ledger.handled.forget_old(time.time())
        for name in sorted(names, key=int):
            if int(name) in ledger.handled:
                self._forget([name])
            elif (document := self._read(name)) is not None:
                if (needed := needs(document)) is None:
                    self._forget([name])
                    continue
                left.append(QueuedUpdate.of(int(name), document, self._size(name), needed))
        return ledger, left

    def write(self, number: int, update: dict[str, Any]) -> int:
        """Write an update down: afterwards it survives a power cut. Returns its bytes on disk."""
        self._documents.write(str(number), update)
        return self._size(str(number))

    def read(self, number: int) -> dict[str, Any] | None:
        """The update; None where there is none, or it cannot be read.

        Raises:
            OperatorFault: the disk failed.
        """
        return self._read(str(number), passes=("store_failed",))

    def read_all(self, numbers: Iterable[int]) -> list[dict[str, Any] | None]:
        """Those updates; None for each that cannot be read, for whatever reason."""
        return [self._read(str(number)) for number in numbers]

    def settle(self, ledger: dict[str, Any], ended: Iterable[int]) -> None:
        """Write the ledger down, as its `model_dump`, then forget the updates that have ended.

        In this order: after a kill in between the ledger says that they were handled.
        """
        self._documents.write(_LEDGER, {**ledger, "bot": self._bot_id})
        self._forget(map(str, ended))

    def probe(self) -> None:
        """Raise OperatorFault where nothing can be written down just now."""
        self._documents.storage.check_writable(self._documents.kind)

    def _forget(self, names: Iterable[str]) -> None:
        for name in names:
            self._documents.delete(name)

    def _size(self, name: str) -> int:
        try:
            found = self._documents.stored(name)
        except CustodyError:  # it counts for nothing then, but it is kept all the same
            return 0
        return 0 if found is None else len(found.raw)

    def _read(self, name: str, passes: Collection[str] = ()) -> dict[str, Any] | None:
        try:
            return self._documents.read(name)
        except CorruptCredential as damage:
            _log.error("update_skipped", result=damage.code)
            self._documents.delete(name)
        except CustodyError as fault:  # its key may come back
            if isinstance(fault, OperatorFault) and fault.code in passes:
                raise
            _log.error("update_skipped", result=fault.code)
        return None

    def _ledger(self) -> Ledger:
        try:
            return Ledger.model_validate(self._documents.read(_LEDGER) or {"bot": self._bot_id})
        except (CustodyError, ValidationError):
            return Ledger(bot=self._bot_id)  # what is handled twice is recognised by its job
