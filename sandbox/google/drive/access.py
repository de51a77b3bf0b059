"""Who calls the Drive API, and what they may see."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any

from aiohttp import web

from sandbox.google.drive.discovery import check_query
from sandbox.google.drive.fields import select
from sandbox.google.drive.resource import file_resource
from sandbox.google.errors import (
    Answer,
    insufficient_scope,
    invalid_value,
    not_found,
    refusing,
    unauthenticated,
)
from sandbox.google.model import DRIVE, DRIVE_SCOPES, Account, DriveFile
from sandbox.google.world import GoogleWorld
from sandbox.operations import OWNER


@dataclass(frozen=True)
class Caller:
    """An authenticated call: whose Drive, and how much of it."""

    world: GoogleWorld
    account: Account
    full: bool  # scope `drive`: all files; `drive.file`: those made through the API
    origin: str
    query: Mapping[str, str]  # the parameters of the request

    def sees(self, file: DriveFile) -> bool:
        """drive.file: https://developers.google.com/workspace/drive/api/guides/api-specific-auth"""
        own = file.account == self.account.email and (self.full or file.by_app)
        return own and (not file.drive_id or self._sees_drive(file.drive_id))

    def _sees_drive(self, drive_id: str) -> bool:
        """Without supportsAllDrives, what lies in a shared drive does not exist (404)."""
        return (
            self.says("supportsAllDrives")
            and self.account.email in self.world.shared_drives[drive_id].roles
        )

    def file(self, file_id: str) -> DriveFile:
        """The file, or 404: to an app, what it may not see does not exist."""
        file = self.world.files.get(file_id)
        if file is None or not self.sees(file):
            raise not_found(file_id)
        return file

    def says(self, name: str) -> bool:
        """Whether the request has this parameter as true."""
        return self.query.get(name) == "true"

    def number(self, name: str, default: int, most: int) -> int:
        """A parameter that is a whole number from 1 to `most`."""
        text = self.query.get(name, str(default))
        if not text.isdecimal() or not 1 <= int(text) <= most:
            message = f"Invalid value '{text}'. Values must be within the range: [1, {most}]"
            raise invalid_value(name, message)
        return int(text)

    def select(self, kind: str, resource: dict[str, Any]) -> dict[str, Any]:
        """The fields that the request asks for."""
        return select(kind, resource, self.query.get("fields"))

    def resource(self, file: DriveFile) -> dict[str, Any]:
        """All of a file's fields."""
        return file_resource(self.world, self.account, file, self.origin)

    def show(self, file: DriveFile) -> dict[str, Any]:
        """A file, with the fields that the request asks for."""
        return self.select("file", self.resource(file))


def bearer_of(request: web.Request) -> str:
    """The access token of a request, from the header or ``access_token``."""
    header = request.headers.get("Authorization", "")
    if header[:7].lower() == "bearer ":
        return header[7:].strip()
    return request.query.get("access_token", "")


def authenticate(world: GoogleWorld, request: web.Request) -> Caller:
    """The caller; refuses missing, dead and too narrow tokens."""
    token = bearer_of(request)
    if not token:
        raise unauthenticated(missing=True)
    access = world.grants.bearer(token)
    if access is None:
        raise unauthenticated()
    request[OWNER] = access.account
    if DRIVE_SCOPES.isdisjoint(access.scopes):
        raise insufficient_scope()
    account, full = world.account(access.account), DRIVE in access.scopes
    return Caller(world, account, full, world.origin(request), request.query)


def for_callers(
    method: Callable[[Any, web.Request, Caller], Awaitable[Answer]],
) -> Callable[[Any, web.Request], Awaitable[web.StreamResponse]]:
    """Let a handler serve authenticated callers; what they change is written down."""

    @refusing
    @wraps(method)
    async def answer(self: Any, request: web.Request) -> Answer:
        check_query(request)
        caller = authenticate(self.world, request)
        found = await method(self, request, caller)
        if request.method != "GET":
            caller.world.note_change()
        return found

    return answer
