"""What the Sheets API says no with: the newer of Google's two shapes of an error.

https://cloud.google.com/apis/design/errors,
https://developers.google.com/workspace/sheets/api/limits
"""

from __future__ import annotations

from typing import Any

from sandbox.google.errors import INVALID_CREDENTIALS, MISSING_CREDENTIALS, Refusal

PROJECT = "projects/110201543000"
SERVICE = "sheets.googleapis.com"
_TYPE = "type.googleapis.com/google.rpc"


def sheets_body(
    status: int, message: str, canonical: str, details: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    """The JSON body of an error."""
    error: dict[str, Any] = {"code": status, "message": message, "status": canonical}
    return {"error": error | ({"details": details} if details else {})}


class SheetsRefusal(Refusal):
    """A refusal of the Sheets API."""

    def __init__(
        self,
        status: int,
        message: str,
        canonical: str,
        details: list[dict[str, Any]] | None = None,
        headers: dict[str, str] | None = None,
    ):
        super().__init__(status, sheets_body(status, message, canonical, details), headers)


def bad_request(message: str, *, field: str = "", description: str = "") -> SheetsRefusal:
    """Build the 400 for a request that cannot be understood."""
    details = [
        {
            "@type": f"{_TYPE}.BadRequest",
            "fieldViolations": [
                {"description": description or message} | ({"field": field} if field else {})
            ],
        }
    ]
    return SheetsRefusal(400, message, "INVALID_ARGUMENT", details if description else None)


def bad_range(text: str) -> SheetsRefusal:
    """Build the 400 for a range that names no cells of this spreadsheet."""
    return SheetsRefusal(400, f"Unable to parse range: {text}", "INVALID_ARGUMENT")


def office_file() -> SheetsRefusal:
    """Build the 400 for an Excel file, which Sheets opens on its page alone."""
    text = "This operation is not supported for this document"
    return SheetsRefusal(400, text, "FAILED_PRECONDITION")


def not_found() -> SheetsRefusal:
    """Build the 404 for a spreadsheet that there is not."""
    return SheetsRefusal(404, "Requested entity was not found.", "NOT_FOUND")


def not_shared() -> SheetsRefusal:
    """Build the 403 for a spreadsheet that the caller may not read."""
    return SheetsRefusal(403, "The caller does not have permission", "PERMISSION_DENIED")


def disabled() -> dict[str, Any]:
    """The body of the 403 for a project in which nobody has switched the API on."""
    url = f"https://console.developers.google.com/apis/api/{SERVICE}/overview?project=110201543000"
    message = (
        "Google Sheets API has not been used in project 110201543000 before or it is disabled. "
        f"Enable it by visiting {url} then retry. If you enabled this API recently, wait a few "
        "minutes for the action to propagate to our systems and retry."
    )
    return sheets_body(403, message, "PERMISSION_DENIED", [_info("SERVICE_DISABLED")])


def unauthenticated(*, missing: bool = False) -> SheetsRefusal:
    """Build the 401 for an access token that is missing, unknown or expired."""
    challenge = 'Bearer realm="https://accounts.google.com/"'
    if not missing:
        challenge += ', error="invalid_token"'
    return SheetsRefusal(
        401,
        MISSING_CREDENTIALS if missing else INVALID_CREDENTIALS,
        "UNAUTHENTICATED",
        headers={"WWW-Authenticate": challenge},
    )


def insufficient_scope() -> SheetsRefusal:
    """Build the 403 for a token that was given for something else."""
    text = "Request had insufficient authentication scopes."
    return SheetsRefusal(403, text, "PERMISSION_DENIED", [_info("ACCESS_TOKEN_SCOPE_INSUFFICIENT")])


def quota_exceeded(limit: int, *, of_project: bool = False) -> SheetsRefusal:
    """Build the 429 for too many reads in a minute. It has no Retry-After."""
    whose = "per minute" if of_project else "per minute per user"
    message = (
        f"Quota exceeded for quota metric 'Read requests' and limit 'Read requests {whose}' of "
        f"service '{SERVICE}' for consumer 'project_number:110201543000'."
    )
    info = _info(
        "RATE_LIMIT_EXCEEDED",
        quota_metric=f"{SERVICE}/read_requests",
        quota_limit="ReadRequestsPerMinutePer" + ("Project" if of_project else "User"),
        quota_limit_value=str(limit),
        quota_location="global",
    )
    return SheetsRefusal(429, message, "RESOURCE_EXHAUSTED", [info])


def _info(reason: str, **metadata: str) -> dict[str, Any]:
    return {
        "@type": f"{_TYPE}.ErrorInfo",
        "reason": reason,
        "domain": "googleapis.com",
        "metadata": {**metadata, "service": SERVICE, "consumer": PROJECT},
    }


_OF_STATUS = {
    400: ("Request contains an invalid argument.", "INVALID_ARGUMENT"),
    408: ("The request timed out.", "CANCELLED"),
    409: ("The operation was aborted.", "ABORTED"),
    500: ("Internal error encountered.", "INTERNAL"),
    502: ("Bad Gateway", "UNAVAILABLE"),
    503: ("The service is currently unavailable.", "UNAVAILABLE"),
    504: ("Deadline expired before operation could complete.", "DEADLINE_EXCEEDED"),
}


def sheets_fault_body(status: int | None, reason: str | None) -> tuple[int, dict[str, Any]]:
    """Status and body of a made-up failure of Sheets."""
    if reason == "SERVICE_DISABLED":
        return 403, disabled()
    made = {401: unauthenticated, 403: not_shared, 404: not_found}.get(status or 503)
    if made is not None:
        return status or 503, made().body
    if status == 429:
        return 429, quota_exceeded(60).body
    message, canonical = _OF_STATUS.get(status or 503, ("Error", reason or "UNKNOWN"))
    return status or 503, sheets_body(status or 503, message, reason or canonical)
