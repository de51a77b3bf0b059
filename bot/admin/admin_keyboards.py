"""Buttons that only administrators are given; the gate refuses them from anybody else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from telegram import InlineKeyboardButton, InlineKeyboardMarkup

from bot.texts.buttons import Row, button, keyboard, turns
from bot.texts.catalogue import Texts

VERBS: Final = frozenset({"health", "quarantine", "hold", "alarm", "roster"})
"""What the `callback_data` of all of them begins with."""
_IN_A_ROW: Final = 4


def health(t: Texts) -> InlineKeyboardMarkup:
    """Below what /health says."""
    return keyboard(
        [button(t.label("🔄 Refresh"), "health"), button(t.label("🗄 Quarantine"), "quarantine:new")]
    )


def held(t: Texts, count: int) -> InlineKeyboardMarkup:
    """Many are on hold: an administrator decides."""
    return keyboard(
        [button(t.label("📦 Set {count} aside", count=count), "hold:ask")],
        [button(t.label("🔍 Show"), "quarantine:new")],
    )


def confirm_held(t: Texts, count: int) -> InlineKeyboardMarkup:
    """Asks whether all that is on hold is to be set aside."""
    return keyboard(
        [button(t.label("Yes, set {count} aside", count=count), "hold:yes")],
        [button(t.label("No, leave them"), "hold:no")],
    )


def alarm(t: Texts, id: str, *, may_block: bool) -> InlineKeyboardMarkup:
    """A key looks stolen.

    Args:
        id: the alarm's.
        may_block: whether it is about a key that still opens something.
    """
    block = [button(t.label("🚫 Block this key"), f"alarm:block:{id}")] if may_block else []
    return keyboard(block, [button(t.label("👌 It is fine"), f"alarm:fine:{id}")])


def quarantine(
    t: Texts, entries: Sequence[tuple[int, str]], page: int, pages: int, held: int
) -> InlineKeyboardMarkup:
    """The list: a number for each entry (its number, its id), and the neighbouring pages."""
    rows: list[Row] = []
    if held:
        rows.append(
            [
                button(t.label("📦 Set all aside"), "hold:ask"),
                button(t.label("Leave them"), "hold:no"),
            ]
        )
    taps = [button(str(number), f"quarantine:open:{id}") for number, id in entries]
    rows += [taps[start : start + _IN_A_ROW] for start in range(0, len(taps), _IN_A_ROW)]
    beside = turns(
        page,
        "quarantine:page:{}".format,
        more=page + 1 < pages,
        back=t.label("◀ Newer"),
        on=t.label("Older ▶"),
    )
    return keyboard(*rows, beside, [button(t.label("🔄 Refresh"), f"quarantine:page:{page}")])


def entry(t: Texts, id: str) -> InlineKeyboardMarkup:
    """One entry: put back, or deleted."""
    return keyboard(
        [
            button(t.label("♻ Restore"), f"quarantine:restore:{id}"),
            button(t.label("🗑 Purge"), f"quarantine:purge:{id}"),
        ],
        [back(t)],
    )


def confirm_purge(t: Texts, id: str) -> InlineKeyboardMarkup:
    """Asks whether a copy in quarantine is to be deleted."""
    return keyboard(
        [button(t.label("Yes, delete it for good"), f"quarantine:purge-yes:{id}")],
        [button(t.label("No, keep it"), f"quarantine:open:{id}")],
    )


def to_list(t: Texts) -> InlineKeyboardMarkup:
    """After something was done."""
    return keyboard([back(t)])


def back(t: Texts) -> InlineKeyboardButton:
    """To the list."""
    return button(t.label("◀ Back to the list"), "quarantine:page:0")
