"""The operator's port: metrics for Prometheus, and whether the process lives and can work.

It asks nobody who they are, and so tells of nobody: counts and codes alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from fastapi import FastAPI
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST

_HEADERS: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


@dataclass(frozen=True, slots=True)
class OperationsParts:
    """What the port tells about the rest of the process."""

    metrics: Callable[[], bytes]
    """What Prometheus is told, in its text format; blocks."""
    is_alive: Callable[[], bool]
    obstacles: Callable[[], Awaitable[Sequence[str]]]
    """Codes of what keeps the process from its work; none: it is ready."""


def create_operations_app(parts: OperationsParts) -> FastAPI:
    """The three pages of the operator's port."""
    app = FastAPI(
        title="Drivekeeper operations",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,  # they are built from the Host header, which anybody writes
    )

    @app.get("/metrics")
    async def metrics() -> Response:
        """Prometheus' text format."""
        text = await asyncio.to_thread(parts.metrics)
        return Response(text, 200, _HEADERS, CONTENT_TYPE_LATEST)

    @app.get("/healthz")
    async def healthz() -> Response:
        """200 while Telegram answers the bot, else 503."""
        alive = parts.is_alive()
        return JSONResponse({"alive": alive}, 200 if alive else 503, _HEADERS)

    @app.get("/readyz")
    async def readyz() -> Response:
        """200 while nothing keeps the bot from its work, else 503 with the reasons."""
        reasons = list(await parts.obstacles())
        answer = {"ready": not reasons, "reasons": reasons}
        return JSONResponse(answer, 503 if reasons else 200, _HEADERS)

    return app
