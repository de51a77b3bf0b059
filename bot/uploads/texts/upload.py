"""How an upload goes, and how it ended: the words, and the buttons under them."""

from __future__ import annotations

from telegram import InlineKeyboardMarkup

from bot.kinds import LOCAL_FILE_UNREADABLE
from bot.texts.buttons import Shown
from bot.texts.catalogue import Texts
from bot.texts.file_keyboards import short
from bot.texts.filenames import CLOUD_LIMIT, LARGEST
from bot.texts.organisation import organisation_refuses
from bot.texts.reader import that_is_you
from bot.texts.unexpected import Unexpected
from bot.uploads import ends, keyboards
from bot.uploads.jobs import State, UploadJob
from bot.uploads.texts import cancelled as cancel_texts
from bot.uploads.texts.arrived import arrived
from drive import DriveRefused
from security.errors import (
    ConsentRequired,
    CorruptCredential,
    CustodyError,
    OperatorFault,
    RefusedByOrganisation,
)
from upload import SourceFailed, UploadCancelled


class FileElsewhere(OperatorFault):
    """A local Bot API server has put the file where this process, which has taken over from one on
    another machine, has no part in."""

    default_code = LOCAL_FILE_UNREADABLE


class TooLittleSpace(DriveRefused):
    """Known before a byte moves. Sizes in bytes."""

    default_code = "quota_exceeded"

    def __init__(self, needed: int, free: int) -> None:
        super().__init__("the Drive has too little space")
        self.needed = needed
        self.free = free


def accepted(job: UploadJob, before: int, t: Texts) -> Shown:
    """A file or an album was taken in; `before` others are ahead of it."""
    if job.state == "waiting":
        text = (
            t.tr(
                "📥 <b>{name}</b> is waiting. Connect your Google Drive, and I upload it at once.",
                name=job.name,
            )
            if len(job.files) == 1
            else t.tr(
                "📥 {count} files are waiting. Connect your Google Drive, and I upload them at "
                "once.",
                count=len(job.files),
            )
        )
        return text, keyboards.connect_or_cancel(t, job.id)
    if len(job.files) > 1:
        text = t.tr(
            "📥 An album of {count} files – upload starts in a moment …", count=len(job.files)
        )
    elif before:
        text = t.tr(
            "📥 <b>{name}</b> is in line. Files before it: {count}", name=job.name, count=before
        )
    else:
        text = t.tr("📥 <b>{name}</b> – upload starts in a moment …", name=job.name)
    return text, keyboards.accepted(t, job)


def asked_name(job: UploadJob, t: Texts) -> Shown:
    """A file waits while its owner thinks of a name."""
    return (
        t.tr("✏️ <b>{name}</b> waits for its new name.", name=job.name),
        keyboards.asked_name(t, job),
    )


def other_account(job: UploadJob, t: Texts) -> str:
    """Its owner has connected another Google account since."""
    return t.tr(
        "⏹ <b>{name}</b> was meant for another Google account and was not uploaded. "
        "Send it again to put it into the account you use now.",
        name=what_is_left(job, t),
    )


def ended_by(
    error: CustodyError, job: UploadJob, t: Texts
) -> tuple[str, InlineKeyboardMarkup | None, State]:
    """What to say, which buttons to offer, and the state the job is in from now on."""
    name, retry = what_is_left(job, t), keyboards.album(t, job, can_retry=True)
    match error:
        case UploadCancelled(code=ends.ACCOUNT_CHANGED):
            return other_account(job, t), None, "cancelled"
        case UploadCancelled(code=code):
            text, markup = cancel_texts.ended(job, code, t)
            shown = markup or keyboards.album(t, job)
            return "\n".join((text, *arrived(job, t))), shown, "cancelled"
        case ConsentRequired() | CorruptCredential():
            text = t.tr(
                "🔌 <b>{name}</b> is waiting: your connection to Google Drive has ended. "
                "Connect again, and it goes on by itself.",
                name=name,
            )
            return text, keyboards.connect_or_cancel(t, job.id), "waiting"
        case SourceFailed(code="too_big"):
            return too_big(t, name, job.size), None, "cancelled"
        case SourceFailed(code="file_gone"):
            text = t.tr(
                "⚠️ Telegram no longer has <b>{name}</b>. Please send the file again.", name=name
            )
            return text, None, "cancelled"
        case TooLittleSpace():
            text = t.tr(
                "⚠️ <b>{name}</b> was not uploaded: this needs {size}, and your Google Drive has "
                "{free} left. Free some space there, then tap “Try again”.",
                name=name,
                size=t.size(error.needed),
                free=t.size(error.free),
            )
        case DriveRefused(code=code):
            text = _refused(code, name, t)
        case SourceFailed():
            text = t.tr(
                "⚠️ I could not get <b>{name}</b> from Telegram, so it was not uploaded. "
                "Tap “Try again”, or send the file again.",
                name=name,
            )
        case Unexpected():
            text = t.tr(
                "⚠️ <b>{name}</b> was not uploaded: something went wrong on my side. Tap “Try "
                "again”. If it happens again, tell whoever runs this bot this code: "
                "{reference}",
                name=name,
                reference=error.reference,
            ) + that_is_you(t)
        case RefusedByOrganisation(code=code):
            head = t.tr("⚠️ <b>{name}</b> was not uploaded.", name=name)
            text = f"{head}\n\n{organisation_refuses(code, t)}"
        case FileElsewhere():
            text = t.tr(
                "⚠️ <b>{name}</b> was not uploaded: I cannot reach the file on the machine that I "
                "run on now. Please send it again. If it happens again, tell whoever runs this "
                "bot.",
                name=name,
            ) + that_is_you(t)
        case OperatorFault():
            text = t.tr(
                "⚠️ <b>{name}</b> was not uploaded: something is wrong with this bot's "
                "set-up. It is not your fault; whoever runs this bot has to fix it. "
                "Try again later.",
                name=name,
            ) + that_is_you(t)
        case _:
            text = t.tr(
                "⚠️ <b>{name}</b> was not uploaded: Google Drive does not answer just now. "
                "Try again in a few minutes.",
                name=name,
            )
    return _with_album(job, t, text), retry, "failed"


def _refused(code: str, name: str, t: Texts) -> str:
    texts = {
        "quota_exceeded": t.tr(
            "⚠️ <b>{name}</b> was not uploaded: your Google Drive is full. "
            "Free some space there, then tap “Try again”.",
            name=name,
        ),
        "daily_limit": t.tr(
            "⚠️ <b>{name}</b> was not uploaded: Google Drive takes no more uploads today. "
            "Tap “Try again” tomorrow.",
            name=name,
        ),
        "too_many_items": t.tr(
            "⚠️ <b>{name}</b> was not uploaded: the folder in your Drive is full of files. "
            "Choose another one with /folder, then tap “Try again”.",
            name=name,
        ),
        "too_deep": t.tr(
            "⚠️ <b>{name}</b> was not uploaded: its folder lies too deep in your Drive. "
            "Choose one further up with /folder, then tap “Try again”.",
            name=name,
        ),
        **dict.fromkeys(
            ("folder_refused", "not_permitted"),
            t.tr(
                "🔒 <b>{name}</b> was not uploaded: you are not allowed to put files into that "
                "folder. Choose another one with /folder, then tap “Try again”.",
                name=name,
            ),
        ),
        "policy_forbidden": t.tr(
            "🔒 <b>{name}</b> was not uploaded: the organisation your Google account belongs "
            "to does not allow it. Ask its administrator; until that is changed, trying "
            "again does not help.",
            name=name,
        ),
        "too_large_for_drive": t.tr(
            "⚠️ <b>{name}</b> was not uploaded: it is larger than Google Drive takes. "
            "Split it, and send the parts.",
            name=name,
        ),
        "shared_drive_full": t.tr(
            "⚠️ <b>{name}</b> was not uploaded: the shared drive your folder lies in is full. "
            "Choose another folder with /folder, or ask who manages it, then tap “Try again”.",
            name=name,
        ),
    }
    return texts.get(
        code,
        t.tr(
            "⚠️ Google Drive did not accept <b>{name}</b>, so it was not uploaded. "
            "Tap “Try again”. If it happens again, ask whoever runs this bot.",
            name=name,
        ),
    )


def what_is_left(job: UploadJob, t: Texts) -> str:
    """What has not arrived of a job: a file by its name, or how many of an album's."""
    left = [file for file in job.files if file.state != "done"]
    if len(job.files) == 1 or len(left) == 1:
        return left[0].name if left else job.name
    if len(left) == len(job.files):
        return t.label("An album of {count} files", count=len(left))
    return t.label("The rest of the album ({count} files)", count=len(left))


def _with_album(job: UploadJob, t: Texts, text: str) -> str:
    """What one of an album's files has met, which the others would meet as well."""
    if len(job.files) == 1:
        return text
    lines = list[str]()
    if job.arrived:
        counts = {"done": len(job.arrived), "count": len(job.files)}
        head = t.tr("⚠️ Only {done} of {count} files are in your Drive.", **counts)
        lines = [head, *arrived(job, t), ""]
    left = [short(file.name) for file in job.files if file.state != "done"]
    if len(left) > 1:
        text += "\n\n" + t.tr("Not in your Drive yet: {names}", names=", ".join(left))
    return "\n".join([*lines, text])


def too_big(t: Texts, name: str, size: int | None) -> str:
    """Why a file cannot be had from Telegram's cloud, and what can be done. Size in bytes."""
    text = t.tr(
        "⚠️ <b>{name}</b> ({size}) is too big: Telegram hands me files of up to {limit} only.\n\n"
        "Compress it, or split it into parts that are small enough, and send me those; or put it "
        "into your Drive yourself, at drive.google.com or with Google's Drive app.",
        name=name,
        size=t.size(size) if size else "?",
        limit=t.limit(CLOUD_LIMIT),
    )
    if not t.to_administrator:
        return text
    return f"{text}\n\n" + t.tr(
        "🛠 You run this bot: with a Bot API server of your own it takes files of up to {limit}. "
        "How is in docs/operations.md.",
        limit=t.limit(LARGEST),
    )
