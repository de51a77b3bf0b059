"""What the page says, from the desktop's own catalogue, in the times of this machine."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import ClassVar, Self

from markupsafe import Markup
from starlette.requests import Request

from config.languages import known_language
from config.sizes import in_its_unit, size
from looks import texts
from looks.texts import language_of_browser

LANGUAGE_COOKIE = "drivekeeper-desktop-language"


class Texts(texts.Texts):
    """In one language."""

    locale: ClassVar[Path] = Path(__file__).parents[1] / "locale"

    @classmethod
    def of(cls, request: Request) -> Self:
        """In the language the reader chose, else in the browser's."""
        chosen = known_language(request.query_params.get("lang"))
        kept = known_language(request.cookies.get(LANGUAGE_COOKIE))
        accepted = language_of_browser(request.headers.get("Accept-Language", ""))
        zone = datetime.now().astimezone().tzinfo
        return cls(chosen or kept or accepted, zone or texts.USUAL_ZONE)

    def size(self, count: int) -> str:
        """`count` bytes: 5.2 MiB. Bytes alone have a name of their own in each language."""
        if in_its_unit(count)[1] == "bytes":
            return self.plural("{count} byte", "{count} bytes", count, count=count)
        return size(count)

    def on_day(self, moment: float, now: float) -> Markup:
        """The day alone, by its nearest name: Today, Yesterday, 9 November."""
        near = {0: self.tr("Today"), 1: self.tr("Yesterday")}
        return near.get(self._days_ago(moment, now)) or self.day(moment, now)
