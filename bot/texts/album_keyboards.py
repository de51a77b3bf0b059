"""Buttons of albums: "verb:the upload's id[:more]", which fits into 64 bytes.

They serve the upload's owner, for as long as it is kept. What a summary has begins a message of its
own; all others change the one they stand under.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from telegram import InlineKeyboardMarkup

from bot.texts import file_keyboards
from bot.texts.buttons import Row, button, keyboard, turns
from bot.texts.catalogue import Texts
from drive import DriveFile, DriveFolder

PAGE: Final = 10
"""An album of Telegram's; live photos are two files each."""


def rows(t: Texts, job_id: str) -> list[Row]:
    """What can be done with all the files of an album."""
    return [[button(t.label("📚 Its files"), f"album:{job_id}")], _all_row(t, job_id)]


def view(
    t: Texts, job_id: str, files: Sequence[DriveFile], page: int, *, can_change: bool
) -> InlineKeyboardMarkup:
    """The files of an album, a button each.

    Args:
        page: which of them, from 0.
        can_change: whether there is any that could be shared or moved.
    """
    page = min(page, max(len(files) - 1, 0) // PAGE)
    shown = files[page * PAGE : (page + 1) * PAGE]
    each = [
        [
            button(
                f"{file_keyboards.IN_BIN}{file_keyboards.named(t, file)}"
                if file.trashed
                else file_keyboards.named(t, file),
                f"file:{file.id}",
            )
        ]
        for file in shown
    ]
    more = len(files) > (page + 1) * PAGE
    beside = turns(page, lambda other: f"album-back:{job_id}:{other}", more=more)
    return keyboard(*each, beside, _all_row(t, job_id) if can_change else [])


def sure_to_share(t: Texts, job_id: str) -> InlineKeyboardMarkup:
    """A question whose yes is spelt out."""
    yes = button(t.label("Yes, share them"), f"album-share-yes:{job_id}")
    return keyboard([yes], [button(t.label("No, leave it"), f"album-back:{job_id}")])


def after_sharing(t: Texts, job_id: str, *, is_any: bool) -> InlineKeyboardMarkup:
    """`is_any`: whether anything is shared that could be taken back."""
    undo = button(t.label("🔒 Stop sharing them"), f"album-unshare:{job_id}")
    return keyboard([undo] if is_any else [], _back_row(t, job_id))


def destinations(
    t: Texts,
    job_id: str,
    here: DriveFolder | None,
    above: DriveFolder | None,
    inside: Sequence[tuple[DriveFolder, bool]],
) -> InlineKeyboardMarkup:
    """Where its files may go, as for one file."""
    return file_keyboards.destinations(t, job_id, here, above, inside, kind="album")


def back(t: Texts, job_id: str) -> InlineKeyboardMarkup:
    """From what was done to the files."""
    return keyboard(_back_row(t, job_id))


def _all_row(t: Texts, job_id: str) -> Row:
    return [
        button(t.label("🔗 Share all"), f"album-share:{job_id}"),
        button(t.label("📁 Move all"), f"album-in:{job_id}"),
    ]


def _back_row(t: Texts, job_id: str) -> Row:
    return [button(t.label("📚 Its files"), f"album-back:{job_id}")]
