"""What the pages say, from the web's own catalogue."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

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


def texts_of(request: Request) -> Texts:
    """In the language the reader chose, else in the browser's; in the browser's zone."""
    return Texts.of(request)
