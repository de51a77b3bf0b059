"""files.list: search, order, pages."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from sandbox.google.drive.access import Caller
from sandbox.google.drive.fields import parse
from sandbox.google.drive.query import compile_query
from sandbox.google.errors import invalid_value
from sandbox.google.model import DriveFile

MOST = 1000
_ORDER = {
    "name": lambda file: file.name.casefold(),
    "createdTime": lambda file: file.created,
    "modifiedTime": lambda file: file.modified,
    "modifiedByMeTime": lambda file: file.modified,
    "viewedByMeTime": lambda file: file.modified,
    "recency": lambda file: file.modified,
    "sharedWithMeTime": lambda file: "",
    "folder": lambda file: not file.is_folder,
    "quotaBytesUsed": lambda file: file.size or 0,
    "starred": lambda file: not file.starred,
}


def list_files(caller: Caller) -> dict[str, Any]:
    """The answer of files.list, with only the fields asked for."""
    query = caller.query
    if fields := query.get("fields"):
        parse("list", fields)
    size = caller.number("pageSize", 100, MOST)
    question, order = query.get("q", ""), query.get("orderBy", "")
    if query.get("spaces", "drive") not in ("drive", ""):
        raise invalid_value("spaces")
    start = _start(query.get("pageToken"), question, order)
    found = [file for file in caller.world.files.of(caller.account.email) if caller.sees(file)]
    if not caller.says("includeItemsFromAllDrives"):
        found = [file for file in found if not file.drive_id]
    if question.strip():
        test = compile_query(question, caller.world.files, caller.account, caller.sees)
        found = [file for file in found if test(file)]
    _sort(found, order)
    answer: dict[str, Any] = {"kind": "drive#fileList", "incompleteSearch": False}
    if start + size < len(found):
        answer["nextPageToken"] = _token(start + size, question, order)
    answer["files"] = [caller.resource(file) for file in found[start : start + size]]
    return caller.select("list", answer)


def _sort(files: list[DriveFile], order: str) -> None:
    if not order.strip():
        files.sort(key=lambda file: file.modified, reverse=True)
        return
    for part in reversed(order.split(",")):
        words = part.split()
        if not words or words[0] not in _ORDER or words[1:] not in ([], ["desc"]):
            raise invalid_value("orderBy")
        files.sort(key=_ORDER[words[0]], reverse=len(words) == 2)


def _token(start: int, question: str, order: str) -> str:
    raw = json.dumps([start, question, order]).encode()
    return "~!!~" + base64.urlsafe_b64encode(raw).decode()


def _start(token: str | None, question: str, order: str) -> int:
    """Where a page begins; a token of another question is refused."""
    if not token:
        return 0
    try:
        start, asked, ordered = json.loads(base64.urlsafe_b64decode(token.removeprefix("~!!~")))
    except (ValueError, binascii.Error) as error:
        raise invalid_value("pageToken") from error
    if (asked, ordered) != (question, order):
        raise invalid_value("pageToken")
    return int(start)
