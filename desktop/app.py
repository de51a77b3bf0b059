"""The page's routes: come in, pair, add files, and see how they go."""

from __future__ import annotations

import asyncio
from collections import Counter
from functools import partial
from typing import Any, Final
from urllib.parse import parse_qs

import structlog
from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp

from desktop.gate.entering import ENTER, Entering
from desktop.gate.gate import Gate
from desktop.page.frame import STATIC, page, refusal
from desktop.page.texts import Texts
from desktop.page.views import page_of
from desktop.pairing import Pairer
from desktop.receiving.form import FormReader, FormRefused
from desktop.receiving.receiver import Receiver
from desktop.sending.cloud import CloudRefused, WrongAddress
from desktop.services import Services
from security.errors import CustodyError

_LARGEST_FORM: Final = 8 * 1024
_log = structlog.get_logger()


def create_app(services: Services, entering: Entering, port: int) -> ASGIApp:
    """All of it, behind its gate."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    STATIC.add_to(app)
    credentials, shelf, sender = services.credentials, services.shelf, services.sender
    pairer = Pairer(credentials, services.network)

    def back() -> Response:
        return RedirectResponse(f"{entering.at}/", 303)

    def label() -> str:
        pairings = credentials.pairings
        return pairings[0].label if pairings else ""

    @app.get(ENTER)
    async def enter_page(request: Request, token: str = "") -> Response:
        if not entering.holds(token):
            return refusal(request, 410, "used")
        query = (("token", token),)
        return page(request, "enter.html", path=ENTER, query=query, token=token)

    @app.post(ENTER)
    async def enter(request: Request) -> Response:
        fields = await _fields(request)
        value = entering.spend(fields.get("token", ""))
        if value is None:
            _log.warning("access_denied", result="used")
            return refusal(request, 410, "used")
        answer = back()
        answer.set_cookie(
            entering.cookie, value, path=f"{entering.at}/", httponly=True, samesite="strict"
        )
        return answer

    @app.get("/")
    async def files(request: Request) -> Response:
        if not credentials.pairings:
            return _pair_page(request, services, address=services.cloud)
        services.standing.look()
        chosen = request.cookies.get(_CHOSEN, "")
        texts = Texts.of(request)
        shown = page_of(services, texts)
        return page(request, "files.html", label=label(), page=shown, chosen=chosen)

    @app.get("/live")
    async def live(request: Request) -> Response:
        shown = page_of(services, Texts.of(request))
        if any(one.standing != "fine" for one in shown.choices):  # else nobody wakes the cloud
            services.standing.look()
        return page(request, "live.html", label=label(), page=shown)

    @app.get("/pair")
    async def pair_page(request: Request) -> Response:
        known = credentials.pairings
        return _pair_page(request, services, address=known[0].cloud if known else services.cloud)

    @app.post("/pair")
    async def pair(request: Request) -> Response:
        fields = await _fields(request)
        typed, code = fields.get("address", "")[:2000], fields.get("code", "")[:32]
        again: dict[str, Any] = {"address": typed, "code": code, "status": 400}
        try:
            await pairer.pair(typed, code)
        except WrongAddress:
            return _pair_page(request, services, fault="address", **again)
        except CloudRefused as refused:
            fault = _PAIR_FAULTS.get(refused.code, "trouble")
            return _pair_page(request, services, fault=fault, **again)
        except CustodyError:
            return _pair_page(request, services, fault="offline", **again)
        _log.info("client_changed", result="paired")
        services.standing.look(now=True)
        sender.wake()
        return back()

    @app.post("/files")
    async def add(request: Request) -> Response:
        departments = [one.department for one in credentials.pairings]
        receiver = Receiver(shelf, departments, partial(sender.wake, added=True))
        try:
            reader = FormReader(request.headers.get("Content-Type", ""), receiver)
            async for piece in request.stream():
                if piece:
                    await asyncio.to_thread(reader.feed, piece)
            await asyncio.to_thread(reader.finish)
        except FormRefused:
            return refusal(request, 400, "too_big")
        finally:
            await asyncio.to_thread(receiver.give_up)
        answer = back()
        if reader.department in departments:
            answer.set_cookie(_CHOSEN, reader.department, httponly=True, samesite="strict")
        return answer

    @app.post("/files/{id}/now")
    async def now(id: str) -> Response:
        sender.wake(id)
        return back()

    @app.post("/files/{id}/again")
    async def again(id: str) -> Response:
        await asyncio.to_thread(shelf.again, id)
        sender.wake()
        return back()

    @app.post("/files/{id}/remove")
    async def remove(id: str) -> Response:
        await asyncio.to_thread(sender.cancel, id)
        return back()

    @app.get("/files/{id}/content")
    async def content(request: Request, id: str) -> Response:
        record = shelf.find(id)
        if record is None or record.state != "lost" or not shelf.content(id).is_file():
            return refusal(request, 404, "not_found")
        return FileResponse(shelf.content(id), media_type="application/pdf", filename=record.name)

    @app.exception_handler(OSError)
    async def not_kept(request: Request, fault: OSError) -> Response:
        return refusal(request, 507, "disk")

    @app.exception_handler(ClientDisconnect)
    async def broken_off(request: Request, gone: ClientDisconnect) -> Response:
        return Response(status_code=400)  # for nobody: a tab was closed

    @app.exception_handler(HTTPException)
    async def not_found(request: Request, refused: HTTPException) -> Response:
        return refusal(request, refused.status_code, "not_found")

    return Gate(app, entering, port)


_CHOSEN: Final = "drivekeeper-desktop-department"
_PAIR_FAULTS: Final = {"rate_limited": "often", "wrong_code": "code", "invalid_request": "code"}
"""By the cloud's word; whatever else it says is no fault of the code's."""


def _pair_page(
    request: Request,
    services: Services,
    *,
    address: str,
    code: str = "",
    fault: str = "",
    status: int = 200,
) -> Response:
    credentials = services.credentials
    known = credentials.pairings
    states = Counter(one.state for one in services.shelf.all())
    return page(
        request,
        "pair.html",
        status=status,
        label=known[0].label if known else "",
        path="/pair",
        address=address,
        code=code,
        fault=fault,
        is_damaged=credentials.is_damaged,
        waiting_files=states["queued"],
        lost_files=states["lost"],
    )


async def _fields(request: Request) -> dict[str, str]:
    """A small form's; of one that is larger, none."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > _LARGEST_FORM:
            return {}
    found = parse_qs(bytes(body).decode("utf-8", "replace"), keep_blank_values=True)
    return {name: values[-1] for name, values in found.items()}
