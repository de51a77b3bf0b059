"""Refusals as RFC 9457 has them: what happened and what to do next, in the reader's language.

Nothing that was sent is in them: neither a value, nor a name, nor a header.
https://www.rfc-editor.org/rfc/rfc9457
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from drive import DriveRefused
from security.credential import Owner
from security.errors import (
    ConsentDenied,
    ConsentRequired,
    CorruptCredential,
    CustodyError,
    OperatorFault,
    RefusedByOrganisation,
    TransientFault,
)
from web.gate.field_faults import Fault, FieldFault, faults_of
from web.gate.problem_texts import detail_of, title_of
from web.site.texts import Texts, texts_of

MEDIA_TYPE: Final = "application/problem+json"
AGAIN_SECONDS: Final = 5
"""Retry-After where nobody knows better."""
_log = structlog.get_logger()


class Problem(Exception):
    """Why a request is refused. `code` is a result code of the logs; it says all that is said."""

    def __init__(
        self,
        status: int,
        code: str,
        *,
        headers: Mapping[str, str] | None = None,
        retry_after: float | None = None,
        faults: tuple[Fault, ...] = (),
    ) -> None:
        super().__init__(code)
        self.faults = faults
        self.status = status
        self.code = code
        self.headers = dict(headers or {})
        if retry_after is not None:
            self.headers["Retry-After"] = str(max(1, math.ceil(retry_after)))


class ProblemBody(BaseModel):
    """What a refusal says (RFC 9457)."""

    type: str = Field(examples=["/api/docs#consent_required"])
    title: str = Field(examples=["Authorise first"])
    status: int = Field(examples=[409])
    detail: str = Field(examples=["Nobody has authorised Google Drive for this department."])
    code: str = Field(examples=["consent_required"])
    errors: list[FieldFault] | None = Field(
        None, description="With `invalid_request`: which fields are wrong, and what is."
    )


def denied(
    status: int,
    code: str,
    *,
    owner: Owner | None = None,
    headers: Mapping[str, str] | None = None,
    retry_after: float | None = None,
    faults: tuple[Fault, ...] = (),
) -> Problem:
    """A refusal of somebody who may not, or who asks for what is no route; it is logged, once,
    here.

    Args:
        owner: of what they asked for; None: nobody is known.
        retry_after: seconds until it may go better.
    """
    _log.warning("access_denied", result=code, owner=owner)
    return Problem(status, code, headers=headers, retry_after=retry_after, faults=faults)


def problem_of(fault: CustodyError) -> Problem:
    """The refusal that stands for a fault of custody's."""
    match fault:
        case ConsentRequired():
            return Problem(409, "consent_required")
        case RefusedByOrganisation():
            return Problem(409, fault.code)
        case ConsentDenied():
            return Problem(400, fault.code)
        case TransientFault(retry_after=seconds):
            return Problem(503, fault.code, retry_after=seconds or AGAIN_SECONDS)
        case OperatorFault(code="database_unreachable"):  # restarted, most likely
            return Problem(503, fault.code, retry_after=AGAIN_SECONDS)
        case OperatorFault():
            return Problem(503, fault.code, retry_after=60)
        case CorruptCredential():  # until then it was read anew, most likely
            return Problem(503, fault.code, retry_after=60)
        case DriveRefused():
            return _OF_DRIVE.get(fault.code, Problem(409, "drive_refused"))
        case _:
            return Problem(503, fault.code, retry_after=AGAIN_SECONDS)


def answer_to(problem: Problem, request: Request) -> Response:
    """The answer that says it, in the language of whoever asked."""
    texts = texts_of(request)
    language = {"Content-Language": texts.lang, "Vary": "Accept-Language"}
    body = body_of(problem, texts)
    return JSONResponse(body, problem.status, {**language, **problem.headers}, MEDIA_TYPE)


def body_of(problem: Problem, texts: Texts) -> dict[str, Any]:
    """What it says."""
    said: dict[str, Any] = {
        "type": f"/api/docs#{problem.code}",
        "title": title_of(problem.code, texts),
        "status": problem.status,
        "detail": detail_of(problem.code, texts),
        "code": problem.code,
    }
    if problem.faults:
        said["errors"] = [fault.said(texts) for fault in problem.faults]
    return said


Say = Callable[[Problem, Request], Response]
"""The answer that says a refusal."""


def add_problems(app: FastAPI, of_defects: Say = answer_to) -> None:
    """Answer every refusal of `app` so, the framework's own as well.

    Args:
        of_defects: what answers where a route has a defect.
    """

    @app.exception_handler(Problem)
    async def ours(request: Request, problem: Problem) -> Response:
        return answer_to(problem, request)

    @app.exception_handler(CustodyError)
    async def custodys(request: Request, fault: CustodyError) -> Response:
        return answer_to(problem_of(fault), request)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, wrong: RequestValidationError) -> Response:
        problem = denied(422, "invalid_request", faults=faults_of(wrong.errors()))
        return answer_to(problem, request)

    @app.exception_handler(HTTPException)
    async def frameworks(request: Request, refusal: HTTPException) -> Response:
        code = _CODES.get(refusal.status_code, "invalid_request")
        headers = {"Allow": _allowed(app, request)} if refusal.status_code == 405 else {}
        return answer_to(denied(refusal.status_code, code, headers=headers), request)

    app.add_middleware(Defects, say=of_defects)


def _allowed(app: FastAPI, request: Request) -> str:
    """Every method of an address: the framework knows those of the first route alone."""

    def has(method: str) -> bool:
        scope = {**request.scope, "method": method}
        return any(route.matches(scope)[0] is Match.FULL for route in app.routes)

    return ", ".join(filter(has, _METHODS))


class Defects:
    """Answers for a route that has a defect; what it was is for the log alone."""

    def __init__(self, app: ASGIApp, say: Say) -> None:
        self._app = app
        self._say = say

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        has_begun = False

        async def noting(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception:
            _log.exception("web_request_failed")
            if has_begun:
                raise  # the connection is ended: half an answer must not pass for a whole one
            answer = self._say(Problem(500, "failed"), Request(scope))
            await answer(scope, receive, send)


_OF_DRIVE: Final = {
    **{
        code: Problem(409, code)
        for code in (
            *("quota_exceeded", "too_many_items", "too_deep", "folder_refused"),
            "policy_forbidden",
        )
    },
    # Of a shared drive the account is a member, and may not do this in it.
    "not_permitted": Problem(409, "folder_refused"),
    "too_large_for_drive": Problem(413, "too_large_for_drive"),
    "daily_limit": Problem(429, "daily_limit", retry_after=3600),
}
_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_CODES: Final = {404: "not_found", 405: "not_permitted"}
