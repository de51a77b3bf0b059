"""The audit trail as files.

Append-only lines of JSON under `user_data/audit/`, owners masked, rotated by size: `audit.jsonl` is
the newest part, `audit.1.jsonl` the one before it, and so on. Several processes write it at once.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final

import structlog
from filelock import Timeout

from security.logs.schema import MASK, RESULTS
from security.storage.disk_faults import disk_faults
from security.storage.events import ACTIONS, Action, AuditEntry, Event
from security.storage.files.locks import waiting_lock
from security.storage.files.private_files import ensure_private_folder
from security.storage.files.unix import (
    APPENDING,
    FILE_MODE,
    NOT_FOLLOWING,
    make_private,
    read_at,
    status_of_regular,
    sync_folder,
)

_MAX_BYTES: Final = 5 * 1024 * 1024
_KEPT: Final = 9
_AT_ONCE: Final = 1000
_LOOK_SECONDS: Final = 1.0  # how long lines may go on into a part another process has set aside
_READER_SECONDS: Final = 10  # a rotation takes milliseconds
_BEGINNING: Final = b'{"time"'
_log = structlog.get_logger()


class AuditTrail:
    """Writes the trail. Every method blocks on the disk, and may be called from any thread."""

    def __init__(
        self,
        folder: Path,
        mask: Callable[[str], str],
        *,
        max_bytes: int = _MAX_BYTES,
        kept: int = _KEPT,
    ) -> None:
        """
        Args:
            folder: the data folder, `user_data/`.
            max_bytes: a part that has grown to this size is set aside.
            kept: how many parts are kept beside the newest; older ones are deleted.
        """
        self._folder = folder / "audit"
        self._lock_path = folder / "locks" / "audit.lock"
        self._mask = mask
        self._max_bytes = max_bytes
        self._kept = kept
        self._guard = threading.Lock()
        self._descriptor: int | None = None
        self._size = 0
        self._looked_at = 0.0
        self._failing = False

    @disk_faults()
    def prepare(self) -> None:
        """Make what is there already private.

        Raises:
            OperatorFault: it cannot be used.
        """
        if self._folder.exists():
            ensure_private_folder(self._folder)

    def record(self, events: Sequence[Event]) -> None:
        """Append a line for each, of one moment. Never raises: what has happened has happened."""
        try:
            now = datetime.now(UTC)
            lines = "".join(map(partial(self._line, now), events))
            if lines:
                with self._guard:
                    self._append(lines.encode("ascii"))
        except Exception:  # whatever it was, the credential's own matters go on
            if not self._failing:
                self._failing = True
                _log.error("audit_failed", result="store_failed", exc_info=True)
        else:
            self._failing = False

    def _line(self, now: datetime, event: Event) -> str:
        mask = self._mask(event.owner.name) if event.owner else None
        known = event.result if event.result in RESULTS else "failed"
        return f"{json.dumps(AuditEntry(now, event.action, mask, known).to_document())}\n"

    @disk_faults()
    def add(self, entries: Iterable[AuditEntry]) -> None:
        """Append what another trail has had, oldest first, durably.

        Raises:
            OperatorFault: not all of it could be written.
        """
        lines = (f"{json.dumps(entry.to_document())}\n" for entry in entries)
        with self._guard:
            while some := "".join(islice(lines, _AT_ONCE)):
                self._append(some.encode("ascii"))
            if self._descriptor is not None:
                os.fsync(self._descriptor)
                sync_folder(self._folder)

    @disk_faults()
    def clear(self) -> None:
        """Remove every part.

        Raises:
            OperatorFault: one could not be removed.
        """
        with self._guard:
            self._close()
            if self._folder.is_dir():
                for number in range(self._kept + 1):
                    self._part(number).unlink(missing_ok=True)
                sync_folder(self._folder)

    def close(self) -> None:
        """Give the descriptor back; a later `record` opens it anew."""
        with self._guard:
            self._close()

    def read(
        self,
        *,
        newest_first: bool = True,
        owner: str | None = None,
        action: Action | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Iterator[AuditEntry]:
        """The lines that fit, of all parts; what is no whole line of the trail is passed over.

        Args:
            owner: a mask.
            since: aware; nothing older is given.
            until: aware; nothing newer is given.

        Raises:
            OperatorFault: a part cannot be read.
        """
        parts = self._open_parts()
        try:
            for descriptor in parts if newest_first else reversed(parts):
                lines = _lines(descriptor)
                for line in reversed(lines) if newest_first else lines:
                    entry = _parse(line)
                    if (
                        entry is not None
                        and (owner is None or entry.owner == owner)
                        and (action is None or entry.action == action)
                        and (since is None or entry.time >= since)
                        and (until is None or entry.time <= until)
                    ):
                        yield entry
        finally:
            for descriptor in parts:
                os.close(descriptor)

    def _part(self, number: int) -> Path:
        return self._folder / (f"audit.{number}.jsonl" if number else "audit.jsonl")

    def _append(self, lines: bytes) -> None:
        now = time.monotonic()
        descriptor = self._descriptor
        if descriptor is not None and now - self._looked_at >= _LOOK_SECONDS:
            descriptor = self._look(descriptor, now)
        if descriptor is None:
            descriptor = self._open(now)
        if self._size >= self._max_bytes:
            descriptor = self._rotate(descriptor, now)
        # One write onto O_APPEND: whole and at the end, whoever else is writing (write(2)).
        written = os.write(descriptor, lines)
        self._size += written
        if written < len(lines):
            self._close()
            raise OSError("a line was written in part")

    def _look(self, descriptor: int, now: float) -> int | None:
        """The descriptor, if it still is the newest part's, and how far others have filled that."""
        own, is_newest = os.fstat(descriptor), False
        with suppress(FileNotFoundError):
            is_newest = os.path.samestat(own, self._part(0).stat())
        if not is_newest:
            self._close()
            return None
        self._size, self._looked_at = own.st_size, now
        return descriptor

    def _open(self, now: float) -> int:
        ensure_private_folder(self._folder)
        descriptor = os.open(self._part(0), APPENDING, FILE_MODE)
        try:
            status = status_of_regular(descriptor)
            make_private(descriptor, status)
            size = status.st_size
            if size and read_at(descriptor, 1, size - 1) != b"\n":
                # A crash or a full disk has cut the last line: the next one begins a line anyway.
                size += os.write(descriptor, b"\n")
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor, self._size, self._looked_at = descriptor, size, now
        return descriptor

    def _close(self) -> None:
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            os.close(descriptor)

    def _rotate(self, descriptor: int, now: float) -> int:
        """Set the newest part aside, unless another process has done so; the newest one's."""
        # Whoever finds the lock taken waits for nobody: the line goes into the part as it is.
        with suppress(Timeout), self._locked(timeout=0):
            current = self._look(descriptor, now)
            if current is not None and self._size >= self._max_bytes:
                os.fsync(current)
                self._part(self._kept).unlink(missing_ok=True)
                for number in range(self._kept - 1, -1, -1):
                    with suppress(FileNotFoundError):
                        self._part(number).rename(self._part(number + 1))
                sync_folder(self._folder)
                self._close()
                current = None
            return self._open(now) if current is None else current
        return descriptor

    def _locked(self, timeout: float) -> AbstractContextManager[None]:
        ensure_private_folder(self._lock_path.parent)
        return waiting_lock(self._lock_path, timeout)

    @disk_faults()
    def _open_parts(self) -> list[int]:
        """Every part, newest first, opened together, so that a rotation shifts none of them."""
        parts: list[int] = []
        if not self._folder.is_dir():
            return parts
        # Where no part was ever set aside there is no lock, and a reader makes none.
        is_rotated = self._lock_path.exists()
        with self._locked(_READER_SECONDS) if is_rotated else nullcontext():
            for number in range(self._kept + 1):
                with suppress(FileNotFoundError):
                    parts.append(os.open(self._part(number), NOT_FOLLOWING))
                    status_of_regular(parts[-1])
        return parts


def _parse(line: bytes) -> AuditEntry | None:
    """The entry; None for what a crash has cut, or what somebody else has written."""
    try:
        # Another process's line may stand right behind one that was cut.
        document = json.loads(line[max(line.rfind(_BEGINNING), 0) :])
        entry = AuditEntry(
            time=datetime.fromisoformat(document["time"]),
            action=document["action"],
            owner=document["owner"],
            result=document["result"],
        )
        known = (
            entry.time.tzinfo is not None
            and entry.action in ACTIONS
            and (entry.owner is None or MASK.fullmatch(entry.owner) is not None)
            and entry.result in RESULTS
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return entry if known else None


@disk_faults()
def _lines(descriptor: int) -> list[bytes]:
    """The lines of a part that was just opened; it has a few megabytes at most."""
    with open(descriptor, "rb", buffering=0, closefd=False) as part:
        return part.readall().split(b"\n")
