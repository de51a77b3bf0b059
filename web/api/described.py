"""How routes describe their refusals in the OpenAPI document."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from web.gate.keys import MACHINE_HEADER
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
CODES: Final = {
    400: ("invalid_request", "wrong_code"),
    401: ("not_signed_in", "wrong_key", "key_revoked", "key_blocked"),
    403: ("other_site", "other_department", "token_not_allowed", "administrators_only", "personal"),
    404: (
        *("no_department", "no_client", "no_upload", "not_found"),
        *("no_sheet", "no_period", "no_version", "no_person", "no_shifts", "no_calendar"),
    ),
    405: ("not_permitted",),
    408: ("timeout",),
    409: (
        *("consent_required", "not_connected", "org_policy", "org_internal", "policy_forbidden"),
        *("quota_exceeded", "folder_refused", "too_many_items", "too_deep", "drive_refused"),
        *("never_synced", "not_held", "other_kind"),
    ),
    413: ("too_big", "too_large_for_drive"),
    415: ("wrong_type",),
    421: ("wrong_host",),
    422: ("invalid_request", "other_file"),
    429: ("rate_limited", "too_many_uploads", "daily_limit"),
    500: ("failed",),
    503: (
        *("unavailable", "database_unreachable", "timeout", "rate_limited", "not_json"),
        *("unknown_client", "locked", "corrupt"),
    ),
}
"""Status → codes it comes with; first an example."""


def refusals(*statuses: int, **headers: str) -> dict[int | str, dict[str, Any]]:
    """What a route may answer but what it is for; with what the gate may answer to any request."""
    return {status: _refusal(status) for status in sorted({*statuses, *ALWAYS})}


def secured_by(*schemes: str) -> dict[str, Any]:
    """For a route's `openapi_extra`: any of these serves."""
    said: dict[str, Any] = {"security": [{scheme: []} for scheme in schemes]}
    if CLIENT in schemes:
        said["parameters"] = [
            {
                "name": MACHINE_HEADER,
                "in": "header",
                "description": "Which computer it is, by a random identifier that it has made once "
                "and keeps apart from its key: a copy of the key on another one is noticed. "
                "Without it a computer is told by its address, and one that travels looks stolen. "
                "Best of letters, digits and hyphens, 64 at most; it is never refused.",
                "schema": {"type": "string"},
                "example": "0b0f6a52-7f5d-4f0e-8d3a-5b1d3d1c7a10",
            }
        ]
    return said


def statuses_of(code: str) -> tuple[int, ...]:
    """With which a code comes."""
    return tuple(status for status, codes in CODES.items() if code in codes)


def example(status: int) -> dict[str, Any]:
    """A refusal, in English."""
    code, texts = CODES[status][0], Texts("en")
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
