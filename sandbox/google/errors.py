"""Refusals in Google's own words and shapes.

OAuth endpoints answer ``{"error": …, "error_description": …}`` (RFC 6749 §5.2); Drive answers
the nested shape of https://developers.google.com/workspace/drive/api/guides/handle-errors.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

from aiohttp import web

from sandbox.operations import drain

INVALID_CREDENTIALS = (
    "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie "
    "or other valid authentication credential. See "
    "https://developers.google.com/identity/sign-in/web/devconsole-project."
)
MISSING_CREDENTIALS = (
    "Request is missing required authentication credential. Expected OAuth 2 access token, login "
    "cookie or other valid authentication credential. See "
    "https://developers.google.com/identity/sign-in/web/devconsole-project."
)
SHARING_REFUSED = 'Bad Request. User message: ""'


class Refusal(Exception):
    """A request that Google would refuse; becomes an HTTP answer at the edge."""

    def __init__(self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None):
        super().__init__(f"{status}")
        self.status = status
        self.body = body
        self.headers = headers or {}


Answer = web.StreamResponse | dict[str, Any]


def refusing(
    method: Callable[[Any, web.Request], Awaitable[Answer]],
) -> Callable[[Any, web.Request], Awaitable[web.StreamResponse]]:
    """Make answers of what a handler returns: of a JSON object, and of a refusal it raises."""

    @wraps(method)
    async def answer(self: Any, request: web.Request) -> web.StreamResponse:
        try:
            found = await method(self, request)
        except Refusal as refusal:
            await drain(request)
            return web.json_response(refusal.body, status=refusal.status, headers=refusal.headers)
        return web.json_response(found) if isinstance(found, dict) else found

    return answer


class OAuthRefusal(Refusal):
    """A refusal of /token, /device/code or /revoke."""

    def __init__(self, status: int, error: str, description: str | None = None):
        body = {"error": error}
        if description is not None:
            body["error_description"] = description
        super().__init__(status, body)


def require(name: str, value: object) -> None:
    """Refuse a request that lacks this parameter, or has it empty."""
    if not value:
        raise OAuthRefusal(400, "invalid_request", f"Missing required parameter: {name}")


def drive_body(
    status: int,
    reason: str,
    message: str,
    *,
    domain: str = "global",
    location: str | None = None,
    location_type: str | None = None,
    canonical: str | None = None,
    details: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """The JSON body of a Drive error."""
    item: dict[str, Any] = {"message": message, "domain": domain, "reason": reason}
    if location is not None:
        item["location"] = location
        item["locationType"] = location_type or "parameter"
    error: dict[str, Any] = {"code": status, "message": message, "errors": [item]}
    if canonical is not None:
        error["status"] = canonical
    if details is not None:
        error["details"] = details
    return {"error": error}


class DriveRefusal(Refusal):
    """A refusal of the Drive API."""

    def __init__(self, status: int, reason: str, message: str, **more: Any):
        super().__init__(status, drive_body(status, reason, message, **more))


def not_found(file_id: str) -> DriveRefusal:
    """Build the 404 for a file that is not there, or that the app may not see and learn of."""
    return DriveRefusal(404, "notFound", f"File not found: {file_id}.", location="fileId")


def invalid_value(location: str, message: str = "Invalid Value") -> DriveRefusal:
    """Build the 400 for a parameter that cannot be understood."""
    return DriveRefusal(400, "invalid", message, location=location)


def unauthenticated(*, missing: bool = False) -> Refusal:
    """Build the 401 for an access token that is missing, unknown, revoked or expired."""
    message, text = (
        (MISSING_CREDENTIALS, "Login Required.")
        if missing
        else (INVALID_CREDENTIALS, "Invalid Credentials")
    )
    body = drive_body(
        401,
        "required" if missing else "authError",
        text,
        location="Authorization",
        location_type="header",
        canonical="UNAUTHENTICATED",
    )
    body["error"]["message"] = message
    challenge = 'Bearer realm="https://accounts.google.com/"'
    if not missing:
        challenge += ', error="invalid_token"'
    return Refusal(401, body, {"WWW-Authenticate": challenge})


def insufficient_scope() -> Refusal:
    """Build the 403 for a valid token whose scopes do not include Drive."""
    body = drive_body(
        403,
        "insufficientPermissions",
        "Insufficient Permission",
        canonical="PERMISSION_DENIED",
        details=[
            {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
                "domain": "googleapis.com",
                "metadata": {"service": "drive.googleapis.com"},
            }
        ],
    )
    body["error"]["message"] = "Request had insufficient authentication scopes."
    challenge = 'Bearer realm="https://accounts.google.com/", error="insufficient_scope"'
    return Refusal(403, body, {"WWW-Authenticate": challenge})


# reason → (status, message, domain)
KNOWN_REASONS: dict[str, tuple[int, str, str]] = {
    "storageQuotaExceeded": (
        403,
        "The user's Drive storage quota has been exceeded.",
        "usageLimits",
    ),
    "rateLimitExceeded": (403, "Rate Limit Exceeded", "usageLimits"),
    "userRateLimitExceeded": (403, "User Rate Limit Exceeded", "usageLimits"),
    "dailyLimitExceeded": (403, "Daily Limit Exceeded", "usageLimits"),
    "sharingRateLimitExceeded": (
        403,
        "Rate limit exceeded. User message: "
        '"These item(s) could not be shared because a rate limit was exceeded: filename"',
        "global",
    ),
    "publishOutNotPermitted": (400, SHARING_REFUSED, "global"),
    "shareOutNotPermitted": (400, SHARING_REFUSED, "global"),
    "invalidSharingRequest": (400, SHARING_REFUSED, "global"),
    "numChildrenInNonRootLimitExceeded": (
        403,
        "The limit for this folder's number of children (files and folders) has been exceeded.",
        "global",
    ),
    "activeItemCreationLimitExceeded": (
        403,
        "This account has exceeded the creation limit of 500 million items. To create more items, "
        "move items to the trash and permanently delete them.",
        "global",
    ),
    "teamDriveFileLimitExceeded": (
        403,
        "The file limit for this shared drive has been exceeded.",
        "global",
    ),
    "accessNotConfigured": (
        403,
        "Google Drive API has not been used in project 000000000000 before or it is disabled.",
        "usageLimits",
    ),
    "insufficientFilePermissions": (
        403,
        "The user does not have sufficient permissions for this file.",
        "global",
    ),
    "fieldNotWritable": (
        403,
        "The resource body includes fields which are not directly writable.",
        "global",
    ),
    "notFound": (404, "File not found: .", "global"),
    "fileIdInUse": (409, "A file already exists with the provided ID.", "global"),
    "backendError": (503, "Backend Error", "global"),
    "internalError": (500, "Internal Error", "global"),
    "badRequest": (400, "Bad Request", "global"),
}


def known_refusal(reason: str) -> DriveRefusal:
    """The refusal whose status and words Google ties to this reason."""
    status, message, domain = KNOWN_REASONS[reason]
    return DriveRefusal(status, reason, message, domain=domain)


STATUS_DEFAULTS: dict[int, tuple[str, str, str | None]] = {
    400: ("badRequest", "Bad Request", None),
    403: ("forbidden", "Forbidden", "PERMISSION_DENIED"),
    404: ("notFound", "File not found: .", None),
    408: ("requestTimeout", "Request Timeout", None),
    409: ("conflict", "Conflict", None),
    410: ("gone", "Gone", None),
    429: ("rateLimitExceeded", "Rate Limit Exceeded", "RESOURCE_EXHAUSTED"),
    500: ("internalError", "Internal Error", "INTERNAL"),
    502: ("backendError", "Bad Gateway", None),
    503: ("backendError", "The service is currently unavailable.", "UNAVAILABLE"),
    504: ("backendError", "Deadline exceeded.", None),
}


def drive_fault_body(status: int | None, reason: str | None) -> tuple[int, dict[str, Any]]:
    """Status and body of a made-up Drive failure."""
    if status == 401 and reason is None:
        return 401, unauthenticated().body
    if reason in KNOWN_REASONS:
        known, message, domain = KNOWN_REASONS[reason]
        return status or known, drive_body(status or known, reason, message, domain=domain)
    status = status or 503
    default, message, canonical = STATUS_DEFAULTS.get(status, ("backendError", "Error", None))
    domain = "usageLimits" if status == 429 else "global"
    return status, drive_body(
        status, reason or default, message, domain=domain, canonical=canonical
    )


OAUTH_STATUS = {
    "invalid_client": 401,
    "deleted_client": 401,
    "disabled_client": 401,
    "unauthorized_client": 401,
    "invalid_grant": 400,
    "invalid_request": 400,
    "invalid_scope": 400,
    "unsupported_grant_type": 400,
    "authorization_pending": 428,
    "slow_down": 403,
    "access_denied": 403,
    "expired_token": 400,
    "org_internal": 403,
    "admin_policy_enforced": 400,
    "policy_enforced": 400,
    "access_not_configured": 400,
    "server_error": 500,
    "internal_failure": 500,
    "temporarily_unavailable": 503,
}
OAUTH_DESCRIPTION = {
    "invalid_client": "The OAuth client was not found.",
    "deleted_client": "The OAuth client was deleted.",
    "disabled_client": "The OAuth client was disabled.",
    "unauthorized_client": "Unauthorized",
    "invalid_grant": "Token has been expired or revoked.",
    "authorization_pending": "Precondition Required",
    "slow_down": "Forbidden",
    "access_denied": "Forbidden",
}


def oauth_fault_body(
    status: int | None, error: str | None, description: str | None = None
) -> tuple[int, dict[str, Any]]:
    """Status and body of a made-up OAuth failure."""
    if error is None:
        error = {429: "rate_limit_exceeded", 401: "invalid_client", 400: "invalid_grant"}.get(
            status or 503, "internal_failure"
        )
    body = {"error": error}
    if (text := description or OAUTH_DESCRIPTION.get(error)) is not None:
        body["error_description"] = text
    return status or OAUTH_STATUS.get(error, 400), body
