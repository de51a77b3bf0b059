"""How many bytes, for people: one way to count and to name them, in the chat and in commands.

Powers of 1024, so that a figure is the one that Telegram shows beside the file and Drive of its
space; and with the units' own names (IEC 80000-13), since those two write KB, MB and GB, which mean
powers of 1000 to everybody else.
"""

from __future__ import annotations

from typing import Final

_UNITS: Final[tuple[str, ...]] = ("bytes", "KiB", "MiB", "GiB", "TiB")
_STEP: Final = 1024


def in_its_unit(count: int) -> tuple[float, str]:
    """The figure, to be shown with at most one decimal, and the unit it is in."""
    figure, units = float(count), _UNITS
    while round(figure, 1) >= _STEP and len(units) > 1:
        figure, units = figure / _STEP, units[1:]
    return figure, units[0]


def exactly(count: int) -> tuple[int, str]:
    """The figure in the largest unit in which it is whole: a limit must not be rounded up."""
    units = _UNITS
    while count and count % _STEP == 0 and len(units) > 1:
        count, units = count // _STEP, units[1:]
    return count, units[0]


def size(count: int) -> str:
    """`count` bytes in English: "5.2 MiB", "1 byte"."""
    if count == 1:
        return "1 byte"
    figure, unit = in_its_unit(count)
    return f"{figure:,.1f}".removesuffix(".0") + f" {unit}"
