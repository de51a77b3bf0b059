"""The API's description as a page: nothing of it comes from anybody else's server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
    }
    return render("api.html", frame, said)
