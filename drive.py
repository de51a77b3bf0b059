"""One owner's Google Drive: who they are, their space, the bot's folder, prepared identifiers.

Everything here blocks: callers use threads. Google's client gets an access token and a handler
that asks the custodian, never a refresh token: otherwise it would refresh by itself on a 401,
past lock, generation and store. https://developers.google.com/workspace/drive/api/reference/rest/v3
"""

from __future__ import annotations

import asyncio
import http.client
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

import google.auth.exceptions
import google_auth_httplib2
import httplib2
from google.auth import _helpers
from google.oauth2.credentials import Credentials
from googleapiclient import discovery_cache
from googleapiclient.discovery import build_from_document
from googleapiclient.errors import HttpError
from googleapiclient.http import build_http
from pydantic import SecretStr

from security.consent import GoogleAccount
from security.credential import Credential, Owner
from security.custodian import Custodian
from security.errors import ConsentRequired, CustodyError, OperatorFault, TransientFault
from security.threads import Threads

FOLDER_TYPE: Final = "application/vnd.google-apps.folder"
_PACKAGED_ROOT: Final = "https://www.googleapis.com/"
_TIMEOUT_SECONDS: Final = 30
_RENEWAL_SECONDS: Final = 60
_FILE_FIELDS: Final = "id,name,size,md5Checksum,webViewLink,trashed"

T = TypeVar("T")
TokenSource = Callable[[SecretStr | None], Credential]
"""From the token Google rejected (None: none, it is due) to a credential that serves."""


class DriveRefused(CustodyError):
    """Drive said no for a reason that trying again does not mend: see `code`."""

    default_code = "drive_refused"


@dataclass(frozen=True, slots=True)
class About:
    """The account and its space in bytes; `limit` None: without limit."""

    address: SecretStr
    account_id: SecretStr
    usage: int
    limit: int | None

    @property
    def free(self) -> int | None:
        """Bytes left; None: without limit."""
        return None if self.limit is None else max(self.limit - self.usage, 0)


@dataclass(frozen=True, slots=True)
class DriveFile:
    """A file as Drive has it."""

    id: str
    name: str
    size: int
    md5: str
    link: str
    trashed: bool = False

    @classmethod
    def from_answer(cls, answer: Any) -> DriveFile:
        """From a files resource with the fields `_FILE_FIELDS`.

        Raises:
            TransientFault: it is none; Google's client gives what is not JSON as text.
        """
        if not isinstance(answer, dict) or "id" not in answer:
            raise _unreadable()
        return cls(
            id=answer["id"],
            name=answer.get("name", ""),
            size=int(answer.get("size", 0)),
            md5=answer.get("md5Checksum", ""),
            link=answer.get("webViewLink", ""),
            trashed=bool(answer.get("trashed", False)),
        )


class DriveApi:
    """Drive's service, built once from the description packaged with Google's client."""

    def __init__(self, endpoint: str, *, retries: int = 2) -> None:
        """
        Args:
            endpoint: the base of Google's API, e.g. https://www.googleapis.com
            retries: of small requests, after 5xx, rate limits and broken connections.
        """
        self._retries = retries
        document = json.loads(discovery_cache.get_static_doc("drive", "v3"))
        root = endpoint.rstrip("/") + "/"
        # `client_options.api_endpoint` would leave uploads on https://www.googleapis.com.
        document |= {"rootUrl": root, "baseUrl": root + document["servicePath"]}
        self._service = build_from_document(document, http=build_http())

    def of(self, tokens: TokenSource) -> Drive:
        """The Drive of whoever `tokens` belongs to. One thread at a time may use it."""
        return Drive(self._service, _authorized(tokens), self._retries)


class Drive:
    """One owner's Drive over connections of its own."""

    def __init__(
        self, service: Any, http: google_auth_httplib2.AuthorizedHttp, retries: int
    ) -> None:
        self.service = service
        self.http = http
        self._retries = retries

    def close(self) -> None:
        """Close the connections."""
        self.http.close()

    def about(self) -> About:
        """The account and its space; drive.file suffices for that."""
        answer = self._ask(self.service.about().get(fields="user,storageQuota"))
        quota = answer.get("storageQuota", {})
        return About(
            address=SecretStr(answer["user"].get("emailAddress", "")),
            account_id=SecretStr(answer["user"].get("permissionId", "")),
            usage=int(quota.get("usage", 0)),
            limit=int(quota["limit"]) if "limit" in quota else None,
        )

    def new_file_id(self) -> str:
        """An identifier for a file still to be made: a retry cannot make a second one."""
        answer = self._ask(self.service.files().generateIds(count=1, space="drive"))
        return str(answer["ids"][0])

    def find(self, file_id: str) -> DriveFile | None:
        """The file of this identifier, in the bin too; None: there is none."""
        try:
            answer = self._ask(self.service.files().get(fileId=file_id, fields=_FILE_FIELDS))
        except DriveRefused as refusal:
            if refusal.code == "file_gone":
                return None
            raise
        return DriveFile.from_answer(answer)

    def delete(self, file_id: str) -> None:
        """Delete a file the bot made; one that is not there is no error."""
        try:
            self._execute(self.service.files().delete(fileId=file_id))
        except DriveRefused as refusal:
            if refusal.code != "file_gone":
                raise

    def folder(self, name: str) -> str:
        """The identifier of the bot's folder of this name at the top, made where there is none.

        drive.file shows only what the bot made, so a folder of the user's own is never taken.
        """
        quoted = name.replace("\\", "\\\\").replace("'", "\\'")
        query = f"name = '{quoted}' and mimeType = '{FOLDER_TYPE}' and trashed = false"
        found = self._ask(
            self.service.files().list(
                q=query, fields="files(id)", orderBy="createdTime", pageSize=1, spaces="drive"
            )
        )
        if found.get("files"):
            return str(found["files"][0]["id"])
        body = {"id": self.new_file_id(), "name": name, "mimeType": FOLDER_TYPE}
        try:
            self._ask(self.service.files().create(body=body, fields="id"))
        except DriveRefused as refusal:
            # The answer to a first try was lost, and the connection's own retry met its result.
            if refusal.code != "exists":
                raise
        return body["id"]

    def creation(self, body: dict[str, Any], media: Any) -> Any:
        """The request that uploads `media` as a new file."""
        return self.service.files().create(body=body, media_body=media, fields=_FILE_FIELDS)

    def _execute(self, request: Any) -> Any:
        with translated():
            return request.execute(http=self.http, num_retries=self._retries)

    def _ask(self, request: Any) -> dict[str, Any]:
        answer = self._execute(request)
        if not isinstance(answer, dict):  # Google's client gives what is not JSON as text
            raise _unreadable()
        return answer


def _authorized(tokens: TokenSource) -> google_auth_httplib2.AuthorizedHttp:
    first = tokens(None)

    def handler(request: Any, scopes: Any) -> tuple[str, datetime]:
        # google-auth asks either because the time is over or because Google answered 401.
        rejected = None if credentials.expired else SecretStr(str(credentials.token))
        return _for_google(tokens(rejected))

    token, expiry = _for_google(first)
    credentials = Credentials(token=token, expiry=expiry, refresh_handler=handler)  # type: ignore[no-untyped-call]
    http = build_http()
    http.timeout = _TIMEOUT_SECONDS
    return google_auth_httplib2.AuthorizedHttp(credentials, http=http)


def _for_google(credential: Credential) -> tuple[str, datetime]:
    """Token and expiry as google-auth wants them: naive UTC.

    google-auth takes a token for expired some minutes early, and refuses one with less left. The
    custodian keeps the lead, so that threshold is added here and cancels out.
    """
    if credential.access_token is None or credential.expires_at is None:
        raise ConsentRequired("not connected", code="not_connected")
    expiry = credential.expires_at.astimezone(UTC).replace(tzinfo=None)
    return credential.access_token.get_secret_value(), expiry + _helpers.REFRESH_THRESHOLD


@contextmanager
def translated() -> Iterator[None]:
    """Turn what Google's client raises into the errors of this project."""
    try:
        yield
    except HttpError as error:
        raise _of_answer(error) from error
    except google.auth.exceptions.TransportError as error:
        raise TransientFault("Drive could not be reached") from error
    except google.auth.exceptions.RefreshError as error:
        raise TransientFault("the token ended while it was renewed") from error
    except TimeoutError as error:
        raise TransientFault("Drive did not answer in time", code="timeout") from error
    except (httplib2.HttpLib2Error, http.client.HTTPException, OSError) as error:
        raise TransientFault("Drive could not be reached") from error
    except UnicodeDecodeError as error:
        raise _unreadable() from error


def _unreadable() -> TransientFault:
    return TransientFault("Drive's answer could not be read", code="not_json")


def _of_answer(error: HttpError) -> CustodyError:
    # https://developers.google.com/workspace/drive/api/guides/handle-errors
    status, reason = int(error.resp.status), _reason(error)
    if status in (408, 429) or status >= 500:
        code = "rate_limited" if status == 429 else "unavailable"
        return TransientFault(f"Drive answered {status}", code=code)
    if status == 401:
        return ConsentRequired("Drive does not accept the token", code="invalid_grant")
    if status == 409:
        return DriveRefused("there is a file of this identifier", code="exists")
    if status == 404:
        return DriveRefused("there is no such file", code="file_gone")
    if reason in ("rateLimitExceeded", "userRateLimitExceeded", "dailyLimitExceeded"):
        return TransientFault("Drive asks for patience", code="rate_limited")
    if reason in ("storageQuotaExceeded", "quotaExceeded"):
        return DriveRefused("the Drive is full", code="quota_exceeded")
    if reason in ("accessNotConfigured", "SERVICE_DISABLED"):
        return OperatorFault(
            "the Google Drive API is not enabled in the Cloud project", code="api_disabled"
        )
    if reason in ("insufficientPermissions", "insufficientScopes"):
        return ConsentRequired("the grant lacks drive.file", code="scope_missing")
    return DriveRefused(f"Drive answered {status}")


def _reason(error: HttpError) -> str:
    try:
        details = json.loads(error.content)["error"]
        return str(details["errors"][0]["reason"])
    except (ValueError, LookupError, TypeError):
        return ""


class Drives:
    """Drive calls off the event loop: every call runs in a thread of this pool's own."""

    def __init__(self, api: DriveApi, custodian: Custodian, *, threads: int) -> None:
        self._api = api
        self._custodian = custodian
        self._threads = Threads(threads, "drive")

    async def run(self, owner: Owner, work: Callable[[Drive], T]) -> T:
        """`work` on the owner's Drive.

        Raises:
            CustodyError: in all its kinds; nothing else that Google's client raises.
        """
        loop = asyncio.get_running_loop()
        # Asked before a thread is taken: an owner without a credential costs none.
        first = await self._custodian.access_token(owner)

        def tokens(rejected: SecretStr | None) -> Credential:
            if rejected is None and first.is_fresh(datetime.now(UTC)):
                return first
            renewal = self._custodian.access_token(owner, rejected=rejected)
            return asyncio.run_coroutine_threadsafe(renewal, loop).result(_RENEWAL_SECONDS)

        return await self._call(tokens, work)

    async def account(self, access_token: SecretStr) -> GoogleAccount:
        """Who granted a token that is not anybody's credential yet."""

        def tokens(rejected: SecretStr | None) -> Credential:
            if rejected is not None:
                raise ConsentRequired("the new token is not accepted", code="invalid_grant")
            return Credential(
                owner=Owner.parse("department:consent"),
                client_id="",
                refresh_token=None,
                access_token=access_token,
                expires_at=datetime.now(UTC) + timedelta(minutes=10),
            )

        about = await self._call(tokens, Drive.about)
        return GoogleAccount(address=about.address, id=about.account_id)

    async def _call(self, tokens: TokenSource, work: Callable[[Drive], T]) -> T:
        def call() -> T:
            drive = self._api.of(tokens)
            try:
                return work(drive)
            finally:
                drive.close()

        return await self._threads.run(call)

    async def close(self, seconds: float = 0.5) -> None:
        """Begin nothing more, and wait that long for what is under way."""
        await self._threads.close(seconds)
