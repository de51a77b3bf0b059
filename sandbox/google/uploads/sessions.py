"""Resumable upload sessions.

https://developers.google.com/workspace/drive/api/guides/manage-uploads#resumable
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.google.drive.files import BlobWriter
from sandbox.google.model import SESSION_LIFE

BLOCK = 256 * 1024  # what arrives is kept in whole blocks, except at the very end


@dataclass
class UploadSession:
    """One upload under way, or finished and remembered for a while."""

    id: str
    account: str
    metadata: dict[str, Any]
    file_id: str | None  # of the file to be updated; None: a new one
    content_type: str
    total: int | None
    query: dict[str, str]  # of the request that began it: its `fields` shape the final answer
    created: float
    blob: BlobWriter
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    connection: asyncio.Transport | None = None  # of the request that is being answered
    result: str | None = None  # id of the finished file
    cancelled: bool = False
    _tail: bytearray = field(default_factory=bytearray)

    @property
    def received(self) -> int:
        """Bytes that are kept, whatever happens to the connection."""
        return self.blob.size

    def feed(self, piece: bytes | memoryview) -> None:
        """Take bytes in; they count as received once their block is whole."""
        view = memoryview(piece)
        if self._tail:
            needed = BLOCK - len(self._tail)
            self._tail += view[:needed]
            view = view[needed:]
            if len(self._tail) < BLOCK:
                return
            self.blob.write(self._tail)
            self._tail.clear()
        whole = len(view) // BLOCK * BLOCK
        if whole:
            self.blob.write(view[:whole])
        self._tail += view[whole:]

    def drop_tail(self) -> None:
        """Lose what did not fill a block, as when a connection ends."""
        self._tail.clear()
        self.blob.pause()

    def flush(self) -> None:
        """Keep the end of the last chunk, which need not fill a block."""
        if self._tail:
            self.blob.write(self._tail)
            self._tail.clear()


class SessionStore:
    """Sessions by upload id."""

    def __init__(self, folder: Path, now: Callable[[], float], *, keeps_bytes: bool = True):
        folder.mkdir(parents=True, exist_ok=True)
        for leftover in folder.iterdir():  # of a run before this one, which nobody can resume
            leftover.unlink(missing_ok=True)
        self._folder = folder
        self._keeps_bytes = keeps_bytes
        self._now = now
        self._sessions: dict[str, UploadSession] = {}

    def __len__(self) -> int:
        return sum(session.result is None for session in self._sessions.values())

    def start(
        self,
        account: str,
        metadata: dict[str, Any],
        *,
        file_id: str | None,
        content_type: str,
        total: int | None,
        query: dict[str, str],
    ) -> UploadSession:
        """Begin a session."""
        upload_id = f"AHmUCY{secrets.token_urlsafe(48)}"
        blob = BlobWriter(self._folder / secrets.token_hex(16), keeps=self._keeps_bytes)
        blob.pause()
        session = UploadSession(
            upload_id,
            account,
            metadata,
            file_id,
            content_type,
            total,
            query,
            self._now(),
            blob,
        )
        self._sessions[upload_id] = session
        return session

    def get(self, upload_id: str) -> UploadSession | None:
        """The session, or None where it is unknown or forgotten."""
        return self._sessions.get(upload_id)

    def expired(self, session: UploadSession) -> bool:
        """Whether a session's week is over."""
        return self._now() - session.created > SESSION_LIFE

    def forget(self, session: UploadSession) -> None:
        """Drop a session and what it has received."""
        self._sessions.pop(session.id, None)
        if session.result is None:
            session.blob.discard()

    def _of(self, account: str | None) -> list[UploadSession]:
        sessions = self._sessions.values()
        return [session for session in sessions if account in (None, session.account)]

    def forget_all(self, account: str | None, *, unfinished_only: bool = True) -> int:
        """Drop all sessions (of an account); return how many."""
        chosen = [one for one in self._of(account) if not (unfinished_only and one.result)]
        for session in chosen:
            self.forget(session)
        return len(chosen)

    def expire_all(self, account: str | None) -> int:
        """End the week of all unfinished sessions (of an account); return how many."""
        chosen = [one for one in self._of(account) if one.result is None]
        for session in chosen:
            session.created = self._now() - SESSION_LIFE - 1
        return len(chosen)
