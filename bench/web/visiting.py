"""Somebody who goes everywhere: every route that departments have, as its visitors ask it."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from bench.report import Wrong
from sandbox.clients.google_controls import GoogleControls

ACCOUNT: Final = "office@example.com"
_ASK: Final = {"department": "tanhae"}
_CSRF: Final = re.compile(r'name="csrf" value="([^"]+)"')
_STATIC: Final = re.compile(r'"(/static/[^"]+)"')
_PAGES: Final = (
    *("/", "/healthz", "/console/enter", "/settings/google", "/settings/google/live"),
    *("/console", "/console/live", "/console/incidents", "/console/quarantine"),
    *("/console/processes", "/console/computers", "/console/audit", "/console/audit.csv"),
    *("/api/docs", "/api/openapi.json", "/api/google/status", "/api/clients"),
)
_FORMS: Final[tuple[tuple[str, dict[str, str]], ...]] = (
    ("/settings/google/authorize", {}),
    ("/settings/google/account", {"choice": "keep", "consent": "none"}),
    ("/settings/google/clients", {"label": "Desk 2"}),
    ("/settings/google/clients/drop", {}),
    ("/settings/google/clients/revoke", {"client": "none"}),
    ("/settings/google/clients/unblock", {"client": "none"}),
    ("/console/quarantine/restore", {"which": "none"}),
    ("/console/quarantine/purge", {"which": "none", "confirm": "none"}),
    ("/console/quarantine/held", {}),
    ("/console/computers/revoke", {"client": "none"}),
    ("/console/computers/unblock", {"client": "none"}),
    ("/console/computers/dismiss", {"alarm": "none"}),
    ("/settings/google/revoke", {}),
)
"""What they are about is not there, mostly: that is said, and nothing changes."""


class Visitor:
    """An administrator, and a computer of theirs."""

    def __init__(self, http: httpx.AsyncClient, google: GoogleControls) -> None:
        self._http = http
        self._google = google
        self.asked = 0
        self.routes: set[str] = set()
        """What was asked, as `METHOD /path/{name}`."""
        self._numbers = itertools.count()

    async def ask(
        self,
        method: str,
        path: str,
        named: dict[str, str] | None = None,
        *,
        refused: int = 0,
        **options: Any,
    ) -> httpx.Response:
        """One request, and its answer.

        Args:
            path: its blanks are filled by `named`.
            refused: the status that it is refused with; 0: it is not.

        Raises:
            Wrong: it is refused, or not as was expected.
        """
        self.asked += 1
        self.routes.add(f"{method} {path}")
        answer = await self._http.request(method, path.format(**(named or {})), **options)
        if answer.status_code != refused if refused else answer.status_code >= 400:
            raise Wrong(f"{method} {path}: {answer.status_code} {answer.text[:500]}")
        return answer

    async def sign_in(self, link: str) -> None:
        """By a link, which has the operator's name."""
        named = {"code": urlsplit(link).path.rpartition("/")[2]}
        await self.ask("GET", "/console/enter/{code}", named)
        answer = await self.ask("POST", "/console/enter/{code}", named)
        # It is for https alone, but browsers keep it on localhost too.
        cookie = answer.headers["Set-Cookie"].partition(";")[0]
        self._http.headers["Cookie"] = cookie

    async def authorise(self) -> None:
        """Have the department authorised, by ACCOUNT."""
        asked = await self.ask("GET", "/api/google/auth-url", params=_ASK)
        back = await self._google.consent(asked.json()["auth_url"], ACCOUNT)
        await self.ask("GET", urlsplit(back).path, params=urlsplit(back).query)

    async def pairing_code(self, may: Sequence[str]) -> str:
        """For a computer that may do this."""
        new = {**_ASK, "label": "Desk 1", "may": list(may)}
        made = await self.ask("POST", "/api/clients/pairing-codes", json=new)
        return str(made.json()["code"])

    async def leave(self, path: str) -> None:
        """Sign out."""
        await self.ask("POST", path, data={"csrf": await self._csrf()})

    async def go_round(self) -> None:
        """Ask for everything else once."""
        await self.authorise()
        for path in _PAGES:
            await self.ask("GET", path)
        page = await self.ask("GET", "/settings/google")
        for address in sorted(set(_STATIC.findall(page.text))):
            _, _, digest, name = address.split("/")
            named = {"digest": digest, "name": name}
            await self.ask("GET", "/static/{digest}/{name}", named)
        await self._have_a_computer()
        await self.ask("DELETE", "/api/google/authorization", params=_ASK)
        await self.authorise()
        for path, fields in _FORMS:
            await self.ask("POST", path, data={**_ASK, **fields, "csrf": await self._csrf()})

    async def go_round_sheets(self) -> None:
        """Ask for everything about a department's roster that was read once."""
        path, named = "/api/sheets/{department}/{name}", {"department": "tanhae", "name": "roster"}
        await self.ask("POST", f"{path}/sync", named, json={})
        for below in ("", "/shifts", "/versions"):
            await self.ask("GET", f"{path}{below}", named)
        await self.ask("GET", f"{path}/diff", named, refused=404)
        none = {"version": "20261130-000000"}
        for below in ("/accept", "/keep"):
            await self.ask("POST", f"{path}{below}", named, refused=409, json=none)
        await self.ask("GET", "/settings/sheets")
        page = "/settings/sheets/{department}/{name}"
        await self.ask("GET", page, named)
        for below in ("/sync", "/accept", "/keep"):
            await self.ask("POST", f"{page}{below}", named, data={"csrf": await self._csrf()})
        await self.ask("GET", "/calendar/{address}", {"address": f"{'x' * 43}.ics"}, refused=404)

    async def _have_a_computer(self) -> None:
        new = {**_ASK, "label": "Desk 1", "may": ["upload", "token"]}
        added = (await self.ask("POST", "/api/clients", json=new)).json()
        code = await self.pairing_code(("upload", "token"))
        await self.ask("POST", "/api/clients/pair", json={"code": code})
        number = next(self._numbers)
        its: dict[str, Any] = {
            "headers": {"Authorization": f"Bearer {added['key']}", "Idempotency-Key": f"{number}"},
            "params": _ASK,
        }
        await self.ask("POST", "/api/google/get-access-token", **its)
        await self.ask("GET", "/api/google/status", **its)
        content = f"%PDF-1.7 {number}".encode()
        md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
        file = {"name": f"{number}.pdf", "size": len(content), "md5": md5}
        file["mime"] = "application/pdf"
        path = "/api/google/upload-sessions"
        session = (await self.ask("POST", path, json=file, **its)).json()["session_url"]
        async with httpx.AsyncClient() as drive:
            (await drive.put(session, content=content)).raise_for_status()
        await self.ask("GET", path, **its)
        named = {"id": added["client"]["id"]}
        await self.ask("POST", "/api/clients/{id}/unblock", named)
        await self.ask("DELETE", "/api/clients/{id}", named)

    async def _csrf(self) -> str:
        page = await self._http.get("/settings/google")
        found = _CSRF.search(page.text)
        if found is None:
            raise Wrong(f"a page without a form: {page.status_code}")
        return found[1]


@asynccontextmanager
async def visitor(url: str, google: str) -> AsyncIterator[Visitor]:
    """Of the site at `url`; Google is the sandbox's."""
    headers = {"Sec-Fetch-Site": "same-origin"}
    async with (
        httpx.AsyncClient(base_url=url, headers=headers, timeout=30) as http,
        GoogleControls(google) as controls,
    ):
        yield Visitor(http, controls)
