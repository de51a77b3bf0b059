"""What routes of pages have in common: who reads, and refusals as pages."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from departments.administrators import who
from departments.administrators.links import ENTER_PATH
from departments.administrators.sessions import Session
from security.errors import CustodyError
from web.callback import CALLBACK_PATH
from web.gate.problems import Problem, answer_to, denied, problem_of
from web.gate.signed_in import COOKIE, SignedIn
from web.site import pages
from web.site.frame import Frame, answer

SETTINGS_PATH: Final = "/settings/google"
READ: Final = ["GET", "HEAD"]
_BELOW_API: Final = ("/api/docs", CALLBACK_PATH)
"""Pages, too."""
_KINDS: Final[dict[int, pages.Problem]] = {
    **{404: "not_found", 405: "not_found", 408: "too_slow", 410: "over", 413: "too_big"},
    429: "too_many",
}
_AWAY: Final = frozenset({"database_unreachable", "database_refused", "unavailable", "timeout"})


def frame_of(request: Request, session: Session) -> Frame:
    """The frame of a page that somebody reads who is signed in."""
    is_operator = who.is_operator(session.administrator)
    return Frame.of(
        request,
        who=who.name_of(session.administrator) if is_operator else "",
        csrf=session.form_token.get_secret_value(),
        version=request.app.version,
    )


class PageRoute(APIRoute):
    """A route whose refusals are pages; whoever is not signed in is led to how that is done."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """As FastAPI's."""
        handle = super().get_route_handler()

        async def serve(request: Request) -> Response:
            try:
                try:
                    return await handle(request)
                except (RequestValidationError, HTTPException) as refusal:
                    await _refuse_strangers(request)
                    raise denied(getattr(refusal, "status_code", 422), "invalid_request") from None
            except Problem as problem:
                return page_of(problem, request)
            except CustodyError as fault:
                return page_of(problem_of(fault), request)

        return serve


def is_for_a_page(request: Request) -> bool:
    """Whether a browser asks, for somebody to read what is answered."""
    path = request.scope["path"]
    is_api = path.startswith("/api/") and path not in _BELOW_API
    return not is_api and "text/html" in request.headers.get("Accept", "")


async def _refuse_strangers(request: Request) -> None:
    """Who asks comes before what is wrong with what they have sent."""
    signed_in: SignedIn = request.app.state.signed_in
    if await signed_in.find(request, renews=False) is None:
        raise denied(401, "not_signed_in")
    if request.method not in READ:
        signed_in.check_site(request)


def add_stray_pages(app: FastAPI) -> None:
    """Have a browser told on a page that there is nothing at an address; programs as before."""
    otherwise = app.exception_handlers[HTTPException]

    @app.exception_handler(HTTPException)
    async def stray(request: Request, refusal: HTTPException) -> Response:
        if not is_for_a_page(request):
            said = otherwise(request, refusal)
            return said if isinstance(said, Response) else await said
        kept = {name: value for name, value in (refusal.headers or {}).items() if name == "Allow"}
        return page_of(denied(refusal.status_code, "not_found", headers=kept), request)


def refusal(problem: Problem, request: Request) -> Response:
    """What says so: a page to somebody who reads it, else as programs have it."""
    return page_of(problem, request) if is_for_a_page(request) else answer_to(problem, request)


def page_of(problem: Problem, request: Request) -> Response:
    """The page that says what a refusal does."""
    if problem.status == 401:
        # The cookie says that there was a session, and nothing else does.
        over = "?news=over" if COOKIE in request.cookies else ""
        return RedirectResponse(f"{ENTER_PATH}{over}", 303)
    frame = Frame.of(request, version=request.app.version)
    path = frame.path if request.method in READ else SETTINGS_PATH
    frame = replace(frame, path=path, query=())
    page = pages.render_problem(frame, _kind_of(problem))
    return answer(request, page, problem.status, **problem.headers)


def _kind_of(problem: Problem) -> pages.Problem:
    if problem.status < 500:
        return _KINDS.get(problem.status, "forbidden")
    if problem.status == 500:
        return "defect"
    return "unavailable" if problem.code in _AWAY else "failed"
