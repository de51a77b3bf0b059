"""The console's addresses: pages for administrators, and what their buttons do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import date
from functools import partial
from typing import Final, Protocol, cast, get_args
from urllib.parse import urlencode

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import FormData

from departments.administrators import who
from departments.administrators.sessions import Session
from departments.clients.desk import ClientDesk
from departments.console.changes import Changes, Outcome
from departments.console.trail import Cursor
from security.custody.workers import Workers
from security.errors import CustodyError
from web.console.gathering import Gathering
from web.console.pages import render_console, render_console_live
from web.console.views import GROUPS, Filter, News, Page
from web.site.frame import Frame, answer
from web.site.pages import render_problem
from web.site.texts import zone_of

FORM_FIELD: Final = "csrf"
SIGN_IN_PATH: Final = "/console/enter"
"""How one signs in."""
_LONGEST: Final = 200
_LONGEST_OWNER: Final = 64
_DIGITS: Final = 7
_AGAIN_SECONDS: Final = 10
_log = structlog.get_logger()


class Gate(Protocol):
    """Who is signed in, and whether a form is of this site's own page."""

    async def find(self, request: Request, *, renews: bool = True) -> Session | None: ...

    def check_form(self, request: Request, session: Session, token: str) -> None: ...


def console_routes(
    gathering: Gathering, changes: Changes, workers: Workers, gate: Gate, version: str
) -> APIRouter:
    """Every page of the console, for administrators alone.

    Args:
        version: the program's.
    """
    router = APIRouter(include_in_schema=False)
    site = _Site(gathering, changes, workers, gate, version)
    for path, page in (
        ("/console", site.overview),
        ("/console/live", site.live),
        ("/console/incidents", site.incidents),
        ("/console/quarantine", site.quarantine),
        ("/console/processes", site.processes),
        ("/console/computers", site.computers),
        ("/console/audit", site.audit),
        ("/console/audit.csv", site.audit_file),
    ):
        router.add_api_route(path, page, methods=["GET"])
    for path, change in (
        ("/console/quarantine/restore", site.restore),
        ("/console/quarantine/purge", site.purge),
        ("/console/quarantine/held", site.confirm_held),
        ("/console/computers/revoke", site.revoke),
        ("/console/computers/unblock", site.unblock),
        ("/console/computers/dismiss", site.dismiss),
    ):
        router.add_api_route(path, change, methods=["POST"])
    return router


class _Site:
    """The pages of one process. Whatever is asked for, whoever asks is looked at first."""

    def __init__(
        self,
        gathering: Gathering,
        changes: Changes,
        workers: Workers,
        gate: Gate,
        version: str,
    ) -> None:
        self._gathering = gathering
        self._changes = changes
        self._workers = workers
        self._gate = gate
        self._version = version

    # Pages

    async def overview(self, request: Request) -> Response:
        return await self._page(request, self._gathering.overview)

    async def live(self, request: Request) -> Response:
        """The overview's parts that change; an open page keeps nobody signed in."""
        try:
            session = await self._gate.find(request, renews=False)
            if session is None:
                _log.warning("access_denied", result="not_allowed")
                return Response(status_code=401)
            page = await self._workers.read(self._gathering.overview)
        except CustodyError as fault:
            return self._away(request, fault)
        return answer(request, render_console_live(page, self._frame(request, session)))

    async def incidents(self, request: Request) -> Response:
        return await self._page(request, self._gathering.incidents)

    async def quarantine(self, request: Request) -> Response:
        asks = _asked(request, "ask") == "held"
        page = partial(self._gathering.quarantine, _number(_asked(request, "page")))
        return await self._page(request, partial(page, asks_held=asks))

    async def processes(self, request: Request) -> Response:
        return await self._page(request, self._gathering.processes)

    async def computers(self, request: Request) -> Response:
        asked = _asked(request, "client") if _asked(request, "ask") == "disable" else ""
        return await self._page(request, partial(self._gathering.computers, asked))

    async def audit(self, request: Request) -> Response:
        zone = zone_of(self._frame(request).texts.zone)
        start = Cursor.parse(_asked(request, "at"))
        page = partial(self._gathering.audit, _filter_of(request), start, zone)
        return await self._page(request, page)

    async def audit_file(self, request: Request) -> Response:
        try:
            if await self._gate.find(request) is None:
                return self._to_sign_in()
            zone = zone_of(self._frame(request).texts.zone)
            text = await self._workers.read(self._gathering.audit_file, _filter_of(request), zone)
        except CustodyError as fault:
            return self._away(request, fault)
        headers = {
            "Cache-Control": "no-store",
            "Content-Disposition": 'attachment; filename="drivekeeper-audit.csv"',
        }
        return Response(text, 200, headers, "text/csv; charset=utf-8; header=present")

    # What buttons do

    async def restore(self, request: Request) -> Response:
        async def do(session: Session, form: FormData) -> Response:
            outcome = await self._changes.restore(_field(form, "copy"), session.administrator)
            return self._done("/console/quarantine", outcome)

        return await self._change(request, do)

    async def purge(self, request: Request) -> Response:
        """Only where the copy's mask was typed; else the page says that nothing was deleted."""

        async def do(session: Session, form: FormData) -> Response:
            copy, word = _field(form, "copy"), _field(form, "confirm")
            outcome = await self._changes.purge(copy, word, session.administrator)
            if outcome.result != "wrong":
                return self._done("/console/quarantine", outcome)
            number = _number(_field(form, "page"))
            gather = partial(self._gathering.quarantine, number, wrong=copy)
            page = await self._workers.read(gather)
            frame = replace(self._frame(request, session), path="/console/quarantine", query=())
            return answer(request, render_console(page, frame), 422)

        return await self._change(request, do)

    async def confirm_held(self, request: Request) -> Response:
        async def do(session: Session, _: FormData) -> Response:
            outcome = await self._changes.confirm_held(session.administrator)
            return self._done("/console/quarantine", outcome)

        return await self._change(request, do)

    async def revoke(self, request: Request) -> Response:
        async def do(session: Session, form: FormData) -> Response:
            client = await self._desk.revoke(_field(form, "client"), session.administrator)
            return self._done(
                "/console/computers", Outcome("disabled" if client else "no_computer")
            )

        return await self._change(request, do)

    async def unblock(self, request: Request) -> Response:
        async def do(session: Session, form: FormData) -> Response:
            client = await self._desk.unblock(_field(form, "client"), session.administrator)
            result = "unblocked" if client else "no_computer"
            return self._done("/console/computers", Outcome(result))

        return await self._change(request, do)

    async def dismiss(self, request: Request) -> Response:
        async def do(_: Session, form: FormData) -> Response:
            is_over = await self._desk.dismiss(_field(form, "alarm"))
            return self._done("/console/computers", Outcome("dismissed" if is_over else "no_alarm"))

        return await self._change(request, do)

    @property
    def _desk(self) -> ClientDesk:
        return self._gathering.desk

    # What they share

    async def _page(self, request: Request, gather: Callable[[], Page]) -> Response:
        try:
            session = await self._gate.find(request)
            if session is None:
                return self._to_sign_in()
            page = await self._workers.read(gather)
        except CustodyError as fault:
            return self._away(request, fault)
        done = _asked(request, "done")
        if done in get_args(News):
            replaced = _asked(request, "replaced") == "yes"
            page = replace(page, news=cast(News, done), was_replaced=replaced)
        return answer(request, render_console(page, self._frame(request, session)))

    async def _change(
        self, request: Request, do: Callable[[Session, FormData], Awaitable[Response]]
    ) -> Response:
        try:
            session = await self._gate.find(request)
            if session is None:
                return self._to_sign_in()
            form = await request.form()
            self._gate.check_form(request, session, _field(form, FORM_FIELD))
            response = await do(session, form)
        except CustodyError as fault:
            return self._away(request, fault)
        self._gathering.look.forget()
        return response

    def _frame(self, request: Request, session: Session | None = None) -> Frame:
        if session is None:
            return Frame.of(request, version=self._version)
        administrator = session.administrator
        name = who.name_of(administrator) if who.is_operator(administrator) else ""
        csrf = session.form_token.get_secret_value()
        return Frame.of(request, who=name, csrf=csrf, version=self._version)

    def _away(self, request: Request, fault: CustodyError) -> Response:
        """Nobody can be known to be an administrator: the page shows nothing of anybody."""
        _log.warning("console_refused", result=fault.code)
        page = render_problem(self._frame(request), "unavailable")
        return answer(request, page, 503, **{"Retry-After": str(_AGAIN_SECONDS)})

    @staticmethod
    def _to_sign_in() -> Response:
        _log.warning("access_denied", result="not_allowed")
        return RedirectResponse(SIGN_IN_PATH, 303, {"Cache-Control": "no-store"})

    @staticmethod
    def _done(path: str, outcome: Outcome) -> Response:
        query = {"done": outcome.result} | ({"replaced": "yes"} if outcome.was_replaced else {})
        return RedirectResponse(f"{path}?{urlencode(query)}", 303, {"Cache-Control": "no-store"})


def _asked(request: Request, name: str) -> str:
    """What the address says; nothing longer than anything that is meant."""
    return request.query_params.get(name, "")[:_LONGEST]


def _field(form: FormData, name: str) -> str:
    value = form.get(name)
    return value[:_LONGEST] if isinstance(value, str) else ""


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
