"""The audit trail: who was authorised, refreshed, denied, revoked, quarantined, and when.

Append-only lines of JSON under `user_data/audit/`, owners masked, rotated by size: `audit.jsonl` is
the newest part, `audit.1.jsonl` the one before it, and so on. Several processes write it at once.
"""

from __future__ import annotations

import errno
import json
import os
import stat
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal, get_args

import structlog
from filelock import Timeout

from security.credential import Owner
from security.log_schema import MASK, RESULTS
from security.logging_utils import OwnerMask
from security.storage.files.locks import PrivateLock
from security.storage.files.private_files import (
    FILE_MODE,
    disk_faults,
    ensure_private_folder,
    sync_folder,
)

Action = Literal[
    "authorised",
    "refreshed",
    "denied",
    "revoked",
    "quarantined",
    "confirmed",
    "restored",
    "purged",
    "refused",
    "believed",
]
ACTIONS: Final[tuple[Action, ...]] = get_args(Action)

_MAX_BYTES: Final = 5 * 1024 * 1024
_KEPT: Final = 9
_LOOK_SECONDS: Final = 1.0  # how long lines may go on into a part another process has set aside
_READER_SECONDS: Final = 10  # a rotation takes milliseconds
_CHUNK: Final = 64 * 1024
_BEGINNING: Final = b'{"time"'
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of the trail. `time` is aware, in UTC; `owner` a mask, None: nobody is known."""

    time: datetime
    action: Action
    owner: str | None
    result: str

    def to_document(self) -> dict[str, Any]:
        """As it stands in the trail."""
        return {
            "time": self.time.isoformat(timespec="milliseconds"),
            "action": self.action,
            "owner": self.owner,
            "result": self.result,
        }


class AuditTrail:
    """Writes the trail. Every method blocks on the disk, and may be called from any thread."""

    def __init__(
        self, folder: Path, mask: OwnerMask, *, max_bytes: int = _MAX_BYTES, kept: int = _KEPT
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

    def prepare(self) -> None:
        """Make what is there already private.

        Raises:
            OperatorFault: it cannot be used.
        """
        if self._folder.exists():
            ensure_private_folder(self._folder)

    def record(self, action: Action, owner: Owner | None, result: str = "ok") -> None:
        """Append a line. Never raises: what has happened has happened."""
        self.record_all(action, (owner,), result)

    def record_all(
        self, action: Action, owners: Iterable[Owner | None], result: str = "ok"
    ) -> None:
        """Likewise a line for each, of the same moment."""
        try:
            now, known = datetime.now(UTC), result if result in RESULTS else "failed"
            masks = (self._mask(owner.name) if owner else None for owner in owners)
            entries = (AuditEntry(now, action, mask, known) for mask in masks)
            lines = "".join(f"{json.dumps(entry.to_document())}\n" for entry in entries)
            if lines:
                with self._guard:
                    self._append(lines.encode("ascii"))
        except Exception:  # whatever it was, the credential's own matters go on
            if not self._failing:
                self._failing = True
                _log.error("audit_failed", result="store_failed", exc_info=True)
        else:
            self._failing = False

    def close(self) -> None:
        """Give the descriptor back; a later `record` opens it anew."""
        with self._guard:
            self._close()

    def read(
        self,
        *,
        newest_first: bool = True,
        owner: str | None = None,
        action: str | None = None,
        since: datetime | None = None,
    ) -> Iterator[AuditEntry]:
        """The lines that fit, of all parts; what is no whole line of the trail is passed over.

        Args:
            owner: a mask.
            since: aware; nothing older is given.

        Raises:
            OperatorFault: a part cannot be read.
        """
        parts = self._open_parts()
        try:
            for descriptor in parts if newest_first else reversed(parts):
                for line in _lines(descriptor, backwards=newest_first):
                    entry = _parse(line)
                    if (
                        entry is not None
                        and (owner is None or entry.owner == owner)
                        and (action is None or entry.action == action)
                        and (since is None or entry.time >= since)
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
        own = os.fstat(descriptor)
        try:
            there = self._part(0).stat()
        except FileNotFoundError:
            there = None
        if there is None or (there.st_dev, there.st_ino) != (own.st_dev, own.st_ino):
            self._close()
            return None
        self._size, self._looked_at = own.st_size, now
        return descriptor

    def _open(self, now: float) -> int:
        ensure_private_folder(self._folder)
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(self._part(0), flags, FILE_MODE)
        try:
            _only_regular(descriptor)
            os.fchmod(descriptor, FILE_MODE)
            size = os.fstat(descriptor).st_size
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
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

    @contextmanager
    def _locked(self, timeout: float) -> Iterator[None]:
        ensure_private_folder(self._lock_path.parent)
        with PrivateLock(self._lock_path).acquire(timeout=timeout):
            yield

    def _open_parts(self) -> list[int]:
        """Every part, newest first, opened together, so that a rotation shifts none of them."""
        parts: list[int] = []
        with disk_faults():
            if not self._folder.is_dir():
                return parts
            # Where no part was ever set aside there is no lock, and a reader makes none.
            is_rotated = self._lock_path.exists()
            with self._locked(_READER_SECONDS) if is_rotated else nullcontext():
                for number in range(self._kept + 1):
                    with suppress(FileNotFoundError):
                        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
                        parts.append(os.open(self._part(number), flags))
                        _only_regular(parts[-1])
        return parts


def _only_regular(descriptor: int) -> None:
    """A pipe in a part's place would hang who reads it, or whoever writes."""
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))


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


def _lines(descriptor: int, *, backwards: bool) -> Iterator[bytes]:
    """The lines of a file, from its beginning or from its end, as it was when this began."""
    with disk_faults():
        size = os.fstat(descriptor).st_size
    offsets = range(0, size, _CHUNK)
    rest = b""
    for offset in reversed(offsets) if backwards else offsets:
        with disk_faults():
            chunk = os.pread(descriptor, min(_CHUNK, size - offset), offset)
        if backwards:
            rest, *lines = (chunk + rest).split(b"\n")
            yield from reversed(lines)
        else:
            *lines, rest = (rest + chunk).split(b"\n")
            yield from lines
    yield rest
