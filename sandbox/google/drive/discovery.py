"""What Google's description of Drive knows: anything else in a request is refused.

The description is the one packaged with Google's client. Drive itself is more patient with some of
it; here a misspelt parameter is seen, instead of being without effect. The words are those of
Google's newer front end: https://cloud.google.com/apis/design/errors
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from aiohttp import web
from googleapiclient.discovery_cache import get_static_doc

from sandbox.google.errors import DriveRefusal

_OF_ALL: Final = frozenset({"access_token", "uploadType", "upload_id"})


def check_query(request: web.Request) -> None:
    """Refuse a parameter that the method does not have; sessions' own addresses are Google's."""
    for verb, path, parameters in _methods():
        if verb == request.method and path.fullmatch(request.path):
            for name in request.query:
                if name not in parameters:
                    raise _refused(name, "Cannot bind query parameter", "request message")
            return


def check_body(schema: str, body: Any) -> None:
    """Refuse a field that the resource does not have, however deep."""
    _check({"$ref": schema}, body, schema)


def resolved(described: Mapping[str, Any]) -> Mapping[str, Any]:
    """The description of a value, itself or the one it refers to by name."""
    found: Mapping[str, Any] = _document()["schemas"].get(described.get("$ref"), described)
    return found


def _check(described: Mapping[str, Any], value: Any, where: str) -> None:
    described = resolved(described)
    for item in value if isinstance(value, list) else ():
        _check(described.get("items", {}), item, where)
    for name, field in value.items() if isinstance(value, dict) else ():
        known = described.get("properties", {}).get(name, described.get("additionalProperties"))
        if known is None:
            raise _refused(name, "Cannot find field", where)
        _check(known, field, f"{where}.{name}")


def _refused(name: str, why: str, where: str) -> DriveRefusal:
    text = f'Invalid JSON payload received. Unknown name "{name}": {why} in {where}.'
    violation = {"description": text}
    details = [
        {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [violation]}
    ]
    return DriveRefusal(400, "badRequest", text, canonical="INVALID_ARGUMENT", details=details)


@cache
def _document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(get_static_doc("drive", "v3"))
    return found


@cache
def _methods() -> list[tuple[str, re.Pattern[str], frozenset[str]]]:
    """Verb, path and query parameters of each method; what is spelt out before what is not."""
    document, found = _document(), []
    common = _OF_ALL | document["parameters"].keys()
    for resource in document["resources"].values():
        for method in resource.get("methods", {}).values():
            parameters = frozenset(method.get("parameters", {})) | common
            upload = method.get("mediaUpload", {}).get("protocols", {}).get("simple", {})
            for path in ("/" + document["servicePath"] + method["path"], upload.get("path")):
                if path is not None:
                    pattern = re.compile(re.sub(r"\{[^}]*\}", "[^/]+", path))
                    found.append((method["httpMethod"], pattern, parameters))
    return sorted(found, key=lambda one: one[1].pattern.count("[^/]+"))
