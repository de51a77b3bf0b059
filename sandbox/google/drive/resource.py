"""How Drive shows files, with their bytes, accounts and permissions.

https://developers.google.com/workspace/drive/api/reference/rest/v3/files
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from aiohttp import web

from sandbox.google.model import Account, DriveFile
from sandbox.google.world import GoogleWorld

MAX_UPLOAD = "5242880000000"
OWNER_ROLE = "owner"
ANYONE = "anyoneWithLink"


def user_resource(account: Account) -> dict[str, Any]:
    """A user, as ``about`` and ``owners`` show them."""
    return {
        "kind": "drive#user",
        "displayName": account.name,
        "me": True,
        "permissionId": account.permission_id,
        "emailAddress": account.email,
    }


def about_resource(world: GoogleWorld, account: Account) -> dict[str, Any]:
    """The answer of about.get; numbers are strings, as int64 is in Google's JSON."""
    drive = world.files.usage(account.email)
    return {
        "kind": "drive#about",
        "user": user_resource(account),
        "storageQuota": {
            "limit": str(account.limit),
            "usage": str(world.usage(account)),
            "usageInDrive": str(drive),
            "usageInDriveTrash": str(world.files.trash_usage(account.email)),
        },
        "maxUploadSize": MAX_UPLOAD,
        "appInstalled": True,
        "canCreateDrives": False,
        "canCreateTeamDrives": False,
        "importFormats": {},
        "exportFormats": {},
        "maxImportSizes": {},
        "folderColorPalette": [],
    }


def permission_resource(account: Account, permission_id: str, role: str) -> dict[str, Any]:
    """One permission of a file."""
    if permission_id == ANYONE:
        return {
            "kind": "drive#permission",
            "id": permission_id,
            "type": "anyone",
            "role": role,
            "allowFileDiscovery": False,
        }
    found: dict[str, Any] = {
        "kind": "drive#permission",
        "id": permission_id,
        "type": "user",
        "role": role,
        "deleted": False,
        "pendingOwner": False,
    }
    if permission_id == account.permission_id:
        found |= {"displayName": account.name, "emailAddress": account.email}
    else:
        found["emailAddress"] = permission_id
    return found


def permissions_of(account: Account, file: DriveFile) -> dict[str, str]:
    """Permission id → role, the owner's first."""
    return {account.permission_id: OWNER_ROLE, **file.shared}


def is_public(world: GoogleWorld, file: DriveFile) -> bool:
    """Whether anyone with the link may open it, by itself or through a folder around it."""
    return any(ANYONE in one.shared for one in world.files.with_folders(file))


def file_resource(
    world: GoogleWorld, account: Account, file: DriveFile, origin: str
) -> dict[str, Any]:
    """Everything Drive knows of a file; ``fields`` picks from it."""
    permissions = permissions_of(account, file)
    owner = user_resource(account)
    found: dict[str, Any] = {
        "kind": "drive#file",
        "id": file.id,
        "name": file.name,
        "mimeType": file.mime_type,
        "starred": file.starred,
        "trashed": world.files.is_trashed(file),
        "explicitlyTrashed": file.trashed,
        "parents": file.parents,
        "spaces": ["drive"],
        "version": str(file.version),
        "webViewLink": view_link(origin, file),
        "iconLink": f"{origin}/sandbox/google/static/file.svg",
        "hasThumbnail": False,
        "thumbnailVersion": "0",
        "viewedByMe": True,
        "createdTime": file.created,
        "modifiedTime": file.modified,
        "modifiedByMeTime": file.modified,
        "modifiedByMe": True,
        "owners": [owner],
        "lastModifyingUser": owner,
        "shared": bool(file.shared),
        "ownedByMe": True,
        "viewersCanCopyContent": True,
        "copyRequiresWriterPermission": False,
        "writersCanShare": True,
        "permissions": [permission_resource(account, *item) for item in permissions.items()],
        "permissionIds": list(permissions),
        "quotaBytesUsed": str(file.size or 0),
        "isAppAuthorized": file.by_app,
    }
    if file.drive_id:
        del found["owners"]
        found |= {"driveId": file.drive_id, "teamDriveId": file.drive_id, "ownedByMe": False}
    more = {
        "description": file.description,
        "appProperties": file.app_properties or None,
        "properties": file.properties or None,
        "folderColorRgb": "#8f8f8f" if file.is_folder else None,
    }
    found |= {name: value for name, value in more.items() if value is not None}
    if file.blob is not None:
        suffix = PurePosixPath(file.name).suffix.lstrip(".")
        found |= {
            "size": str(file.size),
            "md5Checksum": file.md5,
            "headRevisionId": f"0B{file.blob[:24]}",
            "originalFilename": file.original_name or file.name,
            "fileExtension": suffix,
            "fullFileExtension": suffix,
            "webContentLink": f"{origin}/uc?id={file.id}&export=download",
        }
    return found


def view_link(origin: str, file: DriveFile) -> str:
    """The page a person opens."""
    if file.is_folder:
        return f"{origin}/drive/folders/{file.id}"
    return f"{origin}/file/d/{file.id}/view"


def content_response(
    world: GoogleWorld, file: DriveFile, *, attachment: bool = False
) -> web.FileResponse:
    """Answer with a file's bytes, or a Range of them (RFC 9110 §14.2); an impossible one is 416."""
    headers = {"Content-Type": file.mime_type}
    if attachment:
        headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(file.name)}"
        # A file's own type could make it a page of this origin.
        headers["X-Content-Type-Options"] = "nosniff"
        headers["Content-Security-Policy"] = "sandbox"
    return web.FileResponse(world.files.path(file), headers=headers)
