"""How an administrator signs in, by a link that is spent once, and out again.

Whatever opens addresses, be it a mail scanner that runs scripts, spends nothing: a link is spent by
its page's button.
"""

from __future__ import annotations

from typing import Annotated, Final, cast, get_args

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from departments.administrators.links import ENTER_PATH
from departments.services import DepartmentServices
from web.gate.problems import denied
from web.gate.signed_in import SignedIn, drop_cookie, keep_cookie
from web.site.frame import Frame, answer
from web.site.pages import Leaving, render_link, render_sign_in
from web.site.routing import READ, SETTINGS_PATH, PageRoute
from web.site.settings.pairing_cookie import forget_codes

_LONGEST_CODE: Final = 100
_LONGEST_TOKEN: Final = 200
FormToken = Annotated[str, Form(alias="csrf", max_length=_LONGEST_TOKEN)]


def entering_routes(services: DepartmentServices, signed_in: SignedIn) -> APIRouter:
    """`/console/enter` and `/console/enter/…`, `/console/leave`, `/console/leave-everywhere`."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)
    workers, links, sessions = services.workers, services.links, services.sessions

    @router.api_route("/", methods=READ)
    async def home() -> Response:
        """Whoever types the address alone wants this page."""
        return RedirectResponse(SETTINGS_PATH, 303)

    @router.api_route(ENTER_PATH, methods=READ)
    async def sign_in(
        request: Request, news: Annotated[str, Query(max_length=40)] = ""
    ) -> Response:
        """How one signs in."""
        known = cast(Leaving, news if news in get_args(Leaving) else "")
        frame = Frame.of(request, version=request.app.version)
        return answer(request, render_sign_in(frame, known))

    @router.api_route(f"{ENTER_PATH}/{{code}}", methods=READ)
    async def link(request: Request, code: str) -> Response:
        """A link that is opened: it is looked at, and no more."""
        if len(code) > _LONGEST_CODE or not await workers.read(links.holds, code):
            raise denied(410, "expired")
        frame = Frame.of(request, version=request.app.version)
        return answer(request, render_link(frame))

    @router.post(f"{ENTER_PATH}/{{code}}")
    async def enter(request: Request, code: str) -> Response:
        """Its button: of several that press it, one is signed in."""
        signed_in.check_site(request)
        before = await signed_in.find(request, renews=False)
        cookie = None
        if len(code) <= _LONGEST_CODE:
            cookie = await workers.run(sessions.begin_by, links, code, before)
        if cookie is None:
            raise denied(410, "expired")
        response = RedirectResponse(SETTINGS_PATH, 303)
        keep_cookie(response, cookie)
        return response

    @router.post("/console/leave")
    async def leave(request: Request, csrf: FormToken = "") -> Response:
        """This session ends."""
        session = await signed_in(request)
        signed_in.check_form(request, session, csrf)
        await workers.run(sessions.end, session)
        return _left("left")

    @router.post("/console/leave-everywhere")
    async def leave_everywhere(request: Request, csrf: FormToken = "") -> Response:
        """Every session of this administrator ends, and every link that could begin one."""
        session = await signed_in(request)
        signed_in.check_form(request, session, csrf)
        await workers.run(links.end_all, session.administrator)
        await workers.run(sessions.end_all, session.administrator)
        return _left("left_everywhere")

    return router


def _left(news: Leaving) -> Response:
    response = RedirectResponse(f"{ENTER_PATH}?news={news}", 303)
    drop_cookie(response)
    forget_codes(response)
    return response
