"""Buttons under duties. Each names the one person whom it serves, and the gate refuses others."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from telegram import InlineKeyboardButton, InlineKeyboardMarkup

from bot.duty import days
from bot.texts.buttons import Row, button, keyboard
from bot.texts.catalogue import Texts
from security.credential import Owner
from sheets.months import Month

VERB: Final = "duty"
IN_GROUPS: Final = frozenset({"n", "m"})
"""Actions of buttons that may stand in a group: looking, and nothing else."""
_MARK: Final = 8


def mark_of(sheet: str) -> str:
    """What stands for a sheet in a button, which has 64 bytes for all it says."""
    return hashlib.sha256(sheet.encode()).hexdigest()[:_MARK]


def action_of(argument: str) -> tuple[str, str]:
    """What a button does, and to what."""
    _, _, rest = argument.partition(":")
    action, _, about = rest.partition(":")
    return action, about


def month_in(about: str) -> tuple[str, Month] | None:
    """The mark of a sheet, and a month; None: there are none in it."""
    mark, _, period = about.partition(":")
    try:
        return mark, Month.parse(period)
    except ValueError:
        return None


class Buttons:
    """Those of one person."""

    def __init__(self, owner: Owner, t: Texts) -> None:
        self._owner = owner
        self._t = t

    def after_next(
        self, this: str, following: str, *, calendar: bool, changes: bool | None
    ) -> InlineKeyboardMarkup:
        """Under the next duties.

        Args:
            this, following: what the months' buttons are about; empty: there is none.
            calendar: whether an address of the calendar can be had.
            changes: whether they are told of them; None: it is not for this chat.
        """
        t = self._t
        months: Row = []
        if this:
            months.append(self._to(t.label("This month"), "m", this))
        if following:
            months.append(self._to(t.label("Next month"), "m", following))
        more: Row = []
        if calendar:
            more.append(self._to(t.label("Add to calendar"), "a"))
        if changes is not None:
            label = t.label("✓ Tell me of changes") if changes else t.label("Tell me of changes")
            more.append(self._to(label, "c", "0" if changes else "1"))
        return keyboard(months, more)

    def after_month(
        self,
        before: tuple[str, Month] | None,
        after: tuple[str, Month] | None,
        others: Sequence[Row],
    ) -> InlineKeyboardMarkup:
        """Under a month: to those beside it, to the same of other rosters, and back.

        Args:
            before, after: a month, with what its button is about.
            others: buttons to the same month of other rosters.
        """
        beside: Row = []
        if before is not None:
            label = f"← {days.month_of(before[1], self._t)}"
            beside.append(self._to(label, "m", before[0]))
        if after is not None:
            beside.append(self._to(f"{days.month_of(after[1], self._t)} →", "m", after[0]))
        return keyboard(beside, *others, [self.next()])

    def missing(self, about: str, this: str, *, may_wait: bool) -> InlineKeyboardMarkup:
        """Under a month that is not there yet."""
        row: Row = []
        if may_wait:
            row.append(self._to(self._t.label("Tell me"), "w", about))
        if this:
            row.append(self._to(self._t.label("This month"), "m", this))
        return keyboard(row or [self.next()])

    def changed(self, about: str) -> InlineKeyboardMarkup:
        """Under what has changed."""
        t = self._t
        return keyboard(
            [
                self._to(t.label("This month"), "m", about),
                self._to(t.label("No more of these"), "x"),
            ]
        )

    def only_month(self, label: str, about: str) -> InlineKeyboardMarkup:
        """Nothing but a month."""
        return keyboard([self._to(label, "m", about)])

    def revoke(self, id: str) -> InlineKeyboardMarkup:
        """Under an address of the calendar."""
        return keyboard([self._to(self._t.label("Revoke"), "r", id)])

    def unlink(self) -> InlineKeyboardMarkup:
        """Asks first."""
        return keyboard(self.unlink_row())

    def unlink_row(self) -> Row:
        """The same as a row."""
        return [self._to(self._t.label("Unlink me from the roster"), "u")]

    def confirm_unlink(self) -> InlineKeyboardMarkup:
        """Whether they are to be unlinked."""
        t = self._t
        return keyboard(
            [self._to(t.label("Yes, unlink"), "u", "yes")],
            [self._to(t.label("No, keep everything"), "u", "no")],
        )

    def only_next(self) -> InlineKeyboardMarkup:
        """Nothing but the way to the next duties."""
        return keyboard([self.next()])

    def other(self, title: str, about: str) -> Row:
        """The same month of another roster."""
        return [self._to(title, "m", about)]

    def next(self) -> InlineKeyboardButton:
        """To the next duties."""
        return self._to(self._t.label("Next"), "n")

    def _to(self, label: str, action: str, about: str = "") -> InlineKeyboardButton:
        data = f"{VERB}:{self._owner.key}:{action}"
        return button(label, f"{data}:{about}" if about else data)


def about(sheet: str, month: Month) -> str:
    """What a month's button is about."""
    return f"{mark_of(sheet)}:{month}"
