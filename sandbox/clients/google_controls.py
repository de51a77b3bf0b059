"""``GoogleControls``: the Google side and the faults, driven from tests and scripts.

It stands for the person in front of Google's pages, and for whoever breaks things on purpose. It
uses nothing but the sandbox's HTTP, so it works across processes.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit, urlunsplit

from sandbox.clients.connection import Connection, Json, SandboxError

IDENTITY = frozenset({"openid", "email", "profile"})
DRIVE_FILE = "https://www.googleapis.com/auth/drive.file"


class GoogleControls(Connection):
    """``async with GoogleControls(sandbox.url) as google: await google.revoke("amy@…")``."""

    api = "/sandbox/control"

    # The person in front of Google's pages

    async def approve_device(
        self, user_code: str, account: str, allow: bool = True, *, grant_drive: bool = True
    ) -> None:
        """Type a device code, choose an account, and decide."""
        form = {"user_code": user_code}
        await self._visit("POST", f"{self.base_url}/device", 303, data=form)
        form |= {"account": account, "decision": "allow" if allow else "cancel"}
        form |= {"scope": DRIVE_FILE} if grant_drive else {}
        await self._visit("POST", f"{self.base_url}/device/consent", 200, data=form)

    async def consent(
        self, auth_url: str, account: str, allow: bool = True, grant_drive: bool = True
    ) -> str:
        """Open an authorisation address and decide; the address Google redirects to, not opened."""
        await self._visit("GET", auth_url, 200, allow_redirects=True)
        parts = urlsplit(auth_url)
        asked = parse_qs(parts.query).get("scope", [""])[0].split()
        form = [("account", account), ("decision", "allow" if allow else "cancel")]
        form += [
            ("scope", scope)
            for scope in asked
            if scope not in IDENTITY and (grant_drive or "/auth/drive" not in scope)
        ]
        target = urlunsplit(parts._replace(path="/o/oauth2/v2/consent"))
        return await self._visit("POST", target, 302, data=form)

    async def _visit(self, verb: str, url: str, status: int, **options: Any) -> str:
        """Open a page that has to answer with this status; where it leads on to, or ""."""
        options.setdefault("allow_redirects", False)
        async with self.session.request(verb, url, **options) as answer:
            if answer.status != status:
                raise SandboxError(f"{answer.status}: {await answer.text()}")
            return answer.headers.get("Location", "")

    # What goes wrong

    async def fault(self, target: str, kind: str, **options: Any) -> str:
        """Order a failure; return its id. Options: count (1), skip, owner, status, seconds, …"""
        body = {"target": target, "kind": kind, **options}
        return str((await self.ask("POST", "/faults", body))["id"])

    async def faults(self) -> list[Json]:
        """Return all rules, with their hits."""
        found: list[Json] = (await self.ask("GET", "/faults"))["faults"]
        return found

    async def clear_fault(self, fault_id: str) -> None:
        """Take back one failure that was ordered: what it holds back goes on."""
        await self.ask("DELETE", f"/faults/{fault_id}")

    async def clear_faults(self) -> None:
        """Take back every failure that was ordered."""
        await self.ask("DELETE", "/faults")

    async def rate(self, target: str, bytes_per_second: float | None) -> None:
        """Limit the speed of matching requests; None lifts the limit."""
        await self.ask(
            "POST", "/rate", {"target": target, "bytes_per_second": bytes_per_second or 0}
        )

    # What happens to credentials and files

    async def act(self, action: str, **options: Any) -> Json:
        """Do one of the actions of ``sandbox/google/actions.py``."""
        return await self.ask("POST", f"/google/{action}", options)

    async def revoke(self, account: str) -> None:
        """Take the app's access away, as the account's owner does."""
        await self.act("revoke", account=account)

    async def expire_access_tokens(self, account: str | None = None) -> int:
        """Let access tokens expire now, of one account or all; return how many."""
        return int((await self.act("expire_access_tokens", account=account))["expired"])

    async def forget_sessions(self, account: str | None = None) -> int:
        """Lose unfinished upload sessions, of one account or all; return how many."""
        return int((await self.act("forget_sessions", account=account))["forgotten"])

    async def set_quota(
        self, account: str, limit: int | None = None, used: int | None = None
    ) -> None:
        """Set an account's bytes of storage: in all, and taken by others than Drive's files."""
        await self.act("set_quota", account=account, limit=limit, used=used)

    async def device_interval(self, seconds: float) -> None:
        """Set the seconds between polls, for device codes given out from now on."""
        await self.act("device_interval", seconds=seconds)

    # What there is to see

    async def state(self) -> Json:
        """Return Google's state: accounts, grants, files, counts."""
        return await self.ask("GET", "/google/state")

    async def files(self, account: str) -> list[Json]:
        """Return the account's files and folders."""
        found: list[Json] = (await self.state())["files"].get(account, [])
        return found

    async def file_bytes(self, file_id: str) -> bytes:
        """Return a file's content."""
        async with self.session.get(f"{self.base_url}{self.api}/google/file/{file_id}") as response:
            if response.status != 200:
                raise SandboxError(f"{response.status}: no such file")
            return await response.read()

    async def calls(self) -> Json:
        """Return what was called: ``counts`` by operation, and ``calls``, the last thousand."""
        return await self.ask("GET", "/calls")

    async def forget_calls(self) -> None:
        """Forget the calls so far, and count anew."""
        await self.ask("DELETE", "/calls")
