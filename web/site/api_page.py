"""The API's description as a page: nothing of it comes from anybody else's server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from web.api.reading import operations
from web.site.frame import Frame, render


def render_api(frame: Frame, document: Mapping[str, Any]) -> str:
    """The page, from the OpenAPI document."""
    about = document["info"]
    return render("api.html", frame, {"about": about, "operations": list(operations(document))})
