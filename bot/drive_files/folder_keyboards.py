"""Buttons of /folder: "verb:Drive's id of the folder that is shown", "" for the top."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from telegram import InlineKeyboardMarkup

from bot.preferences.folder_choices import TEMPLATES
from bot.texts.buttons import Row, button, keyboard, turns
from bot.texts.catalogue import Texts
from drive import DriveFolder
from drive.uploading.names import clean_name

PAGE: Final = 8
_NAME_LENGTH: Final = 32


def level(
    t: Texts,
    path: Sequence[DriveFolder],
    inside: Sequence[DriveFolder],
    page: int,
    chosen: str,
    template: str,
    *,
    is_offer: bool = False,
) -> InlineKeyboardMarkup:
    """A folder, or the top.

    Args:
        path: the folders around it and itself, from the outermost; empty: the top.
        inside: all the folders in there.
        page: which of them are shown, from 0.
        chosen: the identifier of the folder files go into.
        template: of the sub-folders by date.
        is_offer: whether it is the folder that somebody has just named.
    """
    here = path[-1].id if path else ""
    rows: list[Row] = []
    if here and here != chosen:
        use = t.label("✅ Use it") if is_offer else t.label("✅ Use this one")
        rows.append([button(use, f"folder-use:{here}")])
    for folder in inside[page * PAGE : (page + 1) * PAGE]:
        sign = "📂" if folder.id == chosen else "📁"
        rows.append([button(f"{sign} {_short(folder.name)}", f"folder:{folder.id}")])
    more = len(inside) > (page + 1) * PAGE
    rows.append(turns(page, lambda other: f"folder:{here}:{other}", more=more))
    if path:
        above = path[-2].id if len(path) > 1 else ""
        rows.append([button(t.label("⬆️ Up"), f"folder:{above}")])
    rows.append([button(t.label("➕ New folder here"), f"folder-new:{here}")])
    rows.append([button(_by_date(t, template), f"folder-date:{here}:{_following(template)}")])
    return keyboard(*rows)


def _following(template: str) -> str:
    """What a tap changes the sub-folders to: they take turns."""
    names, templates = list(TEMPLATES), list(TEMPLATES.values())
    place = templates.index(template) if template in templates else -1
    return names[(place + 1) % len(names)]


def _by_date(t: Texts, template: str) -> str:
    labels = {
        TEMPLATES["off"]: t.label("🗓 By date: off"),
        TEMPLATES["year"]: t.label("🗓 By date: year"),
        TEMPLATES["month"]: t.label("🗓 By date: year and month"),
    }
    return labels.get(template) or t.label("🗓 By date: {template}", template=template)


def _short(name: str) -> str:
    name = clean_name(name)
    return name if len(name) <= _NAME_LENGTH else f"{name[: _NAME_LENGTH - 1]}…"
