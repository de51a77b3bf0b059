"""The address Telegram brings updates to: https://core.telegram.org/bots/api#setwebhook.

Whoever does not know the secret is refused before a byte of the body is read.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import structlog
from fastapi import FastAPI, Request
from fastapi.responses import Response
from pydantic import SecretStr
from starlette.requests import ClientDisconnect

from security.errors import CustodyError

LARGEST: Final = 1024 * 1024
"""Bytes. An update is text of a few kilobytes; files are not in it."""
_HEADER: Final = "X-Telegram-Bot-Api-Secret-Token"
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Webhook:
    """What is served, and for whom."""

    path: str
    secret: SecretStr
    take_in: Callable[[bytes], Awaitable[None]]
    """Given a body, it returns when the update has been written down; raises CustodyError."""


def add_webhook(app: FastAPI, webhook: Webhook) -> None:
    """Serve `webhook` with `app`."""
    secret = webhook.secret.get_secret_value().encode()

    @app.post(webhook.path)
    async def updates(request: Request) -> Response:
        """200 once the update is written down; 503: Telegram is to bring it again."""
        given = request.headers.get(_HEADER, "").encode()
        if not hmac.compare_digest(given, secret):
            _log.warning("access_denied", result="wrong_secret")
            return Response(status_code=403)
        body = bytearray()
        try:
            async for piece in request.stream():
                body += piece
                if len(body) > LARGEST:
                    _log.warning("update_skipped", result="too_big")
                    return Response(status_code=413)
        except ClientDisconnect:
            return Response(status_code=400)  # which nobody reads
        try:
            await webhook.take_in(bytes(body))
        except CustodyError:
            return Response(status_code=503)
        return Response(status_code=200)
