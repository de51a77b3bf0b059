"""The web front: where Google sends people back to, a health check, and the webhook."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp

from web.callback import add_callback
from web.chat_returns import HEADERS, ChatParts, ChatReturns
from web.pages import no_departments_page
from web.webhook import Webhook, add_webhook

if TYPE_CHECKING:
    from web.departments import DepartmentParts


@dataclass(frozen=True, slots=True)
class WebParts:
    """What the pages need of the rest of the process."""

    is_alive: Callable[[], bool]
    chat: ChatParts | None = None
    """None: there is no bot in this process."""
    departments: DepartmentParts | None = None
    """None: departments are not served here."""
    webhook: Webhook | None = None
    """Where Telegram brings updates; None: the bot asks for them."""


def create_app(parts: WebParts) -> ASGIApp:
    """The pages of a process."""
    app = FastAPI(
        title="Drivekeeper",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        # They are built from the Host header, which anybody writes.
        redirect_slashes=False,
    )

    @app.api_route("/healthz", methods=["GET", "HEAD"])
    async def healthz() -> Response:
        """200 while the process lives, and Telegram answers its bot where it has one; else 503."""
        alive = parts.is_alive()
        return JSONResponse({"alive": alive}, status_code=200 if alive else 503)

    chat = None if parts.chat is None else ChatReturns(parts.chat)
    if parts.webhook is not None:
        add_webhook(app, parts.webhook)
    if parts.departments is None:
        add_callback(app, chat, None)
        _add_no_departments(app)
        return app
    from web.departments import beside  # its templates take a while

    return beside(app, chat, parts.departments)


def _add_no_departments(app: FastAPI) -> None:
    """A link of `/console` or `drivekeeper console-link` may lead to a process that serves none."""

    @app.api_route("/console", methods=_PAGES)
    @app.api_route("/console/{path:path}", methods=_PAGES)
    @app.api_route("/settings/{path:path}", methods=_PAGES)
    async def no_departments(request: Request) -> Response:
        """Says so; nothing of the link is looked at, and nothing spent."""
        page = no_departments_page(request.headers.get("Accept-Language", ""))
        return HTMLResponse(page, 404, HEADERS)


_PAGES: Final = ["GET", "HEAD", "POST"]
