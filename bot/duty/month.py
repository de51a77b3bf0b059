"""A month as a text. Pure."""

from __future__ import annotations

import unicodedata
from collections import Counter
from datetime import date, timedelta
from typing import Final

from bot.duty import days
from bot.texts.catalogue import Html, Texts
from sheets.months import Month
from sheets.people.rosters import Own, Part
from sheets.timing import Shift, Sums, sums_of

_COLUMN: Final = 4
"""Full-width characters."""
_LINE: Final = 17
"""As many fit into a line on a narrow phone: two days that need more have a line each."""


def month_view(
    own: Own, part: Part, month: Month, t: Texts, *, title: str = "", warning: str = ""
) -> str:
    """The sums, which people ask for, and then every day.

    Args:
        part: of that month, or the one that is of none.
        title: the roster's, where the person is on several; empty: it goes without saying.
        warning: what is to be known of it first.
    """
    first, end = month.first, month.plus(1).first
    mine = [shift for shift in part.shifts if first <= shift.day < end]
    lines = [warning, ""] if warning else []
    lines += [days.shown(title)] if title else []
    lines += _sums(mine, month, own, t)
    if not mine:
        return "\n".join([*lines, t.tr("Nothing is entered for this month.")])
    by_day: dict[date, list[Shift]] = {}
    for shift in mine:
        by_day.setdefault(shift.day, []).append(shift)
    cells = []
    for ahead in range(month.days):
        day = first + timedelta(days=ahead)
        said = [days.in_month(shift, own.sheet.shape, t) for shift in by_day.get(day, [])]
        cells.append((day, " / ".join(said) or days.NOTHING))
    return days.fitting(lines, _rows(cells, t))


def not_there(own: Own, month: Month, t: Texts) -> str:
    """The first sentence about a month whose tab is missing."""
    return t.tr(
        "{month}’s roster is not there yet (no tab {tab}).",
        month=Html(days.month_of(month, t)),
        tab=own.tab_title(month),
    )


def looks(minutes: float, t: Texts) -> str:
    """That it is looked for."""
    every = round(minutes)
    if every == 10:
        return t.tr("I look every ten minutes and can tell you when it comes.")
    return t.plural(
        "I look every {number} minute and can tell you when it comes.",
        "I look every {number} minutes and can tell you when it comes.",
        max(every, 1),
    )


def _sums(shifts: list[Shift], month: Month, own: Own, t: Texts) -> list[str]:
    sums = sums_of(shifts)
    counts = []
    if sums.shifts:
        counts.append(t.plural("{number} duty", "{number} duties", sums.shifts))
    if sums.rests:
        counts.append(t.plural("{number} rest", "{number} rests", sums.rests))
    if days.is_wide(t):
        names, leaves = getattr(own.sheet.shape, "leaves", {}), Counter[str]()
        for kind, count in sums.leaves.items():  # 特 and 特休 are one
            leaves[names.get(kind, kind)] += count
        counts += [f"{count} {days.shown(name)}" for name, count in leaves.items()]
    elif sums.leaves:
        counts.append(t.plural("{number} leave", "{number} leaves", sum(sums.leaves.values())))
    head = t.tr("{month} {year}", month=Html(days.month_of(month, t)), year=month.year)
    between = "　" if days.is_wide(t) else " · "
    lines = [head + (between + " · ".join(counts) if counts else "")]
    if sums.minutes:
        lines.append(_time(sums, t))
    return [*lines, ""]


def _time(sums: Sums, t: Texts) -> str:
    if sums.minutes % 60 or sums.overtime % 60:
        time = days.time_of(sums.minutes, t)
        if not sums.overtime:
            return t.tr("{time} in all", time=time)
        overtime = days.time_of(sums.overtime, t)
        return t.tr("{time} in all, {overtime} of it overtime", time=time, overtime=overtime)
    hours = days.hours_of(sums.minutes, t)
    if not sums.overtime:
        return t.tr("{hours} hours", hours=hours)
    overtime = days.hours_of(sums.overtime, t)
    return t.tr("{hours} hours, {overtime} of them overtime", hours=hours, overtime=overtime)


def _rows(cells: list[tuple[date, str]], t: Texts) -> list[str]:
    if not days.is_wide(t):
        return [f"{days.short_day_of(day, t)} · {said}" for day, said in cells]
    rows = []
    for at in range(0, len(cells), 2):
        texts = [days.short_day_of(day, t) + said for day, said in cells[at : at + 2]]
        space = "　" * max(_COLUMN - _width(cells[at][1]), 1)
        both = space.join(texts)
        rows += [both] if _width(both) <= _LINE else texts
    return rows


def _width(text: str) -> int:
    """In full-width characters, rounded up."""
    wide = sum(1.0 if unicodedata.east_asian_width(sign) in "WF" else 0.5 for sign in text)
    return -int(-wide // 1)
