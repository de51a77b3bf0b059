"""One file into one Drive: resumable, streaming, verified.

Everything here blocks and runs in a thread. Bytes go on while they arrive; what Drive has not yet
acknowledged is kept, unless the source can be read again there. The identifier is prepared
beforehand, so that no retry makes a second file, and Drive's md5 is compared with that of the
bytes that were read. A later process goes on where this one stopped.
https://developers.google.com/workspace/drive/api/guides/manage-uploads#resumable
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from typing import Final

from pydantic import SecretStr

from drive import Drive, DriveFile, DriveRefused
from drive.uploading.attempt import Attempt, IdentifierSpent, Target
from drive.uploading.budget import ChunkBudget
from drive.uploading.progress import Progress
from drive.uploading.session import UploadSession
from drive.uploading.source import Source, SourceFailed, SourceSpoilt
from drive.uploading.stopping import StopSignal, TimeLimit, UploadCancelled, UploadInterrupted
from drive.uploading.window import Window
from security.errors import CustodyError

__all__ = [
    "ChunkBudget",
    "Progress",
    "Source",
    "SourceFailed",
    "SourceSpoilt",
    "StopSignal",
    "Target",
    "UploadCancelled",
    "UploadInterrupted",
    "discard",
    "upload",
]

PAUSE_SECONDS: Final = 1.0
LOOK_SECONDS: Final = 5.0
"""How long Drive has to say what became of an upload that ends, and to forget it: a person waits
for that."""
_SHARED: Final = ChunkBudget()
_ATTEMPTS: Final = 3


def upload(
    drive: Drive,
    source: Source,
    target: Target,
    *,
    progress: Progress,
    stop: StopSignal,
    pause_seconds: float = PAUSE_SECONDS,
    on_new_id: Callable[[str], None] = lambda _: None,
    session: SecretStr | None = None,
    on_session: Callable[[SecretStr], None] = lambda _: None,
    budget: ChunkBudget = _SHARED,
) -> DriveFile:
    """Put `source` into `drive` as `target`, exactly once.

    Args:
        progress: tells other threads how many bytes Drive has.
        stop: set from elsewhere: whatever is waited for, the connection to Drive is cut at once.
        pause_seconds: before the second try; doubles with every further one, jittered.
        on_new_id: told the identifier that takes a spent one's place, before it is used.
        session: of an earlier run for the same target: Drive has some of it, or all.
        on_session: told the address of each session, before bytes move in it.
        budget: what all running uploads may hold.

    Raises:
        UploadInterrupted: Drive keeps what it has, and `session` goes on.
        UploadCancelled: within seconds. Nothing is left in Drive, unless it says otherwise: what
            has `arrived` stays there, whole, for the person to decide; where it `may_have_arrived`
            Drive did not say in time.
        DriveRefused, SourceFailed("file_gone"): for good; nothing is left in Drive, as far as it
            could still be reached.
        SourceFailed, TransientFault, ConsentRequired, OperatorFault: it may pass; as interrupted.
    """
    with drive.stopped_by(stop):
        refusal: CustodyError
        for _ in range(_ATTEMPTS):
            with closing(Window(source, stop)) as window, budget.share() as next_chunk:
                begun = UploadSession.resumed(drive, session)
                attempt = Attempt(
                    *(drive, target, window, next_chunk, stop, progress, on_session, begun),
                    pause_seconds,
                    may_be_whole=session is not None,
                )
                try:
                    return attempt.run()
                except IdentifierSpent as spent:
                    refusal = spent
                except SourceSpoilt as spoilt:
                    # Bytes that are not the file's may have gone into this session.
                    discard(drive, target.file_id, attempt.session_address)
                    refusal = spoilt
                    stop.wait(pause_seconds)
                except UploadCancelled as cancelled:
                    if cancelled.arrived is None:
                        with _in_time(drive):
                            cancelled.arrived, cancelled.may_have_arrived = attempt.give_up()
                    raise
                except CustodyError as error:
                    if error.code == "file_gone" or isinstance(error, DriveRefused):
                        discard(drive, target.file_id, attempt.session_address)
                    raise
            session = None
            target = replace(target, file_id=drive.new_file_id())
            on_new_id(target.file_id)
        raise refusal


@contextmanager
def _in_time(drive: Drive) -> Iterator[None]:
    """Within this Drive has so long for all its answers together, whatever stops the upload."""
    with TimeLimit(LOOK_SECONDS) as limit, drive.stopped_by(limit):
        yield


def discard(drive: Drive, file_id: str, session: SecretStr | None) -> None:
    """Leave nothing of an upload that is given up in Drive, as far as it can be reached in time."""
    with _in_time(drive), suppress(CustodyError):
        if (begun := UploadSession.resumed(drive, session)) is not None:
            begun.cancel()  # first: it might still complete
        drive.delete(file_id)
