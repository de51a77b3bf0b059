"""The pages of a process that stands by: whoever comes is to come again, or to another one."""

from __future__ import annotations

from typing import Final

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from web.callback import CALLBACK_PATH
from web.chat_returns import HEADERS
from web.pages import not_yet_page, refused_page

_AGAIN: Final = {"Retry-After": "5"}
_ANY: Final = ["GET", "HEAD", "POST", "DELETE"]


def create_standby_app() -> FastAPI:
    """It is alive, and answers nothing else but "not now": nothing is read, nothing is spent."""
    app = FastAPI(
        title="Drivekeeper standby",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )

    @app.get("/healthz")
    async def healthz() -> Response:
        """200: there is nothing to be mended by a restart."""
        return JSONResponse({"alive": True})

    @app.get(CALLBACK_PATH)
    async def google_callback(request: Request) -> Response:
        """Before anything is spent: the page may be loaded again."""
        languages = request.headers.get("Accept-Language", "")
        return HTMLResponse(refused_page("unavailable", languages), 503, HEADERS | _AGAIN)

    @app.api_route("/api/{path:path}", methods=_ANY)
    async def programs(path: str) -> Response:
        """For programs."""
        return Response(status_code=503, headers=_AGAIN)

    @app.api_route("/{path:path}", methods=["GET", "HEAD", "POST"])
    async def pages(request: Request, path: str) -> Response:
        """For people, such as one who opens a sign-in link, or presses its button: nothing of it is
        spent. And for the webhook, wherever it is: by the status alone, Telegram keeps the update,
        and brings it again."""
        languages = request.headers.get("Accept-Language", "")
        return HTMLResponse(not_yet_page(languages), 503, HEADERS | _AGAIN)

    return app
