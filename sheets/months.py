"""The names of tabs by month: `{roc}{mm}班表` is `11412班表` in December 2025."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date
from typing import Final

ROC: Final = 1911
"""The year before the first of the Republic of China's calendar."""
LONGEST: Final = 100
"""Characters; Google's own limit for the title of a tab."""

_PLACE: Final = re.compile(r"\{([^{}]*)\}")
_YEARS: Final = ("yyyy", "yy", "roc")
_MONTHS: Final = ("m", "mm")
_PLAIN: Final = str.maketrans("０１２３４５６７８９", "0123456789")
_IS_MONTH: Final = r"\s*月(?![台臺](?![北中南東灣]))"
"""What follows the number of a month, and none of a platform."""


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """One month of one year."""

    year: int
    month: int

    @classmethod
    def of(cls, day: date) -> Month:
        """The month that the day is in."""
        return cls(day.year, day.month)

    @classmethod
    def parse(cls, period: str) -> Month:
        """The month of `2026-12`.

        Raises:
            ValueError: that is none.
        """
        match = re.fullmatch(r"([0-9]{4})-([0-9]{2})", period)
        if match is None or not 1 <= int(match[2]) <= 12 or int(match[1]) == 0:
            raise ValueError("is no month, such as 2026-12")
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return f"{self.year:04}-{self.month:02}"

    def plus(self, months: int) -> Month:
        """So many months later; earlier, where they are fewer than none."""
        years, month = divmod(self.year * 12 + self.month - 1 + months, 12)
        return Month(years, month + 1)

    @property
    def days(self) -> int:
        """How many it has."""
        return calendar.monthrange(self.year, self.month)[1]

    @property
    def first(self) -> date:
        """Its first day."""
        return date(self.year, self.month, 1)


def fault_of(pattern: str) -> str | None:
    """What is wrong with a tab's name; None: nothing."""
    names = _PLACE.findall(pattern)
    if "{" in _PLACE.sub("", pattern) or "}" in _PLACE.sub("", pattern):
        return "has a brace without its other half"
    if any(name not in (*_YEARS, *_MONTHS) for name in names):
        return "may name {yyyy} {yy} {roc} {m} {mm}, and nothing else in braces"
    if not is_monthly(pattern) and not {*names}.isdisjoint(_YEARS):
        return "has a year and no month: add {m} or {mm}"
    return None


def is_monthly(pattern: str) -> bool:
    """Whether there is a tab for each month."""
    return not {*_PLACE.findall(pattern)}.isdisjoint(_MONTHS)


def title_of(pattern: str, month: Month) -> str:
    """The tab's title in that month."""
    values = {
        "yyyy": f"{month.year:04}",
        "yy": f"{month.year % 100:02}",
        "roc": str(month.year - ROC),
        "m": str(month.month),
        "mm": f"{month.month:02}",
    }
    return _PLACE.sub(lambda match: values[match[1]], pattern)


def pattern_of(title: str, near: date) -> str | None:
    """The pattern by which a title names a month within two years; None: it names none. Its figures
    are plain ones: a tab is found whatever their width.

    Args:
        near: a day about which that month is looked for.
    """
    title = title.translate(_PLAIN)
    here = Month.of(near)
    for distance in sorted(range(-24, 25), key=abs):
        month = here.plus(distance)
        two = f"{month.month:02}"
        # Longest first: in 20251205 there is no {roc} but a {yyyy}.
        for year, name in (
            (f"{month.year:04}", "{yyyy}"),
            (str(month.year - ROC), "{roc}"),
            (f"{month.year % 100:02}", "{yy}"),
        ):
            spelt = ((two, "{mm}"), (str(month.month), "{m}"))
            # 12 may be either: before 月 nobody writes 01.
            for number, place in reversed(spelt) if "年" in title else spelt:
                form = re.compile(
                    rf"(?<!\d){re.escape(year)}(\D{{0,3}}){re.escape(number)}(?!\d)", re.DOTALL
                )
                pattern = form.sub(lambda m, n=name, p=place: f"{n}{m[1]}{p}", title, count=1)  # type: ignore[misc]
                if pattern != title and fault_of(pattern) is None:
                    return pattern
            # The year may stand elsewhere: 12月班表 (114). One of two figures is too little there.
            alone = re.sub(rf"(?<!\d){month.month}(?={_IS_MONTH})", "{m}", title, count=1)
            pattern = re.sub(rf"(?<!\d){year}(?!\d)", name, alone, count=1)
            if name != "{yy}" and title != alone != pattern and fault_of(pattern) is None:
                return pattern
    pattern = re.sub(rf"(?<!\d)(1[0-2]|[1-9])(?={_IS_MONTH})", "{m}", title, count=1)
    return pattern if pattern != title and fault_of(pattern) is None else None
