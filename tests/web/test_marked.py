"""Nothing secret or personal is where it need not be: not in an answer, the log or the database.

All that departments' pages and routes are told, make or keep is marked, everything is asked of
them as everybody, in good times and bad. Each answer may hold what `MAY_TELL` says of its route and
of whoever asks; the log, at DEBUG, and a dump nothing.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Final, cast

import pytest
from pydantic import SecretStr

from bot.monitoring.metrics import Metrics
from departments.administrators import who
from processes.sweeping import alerting
from sandbox.clients.google_controls import GoogleControls
from sandbox.run import google_settings
from sandbox.server import Sandbox
from tests import places
from tests.canaries import MarkedWorld, telegram_id
from tests.canary_fixtures import canaries as canaries  # fixtures
from tests.canary_fixtures import sandbox as sandbox
from tests.canary_fixtures import world as world
from tests.service_accounts import VARIABLE
from tests.web.kit import TANHAE, running_web
from tests.web.marked import (
    ADMINISTRATOR,
    COMPUTER,
    NOBODY,
    TOKENS,
    UPLOADS,
    Stay,
    Told,
    authorise,
    dump,
    end,
    look,
    pair,
    restore,
    service_account,
    work,
)
from tests.web.marked_sheets import LINKED, PERSON, REMARK, look_at_sheets, shapes_in
from tests.web.pages_kit import SETTINGS
from tests.web.sheets_kit import ROSTER
from web.activity import Activity

pytestmark = [pytest.mark.encryption("on"), pytest.mark.one_way("sqlite")]
OF_COMPUTERS: Final = frozenset({"label"})
PAGE: Final = frozenset({"form token", "operator's name"})
CONSENT: Final = frozenset({"state", "code challenge", "Google client id"})
FILE: Final = frozenset({"file name", "upload session", "Drive file id"})
CARD: Final = PAGE | OF_COMPUTERS | {"Google address", "service account", "pairing code"}
MAY_TELL: Final[dict[tuple[str, str], frozenset[str]]] = {
    # Whoever has a link has its address; the session it begins is in a cookie.
    (NOBODY, "GET /console/enter/…"): frozenset({"link"}),
    (NOBODY, "POST /console/enter/…"): frozenset({"session's cookie"}),
    (ADMINISTRATOR, f"GET {SETTINGS}"): CARD,
    (ADMINISTRATOR, f"GET {SETTINGS}/live"): CARD,
    (ADMINISTRATOR, f"POST {SETTINGS}/authorize"): CONSENT,
    (ADMINISTRATOR, f"POST {SETTINGS}/clients"): frozenset({"pairing code", "label"}),
    **{
        (ADMINISTRATOR, f"GET /console{page}"): PAGE | OF_COMPUTERS
        for page in ("", "/live", "/incidents", "/computers")
    },
    **{
        (ADMINISTRATOR, f"GET /console/{page}"): PAGE
        for page in ("quarantine", "processes", "audit")
    },
    (ADMINISTRATOR, "GET /api/docs"): PAGE,
    (ADMINISTRATOR, "GET /api/google/auth-url"): CONSENT,
    (ADMINISTRATOR, "GET /api/google/status"): frozenset({"Google address", "service account"}),
    (ADMINISTRATOR, "GET /api/clients"): OF_COMPUTERS,
    (ADMINISTRATOR, "POST /api/clients"): OF_COMPUTERS | {"key"},
    (ADMINISTRATOR, "POST /api/clients/pairing-codes"): frozenset({"pairing code"}),
    (ADMINISTRATOR, "DELETE /api/clients/…"): OF_COMPUTERS,
    (ADMINISTRATOR, "POST /api/clients/…/unblock"): OF_COMPUTERS,
    (NOBODY, "POST /api/clients/pair"): OF_COMPUTERS | {"key"},
    **{
        (ADMINISTRATOR, f"GET {ROSTER}{below}"): frozenset({PERSON, REMARK})
        for below in ("", "/shifts", "/diff")
    },
    # Of whoever has the address, and nothing of who it is.
    (NOBODY, "GET /calendar/…"): frozenset({REMARK}),
    (COMPUTER, f"POST {TOKENS}"): frozenset({"access token"}),
    (COMPUTER, f"POST {UPLOADS}"): FILE,
    (COMPUTER, f"GET {UPLOADS}"): FILE,
}
"""Who asks what → the kinds of secrets its answer may hold; anything else: none."""

READABLE: Final = {"Google address"}
"""A department's account, in a database: the specification has a column of its own for it."""


async def test_all_that_is_marked_is_found_where_it_must_be_and_nowhere_else(
    sandbox: Sandbox,
    google: GoogleControls,
    world: MarkedWorld,
    tmp_path: Path,
    encryption_keys: tuple[SecretStr, ...],
    restored_logging: None,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    folder, told = tmp_path / "kept" / "user_data", Told()
    folder.parent.mkdir()
    told_to = f"http://127.0.0.1:9/{world.new('webhook')}?key={world.new('webhook')}"
    somebody = telegram_id()
    world.canaries.add("Telegram id", somebody, identity=True)
    token_uri = str(google_settings(sandbox)["GOOGLE_TOKEN_URI"])
    with service_account(world.canaries, token_uri) as account_key:
        settings = {
            **{VARIABLE: account_key, "ALERT_WEBHOOK_URL": told_to, "LOG_LEVEL": "DEBUG"},
            **{"ADMIN_USER_IDS": str(somebody), "TRUSTED_PROXY_HOPS": "1"},
            "SHEETS_FILE": shapes_in(tmp_path),
        }
        start = running_web(sandbox, folder, encryption_keys, monkeypatch, **cast(Any, settings))
        async with start as web, alerting(web.custody, web.settings, Metrics(), Activity()):
            stay = Stay(web, google, world, told)
            cookie = await stay.sign_in()
            stay.add("session's cookie", await web.sign_in(who.user(somebody)))
            await authorise(stay, cookie, world.account())
            keys = await pair(stay, cookie)
            await work(stay, keys)
            await look_at_sheets(stay, cookie, keys, account_key)
            await look(stay, cookie)
            await restore(stay, cookie)
            running = await asyncio.to_thread(dump, folder, request, tmp_path / "dump")
            await end(stay, cookie, keys)
            await look(stay, cookie)
    ended = await asyncio.to_thread(dump, folder, request, tmp_path / "dump")
    world.harvest()
    assert told.statuses >= {200, 201, 303, 400, 401, 403, 404, 409, 410, 421, 422, 503}
    found, wrong = set(), {}
    for (role, route), answers in told.answers.items():
        leaks = {leak.name for leak in world.canaries.find("\n".join(answers))}
        found |= leaks
        if more := leaks - MAY_TELL.get((role, route), frozenset()):
            wrong[role, route] = more
    assert wrong == {}
    assert found == frozenset().union(*MAY_TELL.values()), "the scan sees what is there"
    assert "Traceback" not in web.log.getvalue()
    assert world.canaries.find(web.log.getvalue()) == []
    for event in (
        "access_denied",
        "client_changed",
        "consent_saved",
        "upload_handed",
        "console_changed",
    ):
        assert web.lines(event), event
    for data in (running, ended):
        assert TANHAE.slug.encode() in data, "it is the dump"
        readable = {LINKED, *(READABLE if places.databases() else ())}
        assert {leak.name for leak in world.canaries.find(data)} <= readable
