"""Who may what: every route, asked by everybody. A route without a row here fails."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

import httpx
import pytest
from starlette.routing import Route

from departments.administrators import who
from departments.names import Department
from tests.web.kit import TANHAE, RunningWeb
from web.departments import create_departments_app, signed_in_of

pytestmark = [pytest.mark.encryption("on"), pytest.mark.one_way("on")]
ANPING: Final = Department("anping", "安坑")
FILLED: Final = {
    **{"id": "0123456789ab", "digest": "x", "code": "x" * 43},
    **{"department": "tanhae", "name": "roster", "address": f"{'x' * 43}.ics"},
}
ROLES: Final = (
    *("nobody", "administrator", "administrator elsewhere", "no more an administrator"),
    *("token", "upload", "other department", "revoked", "unknown key"),
)
"""elsewhere: the same session, asked by a page of another site."""
KEYS: Final = frozenset({"token", "upload", "other department", "revoked", "unknown key"})
NOBODIES: Final = dict.fromkeys(("nobody", "no more an administrator"), 401)
A: Final = {**NOBODIES, **dict.fromkeys(KEYS, 403), "revoked": 401, "unknown key": 401}
"""For administrators alone; a computer that is known may not."""
CHANGE: Final = {**A, "administrator elsewhere": 403}
"""So it is, and asked for on this site's own pages."""
C: Final = {
    **NOBODIES,
    **dict.fromkeys(("administrator", "administrator elsewhere", "revoked", "unknown key"), 401),
}
"""For computers alone; a session is no key."""
PAGE: Final = dict.fromkeys(A, 303)
"""As A, of a page: whoever is not signed in is led to where it is said how."""
FORM: Final = {**PAGE, "administrator": 403, "administrator elsewhere": 403}
"""A page's button; without the session's token, as here, it is nobody's."""
ALL: Final[dict[str, int]] = {}
"""For everybody."""
ASK: Final = {"params": {"department": "tanhae"}}
NEW: Final = {"json": {"department": "tanhae", "label": "x", "may": ["upload"]}}

FILE: Final = {
    **ASK,
    "headers": {"Idempotency-Key": "1"},
    "json": {"name": "a.pdf", "size": 1, "md5": "0" * 32, "mime": "application/pdf"},
}

DECIDED: Final = {"json": {"version": "20261130-062010", "period": "2026-12"}}
BOTH: Final = {**NOBODIES, "revoked": 401, "unknown key": 401, "other department": 403}
"""For administrators, and for computers of that department."""

TABLE: Final[dict[str, tuple[dict[str, Any], dict[str, int]]]] = {
    # route: what is sent; who is refused, with what. Everybody else is answered otherwise.
    "GET /api/google/auth-url": (ASK, CHANGE),
    "DELETE /api/google/authorization": (ASK, CHANGE),
    "POST /api/google/get-access-token": (ASK, {**C, "upload": 403, "other department": 403}),
    "GET /api/google/status": (ASK, BOTH),
    # Nothing of it was read yet (409); of other sheets there are none (404).
    "GET /api/sheets/{department}/{name}": ({}, BOTH),
    "GET /api/sheets/{department}/{name}/shifts": ({}, BOTH),
    "GET /api/sheets/{department}/{name}/versions": ({}, BOTH),
    "GET /api/sheets/{department}/{name}/diff": ({}, BOTH),
    "POST /api/sheets/{department}/{name}/sync": ({}, CHANGE),
    "POST /api/sheets/{department}/{name}/accept": (DECIDED, CHANGE),
    "POST /api/sheets/{department}/{name}/keep": (DECIDED, CHANGE),
    "GET /api/clients": ({}, A),
    "POST /api/clients": (NEW, CHANGE),
    "POST /api/clients/pairing-codes": (NEW, CHANGE),
    "DELETE /api/clients/{id}": ({}, CHANGE),
    "POST /api/clients/{id}/unblock": ({}, CHANGE),
    # Whoever has a code: what is wrong with it is no matter of roles.
    "POST /api/clients/pair": ({"json": {"code": "KTRWPHXM"}}, dict.fromkeys(ROLES, 400)),
    "POST /api/google/upload-sessions": (FILE, {**C, "other department": 403}),
    "GET /api/google/upload-sessions": (
        {**ASK, "headers": {"Idempotency-Key": "1"}},
        {**C, "other department": 403},
    ),
    # Whoever has an address; this one is nobody's.
    "GET /calendar/{address}": ({}, dict.fromkeys(ROLES, 404)),
    "GET /api/openapi.json": ({}, ALL),
    "GET /api/docs": ({}, ALL),
    "GET /static/{digest}/{name}": ({}, ALL),
    "GET /": ({}, ALL),
    "GET /console/enter": ({}, ALL),
    # Whoever has a link; this one is nobody's.
    "GET /console/enter/{code}": ({}, dict.fromkeys(ROLES, 410)),
    # Whoever has a link, on this site's own page; this one is nobody's.
    "POST /console/enter/{code}": (
        {},
        {
            **dict.fromkeys(ROLES, 403),
            **dict.fromkeys(("nobody", "administrator", "no more an administrator"), 410),
        },
    ),
    "POST /console/leave": ({}, FORM),
    "POST /console/leave-everywhere": ({}, FORM),
    "GET /settings/google": ({}, PAGE),
    "GET /settings/google/live": ({}, PAGE),
    "POST /settings/google/authorize": ({}, FORM),
    "POST /settings/google/account": ({"data": {"choice": "use", "consent": "x"}}, FORM),
    "POST /settings/google/revoke": ({}, FORM),
    "POST /settings/google/clients": ({}, FORM),
    "POST /settings/google/clients/drop": ({}, FORM),
    "POST /settings/google/clients/revoke": ({}, FORM),
    "POST /settings/google/clients/unblock": ({}, FORM),
    "GET /settings/sheets": ({}, PAGE),
    "GET /settings/sheets/{department}/{name}": ({}, PAGE),
    "POST /settings/sheets/{department}/{name}/sync": ({}, FORM),
    "POST /settings/sheets/{department}/{name}/accept": ({}, FORM),
    "POST /settings/sheets/{department}/{name}/keep": ({}, FORM),
    "GET /console": ({}, PAGE),
    "GET /console/live": ({}, PAGE),
    "GET /console/incidents": ({}, PAGE),
    "GET /console/quarantine": ({}, PAGE),
    "GET /console/processes": ({}, PAGE),
    "GET /console/computers": ({}, PAGE),
    "GET /console/audit": ({}, PAGE),
    "GET /console/audit.csv": ({}, PAGE),
    "POST /console/quarantine/restore": ({}, FORM),
    "POST /console/quarantine/purge": ({}, FORM),
    "POST /console/quarantine/held": ({}, FORM),
    "POST /console/computers/revoke": ({}, FORM),
    "POST /console/computers/unblock": ({}, FORM),
    "POST /console/computers/dismiss": ({}, FORM),
}


def routes(web: RunningWeb) -> list[str]:
    """Every route of departments, as `METHOD path`."""
    parts = web.parts
    app = create_departments_app(parts, signed_in_of(parts))
    found = [
        inner
        for route in app.routes
        for inner in getattr(getattr(route, "original_router", None), "routes", [route])
    ]
    return [
        f"{method} {getattr(route, 'path_format', route.path)}"
        for route in found
        if isinstance(route, Route)
        for method in sorted((route.methods or set()) - {"HEAD"})
    ]


@asynccontextmanager
async def everybody(web: RunningWeb) -> AsyncIterator[dict[str, httpx.AsyncClient]]:
    """Somebody of each role."""
    _, token = await web.add_computer(TANHAE, ("upload", "token"))
    _, upload = await web.add_computer(TANHAE, ("upload",))
    _, other = await web.add_computer(ANPING, ("upload", "token"))
    gone, revoked = await web.add_computer(TANHAE, ("upload", "token"))
    await web.services.desk.revoke(gone.id, "operator:Ops")
    cookie = await web.sign_in(who.user(501))
    stranger = await web.sign_in(who.user(777))  # whom ADMIN_USER_IDS does not name
    async with AsyncExitStack() as stack:
        found = {
            "nobody": web.browser(),
            "administrator": web.browser(cookie),
            "administrator elsewhere": web.browser(cookie, **{"Sec-Fetch-Site": "cross-site"}),
            "no more an administrator": web.browser(stranger),
            "token": web.computer(token),
            "upload": web.computer(upload),
            "other department": web.computer(other),
            "revoked": web.computer(revoked),
            "unknown key": web.computer("dkc_" + "A" * 38),
        }
        for client in found.values():
            await stack.enter_async_context(client)
        yield found


async def test_every_route_has_a_row(unlimited_web: RunningWeb) -> None:
    assert sorted(TABLE) == sorted(routes(unlimited_web))


async def test_each_role_may_what_its_row_says(unlimited_web: RunningWeb) -> None:
    """Each refusal is logged once; each answer has the headers of every answer."""
    web, wrong = unlimited_web, dict[str, dict[str, int]]()
    async with everybody(web) as clients:
        for route, (sent, refused) in TABLE.items():
            method, path = route.split(" ")
            # None of these is there: whoever may ask is told so.
            path = path.format(**FILLED)
            answers: dict[str, int] = {}
            for role, client in clients.items():
                before = len(web.lines("access_denied"))
                answer = await client.request(method, path, **sent)
                answers[role] = answer.status_code
                denied = len(web.lines("access_denied")) - before
                assert denied == (role in refused), (route, role, answer.status_code)
                check_headers(answer)
            led_on = {303} if route == "GET /" else set[int]()
            for role, status in answers.items():
                expected = refused.get(role)
                is_turned_away = status in {401, 403, 303} - led_on
                if (status != expected) if expected else is_turned_away:
                    wrong.setdefault(route, {})[role] = status
    assert wrong == {}


@pytest.mark.parametrize("type", ["application/json", "text/plain"])
async def test_who_asks_is_looked_at_before_what_is_sent(
    unlimited_web: RunningWeb, type: str
) -> None:
    """Whoever may not learns so, and nothing of faults: neither of the query, nor of the body."""
    web, wrong = unlimited_web, dict[str, dict[str, int]]()
    sent: dict[str, Any] = {"params": {"department": "x" * 5000}, "headers": {"Content-Type": type}}
    async with everybody(web) as clients:
        for route, (_, refused) in TABLE.items():
            method, path = route.split(" ")
            if path in ("/api/clients/pair", "/console/enter/{code}", "/calendar/{address}"):
                continue  # whoever knows a code
            body: dict[str, Any] = {} if method == "GET" else {"content": b"{"}
            path = path.format(**FILLED)
            for role, status in refused.items():
                # Whose department it is, and whose form, what was sent would say.
                if role == "other department" or (role == "administrator" and refused is FORM):
                    continue
                if role == "upload" and status == 403:
                    assert refused in (A, CHANGE) or "get-access-token" in path
                answer = await clients[role].request(method, path, **sent, **body)
                if answer.status_code != status:
                    wrong.setdefault(route, {})[role] = answer.status_code
        computer = clients["token"]
        for name, key in (("x" * 5000, "1"), ("tanhae", "a b")):
            answer = await computer.get(
                "/api/google/upload-sessions",
                params={"department": name},
                headers={"Idempotency-Key": key},
            )
            assert answer.status_code == 422  # and whoever may is told
    assert wrong == {}


def check_headers(answer: httpx.Response) -> None:
    headers = answer.headers
    assert "'unsafe-inline'" not in headers["Content-Security-Policy"]
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"
    assert "Access-Control-Allow-Origin" not in headers
    if answer.status_code >= 400 and answer.url.path.startswith("/api/"):
        assert headers["Content-Type"] == "application/problem+json"
