"""Upload sessions for departments' computers: the bytes go to Google directly, by no token."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from departments.clients.refusals import Refused
from departments.names import Department, Departments
from departments.uploads.handed import HandedUploads, OtherFile
from departments.uploads.records import (
    LARGEST,
    LONGEST_NAME,
    AnnouncedFile,
    HandedUpload,
    State,
)
from web.api.described import CLIENT, refusals, secured_by
from web.api.tokens import DepartmentName
from web.gate.asked_first import Asker, asked_first, by_key
from web.gate.content_types import JSON_ONLY
from web.gate.keys import ClientKeys, problem_of_refusal
from web.gate.problems import Problem

_TOKEN = "[A-Za-z0-9!#$&^_.+-]"  # noqa: S105 - characters of a type's name, RFC 6838 §4.2


def _number(value: Any) -> Any:
    if isinstance(value, bool | str):
        raise PydanticCustomError("int_type", "not a number")
    return value


class UploadRequest(BaseModel):
    """A file that is about to be sent."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(
        description="What it shall be called in Drive. What cannot be seen, or stand in a file's "
        "name everywhere, is taken out of it.",
        min_length=1,
        max_length=LONGEST_NAME,
        examples=["114-12 班表.pdf"],
    )
    size: Annotated[int, BeforeValidator(_number)] = Field(
        description="In bytes. An empty file cannot be uploaded.",
        ge=1,
        le=LARGEST,
        examples=[482133],
    )
    md5: str = Field(
        description="Of its content, in hexadecimal.",
        pattern="^[0-9A-Fa-f]{32}$",
        examples=["9e107d9d372bb6826bd81d3542a419d6"],
    )
    mime: str = Field(
        description="Its type, such as `application/pdf`, without parameters.",
        pattern=f"^{_TOKEN}{{1,64}}/{_TOKEN}{{1,127}}$",
        examples=["application/pdf"],
    )
    file_id: str = Field(
        "",
        description="Where this computer began the upload before by another key of the "
        "department, or by an access token: what it was to be in Drive. What has arrived under "
        "it, and is this file by its md5, is `complete` at once; nothing arrives twice.",
        pattern="^[A-Za-z0-9_-]{0,128}$",
        examples=[""],
    )


class UploadSession(BaseModel):
    """An upload, as it stands."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "state": "waiting",
                    "session_url": "https://www.googleapis.com/upload/drive/v3/files?…",
                    "file_id": "1aBcD…",
                    "name": "114-12 班表.pdf",
                    "size": 482133,
                    "received": 0,
                    "expires_at": "2026-12-06T12:00:00Z",
                    "department": "tanhae",
                }
            ]
        }
    )

    state: State = Field(
        description="`waiting`: for bytes; Drive has `received` of them for certain, and takes the "
        "next there. `complete`: it is in Drive, and its md5 is the announced one; `link` opens "
        "it. `wrong`: what arrived was another file, and is in Drive's bin. `gone`: the session "
        "has ended before the last byte."
    )
    session_url: str | None = Field(
        None, description="While it is `waiting`: where its bytes go, by PUT, without a token."
    )
    file_id: str = Field(description="Of the file in Drive.")
    name: str = Field(description="What it is called there.")
    size: int = Field(description="In bytes.")
    received: int = Field(description="Bytes that Drive has for certain.")
    expires_at: datetime = Field(description="When Drive ends the session.")
    link: str | None = Field(None, description="Once it is `complete`: where people open it.")
    department: str = Field(description="The slug.")


UploadKey = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        description="What the computer calls this upload, such as a random UUID: the same request "
        "with the same key is the same upload, for two weeks. Of the characters `!` to `~`: "
        "ASCII without blanks.",
        min_length=1,
        max_length=128,
        pattern="^[!-~]{1,128}$",
        examples=["8e03978e-40d5-43dd-bc93-6894a57f9324"],
    ),
]
_PATH = "/api/google/upload-sessions"
_REFUSALS = (401, 403, 404, 409, 413, 422, 429, 503)


def upload_routes(departments: Departments, uploads: HandedUploads, keys: ClientKeys) -> APIRouter:
    """`POST` and `GET /api/google/upload-sessions`."""
    guard = by_key(departments, keys, "upload")
    router = APIRouter(tags=["for computers"], route_class=asked_first(guard))

    @router.post(
        _PATH,
        dependencies=JSON_ONLY,
        response_model=UploadSession,
        response_model_exclude_none=True,
        status_code=201,
        responses={
            200: {"model": UploadSession, "description": "It was begun before."},
            **refusals(400, *_REFUSALS, 415),
        },
        openapi_extra=secured_by(CLIENT),
    )
    async def begin(
        request: Request,
        answer: Response,
        department: DepartmentName,
        key: UploadKey,
        announced: UploadRequest,
    ) -> UploadSession:
        """A session of Drive's for one file, in the folder that has the department's name.

        The bytes go to `session_url` by PUT, without a token; Drive's guide says
        [how](https://developers.google.com/workspace/drive/api/guides/manage-uploads#uploading).
        Whoever knows that address may send this one file, and nothing else.

        The same request again gives the same session, as it stands by then; another file under the
        same key is refused (422 `other_file`). A computer asks about uploads 120 times a minute at
        most (429 `rate_limited`), and has about 100 that are unfinished (429 `too_many_uploads`).
        """
        client, asked = Asker.of(request)
        file = AnnouncedFile.model_validate(announced.model_dump(exclude={"file_id"}))
        try:
            handed = await uploads.begin(client.name, asked, file, key, announced.file_id)
        except OtherFile as other:
            raise Problem(422, other.code) from other
        except Refused as refused:
            raise problem_of_refusal(refused) from refused
        answer.status_code = 201 if handed.is_new else 200
        return _answer(handed, asked)

    @router.get(
        _PATH,
        response_model=UploadSession,
        response_model_exclude_none=True,
        responses=refusals(*_REFUSALS),
        openapi_extra=secured_by(CLIENT),
    )
    async def state(request: Request, department: DepartmentName, key: UploadKey) -> UploadSession:
        """How an upload of this computer's stands, as Drive says.

        Where it is `wrong` or `gone`, ask for a session once more, with the same key.
        """
        client, asked = Asker.of(request)
        handed = await uploads.state(client.name, asked, key)
        if handed is None:
            raise Problem(404, "no_upload")
        return _answer(handed, asked)

    return router


def _answer(handed: HandedUpload, department: Department) -> UploadSession:
    return UploadSession(
        state=handed.state,
        session_url=handed.session.get_secret_value() if handed.session else None,
        file_id=handed.file_id,
        name=handed.name,
        size=handed.size,
        received=handed.received,
        expires_at=datetime.fromtimestamp(handed.ends_at, UTC),
        link=handed.link or None,
        department=department.slug,
    )
