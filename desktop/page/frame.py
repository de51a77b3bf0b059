"""What stands around the page, and pages that say one thing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import distributions
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from config.languages import LANGUAGES, known_language
from desktop.page.texts import LANGUAGE_COOKIE, Texts
from looks.static import StaticFiles
from looks.templating import environment

_HERE: Final = Path(__file__).parent
STATIC: Final = StaticFiles(_HERE / "static")
_ENVIRONMENT: Final = environment(_HERE / "templates", STATIC.address_of)
_YEAR_SECONDS: Final = 365 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Frame:
    """Around one page."""

    texts: Texts
    path: str
    host: str
    query: tuple[tuple[str, str], ...] = ()
    label: str = ""
    """What this computer is called; "": it is not paired."""
    at: str = ""
    """Below which the pages are; "": for whoever is not in."""

    @property
    def version(self) -> str:
        """The program's."""
        return _installed_version()

    def languages(self) -> Iterator[tuple[str, str, str, bool]]:
        """Of each language: BCP 47, its own name, the address of this page in it, whether it is."""
        for code, name in LANGUAGES.items():
            lang = code.replace("_", "-")
            query = urlencode([*self.query, ("lang", lang)])
            yield lang, name, f"{self.at}{self.path}?{query}", code == self.texts.language


def page(
    request: Request,
    template: str,
    *,
    status: int = 200,
    label: str = "",
    path: str = "/",
    query: tuple[tuple[str, str], ...] = (),
    **values: Any,
) -> Response:
    """A template, in the reader's language; one that was chosen by its link is kept.

    Args:
        path: where the page is in another language, with `query`.
    """
    texts = Texts.of(request)
    host, at = request.headers.get("Host", ""), request.scope.get("root_path", "")
    frame = Frame(texts, path, host, query, label, at)
    said = {"t": texts, "tr": texts.tr, "plural": texts.plural, "label": texts.label}
    shown = _ENVIRONMENT.get_template(template).render(frame=frame, **said, **values)
    answer = HTMLResponse(shown, status)
    chosen = known_language(request.query_params.get("lang"))
    if chosen is not None:
        kept = {"max_age": _YEAR_SECONDS, "httponly": True, "samesite": "strict"}
        answer.set_cookie(LANGUAGE_COOKIE, chosen, **kept)  # type: ignore[arg-type]
    return answer


@cache
def _installed_version() -> str:
    """Staff have a package with the desktop alone (installers/desktop), others the whole."""
    names = ("drivekeeper-desktop", "drivekeeper")
    return next((one.version for name in names for one in distributions(name=name)), "")


def refusal(request: Request, status: int, code: str) -> Response:
    """A page that says why there is none. It shows nothing of anybody."""
    return page(request, "refusal.html", status=status, code=code)
