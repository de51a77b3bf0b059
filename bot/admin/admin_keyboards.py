"""Buttons that only administrators are given; the gate refuses them from anybody else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from telegram import InlineKeyboardButton, InlineKeyboardMarkup

from bot.texts.catalogue import Texts

VERBS: Final = frozenset({"health", "quarantine", "hold"})
"""What the `callback_data` of all of them begins with."""
_IN_A_ROW: Final = 4


def _tap(text: str, data: str) -> InlineKeyboardButton:
    return InlineKeyboardButton(text, callback_data=data)


def health(t: Texts) -> InlineKeyboardMarkup:
    """Below what /health says."""
    return InlineKeyboardMarkup(
        [[_tap(t.label("🔄 Refresh"), "health"), _tap(t.label("🗄 Quarantine"), "quarantine:new")]]
    )


def held(t: Texts, count: int) -> InlineKeyboardMarkup:
    """Many are on hold: an administrator decides."""
    return InlineKeyboardMarkup(
        [
            [_tap(t.label("📦 Set {count} aside", count=count), "hold:ask")],
            [_tap(t.label("🔍 Show"), "quarantine:new")],
        ]
    )


def confirm_held(t: Texts, count: int) -> InlineKeyboardMarkup:
    """The question before it."""
    return InlineKeyboardMarkup(
        [
            [_tap(t.label("Yes, set {count} aside", count=count), "hold:yes")],
            [_tap(t.label("No, leave them"), "hold:no")],
        ]
    )


def quarantine(
    t: Texts, entries: Sequence[tuple[int, str]], page: int, pages: int, held: int
) -> InlineKeyboardMarkup:
    """The list: a number for each entry (its number, its id), and the neighbouring pages."""
    rows = []
    if held:
        rows.append(
            [
                _tap(t.label("📦 Set all aside"), "hold:ask"),
                _tap(t.label("Leave them"), "hold:no"),
            ]
        )
    taps = [_tap(str(number), f"quarantine:open:{id}") for number, id in entries]
    rows += [taps[start : start + _IN_A_ROW] for start in range(0, len(taps), _IN_A_ROW)]
    turns = []
    if page > 0:
        turns.append(_tap(t.label("◀ Newer"), f"quarantine:page:{page - 1}"))
    if page + 1 < pages:
        turns.append(_tap(t.label("Older ▶"), f"quarantine:page:{page + 1}"))
    refresh = _tap(t.label("🔄 Refresh"), f"quarantine:page:{page}")
    return InlineKeyboardMarkup([*rows, *([turns] if turns else []), [refresh]])


def entry(t: Texts, id: str) -> InlineKeyboardMarkup:
    """One entry: put back, or deleted."""
    return InlineKeyboardMarkup(
        [
            [
                _tap(t.label("♻ Restore"), f"quarantine:restore:{id}"),
                _tap(t.label("🗑 Purge"), f"quarantine:purge:{id}"),
            ],
            [back(t)],
        ]
    )


def confirm_purge(t: Texts, id: str) -> InlineKeyboardMarkup:
    """The question before it."""
    return InlineKeyboardMarkup(
        [
            [_tap(t.label("Yes, delete it for good"), f"quarantine:purge-yes:{id}")],
            [_tap(t.label("No, keep it"), f"quarantine:open:{id}")],
        ]
    )


def to_list(t: Texts) -> InlineKeyboardMarkup:
    """After something was done."""
    return InlineKeyboardMarkup([[back(t)]])


def back(t: Texts) -> InlineKeyboardButton:
    """To the list."""
    return _tap(t.label("◀ Back to the list"), "quarantine:page:0")
