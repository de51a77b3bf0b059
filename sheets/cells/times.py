"""Times of the day as sheets write them: `05:30`, `0530`, `24:30`, a fraction of a day."""

from __future__ import annotations

import re
from typing import Final

DAY: Final = 24 * 60
"""Minutes."""

_CLOCK: Final = re.compile(
    r"(?P<next>翌日|次日|隔日|翌|\+1)?\s*(?P<half>上午|下午|AM|PM)?\s*"
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(:\d{2})?"
    r"\s*(?P<half2>AM|PM)?\s*(?P<next2>\(?(翌日|次日|隔日|\+1)\)?)?",
    re.IGNORECASE,
)
_BARE: Final = re.compile(r"(?P<hour>\d{1,2})(?P<minute>\d{2})")
_FRACTION: Final = re.compile(r"[01]?\.\d+")


def minutes_of(text: str, serial: float | None = None) -> int | None:
    """Minutes since the midnight before; None: it is no time. From 1440 on it is the next day.

    Args:
        text: of a normalised cell.
        serial: its number, where it is formatted as a time.
    """
    if serial is not None:
        # With a date: the time of it. Without: hours may go past 24.
        return _within(round((serial % 1 if serial >= 2 else serial) * DAY))
    if match := _CLOCK.fullmatch(text):
        return _on_the_clock(match)
    if match := _BARE.fullmatch(text):
        return _of(int(match["hour"]), int(match["minute"]))
    return _within(round(float(text) * DAY)) if _FRACTION.fullmatch(text) else None


def _on_the_clock(match: re.Match[str]) -> int | None:
    hour = int(match["hour"])
    half = (match["half"] or match["half2"] or "").upper()
    if half:
        if hour > 12:
            return None
        hour = hour % 12 + (12 if half in {"下午", "PM"} else 0)
    found = _of(hour, int(match["minute"]))
    is_next = bool(match["next"] or match["next2"])
    if found is None or not is_next:
        return found
    return found if found >= DAY else found + DAY


def _of(hour: int, minute: int) -> int | None:
    return _within(hour * 60 + minute) if minute < 60 else None


def _within(minutes: int) -> int | None:
    return minutes if 0 <= minutes < 2 * DAY else None


def end_after(start: int, end: int) -> int:
    """The end as minutes since the midnight before the start: one that is not after its start is
    on the next day, or the one after where the start itself is a next day's."""
    return end if end > start else start + ((end - start) % DAY or DAY)


def clock(minutes: int) -> str:
    """`05:30`; what is of the next day without saying so."""
    return f"{minutes // 60 % 24:02}:{minutes % 60:02}"
