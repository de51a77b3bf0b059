"""Hands for the tests of Google's half: raw HTTP, and Google's own client."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import aiohttp
import google_auth_httplib2
import googleapiclient
from google.oauth2.credentials import Credentials
from googleapiclient.discovery import build_from_document
from googleapiclient.http import build_http

from sandbox.clients.google_controls import DRIVE_FILE, GoogleControls
from sandbox.server import Sandbox

AMY, BEN = "amy@example.com", "ben@example.com"
REDIRECT = "http://127.0.0.1:8080/api/auth/google/callback"
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
FOLDER = "application/vnd.google-apps.folder"
BLOCK = 256 * 1024
VERIFIER = "v" * 64
CHALLENGE = (
    base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
)


@dataclass
class Reply:
    """A finished answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    @property
    def reason(self) -> str:
        """Drive's reason for a refusal."""
        return str(self.json["error"]["errors"][0]["reason"])


class Kit:
    """One sandbox and the ways to talk to it."""

    def __init__(self, sandbox: Sandbox, google: GoogleControls, http: aiohttp.ClientSession):
        self.sandbox, self.google, self.http = sandbox, google, http
        self.url = sandbox.url
        self.client = {
            "client_id": sandbox.config.client_id,
            "client_secret": sandbox.config.client_secret,
        }

    async def ask(self, method: str, path: str, **options: Any) -> Reply:
        """Any request; redirects are not followed."""
        url = path if path.startswith("http") else self.url + path
        options.setdefault("allow_redirects", False)
        async with self.http.request(method, url, **options) as response:
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Reply(response.status, headers, await response.read())

    async def token(self, **form: str) -> Reply:
        """POST /token with the client's id and secret."""
        return await self.ask("POST", "/token", data={**self.client, **form})

    async def refresh(self, token: str) -> Reply:
        """Refresh an access token."""
        return await self.token(grant_type="refresh_token", refresh_token=token)

    def auth_url(self, **changes: str | None) -> str:
        """An authorisation address; None leaves a parameter out."""
        query: dict[str, str | None] = {
            "client_id": self.client["client_id"],
            "redirect_uri": REDIRECT,
            "response_type": "code",
            "scope": DRIVE_FILE,
            "access_type": "offline",
            "prompt": "consent",
            "state": "st/ate&1",
            **changes,
        }
        given = {key: value for key, value in query.items() if value is not None}
        return f"{self.url}/o/oauth2/v2/auth?{urlencode(given)}"

    async def code(self, account: str = AMY, **changes: str | None) -> str:
        """A code, after consent."""
        return answer_of(await self.google.consent(self.auth_url(**changes), account))["code"]

    async def exchange(self, code: str, **changes: str) -> Reply:
        """Code for tokens."""
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT}
        return await self.token(**{**form, **changes})

    async def connect(self, account: str = AMY, **changes: str | None) -> dict[str, Any]:
        """Tokens of an account that has consented."""
        reply = await self.exchange(await self.code(account, **changes))
        assert reply.status == 200, reply.text
        tokens: dict[str, Any] = reply.json
        return tokens

    async def bearer(self, account: str = AMY) -> Drive:
        """Raw access to an account's Drive."""
        return Drive(self, (await self.connect(account))["access_token"])

    async def start_device(self, **changes: str) -> dict[str, Any]:
        """A device code."""
        form = {"client_id": self.client["client_id"], "scope": DRIVE_FILE, **changes}
        reply = await self.ask("POST", "/device/code", data=form)
        assert reply.status == 200, reply.text
        answer: dict[str, Any] = reply.json
        return answer

    async def poll(self, device_code: str) -> Reply:
        """Ask whether the person has decided."""
        return await self.token(grant_type=DEVICE_GRANT, device_code=device_code)


class Drive:
    """Drive over raw HTTP with one access token."""

    def __init__(self, kit: Kit, token: str):
        self.kit, self.token = kit, token
        self.headers = {"Authorization": f"Bearer {token}"}

    async def ask(self, method: str, path: str, **options: Any) -> Reply:
        """A request with the token."""
        headers = {**self.headers, **options.pop("headers", {})}
        return await self.kit.ask(method, path, headers=headers, **options)

    async def create(self, query: str = "", **metadata: Any) -> Reply:
        """files.create without content."""
        return await self.ask("POST", f"/drive/v3/files{query}", json=metadata)

    async def folder(self, name: str = "Telegram", **metadata: Any) -> str:
        """A folder's id."""
        return str((await self.create(name=name, mimeType=FOLDER, **metadata)).json["id"])

    async def upload(self, content: bytes, name: str = "x.bin", **metadata: Any) -> dict[str, Any]:
        """A small file, in one chunk."""
        octets = "application/octet-stream"
        location = await self.session(len(content), "*", octets, name=name, **metadata)
        reply = await self.ask("PUT", location, data=content)
        assert reply.status == 200, reply.text
        found: dict[str, Any] = reply.json
        return found

    async def listed(self, **query: str) -> Reply:
        """files.list."""
        return await self.ask("GET", "/drive/v3/files", params=query)

    async def names(self, q: str) -> list[str]:
        """The names that a query finds, sorted."""
        reply = await self.listed(q=q)
        assert reply.status == 200, reply.text
        return sorted(file["name"] for file in reply.json["files"])

    async def session(
        self,
        size: int | None,
        fields: str = "id,size,md5Checksum",
        content_type: str = "application/pdf",
        **metadata: Any,
    ) -> str:
        """The address of a new resumable session."""
        headers = {"X-Upload-Content-Type": content_type}
        if size is not None:
            headers["X-Upload-Content-Length"] = str(size)
        reply = await self.ask(
            "POST",
            f"/upload/drive/v3/files?uploadType=resumable&fields={fields}",
            json={"name": "big.pdf", **metadata},
            headers=headers,
        )
        assert reply.status == 200, reply.text
        return reply.headers["location"]

    async def put(self, location: str, content: bytes, start: int, total: int | str) -> Reply:
        """One chunk."""
        span = f"bytes {start}-{start + len(content) - 1}/{total}"
        return await self.ask("PUT", location, data=content, headers={"Content-Range": span})

    async def offset(self, location: str, total: int | str = "*") -> Reply:
        """How much has arrived?"""
        headers = {"Content-Range": f"bytes */{total}", "Content-Length": "0"}
        return await self.ask("PUT", location, headers=headers)


def answer_of(redirect: str) -> dict[str, str]:
    """The parameters of a redirect."""
    return {key: values[0] for key, values in parse_qs(urlsplit(redirect).query).items()}


def drive_client(url: str, token: str) -> Any:
    """Google's own Drive client, pointed at the sandbox."""
    package = Path(googleapiclient.__file__).parent
    document = json.loads(
        (package / "discovery_cache/documents/drive.v3.json").read_text(encoding="utf-8")
    )
    document["rootUrl"] = f"{url}/"
    document.pop("mtlsRootUrl", None)
    credentials = Credentials(token)  # type: ignore[no-untyped-call]
    http = google_auth_httplib2.AuthorizedHttp(credentials, http=build_http())
    return build_from_document(document, http=http)


async def in_pieces(content: bytes, size: int = 10_000) -> AsyncIterator[bytes]:
    """A body that comes in pieces, without a Content-Length."""
    for start in range(0, len(content), size):
        yield content[start : start + size]
