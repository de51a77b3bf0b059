"""Telegram's updates that have arrived and are not handled yet, written down.

One document an update: what somebody wrote is kept no longer than until it is handled. One more,
the ledger, holds numbers alone: which updates were handled lately, so that Telegram may send them
again, and how often handling one has been begun.
https://core.telegram.org/bots/api#getting-updates
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import structlog
from pydantic import BaseModel, ValidationError

from bot.updates.fair_queue import QueuedUpdate
from security.encryption import TokenEncryption
from security.errors import CorruptCredential, CustodyError, OperatorFault
from security.storage.catalogue import UPDATES
from security.storage.files.private_files import SealedFolder, probe_writing
from security.storage.sealing import Sealer

_LEDGER: Final = "ledger"
_RESENT_SECONDS: Final = 24 * 3600
"""Telegram keeps an update, and sends it again where it must, for no longer than this."""
_log = structlog.get_logger()


class HandledIds:
    """Numbers of updates handled within a day, as runs of neighbours: Telegram counts upwards.

    A run is forgotten once nothing was added to it for a day. After a week of silence Telegram
    begins to count somewhere else.
    """

    def __init__(self, runs: Iterable[tuple[int, int, float]] = ()) -> None:
        """
        Args:
            runs: first and last number, and when the run last grew (Unix seconds).
        """
        self._runs = sorted(runs)

    def __contains__(self, number: int) -> bool:
        at = bisect_right(self._runs, (number, float("inf"), 0.0)) - 1
        return at >= 0 and number <= self._runs[at][1]

    def add(self, number: int, now: float) -> None:
        """This one was handled just now."""
        if number in self:
            return
        at = bisect_right(self._runs, (number, float("inf"), 0.0))
        first = last = number
        if at < len(self._runs) and self._runs[at][0] == number + 1:
            last = self._runs.pop(at)[1]
        if at and self._runs[at - 1][1] == number - 1:
            at -= 1
            first = self._runs.pop(at)[0]
        self._runs.insert(at, (first, last, now))

    def forget_old(self, now: float) -> None:
        """Drop what Telegram no longer sends."""
        self._runs = [run for run in self._runs if now - run[2] < _RESENT_SECONDS]

    def runs(self) -> list[tuple[int, int, float]]:
        """What `__init__` takes."""
        return list(self._runs)


class _Ledger(BaseModel):
    bot: int
    handled: list[tuple[int, int, float]] = []
    begun: dict[int, int] = {}
    aside: dict[int, float] = {}


@dataclass(slots=True)
class Found:
    """What an earlier run has left."""

    handled: HandledIds = field(default_factory=HandledIds)
    begun: dict[int, int] = field(default_factory=dict)
    """How many starts have begun to handle an update that was left by the run before."""
    aside: dict[int, float] = field(default_factory=dict)
    """Updates that are not tried again, and since when (Unix seconds)."""
    waiting: list[tuple[QueuedUpdate, int]] = field(default_factory=list)
    """What is written down, in Telegram's order, and how many bytes each takes."""

    def ledger(self) -> dict[str, Any]:
        """What of it is written down by `UpdateJournal.settle`, as it stands."""
        return {
            "handled": self.handled.runs(),
            "begun": dict(self.begun),
            "aside": dict(self.aside),
        }


class UpdateJournal:
    """The documents of one bot. Every method blocks on the disk."""

    def __init__(self, folder: Path, sealer: Sealer | TokenEncryption, bot_id: int) -> None:
        """
        Args:
            bot_id: Telegram counts each bot's updates apart.
        """
        self._folder = SealedFolder(folder, sealer, UPDATES)
        self._bot_id = bot_id

    def prepare(self) -> None:
        """Make the folder private.

        Raises:
            OperatorFault: it cannot be used, or its key is missing.
        """
        self._folder.prepare()

    def load(self) -> Found:
        """What is written down; damaged documents are removed.

        Raises:
            OperatorFault: the disk failed.
        """
        ledger = self._ledger()
        names = [name for name in self._folder.names() if name.isdecimal()]
        if ledger is not None and ledger.bot != self._bot_id:
            # The token is another bot's by now: it cannot answer what was written to this one.
            self._forget(names)
            ledger = None
        found = Found()
        if ledger is not None:
            found = Found(HandledIds(ledger.handled), ledger.begun, ledger.aside)
            found.handled.forget_old(time.time())
        for name in sorted(names, key=int):
            update = None if int(name) in found.handled else self._read(name)
            if update is not None:
                found.waiting.append((QueuedUpdate.of(int(name), update), self._size(name)))
        self._forget(name for name in names if int(name) in found.handled)
        return found

    def write(self, number: int, update: dict[str, Any]) -> int:
        """Write an update down: afterwards it survives a power cut. Returns its bytes on disk."""
        self._folder.write(str(number), update)
        return self._size(str(number))

    def read(self, number: int) -> dict[str, Any] | None:
        """The update; None where there is none, or it cannot be read.

        Raises:
            OperatorFault: the disk failed.
        """
        return self._read(str(number), passes=("store_failed",))

    def settle(self, ledger: dict[str, Any], ended: Iterable[int]) -> None:
        """Write `Found.ledger` down, then forget the updates that have ended.

        In this order: after a kill in between the ledger says that they were handled.
        """
        self._folder.write(_LEDGER, {"bot": self._bot_id, **ledger})
        self._forget(map(str, ended))

    def probe(self) -> None:
        """Raise OperatorFault where nothing can be written down just now."""
        probe_writing(self._folder.folder)

    def _forget(self, names: Iterable[str]) -> None:
        for name in names:
            self._folder.delete(name)

    def _size(self, name: str) -> int:
        try:
            return self._folder.path(name).stat().st_size
        except OSError:  # it counts for nothing then, but it is kept all the same
            return 0

    def _read(self, name: str, passes: Collection[str] = ()) -> dict[str, Any] | None:
        try:
            return self._folder.read(name)
        except CorruptCredential as damage:
            _log.error("update_skipped", result=damage.code)
            self._folder.delete(name)
        except CustodyError as fault:  # its key may come back
            if isinstance(fault, OperatorFault) and fault.code in passes:
                raise
            _log.error("update_skipped", result=fault.code)
        return None

    def _ledger(self) -> _Ledger | None:
        try:
            return _Ledger.model_validate(self._folder.read(_LEDGER) or {"bot": self._bot_id})
        except (CustodyError, ValidationError):
            return None  # what is handled twice then is recognised by its job
