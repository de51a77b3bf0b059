"""One file into one Drive: resumable, streaming, verified.

Everything here blocks and runs in a thread. Bytes go on while they arrive; what Drive has not yet
acknowledged is kept, unless the source can be read again there. The identifier is prepared
beforehand, so that no retry makes a second file, and Drive's md5 is compared with that of the
bytes that were read. A later process goes on where this one stopped.
https://developers.google.com/workspace/drive/api/guides/manage-uploads#resumable
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

from pydantic import SecretStr

from drive import Drive, DriveFile, DriveRefused
from drive.uploading.budget import ChunkBudget, Share
from drive.uploading.session import SessionLost, UploadSession
from drive.uploading.window import (
    Halt,
    Source,
    SourceFailed,
    SourceSpoilt,
    UploadCancelled,
    UploadInterrupted,
    Window,
    check,
)
from security.errors import CustodyError, TransientFault

__all__ = [
    "ChunkBudget",
    "Halt",
    "Source",
    "SourceFailed",
    "SourceSpoilt",
    "Target",
    "UploadCancelled",
    "UploadInterrupted",
    "check",
    "discard",
    "upload",
]

PAUSE_SECONDS: Final = 1.0
"""Before the second try; doubles with every further one, jittered."""
_SHARED: Final = ChunkBudget()
_TRIES: Final = 6
_ATTEMPTS: Final = 3
_LONGEST_WAIT: Final = 60  # in first pauses, whatever a server asks for
_TELL_SECONDS: Final = 0.5
_TOLD_AFTER: Final = (0, 1, 2, 4)
"""In first pauses: when Drive is asked for a checksum that its last answer did not tell."""


class _IdentifierSpent(DriveRefused):
    """A file of this identifier was deleted, or was somebody else's: Drive takes it no more."""


@dataclass(frozen=True, slots=True, repr=False)
class Target:
    """What the file shall be in Drive."""

    file_id: str
    """Prepared by `Drive.new_file_id`."""
    name: str
    mime_type: str
    """"": not known; Drive finds out."""
    folder_id: str
    description: str = ""

    def body(self) -> dict[str, Any]:
        """The files resource to create."""
        body: dict[str, Any] = {
            "id": self.file_id,
            "name": self.name,
            "parents": [self.folder_id],
        }
        told = {"mimeType": self.mime_type, "description": self.description}
        return body | {name: value for name, value in told.items() if value}


def upload(
    drive: Drive,
    source: Source,
    target: Target,
    *,
    progress: Callable[[int], None],
    cancelled: threading.Event,
    pause_seconds: float | None = None,
    on_new_id: Callable[[str], None] = lambda _: None,
    session: SecretStr | None = None,
    on_session: Callable[[SecretStr], None] = lambda _: None,
    budget: ChunkBudget = _SHARED,
) -> DriveFile:
    """Put `source` into `drive` as `target`, exactly once.

    Args:
        progress: told the bytes that have gone out, from this thread; it only grows.
        cancelled: set from elsewhere; looked at between pieces. A `Halt` says why.
        pause_seconds: in the place of PAUSE_SECONDS.
        on_new_id: told the identifier that takes a spent one's place, before it is used.
        session: of an earlier run for the same target: Drive has some of it, or all.
        on_session: told the address of each session, before bytes move in it.
        budget: what all running uploads may hold.

    Raises:
        UploadInterrupted: Drive keeps what it has, and `session` goes on.
        UploadCancelled, DriveRefused, SourceFailed("file_gone"): for good; nothing is left in
            Drive, as far as it could still be reached.
        SourceFailed, TransientFault, ConsentRequired, OperatorFault: it may pass; as interrupted.
    """
    refusal: CustodyError
    pause = PAUSE_SECONDS if pause_seconds is None else pause_seconds
    for _ in range(_ATTEMPTS):
        window = Window(source, cancelled)
        # One of another GOOGLE_API_ENDPOINT, before it was changed, is no session here.
        if session is not None and not drive.owns(session.get_secret_value()):
            session = None
        begun = None if session is None else UploadSession(drive, session)
        with budget.share() as share:
            run = _Run(
                *(drive, source, target, window, share, cancelled, progress, on_session),
                session=begun,
                pause_seconds=pause,
            )
            try:
                found = run.send()
                window.finish()
                if run.is_it(found):
                    found = replace(found, size=window.read)
                    if not _keeps(cancelled):  # while Drive's answer was on its way
                        raise UploadCancelled("cancelled")
                    if source.size is None:
                        with suppress(CustodyError):  # it is in Drive all the same
                            drive.mark_size(found.id, window.read)
                    return found
                drive.delete(target.file_id)
                refusal = DriveRefused("not what was sent has arrived", code="checksum_mismatch")
            except _IdentifierSpent as spent:
                refusal = spent
            except SourceSpoilt as spoilt:
                run.discard()  # bytes that are not the file's may have gone into this session
                refusal = spoilt
                cancelled.wait(pause)
            except CustodyError as error:
                if isinstance(error, TransientFault) and (arrived := run.arrived()) is not None:
                    return arrived
                if _is_final(error):
                    run.discard()
                raise
            finally:
                window.close()
        session = None
        target = replace(target, file_id=drive.new_file_id())
        on_new_id(target.file_id)
    raise refusal


def discard(drive: Drive, file_id: str, session: SecretStr | None) -> None:
    """Leave nothing of an upload in Drive, as far as it can be reached: of one that is given up."""
    if session is not None and drive.owns(session.get_secret_value()):
        UploadSession(drive, session).cancel()  # first: it might still complete
    with suppress(CustodyError):
        drive.delete(file_id)


def _keeps(halt: threading.Event) -> bool:
    """Whether what has arrived is still wanted."""
    return not halt.is_set() or (isinstance(halt, Halt) and halt.interrupted)


def _is_final(error: CustodyError) -> bool:
    gone = isinstance(error, SourceFailed) and error.code == "file_gone"
    return gone or isinstance(error, UploadCancelled | DriveRefused)


@dataclass(repr=False)
class _Run:
    """One try at one identifier, over as many sessions as it takes."""

    drive: Drive
    source: Source
    target: Target
    window: Window
    share: Share
    halt: threading.Event
    progress: Callable[[int], None]
    on_session: Callable[[SecretStr], None]
    session: UploadSession | None
    pause_seconds: float
    told: int = 0

    def send(self) -> DriveFile:
        """Until Drive has it all."""
        failures, reached = 0, 0
        at: int | None = None  # what Drive has; None: it is asked
        while True:
            check(self.halt)
            try:
                answer = self._step(at)
            except TransientFault as fault:
                at, failures = None, failures + 1
                if failures >= _TRIES:
                    raise
                jitter = random.uniform(0.75, 1.25)  # noqa: S311 - no secret
                wait = fault.retry_after or self.pause_seconds * 2 ** (failures - 1) * jitter
                self.halt.wait(min(wait, self.pause_seconds * _LONGEST_WAIT))
                continue
            if isinstance(answer, DriveFile):
                return answer
            if answer > reached:
                reached, failures = answer, 0
                self._tell(answer)
            at = answer

    def _step(self, at: int | None) -> DriveFile | int:
        session = self.session
        try:
            if session is None:
                self._begin()
                return 0
            answer = session.ask(self.window.total) if at is None else self._chunk(session, at)
        except (SessionLost, DriveRefused) as error:
            if error.code != "exists" and not isinstance(error, SessionLost):
                raise
            found = self._look_up()
            if found is not None:
                return found
            self.session = None
            raise TransientFault("the session was lost") from error
        if not isinstance(answer, int):
            return self._told(answer)
        if at is not None and answer <= at:
            raise TransientFault("Drive keeps nothing of what it is sent")
        if self.window.total is not None and answer > self.window.total:
            raise TransientFault("Drive has more than there is")
        return answer

    def _begin(self) -> None:
        self.window.prepare()
        target, total = self.target, self.window.total
        try:
            session = UploadSession.begin(self.drive, target.body(), target.mime_type, total)
        except DriveRefused as refused:
            if refused.about == "file.id":
                raise _IdentifierSpent("the identifier cannot be used") from refused
            if refused.code == "file_gone" and self.drive.find_folder(target.folder_id) is not None:
                # files.get is the first to know what was made a moment ago.
                raise TransientFault("not all of Drive knows the folder yet") from refused
            raise
        self.on_session(session.address)
        self.session = session

    def _chunk(self, session: UploadSession, at: int) -> DriveFile | int | None:
        total = self.window.total
        left = None if total is None else max(total - at, 0)
        # Of a source that can be opened anywhere nothing is kept: then one chunk is enough.
        all_at_once = self.source.seekable and left is not None
        most = left if all_at_once and left is not None else self.share.next_chunk(left)
        length = self.window.length(at, most)
        pieces = self._counted(self.window.pieces(at, length), at)
        return session.send(at, length, self.window.total, pieces)

    def _counted(self, pieces: Iterator[bytes], at: int) -> Iterator[bytes]:
        due = time.monotonic() + _TELL_SECONDS
        for piece in pieces:
            yield piece
            at += len(piece)
            if (now := time.monotonic()) >= due:
                due = now + _TELL_SECONDS
                self._tell(at)

    def _tell(self, gone_out: int) -> None:
        if gone_out > self.told:
            self.told = gone_out
            self.progress(gone_out)

    def is_it(self, found: DriveFile) -> bool:
        """Whether `found` has the bytes that were read."""
        return found.md5 == self.window.md5

    def _told(self, found: DriveFile | None) -> DriveFile:
        """The file under the identifier with its checksum, from `found` if that tells it.

        Unknown is not wrong: what Drive's last answer lacks, files.get is asked for.

        Raises:
            TransientFault: it does not tell either. Nothing is deleted; a later try asks again.
        """
        for pause in _TOLD_AFTER:
            if found is not None and found.id == self.target.file_id and found.md5:
                return found
            self.halt.wait(pause * self.pause_seconds)
            check(self.halt)
            found = self.drive.find(self.target.file_id)
            if found is None:
                break
        raise TransientFault("Drive does not tell the checksum")

    def _look_up(self) -> DriveFile | None:
        """The whole file, if it stands under the prepared identifier; anything else is removed."""
        found = self.drive.find(self.target.file_id)
        if found is None:
            return None
        found = self._told(found)
        # The whole source must have been read before its md5 means anything.
        self.window.finish()
        if self.is_it(found):
            return found
        self.drive.delete(self.target.file_id)
        raise _IdentifierSpent("another file had the identifier")

    def discard(self) -> None:
        """Leave nothing of it in Drive, as far as it can be reached."""
        address = self.session.address if self.session is not None else None
        discard(self.drive, self.target.file_id, address)

    def arrived(self) -> DriveFile | None:
        """The whole file, where only Drive's last answer was missing."""
        if self.window.whole:
            with suppress(CustodyError):
                found = self.drive.find(self.target.file_id)
                if found is not None and self.is_it(found):
                    return replace(found, size=self.window.read)
        return None
