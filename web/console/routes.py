"""The console's addresses: pages for administrators, and what their buttons do.

Every form's answer is a 303: a page that is loaded again does nothing a second time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from functools import partial
from typing import Annotated, Final, cast, get_args
from urllib.parse import urlencode

import structlog
from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from departments.administrators.sessions import Session
from departments.console.changes import Outcome
from departments.console.trail import Cursor
from departments.services import DepartmentServices
from web.console.gathering import Gathering
from web.console.pages import render_console, render_console_live
from web.console.views import GROUPS, Filter, Kinds, News, Page, kinds_of
from web.gate.problems import denied
from web.gate.signed_in import SignedIn
from web.site.entering import FormToken
from web.site.frame import answer
from web.site.routing import READ, PageRoute, frame_of
from web.site.sheets.standing import NO_SHEETS, SheetStanding
from web.site.texts import texts_of, zone_of

_log = structlog.get_logger()
_LONGEST: Final = 200
_LONGEST_OWNER: Final = 64
_DIGITS: Final = 7
_QUARANTINE: Final = "/console/quarantine"
_COMPUTERS: Final = "/console/computers"
_Field = Annotated[str, Form(max_length=_LONGEST)]
_Copy = Annotated[str, Form(alias="copy", max_length=_LONGEST)]


def console_routes(
    services: DepartmentServices, signed_in: SignedIn, sheets: SheetStanding = NO_SHEETS
) -> APIRouter:
    """`/console` and what is below it, but how one comes in and leaves."""
    router = APIRouter(prefix="/console", route_class=PageRoute, include_in_schema=False)
    workers, desk, console = services.workers, services.desk, services.console
    gathering = Gathering(console, desk, services.departments, sheets)

    async def page(
        request: Request, gather: Callable[..., Page], *, of_all: bool = False
    ) -> Response:
        session = await signed_in(request)
        standings = [await services.overview.of_all()] if of_all else []
        shown = await workers.read(gather, *standings)
        done, kinds = _asked(request, "done"), _asked(request, "of")
        if done in get_args(News):
            shown = replace(
                shown,
                news=cast(News, done),
                was_replaced=_asked(request, "replaced") == "yes",
                moved=_number(_asked(request, "moved")),
                moved_of=cast(Kinds, kinds) if kinds in get_args(Kinds) else "",
            )
        return answer(request, render_console(shown, frame_of(request, session)))

    async def changing(request: Request, token: str) -> Session:
        session = await signed_in(request)
        signed_in.check_form(request, session, token)
        return session

    def led(path: str, outcome: Outcome) -> Response:
        """To the page that says what came of it, and looks anew."""
        if outcome.result in ("no_computer", "no_alarm"):
            _log.info("console_refused", result="gone")
        console.look.forget()
        query = {"done": outcome.result} | ({"replaced": "yes"} if outcome.was_replaced else {})
        if outcome.moved:
            query |= {"moved": str(outcome.moved), "of": kinds_of(outcome.owners)}
        return RedirectResponse(f"{path}?{urlencode(query)}", 303)

    @router.api_route("", methods=READ)
    async def overview(request: Request) -> Response:
        """How everything stands."""
        return await page(request, gathering.overview, of_all=True)

    @router.api_route("/live", methods=READ)
    async def live(request: Request) -> Response:
        """The overview's parts that change; an open page keeps nobody signed in."""
        session = await signed_in.find(request, renews=False)
        if session is None:
            raise denied(401, "not_signed_in")
        shown = await workers.read(gathering.overview, await services.overview.of_all())
        return answer(request, render_console_live(shown, frame_of(request, session)))

    @router.api_route("/incidents", methods=READ)
    async def incidents(request: Request) -> Response:
        """What is wrong just now."""
        return await page(request, gathering.incidents, of_all=True)

    @router.api_route("/quarantine", methods=READ)
    async def quarantine(request: Request) -> Response:
        """What was set aside, and who is on hold."""
        gather = partial(
            gathering.quarantine,
            page=_number(_asked(request, "page")),
            wrong=_asked(request, "wrong"),
            asks_held=_asked(request, "ask") == "held",
        )
        return await page(request, gather, of_all=True)

    @router.api_route("/processes", methods=READ)
    async def processes(request: Request) -> Response:
        """Which there are."""
        return await page(request, gathering.processes)

    @router.api_route("/computers", methods=READ)
    async def computers(request: Request) -> Response:
        """Every computer's key."""
        asked = _asked(request, "client") if _asked(request, "ask") == "disable" else ""
        return await page(request, partial(gathering.computers, asked))

    @router.api_route("/audit", methods=READ)
    async def audit(request: Request) -> Response:
        """A page of the audit trail."""
        zone, start = zone_of(texts_of(request).zone), Cursor.parse(_asked(request, "at"))
        return await page(request, partial(gathering.audit, _filter_of(request), start, zone))

    @router.api_route("/audit.csv", methods=READ)
    async def audit_file(request: Request) -> Response:
        """The same as a file."""
        await signed_in(request)
        zone = zone_of(texts_of(request).zone)
        text = await workers.read(gathering.audit_file, _filter_of(request), zone)
        headers = {"Content-Disposition": 'attachment; filename="drivekeeper-audit.csv"'}
        return Response(text, 200, headers, "text/csv; charset=utf-8; header=present")

    @router.post("/quarantine/restore")
    async def restore(request: Request, which: _Copy = "", csrf: FormToken = "") -> Response:
        """Put one back."""
        session = await changing(request, csrf)
        outcome = await console.changes.restore(which, session.administrator)
        return led(_QUARANTINE, outcome)

    @router.post("/quarantine/purge")
    async def purge(
        request: Request,
        which: _Copy = "",
        confirm: _Field = "",
        shown_on: Annotated[str, Form(alias="page", max_length=_LONGEST)] = "",
        csrf: FormToken = "",
    ) -> Response:
        """Delete one for good, where its owner's mask was typed; else nothing, which is said where
        it was typed."""
        session = await changing(request, csrf)
        outcome = await console.changes.purge(which, confirm, session.administrator)
        if outcome.result != "wrong":
            return led(_QUARANTINE, outcome)
        query = urlencode({"wrong": which, "page": _number(shown_on)})
        return RedirectResponse(f"{_QUARANTINE}?{query}", 303)

    @router.post("/quarantine/held")
    async def confirm_held(request: Request, csrf: FormToken = "") -> Response:
        """Set aside whoever is on hold."""
        session = await changing(request, csrf)
        return led(_QUARANTINE, await console.changes.confirm_held(session.administrator))

    @router.post("/computers/revoke")
    async def revoke(request: Request, client: _Field = "", csrf: FormToken = "") -> Response:
        """A computer's key opens nothing any more."""
        session = await changing(request, csrf)
        found = await desk.revoke(client, session.administrator)
        return led(_COMPUTERS, Outcome("disabled" if found else "no_computer"))

    @router.post("/computers/unblock")
    async def unblock(request: Request, client: _Field = "", csrf: FormToken = "") -> Response:
        """A computer's key opens again what it opened."""
        session = await changing(request, csrf)
        found = await desk.unblock(client, session.administrator)
        is_active = found is not None and found.is_active  # one that was revoked stays so
        return led(_COMPUTERS, Outcome("unblocked" if is_active else "no_computer"))

    @router.post("/computers/dismiss")
    async def dismiss(request: Request, alarm: _Field = "", csrf: FormToken = "") -> Response:
        """An alarm is none."""
        await changing(request, csrf)
        is_over = await desk.dismiss(alarm)
        return led(_COMPUTERS, Outcome("dismissed" if is_over else "no_alarm"))

    return router


def _asked(request: Request, name: str) -> str:
    """What the address says; nothing longer than anything that is meant."""
    return request.query_params.get(name, "")[:_LONGEST]


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < _DIGITS else 0


def _filter_of(request: Request) -> Filter:
    group = _asked(request, "what")
    return Filter(
        group if group in GROUPS else "",
        _asked(request, "owner").strip()[:_LONGEST_OWNER],
        _day(_asked(request, "from")),
        _day(_asked(request, "to")),
    )


def _day(text: str) -> str:
    """A day as the browser's field gives it; "": it is none."""
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        return ""
