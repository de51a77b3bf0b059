"""What administrators have done about a sheet: a look at it, and what becomes of what is held."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from departments.limits import TooSoon
from departments.services import DepartmentServices
from web.api.described import ADMINISTRATOR, refusals, secured_by
from web.api.sheets import answers, version_models
from web.api.sheets.asked import asked_of, deciders
from web.api.sheets.parameters import MONTH, PATH, VERSION, DepartmentInPath, SheetName
from web.gate.asked_first import asked_first
from web.gate.content_types import JSON_ONLY
from web.gate.keys import ClientKeys
from web.gate.problems import Problem
from web.gate.signed_in import SignedIn

if TYPE_CHECKING:  # whoever has no sheets need not wait for what reads them
    from sheets.keeping.services import SheetServices

_REFUSED: Final = (401, 403, 404, 409, 415, 422, 429, 503)


class Decision(BaseModel):
    """Which version is meant."""

    model_config = ConfigDict(extra="forbid")

    version: str = Field(
        description="The one that is held, as was seen: another one is not decided of.",
        pattern=VERSION,
        examples=["20261130-062010"],
    )
    period: str | None = Field(
        None,
        description="Of which month it is; left out of what is of no month.",
        pattern=MONTH,
        examples=["2026-12"],
    )


def deciding_routes(
    services: DepartmentServices,
    sheets: SheetServices | None,
    signed_in: SignedIn,
    keys: ClientKeys,
) -> APIRouter:
    """`/api/sheets/{department}/{name}/sync`, `…/accept` and `…/keep`.

    Args:
        sheets: None: SHEETS_FILE is not set, and there are none.
    """
    workers, guard = services.workers, deciders(services.departments, signed_in, keys)
    router = APIRouter(tags=["for administrators"], route_class=asked_first(guard))

    @router.post(
        f"{PATH}/sync",
        dependencies=JSON_ONLY,
        response_model=version_models.StandingAnswer,
        responses=refusals(*_REFUSED),
        openapi_extra=secured_by(ADMINISTRATOR),
    )
    async def sync(request: Request, department: DepartmentInPath, name: SheetName) -> Response:
        """Look at the spreadsheet now; how the sheet stands then.

        Whoever asks at the same time has the same look. Ten a minute at most.
        """
        from web.api.sheets import standing

        _, there, sheet = asked_of(request, sheets, name)
        try:
            state = await there.on_demand.sync(sheet)
        except TooSoon as soon:
            raise Problem(429, "rate_limited", retry_after=soon.seconds) from soon
        body, headers = answers.as_object(standing.standing(sheet, state, in_full=True))
        return Response(body, 200, headers)

    @router.post(
        f"{PATH}/accept",
        dependencies=JSON_ONLY,
        response_model=version_models.Decided,
        response_model_exclude_none=True,
        responses=refusals(400, *_REFUSED),
        openapi_extra=secured_by(ADMINISTRATOR),
    )
    async def accept(
        request: Request, department: DepartmentInPath, name: SheetName, decision: Decision
    ) -> version_models.Decided:
        """A version that is held counts from now on."""
        return await decide(request, name, decision, "accepted")

    @router.post(
        f"{PATH}/keep",
        dependencies=JSON_ONLY,
        response_model=version_models.Decided,
        response_model_exclude_none=True,
        responses=refusals(400, *_REFUSED),
        openapi_extra=secured_by(ADMINISTRATOR),
    )
    async def keep(
        request: Request, department: DepartmentInPath, name: SheetName, decision: Decision
    ) -> version_models.Decided:
        """What counted goes on counting, and the version that is held is forgotten. It is not held
        again until the spreadsheet changes."""
        return await decide(request, name, decision, "kept")

    async def decide(
        request: Request, name: str, decision: Decision, outcome: Literal["accepted", "kept"]
    ) -> version_models.Decided:
        asker, there, sheet = asked_of(request, sheets, name)
        do = there.decisions.accept if outcome == "accepted" else there.decisions.keep
        month = decision.period or ""
        work = workers.run(do, sheet.id, month, asker.administrator, decision.version)
        version = await workers.finish(work)
        if version is None:
            raise Problem(409, "not_held")
        return version_models.Decided(
            department=sheet.department,
            sheet=sheet.name,
            title=sheet.title,
            period=version.period or None,
            version=version.id,
            outcome=outcome,
        )

    return router
