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
from sandbox.google.errors import Refusal, insufficient_scope, not_found, unauthenticated
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
    all_drives: bool = False  # whether the request says supportsAllDrives

    def sees(self, file: DriveFile) -> bool:
        """drive.file: https://developers.google.com/workspace/drive/api/guides/api-specific-auth"""
        own = file.account == self.account.email and (self.full or file.by_app)
        return own and (not file.drive_id or self._sees_drive(file.drive_id))

    def _sees_drive(self, drive_id: str) -> bool:
        """Without supportsAllDrives, what lies in a shared drive does not exist (404)."""
        return self.all_drives and self.account.email in self.world.shared_drives[drive_id].roles

    def file(self, file_id: str) -> DriveFile:
        """The file, or 404: to an app, what it may not see does not exist."""
        file = self.world.files.get(file_id)
        if file is None or not self.sees(file):
            raise not_found(file_id)
        return file

    def show(self, file: DriveFile, fields: str | None) -> dict[str, Any]:
        """The file as the caller asked to see it."""
        return select("file", file_resource(self.world, self.account, file, self.origin), fields)


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
    account = world.accounts[access.account]
    all_drives = says(request.query, "supportsAllDrives")
    return Caller(world, account, DRIVE in access.scopes, world.origin(request), all_drives)


def says(query: Mapping[str, str], name: str) -> bool:
    """Whether a request has this parameter as true."""
    return query.get(name) == "true"


Method = Callable[[Any, web.Request], Awaitable[web.StreamResponse]]


def refusing(method: Method) -> Method:
    """Turn refusals raised in a handler into answers."""

    @wraps(method)
    async def answer(self: Any, request: web.Request) -> web.StreamResponse:
        try:
            check_query(request)
            return await method(self, request)
        except Refusal as refusal:
            await discard_body(request)
            return refusal.response()

    return answer


async def discard_body(request: web.Request) -> None:
    """Read what the client is still sending, so that it can read the answer."""
    if request.body_exists:
        while await request.content.readany():
            pass
