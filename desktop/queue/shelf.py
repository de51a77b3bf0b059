"""The queue on the disk: of each file a sealed record, and its content until Drive has it.

A content is there before its record, and goes after it: what has no record was never promised to
anybody, or has ended.
"""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from desktop.keeping import files
from desktop.keeping.system import NotOurs, System
from desktop.queue.records import HISTORY_DAYS, Record, opened, sealed
from security.encryption import TokenEncryption
from security.errors import CustodyError

_RECORD: Final = ".record"
_CONTENT: Final = ".pdf"
_ASIDE: Final = ".aside"
_DAY: Final = 86_400.0
_ANEW_SECONDS: Final = 3600.0
"""So long what is in Drive already may be asked for once more."""


class Shelf:
    """One for a folder; any thread may use it."""

    def __init__(
        self,
        folder: Path,
        system: System,
        keyring: TokenEncryption,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        """
        Raises:
            OSError, NotOurs: the folder cannot be had.
        """
        self._folder = folder
        self._system = system
        self._keyring = keyring
        self.now = now
        self._lock = threading.RLock()
        self._leaving: set[str] = set()
        system.make_folder(folder)
        self._records = {record.id: record for record in self._found()}
        self._clear()

    def all(self) -> list[Record]:
        """Every record, the newest first."""
        with self._lock:
            return sorted(self._records.values(), key=lambda one: one.added_at, reverse=True)

    def find(self, id: str) -> Record | None:
        """The record of this id; None: there is none, or not any more."""
        return self._records.get(id)

    def queued(self) -> list[Record]:
        """What waits to be sent, the oldest first."""
        return [one for one in reversed(self.all()) if one.state == "queued"]

    def same(self, record: Record) -> Record | None:
        """An earlier upload of the same content to the same department, by this computer."""
        return next(
            (
                one
                for one in self.all()
                if (one.state, one.md5, one.department) == ("done", record.md5, record.department)
            ),
            None,
        )

    def is_waiting(self, record: Record) -> bool:
        """Whether the same file waits already: somebody has pressed twice."""
        its = record.department, record.name, record.md5
        return any(
            (one.department, one.name, one.md5) == its
            for one in self.queued()
            if one.id not in self._leaving
        )

    def leaves(self, id: str) -> None:
        """A file is being taken out, which may take a while: the same one can be added anew."""
        self._leaving.add(id)

    def new_content(self) -> tuple[str, int]:
        """The id of a file to come, and a descriptor that takes its bytes.

        Raises:
            OSError: the disk takes nothing.
        """
        id = self.new_id()
        return id, self._system.create(self.content(id))

    @staticmethod
    def new_id() -> str:
        """For a file to come."""
        return uuid.uuid4().hex

    def content(self, id: str) -> Path:
        """Where a file's bytes are."""
        return self._folder / f"{id}{_CONTENT}"

    def drop_content(self, id: str) -> None:
        """Nobody wants the bytes any more. Where a virus scanner has them open, say, Windows keeps
        them: they go with `forget_old`, or at the next start."""
        with suppress(OSError):
            self.content(id).unlink(missing_ok=True)

    def put(self, record: Record) -> None:
        """Keep a record, durably; its content goes where that is of no more use.

        Raises:
            OSError: the disk takes nothing.
        """
        with self._lock:
            try:
                self._write(record)
            except OSError:
                if record.state != "done":
                    raise
                self.drop_content(record.id)  # which makes room, where the disk is full
                self._write(record)
            if not record.is_open:
                self.drop_content(record.id)

    def change(self, id: str, **changes: Any) -> Record | None:
        """As it is then; None: there is none any more, it was taken out meanwhile."""
        with self._lock:
            if (record := self._records.get(id)) is None:
                return None
            changed = record.model_copy(update=changes)
            self.put(changed)
            return changed

    def again(self, id: str) -> None:
        """Send what is in Drive already once more, as long as it is here."""
        with self._lock:
            record = self.find(id)
            if record is not None and record.state == "same" and self.content(id).exists():
                self.change(id, state="queued", anew=True, link="")

    def remove(self, id: str) -> None:
        """Forget a file, and whatever is here of it.

        Raises:
            OSError: it cannot be now. It stays in the list: the next start would find it again.
        """
        with self._lock:
            self._path(id).unlink(missing_ok=True)
            self._records.pop(id, None)
            self.drop_content(id)
            self._system.sync_folder(self._folder)

    def forget_old(self, told: float | None = None) -> None:
        """Leave out what ended over 90 days ago; what was not sent, after a day.

        Args:
            told: what time it is elsewhere. By this machine's clock alone nothing is forgotten:
                it may be far ahead once, and right again.

        Raises:
            OSError: not all of it can be removed now.
        """
        for id in [record.id for record in self.all()]:
            with self._lock:
                if (record := self.find(id)) is not None:  # as it is by now
                    self._forget_old(record, told)

    def _forget_old(self, record: Record, told: float | None) -> None:
        now, ended = self.now(), record.ended_at or record.added_at
        if record.state in ("queued", "lost"):
            return
        if not record.is_open:
            self.drop_content(record.id)
        kept = (HISTORY_DAYS if record.state == "done" else 1) * _DAY
        if told is not None and min(now, told) - ended > kept:
            self.remove(record.id)
        elif record.state == "same" and now - ended > _ANEW_SECONDS:
            self.drop_content(record.id)

    def _write(self, record: Record) -> None:
        files.write(self._system, self._path(record.id), sealed(self._keyring, record))
        self._records[record.id] = record

    def _path(self, id: str) -> Path:
        return self._folder / f"{id}{_RECORD}"

    def _found(self) -> Iterator[Record]:
        for path in list(self._folder.glob(f"*{_ASIDE}")):  # its key may be here again
            if _is_id(path.stem) and not self._path(path.stem).exists():
                path.rename(self._path(path.stem))
        for path in self._folder.glob(f"*{_RECORD}"):
            if _is_id(path.stem):
                try:
                    yield opened(self._keyring, path.stem, files.read(path))
                except (CustodyError, ValueError, NotOurs):
                    yield from self._lost(path)

    def _lost(self, path: Path) -> Iterator[Record]:
        """What is still known of a file whose record cannot be opened."""
        try:
            with os.fdopen(files.open_ours(self.content(path.stem)), "rb") as content:
                size = os.fstat(content.fileno()).st_size
        except (FileNotFoundError, NotOurs):
            path.rename(path.with_suffix(_ASIDE))  # it had ended: history alone
            return
        name, added_at = f"{path.stem[:8]}{_CONTENT}", path.lstat().st_mtime
        yield Record(
            id=path.stem, department="", name=name, size=size, state="lost", added_at=added_at
        )

    def _clear(self) -> None:
        """Remove what a crash has left: contents that were never promised, or have ended."""
        for path in self._folder.iterdir():
            if path.name.startswith(".") and path.name.endswith(".tmp"):
                with suppress(OSError):
                    path.unlink(missing_ok=True)
            elif path.suffix == _CONTENT and path.stem not in self._records:
                self.drop_content(path.stem)
        with suppress(OSError):
            self.forget_old()


def _is_id(text: str) -> bool:
    return len(text) == 32 and all(digit in "0123456789abcdef" for digit in text)
