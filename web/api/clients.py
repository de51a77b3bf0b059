"""Departments' computers: list, add, revoke, unblock; and a code that becomes a computer's key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Final, TypeVar

from fastapi import APIRouter, Path, Query, Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from starlette.convertors import Convertor, register_url_convertor

from departments.administrators.sessions import Session
from departments.clients.clients import LONGEST_LABEL, Client, May, State, label_of
from departments.clients.refusals import Refused
from departments.names import LONGEST, Department, Departments
from departments.services import DepartmentServices
from web.api.described import ADMINISTRATOR, refusals, secured_by
from web.gate.asked_first import administrators, asked_first
from web.gate.content_types import JSON_ONLY
from web.gate.keys import ClientKeys, problem_of_refusal
from web.gate.problems import Problem
from web.gate.signed_in import SignedIn


class _ClientIds(Convertor[str]):
    """What is no id is no address of a computer: `pair` is none."""

    regex = "[0-9a-f]{12}"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("client", _ClientIds())
ClientId = Annotated[str, Path(pattern=f"^{_ClientIds.regex}$", examples=["3fa1b2c4d5e6"])]
LABEL_FORMAT: Final = "label"
"""Of the description: one line, trimmed, of assigned characters that can be seen."""
Label = Annotated[
    str,
    Field(
        description="What people call it: one line of characters that can be seen.",
        min_length=1,
        max_length=LONGEST_LABEL,
        examples=["行控中心 1"],
        json_schema_extra={"format": LABEL_FORMAT},
    ),
    AfterValidator(label_of),
]
_MAY: Final = "`upload`: upload sessions alone; `token`: access tokens as well."
Abilities = Annotated[
    list[May],
    Field(
        description=_MAY,
        min_length=1,
        max_length=2,
        examples=[["upload"]],
    ),
]


class ClientStatus(BaseModel):
    """One computer."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "3fa1b2c4d5e6",
                    "department": "tanhae",
                    "label": "行控中心 1",
                    "may": ["upload"],
                    "state": "active",
                    "created_at": "2026-11-29T12:00:00Z",
                    "today": 0,
                }
            ]
        }
    )

    id: str
    department: str = Field(description="The slug.")
    label: str
    may: list[May] = Field(description=_MAY)
    state: State = Field(
        description="`active`: its key serves. `blocked`: an alarm has blocked it, and an "
        "administrator may unblock it. `revoked`: it serves no more, for good."
    )
    because: str | None = Field(
        None, description="Of one that is `blocked`: the alarm's code, such as `client_busy`."
    )
    created_at: datetime
    last_used_at: datetime | None = Field(None, description="Left out where it was never used.")
    today: int = Field(description="Uses since midnight, UTC.")


class ClientList(BaseModel):
    """Computers, the newest last."""

    clients: list[ClientStatus]


class NewClient(BaseModel):
    """What a computer is to be."""

    model_config = ConfigDict(extra="forbid")

    department: Annotated[str, Field(max_length=LONGEST, examples=["tanhae"])]
    label: Label
    may: Abilities = ["upload"]


class PairingCodeAnswer(BaseModel):
    """A code that becomes a key once, within ten minutes."""

    code: str = Field(examples=["KTRW-PHXM"])
    expires_at: datetime


class NewKey(BaseModel):
    """A computer's key, which is shown this once."""

    key: str = Field(examples=["dkc_…"])
    client: ClientStatus


class PairRequest(BaseModel):
    """What somebody has typed."""

    code: Annotated[str, Field(max_length=32, examples=["KTRW-PHXM"])]


def client_routes(services: DepartmentServices, signed_in: SignedIn, keys: ClientKeys) -> APIRouter:
    """`/api/clients` and what is below it."""
    guard = administrators(signed_in, keys)
    router = APIRouter(tags=["for administrators"], route_class=asked_first(guard))
    anybodys = APIRouter(tags=["for computers"])
    departments, desk, workers = services.departments, services.desk, services.workers

    async def described(clients: list[Client]) -> list[ClientStatus]:
        records = await workers.read(desk.use.of, [one.name for one in clients])
        now = services.clock.seconds()
        return [
            _answer(one, records[one.name].last_used, records[one.name].by_day(now)[-1])
            for one in clients
        ]

    @router.get(
        "/api/clients",
        response_model=ClientList,
        response_model_exclude_none=True,
        responses=refusals(401, 403, 404, 422, 429, 503),
        openapi_extra=secured_by(ADMINISTRATOR),
    )
    async def list_clients(
        department: Annotated[
            str | None, Query(description="Slug or name; none: all.", max_length=LONGEST)
        ] = None,
    ) -> ClientList:
        """The computers of one department, or of all."""
        slug = None if department is None else _found(departments, department).slug
        return ClientList(clients=await described(await workers.read(desk.clients.all, slug)))

    @router.post(
        "/api/clients",
        dependencies=JSON_ONLY,
        response_model=NewKey,
        response_model_exclude_none=True,
        status_code=201,
        responses=refusals(*_OF_NEW),
        openapi_extra=secured_by(ADMINISTRATOR),
    )
    async def add_client(request: Request, wanted: NewClient) -> NewKey:
        """A new computer, with its key. Better give it a pairing code: nobody has to copy a key."""
        client, key = await made(request, wanted, desk.clients.add)
        [status] = await described([client])
        return NewKey(key=key.get_secret_value(), client=status)

    @router.post(
        "/api/clients/pairing-codes",
        dependencies=JSON_ONLY,
        response_model=PairingCodeAnswer,
        status_code=201,
        responses=refusals(*_OF_NEW),
        openapi_extra=secured_by(ADMINISTRATOR),
    )
    async def make_code(request: Request, wanted: NewClient) -> PairingCodeAnswer:
        """A code to type into a computer, which turns it into the computer's key."""
        code = await made(request, wanted, desk.pairing.make)
        return PairingCodeAnswer(
            code=code.shown, expires_at=datetime.fromtimestamp(code.expires_at, UTC)
        )

    @anybodys.post(
        "/api/clients/pair",
        dependencies=JSON_ONLY,
        response_model=NewKey,
        response_model_exclude_none=True,
        status_code=201,
        responses=refusals(400, 415, 422, 429, 503),
        openapi_extra={"security": []},
    )
    async def pair(request: Request, typed: PairRequest) -> NewKey:
        """The key of the computer that a pairing code is for. The code is spent by it."""
        try:
            client, key = await desk.pair(typed.code, address=keys.address_of(request))
        except Refused as refused:
            raise problem_of_refusal(refused) from refused
        return NewKey(key=key.get_secret_value(), client=_answer(client, 0.0, 0))

    @router.delete(
        "/api/clients/{id:client}",
        dependencies=JSON_ONLY,
        response_model=ClientStatus,
        response_model_exclude_none=True,
        responses=refusals(401, 403, 404, 415, 422, 429, 503),
        openapi_extra=secured_by(ADMINISTRATOR),
    )
    async def revoke(request: Request, id: ClientId) -> ClientStatus:
        """The key opens nothing any more, anywhere, within a second."""
        session: Session = request.state.asker
        return await one(await desk.revoke(id, session.administrator))

    @router.post(
        "/api/clients/{id:client}/unblock",
        dependencies=JSON_ONLY,
        response_model=ClientStatus,
        response_model_exclude_none=True,
        responses=refusals(401, 403, 404, 415, 422, 429, 503),
        openapi_extra=secured_by(ADMINISTRATOR),
    )
    async def unblock(request: Request, id: ClientId) -> ClientStatus:
        """A key that an alarm has blocked serves again."""
        session: Session = request.state.asker
        return await one(await desk.unblock(id, session.administrator))

    async def made(request: Request, wanted: NewClient, make: _Make[T]) -> T:
        session: Session = request.state.asker
        slug = _found(departments, wanted.department).slug
        return await workers.run(make, slug, wanted.label, wanted.may, session.administrator)

    async def one(client: Client | None) -> ClientStatus:
        if client is None:
            raise Problem(404, "no_client")
        [status] = await described([client])
        return status

    router.routes += anybodys.routes
    return router


_OF_NEW: Final = (400, 401, 403, 404, 415, 422, 429, 503)
T = TypeVar("T")
_Make = Callable[[str, str, Sequence[May], str], T]
"""Of what is new, from department, label, abilities and whose wish it is."""


def _found(departments: Departments, text: str) -> Department:
    asked = departments.find(text)
    if asked is None:
        raise Problem(404, "no_department")
    return asked


def _answer(client: Client, last_used: float, today: int) -> ClientStatus:
    return ClientStatus(
        id=client.id,
        department=client.department,
        label=client.label,
        may=sorted(client.may),
        state=client.state,
        because=client.because or None,
        created_at=datetime.fromtimestamp(client.created_at, UTC),
        last_used_at=datetime.fromtimestamp(last_used, UTC) if last_used else None,
        today=today,
    )
