"""What stands around every page: who reads it, in which language, and the languages to choose."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

from fastapi.responses import HTMLResponse
from starlette.requests import Request

from config.languages import LANGUAGES, known_language
from looks.templating import environment
from web.site.static import address_of
from web.site.texts import LANGUAGE_COOKIE, Texts, texts_of

_YEAR_SECONDS: Final = 365 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Frame:
    """Whose page it is."""

    texts: Texts
    path: str
    """The page's own address, for the links to its other languages."""
    query: tuple[tuple[str, str], ...] = ()
    """The address's query, without the language."""
    who: str = ""
    """The name of an operator who is signed in, "" of whoever signed in by the chat."""
    csrf: str = ""
    """The session's token for forms; "": nobody is signed in."""
    version: str = ""
    """The program's."""
    by_chat: bool = True
    """Whether a bot gives sign-in links, to those of ADMIN_USER_IDS; else a command alone does."""
    has_sheets: bool = False
    """Whether any sheets are mirrored, so that there are pages of them."""

    @classmethod
    def of(cls, request: Request, *, who: str = "", csrf: str = "", version: str = "") -> Frame:
        """Of a request; a page that answers a POST gives its own path with `at`."""
        query = tuple(pair for pair in request.query_params.multi_items() if pair[0] != "lang")
        app = request.scope.get("app")
        by_chat = app is None or getattr(app.state, "by_chat", True)
        has_sheets = app is not None and getattr(app.state, "has_sheets", False)
        texts = texts_of(request)
        return cls(texts, path_of(request), query, who, csrf, version, by_chat, has_sheets)

    @property
    def address(self) -> str:
        """The page's own, with its query."""
        return self.path + self.query_string

    @property
    def query_string(self) -> str:
        """The query with its question mark, or ""."""
        return f"?{urlencode(self.query)}" if self.query else ""

    @property
    def signed_in(self) -> bool:
        """Whether it is an administrator's."""
        return bool(self.csrf)

    def languages(self) -> Iterator[tuple[str, str, str, bool]]:
        """Of each language: BCP 47, its own name, the address of this page in it, whether it is."""
        for code, name in LANGUAGES.items():
            lang = code.replace("_", "-")
            query = urlencode([*self.query, ("lang", lang)])
            yield lang, name, f"{self.path}?{query}", code == self.texts.language


def path_of(request: Request) -> str:
    """The path that was asked for, as a link's that cannot lead to another site.

    `//example.org` and `/\\example.org` would.
    """
    return "/" + quote(request.scope["path"].lstrip("/\\"))


_ENVIRONMENT: Final = environment(Path(__file__).parent / "templates", address_of)


def render(template: str, frame: Frame, values: Mapping[str, Any]) -> str:
    """A template of templates/, which may say tr("…"), plural("…", "…", n) and label("…")."""
    texts = frame.texts
    said = {"t": texts, "tr": texts.tr, "plural": texts.plural, "label": texts.label}
    return _ENVIRONMENT.get_template(template).render(frame=frame, **said, **values)


def answer(request: Request, page: str, status: int = 200, **headers: str) -> HTMLResponse:
    """A page. A language that was chosen by its link is kept for the next."""
    response = HTMLResponse(page, status, {"Cache-Control": "no-store", **headers})
    chosen = known_language(request.query_params.get("lang"))
    if chosen is not None:
        response.set_cookie(
            LANGUAGE_COOKIE, chosen, max_age=_YEAR_SECONDS, secure=True, httponly=True
        )
    return response
