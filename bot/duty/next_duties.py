"""What comes next, as a text. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from bot.duty import days
from bot.texts.catalogue import Html, Texts
from sheets.months import Month
from sheets.people.rosters import Own, Part
from sheets.timing import Shift

DAYS: Final = 5
OLD_SECONDS: Final = 1800.0
"""What was looked at before that is an old copy, at the usual interval."""
_AHEAD: Final = 62
"""Days that are looked through."""


@dataclass(frozen=True, slots=True)
class Titled:
    """A roster of somebody's, with what people call it."""

    own: Own
    title: str
    """With the department's name: 淡海 班表"""


@dataclass(frozen=True, slots=True)
class _Entry:
    day: date
    start: float
    words: str
    is_blank: bool = False


def next_duties(
    rosters: Sequence[Titled], now: float, t: Texts, *, old_seconds: float = OLD_SECONDS
) -> str:
    """The message of /duty.

    Args:
        rosters: those that the person is on.
        now: Unix seconds.
        old_seconds: what was looked at longer ago could not be read.
    """
    lines = [*_old(rosters, now, t, old_seconds)]
    running = [*_running(rosters, now, t)]
    listed = _listed(rosters, now, t)
    if lines:
        lines.append("")
    lines += running
    if listed:
        lines += [t.tr("Next"), *([] if running else [""])]
    else:
        lines.append(t.tr("No more duties this month."))
    ends = ["", *(looked_at(one, now, t) for one in rosters)]
    return days.fitting(lines, [entry.words for entry in listed], ends)


def looked_at(one: Titled, now: float, t: Texts) -> str:
    """淡海 班表, looked at 3 minutes ago"""
    seconds = max(now - (one.own.state.looked_at or now), 0.0)
    minutes = int(seconds // 60)
    if minutes < 1:
        return t.tr("{sheet}, looked at just now", sheet=one.title)
    if minutes < 60:
        return t.plural(
            "{sheet}, looked at {number} minute ago",
            "{sheet}, looked at {number} minutes ago",
            minutes,
            sheet=one.title,
        )
    if minutes < 48 * 60:
        return t.plural(
            "{sheet}, looked at {number} hour ago",
            "{sheet}, looked at {number} hours ago",
            minutes // 60,
            sheet=one.title,
        )
    return t.plural(
        "{sheet}, looked at {number} day ago",
        "{sheet}, looked at {number} days ago",
        minutes // 1440,
        sheet=one.title,
    )


def _old(rosters: Sequence[Titled], now: float, t: Texts, old_seconds: float) -> Iterator[str]:
    """Said of the one that is oldest; and where what is there now is not taken over."""
    read = [one for one in rosters if one.own.state.looked_at is not None]
    oldest = min(read, key=lambda one: one.own.state.looked_at or 0.0, default=None)
    if oldest is not None:
        looked = oldest.own.state.looked_at or now
        here, age = oldest.own.local(now), now - looked
        if age >= old_seconds:
            when = Html(days.at(oldest.own.local(looked), here.date(), t))
            hours = int(age // 3600)
            yield (
                t.plural(
                    "⚠ The roster could not be read for {number} hour; this is from {when}.",
                    "⚠ The roster could not be read for {number} hours; this is from {when}.",
                    hours,
                    when=when,
                )
                if hours
                else t.plural(
                    "⚠ The roster could not be read for {number} minute; this is from {when}.",
                    "⚠ The roster could not be read for {number} minutes; this is from {when}.",
                    int(age // 60),
                    when=when,
                )
            )
            return
    for one in rosters:
        today = one.own.local(now).date()
        shown = {"", *(str(Month.of(today + timedelta(days=ahead))) for ahead in (0, DAYS - 1))}
        for part in one.own.parts.values():
            if part.period in shown and (said := put_right(one.own, part, now, t)):
                yield said
                return


def put_right(own: Own, part: Part, now: float, t: Texts) -> str:
    """That something newer is held, or has a fault, and since when this is; else empty."""
    if part.is_newest:
        return ""
    when = Html(days.at(own.local(part.at), own.local(now).date(), t))
    return t.tr("⚠ The roster is being put right; this is from {when}.", when=when)


def _running(rosters: Sequence[Titled], now: float, t: Texts) -> Iterator[str]:
    for one in rosters:
        here = one.own.local(now)
        for part in one.own.parts.values():
            for shift in part.shifts:
                if shift.start is None or shift.end is None or not _runs(shift, now):
                    continue
                today = here.date()
                yield t.tr(
                    "▶ Now: {what} · {start}–{end}, {left}",
                    what=Html(days.label(shift.duty, one.own.sheet.shape, t)),
                    start=Html(days.relative(shift.start, today, t)),
                    end=Html(days.relative(shift.end, today, t, beside=shift.start.date())),
                    left=Html(_left(shift.end.timestamp() - now, t)),
                )


def _left(seconds: float, t: Texts) -> str:
    minutes = max(-int(-seconds // 60), 1)
    if minutes < 60:
        return t.plural("{number} minute left", "{number} minutes left", minutes)
    hours, minutes = divmod(minutes, 60)
    if not minutes:
        return t.plural("{number} hour left", "{number} hours left", hours)
    return t.tr("{hours} h {minutes} min left", hours=hours, minutes=minutes)


def _listed(rosters: Sequence[Titled], now: float, t: Texts) -> list[_Entry]:
    found: dict[date, list[_Entry]] = {}
    known = set[date]()
    is_one = len({one.own.sheet.department for one in rosters}) == 1
    for one in rosters:
        name = one.own.sheet.title if is_one else one.title
        for day, entries in _of(one, now, t, name if len(rosters) > 1 else ""):
            known.add(day)
            found.setdefault(day, []).extend(entries)
    by_day: list[list[_Entry]] = []
    for day in sorted(known):
        # Of an empty cell nothing is said where another roster says something.
        mine = sorted(found[day], key=lambda entry: entry.start)
        by_day.append([entry for entry in mine if not entry.is_blank] or mine[:1])
    while by_day and by_day[-1][0].is_blank:
        by_day.pop()
    first = next((at for at, mine in enumerate(by_day) if not mine[0].is_blank), 0)
    # Days without anything are shown between others, and today's; not a week of them.
    begin = first if first >= DAYS else 0
    return [entry for mine in by_day[begin : begin + DAYS] for entry in mine]


def _of(one: Titled, now: float, t: Texts, name: str) -> Iterator[tuple[date, list[_Entry]]]:
    """Each day of a roster from today on, as far as there is any.

    Args:
        name: the roster's, where the person is on several; empty: it goes without saying.
    """
    own = one.own
    here = own.local(now)
    by_day: dict[date, list[Shift]] = {}
    for part in own.parts.values():
        for shift in part.shifts:
            by_day.setdefault(shift.day, []).append(shift)
    last = max(by_day, default=here.date())
    for ahead in range(_AHEAD):
        day = here.date() + timedelta(days=ahead)
        mine = by_day.get(day, [])
        if day > last or not own.has(Month.of(day)):
            return
        left = [shift for shift in mine if not _is_over(shift, now)]
        if mine and not left:
            continue
        entries = [_entry(one, shift, t, name) for shift in left]
        yield day, entries or [_Entry(day, 0.0, days.line(day, days.NOTHING, t), is_blank=True)]


def _runs(shift: Shift, now: float) -> bool:
    """By the clock of the world: where summer time ends, the wall shows an hour twice."""
    if shift.start is None or shift.end is None:
        return False
    return shift.start.timestamp() <= now < shift.end.timestamp()


def _is_over(shift: Shift, now: float) -> bool:
    """Whether it has ended, or runs and is told of already."""
    return _runs(shift, now) or (shift.end is not None and shift.end.timestamp() <= now)


def _entry(one: Titled, shift: Shift, t: Texts, name: str) -> _Entry:
    shape, own = one.own.sheet.shape, one.own
    words = days.in_words(shift, shape, t, has_codes=own.sheet.codes is not None)
    if name:
        words += ("　" if days.is_wide(t) else " · ") + days.shown(name)
    start = shift.start.timestamp() if shift.start is not None else 0.0
    return _Entry(shift.day, start, days.line(shift.day, words, t))
