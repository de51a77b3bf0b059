"""The API's description as a page: nothing of it comes from anybody else's server."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup, escape

from web.api.described import statuses_of
from web.api.reading import fields, operations
from web.gate.problem_texts import detail_of, known_codes, title_of
from web.site.frame import Frame, render
from web.site.texts import Texts


def render_api(frame: Frame, document: Mapping[str, Any]) -> str:
    """The page, from the OpenAPI document."""
    english = Texts("en")
    refusals = [
        (code, statuses_of(code), title_of(code, english), detail_of(code, english))
        for code in sorted(known_codes())
    ]
    said = {
        "about": document["info"],
        "operations": list(operations(document)),
        "fields": list(fields(document)),
        "refusals": refusals,
        "marked": marked,
    }
    return render("api.html", frame, said)


def marked(text: str) -> Markup:
    """The description's words as HTML: of Markdown it has `code` and [links](https://…) alone."""
    html = str(escape(text))
    html = re.sub(r"`([^`]+)`", r"<code>\1</code>", html)
    html = re.sub(r"\[([^\]]+)\]\((https://[^\s)]+)\)", r'<a class="link" href="\2">\1</a>', html)
    return Markup(html)  # noqa: S704 - escaped above
