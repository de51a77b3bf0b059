"""What pages say, in the reader's language and in the times of the reader's zone.

One gettext catalogue, as the bot has one: English is its key. Messages are HTML, and whatever is
put into one is escaped here; labels are plain text, for attributes and titles.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from typing import ClassVar, Final, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel.dates import format_date
from markupsafe import Markup, escape
from starlette.requests import Request

from config.languages import (
    DEFAULT_LANGUAGE,
    LANGUAGES,
    catalogue,
    isolated,
    known_language,
)

LANGUAGE_COOKIE: Final = "drivekeeper-language"
"""Holds the language that was chosen."""
ZONE_COOKIE: Final = "drivekeeper-zone"
"""Holds the browser's own zone, such as Europe/Paris. Its script writes it."""
USUAL_ZONE: Final = timezone(timedelta(hours=8), "Asia/Taipei")
"""Until a browser has said its own. Taiwan has no summer time: no table of zones is needed."""
_DAYS: Final = {
    "en": ("d MMMM", "d MMMM y"),
    "zh_Hant": ("M 月 d 日", "y 年 M 月 d 日"),
    "zh_Hans": ("M 月 d 日", "y 年 M 月 d 日"),
}
"""Language → how a day is written, without its year and with it (Unicode TR 35)."""


class Texts:
    """A front's catalogue in one language, and the clock of one zone."""

    locale: ClassVar[Path]
    """The folder of the front's catalogues."""

    def __init__(self, language: str, zone: tzinfo = USUAL_ZONE) -> None:
        self.language = language if language in LANGUAGES else DEFAULT_LANGUAGE
        self._catalogue = catalogue(self.locale, self.language)
        self._zone = zone

    @classmethod
    def of(cls, request: Request) -> Self:
        """In the language the reader chose, else in the browser's; in the browser's zone."""
        chosen = known_language(request.query_params.get("lang"))
        kept = known_language(request.cookies.get(LANGUAGE_COOKIE))
        accepted = language_of_browser(request.headers.get("Accept-Language", ""))
        return cls(chosen or kept or accepted, zone_of(request.cookies.get(ZONE_COOKIE, "")))

    @property
    def lang(self) -> str:
        """The language for HTML's `lang` (BCP 47), which picks the shapes of characters."""
        return self.language.replace("_", "-")

    @property
    def gap(self) -> str:
        """Between two sentences: full-width punctuation has it in itself."""
        return " " if self.language == "en" else ""

    @property
    def zone(self) -> str:
        """The zone's name, such as Asia/Taipei."""
        return str(self._zone)

    def tr(self, message: str, **values: object) -> Markup:
        """The message as HTML, with `values` escaped."""
        return _filled(self._catalogue.gettext(message), values)

    def plural(self, one: str, many: str, number: int, **values: object) -> Markup:
        """`tr` of `one` or `many`, as the language counts; both may say {number}."""
        chosen = self._catalogue.ngettext(one, many, number)
        return _filled(chosen, {"number": number, **values})

    def label(self, message: str, **values: object) -> str:
        """Plain text, for an attribute or a title."""
        plain = {name: isolated(str(value)) for name, value in values.items()}
        return self._catalogue.gettext(message).format(**plain)

    def short(self, moment: float, now: float) -> Markup:
        """When it was, as shortly as can be: 14:32, yesterday 22:41, 9 November.

        Args:
            moment: Unix seconds, as `now`.
        """
        clock, days = self._clock(moment), self._days_ago(moment, now)
        if days == 0:
            return self._time(moment, clock)
        if days == 1:
            return self._time(moment, self.tr("yesterday {clock}", clock=clock))
        return self._time(moment, self._day(moment, now))

    def full(self, moment: float, now: float) -> Markup:
        """The day and the time: Today 14:32, Yesterday 22:41, 9 November 09:14."""
        clock, days = self._clock(moment), self._days_ago(moment, now)
        if days == 0:
            return self._time(moment, self.tr("Today {clock}", clock=clock))
        if days == 1:
            return self._time(moment, self.tr("Yesterday {clock}", clock=clock))
        day = self._day(moment, now)
        return self._time(moment, self.tr("{day}, {clock}", day=day, clock=clock))

    def clock(self, moment: float) -> Markup:
        """The time of the day alone: 14:32."""
        return self._time(moment, self._clock(moment))

    def day(self, moment: float, now: float) -> Markup:
        """The day alone, with its year where that is another: 9 November."""
        return self._time(moment, self._day(moment, now))

    def ago(self, moment: float, now: float) -> Markup:
        """How long ago, at most days: 3 min ago."""
        minutes = max(int((now - moment) / 60), 0)
        if minutes < 1:
            return self.tr("just now")
        if minutes < 60:
            return self.plural("{number} min ago", "{number} min ago", minutes)
        if minutes < 24 * 60:
            return self.plural("{number} hour ago", "{number} hours ago", minutes // 60)
        return self.plural("{number} day ago", "{number} days ago", minutes // (24 * 60))

    def _clock(self, moment: float) -> str:
        return self._local(moment).strftime("%H:%M")

    def _day(self, moment: float, now: float) -> str:
        there, here = self._local(moment), self._local(now)
        without, with_year = _DAYS[self.language]
        pattern = without if there.year == here.year else with_year
        return str(format_date(there.date(), format=pattern, locale=self.language))

    def _days_ago(self, moment: float, now: float) -> int:
        return (self._local(now).date() - self._local(moment).date()).days

    def _local(self, moment: float) -> datetime:
        return datetime.fromtimestamp(moment, self._zone)

    @staticmethod
    def _time(moment: float, said: str) -> Markup:
        exact = datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return Markup('<time datetime="{}">{}</time>').format(exact, said)


def _filled(message: str, values: Mapping[str, object]) -> Markup:
    held = {name: _shown(value) for name, value in values.items()}
    return Markup(message.format(**held))  # noqa: S704 - ours, and what is put in is escaped


def _shown(value: object) -> Markup:
    return value if isinstance(value, Markup) else escape(isolated(str(value)))


def language_of_browser(accepted: str) -> str:
    """The language of ours that an Accept-Language header likes best (RFC 9110, 12.5.4)."""
    liked: list[tuple[float, str]] = []
    for part in accepted[:1000].split(","):
        tag, _, weight = part.partition(";")
        language = known_language(tag.strip())
        quality = _quality(weight.strip())
        if language is not None and quality > 0:
            liked.append((quality, language))
    # Of the same weight, the first.
    return max(liked, key=lambda one: one[0])[1] if liked else DEFAULT_LANGUAGE


def _quality(weight: str) -> float:
    if not weight:
        return 1.0
    try:
        return min(float(weight.removeprefix("q=")), 1.0)
    except ValueError:
        return 0.0


def zone_of(name: str) -> tzinfo:
    """The zone of this name, or the usual one where nobody knows it."""
    try:
        return ZoneInfo(name) if name else USUAL_ZONE
    except (ValueError, OSError, ZoneInfoNotFoundError):
        return USUAL_ZONE
