"""What a request is called: the names that faults, rates and the record of calls go by."""

from __future__ import annotations

from aiohttp import web

# Whose call it was, for the record: an account or a Telegram user. Handlers set it.
OWNER: web.RequestKey[str | None] = web.RequestKey("sandbox_owner", str | None)  # type: ignore[arg-type]

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
SERVICE_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_GRANTS = {
    "refresh_token": "google.token.refresh",
    "authorization_code": "google.token.exchange",
    DEVICE_GRANT: "google.token.device",
    SERVICE_GRANT: "google.token.service_account",
}


def is_googles(path: str) -> bool:
    """Whether a request goes to one of Google's endpoints for programs."""
    return path in ("/token", "/device/code", "/revoke") or path.startswith(
        ("/drive/v3/", "/upload/drive/v3/", "/v4/spreadsheets/")
    )


async def drain(request: web.Request) -> None:
    """Read what is still coming: real front ends answer after an upload, not into it."""
    if request.body_exists:
        while await request.content.readany():
            pass


async def operation_of(request: web.Request) -> str | None:
    """Return the operation's name, or None for pages and the sandbox's own control API."""
    path = request.path
    if path.startswith("/bot"):
        return f"telegram.{path.rsplit('/', 1)[-1]}"
    if path.startswith("/file/bot"):
        return "telegram.download"
    if path == "/token":
        return await _token_operation(request)
    if path == "/device/code":
        return "google.device_code"
    if path == "/revoke":
        return "google.revoke"
    if path.startswith("/upload/drive/v3/files"):
        return _upload_operation(request)
    if path.startswith("/drive/v3/"):
        return _drive_operation(request, path.removeprefix("/drive/v3/"))
    if path.startswith("/v4/spreadsheets/"):
        is_of_values = "values" in path.split("/")[4:5]
        return "google.sheets.values.get" if is_of_values else "google.sheets.get"
    return None


async def _token_operation(request: web.Request) -> str:
    grant = ""
    if request.method == "POST":
        form = await request.post()  # aiohttp keeps the parsed form for the handler
        grant = str(form.get("grant_type", ""))
    return _GRANTS.get(grant, "google.token.other")


def _upload_operation(request: web.Request) -> str:
    if request.method == "PUT" and "upload_id" in request.query:
        asked = request.headers.get("Content-Range", "").replace(" ", "")
        return "google.upload.status" if asked.startswith("bytes*/") else "google.upload.chunk"
    if request.method == "DELETE":
        return "google.upload.cancel"
    return "google.upload.start"


def _drive_operation(request: web.Request, rest: str) -> str:
    parts = rest.strip("/").split("/")
    if parts[0] != "files":
        return f"google.drive.{parts[0]}"
    if len(parts) >= 3 and parts[2] == "permissions":
        verb = {"POST": "create", "DELETE": "delete", "PATCH": "update"}.get(request.method)
        return f"google.drive.permissions.{verb or ('get' if len(parts) == 4 else 'list')}"
    if len(parts) == 1:
        asks = request.headers.get("X-HTTP-Method-Override", request.method).upper() == "GET"
        return "google.drive.files." + ("list" if asks else "create")
    if parts[1] == "generateIds":
        return "google.drive.files.generateIds"
    verb = {"PATCH": "update", "DELETE": "delete"}.get(request.method, "get")
    return f"google.drive.files.{verb}"
