"""How much a request may bring, and how long it may take about it."""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.gate.problems import Problem, denied
from web.site.routing import refusal

LARGEST: Final = 64 * 1024
"""Bytes. A form or a JSON object is a few hundred."""
PATIENCE_SECONDS: Final = 10.0
"""From a request's head to the end of its body."""


class SmallBodies:
    """Reads a request's body before its route is asked: too much or too slow never gets there."""

    def __init__(
        self, app: ASGIApp, *, largest: int = LARGEST, patience_seconds: float = PATIENCE_SECONDS
    ) -> None:
        self._app = app
        self._largest = largest
        self._patience_seconds = patience_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        headers = Headers(scope=scope)
        said = headers.get("Content-Length", "0")
        if said == "0" and "Transfer-Encoding" not in headers:
            await self._app(scope, receive, send)
            return
        try:
            body = await self._read(said, receive)
        except Problem as problem:
            await refusal(problem, Request(scope))(scope, receive, send)
            return
        if body is None:  # whoever asked has gone
            return
        messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return messages.pop() if messages else await receive()

        await self._app(scope, replay, send)

    async def _read(self, said: str, receive: Receive) -> bytes | None:
        if not said.isdecimal() or int(said) > self._largest:
            raise denied(413, "too_big")
        body = bytearray()
        try:
            async with asyncio.timeout(self._patience_seconds):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return None
                    body += message.get("body", b"")
                    if len(body) > self._largest:
                        raise denied(413, "too_big")
                    if not message.get("more_body"):
                        return bytes(body)
        except TimeoutError:
            raise denied(408, "timeout") from None
