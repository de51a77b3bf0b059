"""``GoogleControls``: the Google side and the faults, driven from tests and scripts.

It stands for the person in front of Google's pages, and for whoever breaks things on purpose. It
uses nothing but the sandbox's HTTP, so it works across processes.
"""

from __future__ import annotations

from typing import Any, Self
from urllib.parse import parse_qs, urlsplit, urlunsplit

import aiohttp

IDENTITY = frozenset({"openid", "email", "profile"})
DRIVE_FILE = "https://www.googleapis.com/auth/drive.file"
CONTROL = "/sandbox/control"


class ControlError(Exception):
    """The sandbox refused; the message holds its answer."""


class GoogleControls:
    """``async with GoogleControls(sandbox.url) as google: await google.revoke("amy@…")``."""

    def __init__(self, url: str, session: aiohttp.ClientSession | None = None):
        self.url = url.rstrip("/")
        self._session = session
        self._own = session is None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection pool, if it is this object's own."""
        if self._own and self._session is not None:
            await self._session.close()
            self._session = None

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession()
        return self._session

    async def _json(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        async with self._client().request(
            method, f"{self.url}{CONTROL}{path}", json=body
        ) as response:
            if response.status >= 400:
                raise ControlError(f"{response.status}: {await response.text()}")
            found: dict[str, Any] = await response.json()
            return found

    # The person in front of Google's pages

    async def approve_device(
        self, user_code: str, account: str, allow: bool = True, *, grant_drive: bool = True
    ) -> None:
        """Type a device code, choose an account, and decide."""
        async with self._client().post(
            f"{self.url}/device", data={"user_code": user_code}, allow_redirects=False
        ) as response:
            if response.status != 303:
                raise ControlError(f"{response.status}: the code is not accepted")
        form = {
            "user_code": user_code,
            "account": account,
            "decision": "allow" if allow else "cancel",
        }
        if grant_drive:
            form["scope"] = DRIVE_FILE
        async with self._client().post(
            f"{self.url}/device/consent", data=form, allow_redirects=False
        ) as response:
            if response.status != 200:
                raise ControlError(f"{response.status}: {await response.text()}")

    async def consent(
        self, auth_url: str, account: str, allow: bool = True, grant_drive: bool = True
    ) -> str:
        """Open an authorisation address and decide; the address Google redirects to, not opened."""
        async with self._client().get(auth_url) as page:
            if page.status != 200:
                raise ControlError(f"{page.status}: {await page.text()}")
        parts = urlsplit(auth_url)
        asked = parse_qs(parts.query).get("scope", [""])[0].split()
        form = [("account", account), ("decision", "allow" if allow else "cancel")]
        form += [
            ("scope", scope)
            for scope in asked
            if scope not in IDENTITY and (grant_drive or "/auth/drive" not in scope)
        ]
        target = urlunsplit(parts._replace(path="/o/oauth2/v2/consent"))
        async with self._client().post(target, data=form, allow_redirects=False) as answer:
            if answer.status != 302:
                raise ControlError(f"{answer.status}: {await answer.text()}")
            return answer.headers["Location"]

    # What goes wrong

    async def fault(self, target: str, kind: str, **options: Any) -> str:
        """Order a failure; its id. Options: count (1), skip, owner, status, seconds, …"""
        body = {"target": target, "kind": kind, **options}
        return str((await self._json("POST", "/faults", body))["id"])

    async def faults(self) -> list[dict[str, Any]]:
        """All rules, with their hits."""
        found: list[dict[str, Any]] = (await self._json("GET", "/faults"))["faults"]
        return found

    async def clear_faults(self) -> None:
        """No more failures."""
        await self._json("DELETE", "/faults")

    async def rate(self, target: str, bytes_per_second: float | None) -> None:
        """Limit the speed of matching requests; None lifts the limit."""
        await self._json(
            "POST", "/rate", {"target": target, "bytes_per_second": bytes_per_second or 0}
        )

    # What happens to credentials and files

    async def act(self, action: str, **options: Any) -> dict[str, Any]:
        """Any action of ``sandbox/google/actions.py``."""
        return await self._json("POST", f"/google/{action}", options)

    async def revoke(self, account: str) -> None:
        """The account's owner takes the app's access away."""
        await self.act("revoke", account=account)

    async def expire_access_tokens(self, account: str | None = None) -> int:
        """Access tokens end now."""
        return int((await self.act("expire_access_tokens", account=account))["expired"])

    async def forget_sessions(self, account: str | None = None) -> int:
        """Unfinished upload sessions are lost."""
        return int((await self.act("forget_sessions", account=account))["forgotten"])

    async def set_quota(
        self, account: str, limit: int | None = None, used: int | None = None
    ) -> None:
        """Storage in bytes: in all, and taken by other things than Drive's files."""
        await self.act("set_quota", account=account, limit=limit, used=used)

    async def device_interval(self, seconds: float) -> None:
        """Seconds between polls, for device codes given out from now on."""
        await self.act("device_interval", seconds=seconds)

    # What there is to see

    async def state(self) -> dict[str, Any]:
        """Accounts, grants, files, counts."""
        return await self._json("GET", "/google/state")

    async def files(self, account: str) -> list[dict[str, Any]]:
        """The account's files and folders."""
        found: list[dict[str, Any]] = (await self.state())["files"].get(account, [])
        return found

    async def file_bytes(self, file_id: str) -> bytes:
        """A file's content."""
        async with self._client().get(f"{self.url}{CONTROL}/google/file/{file_id}") as response:
            if response.status != 200:
                raise ControlError(f"{response.status}: no such file")
            return await response.read()

    async def calls(self) -> dict[str, Any]:
        """``counts`` by operation, and ``calls``: the last thousand."""
        return await self._json("GET", "/calls")

    async def forget_calls(self) -> None:
        """Start counting anew."""
        await self._json("DELETE", "/calls")
