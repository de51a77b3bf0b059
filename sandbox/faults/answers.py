"""The answers of ordered failures, each in the shape of the service that is said to fail."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from sandbox.google.errors import drive_fault_body, oauth_fault_body
from sandbox.google.sheets.refusals import sheets_fault_body

_TELEGRAM_TEXT = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden: bot was blocked by the user",
    404: "Not Found",
    409: "Conflict: terminated by other getUpdates request; "
    "make sure that only one bot instance is running",
    429: "Too Many Requests: retry after {retry_after}",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
}
_HTML = (
    "<!DOCTYPE html><html lang=en><meta charset=utf-8><title>Error {status}</title>"
    "<p><b>{status}.</b> <ins>That’s an error.</ins><p>The server encountered a temporary error "
    "and could not complete your request.<p>Please try again in 30 seconds. "
    "<ins>That’s all we know.</ins></html>"
)


def html_response(_operation: str, options: dict[str, Any]) -> web.Response:
    """Build a web page where JSON was expected, as proxies and front ends send it."""
    status = int(options.get("status", 200))
    text = options.get("body") or _HTML.format(status=status)
    return web.Response(status=status, text=str(text), content_type="text/html", charset="utf-8")


def odd_response(response: web.StreamResponse, options: dict[str, Any]) -> web.StreamResponse:
    """The real answer, with fields and headers that lack or are others: ``odd`` rules.

    ``set`` has new values by path ("user.emailAddress", "files.*.id"), ``drop`` the paths of what
    lacks, ``headers`` new values by name; null takes one away. Bytes that are streamed stay.
    """
    if not isinstance(response, web.Response):
        return response
    try:
        document = json.loads(response.text or "")
    except ValueError:
        document = None
    if isinstance(document, dict):
        for path, value in options.get("set", {}).items():
            _change(document, path.split("."), [value])
        for path in options.get("drop", []):
            _change(document, str(path).split("."), [])
        response.text = json.dumps(document)
    for name, value in options.get("headers", {}).items():
        response.headers.pop(name, None)
        if value is not None:
            response.headers[name] = str(value)
    if "status" in options:
        response.set_status(int(options["status"]))
    return response


def _change(inside: Any, path: list[str], new: list[Any]) -> None:
    """Give what stands at the path its ``new`` value, or take it out where there is none."""
    first, *rest = path
    if isinstance(inside, list):
        places: list[Any] = list(range(len(inside)) if first == "*" else [int(first)])
    else:
        places = list(inside) if first == "*" else [first]
    for place in places:
        if rest and (isinstance(inside, list) or isinstance(inside.get(place), dict | list)):
            _change(inside[place], rest, new)
        elif rest:
            continue
        elif new:
            inside[place] = new[0]
        elif isinstance(inside, dict):
            inside.pop(place, None)


def failure_response(operation: str, options: dict[str, Any]) -> web.Response:
    """Build the refusal that a ``status`` or ``oauth_error`` rule orders."""
    status, body = _failure(operation, options)
    after = options.get("retry_after")
    headers = {} if after is None else {"Retry-After": str(after)}
    given = options.get("body", body)
    text = given if isinstance(given, str) else json.dumps(given)
    content_type = str(options.get("content_type", "application/json"))
    return web.Response(status=status, text=text, content_type=content_type, headers=headers)


def _failure(operation: str, options: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    status = options.get("status")
    if operation.startswith("telegram."):
        return _telegram(int(status or 500), options)
    if operation.startswith(("google.token", "google.device_code", "google.revoke")):
        return oauth_fault_body(status, options.get("error"), options.get("error_description"))
    if operation.startswith("google.sheets."):
        return sheets_fault_body(status, options.get("reason"))
    return drive_fault_body(status, options.get("reason"))


def _telegram(status: int, options: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """https://core.telegram.org/bots/api#making-requests and #responseparameters."""
    after = int(options.get("retry_after", 5))
    text = options.get("reason") or _TELEGRAM_TEXT.get(status, "Error")
    description = str(text).format(retry_after=after)
    body: dict[str, Any] = {"ok": False, "error_code": status, "description": description}
    if status == 429:
        body["parameters"] = {"retry_after": after}
    return status, body
