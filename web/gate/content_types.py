"""What form a body has to have: a page of another site can send text and forms, but no JSON."""

from __future__ import annotations

from typing import Any, Final

from fastapi import Depends, Request

from web.gate.problems import denied


async def demand_json(request: Request) -> None:
    """Refuse a body that does not say that it is JSON.

    It waits for nothing, but what is no coroutine FastAPI has done by a thread.

    Raises:
        Problem: 415.
    """
    has_body = request.headers.get("Content-Length", "0") != "0" or (
        "Transfer-Encoding" in request.headers
    )
    said = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if said != "application/json" if has_body else said not in ("", "application/json"):
        raise denied(415, "wrong_type")


JSON_ONLY: Final[list[Any]] = [Depends(demand_json)]
"""For a route's `dependencies`: it is looked at before the body is."""
