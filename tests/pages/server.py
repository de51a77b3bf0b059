"""A small server of the demonstration's pages: python -m tests.pages.server.

/settings/google?state=NAME is a state of the settings page, /console?state=NAME one of the
console's, /settings/sheets/tanhae/roster?state=NAME one of a sheet's; /settings/sheets,
/problem/KIND, /sign-in/NEWS, and /console/enter/CODE are the others. What their forms would do is
not done.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import cast, get_args

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import Response

from tests.console.demo import PAGES
from tests.pages.demo import NOW, page_of
from tests.pages.sheet_demo import list_page, sheet_page
from web.console.pages import render_console, render_console_live
from web.console.views import Page as ConsolePage
from web.site.frame import Frame, answer
from web.site.pages import (
    Leaving,
    Problem,
    render_link,
    render_live,
    render_problem,
    render_settings,
    render_sign_in,
)
from web.site.settings.views import SettingsPage
from web.site.sheets.pages import render_sheet, render_sheets
from web.site.static import add_static

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; "
    "img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
"""As the gate's (web/gate/headers.py)."""


class Demo:
    """What is served; tests change it while a browser looks."""

    def __init__(self) -> None:
        self.pages: dict[str, SettingsPage] = {}
        """States to be shown otherwise than the demonstration has them."""
        self.console: ConsolePage | None = None
        """What the console shows; None: the state that is asked for."""
        self.is_away = False
        """Whether the database does not answer."""
        self.looks = 0
        """How often a page has looked for fresh figures."""
        self.app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
        self._add_routes()

    def _page(self, request: Request) -> SettingsPage:
        state = request.query_params.get("state", "fine")
        return self.pages.get(state) or page_of(state)

    def _add_routes(self) -> None:
        app = self.app
        add_static(app)

        @app.middleware("http")
        async def headers(request: Request, call_next):  # type: ignore[no-untyped-def]
            response = await call_next(request)
            for name, value in HEADERS.items():
                response.headers.setdefault(name, value)
            return response

        def mine(request: Request) -> Frame:
            frame = Frame.of(request, csrf="c" * 64, version="0.2.0")
            return replace(frame, has_sheets=True)

        @app.get("/settings/google")
        async def settings(request: Request) -> Response:
            if self.is_away:
                page = render_problem(Frame.of(request), "unavailable", since=NOW)
                return answer(request, page, 503)
            return answer(request, render_settings(self._page(request), mine(request)))

        @app.get("/settings/google/live")
        async def live(request: Request) -> Response:
            self.looks += 1
            if self.is_away:
                return Response(status_code=503)
            return answer(request, render_live(self._page(request), mine(request)))

        @app.get("/settings/sheets")
        async def sheets(request: Request) -> Response:
            state = request.query_params.get("state", "")
            return answer(request, render_sheets(list_page(state), mine(request)))

        @app.get("/settings/sheets/{department}/{name}")
        async def sheet(request: Request, department: str, name: str) -> Response:
            page = sheet_page(request.query_params.get("state", "fine"))
            return answer(request, render_sheet(page, mine(request)))

        @app.get("/console")
        async def console(request: Request) -> Response:
            page = self.console or PAGES[request.query_params.get("state", "busy")]
            frame = mine(request)
            if page.name != "overview":
                frame = replace(frame, path=f"/console/{page.name}")
            return answer(request, render_console(page, frame))

        @app.get("/console/live")
        async def console_live(request: Request) -> Response:
            self.looks += 1
            page = self.console or PAGES["busy"]
            return answer(request, render_console_live(page, mine(request)))

        @app.get("/console/enter/{code}")
        async def link(request: Request, code: str) -> Response:
            return answer(request, render_link(Frame.of(request)))

        @app.get("/sign-in/{news}")
        async def sign_in(request: Request, news: str) -> Response:
            known = news if news in get_args(Leaving) else ""
            return answer(request, render_sign_in(Frame.of(request), cast(Leaving, known)))

        @app.get("/problem/{kind}")
        async def problem(request: Request, kind: Problem) -> Response:
            return answer(request, render_problem(Frame.of(request), kind, since=NOW))


@contextmanager
def served(demo: Demo) -> Iterator[str]:
    """It runs; its address."""
    config = uvicorn.Config(demo.app, host="127.0.0.1", port=0, log_config=None, ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        if not thread.is_alive():
            raise RuntimeError("the server has ended")
        thread.join(0.01)
    try:
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://localhost:{port}"
    finally:
        server.should_exit = True
        thread.join(10)


if __name__ == "__main__":
    with served(Demo()) as address:
        print(f"{address}/settings/google?state=fine", flush=True)
        threading.Event().wait()
