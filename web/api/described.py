"""How routes describe their refusals in the OpenAPI document."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from web.gate.problem_texts import detail_of, title_of
from web.gate.problems import MEDIA_TYPE, ProblemBody
from web.site.texts import Texts

ADMINISTRATOR: Final = "administrator"
CLIENT: Final = "client"
SECURITY_SCHEMES: Final[dict[str, Any]] = {
    ADMINISTRATOR: {
        "type": "apiKey",
        "in": "cookie",
        "name": "__Host-drivekeeper",
        "description": "An administrator's session: signed in by a link of the bot's, or of "
        "`drivekeeper console-link`.",
    },
    CLIENT: {
        "type": "http",
        "scheme": "bearer",
        "description": "The key of one computer of one department, `dkc_…`.",
    },
}
ALWAYS: Final = (408, 413, 421, 500)
"""What the gate may answer to any request."""
_CODES: Final = {
    400: "invalid_request",
    401: "not_signed_in",
    403: "other_site",
    404: "no_department",
    408: "timeout",
    409: "consent_required",
    410: "expired",
    413: "too_big",
    415: "wrong_type",
    421: "wrong_host",
    422: "invalid_request",
    429: "too_often",
    500: "failed",
    503: "unavailable",
}
"""Status → an example of the code it comes with."""


def refusals(*statuses: int, **headers: str) -> dict[int | str, dict[str, Any]]:
    """What a route may answer but what it is for; with what the gate may answer to any request."""
    return {status: _refusal(status) for status in sorted({*statuses, *ALWAYS})}


def secured_by(*schemes: str) -> dict[str, Any]:
    """For a route's `openapi_extra`: any of these serves."""
    return {"security": [{scheme: []} for scheme in schemes]}


def example(status: int) -> dict[str, Any]:
    """A refusal, in English."""
    code, texts = _CODES[status], Texts("en")
    said: dict[str, Any] = {
        "type": f"/api/docs#{code}",
        "title": title_of(code, texts),
        "status": status,
        "detail": detail_of(code, texts),
        "code": code,
    }
    if status == 422:
        said["errors"] = [{"where": "body", "field": "size", "detail": "It must be 1 at least."}]
    return said


def _refusal(status: int) -> dict[str, Any]:
    described: dict[str, Any] = {
        "description": HTTPStatus(status).phrase,
        "content": {
            MEDIA_TYPE: {
                "schema": {"$ref": f"#/components/schemas/{ProblemBody.__name__}"},
                "example": example(status),
            }
        },
    }
    if status in (429, 503):
        described["headers"] = {
            "Retry-After": {
                "description": "Seconds until it may go better.",
                "schema": {"type": "integer", "minimum": 1},
            }
        }
    return described
