"""What is asked of a department's Drive for an upload: begin it, see how it stands, give it up.

Everything here blocks, and runs in a thread by `Drives.run`. The bytes never pass through here: a
session takes them from whoever knows its address, and needs no token.
https://developers.google.com/workspace/drive/api/guides/manage-uploads#resumable
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from pydantic import SecretStr

from departments.uploads.records import AnnouncedFile, Record, State
from drive import Drive, DriveFile, DriveRefused, unreadable_answer
from drive.uploading.attempt import IdentifierSpent, Target, begin
from drive.uploading.session import SessionLost, UploadSession


@dataclass(frozen=True, slots=True, repr=False)
class Begun:
    """A session, and the identifier that its file will have."""

    file_id: str
    session: SecretStr
    link: str | None = None
    """Where it is in Drive whole already, and no session has begun; None: it is not."""


@dataclass(frozen=True, slots=True, repr=False)
class Seen:
    """How an upload stands in Drive."""

    state: State
    received: int = 0
    """Bytes."""
    link: str = ""


def begin_session(drive: Drive, file: AnnouncedFile, folder: str, file_id: str) -> Begun:
    """Begin a session for `file`, in the app's folder of this name.

    Args:
        file_id: of an earlier session, which may have been its; "": there was none. Drive keeps
            one file under it, whichever session is the first to end.

    Raises:
        CustodyError: in all its kinds.
    """
    folder_id = drive.ensure_folder(folder)

    def begun(file_id: str) -> Begun:
        target = Target(file_id, file.name, file.mime, folder_id)
        return Begun(file_id, begin(drive, target, file.size).address)

    if file_id:
        try:
            return begun(file_id)
        except IdentifierSpent:
            pass  # the file that had it was deleted in Drive
        except DriveRefused as refused:
            if refused.code != "exists":
                raise
            found = drive.find(file_id)
            if found is not None and found.md5 == file.md5:
                return Begun(file_id, SecretStr(""), found.link)
    return begun(drive.new_file_id())


def look(drive: Drive, record: Record) -> Seen:
    """How an upload that waits for bytes stands by now; another file than the announced one goes
    into Drive's bin.

    Raises:
        CustodyError: in all its kinds; nothing follows from that but to ask again.
    """
    session = UploadSession.resumed(drive, record.session)
    answer: DriveFile | int | None = None
    if session is not None:
        with suppress(SessionLost):
            answer = session.ask(record.file.size)
    if isinstance(answer, int):
        if answer > record.file.size:
            raise unreadable_answer()
        return Seen("waiting", answer)
    found = answer
    if found is None or found.id != record.file_id or not found.md5:
        found = drive.find(record.file_id)
    if found is None:
        return Seen("gone")
    if not found.md5:  # unknown is not wrong
        raise unreadable_answer()
    if found.md5 != record.file.md5:
        # Not deleted: long after it arrived somebody may have put a newer version in its place.
        with suppress(DriveRefused):
            drive.trash(record.file_id)
        return Seen("wrong")
    return Seen("complete", record.file.size, found.link)


def give_up(drive: Drive, session: SecretStr) -> bool:
    """Have Drive forget a session; whether it has, or knew of none."""
    begun = UploadSession.resumed(drive, session)
    return begun is None or begun.cancel()
