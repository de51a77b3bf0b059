"""What has changed, as a text: for the person, and for a chat in numbers alone. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from bot.duty import days
from bot.texts.catalogue import Html, Texts
from sheets.kinds.contents import Duties
from sheets.people.chats import Count
from sheets.shapes.models import Shape
from sheets.timing import Shift

MOST: Final = 31
"""Days of one message."""


@dataclass(frozen=True, slots=True)
class Changed:
    """One day."""

    day: date
    old: Duties
    new: Duties
    shifts: Sequence[Shift]
    """The new duties with their times."""


def changed(
    changes: Sequence[Changed], shape: Shape, read: datetime, today: date, t: Texts, title: str = ""
) -> str:
    """What a person is told.

    Args:
        read: when it was read, where the sheet's times are.
        title: the roster's, where the person is on several.
    """
    lines = [t.tr("✏️ Your duties have changed")]
    if title:
        lines.append(days.shown(title))
    rows = []
    for one in changes[:MOST]:
        new = days.names_of(one.new, shape, t)
        only = one.shifts[0] if len(one.shifts) == 1 else None
        if only is not None and (only.is_known or only.start is not None):
            new = days.in_words(only, shape, t)
        elif any(not shift.is_known for shift in one.shifts):
            new = f"⚠ {new}"
        rows.append(days.line(one.day, f"{days.names_of(one.old, shape, t)} → {new}", t))
    if len(changes) > MOST:
        rows.append(t.tr("… and {count} more", count=len(changes) - MOST))
    return days.fitting(lines, rows, [_read(read, today, t)])


def _read(read: datetime, today: date, t: Texts) -> str:
    clock = read.strftime("%H:%M")
    if read.date() == today:
        return t.tr("Read today at {time}. If in doubt, ask your planner.", time=clock)
    if read.date() == today - timedelta(days=1):
        return t.tr("Read yesterday at {time}. If in doubt, ask your planner.", time=clock)
    return t.tr(
        "Read on {day} at {time}. If in doubt, ask your planner.",
        day=Html(days.day_of(read.date(), t)),
        time=clock,
    )


def counted(count: Count, title: str, t: Texts) -> str:
    """What a chat is told of one month of a sheet."""
    cells = t.plural("{number} cell changed", "{number} cells changed", count.cells)
    people = t.plural("{number} person affected", "{number} people affected", count.people)
    return t.tr(
        "{sheet}, {month}: {cells}, {people}.",
        sheet=title,
        month=Html(days.month_of(count.month, t)),
        cells=Html(cells),
        people=Html(people),
    )
