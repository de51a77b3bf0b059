"""The web front: where Google sends people back to, a health check, and the webhook."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi import FastAPI
from fastapi.responses import JSONResponse, Response

from web.callback import add_callback
from web.chat_returns import ChatParts, ChatReturns
from web.webhook import Webhook, add_webhook

if TYPE_CHECKING:
    from web.department_returns import DepartmentReturns


@dataclass(frozen=True, slots=True)
class WebParts:
    """What the pages need of the rest of the process."""

    is_alive: Callable[[], bool]
    chat: ChatParts | None = None
    """None: there is no bot in this process."""
    departments: DepartmentReturns | None = None
    """None: departments are not served here."""
    webhook: Webhook | None = None
    """Where Telegram brings updates; None: the bot asks for them."""


def create_app(parts: WebParts) -> FastAPI:
    """The pages of the bot's process."""
    app = FastAPI(
        title="Drivekeeper",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        # They are built from the Host header, which anybody writes.
        redirect_slashes=False,
    )

    @app.get("/healthz")
    async def healthz() -> Response:
        """200 while Telegram answers the bot, else 503."""
        alive = parts.is_alive()
        return JSONResponse({"alive": alive}, status_code=200 if alive else 503)

    chat = None if parts.chat is None else ChatReturns(parts.chat)
    add_callback(app, chat, parts.departments)
    if parts.webhook is not None:
        add_webhook(app, parts.webhook)
    return app
