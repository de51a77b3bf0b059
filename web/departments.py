"""Departments' routes and pages on the web front, behind the gate that every request passes."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from departments.administrators.sessions import Session
from departments.patience import answered_soon
from departments.services import DepartmentServices
from web.api.authorization import authorization_routes
from web.api.clients import client_routes
from web.api.documents import add_documents
from web.api.sheets.calendars import calendar_routes
from web.api.sheets.routes import sheet_routes
from web.api.status import status_routes
from web.api.tokens import token_routes
from web.api.uploads import upload_routes
from web.callback import CALLBACK_PATH, add_callback
from web.chat_returns import ChatReturns
from web.console.routes import console_routes
from web.department_returns import DepartmentReturns
from web.gate.bodies import SmallBodies
from web.gate.headers import SafeHeaders
from web.gate.hosts import Hosts, OneHost
from web.gate.keys import ClientKeys
from web.gate.problems import add_problems
from web.gate.signed_in import SignedIn
from web.site.entering import entering_routes
from web.site.routing import add_stray_pages, refusal
from web.site.settings.routes import settings_routes
from web.site.sheets.standing import NO_SHEETS, SheetStanding
from web.site.static import add_static

if TYPE_CHECKING:  # whoever has no sheets need not wait for what reads them
    from sheets.keeping.services import SheetServices

_PREFIXES: Final = ("/api/", "/calendar/", "/console", "/settings/", "/static/")
"""Of departments' addresses, where the bot has others; and whoever types the host alone wants a
page of theirs."""


@dataclass(frozen=True, slots=True)
class DepartmentParts:
    """What departments' routes need of the process."""

    services: DepartmentServices
    public_url: str
    consent_page: str
    """GOOGLE_AUTH_URI: a form's answer leads there."""
    proxy_hops: int
    """TRUSTED_PROXY_HOPS."""
    by_chat: bool = True
    """Whether anybody can have a sign-in link of a bot: whether ADMIN_USER_IDS names anybody."""
    sheets: SheetServices | None = None
    """None: SHEETS_FILE is not set."""


def beside(own: FastAPI, chat: ChatReturns | None, parts: DepartmentParts) -> ASGIApp:
    """An app that serves departments beside the process's own routes.

    Args:
        own: has the health check, and what the bot serves. What is at no address of departments is
            its own; where there is no bot, whatever else is asked for is departments'.
    """
    signed_in = signed_in_of(parts)
    hosts = Hosts(parts.public_url)
    returns = DepartmentReturns(
        parts.services.consents, signed_in.find, hosts, is_alone=chat is None
    )
    add_callback(own, chat, returns)
    ours = _with_headers(create_departments_app(parts, signed_in), parts)
    own_paths = {route.path for route in own.routes if isinstance(route, APIRoute)}
    taken_back = _with_headers(own, parts)
    if chat is None:
        own.version = version("drivekeeper")  # on its pages
        add_problems(own, refusal)
        taken_back = _with_headers(OneHost(own, public_url=parts.public_url), parts)

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if path == CALLBACK_PATH and (chat is None or scope.get("method") == "GET"):
            app: ASGIApp = taken_back
        elif path in own_paths or (
            chat is not None and path != "/" and not path.startswith(_PREFIXES)
        ):
            app = own
        else:
            app = ours
        await app(scope, receive, send)

    return serve


def signed_in_of(parts: DepartmentParts) -> SignedIn:
    """Who is signed in, by the sessions there are."""
    services = parts.services

    async def find_session(cookie: str, *, renews: bool = True) -> Session | None:
        async with answered_soon():
            session = await services.workers.read(services.sessions.find, cookie)
            if session is not None and session.is_to_be_noted and renews:
                await services.workers.run(services.sessions.note, session)
        return session

    return SignedIn(find_session, parts.public_url)


def create_departments_app(parts: DepartmentParts, signed_in: SignedIn) -> FastAPI:
    """Every route of departments, but for the headers of their answers."""
    made, now = parts.services, parts.services.clock.now
    app = FastAPI(
        title="Drivekeeper",
        version=version("drivekeeper"),
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    app.state.by_chat = parts.by_chat
    app.state.signed_in = signed_in
    keys = ClientKeys(made.desk, parts.proxy_hops)
    redirect_uri = f"{parts.public_url}{CALLBACK_PATH}"
    add_problems(app, refusal)
    add_stray_pages(app)
    sheets, sheet_pages = _sheet_pages(parts, signed_in)
    app.state.has_sheets = sheets.is_any
    for router in (
        token_routes(made.departments, made.tokens, keys, now),
        upload_routes(made.departments, made.uploads, keys),
        status_routes(made, parts.sheets, signed_in, keys),
        client_routes(made, signed_in, keys),
        sheet_routes(made, parts.sheets, signed_in, keys),
        calendar_routes(made, parts.sheets, keys),
        authorization_routes(
            made.departments, made.consents, made.tokens, signed_in, keys, redirect_uri
        ),
        entering_routes(made, signed_in),
        settings_routes(made, signed_in, parts.public_url, redirect_uri, sheets),
        console_routes(made, signed_in, sheets),
        sheet_pages,
    ):
        # As they are: a route of an included router is looked for twice at each request.
        app.router.routes += router.routes
    add_static(app)
    add_documents(app, signed_in)
    # The one that is added last sees a request first.
    app.add_middleware(SmallBodies)
    app.add_middleware(OneHost, public_url=parts.public_url)
    return app


def _sheet_pages(parts: DepartmentParts, signed_in: SignedIn) -> tuple[SheetStanding, APIRouter]:
    """How sheets stand, and their pages; none of either where there are none."""
    if parts.sheets is None:
        return NO_SHEETS, APIRouter()
    from web.site.sheets.routes import sheet_page_routes, standing_of

    made, sheets = parts.services, parts.sheets
    return standing_of(made, sheets), sheet_page_routes(made, sheets, signed_in)


def _with_headers(app: ASGIApp, parts: DepartmentParts) -> ASGIApp:
    google = urlsplit(parts.consent_page)
    return SafeHeaders(
        app,
        is_https=parts.public_url.startswith("https:"),
        google=f"{google.scheme}://{google.netloc}",
    )
