"""What has arrived, in words: a file, an album, and what was in Drive before."""

from __future__ import annotations

from typing import Final

from bot.texts.buttons import Shown
from bot.texts.catalogue import Texts
from bot.texts.file_keyboards import short
from bot.texts.filenames import shown_text
from bot.uploads import keyboards
from bot.uploads.ends import ACCOUNT_CHANGED
from bot.uploads.jobs import JobFile, UploadJob, Whereabouts
from config.languages import N_

_FOLDER_LENGTH: Final = 40


def finished(job: UploadJob, t: Texts) -> Shown:
    """Every file of the job has ended, one way or the other."""
    text, markup = _finished(job, t)
    if job.cancel_code == ACCOUNT_CHANGED:
        head = t.tr("⏹ It had arrived already in the Google account you used before.")
        text = f"{head}\n{text}"
    elif job.cancel_code:
        text = t.tr("⏹ It was too late to cancel.") + "\n" + text
    return text, markup


def _finished(job: UploadJob, t: Texts) -> Shown:
    if len(job.files) > 1:
        return _album(job, t)
    [file] = job.files
    if file.result == "duplicate":
        return _was_there(file, t), keyboards.uploaded(t, job)
    text = t.tr(
        "✅ <b>{name}</b> ({size}) is in your Drive, in the folder “{folder}”.",
        name=file.name,
        size=t.size(file.size or 0),
        folder=job.folder_name,
    )
    return text + _made_again(job, t), keyboards.uploaded(t, job)


def _was_there(file: JobFile, t: Texts) -> str:
    """Which file is the same: the one whose name stands in bold."""
    there = file.there or Whereabouts()
    name = t.link(file.name_there, file.link)
    if not file.name_there:  # Drive has told none, or an earlier version did not note it
        lines = [
            t.tr(
                "♻️ <b>{name}</b> is in your Drive already, so I did not upload it again.",
                name=file.name,
            )
        ]
        if there.folder:
            lines.append(t.tr("📁 In the folder “{folder}”", folder=there.folder))
    elif there.folder:
        lines = [
            t.tr(
                "♻️ It is there already as <b>{name}</b> in “{folder}”, so I did not upload it "
                "again.",
                name=name,
                folder=there.folder,
            )
        ]
    else:
        lines = [
            t.tr("♻️ It is there already as <b>{name}</b>, so I did not upload it again.", name=name)
        ]
    if file.name_there not in ("", file.name) and not file.is_unnamed:
        lines.append(t.tr("You sent it as {name}.", name=file.name))
    if there.in_shared_drive:
        lines.append(t.tr("👥 It lies in a shared drive."))
    elif file.there is not None and not there.folder:
        lines.append(t.tr("📁 It lies in a folder that I cannot see."))
    if there.more:
        lines.append(t.tr("Files with the same content beside it: {count}", count=there.more))
    return "\n".join(lines)


def _made_again(job: UploadJob, t: Texts) -> str:
    if not job.folder_was_made_again:
        return ""
    return "\n" + t.tr("📁 That folder was gone from your Drive, so I made it again.")


def _album(job: UploadJob, t: Texts) -> Shown:
    done = job.arrived
    failed = [file for file in job.files if file.state == "failed"]
    counts = {"done": len(done), "count": len(job.files)}
    if not done:
        head = t.tr("⚠️ None of the {count} files was uploaded.", count=len(job.files))
    elif all(file.result == "duplicate" for file in done):
        head = t.tr("✅ {done} of {count} files are in your Drive.", **counts)
    else:
        head = t.tr(
            "✅ {done} of {count} files are in your Drive, in the folder “{folder}”.",
            **counts,
            folder=job.folder_name,
        ) + _made_again(job, t)
    lines = [head, *arrived(job, t)]
    lines += [
        t.tr("⚠️ {name}: {why}", name=short(file.name), why=t.label(why(file.result)))
        for file in failed
    ]
    return "\n".join(lines), keyboards.album(t, job, can_retry=bool(failed))


def arrived(job: UploadJob, t: Texts) -> list[str]:
    """The files of an album that are in Drive, a line each."""
    return [
        was_there(file, t)
        if file.result == "duplicate"
        else t.tr("• {name}", name=t.link(short(file.name), file.link))
        for file in job.arrived
    ]


def was_there(file: JobFile, t: Texts) -> str:
    """One of several files that was in Drive before: as what, and where."""
    folder = shown_text(file.there.folder, _FOLDER_LENGTH) if file.there is not None else ""
    is_other = file.name_there not in ("", file.name)
    name, there = short(file.name), t.link(short(file.name_there or file.name), file.link)
    match is_other, bool(folder):
        case True, True:
            return t.tr(
                "♻️ {name} (there already as {there} in “{folder}”)",
                name=name,
                there=there,
                folder=folder,
            )
        case True, False:
            return t.tr("♻️ {name} (there already as {there})", name=name, there=there)
        case False, True:
            return t.tr("♻️ {name} (it was there before, in “{folder}”)", name=there, folder=folder)
        case _:
            return t.tr("♻️ {name} (it was there before)", name=there)


def why(code: str) -> str:
    """Why one of several files did not arrive, in a few words for a line of a list."""
    return {
        "too_big": N_("too big"),
        "file_gone": N_("Telegram no longer has it"),
    }.get(code, N_("it did not work"))
