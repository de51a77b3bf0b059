"""One file's bytes into its owner's Drive: what a thread does of a transfer."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from pydantic import SecretStr

from bot.uploads.destinations import Destination, Destinations
from bot.uploads.running.running_job import RunningJob
from drive import Drive, DriveFile, DriveRefused
from upload import Source, Target, upload

Candidates = Callable[[], Coroutine[Any, Any, list[DriveFile]]]


class SameSize(DriveRefused):
    """Before a byte moves: these files in Drive may have the same content."""

    def __init__(self, candidates: list[DriveFile]) -> None:
        super().__init__("there are files of this size")
        self.candidates = candidates


class FileUpload:
    """Runs in a thread, and changes nothing of the job itself.

    What it learns it reports to the event loop; what must outlast a kill it has written down there
    before the next request.
    """

    def __init__(
        self,
        running: RunningJob,
        number: int,
        source: Source,
        candidates: Candidates | None,
        *,
        destinations: Destinations,
        pause_seconds: float,
    ) -> None:
        """
        Args:
            number: of the file in the job.
            candidates: asked on the event loop what may be the same file in Drive already.
            pause_seconds: before a second try; doubles with every further one.
        """
        self._running = running
        self._number = number
        self._source = source
        self._destinations = destinations
        self._pause_seconds = pause_seconds
        self.candidates = candidates
        """None: the file is to be uploaded, whatever is in Drive."""
        file = running.job.files[number]
        self._file_id, self._session = file.drive_file_id, file.session

    def send(self, drive: Drive) -> DriveFile:
        """Upload into the folder as it was seen last, or a new one where that has been deleted.

        Raises:
            SameSize: nothing was sent.
            CustodyError: in all its kinds.
        """
        if not self._file_id:
            self._draw_id(drive)
        destination = self._destination(drive, cached=True)
        try:
            found = self._upload(drive, destination)
        except DriveRefused as refusal:
            if refusal.code == "quota_exceeded" and drive.is_in_shared_drive(destination.folder_id):
                full = "the shared drive is full"
                raise DriveRefused(full, code="shared_drive_full") from refusal
            if refusal.code != "file_gone":
                raise
        else:
            if not found.trashed:
                return found
            drive.delete(found.id)  # the folder is in the bin, and the file with it
        self._draw_id(drive)
        other = self._destination(drive, cached=False)
        if (
            other.folder_name == destination.folder_name
            and other.folder_id != destination.folder_id
        ):
            self._running.report(folder_was_made_again=True)
        return self._upload(drive, other)

    def _draw_id(self, drive: Drive) -> None:
        # Written down with its session: before that, nothing can come of it.
        self._file_id, self._session = drive.new_file_id(), None

    def _destination(self, drive: Drive, *, cached: bool) -> Destination:
        job = self._running.job
        if cached and job.folder_id and self._session is not None:
            # Drive was told so when it began, whatever its owner has chosen since.
            return Destination(job.folder_id, job.folder_name)
        found = self._destinations.find(
            drive, job.owner, job.account_id, job.created_at, cached=cached
        )
        where: dict[str, Any] = {"folder_id": found.folder_id, "folder_name": found.folder_name}
        if found.was_made_again:
            where["folder_was_made_again"] = True
        self._running.report(**where)
        return found

    def _upload(self, drive: Drive, destination: Destination) -> DriveFile:
        file = self._running.job.files[self._number]
        return upload(
            drive,
            self._source,
            Target(
                self._file_id, file.name, file.mime_type, destination.folder_id, file.description
            ),
            progress=lambda gone_out: self._running.report_progress(self._number, gone_out),
            stop=self._running.stop,
            pause_seconds=self._pause_seconds,
            session=self._session,
            on_session=self._on_session,
            on_new_id=lambda file_id: self._write_down(file_id, None),
        )

    def _on_session(self, session: SecretStr) -> None:
        if self.candidates is not None and (found := self._running.ask(self.candidates())):
            raise SameSize(found)
        self._write_down(self._file_id, session)  # from here on, bytes move

    def _write_down(self, file_id: str, session: SecretStr | None) -> None:
        self._file_id, self._session = file_id, session
        work = self._running.save_file(self._number, drive_file_id=file_id, session=session)
        self._running.ask(work)
