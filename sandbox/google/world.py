"""Google, as far as the sandbox plays it: accounts, grants, files, and the clock they live by."""

from __future__ import annotations

import json
import secrets
import time
from pathlib import Path
from typing import Any

from aiohttp import web

from sandbox import operations
from sandbox.google import state
from sandbox.google.drive.files import FileStore
from sandbox.google.drive.shared_drives import SharedDrive
from sandbox.google.model import Account, AuthCode, DeviceCode, OAuthClient, RefreshToken
from sandbox.google.oauth.grants import Grants
from sandbox.google.oauth.service_accounts import ServiceAccounts
from sandbox.google.sheets.store import SheetStore
from sandbox.google.uploads.sessions import SessionStore

_ACCOUNTS = (
    ("amy@example.com", "Amy Lin"),
    ("ben@example.com", "Ben Carter"),
    ("chen@example.com", "陳小明"),
    ("dora@example.com", "Dora Wang"),
)


class GoogleWorld:
    """All state of Google's half; what is large lies under ``folder / "google"``."""

    def __init__(
        self,
        folder: Path,
        *,
        client_id: str,
        client_secret: str,
        keeps_bytes: bool = True,
    ):
        self.folder = folder / "google"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.public_url: str | None = None
        self.clock_offset = 0.0
        self.accounts: dict[str, Account] = {}
        self.shared_drives: dict[str, SharedDrive] = {}
        self.grants = Grants(self.now)
        self.service_accounts = ServiceAccounts(self.grants, self.now)
        self.sheets = SheetStore(self.now)
        self.files = FileStore(self.folder / "blobs", self.now, keeps_bytes=keeps_bytes)
        self.sessions = SessionStore(self.folder / "sessions", self.now, keeps_bytes=keeps_bytes)
        self._state_path = self.folder / "state.json"
        self._next_save = time.monotonic() + state.SAVE_EVERY
        state.load(self, self._state_path)
        self.grants.clients[client_id] = OAuthClient(client_id, client_secret)
        for email, name in _ACCOUNTS:
            self.account(email, name)

    def now(self) -> float:
        """Google's time: the machine's, plus what a test has added."""
        return time.time() + self.clock_offset

    def account(self, email: str, name: str | None = None) -> Account:
        """The account of this address; made when first named."""
        account = self.account_to_show(email, name)
        return self.accounts.setdefault(account.email, account)

    def account_to_show(self, email: str, name: str | None = None) -> Account:
        """The account of this address for a page that shows it: known, or made up and not kept."""
        key = email.strip().lower()
        if "@" not in key:
            key += "@example.com"
        if key in self.accounts:
            return self.accounts[key]
        shown = name or key.split("@")[0].replace(".", " ").title()
        number = f"{secrets.randbelow(10**20):020}"
        return Account(key, shown, number, f"0A{secrets.token_urlsafe(10)[:12]}Uk9PVA")

    def drive_of(self, folder_id: str) -> str:
        """The shared drive that a folder is, or lies in; "": somebody's own Drive."""
        if folder_id in self.shared_drives:
            return folder_id
        folder = self.files.get(folder_id)
        return folder.drive_id if folder is not None else ""

    def first_shared_drive(self, account: str, name: str = "Team") -> SharedDrive:
        """A shared drive the account is a member of: the first, or a new one that it manages."""
        mine = (one for one in self.shared_drives.values() if account in one.roles)
        found = next(mine, None)
        if found is None:
            found = SharedDrive(f"0A{secrets.token_urlsafe(10)[:12]}Uk9PVA", name)
            found.roles[account] = "organizer"
            self.shared_drives[found.id] = found
        return found

    def check_role(self, account: str, drive_id: str, action: str) -> None:
        """Refuse what the account may not do there; in its own Drive it may do everything."""
        if drive_id:
            self.shared_drives[drive_id].check_role(account, action)

    def usage(self, account: Account) -> int:
        """Bytes of an account that are taken, by Drive's files and by other things."""
        return account.other_usage + self.files.usage(account.email)

    def fits(self, account: Account, size: int, *, replaced: int = 0) -> bool:
        """Whether the account has room for ``size`` more bytes."""
        return self.usage(account) - replaced + size <= account.limit

    def origin(self, request: web.Request) -> str:
        """The origin for links that people open."""
        return self.public_url or f"{request.scheme}://{request.host}"

    async def owner_of(self, request: web.Request) -> str | None:
        """Whose call this is, before it is handled; for faults restricted to one account."""
        header, grants = request.headers.get("Authorization", ""), self.grants
        if header[:7].lower() == "bearer ":
            return grants.account_of(header[7:].strip())
        if request.path not in ("/token", "/revoke"):
            return None
        form = (await request.post()) if request.method == "POST" else {}
        if request.path == "/revoke":
            return grants.account_of(str(request.query.get("token") or form.get("token", "")))
        known: RefreshToken | DeviceCode | AuthCode | None
        match form.get("grant_type"):
            case operations.SERVICE_GRANT:
                return self.service_accounts.issuer_of(str(form.get("assertion", "")))
            case "refresh_token":
                known = grants.refresh.get(str(form.get("refresh_token", "")))
            case operations.DEVICE_GRANT:
                known = grants.devices.get(str(form.get("device_code", "")))
            case _:
                known = grants.codes.get(str(form.get("code", "")))
        return known.account if known else None

    def note_change(self) -> None:
        """Note that the state has changed; it is written down now and then, and at the end."""
        if time.monotonic() > self._next_save:
            self.save()

    def save(self) -> None:
        """Write the state down, so that a restarted sandbox knows its people again."""
        started = time.monotonic()
        body = json.dumps(state.dump(self), ensure_ascii=False)
        temporary = self._state_path.with_suffix(".tmp")
        temporary.write_text(body, encoding="utf-8")
        temporary.replace(self._state_path)
        took = time.monotonic() - started
        self._next_save = time.monotonic() + max(state.SAVE_EVERY, took / state.SAVE_SHARE)

    def summary(self) -> dict[str, Any]:
        """The state as tests and the control panel look at it."""
        grants = self.grants
        return {
            "accounts": [
                {
                    "email": account.email,
                    "name": account.name,
                    "limit": account.limit,
                    "link_sharing": account.link_sharing,
                    "used": self.usage(account),
                }
                for account in self.accounts.values()
            ],
            "grants": {
                email: {
                    "count": grants.live_count(email),
                    "created": consent.created,
                    "scopes": consent.scopes,
                }
                for email, consent in grants.consents.items()
            },
            "files": {
                email: [self.files.summary_of(file) for file in self.files.of(email)]
                for email in self.accounts
            },
            "shared_drives": [vars(drive) for drive in self.shared_drives.values()],
            "refreshes": dict(grants.refreshes),
            "clients": {client.client_id: client.state for client in grants.clients.values()},
            "sessions": len(self.sessions),
            "service_accounts": self.service_accounts.summary(),
            "sheets": self.sheets.summary(),
            "rotate_refresh_tokens": grants.rotate,
            "testing_mode": grants.testing,
            "device_interval": grants.device_interval,
        }
