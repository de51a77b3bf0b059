"""What is said of uploads that their owner has cancelled."""

from __future__ import annotations

from bot.texts.buttons import Shown
from bot.texts.catalogue import Texts
from bot.uploads import keyboards
from bot.uploads.ends import UNCONFIRMED
from bot.uploads.jobs import UploadJob
from bot.uploads.texts.arrived import arrived


def cancelling(job: UploadJob, t: Texts) -> str:
    """It is on its way, and about to end."""
    if len(job.files) == 1:
        return t.tr("⏹ Cancelling <b>{name}</b> …", name=job.name)
    return t.tr("⏹ Cancelling the album …")


def cancelling_already(job: UploadJob, t: Texts) -> str:
    """The same is wanted once more, before it has ended."""
    if len(job.files) == 1:
        return t.tr("⏹ <b>{name}</b> is being cancelled already …", name=job.name)
    return t.tr("⏹ The album is being cancelled already …")


def cancelled(job: UploadJob, t: Texts) -> str:
    """It was not on its way, and has ended at once."""
    if len(job.files) == 1:
        return t.tr("⏹ <b>{name}</b> was cancelled.", name=job.name)
    return t.tr(
        "⏹ The album was cancelled. In your Drive: {done} of {count} files.",
        done=len(job.arrived),
        count=len(job.files),
    )


def at_once(job: UploadJob, t: Texts) -> Shown:
    """The same, with what has arrived of an album, where nobody else reads it."""
    text = cancelled(job, t)
    if not job.is_private:
        return text, None
    return "\n".join((text, *arrived(job, t))), keyboards.album(t, job)


def stopped(job: UploadJob, t: Texts) -> str:
    """It was on its way, and nothing of the file under way has arrived."""
    if len(job.files) > 1:
        return cancelled(job, t)
    return t.tr("⏹ <b>{name}</b> was cancelled, nothing of it is in your Drive.", name=job.name)


def ended(job: UploadJob, code: str, t: Texts) -> Shown:
    """It was on its way, and has ended by `code`."""
    if code != UNCONFIRMED:
        return stopped(job, t), None
    file = job.next_file or job.files[0]
    text = t.tr(
        "⏹ I stopped uploading <b>{name}</b>, but Google does not answer just now, so I cannot "
        "tell whether it had arrived already. Look in the folder “{folder}” of your Drive, or tap "
        "the button in a few minutes.",
        name=file.name,
        folder=job.folder_name,
    )
    return text, keyboards.look_for(t, file.drive_file_id)


def outcome(job: UploadJob, t: Texts) -> str:
    """For the answer to /cancel: how it has ended, which its own message says at length."""
    if job.state != "done":
        return ended(job, job.cancel_code, t)[0]
    if len(job.files) > 1:
        return t.tr("⏹ It was too late to cancel the album: it is in your Drive already.")
    [file] = job.files
    return t.tr(
        "⏹ It was too late to cancel <b>{name}</b>: it is in your Drive already.",
        name=t.link(file.name, file.link),
    )
