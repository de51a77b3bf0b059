"""Buttons, where a person would rather tap. `callback_data` is `verb` or `verb:argument`."""

from __future__ import annotations

from telegram import InlineKeyboardButton, InlineKeyboardMarkup

from bot.drive_files import file_keyboards
from bot.texts.catalogue import LANGUAGES, Texts
from bot.uploads.jobs import UploadJob

Rows = list[list[InlineKeyboardButton]]


def _keyboard(*rows: list[InlineKeyboardButton]) -> InlineKeyboardMarkup:
    return InlineKeyboardMarkup(rows)


def _tap(text: str, data: str) -> InlineKeyboardButton:
    return InlineKeyboardButton(text, callback_data=data)


def connect(t: Texts) -> InlineKeyboardMarkup:
    """One button that begins a connection."""
    return _keyboard([_tap(t.label("🔗 Connect Google Drive"), "connect")])


def approve(t: Texts, address: str) -> InlineKeyboardMarkup:
    """To Google's page, and a way out."""
    return _keyboard(
        [InlineKeyboardButton(t.label("Open Google's page"), url=address)],
        [_tap(t.label("Cancel"), "consent-cancel")],
    )


def confirm_account(t: Texts, consent_id: str) -> InlineKeyboardMarkup:
    """Is the account that approved yours?"""
    return _keyboard(
        [_tap(t.label("✅ Yes, that is mine"), f"consent-yes:{consent_id}")],
        [_tap(t.label("❌ No, not mine"), f"consent-no:{consent_id}")],
    )


def try_again(t: Texts) -> InlineKeyboardMarkup:
    """One button that begins a connection anew."""
    return _keyboard([_tap(t.label("🔄 Try again"), "connect")])


def yes_no(t: Texts, verb: str, yes: str) -> InlineKeyboardMarkup:
    """A question whose yes is spelt out; `verb` gets the argument yes or no."""
    return _keyboard(
        [_tap(yes, f"{verb}:yes")],
        [_tap(t.label("No, keep everything"), f"{verb}:no")],
    )


def status(t: Texts) -> InlineKeyboardMarkup:
    """What a connected person may want next."""
    return _keyboard(
        [_tap(t.label("🔁 Use another account"), "connect")],
        [_tap(t.label("Disconnect"), "disconnect:ask")],
    )


def privacy(t: Texts) -> InlineKeyboardMarkup:
    """The button that deletes everything asks first."""
    return _keyboard([_tap(t.label("🗑 Delete all my data"), "erase:ask")])


def languages() -> InlineKeyboardMarkup:
    """Every language by its own name."""
    return _keyboard(*([_tap(name, f"language:{code}")] for code, name in LANGUAGES.items()))


def cancel_upload(t: Texts, job_id: str) -> InlineKeyboardMarkup:
    """Stop one upload."""
    return _keyboard([_tap(t.label("Cancel"), f"upload-cancel:{job_id}")])


def connect_or_cancel(t: Texts, job_id: str) -> InlineKeyboardMarkup:
    """A file waits for its owner to connect."""
    return _keyboard(
        [_tap(t.label("🔗 Connect Google Drive"), "connect")],
        [_tap(t.label("Cancel"), f"upload-cancel:{job_id}")],
    )


def private_chat(t: Texts, address: str) -> InlineKeyboardMarkup:
    """Out of a group, to where nobody else reads."""
    return _keyboard([InlineKeyboardButton(t.label("💬 Write to me privately"), url=address)])


def private_chat_or_cancel(t: Texts, address: str, job_id: str) -> InlineKeyboardMarkup:
    """A group's file waits for its owner to connect."""
    return _keyboard(
        [InlineKeyboardButton(t.label("💬 Write to me privately"), url=address)],
        [_tap(t.label("Cancel"), f"upload-cancel:{job_id}")],
    )


def show_link(t: Texts, job_id: str) -> InlineKeyboardMarkup:
    """In a group a link is shown when its owner says so."""
    return _keyboard([_tap(t.label("Show the link here"), f"group-link:{job_id}")])


def retry_upload(t: Texts, job_id: str) -> InlineKeyboardMarkup:
    """An upload failed in a way that may pass."""
    return _keyboard(
        [_tap(t.label("🔄 Try again"), f"upload-retry:{job_id}")],
        [_tap(t.label("Cancel"), f"upload-cancel:{job_id}")],
    )


def accepted_upload(t: Texts, job: UploadJob) -> InlineKeyboardMarkup:
    """What can still be done about an upload that has not begun."""
    rows = [[_tap(t.label("Cancel"), f"upload-cancel:{job.id}")]]
    if len(job.files) == 1:
        rows.insert(0, [_tap(t.label("✏️ Rename"), f"upload-rename:{job.id}")])
    return _keyboard(*rows)


def asked_name(t: Texts, job: UploadJob) -> InlineKeyboardMarkup:
    """An upload waits for its new name."""
    return _keyboard(
        [_tap(t.label("Keep the name"), f"upload-keep:{job.id}")],
        [_tap(t.label("Cancel"), f"upload-cancel:{job.id}")],
    )


def uploaded(t: Texts, job: UploadJob) -> InlineKeyboardMarkup | None:
    """What can be done with what has arrived."""
    if len(job.files) > 1:
        return None
    [file] = job.files
    rows: Rows = []
    if file.drive_file_id:
        rows = file_keyboards.after(t, file.drive_file_id, file.link)
    elif file.link:
        rows = [[InlineKeyboardButton(t.label("Open in Drive"), url=file.link)]]
    if file.result == "duplicate":
        rows.append([_tap(t.label("Upload it all the same"), f"upload-again:{job.id}")])
    return _keyboard(*rows)
