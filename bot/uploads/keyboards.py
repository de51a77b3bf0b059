"""Buttons about an upload: each names its job."""

from __future__ import annotations

from telegram import InlineKeyboardMarkup

from bot.texts import album_keyboards, file_keyboards
from bot.texts.buttons import Row, button, connect_row, keyboard, link
from bot.texts.catalogue import Texts
from bot.uploads.jobs import UploadJob


def cancel(t: Texts, job_id: str) -> InlineKeyboardMarkup:
    """Stop one upload."""
    return keyboard(_cancel_row(t, job_id))


def connect_or_cancel(t: Texts, job_id: str) -> InlineKeyboardMarkup:
    """A file waits for its owner to connect."""
    return keyboard(connect_row(t), _cancel_row(t, job_id))


def private_chat(t: Texts, address: str, job_id: str = "") -> InlineKeyboardMarkup:
    """Out of a group, to where nobody else reads.

    Args:
        address: of the private chat.
        job_id: of a group's file that waits for its owner to connect, and can be cancelled.
    """
    return keyboard(
        [link(t.label("💬 Write to me privately"), address)],
        _cancel_row(t, job_id) if job_id else [],
    )


def show_link(t: Texts, job_id: str) -> InlineKeyboardMarkup:
    """In a group a link is shown when its owner says so."""
    return keyboard([button(t.label("Show the link here"), f"group-link:{job_id}")])


def look_for(t: Texts, file_id: str) -> InlineKeyboardMarkup:
    """Whether a file is in its owner's Drive could not be seen; maybe it can later."""
    return keyboard([button(t.label("🔎 Is it there?"), f"file:{file_id}")])


def retry(t: Texts, job_id: str) -> InlineKeyboardMarkup:
    """An upload failed in a way that may pass."""
    return keyboard(_retry_row(t, job_id), _cancel_row(t, job_id))


def accepted(t: Texts, job: UploadJob) -> InlineKeyboardMarkup:
    """What can still be done about an upload that has not begun."""
    rename = button(t.label("✏️ Rename"), f"upload-rename:{job.id}")
    return keyboard([rename] if len(job.files) == 1 else [], _cancel_row(t, job.id))


def asked_name(t: Texts, job: UploadJob) -> InlineKeyboardMarkup:
    """An upload waits for its new name."""
    return keyboard(
        [button(t.label("Keep the name"), f"upload-keep:{job.id}")], _cancel_row(t, job.id)
    )


def uploaded(t: Texts, job: UploadJob) -> InlineKeyboardMarkup:
    """What can be done with the one file that has arrived."""
    [file] = job.files
    rows = [file_keyboards.open_row(t, file.link)]
    if file.drive_file_id:
        rows = file_keyboards.actions(t, file.drive_file_id, file.link)
    if file.result == "duplicate":
        if file.other_name:
            called = t.label("✏️ Call it {name}", name=file_keyboards.short(file.other_name))
            rows.append([button(called, f"upload-named:{job.id}")])
        rows.append([button(t.label("Upload it all the same"), f"upload-again:{job.id}")])
    return keyboard(*rows)


def album(t: Texts, job: UploadJob, *, can_retry: bool = False) -> InlineKeyboardMarkup | None:
    """What can be done with the files of an album that have arrived, and with those that failed."""
    rows = album_keyboards.rows(t, job.id) if job.arrived else []
    others = [file.other_name for file in job.arrived if file.other_name]
    if others:
        rows.append([button(t.label("✏️ Call them as I sent them"), f"album-named:{job.id}")])
    if can_retry:
        rows += [_retry_row(t, job.id), _cancel_row(t, job.id)]
    return keyboard(*rows) if rows else None


def _retry_row(t: Texts, job_id: str) -> Row:
    return [button(t.label("🔄 Try again"), f"upload-retry:{job_id}")]


def _cancel_row(t: Texts, job_id: str) -> Row:
    return [button(t.label("Cancel"), f"upload-cancel:{job_id}")]
