"""One attempt at putting a file into a Drive under a prepared identifier."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

from pydantic import SecretStr

from drive import Drive, DriveFile, DriveRefused
from drive.uploading.progress import Progress
from drive.uploading.session import SessionLost, UploadSession
from drive.uploading.stopping import StopSignal, UploadCancelled
from drive.uploading.window import Window
from security.errors import CustodyError, TransientFault
from security.google.jitter import jittered

_TRIES: Final = 6
_LONGEST_WAIT: Final = 60  # in first pauses, whatever a server asks for
_CHECKSUM_PAUSES: Final = (0, 1, 2, 4)
"""In first pauses: when Drive is asked for a checksum that its last answer did not tell."""


class IdentifierSpent(DriveRefused):
    """Drive takes the identifier no more: a file that had it was deleted, or is another's."""


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
            "mimeType": self.mime_type,
            "description": self.description,
        }
        return {name: value for name, value in body.items() if value}


def begin(drive: Drive, target: Target, total: int | None) -> UploadSession:
    """A new session for `target`, of `total` bytes (None: unknown).

    Raises:
        IdentifierSpent: another identifier has to be taken.
        CustodyError: in all its kinds.
    """
    try:
        return UploadSession.begin(drive, target.body(), target.mime_type, total)
    except DriveRefused as refused:
        if refused.about == "file.id":
            raise IdentifierSpent("the identifier cannot be used") from refused
        if refused.code == "file_gone" and drive.find_folder(target.folder_id) is not None:
            # files.get is the first to know what was made a moment ago.
            raise TransientFault("not all of Drive knows the folder yet") from refused
        raise


@dataclass(repr=False)
class Attempt:
    """One attempt at one identifier, over as many sessions as it takes."""

    drive: Drive
    target: Target
    window: Window
    next_chunk: Callable[[int | None], int]
    stop: StopSignal
    progress: Progress
    on_session: Callable[[SecretStr], None]
    session: UploadSession | None
    pause_seconds: float
    may_be_whole: bool = False
    """Whether Drive may have all of it: it was given that, now or earlier, and did not answer."""

    @property
    def session_address(self) -> SecretStr | None:
        """The address of the session in which Drive may have some of the file."""
        return None if self.session is None else self.session.address

    def run(self) -> DriveFile:
        """The file, whole and verified.

        Raises:
            IdentifierSpent: nothing is left under this one; another has to be taken.
            CustodyError: in all its kinds.
        """
        try:
            found = self._send()
        except TransientFault:  # perhaps only Drive's last answer was missing
            if (looked_up := self._look()) is None or looked_up.md5 != self.window.md5:
                raise
            found = looked_up
        self.window.finish()  # the md5 means nothing before the whole source has been read
        if found.md5 != self.window.md5:
            self.drive.delete(self.target.file_id)
            raise IdentifierSpent("it is not what was read", code="checksum_mismatch")
        found = replace(found, size=self.window.read)
        if self.stop.cancelled:  # while Drive's answer was on its way
            raise UploadCancelled("cancelled", arrived=found)
        if self.window.source.size is None:
            with suppress(CustodyError):  # it is in Drive all the same
                self.drive.mark_size(found.id, self.window.read)
        return found

    def give_up(self) -> tuple[DriveFile | None, bool]:
        """Have nothing more arrive; what has arrived all the same, and whether more may have.

        What is there and not the file is deleted.
        """
        if self.session is not None:
            self.session.cancel()  # first: it might still complete
        if not self.may_be_whole:
            return None, False
        try:
            found = self.drive.find(self.target.file_id)
            if found is not None and self.window.whole and found.md5 != self.window.md5:
                self.drive.delete(found.id)
                found = None
        except CustodyError:
            return None, True
        return found, False

    def _look(self) -> DriveFile | None:
        """What Drive has under the identifier, where it may be the file; None also if unknown."""
        found = None
        if self.window.whole:
            with suppress(CustodyError):
                found = self.drive.find(self.target.file_id)
            self.stop.check()
        return found

    def _send(self) -> DriveFile:
        """Send the file until Drive has all of it; or the file that has the identifier already."""
        failures, reached = 0, 0
        at: int | None = None  # what Drive has; None: it is asked
        while True:
            self.stop.check()
            try:
                answer = self._step(at)
            except TransientFault as fault:
                at, failures = None, failures + 1
                if failures >= _TRIES:
                    raise
                wait = fault.retry_after or jittered(self.pause_seconds * 2 ** (failures - 1))
                self.stop.wait(min(wait, self.pause_seconds * _LONGEST_WAIT))
                continue
            if isinstance(answer, DriveFile):
                return answer
            self.progress.confirm(answer)
            if answer > reached:
                reached, failures = answer, 0
            at = answer

    def _step(self, at: int | None) -> DriveFile | int:
        """One question or one chunk: the file as Drive has it, or how many bytes Drive has."""
        session = self.session
        try:
            if session is None:
                self._begin()
                return 0
            answer = session.ask(self.window.total) if at is None else self._chunk(session, at)
        except (SessionLost, DriveRefused) as error:
            if error.code != "exists" and not isinstance(error, SessionLost):
                raise
            found = self.drive.find(self.target.file_id)
            if found is not None:  # it may be the file: only Drive's last answer was lost
                return self._with_checksum(found)
            self.session = None
            raise TransientFault("the session was lost") from error
        if not isinstance(answer, int):
            return self._with_checksum(answer)
        self.may_be_whole = False
        if at is not None and answer <= at:
            raise TransientFault("Drive keeps nothing of what it is sent")
        if self.window.total is not None and answer > self.window.total:
            raise TransientFault("Drive has more than there is")
        return answer

    def _begin(self) -> None:
        self.window.prepare()
        session = begin(self.drive, self.target, self.window.total)
        self.on_session(session.address)
        self.session = session

    def _chunk(self, session: UploadSession, at: int) -> DriveFile | int | None:
        total = self.window.total
        most = None if total is None else max(total - at, 0)
        # Of a source that can be opened anywhere nothing is kept: then one chunk is enough.
        if most is None or not self.window.source.seekable:
            most = self.next_chunk(most)
        length = self.window.length(at, most)
        pieces = self._counted(self.window.pieces(at, length), at)
        try:
            return session.send(at, length, self.window.total, pieces)
        finally:
            self.progress.hold()

    def _counted(self, pieces: Iterator[bytes], begin: int) -> Iterator[bytes]:
        http = self.drive.connections
        before = http.sent  # the head has gone, and nothing of the body

        def delivered() -> int | None:
            sent = http.sent  # first: what goes meanwhile is not counted, rather than too early
            waiting = http.unacknowledged()
            return None if waiting is None else begin + max(sent - before - waiting, 0)

        self.progress.follow(delivered)
        at = begin
        for piece in pieces:
            yield piece
            at += len(piece)
        self.may_be_whole = at == self.window.total

    def _with_checksum(self, found: DriveFile | None) -> DriveFile:
        """The file under the identifier with its checksum, from `found` if that tells it.

        Unknown is not wrong: what Drive's last answer lacks, files.get is asked for.

        Raises:
            TransientFault: it does not tell either. Nothing is deleted; a later try asks again.
        """
        for pause in _CHECKSUM_PAUSES:
            if found is not None and found.id == self.target.file_id and found.md5:
                return found
            self.stop.pause(pause * self.pause_seconds)
            found = self.drive.find(self.target.file_id)
            if found is None:
                break
        raise TransientFault("Drive does not tell the checksum")
