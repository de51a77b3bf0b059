"""Departments' sheets for programs: what is kept of each, and what administrators decide of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from departments.patience import answered_soon
from departments.services import DepartmentServices
from security.errors import CorruptCredential
from web.api.described import ADMINISTRATOR, CLIENT, refusals, secured_by
from web.api.sheets import answers, models, version_models
from web.api.sheets.asked import Asker, Wish, asked_of, readers
from web.api.sheets.deciding import deciding_routes
from web.api.sheets.parameters import (
    PATH,
    VERSION,
    At,
    DepartmentInPath,
    Form,
    Month,
    SheetName,
)
from web.gate.asked_first import asked_first
from web.gate.keys import ClientKeys
from web.gate.problems import Problem
from web.gate.signed_in import SignedIn

if TYPE_CHECKING:  # whoever has no sheets need not wait for what reads them
    from sheets.keeping.services import SheetServices
    from sheets.shapes.file import Sheet
    from web.api.sheets.reading import Reading

_REFUSED: Final = (401, 403, 404, 409, 422, 429, 503)
_SAME: Final[dict[int | str, dict[str, Any]]] = {
    304: {"description": "It is what If-None-Match names."}
}
_TABLE: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "headers": {
            "ETag": {"description": "The content's digest.", "schema": {"type": "string"}},
        },
        "content": {answers.CSV: {"schema": {"type": "string"}}},
    }
}


def sheet_routes(
    services: DepartmentServices,
    sheets: SheetServices | None,
    signed_in: SignedIn,
    keys: ClientKeys,
) -> APIRouter:
    """`/api/sheets/{department}/{name}` and what is below it.

    Args:
        sheets: None: SHEETS_FILE is not set, and there are none.
    """
    departments, workers = services.departments, services.workers
    tags: list[str | Enum] = ["for computers", "for administrators"]
    router = APIRouter(tags=tags, route_class=asked_first(readers(departments, signed_in, keys)))
    reading: Reading | None = None
    if sheets is not None:
        from web.api.sheets.reading import Reading as Read

        reading = Read(sheets)

    async def answered(
        request: Request, name: str, work: Callable[[Reading, Asker, Sheet], Response]
    ) -> Response:
        """What was asked for, of a sheet that was looked at lately, as far as a host has slept."""
        asker, there, sheet = asked_of(request, sheets, name)
        if reading is None:
            raise Problem(404, "no_sheet")
        await there.on_demand.catch_up(sheet.department)
        try:
            async with answered_soon():
                return await workers.read(work, reading, asker, sheet)
        except CorruptCredential:
            await workers.run(there.mend, sheet.department)
            raise

    @router.get(
        PATH,
        response_model=models.SheetAnswer,
        responses={**_TABLE, **_SAME, **refusals(*_REFUSED)},
        openapi_extra=secured_by(ADMINISTRATOR, CLIENT),
    )
    async def sheet(
        request: Request,
        department: DepartmentInPath,
        name: SheetName,
        period: Month = None,
        at: At = None,
        format: Form = None,
    ) -> Response:
        """A sheet as it counts, in JSON or as a table.

        Administrators see a roster's people; a computer sees how many have which shift on a day
        (`days`), and no table that may be of persons (403 `personal`): one of kind `table` says
        `persons = false` in the settings where it is not.

        A table (CSV, in UTF-8 with a byte order mark) of a roster has a row for each person and a
        column for each day, of which a cell is as the spreadsheet has it; a computer's has a row
        for each day and shift, as in `/shifts`, but only such times as stand in the sheet itself:
        `start`, `end` and `route` are empty where a table of codes has them. What a spreadsheet
        would take for a formula has an apostrophe before it.
        """
        form = answers.form_of(request, format)
        return await answered(
            request,
            name,
            lambda read, asker, sheet: read.sheet(
                request, Wish(asker, sheet, period, _seconds(at), form)
            ),
        )

    @router.get(
        f"{PATH}/shifts",
        response_model=models.ShiftsAnswer,
        responses={**_TABLE, **_SAME, **refusals(*_REFUSED)},
        openapi_extra=secured_by(ADMINISTRATOR, CLIENT),
    )
    async def shifts(
        request: Request,
        department: DepartmentInPath,
        name: SheetName,
        period: Month = None,
        at: At = None,
        person: Annotated[
            str | None,
            Query(
                description="Whose, by the number; for administrators. Without it: everybody's.",
                min_length=1,
                max_length=60,
                examples=["1011"],
            ),
        ] = None,
        format: Form = None,
    ) -> Response:
        """A roster's duties with their times, by the table of codes that its settings name.

        A duty that ends on the next day says so by its `end`; days and hours are those of `zone`.
        Of a sheet that has no tab for each month these are the days of the month, or all of them.
        """
        form = answers.form_of(request, format)
        return await answered(
            request,
            name,
            lambda read, asker, sheet: read.shifts(
                request, Wish(asker, sheet, period, _seconds(at), form, person or "")
            ),
        )

    @router.get(
        f"{PATH}/versions",
        response_model=version_models.VersionsAnswer,
        responses=refusals(*_REFUSED),
        openapi_extra=secured_by(ADMINISTRATOR, CLIENT),
    )
    async def versions(
        request: Request,
        department: DepartmentInPath,
        name: SheetName,
        period: Month = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
        before: Annotated[
            str | None,
            Query(
                description="`next` of the page before.",
                pattern=r"^[0-9]{8}-[0-9]{6}-([0-9]{4}-[0-9]{2}|all)$",
                examples=["20261130-055012-2026-12"],
            ),
        ] = None,
    ) -> Response:
        """How a sheet stands, and its versions, the newest first. Each is kept for 400 days."""
        return await answered(
            request,
            name,
            lambda read, asker, sheet: read.versions(Wish(asker, sheet, period), before, limit),
        )

    @router.get(
        f"{PATH}/diff",
        response_model=version_models.DiffAnswer,
        responses=refusals(*_REFUSED),
        openapi_extra=secured_by(ADMINISTRATOR, CLIENT),
    )
    async def diff(
        request: Request,
        department: DepartmentInPath,
        name: SheetName,
        period: Month = None,
        old: Annotated[
            str | None,
            Query(
                alias="from",
                description="The earlier version. Without it: the one that counted before the "
                "other.",
                pattern=VERSION,
                examples=["20261129-221003"],
            ),
        ] = None,
        new: Annotated[
            str | None,
            Query(
                alias="to",
                description="The later version, one that is held as well. Without it: the one "
                "that counts.",
                pattern=VERSION,
                examples=["20261130-055012"],
            ),
        ] = None,
    ) -> Response:
        """How two versions differ; of a computer's roster, on which days which numbers do."""
        return await answered(
            request,
            name,
            lambda read, asker, sheet: read.diff(Wish(asker, sheet, period), old, new),
        )

    router.routes += deciding_routes(services, sheets, signed_in, keys).routes
    return router


def _seconds(at: datetime | None) -> float | None:
    return None if at is None else at.timestamp()
