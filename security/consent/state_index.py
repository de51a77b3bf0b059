"""Which request a state belongs to, without opening the others'."""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from security.storage.files.private_files import SealedFolder, disk_faults

_SETTLED_NS: Final = 100_000_000
"""A folder that changed less long ago may change again without another time (a file system counts
in ticks of some milliseconds)."""
_Stamp = tuple[int, int, int]


class StateIndex:
    """From a keyed hash of a state to the name of the document that holds it, in memory.

    Whoever can open the callback's address can ask, so asking must cost next to nothing: one stat
    of the folder, and only where it has changed one of each document and a read of what is new.
    """

    def __init__(self, folder: SealedFolder, state_in: Callable[[str], str]) -> None:
        """
        Args:
            state_in: reads one document by name; "" where there is no state in it.
        """
        self._folder = folder
        self._state_in = state_in
        self._key = secrets.token_bytes(32)
        self._lock = threading.Lock()
        self._changed_at: int | None = None
        self._known: dict[str, tuple[_Stamp, bytes]] = {}
        self._names: dict[bytes, str] = {}

    def name_of(self, state: str) -> str | None:
        """The document that holds `state`, as far as is known."""
        with self._lock:
            self._catch_up()
            return self._names.get(self._hash(state))

    def learn(self, name: str, state: str) -> None:
        """`name` has just been written with `state`: it need not be read for that."""
        with self._lock:
            self._changed_at = None
            if (stamp := self._stamp(name)) is not None:
                self._keep(name, stamp, state)

    def _catch_up(self) -> None:
        with disk_faults():
            try:
                changed_at = self._folder.folder.stat().st_mtime_ns
            except FileNotFoundError:
                changed_at = 0
        if changed_at == self._changed_at:
            return
        is_settled = time.time_ns() - changed_at > _SETTLED_NS
        names = self._folder.names()
        for gone in self._known.keys() - set(names):
            self._drop(gone)
        for name in names:
            stamp = self._stamp(name)
            if stamp is not None and (name not in self._known or self._known[name][0] != stamp):
                self._keep(name, stamp, self._state_in(name))
        self._changed_at = changed_at if is_settled else None

    def _keep(self, name: str, stamp: _Stamp, state: str) -> None:
        self._drop(name)
        digest = self._hash(state) if state else b""
        self._known[name] = (stamp, digest)
        if digest:
            self._names[digest] = name

    def _drop(self, name: str) -> None:
        _, digest = self._known.pop(name, (None, b""))
        self._names.pop(digest, None)

    def _stamp(self, name: str) -> _Stamp | None:
        with suppress(OSError):  # what is wrong with one document concerns its owner alone
            status = self._folder.path(name).stat()
            return status.st_ino, status.st_size, status.st_mtime_ns
        return None

    def _hash(self, state: str) -> bytes:
        return hashlib.blake2b(state.encode("utf-8", "replace"), key=self._key).digest()
