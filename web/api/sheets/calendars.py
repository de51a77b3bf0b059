"""A person's calendar, for whoever has its address: a secret, which stands in no log."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Annotated, Final

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response

from departments.clients.refusals import Refused, WrongKey
from departments.limits import place_of
from departments.patience import answered_soon
from departments.services import DepartmentServices
from security.errors import CorruptCredential
from web.api.described import refusals
from web.api.sheets import answers
from web.gate.keys import ClientKeys, problem_of_refusal

if TYPE_CHECKING:  # whoever has no sheets need not wait for what reads them
    from sheets.keeping.services import SheetServices
    from sheets.people.calendars import Calendar

PREFIX: Final = "/calendar/"
ENDING: Final = ".ics"
MEDIA_TYPE: Final = "text/calendar"
Address = Annotated[
    str,
    Path(
        description="The whole secret, and its ending `.ics`.",
        examples=["Zm9yIG5vYm9keSwgYW5kIG5vdGhpbmcgaXMgdGhlcmU.ics"],
    ),
]


def calendar_routes(
    services: DepartmentServices, sheets: SheetServices | None, keys: ClientKeys
) -> APIRouter:
    """`GET /calendar/{address}`.

    Args:
        sheets: None: SHEETS_FILE is not set, and there are none.
    """
    workers, guessing = services.workers, services.desk.guessing
    router = APIRouter(tags=["for anybody who has the address"])

    async def found(request: Request, address: str) -> Calendar:
        """What it leads to: of one that was revoked nothing else is said than of one that never
        was."""
        secret = address.removesuffix(ENDING) if address.endswith(ENDING) else ""
        name = f"calendar {hashlib.sha256(secret.encode()).hexdigest()}" if secret else ""
        place = place_of(keys.address_of(request))

        async def ask() -> Calendar | None:
            return (
                None if sheets is None else await workers.read(sheets.people.calendars.find, secret)
            )

        try:
            async with answered_soon():
                wrong = WrongKey("no such calendar", code="no_calendar")
                leads_to = await guessing.find(name, ask, place, wrong)
        except Refused as refused:
            raise problem_of_refusal(refused) from None
        guessing.prove(name)
        return leads_to

    @router.get(
        f"{PREFIX}{{address}}",
        response_class=Response,
        responses={
            200: {
                "headers": {
                    "ETag": {"description": "The content's digest.", "schema": {"type": "string"}}
                },
                "content": {MEDIA_TYPE: {"schema": {"type": "string"}}},
            },
            304: {"description": "It is what If-None-Match names."},
            **refusals(404, 422, 429, 503),
        },
        openapi_extra={"security": []},
    )
    async def calendar(request: Request, address: Address) -> Response:
        """One person's duties as iCalendar (RFC 5545), for a program that subscribes to it: sixty
        days back, and as far ahead as is known.

        The bot gives the address to whoever is on a roster (`/duty`), and takes it back. Times are
        in UTC; a leave, a remark, and a duty whose times nobody knows, is an entry of the whole
        day; days of rest are left out.
        """
        leads_to = await found(request, address)
        if sheets is None:
            raise TypeError("nobody has found it")
        from web.api.sheets.own_duties import OwnDuties

        theirs = list(dict.fromkeys(link.department for link in leads_to.links))
        for department in theirs:
            await sheets.on_demand.catch_up(department)
        own = OwnDuties(sheets, services.departments)
        try:
            async with answered_soon():
                tag, body = await workers.read(own.written, leads_to)
        except CorruptCredential:
            for department in theirs:
                await workers.run(sheets.mend, department)
            raise
        headers = {"ETag": f'W/"{tag}"'}
        if answers.has(request, f'"{tag}"'):
            return Response(None, 304, headers)
        headers["Content-Disposition"] = f'inline; filename="duties{ENDING}"'
        return Response(body, 200, headers, f"{MEDIA_TYPE}; charset=utf-8")

    router.add_api_route(
        f"{PREFIX}{{address}}", calendar, methods=["HEAD"], include_in_schema=False
    )
    return router
