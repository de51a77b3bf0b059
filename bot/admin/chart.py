"""Draws the last day's sweeps as a PNG: JSON on standard input, the picture on standard output.

A program of its own: matplotlib takes a second and some 100 MB, which the bot's process must not.
It reads `{"now": …, "lead": …, "sweeps": [[ended, refreshed, transient, operator, quarantined,
minutes left or null], …]}`; times in Unix seconds, the lead in minutes.
"""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Final

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.dates import DateFormatter, HourLocator
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

_DAY: Final = 86400
_INK, _FAINT, _GRID = "#1f2933", "#52606d", "#e4e7eb"
_OUTCOMES: Final = (
    ("refreshed", "#2a9d6f"),
    ("transient", "#f2b134"),
    ("operator", "#d1495b"),
    ("quarantined", "#6d597a"),
)
_LEFT: Final = "#2b6cb0"
_MANY: Final = 30


def draw(points: dict[str, Any]) -> bytes:
    """The picture, as a PNG."""
    picture = io.BytesIO()
    figure_of(points).savefig(picture, format="png")
    return picture.getvalue()


def figure_of(points: dict[str, Any]) -> Figure:
    """What became of owners above, the fewest minutes left below."""
    now, lead = float(points["now"]), float(points["lead"])
    sweeps = [sweep for sweep in points["sweeps"] if sweep[0] > now - _DAY]
    figure = Figure(figsize=(7.2, 6.4), dpi=150, facecolor="white")
    # Margins by hand: having them worked out would draw everything several times.
    figure.subplots_adjust(left=0.085, right=0.97, top=0.88, bottom=0.105, hspace=0.42)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    _outcomes(above, sweeps)
    _minutes_left(below, sweeps, lead)
    for axes in (above, below):
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.spines["bottom"].set_color(_GRID)
        axes.tick_params(length=0, labelsize=12, labelcolor=_FAINT)
        axes.grid(axis="y", color=_GRID, linewidth=1)
        axes.set_axisbelow(True)
        axes.set_xlim(_moment(now - _DAY), _moment(now + _DAY / 100))
    below.xaxis.set_major_locator(HourLocator(byhour=range(0, 24, 4), tz=UTC))  # type: ignore[no-untyped-call]
    below.xaxis.set_major_formatter(DateFormatter("%H:%M", tz=UTC))  # type: ignore[no-untyped-call]
    below.set_xlabel("last 24 hours, time in UTC", fontsize=12, color=_FAINT)
    return figure


def _outcomes(axes: Axes, sweeps: list[list[float]]) -> None:
    _heading(axes, "Owners per sweep")
    width, highest = _width(sweeps) / _DAY, 1.0
    for column, (_, colour) in enumerate(_OUTCOMES, start=1):
        shown = [sweep for sweep in sweeps if sweep[column]]
        times, counts = [_moment(sweep[0]) for sweep in shown], [sweep[column] for sweep in shown]
        floor = [sum(sweep[1:column]) for sweep in shown]
        axes.bar(times, counts, width, floor, color=colour, linewidth=0)  # type: ignore[arg-type]
        highest = max([highest, *(low + count for low, count in zip(floor, counts, strict=True))])
    axes.set_ylim(0, highest * 1.08)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    _legend(
        axes,
        [
            Patch(color=colour, label=f"{name} {sum(sweep[column] for sweep in sweeps):,.0f}")
            for column, (name, colour) in enumerate(_OUTCOMES, start=1)
        ],
    )
    if not sweeps:
        _say_empty(axes, "No sweep in this time")
    elif not any(any(sweep[1:5]) for sweep in sweeps):
        _say_empty(axes, "Nothing yet: no sweep had anything to refresh")


def _minutes_left(axes: Axes, sweeps: list[list[float]], lead: float) -> None:
    _heading(axes, "Shortest time left on a token")
    known = [sweep for sweep in sweeps if sweep[5] is not None]
    times, left = [_moment(sweep[0]) for sweep in known], [sweep[5] for sweep in known]
    dots = 3 if len(known) > _MANY else 6
    lines = axes.plot(times, left, color=_LEFT, linewidth=2.2, marker="o", markersize=dots)  # type: ignore[arg-type]
    lines.append(axes.axhline(lead, color=_FAINT, linewidth=1.2, linestyle=(0, (5, 4))))
    axes.set_ylim(0, max([2 * lead, *left]) * 1.05)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
    for line, label in zip(lines, ("minutes", "refresh due"), strict=True):
        line.set_label(label)
    _legend(axes, lines)
    if not known:
        _say_empty(axes, "Nothing yet: no token is kept fresh", 0.7)


def _say_empty(axes: Axes, text: str, height: float = 0.5) -> None:
    """Where nothing is drawn, and a reader would wonder whether something is wrong."""
    axes.text(
        *(0.5, height, text),
        transform=axes.transAxes,
        ha="center",
        fontsize=14,
        color=_FAINT,
        backgroundcolor="white",
    )


def _heading(axes: Axes, text: str) -> None:
    axes.set_title(text, loc="left", fontsize=15, fontweight="bold", color=_INK, pad=30)


def _legend(axes: Axes, handles: Sequence[Artist]) -> None:
    axes.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(-0.02, 0.985),
        ncols=len(handles),
        frameon=False,
        fontsize=11.5,
        labelcolor=_INK,
        handlelength=0.9,
        handletextpad=0.4,
        columnspacing=1.1,
    )


def _width(sweeps: list[list[float]]) -> float:
    """Seconds a bar takes: most of the time between sweeps, and enough to be seen."""
    gaps = sorted(b[0] - a[0] for a, b in pairwise(sweeps))
    usual = gaps[len(gaps) // 2] if gaps else 600.0
    return min(max(usual * 0.8, 300.0), 1800.0)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def main() -> None:
    """As a program."""
    os.nice(10)  # people's answers first
    sys.stdout.buffer.write(draw(json.load(sys.stdin)))


if __name__ == "__main__":
    main()
