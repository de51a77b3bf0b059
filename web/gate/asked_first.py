"""Who asks is looked at before what they have sent: 401 and 403 come before 415 and 422.

Else somebody whose key opens nothing any more would hear of a field that is wrong.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from fastapi.responses import Response
from fastapi.routing import APIRoute

from departments.administrators.sessions import Session
from departments.clients.clients import Client
from departments.clients.desk import Wants
from departments.names import LONGEST, Department, Departments
from web.gate.keys import ClientKeys
from web.gate.problems import Problem, denied
from web.gate.signed_in import SignedIn

Guard = Callable[[Request], Awaitable[object]]
"""Says who asks, or raises a Problem."""


def asked_first(guard: Guard) -> type[APIRoute]:
    """Routes that ask `guard` first; what it said is the request's `state.asker`."""

    class Route(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            """As FastAPI's, which reads the body before any dependency is asked."""
            handle = super().get_route_handler()

            async def serve(request: Request) -> Response:
                request.state.asker = await guard(request)
                return await handle(request)

            return serve

    return Route


@dataclass(frozen=True, slots=True)
class Asker:
    """A computer, and the department that it asks for."""

    client: Client
    department: Department | None
    """None: it names none that there is."""

    @classmethod
    def of(cls, request: Request) -> tuple[Client, Department]:
        """Those whom `by_key` has let in.

        Raises:
            Problem: there is no such department (404).
        """
        found = request.state.asker
        if not isinstance(found, cls):
            raise TypeError("the route has another guard")
        if found.department is None:
            raise Problem(404, "no_department")
        return found.client, found.department


def administrators(
    signed_in: SignedIn, keys: ClientKeys, *, changes: bool = False
) -> Callable[[Request], Awaitable[Session]]:
    """Administrators, and what changes anything on this site's own pages alone. A computer that is
    known may not (403); whoever is nobody is asked who they are (401).

    Args:
        changes: whether a GET changes something as well.
    """

    async def guard(request: Request) -> Session:
        session = await signed_in.find(request)
        if session is None:
            if keys.are_brought(request):
                await keys.admit(request, None, "administration")
            raise denied(401, "not_signed_in")
        if changes or request.method != "GET":
            signed_in.check_site(request)
        return session

    return guard


def by_key(departments: Departments, keys: ClientKeys, wants: Wants) -> Guard:
    """A computer's key, for the department of the query."""

    async def guard(request: Request) -> Asker:
        asked = named_in(request, departments)
        return Asker(await keys.admit(request, asked, wants), asked)

    return guard


def named_in(request: Request, departments: Departments) -> Department | None:
    """The department of the query; None: it names none that there is."""
    name = request.query_params.get("department", "")
    return departments.find(name) if len(name) <= LONGEST else None
