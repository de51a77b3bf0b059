"""An answer that says by its tag which content it has: who has that already gets none (304).

https://www.rfc-editor.org/rfc/rfc9110#name-conditional-requests
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from fastapi import Request
from fastapi.responses import Response

from departments.console.trail import as_csv

CSV: Final = "text/csv"
JSON: Final = "application/json"
_VARY: Final = {"Vary": "Accept, Authorization, Cookie"}
PERSONAL: Final = "no-store"
NOBODYS: Final = "private, no-cache"
"""It may be kept, and is to be asked for again each time: which costs nothing where it is the
same."""


def form_of(request: Request, said: str | None) -> str:
    """Which form is wanted: what the address says, or else the header Accept.

    Args:
        said: `format` of the address.
    """
    if said is not None:
        return CSV if said == "csv" else JSON
    wanted = {CSV: 0.0, JSON: 0.0}
    for one in request.headers.get("Accept", "").split(","):
        kind, *parameters = (part.strip().lower() for part in one.split(";"))
        if kind in wanted:
            wanted[kind] = max((_quality(p) for p in parameters if p[:2] == "q="), default=1.0)
    return CSV if wanted[CSV] > wanted[JSON] else JSON


def as_table(rows: Iterator[Sequence[str]], name: str) -> tuple[bytes, dict[str, str]]:
    """The body for a spreadsheet, and its headers.

    Args:
        name: of the file, without its ending; of letters, digits, dots and hyphens.
    """
    headers = {
        "Content-Type": f"{CSV}; charset=utf-8; header=present",
        "Content-Disposition": f'attachment; filename="{name}.csv"',
    }
    return as_csv([*rows]).encode("utf-8", "replace"), headers


def as_object(said: Mapping[str, Any]) -> tuple[bytes, dict[str, str]]:
    """The body for a program, and its headers."""
    text = json.dumps(said, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "replace"), {"Content-Type": JSON}


def tag_of(body: bytes) -> str:
    """The content's digest, as the header ETag has it."""
    return f'"{hashlib.sha256(body).hexdigest()[:40]}"'


def has(request: Request, tag: str) -> bool:
    """Whether whoever asks has this content."""
    given = request.headers.get("If-None-Match", "")
    each = (one.strip().removeprefix("W/") for one in given.split(","))
    return any(one in ("*", tag) for one in each)


def answer(request: Request, tag: str, body: bytes, headers: Mapping[str, str]) -> Response:
    """The content, or that it is the same."""
    if has(request, tag):
        return unchanged(tag, headers)
    return Response(body, 200, {"ETag": tag, **_VARY, **headers})


def unchanged(tag: str, headers: Mapping[str, str]) -> Response:
    """That it is the same.

    Args:
        headers: of what it would have been.
    """
    kept = {name: said for name, said in headers.items() if name == "Cache-Control"}
    return Response(None, 304, {"ETag": tag, **_VARY, **kept})


def _quality(parameter: str) -> float:
    try:
        return float(parameter[2:])
    except ValueError:
        return 0.0
