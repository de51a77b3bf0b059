"""Authorising a department, and taking that back, for programs of administrators."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from departments.administrators.sessions import Session
from departments.authorising.consents import DepartmentConsents
from departments.names import Department, Departments
from departments.tokens import Tokens
from web.api.described import ADMINISTRATOR, refusals, secured_by
from web.api.tokens import DepartmentName
from web.gate.asked_first import administrators, asked_first
from web.gate.content_types import JSON_ONLY
from web.gate.keys import ClientKeys
from web.gate.problems import Problem
from web.gate.signed_in import SignedIn


class AuthUrl(BaseModel):
    """Where an administrator's browser is to go."""

    auth_url: str = Field(description="Google's page.", examples=["https://accounts.google.com/…"])
    department: str = Field(description="The slug.", examples=["tanhae"])
    expires_at: datetime = Field(examples=["2026-11-29T12:10:00Z"])


class Revoked(BaseModel):
    """What became of an authorisation."""

    revoked: bool = Field(description="Whether Google was told.", examples=[True])
    shared: bool = Field(
        description="Whether somebody else uses the same Google account, so that it was not.",
        examples=[False],
    )


def authorization_routes(
    departments: Departments,
    consents: DepartmentConsents,
    tokens: Tokens,
    signed_in: SignedIn,
    keys: ClientKeys,
    redirect_uri: str,
) -> APIRouter:
    """`GET /api/google/auth-url` and `DELETE /api/google/authorization`."""
    guard = administrators(signed_in, keys, changes=True)
    router = APIRouter(tags=["for administrators"], route_class=asked_first(guard))

    def found(department: str) -> Department:
        asked = departments.find(department)
        if asked is None:
            raise Problem(404, "no_department")
        return asked

    @router.get(
        "/api/google/auth-url",
        response_model=AuthUrl,
        responses=refusals(401, 403, 404, 409, 422, 429, 503),
        openapi_extra=secured_by(ADMINISTRATOR),
    )
    async def auth_url(request: Request, department: DepartmentName) -> AuthUrl:
        """Google's page for this session; an earlier request for the department ends.

        That is a change, and so it must be asked for from this site's own pages.
        """
        session: Session = request.state.asker
        asked = found(department)
        pending = await consents.begin(asked, session.id, redirect_uri)
        return AuthUrl(
            auth_url=pending.address, department=asked.slug, expires_at=pending.expires_at
        )

    @router.delete(
        "/api/google/authorization",
        dependencies=JSON_ONLY,
        response_model=Revoked,
        responses=refusals(401, 403, 404, 409, 415, 422, 429, 503),
        openapi_extra=secured_by(ADMINISTRATOR),
    )
    async def revoke(request: Request, department: DepartmentName) -> Revoked:
        """End the department's grant at Google, and forget its credential.

        Where somebody else uses the same Google account, Google is not told: it would end theirs.
        """
        session: Session = request.state.asker
        asked = found(department)
        ended = await consents.revoke(asked, session.administrator)
        tokens.forget(asked)
        if not ended.was_connected:
            raise Problem(409, "not_connected")
        return Revoked(revoked=ended.revoked, shared=ended.shared)

    return router
