"""The routes of the settings page: it is shown, and each of its forms leads back to it.

Every form's answer is a 303: a page that is loaded again does nothing a second time.
"""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from departments.administrators.sessions import Session
from departments.clients.clients import Client, May, State, label_of
from departments.names import LONGEST, Department
from departments.services import DepartmentServices
from security.custody.disconnect import Disconnection
from security.errors import OperatorFault, TransientFault
from web.department_returns import address_of
from web.gate.problems import Problem, denied
from web.gate.signed_in import SignedIn
from web.site.entering import FormToken
from web.site.frame import answer
from web.site.pages import render_live, render_settings
from web.site.routing import READ, SETTINGS_PATH, PageRoute, frame_of
from web.site.settings.assembling import SettingsViews, Wishes
from web.site.settings.pairing_cookie import ShownCode, keep_codes, kept_codes
from web.site.sheets.standing import NO_SHEETS, SheetStanding

_Slug = Annotated[str, Form(alias="department", max_length=LONGEST)]
_Id = Annotated[str, Form(alias="client", max_length=LONGEST)]
_LONGEST_NAME = 100


def settings_routes(
    services: DepartmentServices,
    signed_in: SignedIn,
    public_url: str,
    redirect_uri: str,
    sheets: SheetStanding = NO_SHEETS,
) -> APIRouter:
    """`/settings/google` and what is below it.

    Args:
        redirect_uri: where Google sends people back to.
    """
    router = APIRouter(prefix=SETTINGS_PATH, route_class=PageRoute, include_in_schema=False)
    desk, consents, workers = services.desk, services.consents, services.workers
    views = SettingsViews(services, public_url, sheets.lines)

    async def changing(request: Request, token: str) -> Session:
        session = await signed_in(request)
        signed_in.check_form(request, session, token)
        return session

    def found(slug: str) -> Department:
        department = services.departments.find(slug)
        if department is None:
            raise Problem(404, "no_department")
        return department

    @router.api_route("", methods=READ)
    async def settings(request: Request, wishes: Annotated[Wishes, Depends()]) -> Response:
        """The page."""
        session = await signed_in(request)
        await sheets.catch_up()
        page = await views.of(session, wishes, kept_codes(request))
        return answer(request, render_settings(page, frame_of(request, session)))

    @router.api_route("/live", methods=READ)
    async def live(request: Request, wishes: Annotated[Wishes, Depends()]) -> Response:
        """The parts of it that change. A page that is left open does not keep its session alive."""
        session = await signed_in.find(request, renews=False)
        if session is None:
            raise denied(401, "not_signed_in")
        page = await views.of(session, wishes, kept_codes(request))
        return answer(request, render_live(page, frame_of(request, session)))

    @router.post("/authorize")
    async def authorize(request: Request, slug: _Slug = "", csrf: FormToken = "") -> Response:
        """To Google."""
        session = await changing(request, csrf)
        department = found(slug)
        try:
            pending = await consents.begin(department, session.id, redirect_uri)
        except TransientFault as fault:
            return _busy(department, fault)
        except OperatorFault as fault:
            if fault.code != "unknown_client":
                raise
            return _back(department, error=fault.code)
        return RedirectResponse(pending.address, 303)

    @router.post("/account")
    async def account(
        request: Request,
        choice: Annotated[Literal["use", "keep"], Form()],
        consent: Annotated[str, Form(max_length=LONGEST)],
        slug: _Slug = "",
        csrf: FormToken = "",
    ) -> Response:
        """Which of two Google accounts is to be used."""
        session = await changing(request, csrf)
        department = found(slug)
        act = consents.confirm if choice == "use" else consents.refuse
        try:
            outcome = await act(department, session.id, consent)
        except TransientFault as fault:
            return _busy(department, fault)
        return RedirectResponse(address_of(outcome), 303)

    @router.post("/revoke")
    async def revoke(request: Request, slug: _Slug = "", csrf: FormToken = "") -> Response:
        """The department's grant ends."""
        session = await changing(request, csrf)
        department = found(slug)
        try:
            ended = await consents.revoke(department, session.administrator)
        except TransientFault as fault:
            return _busy(department, fault)
        services.tokens.forget(department)
        return _back(department, done=_end_of(ended))

    @router.post("/clients")
    async def add(
        request: Request,
        label: Annotated[str, Form(max_length=1000)] = "",
        token: Annotated[str, Form(max_length=LONGEST)] = "",
        slug: _Slug = "",
        csrf: FormToken = "",
    ) -> Response:
        """A pairing code for a new computer."""
        session = await changing(request, csrf)
        department = found(slug)
        may: tuple[May, ...] = ("upload", "token") if token else ("upload",)
        try:
            label = label_of(label)
        except ValueError:
            return _back(department, fault="label")
        by = session.administrator
        made = await workers.run(desk.pairing.make, department.slug, label, may, by)
        response = RedirectResponse(f"{SETTINGS_PATH}#d-{department.slug}-pair", 303)
        shown = ShownCode(
            code=made.shown, department=department.slug, label=label, expires_at=made.expires_at
        )
        now = services.clock.seconds()
        others = [one for one in kept_codes(request) if one.expires_at > now]
        keep_codes(response, [shown, *others])
        return response

    @router.post("/clients/drop")
    async def drop(
        request: Request,
        name: Annotated[str, Form(alias="code", max_length=_LONGEST_NAME)] = "",
        slug: _Slug = "",
        csrf: FormToken = "",
    ) -> Response:
        """A pairing code shall open nothing, whoever made it."""
        await changing(request, csrf)
        department = found(slug)
        was_open = await workers.run(desk.pairing.drop, name)
        return _back(department, done="dropped" if was_open else "code_gone")

    @router.post("/clients/revoke")
    async def disable(
        request: Request, id: _Id = "", slug: _Slug = "", csrf: FormToken = ""
    ) -> Response:
        """A computer's key opens nothing any more."""
        session = await changing(request, csrf)
        return changed(slug, await desk.revoke(id, session.administrator), "revoked", "disabled")

    @router.post("/clients/unblock")
    async def unblock(
        request: Request, id: _Id = "", slug: _Slug = "", csrf: FormToken = ""
    ) -> Response:
        """A computer that was blocked may go on."""
        session = await changing(request, csrf)
        return changed(slug, await desk.unblock(id, session.administrator), "active", "unblocked")

    def changed(slug: str, client: Client | None, wanted: State, news: str) -> Response:
        if client is None or client.state != wanted:
            return _back(found(slug), done="gone")
        return _back(found(client.department), done=news)

    return router


def _back(department: Department, **said: str) -> Response:
    """To the page, in words of ours alone.

    What is told there takes the focus, which a fragment in the address would keep it from.
    """
    query = urlencode({"department": department.slug, **said})
    return RedirectResponse(f"{SETTINGS_PATH}?{query}", 303)


def _busy(department: Department, fault: TransientFault) -> Response:
    """Somebody else changes it; what is another fault is the page's that says so."""
    if fault.code != "locked":
        raise fault
    return _back(department, done="busy")


def _end_of(ended: Disconnection) -> str:
    if not ended.was_connected:
        return "not_connected"
    if ended.shared:
        return "revoked_shared"
    return "revoked" if ended.revoked else "revoked_here"
