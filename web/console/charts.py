"""Charts as plain numbers: what a template draws as SVG, and its words beside the drawing.

A drawing stretches with its box, so its units are its own; its words do not, and stand in HTML.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from departments.console.fleet import Bin, Hour

WIDTH: Final = 576
HEIGHT: Final = 120
LOW: Final = 60
"""The height of a line chart."""
_GAP: Final = 6.0
_NICE: Final = (1, 2, 3, 4, 5, 6, 8, 10)
LEAST_LEFT: Final = 5.0
"""Minutes: below it an outage would soon be felt."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One rectangle. `kind` is a class of components.css, or p2: hatched."""

    kind: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Scale:
    """A vertical axis from nothing to `top`, in `steps` equal steps."""

    top: int
    steps: int
    height: int = HEIGHT

    @classmethod
    def to(cls, most: float, steps: int, height: int = HEIGHT) -> Scale:
        """The smallest with round numbers that holds `most`."""
        each, power = max(most, 1) / steps, 1
        while each > _NICE[-1] * power:
            power *= 10
        nice = next(number for number in _NICE if each <= number * power)
        return cls(nice * power * steps, steps, height)

    @property
    def marks(self) -> list[int]:
        """What stands beside it, from above."""
        return [self.top * step // self.steps for step in range(self.steps, -1, -1)]

    @property
    def lines(self) -> list[float]:
        """Where its lines are drawn, but for the base."""
        return [self.y(mark) for mark in self.marks[:-1]]

    def y(self, value: float) -> float:
        """How far down a value is."""
        return round(self.height * (1 - min(value, self.top) / self.top), 1)


@dataclass(frozen=True, slots=True)
class LeftChart:
    """How many tokens have how many minutes left."""

    scale: Scale
    bars: Sequence[Bar]
    lead: float
    """Where the lead is, across."""


def left_chart(bins: Sequence[Bin], lead_minutes: float) -> LeftChart:
    """Bars for the hour; those with more than that are in the table alone."""
    shown = [one for one in bins if math.isfinite(one.most)]
    each = WIDTH / max(len(shown), 1)
    scale = Scale.to(max((one.count for one in shown), default=0), 2)
    bars = [
        Bar(
            "b2" if one.least < lead_minutes else "b0",
            *(round(number * each + _GAP / 2, 1), scale.y(one.count)),
            *(round(each - _GAP, 1), round(HEIGHT - scale.y(one.count), 1)),
        )
        for number, one in enumerate(shown)
        if one.count
    ]
    widest = shown[-1].most if shown else 60.0
    return LeftChart(scale, bars, round(WIDTH * min(lead_minutes / widest, 1), 1))


@dataclass(frozen=True, slots=True)
class SweepChart:
    """What sweeps came to, hour by hour, one upon the other."""

    scale: Scale
    bars: Sequence[Bar]


def sweep_chart(hours: Sequence[Hour]) -> SweepChart:
    """Stacked bars."""
    scale = Scale.to(max((hour.total for hour in hours), default=0), 3)
    return SweepChart(scale, [*_stacks(hours, scale)])


def _stacks(hours: Sequence[Hour], scale: Scale) -> Iterator[Bar]:
    each = WIDTH / max(len(hours), 1)
    for number, hour in enumerate(hours):
        below = 0
        parts = (
            *(("b1", hour.refreshed), ("p2", hour.transient)),
            *(("b3", hour.operator), ("b4", hour.quarantined)),
        )
        for kind, count in parts:
            if count:
                top = scale.y(below + count)
                height = round(scale.y(below) - top, 1)
                x, width = round(number * each + _GAP / 2, 1), round(each - _GAP, 1)
                # One among thousands is drawn nevertheless.
                yield Bar(kind, x, top, width, max(height, 1.0))
                below += count


@dataclass(frozen=True, slots=True)
class LineChart:
    """The fewest minutes left, hour by hour."""

    scale: Scale
    path: str
    """Of SVG; "": nothing is known."""
    lead: float
    """How far down `LEAST_LEFT` is."""
    fewest: Hour | None
    """The hour with the fewest."""


def line_chart(hours: Sequence[Hour]) -> LineChart:
    """Steps, with a gap where no sweep saw a token."""
    known = [hour for hour in hours if hour.minutes_left is not None]
    most = max((hour.minutes_left or 0.0 for hour in known), default=20.0)
    scale = Scale.to(max(most, 2 * LEAST_LEFT), 1, LOW)
    each, path, was_there = WIDTH / max(len(hours), 1), list[str](), False
    for number, hour in enumerate(hours):
        if hour.minutes_left is None:
            was_there = False
            continue
        y = scale.y(hour.minutes_left)
        path.append(f"{'L' if was_there else 'M'}{number * each:g} {y:g}H{(number + 1) * each:g}")
        was_there = True
    fewest = min(known, key=lambda hour: hour.minutes_left or 0.0, default=None)
    return LineChart(scale, "".join(path), scale.y(LEAST_LEFT), fewest)


@dataclass(frozen=True, slots=True)
class Spark:
    """How often a key was used on each of some days, the last one today."""

    counts: Sequence[int]
    bars: Sequence[Bar]


def spark(counts: Sequence[int], *, is_alarmed: bool) -> Spark:
    """Small bars, 112 by 28."""
    most, each = max([*counts, 1]), 112 / max(len(counts), 1)
    last = len(counts) - 1
    bars = [
        Bar(
            "b3" if is_alarmed and number == last else "b0",
            *(round(number * each + 1, 1), round(27 - 26 * count / most, 1)),
            *(round(each - 2, 1), round(max(26 * count / most, 0.8), 1)),
        )
        for number, count in enumerate(counts)
        if count
    ]
    return Spark(counts, bars)
