"""The routes of sheets' pages: each is shown, looked at now, and what is held of it decided of.

Every form's answer is a 303: a page that is loaded again does nothing a second time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Final, Literal, cast, get_args
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from departments.administrators.sessions import Session
from departments.limits import TooSoon
from departments.services import DepartmentServices
from security.errors import TransientFault
from sheets.keeping.services import SheetServices
from sheets.shapes.file import Sheet
from web.gate.problems import Problem
from web.gate.signed_in import SignedIn
from web.site.entering import FormToken
from web.site.frame import answer
from web.site.routing import READ, SETTINGS_PATH, PageRoute, frame_of
from web.site.sheets.assembling import Wishes, page_of
from web.site.sheets.gathering import Gathering
from web.site.sheets.pages import render_sheet, render_sheets
from web.site.sheets.standing import SheetStanding
from web.site.sheets.views import SHEETS_PATH, DepartmentSheets, News, SheetsPage, address_of

PATIENCE_SECONDS: Final = 20.0
"""So long whoever presses "Look now" waits; the look goes on by itself."""
_LONGEST: Final = 100
_DIGITS: Final = 6
_Field = Annotated[str, Form(max_length=_LONGEST)]
_Version = Annotated[str, Form(alias="version", max_length=_LONGEST)]
_OF_ONE: Final = "/{department}/{name}"


def standing_of(services: DepartmentServices, sheets: SheetServices) -> SheetStanding:
    """How they stand, for other pages."""
    gathering = Gathering(sheets, services.departments, services.service_keys)
    slugs = {sheet.department for sheet in sheets.sheets.values()}

    async def catch_up() -> None:
        await asyncio.gather(*map(sheets.on_demand.catch_up, slugs))

    return SheetStanding(gathering.lines, catch_up, is_any=bool(slugs))


def sheet_page_routes(
    services: DepartmentServices, sheets: SheetServices, signed_in: SignedIn
) -> APIRouter:
    """`/settings/sheets` and what is below it."""
    router = APIRouter(prefix=SHEETS_PATH, route_class=PageRoute, include_in_schema=False)
    workers, clock = services.workers, services.clock
    gathering = Gathering(sheets, services.departments, services.service_keys)
    standing = standing_of(services, sheets)

    async def changing(request: Request, token: str) -> Session:
        session = await signed_in(request)
        signed_in.check_form(request, session, token)
        return session

    def found(department: str, name: str) -> Sheet:
        sheet = sheets.named(department, name)
        if sheet is None:
            raise Problem(404, "not_found")
        return sheet

    @router.api_route("", methods=READ)
    async def every(request: Request) -> Response:
        """All of them."""
        session = await signed_in(request)
        await standing.catch_up()
        lines = await workers.read(gathering.lines)
        page = SheetsPage(
            clock.seconds(),
            tuple(
                DepartmentSheets(one.slug, one.name, lines[one.slug])
                for one in services.departments
                if one.slug in lines
            ),
        )
        return answer(request, render_sheets(page, frame_of(request, session)))

    @router.api_route(_OF_ONE, methods=READ)
    async def one(request: Request, department: str, name: str) -> Response:
        """One of them."""
        session = await signed_in(request)
        sheet = found(department, name)
        await sheets.on_demand.catch_up(sheet.department)
        wishes, done = _wishes_of(request), _asked(request, "done")
        seen = await workers.read(gathering.found, sheet, wishes)
        news = cast(News, done if done in get_args(News) else "")
        page = page_of(seen, wishes, clock.seconds(), news)
        return answer(request, render_sheet(page, frame_of(request, session)))

    @router.post(f"{_OF_ONE}/sync")
    async def look(
        request: Request,
        department: str,
        name: str,
        month: _Field = "",
        back: _Field = "",
        csrf: FormToken = "",
    ) -> Response:
        """Google is asked for it now; several that ask at once have one look."""
        await changing(request, csrf)
        sheet = found(department, name)
        news: News = "looked"
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await sheets.on_demand.sync(sheet)
        except (TimeoutError, TooSoon, TransientFault):
            news = "look_busy"
        if back == "settings":
            query = urlencode({"department": sheet.department, "done": news})
            return RedirectResponse(f"{SETTINGS_PATH}?{query}", 303)
        return _back(sheet, month, news)

    def deciding(how: Literal["accepted", "kept"]) -> Callable[..., Awaitable[Response]]:
        do = sheets.decisions.accept if how == "accepted" else sheets.decisions.keep

        async def decide(
            request: Request,
            department: str,
            name: str,
            month: _Field = "",
            period: _Field = "",
            version: _Version = "",
            csrf: FormToken = "",
        ) -> Response:
            session = await changing(request, csrf)
            sheet, done = found(department, name), None
            if version:  # nothing else than what somebody has seen
                done = await workers.run(do, sheet.id, period, session.administrator, version)
            return _back(sheet, month, how if done is not None else "decided")

        return decide

    # What is held counts from now on, or is forgotten.
    router.post(f"{_OF_ONE}/accept")(deciding("accepted"))
    router.post(f"{_OF_ONE}/keep")(deciding("kept"))
    return router


def _back(sheet: Sheet, month: str, news: News) -> Response:
    query = urlencode({name: said for name, said in (("month", month), ("done", news)) if said})
    return RedirectResponse(f"{address_of(sheet.department, sheet.name)}?{query}", 303)


def _asked(request: Request, name: str) -> str:
    """What the address says; nothing longer than anything that is meant."""
    return request.query_params.get(name, "")[:_LONGEST]


def _wishes_of(request: Request) -> Wishes:
    part = _asked(request, "part")
    is_number = part.isascii() and part.isdecimal() and len(part) < _DIGITS
    return Wishes(
        _asked(request, "month") or _asked(request, "period"),  # as the API has it
        _asked(request, "from"),
        _asked(request, "to"),
        int(part) if is_number else 1,
        _asked(request, "older"),
    )
