"""How departments stand: all of them for administrators, its own for a computer."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from departments.clients.clients import Client
from departments.names import LONGEST
from departments.overview import Standing, State
from departments.service_accounts.standing import KeyStanding
from departments.services import DepartmentServices
from web.api.described import ADMINISTRATOR, CLIENT, refusals, secured_by
from web.api.sheets.version_models import STATE_SAYS, SheetState
from web.gate.asked_first import asked_first, named_in
from web.gate.keys import ClientKeys
from web.gate.problems import Problem
from web.gate.signed_in import SignedIn

if TYPE_CHECKING:  # whoever has no sheets need not wait for what reads them
    from sheets.keeping.services import SheetServices


class ServiceAccountStatus(BaseModel):
    """By which a department's spreadsheets are read."""

    address: str = Field(
        description="Whom they are shared with.",
        examples=["tanhae-sheets@example-project.iam.gserviceaccount.com"],
    )
    key: str = Field(description="The end of the key's id.", examples=["c41f"])
    key_state: Literal["ok", "old_soon", "old"] = Field(
        description="Whether the key is to be replaced. `ok`: not yet. `old_soon`: soon (from day "
        "75). `old`: now (from day 90)."
    )
    key_days: int | None = Field(
        None, description="The key is at least so many days old.", examples=[41]
    )


class SheetStatus(BaseModel):
    """How one of a department's sheets stands."""

    sheet: str = Field(description="Its name in the settings.")
    title: str = Field(description="What people call it.")
    state: SheetState = Field(description=f"{STATE_SAYS} `never`: it was never looked at.")
    looked_at: datetime | None = Field(None, description="When the last answered look began.")
    changed_at: datetime | None = Field(None, description="When there was a new version last.")
    held: list[str] = Field(
        description="The months of which a version waits for an administrator; an empty text: "
        "the sheet is of no month."
    )


class DepartmentStatus(BaseModel):
    """How a department stands. A computer is told nothing behind `minutes_left`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "department": "tanhae",
                    "name": "淡海",
                    "state": "fine",
                    "minutes_left": 42,
                    "account": "tanhae.office@example.com",
                    "since": "2026-11-09T01:14:00Z",
                    "service_account": {
                        "address": "tanhae-sheets@example-project.iam.gserviceaccount.com",
                        "key": "c41f",
                        "key_state": "ok",
                        "key_days": 41,
                    },
                    "sheets": [
                        {
                            **{"sheet": "roster", "title": "班表", "state": "fine"},
                            "looked_at": "2026-11-30T06:00:10Z",
                            "changed_at": "2026-11-30T05:50:12Z",
                            "held": [],
                        }
                    ],
                }
            ]
        }
    )

    department: str = Field(description="The slug.", examples=["tanhae"])
    name: str = Field(examples=["淡海"])
    state: State = Field(
        description="`never`: it is not authorised, or not any more, for an administrator has "
        "revoked it. `fine`: authorised, as far as is known. `lost`: Google has taken it back, or "
        "the credential is damaged: an administrator has to authorise it again. `on_hold`: it "
        "failed within an hour of others, and goes on by itself where a setting is to blame and "
        "put right; else an administrator has to authorise it again. `unreadable`: whoever runs "
        "the service has to mend something first."
    )
    minutes_left: int = Field(
        description="Of the access token that is kept; it is renewed when somebody asks for one.",
        examples=[42],
    )
    account: str | None = Field(None, examples=["tanhae.office@example.com"])
    since: datetime | None = Field(None, description="When it was authorised.")
    grant_ends_at: datetime | None = Field(
        None, description="When Google ends the grant by itself; left out where it has set no term."
    )
    revoked_at: datetime | None = Field(
        None, description="With `never`: when an administrator revoked it, where that is known."
    )
    service_account: ServiceAccountStatus | None = None
    sheets: list[SheetStatus] | None = Field(
        None, description="Those that the settings name; left out where they name none."
    )


class Status(BaseModel):
    """Every department that the asker may know of."""

    departments: list[DepartmentStatus]


def status_routes(
    services: DepartmentServices,
    sheets: SheetServices | None,
    signed_in: SignedIn,
    keys: ClientKeys,
) -> APIRouter:
    """`GET /api/google/status`.

    Args:
        sheets: None: SHEETS_FILE is not set, and there are none.
    """
    departments = services.departments

    async def guard(request: Request) -> Client | None:
        """The computer; None: an administrator."""
        if keys.are_brought(request):
            return await keys.admit(request, named_in(request, departments), "status")
        await signed_in(request)
        return None

    tags: list[str | Enum] = ["for computers", "for administrators"]
    router = APIRouter(tags=tags, route_class=asked_first(guard))

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
        """How departments stand, without asking Google.

        A computer is told of its own department alone, and nothing that the example has behind
        `minutes_left`.
        """
        asked = None if department is None else departments.find(department)
        client: Client | None = request.state.asker
        if client is not None:
            own = departments.find(client.department)
            chosen = [] if own is None else [own]
        else:
            chosen = [asked] if asked is not None else list(departments)
        if department is not None and asked is None:
            raise Problem(404, "no_department")
        now = services.clock.now()
        found = [(one, _brief(one, now)) for one in await services.overview.of(chosen)]
        if client is not None:
            return Status(departments=[brief for _, brief in found])
        whole = [_whole(b, one, services.service_keys.of(one.department)) for one, b in found]
        if sheets is not None:
            from web.api.sheets.standing import brief

            for one in whole:
                one.sheets = [
                    SheetStatus.model_validate(each)
                    for each in await services.workers.read(brief, sheets, one.department)
                ]
        return Status(departments=whole)

    return router


def _brief(standing: Standing, now: datetime) -> DepartmentStatus:
    return DepartmentStatus(
        department=standing.department.slug,
        name=standing.department.name,
        state=standing.state,
        minutes_left=standing.minutes_left(now),
    )


def _whole(brief: DepartmentStatus, standing: Standing, key: KeyStanding) -> DepartmentStatus:
    revoked = standing.revoked
    return brief.model_copy(
        update={
            "account": standing.account.get_secret_value() if standing.account else None,
            "since": standing.since,
            "grant_ends_at": standing.grant_ends_at,
            "revoked_at": None if revoked is None else datetime.fromtimestamp(revoked.at, UTC),
            "service_account": _account(key),
        }
    )


def _account(key: KeyStanding) -> ServiceAccountStatus | None:
    if key.state == "missing":
        return None
    return ServiceAccountStatus(
        address=key.address, key=key.key, key_state=key.state, key_days=key.days
    )
