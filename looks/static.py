"""The pages' styles, script and icon, each at an address that changes with its content.

So that browsers may keep them for good. During a deployment one process is asked for what another
has named: it gives what it has, not to be kept.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fastapi import FastAPI
from fastapi.responses import Response

COMMON: Final = Path(__file__).parent / "static"
_KINDS: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_FOR_GOOD: Final = "public, max-age=31536000, immutable"
"""A year, which is as long as there is: RFC 9111 and RFC 8246."""


@dataclass(frozen=True, slots=True)
class _File:
    content: bytes
    digest: str
    kind: str


class StaticFiles:
    """Those of one front, and those that all have."""

    def __init__(self, own: Path) -> None:
        """
        Args:
            own: the front's folder. They are read here, once.
        """
        self._files: dict[str, _File] = {}
        for path in (*sorted(COMMON.iterdir()), *sorted(own.iterdir())):
            content = path.read_bytes()
            digest = hashlib.sha256(content).hexdigest()[:16]
            self._files[path.name] = _File(content, digest, _KINDS[path.suffix])

    def address_of(self, name: str) -> str:
        """Where a file is, such as site.js."""
        return f"/static/{self._files[name].digest}/{name}"

    def add_to(self, app: FastAPI) -> None:
        """Serve the files with `app`."""

        @app.api_route("/static/{digest}/{name}", methods=["GET", "HEAD"], include_in_schema=False)
        async def static_file(digest: str, name: str) -> Response:
            """The file of this name; anybody may have it."""
            file = self._files.get(name)
            if file is None:
                return Response(status_code=404)
            keep = _FOR_GOOD if digest == file.digest else "no-store"
            headers = {"Cache-Control": keep, "X-Content-Type-Options": "nosniff"}
            return Response(file.content, media_type=file.kind, headers=headers)
