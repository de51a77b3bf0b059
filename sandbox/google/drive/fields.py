"""Partial responses: the ``fields`` parameter.

https://developers.google.com/workspace/drive/api/guides/fields-parameter
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from sandbox.google.errors import DriveRefusal

Tree = dict[str, "Tree | None"]
Schema = Mapping[str, "Schema | None"]

_ANY: Schema = {"*": None}


def _names(text: str, below: Schema | None = None) -> dict[str, Schema | None]:
    return dict.fromkeys(text.split(), below)


_USER = _names("kind displayName photoLink me permissionId emailAddress")
PERMISSION = _names(
    "id displayName type kind photoLink emailAddress role allowFileDiscovery domain "
    "expirationTime deleted view pendingOwner permissionDetails teamDrivePermissionDetails"
)
FILE: Schema = {
    **_names(
        "kind driveId fileExtension copyRequiresWriterPermission md5Checksum hasThumbnail "
        "viewedByMe mimeType thumbnailLink iconLink shared headRevisionId webViewLink "
        "webContentLink size viewersCanCopyContent hasAugmentedPermissions starred ownedByMe "
        "modifiedTime writersCanShare name parents modifiedByMe viewedByMeTime trashed "
        "explicitlyTrashed createdTime modifiedByMeTime quotaBytesUsed teamDriveId version id "
        "description folderColorRgb fullFileExtension originalFilename permissionIds "
        "isAppAuthorized sharedWithMeTime thumbnailVersion trashedTime spaces resourceKey "
        "sha1Checksum sha256Checksum inheritedPermissionsDisabled"
    ),
    **_names("owners lastModifyingUser sharingUser trashingUser", _USER),
    **_names("permissions", PERMISSION),
    **_names(
        "appProperties properties capabilities contentHints contentRestrictions exportLinks "
        "imageMediaMetadata videoMediaMetadata shortcutDetails linkShareMetadata labelInfo "
        "downloadRestrictions clientEncryptionDetails",
        _ANY,
    ),
}
FILE_LIST: Schema = {"kind": None, "nextPageToken": None, "incompleteSearch": None, "files": FILE}
PERMISSION_LIST: Schema = {"kind": None, "nextPageToken": None, "permissions": PERMISSION}
GENERATED_IDS = _names("kind space ids")
ABOUT: Schema = {
    "kind": None,
    "user": _USER,
    "storageQuota": _names("limit usageInDrive usageInDriveTrash usage"),
    "importFormats": _ANY,
    "exportFormats": _ANY,
    "maxImportSizes": _ANY,
    "maxUploadSize": None,
    "appInstalled": None,
    "folderColorPalette": None,
    "driveThemes": _ANY,
    "canCreateDrives": None,
    "teamDriveThemes": _ANY,
    "canCreateTeamDrives": None,
}
SCHEMAS = {
    "file": FILE,
    "list": FILE_LIST,
    "permission": PERMISSION,
    "permissions": PERMISSION_LIST,
    "ids": GENERATED_IDS,
    "about": ABOUT,
}
# What Drive answers where no fields are asked for.
DEFAULTS = {
    "file": "kind,id,name,mimeType",
    "list": "kind,nextPageToken,incompleteSearch,files(kind,id,name,mimeType)",
    "permission": "kind,id,type,role",
    "permissions": "kind,nextPageToken,permissions(kind,id,type,role)",
    "ids": "*",
    "about": "*",
}

_TOKEN = re.compile(r"\s*([A-Za-z0-9_.$-]+|\*|[(),/])")


def select(kind: str, resource: dict[str, Any], fields: str | None) -> dict[str, Any]:
    """The part of ``resource`` that ``fields`` asks for; refuses unknown names."""
    tree = parse(kind, fields or DEFAULTS[kind])
    found: dict[str, Any] = _pick(resource, tree)
    return found


@lru_cache(maxsize=512)
def parse(kind: str, fields: str) -> Tree:
    """Parse and check a selector against the resource it is for."""
    tokens = _tokens(fields)
    tree, position = _list(tokens, 0, fields)
    if position != len(tokens):
        raise _refused(fields)
    _check(tree, SCHEMAS[kind])
    return tree


def _refused(what: str) -> DriveRefusal:
    return DriveRefusal(
        400, "invalidParameter", f"Invalid field selection {what}", location="fields"
    )


def _tokens(fields: str) -> list[str]:
    found, position = [], 0
    text = fields.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise _refused(fields)
        found.append(match.group(1))
        position = match.end()
    return found


def _list(tokens: list[str], position: int, text: str) -> tuple[Tree, int]:
    tree: Tree = {}
    while True:
        position = _item(tokens, position, tree, text)
        if position < len(tokens) and tokens[position] == ",":
            position += 1
            continue
        return tree, position


def _item(tokens: list[str], position: int, tree: Tree, text: str) -> int:
    if position >= len(tokens) or tokens[position] in "(),/":
        raise _refused(text)
    name = tokens[position]
    position += 1
    branch: Tree | None = None
    if position < len(tokens) and tokens[position] == "/":
        branch = {}
        position = _item(tokens, position + 1, branch, text)
    elif position < len(tokens) and tokens[position] == "(":
        branch, position = _list(tokens, position + 1, text)
        if position >= len(tokens) or tokens[position] != ")":
            raise _refused(text)
        position += 1
    known = tree.get(name)
    if name in tree and (known is None or branch is None):
        tree[name] = None  # the whole is asked for as well as a part
    elif known is not None and branch is not None:
        known.update(branch)
    else:
        tree[name] = branch
    return position


def _check(tree: Tree, schema: Schema) -> None:
    for name, branch in tree.items():
        if name == "*" or "*" in schema:
            continue
        if name not in schema:
            raise _refused(name)
        below = schema[name]
        if branch is not None:
            if below is None:
                raise _refused(f"{name}/{next(iter(branch))}")
            _check(branch, below)


def _pick(value: Any, tree: Tree | None) -> Any:
    if tree is None:
        return value
    if isinstance(value, list):
        return [_pick(item, tree) for item in value]
    if not isinstance(value, dict):
        return value
    if "*" in tree:
        everything = tree["*"]
        return {key: _pick(item, tree.get(key, everything)) for key, item in value.items()}
    return {key: _pick(value[key], branch) for key, branch in tree.items() if key in value}
