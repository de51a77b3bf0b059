"""Making and changing files: what may be written, and what is refused."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Mapping
from typing import Any

from sandbox.google.drive.access import Caller
from sandbox.google.drive.files import new_file_id
from sandbox.google.errors import DriveRefusal, invalid_value, known_refusal, not_found
from sandbox.google.model import FOLDER_TYPE, DriveFile

OCTETS = "application/octet-stream"
_TEXT_FIELDS = ("name", "mimeType", "description")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$")
# Output only: https://developers.google.com/workspace/drive/api/reference/rest/v3/files
_OUTPUT_ONLY = (
    "kind size md5Checksum webViewLink webContentLink iconLink owners ownedByMe shared version "
    "permissions permissionIds headRevisionId spaces explicitlyTrashed quotaBytesUsed "
    "isAppAuthorized lastModifyingUser trashingUser"
)
_READ_ONLY = frozenset(_OUTPUT_ONLY.split())
MOST_PROPERTY_BYTES = 124


def new_file(caller: Caller, body: Mapping[str, Any], *, content_type: str | None) -> DriveFile:
    """A file of this metadata, not yet in the store; refuses as files.create does."""
    _check(body)
    files = caller.world.files
    name = str(body.get("name") or "Untitled")
    now = files.timestamp()
    file = DriveFile(
        usable_id(caller, body.get("id")),
        caller.account.email,
        name,
        str(body.get("mimeType") or "") or _guess(name, content_type),
        _parents(caller, body.get("parents")),
        _time(body, "createdTime") or now,
        _time(body, "modifiedTime") or now,
        description=body.get("description"),
        starred=bool(body.get("starred")),
        original_name=body.get("originalFilename") or name,
    )
    file.drive_id = caller.world.drive_of(file.parents[0])
    caller.world.check_role(caller.account.email, file.drive_id, "write")
    _merge(file.app_properties, body.get("appProperties"), "appProperties")
    _merge(file.properties, body.get("properties"), "properties")
    return file


def usable_id(caller: Caller, wanted: object) -> str:
    """The id of a new file: the caller's own, if it was generated for them, or a fresh one."""
    if wanted is None or wanted == "":
        return new_file_id()
    files = caller.world.files
    if not isinstance(wanted, str):
        raise invalid_value("file.id")
    if files.get(wanted) is not None:
        raise known_refusal("fileIdInUse")
    if files.generated.get(wanted) != caller.account.email:
        raise DriveRefusal(
            400,
            "invalid",
            "The provided file ID is not usable.",
            location="file.id",
            location_type="other",
        )
    return wanted


def apply_metadata(caller: Caller, file: DriveFile, body: Mapping[str, Any]) -> None:
    """files.update: checks everything first, so that a refused update changes nothing."""
    _check(body)
    if "parents" in body:
        raise DriveRefusal(
            403,
            "fieldNotWritable",
            "The parents field is not directly writable in update requests. "
            "Use the addParents and removeParents parameters instead.",
        )
    if "id" in body and body["id"] != file.id:
        raise known_refusal("fieldNotWritable")
    parents = _moved(caller, file)
    moment = _time(body, "modifiedTime")
    if body.get("trashed") is not None and not isinstance(body["trashed"], bool):
        raise invalid_value("trashed")
    drive_id = _drive(caller, file, body, parents)
    _merge(file.app_properties, body.get("appProperties"), "appProperties")
    _merge(file.properties, body.get("properties"), "properties")
    if parents != file.parents:
        caller.world.files.place(file, parents, drive_id)
    file.name = str(body.get("name") or file.name)
    file.mime_type = str(body.get("mimeType") or file.mime_type)
    if "description" in body:
        file.description = body["description"]
    file.starred = bool(body.get("starred", file.starred))
    file.trashed = bool(body.get("trashed", file.trashed))
    file.modified = moment or caller.world.files.timestamp()
    file.version += 1


def _drive(caller: Caller, file: DriveFile, body: Mapping[str, Any], parents: list[str]) -> str:
    """The shared drive the file is in afterwards; refuses what the caller's roles do not allow."""
    world, email = caller.world, caller.account.email
    binned = body.get("trashed", file.trashed) != file.trashed
    world.check_role(email, file.drive_id, "bin" if binned else "write")
    there = world.drive_of(parents[0])
    if there != file.drive_id:
        world.check_role(email, file.drive_id, "move")
        world.check_role(email, there, "write")
        if there and file.is_folder:
            raise DriveRefusal(
                403,
                "teamDrivesFolderMoveInNotSupported",
                "Moving folders into shared drives is not supported.",
            )
    return there


def _check(body: Mapping[str, Any]) -> None:
    for name in _TEXT_FIELDS:
        if body.get(name) is not None and not isinstance(body[name], str):
            raise invalid_value(name)
    if not _READ_ONLY.isdisjoint(body):
        raise known_refusal("fieldNotWritable")


def _guess(name: str, content_type: str | None) -> str:
    """The type of content that names none: Drive tries to detect it, its documentation says."""
    if content_type and content_type != OCTETS:
        return content_type.split(";")[0].strip()
    return mimetypes.guess_type(name)[0] or OCTETS


def _parents(caller: Caller, wanted: object) -> list[str]:
    root = caller.account.root_id
    if wanted is None or wanted == []:
        return [root]
    if not isinstance(wanted, list) or not all(isinstance(item, str) for item in wanted):
        raise invalid_value("parents")
    if len(wanted) > 1:
        # https://developers.google.com/workspace/drive/api/guides/ref-single-parent
        raise DriveRefusal(
            400, "invalid", "A file cannot be in more than one folder.", location="parents"
        )
    return [_folder(caller, wanted[0])]


def _folder(caller: Caller, wanted: str) -> str:
    if wanted in ("root", caller.account.root_id):
        return caller.account.root_id
    if caller.says("supportsAllDrives") and wanted in caller.world.shared_drives:
        return wanted
    folder = caller.world.files.get(wanted)
    if folder is None or not caller.sees(folder):
        raise not_found(wanted)
    if folder.mime_type != FOLDER_TYPE:
        raise DriveRefusal(403, "parentNotAFolder", "The specified parent is not a folder.")
    return folder.id


def _moved(caller: Caller, file: DriveFile) -> list[str]:
    added = [item for item in caller.query.get("addParents", "").split(",") if item]
    removed = {item for item in caller.query.get("removeParents", "").split(",") if item}
    if "root" in removed:
        removed.add(caller.account.root_id)
    if not added:
        return [item for item in file.parents if item not in removed] or [caller.account.root_id]
    parents = _parents(caller, added)
    if caller.world.files.lies_within(parents[0], file.id):
        raise DriveRefusal(
            400,
            "badRequest",
            "The requested parent would create a cycle in the folder hierarchy.",
        )
    # Since 2020 a file has one parent: adding one moves it, whether or not the old one is removed.
    return parents


def _merge(into: dict[str, str], changes: object, name: str) -> None:
    """Properties are merged; null deletes. Key and value may take 124 bytes together."""
    if changes is None:
        return
    if not isinstance(changes, dict):
        raise invalid_value(name)
    for key, value in changes.items():
        if value is not None and not isinstance(value, str):
            raise invalid_value(name)
        if len(f"{key}{value or ''}".encode()) > MOST_PROPERTY_BYTES:
            raise DriveRefusal(
                403,
                "propertyTooLarge",
                "Properties are limited to 124 bytes, counting key and value together.",
            )
    for key, value in changes.items():
        if value is None:
            into.pop(key, None)
        else:
            into[key] = value


def _time(body: Mapping[str, Any], name: str) -> str | None:
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not _TIME.match(value):
        raise invalid_value(name)
    return value
