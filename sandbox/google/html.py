"""Pages out of templates: every value is escaped unless it is marked as HTML already."""

from __future__ import annotations

from functools import cache
from html import escape
from pathlib import Path
from string import Template

from aiohttp import web

STATIC = Path(__file__).parent / "static"
# No script, nothing from elsewhere. (No form-action: it would forbid the redirect to the client.)
POLICY = "default-src 'none'; style-src 'self'; img-src 'self'; media-src 'self'; base-uri 'none'"
SCRIPTED = f"{POLICY}; script-src 'self'; connect-src 'self'"
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Frame-Options": "DENY",
    # Not `no-referrer`: forms would then send "Origin: null".
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_HUES = ("#1a73e8", "#d93025", "#188038", "#9334e6", "#e8710a", "#007b83", "#c5221f", "#3949ab")


class Html(str):
    """Text that is HTML, and safe to put into a page as it is."""

    __slots__ = ()


@cache
def _template(name: str) -> Template:
    return Template((STATIC / name).read_text(encoding="utf-8"))


def render(template: str, /, **values: object) -> Html:
    """Fill a template from the static folder."""
    filled = {
        key: value if isinstance(value, Html) else escape(str(value))
        for key, value in values.items()
    }
    return Html(_template(template).substitute(filled))


def join(parts: list[Html]) -> Html:
    """Put pieces of HTML after one another."""
    return Html("".join(parts))


def page(
    title: str,
    body: Html,
    *,
    status: int = 200,
    wide: bool = False,
    layout: str = "",
    scripted: bool = False,
) -> web.Response:
    """A whole page around a body.

    Args:
        layout: a class of the style sheet's; "": wide or narrow.
        scripted: whether the body has scripts of ours, which may ask the sandbox.
    """
    layout = layout or ("wide" if wide else "narrow")
    text = render("page.html", title=title, body=body, layout=layout)
    headers = HEADERS | ({"Content-Security-Policy": SCRIPTED} if scripted else {})
    return web.Response(
        status=status, text=text, content_type="text/html", charset="utf-8", headers=headers
    )


def page_to_raise(title: str, body: Html, *, status: int) -> web.HTTPException:
    """A whole page to raise, in the place of the one that was asked for."""
    shown = page(title, body, status=status)
    problem = web.HTTPException(headers=HEADERS, text=shown.text, content_type="text/html")
    problem.set_status(status)
    return problem


def hidden(values: list[tuple[str, str]]) -> Html:
    """Hidden form fields."""
    return join([render("hidden.html", name=name, value=value) for name, value in values])


def avatar(email: str, name: str) -> Html:
    """A round initial in a colour of the account's own."""
    number = sum(email.encode()) % len(_HUES)
    return render("avatar.html", hue=f"hue{number}", initial=(name or email)[:1].upper())


def human_size(size: int | None) -> str:
    """Bytes, in the units of Drive's own pages (where 15 GB are 15 × 1024³ bytes)."""
    if size is None:
        return "—"
    if size < 1024:
        return f"{size} bytes"
    amount, units = size / 1024, ["KB", "MB", "GB", "TB"]
    while amount >= 1024 and len(units) > 1:
        amount /= 1024
        units.pop(0)
    return f"{amount:.1f} {units[0]}"
