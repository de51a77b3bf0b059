"""A day and its duties in words. Pure: by the reader's language, no clock, no storage."""

from __future__ import annotations

import html
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final

from babel.dates import format_date
from babel.numbers import format_decimal

from bot.texts.catalogue import Html, Texts, no_command
from config.languages import N_, isolated
from sheets.kinds.contents import LEAVE, REST, SHIFT, Duties, Duty
from sheets.months import Month
from sheets.shapes.models import Shape
from sheets.timing import Shift, in_full

NOTHING: Final = "—"
"""Instead of an empty cell: whoever looks for Wednesday must find it."""
LONGEST: Final = 3900
"""Characters of a message; Telegram takes 4096."""
_REST: Final = frozenset({"休", "R", "OFF"})
_LEAVES: Final = {
    "特休": N_("annual leave"),
    "例假": N_("regular day off"),
    "公假": N_("official leave"),
    "病假": N_("sick leave"),
    "事假": N_("personal leave"),
}
_LONGEST: Final = 60
"""Characters of a cell that are shown."""


def is_wide(t: Texts) -> bool:
    """Whether the language writes characters of one width, and full-width signs between them."""
    return t.language != "en"


def shown(text: str) -> str:
    """What a cell says, as HTML."""
    cut = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    return isolated(html.escape(no_command(cut), quote=False))


def day_of(day: date, t: Texts) -> str:
    """11/30（一） or Mon 30 Nov."""
    if not is_wide(t):
        return str(format_date(day, "EEE d MMM", locale=t.language))
    weekday = format_date(day, "EEEEE", locale=t.language)
    return f"{day.month:02}/{day.day:02}（{weekday}）"


def short_day_of(day: date, t: Texts) -> str:
    """01（二） or Tue 1: within a month."""
    if not is_wide(t):
        return str(format_date(day, "EEE d", locale=t.language))
    return f"{day.day:02}（{format_date(day, 'EEEEE', locale=t.language)}）"


def month_of(month: Month | date, t: Texts) -> str:
    """12 月 or December."""
    if is_wide(t):
        return f"{month.month} 月"
    return str(format_date(date(month.year, month.month, 1), "LLLL", locale=t.language))


def hours_of(minutes: int, t: Texts) -> str:
    """As many hours: 2, 1.5"""
    return str(format_decimal(round(minutes / 60, 2), format="#,##0.##", locale=t.language))


def time_of(minutes: int, t: Texts) -> str:
    """2 h, 1 h 30 min"""
    hours, left = divmod(minutes, 60)
    if not left:
        return t.tr("{hours} h", hours=hours)
    return t.tr("{hours} h {minutes} min", hours=hours, minutes=left)


def label(duty: Duty, shape: Shape, t: Texts) -> str:
    """What a duty is called, without times, as HTML."""
    match duty.kind:
        case k if k == SHIFT:
            name = duty.code or duty.text  # in a list of days, of one that says its times alone
            return shown(f"{duty.rest}/{name}" if duty.rest else name)
        case k if k == REST:
            if duty.rest.upper() in _REST:
                return t.tr("rest")
            return t.tr("rest ({kind})", kind=Html(shown(duty.rest)))
        case k if k == LEAVE:
            name = in_full(duty, shape)
            return t.tr(_LEAVES[name]) if name in _LEAVES else shown(name)
        case _:
            return shown(duty.text)


def in_month(shift: Shift, shape: Shape, t: Texts) -> str:
    """The same for a month's line: 1425G+2"""
    duty = shift.duty
    if not shift.is_known:
        return f"⚠ {label(duty, shape, t)}"
    more = f"+{hours_of(duty.overtime, t)}" if duty.overtime else ""
    return label(duty, shape, t) + more


def times(shift: Shift, t: Texts) -> str:
    """14:25–00:55 next day (2 h overtime); empty: nothing is known of them."""
    found = ""
    if shift.start is not None or shift.end is not None:
        found = f"{_clock(shift.start)}–{_end(shift, t)}"
    if shift.duty.overtime and shift.duty.kind == SHIFT:
        extra = t.tr("({time} overtime)", time=time_of(shift.duty.overtime, t))
        found += extra if is_wide(t) or not found else f" {extra}"
    return found


def in_words(shift: Shift, shape: Shape, t: Texts, *, has_codes: bool = True) -> str:
    """A duty with its times, without its day.

    Args:
        has_codes: whether there is a table in which its code could stand.
    """
    name, when = label(shift.duty, shape, t), times(shift, t)
    if not shift.is_known and shift.start is None and shift.end is None:
        if not has_codes:
            return t.tr("⚠ {text} (no times known)", text=Html(name))
        return t.tr("⚠ {text} (not in the table of codes: no times)", text=Html(name))
    if when and shift.duty.kind == SHIFT and not shift.duty.code:
        return when
    name = name if shift.is_known else f"⚠ {name}"
    return f"{name}{'　' if is_wide(t) else ' · '}{when}" if when else name


def line(day: date, words: str, t: Texts) -> str:
    """A day, and what is on it."""
    return day_of(day, t) + ("" if is_wide(t) else " · ") + words


def names_of(duties: Duties, shape: Shape, t: Texts) -> str:
    """Several duties of one day, without times."""
    found = []
    for duty in duties:
        more = f"+{hours_of(duty.overtime, t)}" if duty.overtime else ""
        found.append(label(duty, shape, t) + more)
    return " / ".join(found) or NOTHING


def relative(moment: datetime, today: date, t: Texts, *, beside: date | None = None) -> str:
    """yesterday 17:35

    Args:
        beside: a day that was just said: on that one the time alone is enough.
    """
    clock, day = _clock(moment), moment.date()
    if day == beside:
        return clock
    match (day - today).days:
        case 0:
            return t.tr("today {time}", time=clock)
        case -1:
            return t.tr("yesterday {time}", time=clock)
        case 1:
            return t.tr("tomorrow {time}", time=clock)
        case _:
            return f"{day_of(day, t)} {clock}"


def at(moment: datetime, today: date, t: Texts) -> str:
    """11:40 today"""
    clock, day = _clock(moment), moment.date()
    if day == today:
        return t.tr("{time} today", time=clock)
    if day == today - timedelta(days=1):
        return t.tr("{time} yesterday", time=clock)
    return f"{day_of(day, t)} {clock}"


def fitting(head: Sequence[str], rows: Sequence[str], end: Sequence[str] = ()) -> str:
    """A message of these lines; of its rows as many as Telegram takes, never half a one."""
    room = LONGEST - sum(len(line) + 1 for line in (*head, *end))
    kept = list[str]()
    for row in rows:
        room -= len(row) + 1
        if room < 0:
            kept.append("…")
            break
        kept.append(row)
    return "\n".join([*head, *kept, *end])


def _clock(moment: datetime | None) -> str:
    return "" if moment is None else moment.strftime("%H:%M")


def _end(shift: Shift, t: Texts) -> str:
    if shift.end is None or shift.end.date() <= shift.day:
        return _clock(shift.end)
    return t.tr("{time} next day", time=_clock(shift.end))
