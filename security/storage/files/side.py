"""A data folder as one side of a move; see `security.storage.moves.sides`."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Final

from security.storage.disk_faults import disk_faults
from security.storage.events import AuditEntry
from security.storage.files.audit_trail import AuditTrail
from security.storage.files.data_folder import (
    MASK_KEY_FILE,
    holds_ours,
    mark_path,
    mask_key_since,
    read_mark,
    read_mask_key,
)
from security.storage.files.private_files import ensure_private_folder, write_atomically
from security.storage.files.storage import FileStorage
from security.storage.files.unix import sync_folder
from security.storage.moves.marks import Marked, SideName

_MOST_EVENTS: Final = 200_000


class FileSide:
    """See `Side`, whose methods these are."""

    name: SideName = "files"
    most_events = _MOST_EVENTS

    def __init__(self, storage: FileStorage) -> None:
        self.storage = storage
        self.where = str(storage.folder)
        self._folder = storage.folder
        self._trail = AuditTrail(storage.folder, str)

    def is_there(self) -> bool:
        return holds_ours(self._folder, self.storage.kinds)

    def marked(self, mark: str) -> Marked | None:
        return read_mark(self._folder, mark)

    def put_mark(self, mark: str, says: str, now: datetime, where: str = "") -> None:
        text = f"{now.isoformat(timespec='seconds')}\n{says[:1].upper()}{says[1:]}.\n"
        text += f"{where}\n" if where else ""
        ensure_private_folder(self._folder)
        write_atomically(mark_path(self._folder, mark), text.encode())

    def drop_mark(self, mark: str) -> None:
        self._remove(mark_path(self._folder, mark))

    def mask_key(self) -> tuple[bytes, datetime | None] | None:
        key = read_mask_key(self._folder, None)
        return None if key is None else (key, mask_key_since(self._folder))

    @disk_faults()
    def keep_mask_key(self, key: bytes, since: datetime | None) -> None:
        path = self._folder / MASK_KEY_FILE
        write_atomically(path, key)
        if since is not None:
            moment = round(since.timestamp() * 1000) * 1_000_000
            os.utime(path, ns=(moment, moment))

    def add_events(self, entries: Iterable[AuditEntry]) -> None:
        self._trail.add(entries)

    def clear_events(self) -> None:
        self.storage.close()  # whose trail goes on into the part that it has open
        self._trail.clear()

    def forget(self) -> None:
        path = self._folder / MASK_KEY_FILE
        self._remove(path, path.with_name(f"{MASK_KEY_FILE}.old"))

    @disk_faults()
    def _remove(self, *paths: Path) -> None:
        for path in paths:
            path.unlink(missing_ok=True)
        sync_folder(self._folder)
