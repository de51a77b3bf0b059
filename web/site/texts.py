"""What the pages say, from the web's own catalogue."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from markupsafe import Markup
from starlette.requests import Request

from looks import texts
from looks.texts import LANGUAGE_COOKIE, USUAL_ZONE, ZONE_COOKIE, language_of_browser, zone_of

__all__ = [
    "LANGUAGE_COOKIE",
    "USUAL_ZONE",
    "ZONE_COOKIE",
    "Texts",
    "language_of_browser",
    "texts_of",
    "zone_of",
]


class Texts(texts.Texts):
    """In one language, and in the times of one zone."""

    locale: ClassVar[Path] = Path(__file__).parents[1] / "locale"

    def within(self, moment: float, now: float) -> Markup:
        """When it was, within a sentence: today 14:32, yesterday 14:32, 9 November, 14:32.

        Args:
            moment: Unix seconds, as `now`.
        """
        clock, days = self._clock(moment), self._days_ago(moment, now)
        if days == 0:
            return self._time(moment, self.tr("today {clock}", clock=clock))
        if days == 1:
            return self._time(moment, self.tr("yesterday {clock}", clock=clock))
        return self.full(moment, now)


def texts_of(request: Request) -> Texts:
    """In the language the reader chose, else in the browser's; in the browser's zone."""
    return Texts.of(request)
