"""A department's life on the web in which everything secret or personal is a canary."""

from __future__ import annotations

import hashlib
import secrets
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, cast
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from pydantic import SecretStr

from departments.administrators import who
from departments.clients.keys import PREFIX
from sandbox.clients.google_controls import GoogleControls
from security.storage.protocol import Key, Storage, Stored
from tests import places
from tests.canaries import Canaries, MarkedWorld, marker
from tests.database.dumps import Dumps
from tests.service_accounts import encoded, key_file
from tests.web.kit import TANHAE, RunningWeb
from tests.web.pages_kit import SETTINGS, Person

CALLBACK: Final = "/api/auth/google/callback"
TOKENS: Final = "/api/google/get-access-token"
UPLOADS: Final = "/api/google/upload-sessions"
ASK: Final = {"department": "tanhae"}
ADMINISTRATOR, COMPUTER, NOBODY = "administrator", "computer", "nobody"


class Told:
    """Every answer there was: of whom, to what."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], list[str]] = defaultdict(list)
        self.statuses: set[int] = set()

    def listen(self, client: httpx.AsyncClient, role: str) -> httpx.AsyncClient:
        """Note what this one is told from now on."""

        async def note(answer: httpx.Response) -> None:
            await answer.aread()
            path = answer.request.url.path
            for long in ("/console/enter/", "/api/clients/", "/calendar/"):
                rest = path.removeprefix(long)
                if rest not in (path, "pair", "pairing-codes"):
                    path = f"{long}…" + ("/unblock" if rest.endswith("/unblock") else "")
            said = f"{answer.headers.multi_items()}\n{answer.text}"
            self.answers[role, f"{answer.request.method} {path}"].append(said)
            self.statuses.add(answer.status_code)

        client.event_hooks = {"response": [note]}
        return client


class Stay:
    """Somebody's time with the pages and routes."""

    def __init__(
        self, web: RunningWeb, google: GoogleControls, world: MarkedWorld, told: Told
    ) -> None:
        self.web = web
        self.google = google
        self.world = world
        self.told = told
        self.add = world.canaries.add
        self.operator = who.operator(world.new("operator's name"))

    def browser(self, role: str, cookie: str | None = None, **headers: str) -> httpx.AsyncClient:
        """Whose answers are noted."""
        return self.told.listen(self.web.browser(cookie, **headers), role)

    def computer(self, key: str, **headers: str) -> httpx.AsyncClient:
        """The same, with a key, of a marked machine at a marked address."""
        self.add("key", key.removeprefix(PREFIX))
        said = {
            "X-Drivekeeper-Machine": self.world.new("machine"),
            "X-Forwarded-For": self.address(),
            "Idempotency-Key": self.world.new("idempotency key"),
        }
        return self.told.listen(self.web.computer(key, **said, **headers), COMPUTER)

    def address(self) -> str:
        """Nobody's, marked (RFC 3849)."""
        parts = [f"{0x1000 + secrets.randbelow(0xEFFF):x}" for _ in range(4)]
        self.add("network address", ":".join(parts))
        return f"2001:db8:7:7:{':'.join(parts)}"

    async def sign_in(self) -> str:
        """By a link that is looked at, spent, and tried once more."""
        code = await self.web.custody.workers.run(self.web.services.links.make, self.operator)
        self.add("link", code)
        link = f"/console/enter/{code.get_secret_value()}"
        async with self.browser(NOBODY, Accept="text/html") as browser:
            await browser.get(link)
            await browser.post(link, headers={"Sec-Fetch-Site": "cross-site"})
            answer = await browser.post(link)
            cookie = answer.headers["Set-Cookie"].partition("=")[2].partition(";")[0]
            self.add("session's cookie", cookie)
            browser.cookies.clear()
            await browser.post(link)
        session = await self.web.custody.workers.run(self.web.services.sessions.find, cookie)
        assert session is not None
        self.add("form token", session.form_token)
        return cookie

    async def state_of(self, address: str) -> None:
        """All that a request for consent has is marked."""
        query = parse_qs(urlsplit(address).query)
        self.add("state", query["state"][0])
        self.add("code challenge", query["code_challenge"][0])
        verifiers = [*verifiers_in(self.web.custody.storage)]
        assert verifiers
        for verifier in verifiers:
            self.add("code verifier", verifier)


def verifiers_in(storage: Storage) -> Iterator[str]:
    """Of every request for consent that is kept."""
    for kind in storage.kinds:
        for name in storage.names(kind):
            [found] = storage.read([Key(kind, name)])
            document = found.open() if isinstance(found, Stored) else {}
            verifier = document.get("code_verifier")
            if isinstance(verifier, str) and verifier:
                yield verifier


async def authorise(stay: Stay, cookie: str, account: str) -> None:
    """By the route, by the page's button; declined, by another browser, and twice."""
    async with (
        stay.browser(ADMINISTRATOR, cookie, Accept="text/html") as browser,
        stay.browser(NOBODY) as elsewhere,
    ):
        someone = Person(browser)
        await someone.open(SETTINGS)
        there = await someone.press(f"{SETTINGS}/authorize")
        await stay.state_of(there)
        back = await stay.google.consent(there, account, allow=False)
        await someone.open(back)
        asked = (await browser.get("/api/google/auth-url", params=ASK)).json()["auth_url"]
        await stay.state_of(asked)
        back = await stay.google.consent(asked, account)
        for client in (elsewhere, browser, browser):
            await client.get(back)
        await elsewhere.get(CALLBACK, params={"state": marker(), "code": marker()})
        other = stay.world.account()
        asked = (await browser.get("/api/google/auth-url", params=ASK)).json()["auth_url"]
        await stay.state_of(asked)
        await someone.open(await stay.google.consent(asked, other))
        await someone.press(f"{SETTINGS}/account", 1)


async def pair(stay: Stay, cookie: str) -> list[str]:
    """By the page and by the routes; the keys that there are then."""
    keys = []
    async with (
        stay.browser(ADMINISTRATOR, cookie, Accept="text/html") as browser,
        stay.browser(NOBODY) as nobody,
    ):
        someone = Person(browser)
        await someone.open(SETTINGS)
        await someone.press(f"{SETTINGS}/clients", label=stay.world.new("label"), token="yes")
        (shown,) = someone.page.all("output")
        wanted = {"department": "tanhae", "label": stay.world.new("label"), "may": ["token"]}
        made = (await browser.post("/api/clients/pairing-codes", json=wanted)).json()
        for code in (shown.text.strip(), made["code"]):
            stay.add("pairing code", code)
            stay.add("pairing code", code.replace("-", ""))
        await browser.get(f"{SETTINGS}/live")
        for code in (shown.text.strip(), made["code"], made["code"]):
            answer = await nobody.post("/api/clients/pair", json={"code": code})
            keys += [answer.json()["key"]] if answer.status_code == 201 else []
        wanted["label"] = stay.world.new("label")
        keys.append((await browser.post("/api/clients", json=wanted)).json()["key"])
        await someone.open(SETTINGS)
    return keys


async def work(stay: Stay, keys: list[str]) -> None:
    """Tokens and uploads, some of which fail; keys where none belong."""
    content = secrets.token_bytes(2_000)
    for key in keys:
        async with stay.computer(key) as computer:
            given = await computer.post(TOKENS, params=ASK)
            assert given.status_code == 200, given.text
            await computer.get("/api/google/status")
            await computer.post(TOKENS, params={"department": "anping"})
            file: dict[str, Any] = {
                **{"name": stay.world.file_name("pdf"), "size": len(content)},
                **{"md5": secrets.token_hex(16), "mime": "application/pdf"},
            }
            stay.add("md5", file["md5"])
            begun = await computer.post(UPLOADS, params=ASK, json=file)
            assert begun.status_code == 201, begun.text
            async with httpx.AsyncClient(timeout=20) as plain:
                await plain.put(begun.json()["session_url"], content=content)
            await computer.get(UPLOADS, params=ASK)
            await computer.post(UPLOADS, params=ASK, json={**file, "size": 7})
            await computer.post(UPLOADS, params=ASK, json={**file, "size": stay.world.new("x")})
            for path in ("/console", SETTINGS, "/api/clients", f"/{key}", "/api/openapi.json"):
                await computer.get(path, params={"key": key})
    async with stay.computer(keys[0]) as second_machine:
        await second_machine.get("/api/google/status")
        await second_machine.post(TOKENS, params=ASK)
    async with stay.browser(NOBODY) as nobody:
        for key in keys:
            await nobody.get("/api/google/status", params={"key": key}, headers={"X-Api-Key": key})
            await nobody.post(TOKENS, params=ASK, headers={"Authorization": f"Basic {key}"})
            await nobody.get("/", headers={"Host": stay.world.new("host")})
    await stay.google.expire_access_tokens()
    await stay.google.fault("google.token.refresh", "status", status=500, count=9)
    async with stay.computer(keys[0]) as computer:
        token = (await computer.post(TOKENS, params=ASK)).json()["access_token"]
        rejected = {"rejected_sha256": hashlib.sha256(token.encode()).hexdigest()}
        away = await computer.post(TOKENS, params=ASK, json=rejected)
        assert away.status_code == 503, away.text
    await stay.google.clear_faults()


async def restore(stay: Stay, cookie: str) -> None:
    """The credential is set aside, and put back on the console."""
    copies, workers = stay.web.custody.store.copies, stay.web.custody.workers
    await workers.run(copies.set_aside, TANHAE.owner, "invalid_grant")
    stay.web.services.console.look.forget()
    async with stay.browser(ADMINISTRATOR, cookie, Accept="text/html") as browser:
        someone = Person(browser)
        await someone.open("/console/quarantine")
        end = await someone.press("/console/quarantine/restore")
        assert end == "/console/quarantine?done=restored"


async def look(stay: Stay, cookie: str) -> None:
    """At every page and route there is to be looked at."""
    paths = (
        *(SETTINGS, f"{SETTINGS}/live", "/console", "/console/live", "/console/incidents"),
        *(f"/console/{page}" for page in ("quarantine", "processes", "computers", "audit")),
        *("/console/audit.csv", "/api/docs", "/api/openapi.json", "/api/clients", "/nothing"),
        *("/api/google/status", "/console/enter", "/", "/healthz"),
    )
    strange = {"ask": "disable", "client": marker(), "error": marker(), "done": marker()}
    for role, its in ((ADMINISTRATOR, cookie), (NOBODY, None), (NOBODY, marker(43))):
        async with stay.browser(role, its, Accept="text/html") as browser:
            for path in paths:
                await browser.get(path)
            await browser.get(SETTINGS, params=strange)
            await browser.post(f"{SETTINGS}/revoke", data={"csrf": marker()})


async def end(stay: Stay, cookie: str, keys: list[str]) -> None:
    """The authorisation, computers and the session are ended."""
    async with stay.browser(ADMINISTRATOR, cookie, Accept="text/html") as browser:
        browser.headers["Content-Type"] = "application/json"
        ended = await browser.delete("/api/google/authorization", params=ASK)
        assert ended.status_code == 200, ended.text
        async with stay.computer(keys[1]) as computer:
            assert (await computer.post(TOKENS, params=ASK)).status_code == 409
        for one in (await browser.get("/api/clients")).json()["clients"]:
            await browser.post(f"/api/clients/{one['id']}/unblock")
            await browser.delete(f"/api/clients/{one['id']}")
        del browser.headers["Content-Type"]
        someone = Person(browser)
        await someone.open("/console")
        await someone.press("/console/leave")


@contextmanager
def service_account(canaries: Canaries, token_uri: str) -> Iterator[str]:
    """A key file with a marked address and a marked id."""
    name, project, number = marker(), marker(), secrets.token_hex(18)
    canaries.add("service account", name)
    canaries.add("service account", project)
    canaries.add("id of a service account's key", number)
    given: dict[str, Any] = {
        "client_email": f"{name}@{project}.iam.gserviceaccount.com",
        "private_key_id": f"{number}c41f",
        "token_uri": token_uri,
    }
    pem = key_file(**given)["private_key"].splitlines()
    canaries.add("key of a service account", "".join(pem[1:-1])[40:400])
    yield encoded(**given)


def dump(folder: Path, request: pytest.FixtureRequest, target: Path) -> bytes:
    """Every byte of what is kept: files and their names; SQLite's with its log; a server's dump."""
    address = places.settings_of(folder).get("DATABASE_URL", "sqlite:")
    if address.startswith("sqlite:"):
        kept = [path for path in folder.parent.rglob("*") if path.is_file()]
        named = [(str(path.relative_to(folder.parent)).encode(), path) for path in kept]
        return b"\n".join(name + b"\n" + path.read_bytes() for name, path in named)
    place = cast(Any, SimpleNamespace(url=SecretStr(address)))
    dumps = Dumps(place, request.getfixturevalue("mariadb"))
    return dumps.make(target, "--hex-blob") + b"\n" + dumps.make(target)
