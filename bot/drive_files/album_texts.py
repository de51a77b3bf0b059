"""An album in words: which of its files are in Drive, and what came of what was done to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from telegram import InlineKeyboardMarkup

from bot.drive_files import moving
from bot.texts import album_keyboards
from bot.texts.buttons import Shown
from bot.texts.catalogue import Texts
from bot.texts.file_keyboards import short
from bot.texts.filenames import shown_text
from bot.uploads.jobs import JobFile, UploadJob
from bot.uploads.texts.arrived import why
from config.languages import N_
from drive import DriveFile, DriveFolder, DriveRefused
from security.custody.deadline import NotWanted
from security.errors import ConsentRequired, CorruptCredential, CustodyError, TransientFault

_LONGEST_LINK: Final = 128
"""What is longer stands behind the name: a message holds 4096 characters, and an album 20 files."""
_FOLDER_LENGTH: Final = 100
_IN_THE_BIN: Final = N_("it is in your Drive's bin")


@dataclass(frozen=True, slots=True, repr=False)
class Outcome:
    """What came of one file: as it is in Drive now, or what kept it from that."""

    file: JobFile
    found: DriveFile | None = None
    error: CustodyError | NotWanted | None = None


def view(job: UploadJob, outcomes: Sequence[Outcome], page: int, t: Texts) -> Shown:
    """The files of an album as they are now, each a button that opens it."""
    found = [outcome.found for outcome in outcomes if outcome.found is not None]
    present = [file for file in found if not file.trashed]
    lines = [
        t.tr(
            "📚 An album of {count} files. In your Drive: {done}",
            count=len(job.files),
            done=len(present),
        )
    ]
    failed = [file for file in job.files if file.state == "failed"]
    lines += [_line(file.name, why(file.result), t) for file in failed]
    lines += _failures(outcomes, t, is_change=False)
    lines += [_line(file.name, _IN_THE_BIN, t) for file in found if file.trashed]
    markup = album_keyboards.view(t, job.id, found, page, can_change=bool(present))
    return "\n".join(lines), markup


def sharing_question(job: UploadJob, t: Texts) -> Shown:
    """Share all asks first."""
    text = t.tr(
        "🔗 Share the files of this album? Files: {count}\n\nAnyone who has a file's link can then "
        "open it, without signing in, until you stop sharing.",
        count=_count(job),
    )
    names = [t.tr("• {name}", name=short(file.name_there or file.name)) for file in job.arrived]
    return "\n".join([text, *names]), album_keyboards.sure_to_share(t, job.id)


def shared(job: UploadJob, outcomes: Sequence[Outcome], t: Texts) -> Shown:
    """The links, one a file, and what is not shared."""
    lines = [
        t.tr(
            "🔗 Shared: {done} of {count}. Anyone with these links can open the files:",
            done=len(_done(outcomes)),
            count=len(outcomes),
        )
        if _done(outcomes)
        else t.tr("⚠️ Nothing of this album could be shared.")
    ]
    for file in _done(outcomes):
        lines.append(t.tr("• {name}", name=t.link(short(file.name), file.link)))
        if len(file.link) <= _LONGEST_LINK:
            lines.append(t.link(file.link, file.link))
    lines += _failures(outcomes, t)
    return "\n".join(lines), album_keyboards.after_sharing(t, job.id, is_any=bool(_done(outcomes)))


def unshared(job: UploadJob, outcomes: Sequence[Outcome], t: Texts) -> Shown:
    """Whose links no longer open for others."""
    head = t.tr(
        "🔒 No longer open for others by their links: {done} of {count}",
        done=len(_done(outcomes)),
        count=len(outcomes),
    )
    return _told(job, head, outcomes, t)


def moving_question(job: UploadJob, level: moving.Level, t: Texts) -> Shown:
    """Where to, with the bot's folders as buttons."""
    question = t.tr("📁 Where shall the files of this album go? Files: {count}", count=_count(job))
    return moving.described(question, level, t), album_keyboards.destinations(
        t, job.id, level.here, level.above, level.inside
    )


def moved(job: UploadJob, outcomes: Sequence[Outcome], folder: DriveFolder, t: Texts) -> Shown:
    """Which are in that folder now."""
    name = shown_text(folder.name, _FOLDER_LENGTH)
    head = (
        t.tr(
            "📁 In the folder “{folder}” now: {done} of {count}",
            done=len(_done(outcomes)),
            count=len(outcomes),
            folder=t.link(name, folder.link),
        )
        if _done(outcomes)
        else t.tr("⚠️ Nothing of this album could be moved into “{folder}”.", folder=name)
    )
    return _told(job, head, outcomes, t)


def renamed(job: UploadJob, outcomes: Sequence[Outcome], t: Texts) -> Shown:
    """Which files that were there before have the names they were sent under."""
    head = t.tr(
        "✏️ Renamed: {done} of {count}",
        done=len(_done(outcomes)),
        count=len(outcomes),
    )
    return _told(job, head, outcomes, t)


def _told(job: UploadJob, head: str, outcomes: Sequence[Outcome], t: Texts) -> Shown:
    """What was done, with which files, and what not."""
    done = [t.tr("• {name}", name=t.link(short(f.name), f.link)) for f in _done(outcomes)]
    markup: InlineKeyboardMarkup = album_keyboards.back(t, job.id)
    return "\n".join([head, *done, *_failures(outcomes, t)]), markup


def _failures(outcomes: Sequence[Outcome], t: Texts, *, is_change: bool = True) -> list[str]:
    lines = list[str]()
    for outcome in outcomes:
        if outcome.error is not None:
            name = outcome.file.name_there or outcome.file.name
            lines.append(_line(name, _why(outcome.error, is_change=is_change), t))
    return lines


def _line(name: str, why: str, t: Texts) -> str:
    return t.tr("⚠️ {name}: {why}", name=short(name), why=t.label(why))


def _why(error: CustodyError | NotWanted, *, is_change: bool) -> str:
    """What kept one file from it, in a few words."""
    match error:
        case DriveRefused(code="file_gone"):
            return N_("it is no longer in your Drive")
        case DriveRefused(code="trashed"):
            return _IN_THE_BIN
        case DriveRefused(code="sharing_forbidden" | "policy_forbidden"):
            return N_("the organisation of your Google account does not allow it")
        case DriveRefused(code="not_permitted"):
            return N_("you are not allowed to do that with it")
        case DriveRefused(code="folder_refused" | "too_many_items" | "too_deep"):
            return N_("that folder takes nothing more from you")
        case TransientFault() if not is_change:
            return N_("Google did not answer in time")
        case NotWanted():
            return N_("cancelled, but it may have been done all the same")
        case TransientFault():
            return N_("Google did not answer in time, and may have done it all the same")
        case ConsentRequired() | CorruptCredential():
            return N_("your connection to Google Drive has ended")
        case _:
            return N_("it did not work")


def _done(outcomes: Sequence[Outcome]) -> list[DriveFile]:
    return [outcome.found for outcome in outcomes if outcome.found is not None]


def _count(job: UploadJob) -> int:
    return len({file.drive_file_id for file in job.arrived})
