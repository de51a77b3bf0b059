"""Buttons of files that are in Drive: "verb:Drive's id[:more]", which fits into 64 bytes.

They need no memory, so they work for as long as the file is there, whoever has started anew.
"""

from __future__ import annotations

import base64
import unicodedata
from collections.abc import Sequence
from hashlib import blake2s
from typing import Final

from telegram import InlineKeyboardMarkup

from bot.texts.buttons import Row, button, keyboard, link, turns
from bot.texts.catalogue import Texts
from drive import DriveFile, DriveFolder
from drive.uploading.names import clean_name

_DATA_BYTES: Final = 64  # https://core.telegram.org/bots/api#inlinekeyboardbutton
_NAME_COLUMNS: Final = 40
_ENDING_COLUMNS: Final = 11
_BEFORE_SIZE: Final = " · "
SEND: Final = "⬇️ "
IN_BIN: Final = "🗑 "
"""Signs before a file's name on a button."""
MOST_FOLDERS: Final = 40
"""A keyboard holds a hundred buttons."""


def actions(t: Texts, file_id: str, address: str, *, shared: bool = False) -> list[Row]:
    """What can be done with a file that has just arrived, or has just been looked at."""
    return [
        [*open_row(t, address), button(t.label("⬇️ Send here"), f"file-send:{file_id}")],
        [
            button(t.label("✏️ Rename"), f"file-name:{file_id}"),
            button(t.label("📁 Move"), f"file-in:{file_id}"),
        ],
        [
            button(t.label("🔒 Stop sharing"), f"file-unshare:{file_id}")
            if shared
            else button(t.label("🔗 Share"), f"file-share:{file_id}"),
            button(t.label("🗑 Delete"), f"file-bin:{file_id}"),
        ],
    ]


def card(t: Texts, file: DriveFile, *, shared: bool) -> InlineKeyboardMarkup:
    """Under everything there is to say about a file."""
    if file.trashed:
        return keyboard([button(t.label("↩️ Undo"), f"file-unbin:{file.id}")])
    return keyboard(*actions(t, file.id, file.link, shared=shared))


def sure(t: Texts, file_id: str, verb: str, yes: str) -> InlineKeyboardMarkup:
    """A question whose yes is spelt out."""
    return keyboard([button(yes, f"{verb}:{file_id}")], _leave_row(t, file_id))


def back(t: Texts, file_id: str) -> InlineKeyboardMarkup:
    """From what did not work to the file."""
    return keyboard([button(t.label("↩️ Back to the file"), f"file-back:{file_id}")])


def folder_key(folder_id: str) -> str:
    """Two identifiers of Drive do not fit into one button: this stands for the folder's."""
    digest = blake2s(folder_id.encode(), digest_size=6).digest()
    return base64.urlsafe_b64encode(digest).decode()


def destinations(
    t: Texts,
    file_id: str,
    here: DriveFolder | None,
    above: DriveFolder | None,
    inside: Sequence[tuple[DriveFolder, bool]],
    *,
    kind: str = "file",
) -> InlineKeyboardMarkup:
    """Where a file may go.

    Args:
        file_id: of the file, or whatever else `kind` names: the verbs begin with that.
        here: the folder that is looked into; None: those in none of the bot's own.
        above: the one around it; None: there is none of the bot's.
        inside: the folders in there, each with whether it has folders itself.
    """
    rows: list[Row] = []
    if here is not None:
        rows.append(
            [button(t.label("✅ Move it here"), f"{kind}-to:{file_id}:{folder_key(here.id)}")]
        )
    for folder, has_more in inside[:MOST_FOLDERS]:
        key = folder_key(folder.id)
        row = [button(f"📁 {short(folder.name)}", f"{kind}-to:{file_id}:{key}")]
        if has_more:
            row.append(button(t.label("Look inside ▸"), f"{kind}-in:{file_id}:{key}"))
        rows.append(row)
    if here is not None:
        key = folder_key(above.id) if above else ""
        rows.append([button(t.label("⬆️ Up"), f"{kind}-in:{file_id}:{key}")])
    return keyboard(*rows, _leave_row(t, file_id, kind))


def page(
    t: Texts, files: Sequence[DriveFile], number: int, search: str, *, more: bool
) -> InlineKeyboardMarkup:
    """A page of files: each opens its card."""
    rows = [[button(named(t, file), f"file:{file.id}")] for file in files]
    beside = turns(number, lambda other: files_data(other, search), more=more)
    last = [button(t.label("🔎 Search"), "files-search")]
    if search:
        last.append(button(t.label("🗂 All files"), files_data(0, "")))
    return keyboard(*rows, beside, last)


def offers(t: Texts, files: Sequence[DriveFile]) -> InlineKeyboardMarkup:
    """Several files have such a name: a tap sends one."""
    return keyboard(
        *([button(f"{SEND}{named(t, file)}", f"file-send:{file.id}")] for file in files)
    )


def open_row(t: Texts, address: str) -> Row:
    """Opens a file's page at Google; empty where no address is known."""
    return [link(t.label("Open in Drive"), address)] if address else []


def opened(t: Texts, address: str) -> InlineKeyboardMarkup | None:
    """Where a file can be had that cannot be sent."""
    return keyboard(open_row(t, address)) if address else None


def unsent(t: Texts, file: DriveFile) -> InlineKeyboardMarkup:
    """A file did not get into the chat."""
    again = button(t.label("🔄 Try again"), f"file-send:{file.id}")
    return keyboard([again], open_row(t, file.link))


def files_data(number: int, search: str) -> str:
    """A page's button. A search that is too long for it is cut: a beginning finds the same."""
    head = f"files:{number}:"
    return head + search.encode()[: _DATA_BYTES - len(head)].decode(errors="ignore")


def _leave_row(t: Texts, file_id: str, kind: str = "file") -> Row:
    return [button(t.label("No, leave it"), f"{kind}-back:{file_id}")]


def named(t: Texts, file: DriveFile) -> str:
    """A file's name and size, as far as Drive tells them."""
    name = short(file.name)
    return name if file.size is None else f"{name}{_BEFORE_SIZE}{t.size(file.size)}"


def name_on(label: str) -> str:
    """The name on a button that `named` has written; "": it is none of those."""
    name, _, _ = label.rpartition(_BEFORE_SIZE)
    return name.removeprefix(SEND).removeprefix(IN_BIN)


def short(name: str) -> str:
    """A name that fits into a button or a list, on a phone: its beginning and its ending."""
    name = clean_name(name)
    if len(_fitting(name, _NAME_COLUMNS)) == len(name):
        return name
    ending = _fitting(name[::-1], _ENDING_COLUMNS)[::-1]
    return f"{_fitting(name, _NAME_COLUMNS - _ENDING_COLUMNS - 1)}…{ending}"


def _fitting(text: str, columns: int) -> str:
    """The beginning of `text` that takes so many columns: wide characters take two (UAX #11)."""
    for place, char in enumerate(text):
        columns -= 2 if unicodedata.east_asian_width(char) in "WF" else 1
        if columns < 0:
            return text[:place]
    return text
