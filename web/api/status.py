"""How departments stand: all of them for administrators, its own for a computer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from departments.names import LONGEST, Departments
from departments.overview import Overview, Standing
from web.api.described import ADMINISTRATOR, CLIENT, refusals, secured_by
from web.gate.keys import ClientKeys
from web.gate.problems import Problem
from web.gate.signed_in import SignedIn


class DepartmentStatus(BaseModel):
    """How a department stands. A computer is told `state` and `minutes_left` alone."""

    department: str = Field(description="The slug.", examples=["tanhae"])
    name: str = Field(examples=["淡海"])
    state: Literal["never", "fine", "lost", "on_hold", "unreadable"]
    minutes_left: int = Field(
        description="Of the access token that is kept; it is renewed when somebody asks for one.",
        examples=[42],
    )
    account: str | None = Field(None, examples=["tanhae.office@example.com"])
    since: datetime | None = Field(None, description="When it was authorised.")
    grant_ends_at: datetime | None = Field(
        None, description="When Google ends the grant by itself, where it has said so."
    )


class Status(BaseModel):
    """Every department that the asker may know of."""

    departments: list[DepartmentStatus]


def status_routes(
    departments: Departments,
    overview: Overview,
    signed_in: SignedIn,
    keys: ClientKeys,
    now: Callable[[], datetime],
) -> APIRouter:
    """`GET /api/google/status`."""
    router = APIRouter(tags=["for computers", "for administrators"])

    @router.get(
        "/api/google/status",
        response_model=Status,
        response_model_exclude_none=True,
        responses=refusals(401, 403, 404, 422, 429, 503),
        openapi_extra=secured_by(ADMINISTRATOR, CLIENT),
    )
    async def status(
        request: Request,
        department: Annotated[
            str | None, Query(description="Slug or name; none: all.", max_length=LONGEST)
        ] = None,
    ) -> Status:
        """How departments stand, without asking Google."""
        asked = None if department is None else departments.find(department)
        if keys.are_brought(request):
            client = await keys.admit(request, asked, "status")
            own = departments.find(client.department)
            chosen = [] if own is None else [own]
        else:
            await signed_in(request)
            chosen = [asked] if asked is not None else list(departments)
        if department is not None and asked is None:
            raise Problem(404, "no_department")
        is_whole = not keys.are_brought(request)
        found = await overview.of(chosen)
        return Status(departments=[_answer(one, now(), is_whole=is_whole) for one in found])

    return router


def _answer(standing: Standing, now: datetime, *, is_whole: bool) -> DepartmentStatus:
    answer = DepartmentStatus(
        department=standing.department.slug,
        name=standing.department.name,
        state=standing.state,
        minutes_left=standing.minutes_left(now),
    )
    if not is_whole:
        return answer
    account = standing.account.get_secret_value() if standing.account else None
    return answer.model_copy(
        update={
            "account": account,
            "since": standing.since,
            "grant_ends_at": standing.grant_ends_at,
        }
    )
