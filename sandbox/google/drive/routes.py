"""Drive v3 without uploads: files, permissions, about.

https://developers.google.com/workspace/drive/api/reference/rest/v3
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from aiohttp import web

from sandbox.google.drive.access import Caller, for_callers
from sandbox.google.drive.discovery import check_body
from sandbox.google.drive.files import new_file_id
from sandbox.google.drive.listing import list_files
from sandbox.google.drive.resource import (
    ANYONE,
    OWNER_ROLE,
    about_resource,
    content_response,
    permission_resource,
    permissions_of,
)
from sandbox.google.drive.writing import apply_metadata, new_file
from sandbox.google.errors import Answer, DriveRefusal, invalid_value, known_refusal
from sandbox.google.model import Account
from sandbox.google.world import GoogleWorld

MOST_IDS = 1000
ROLES = frozenset({"reader", "commenter", "writer"})


def drive_routes(world: GoogleWorld) -> list[web.RouteDef]:
    """The metadata half of the API."""
    api = DriveApi(world)
    file = "/drive/v3/files/{id}"
    return [
        web.get("/drive/v3/about", api.about),
        web.get("/drive/v3/files", api.list),
        web.post("/drive/v3/files", api.create),
        web.get("/drive/v3/files/generateIds", api.generate_ids),
        web.get(file, api.get),
        web.patch(file, api.update),
        web.delete(file, api.delete),
        web.get(f"{file}/permissions", api.permissions),
        web.post(f"{file}/permissions", api.share),
        web.delete(f"{file}/permissions/{{permission}}", api.unshare),
    ]


class DriveApi:
    """Handlers; each authenticates first."""

    def __init__(self, world: GoogleWorld):
        self.world = world

    @for_callers
    async def about(self, request: web.Request, caller: Caller) -> Answer:
        """about.get: ``fields`` is required here, unlike everywhere else."""
        if not request.query.get("fields"):
            raise DriveRefusal(
                400,
                "required",
                "The 'fields' parameter is required for this method.",
                location="fields",
            )
        return caller.select("about", about_resource(self.world, caller.account))

    @for_callers
    async def list(self, request: web.Request, caller: Caller) -> Answer:
        """files.list."""
        return list_files(caller)

    @for_callers
    async def create(self, request: web.Request, caller: Caller) -> Answer:
        """files.create without content: folders, mostly; or a long files.list, in a form."""
        if request.headers.get("X-HTTP-Method-Override", "").upper() == "GET":
            form = {name: str(value) for name, value in (await request.post()).items()}
            return list_files(replace(caller, query=form))
        file = new_file(caller, await read_json(request), content_type=None)
        if not file.mime_type.startswith("application/vnd.google-apps."):
            self.world.files.set_content(file, self.world.files.new_blob())
        self.world.files.add(file)
        return caller.show(file)

    @for_callers
    async def get(self, request: web.Request, caller: Caller) -> Answer:
        """files.get; ``alt=media`` gives the bytes."""
        file = caller.file(request.match_info["id"])
        if request.query.get("alt") != "media":
            return caller.show(file)
        if file.blob is None:
            raise DriveRefusal(
                403,
                "fileNotDownloadable",
                "Only files with binary content can be downloaded. "
                "Use Export with Docs Editors files.",
                location="alt",
            )
        return content_response(self.world, file)

    @for_callers
    async def update(self, request: web.Request, caller: Caller) -> Answer:
        """files.update of metadata."""
        file = caller.file(request.match_info["id"])
        apply_metadata(caller, file, await read_json(request))
        return caller.show(file)

    @for_callers
    async def delete(self, request: web.Request, caller: Caller) -> Answer:
        """files.delete: for good, past the trash; an empty 204."""
        file = caller.file(request.match_info["id"])
        self.world.check_role(caller.account.email, file.drive_id, "delete")
        self.world.files.remove(file)
        return web.Response(status=204)

    @for_callers
    async def generate_ids(self, request: web.Request, caller: Caller) -> Answer:
        """files.generateIds: names for files yet to be made."""
        count = caller.number("count", 10, MOST_IDS)
        space = request.query.get("space", "drive")
        if space not in ("drive", "appDataFolder"):
            raise invalid_value("space")
        ids = [new_file_id() for _ in range(count)]
        self.world.files.generated.update(dict.fromkeys(ids, caller.account.email))
        answer = {"kind": "drive#generatedIds", "space": space, "ids": ids}
        return caller.select("ids", answer)

    @for_callers
    async def permissions(self, request: web.Request, caller: Caller) -> Answer:
        """permissions.list."""
        file = caller.file(request.match_info["id"])
        found = permissions_of(caller.account, file)
        answer = {
            "kind": "drive#permissionList",
            "permissions": [permission_resource(caller.account, *item) for item in found.items()],
        }
        return caller.select("permissions", answer)

    @for_callers
    async def share(self, request: web.Request, caller: Caller) -> Answer:
        """permissions.create."""
        file = caller.file(request.match_info["id"])
        body = await read_json(request, "Permission")
        self.world.check_role(caller.account.email, file.drive_id, "write")
        permission_id, role = _permission(body, caller.account)
        file.shared[permission_id] = role
        answer = permission_resource(caller.account, permission_id, role)
        return caller.select("permission", answer)

    @for_callers
    async def unshare(self, request: web.Request, caller: Caller) -> Answer:
        """permissions.delete."""
        file = caller.file(request.match_info["id"])
        permission_id = request.match_info["permission"]
        if permission_id == caller.account.permission_id:
            raise known_refusal("insufficientFilePermissions")
        if file.shared.pop(permission_id, None) is None:
            raise DriveRefusal(
                404,
                "notFound",
                f"Permission not found: {permission_id}.",
                location="permissionId",
            )
        return web.Response(status=204)


def _permission(body: dict[str, Any], owner: Account) -> tuple[str, str]:
    kind, role = body.get("type"), body.get("role")
    if kind is None:
        raise DriveRefusal(400, "required", "The permission type field is required.")
    if role is None:
        raise DriveRefusal(400, "required", "The permission role field is required.")
    if role not in ROLES and role != OWNER_ROLE:
        raise invalid_value("permission.role", "The specified role is invalid or not supported.")
    if kind == "anyone":
        if role == OWNER_ROLE:
            raise invalid_value(
                "permission.role", "The specified role is invalid or not supported."
            )
        if not owner.link_sharing:
            raise known_refusal("publishOutNotPermitted")
        return ANYONE, str(role)
    if kind not in ("user", "group"):
        raise invalid_value("permission.type", "The permission type field is invalid.")
    email = str(body.get("emailAddress") or "")
    if "@" not in email:
        raise invalid_value(
            "permission.emailAddress",
            "The specified emailAddress is invalid or not applicable for the given permission "
            "type.",
        )
    if email == owner.email:
        return owner.permission_id, OWNER_ROLE
    return email, str(role)


async def read_json(request: web.Request, schema: str = "File") -> dict[str, Any]:
    """The JSON object of a request; an empty body is an empty object."""
    return parse_metadata(await request.read(), schema)


def parse_metadata(raw: bytes, schema: str = "File") -> dict[str, Any]:
    """A resource; refuses what is no JSON object, and what it does not have."""
    try:
        body = json.loads(raw or b"{}")
    except ValueError as error:
        raise DriveRefusal(400, "parseError", "Parse Error") from error
    if not isinstance(body, dict):
        raise DriveRefusal(400, "parseError", "Parse Error")
    check_body(schema, body)
    return body
