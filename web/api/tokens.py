"""An access token for a department's computer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Literal

import structlog
from fastapi import APIRouter, Body, Query, Request
from pydantic import BaseModel, Field

from departments.names import LONGEST, Department, Departments
from departments.tokens import Tokens
from security.credential import Credential
from security.errors import CustodyError
from web.api.described import CLIENT, refusals, secured_by
from web.gate.asked_first import Asker, asked_first, by_key
from web.gate.content_types import JSON_ONLY
from web.gate.keys import ClientKeys

_log = structlog.get_logger()
DepartmentName = Annotated[
    str, Query(description="Slug or name.", examples=["tanhae", "淡海"], max_length=LONGEST)
]


class TokenRequest(BaseModel):
    """What may be said of the token one has."""

    rejected_sha256: Annotated[
        str | None,
        Field(
            description="SHA-256, in hexadecimal, of a token that Google answered 401 to: it is "
            "not given again.",
            pattern=r"^[0-9a-fA-F]{64}$",
            examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"],
        ),
    ] = None


class AccessToken(BaseModel):
    """A token of Google's, for five minutes at least. Never with a refresh token."""

    access_token: str = Field(examples=["ya29.…"])
    token_type: Literal["Bearer"]
    expires_in: int = Field(description="Seconds.", examples=[3540])
    expires_at: datetime = Field(examples=["2026-11-29T12:59:00Z"])
    scope: str = Field(examples=["https://www.googleapis.com/auth/drive.file"])
    department: str = Field(description="The slug.", examples=["tanhae"])


def token_routes(
    departments: Departments, tokens: Tokens, keys: ClientKeys, now: Callable[[], datetime]
) -> APIRouter:
    """`POST /api/google/get-access-token`."""
    guard = by_key(departments, keys, "token")
    router = APIRouter(tags=["for computers"], route_class=asked_first(guard))

    @router.post(
        "/api/google/get-access-token",
        dependencies=JSON_ONLY,
        response_model=AccessToken,
        responses=refusals(400, 401, 403, 404, 409, 415, 422, 429, 503),
        openapi_extra=secured_by(CLIENT),
    )
    async def get_access_token(
        request: Request,
        department: DepartmentName,
        wish: Annotated[TokenRequest | None, Body()] = None,
    ) -> AccessToken:
        """A department's access token, for a computer whose key may `token`.

        Remember it until it ends: a computer may ask thirty times a minute.
        """
        client, asked = Asker.of(request)
        try:
            credential = await tokens.token(asked, wish.rejected_sha256 if wish else None)
        except CustodyError as fault:
            by = client.id
            _log.warning("token_not_given", owner=asked.owner, client=by, result=fault.code)
            raise
        return _answer(asked, credential, now())

    return router


def _answer(department: Department, credential: Credential, now: datetime) -> AccessToken:
    if credential.access_token is None or credential.expires_at is None:
        raise RuntimeError("Tokens gives none without these")
    return AccessToken(
        access_token=credential.access_token.get_secret_value(),
        token_type="Bearer",  # noqa: S106 - a word of RFC 6750
        expires_in=int((credential.expires_at - now).total_seconds()),
        expires_at=credential.expires_at,
        scope=" ".join(credential.scopes),
        department=department.slug,
    )
