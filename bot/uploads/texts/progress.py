"""What is said of a file that is on its way: how far, how fast, and for how long still."""

from __future__ import annotations

from typing import Final

from bot.texts.catalogue import Texts
from bot.uploads.jobs import JobFile
from bot.uploads.pace import Pace
from upload import Progress

_BAR: Final = 10
_SOON: Final = 4
"""Seconds, of which nobody counts the single ones."""


def uploading(
    t: Texts, file: JobFile, progress: Progress, pace: Pace, *, is_late: bool = False
) -> str:
    """One file: nothing is said that is not known, and 100 % is for its end to say.

    `is_late`: it has been prepared for longer than people would expect.
    """
    delivered, size = progress.delivered, file.size or 0
    if not progress.has_begun and is_late:
        return t.tr(
            "⏳ Preparing the upload of <b>{name}</b> takes longer than usual. I keep trying; you "
            "need not send it again.",
            name=file.name,
        )
    if not progress.has_begun:
        return t.tr("⏳ Preparing the upload of <b>{name}</b> …", name=file.name)
    if delivered is None and size:
        return t.tr("📤 Uploading <b>{name}</b> ({size}) …", name=file.name, size=t.size(size))
    if delivered is None:
        return t.tr("📤 Uploading <b>{name}</b> …", name=file.name)
    if not size:
        done = t.tr("📤 Uploading <b>{name}</b> … {done}", name=file.name, done=t.size(delivered))
        return " · ".join((done, *_speed(t, pace)))
    if delivered >= size:
        return t.tr(
            "📤 Drive has all of <b>{name}</b> ({size}), and is checking it …",
            name=file.name,
            size=t.size(size),
        )
    filled = delivered * _BAR // size
    bar = t.tr(
        "📤 Uploading <b>{name}</b>\n{bar} {percent}% · {done} of {size}",
        name=file.name,
        bar="▰" * filled + "▱" * (_BAR - filled),
        percent=delivered * 100 // size,
        done=t.size(delivered),
        size=t.size(size),
    )
    pace_told = " · ".join((*_speed(t, pace), *_left(t, pace.seconds_for(size - delivered))))
    return f"{bar}\n{pace_told}" if pace_told else bar


def _speed(t: Texts, pace: Pace) -> tuple[str, ...]:
    speed = pace.per_second
    if speed is None:
        return ()
    if speed < 1:
        return (t.tr("nothing is moving just now"),)
    return (f"{t.size(round(speed))}/s",)


def _left(t: Texts, seconds: float | None) -> tuple[str, ...]:
    """About: what is left of a minute in steps of five seconds, of an hour in minutes."""
    if seconds is None:
        return ()
    if seconds < _SOON:
        return (t.tr("a few seconds left"),)
    if seconds < 57:
        return (t.tr("about {seconds} s left", seconds=max(5 * round(seconds / 5), 5)),)
    return (t.tr("about {time} left", time=t.duration(max(seconds, 60))),)
