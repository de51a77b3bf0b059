"""Keys of computers: where they are looked for, what a look costs, and that none is compared."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, cast

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy.exc import DataError, OperationalError

from departments.clients.keys import checksum, new_key
from departments.kinds import CLIENTS
from sandbox.clients.google_controls import GoogleControls
from sandbox.server import Sandbox
from security.storage.protocol import Found, Key, Storage
from tests.documents import ROOT
from tests.running import in_rest
from tests.security.kit import AMY
from tests.web.kit import OPERATOR, RunningWeb, running_web
from web.gate.signed_in import COOKIE

pytestmark = [pytest.mark.encryption("on"), pytest.mark.one_way("on")]
TOKENS: Final = "/api/google/get-access-token"
ASK: Final = {"department": "tanhae"}
ELSEWHERE: Final = "dkc_" + "7" * 32 + checksum("7" * 32)
"""Nobody's key."""


class Looking:
    """A storage that counts what is read of keys and, where it is told to, fails as one does."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.reads: Counter[str] = Counter()
        self.fault: Exception | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.storage, name)

    def _fail(self) -> None:
        if self.fault is not None:
            raise self.fault

    def read(self, keys: Sequence[Key]) -> list[Found]:
        self._fail()
        self.reads.update(key.kind.name for key in keys)
        return self.storage.read(keys)

    def names(self, *args: Any) -> list[str]:
        self._fail()
        return self.storage.names(*args)

    def apply(self, units: Any) -> Any:
        self._fail()
        return self.storage.apply(units)


@pytest.fixture
async def looking(
    sandbox: Sandbox,
    tmp_path: Path,
    encryption_keys: tuple[SecretStr, ...],
    restored_logging: None,
    monkeypatch: pytest.MonkeyPatch,
) -> Any:
    """`web, storage`: the process, and what it keeps documents in."""
    found: list[Looking] = []

    def through(storage: Storage) -> Storage:
        found.append(Looking(storage))
        return cast("Storage", found[0])

    folder = tmp_path / "user_data"
    options: dict[str, Any] = {"through": through, "TRUSTED_PROXY_HOPS": 1, "LOG_LEVEL": "DEBUG"}
    async with running_web(sandbox, folder, encryption_keys, monkeypatch, **options) as web:
        yield web, found[0]


def from_address(web: RunningWeb, key: str, address: str) -> httpx.AsyncClient:
    return web.computer(key, **{"X-Forwarded-For": f"203.0.113.9, {address}"})


async def test_a_wrong_key_costs_the_storage_what_a_good_one_does(looking: Any) -> None:
    """One look at one name: nothing that could be timed tells how much of a key is right."""
    web, storage = looking
    _, key = await web.add_computer()
    good = key.get_secret_value()
    near = good[4:-7] + ("A" if good[-7] != "A" else "B")
    keys = [good, "dkc_" + near + checksum(near), ELSEWHERE, new_key().get_secret_value()]
    for number, one in enumerate(keys):
        storage.reads.clear()
        async with from_address(web, one, f"198.51.100.{number}") as computer:
            status = (await computer.get("/api/google/status")).status_code
        assert status == (200 if one == good else 401)
        assert storage.reads[CLIENTS.name] == 1, one == good
    storage.reads.clear()
    for none in ("dkc_", good[:-1], good + "x", "dkc_" + "8" * 38, "x" * 60_000):
        async with from_address(web, none, "198.51.100.77") as computer:
            assert (await computer.get("/api/google/status")).status_code in (400, 401, 431)
    assert storage.reads[CLIENTS.name] == 0  # its checksum says that it is none


async def test_after_ten_failures_an_address_waits_and_its_good_keys_pass(looking: Any) -> None:
    """Without asking the storage; an office stands behind one address."""
    web, storage = looking
    _, key = await web.add_computer()
    good, office = key.get_secret_value(), "198.51.100.7"
    async with (
        from_address(web, good, office) as known,
        from_address(web, ELSEWHERE, office) as guessing,
        from_address(web, ELSEWHERE, "198.51.100.8") as neighbour,
    ):
        assert (await known.get("/api/google/status")).status_code == 200
        answers = [await guessing.get("/api/google/status") for _ in range(12)]
        assert [one.status_code for one in answers] == [*[401] * 10, 429, 429]
        assert answers[-1].json()["code"] == "rate_limited"
        assert 0 < int(answers[-1].headers["Retry-After"]) <= 60
        storage.reads.clear()
        assert (await guessing.get("/api/google/status")).status_code == 429
        paired = await guessing.post("/api/clients/pair", json={"code": "KTRW-PHXM"})
        assert paired.status_code == 429
        assert storage.reads == Counter()
        assert (await known.get("/api/google/status")).status_code == 200
        assert (await neighbour.get("/api/google/status")).status_code == 401


async def test_whoever_writes_addresses_himself_is_counted_as_who_he_is(looking: Any) -> None:
    """Only the last hop's word counts: more headers and more addresses make nobody another."""
    web, _ = looking
    statuses = []
    async with web.computer(ELSEWHERE) as computer:
        for number in range(12):
            said = [
                *(("X-Forwarded-For", f"192.0.2.{number}"), ("X-Real-IP", f"192.0.2.{number}")),
                *(
                    ("Forwarded", f"for=192.0.2.{number}"),
                    ("CF-Connecting-IP", f"192.0.2.{number}"),
                ),
                ("X-Forwarded-For", f"192.0.2.{number}, 198.51.100.9"),
            ]
            statuses.append((await computer.get("/api/google/status", headers=said)).status_code)
    assert statuses == [*[401] * 10, 429, 429]


async def test_a_key_is_taken_from_the_header_alone_and_logged_nowhere(
    looking: Any, google: GoogleControls
) -> None:
    web, _ = looking
    await web.authorise(google, AMY)
    client, secret = await web.add_computer()
    key = secret.get_secret_value()
    names = ("key", "api_key", "access_token", "token", "authorization", "Authorization")
    cookies = "; ".join(f"{name}={key}" for name in (*names, COOKIE))
    async with web.browser() as browser:
        ways: tuple[dict[str, Any], ...] = (
            {"params": ASK | dict.fromkeys(names, key)},
            {"params": ASK, "headers": {"Cookie": cookies}},
            {"params": ASK, "headers": dict.fromkeys(("X-Api-Key", "Proxy-Authorization"), key)},
            {"params": ASK, "headers": {"Authorization": f"Basic {key}"}},
            {"params": ASK, "headers": {"Authorization": key}},
            {"params": ASK, "json": dict.fromkeys(names, key)},
            {"params": ASK, "auth": (key, "")},
            {"params": ASK, "auth": ("", key)},
        )
        for number, how in enumerate(ways):
            forwarded = {"X-Forwarded-For": f"192.0.2.{number}"}
            headers = forwarded | how.get("headers", {})
            answer = await browser.post(TOKENS, **{**how, "headers": headers})
            assert (answer.status_code, answer.json()["code"]) == (401, "wrong_key"), how
        for path, status in (("/console", 303), ("/settings/google", 303), ("/api/clients", 403)):
            answer = await browser.get(path, headers={"Authorization": f"Bearer {key}"})
            assert answer.status_code == status, path
            assert key not in answer.text
    async with web.computer(key) as computer:
        answer = await computer.post(TOKENS, params=ASK)
        other = await computer.post(TOKENS, params={"department": "anping"})
    assert (answer.status_code, other.status_code) == (200, 403)
    assert key not in web.log.getvalue()
    assert key[4:-6] not in web.log.getvalue()
    assert client.id in web.log.getvalue()


FAULTS: Final[dict[str, Callable[[str], Exception]]] = {
    "a value": lambda said: DataError(
        f"INSERT INTO documents VALUES ('{said}')",
        {"name": said},
        Exception(1366, f"Incorrect string value: '{said}' for column 'content' at row 1"),
    ),
    "a key": lambda said: OperationalError(
        None, None, Exception(1062, f"Duplicate entry '{said}' for key '{said}'")
    ),
    "a defect": lambda said: RuntimeError(said, {said: said}),
    "a path": lambda said: OSError(5, said, said),
}


@pytest.mark.parametrize("kind", ["a value", *in_rest("a key", "a defect", "a path")])
async def test_a_storage_that_quotes_data_tells_nobody(looking: Any, kind: str) -> None:
    """In its errors' texts: neither the log at DEBUG, nor a problem, nor a page has them."""
    web, storage = looking
    said = "zqxquoted" * 3
    cookie = await web.sign_in()
    _, key = await web.add_computer()
    link = await web.custody.workers.run(web.services.links.make, OPERATOR)
    storage.fault = FAULTS[kind](said)
    code = link.get_secret_value()
    async with web.browser(cookie) as browser, web.computer(key) as computer:
        answers = [
            *[await browser.get(path) for path in ("/settings/google", "/console", "/api/clients")],
            await browser.get(f"/console/enter/{code}"),
            await browser.post(f"/console/enter/{code}"),
            await browser.post("/api/clients/pair", json={"code": "KTRW-PHXM"}),
            await browser.get("/api/auth/google/callback", params={"state": "x", "code": "y"}),
            await computer.post(TOKENS, params=ASK),
            await computer.get("/api/google/status"),
        ]
        storage.fault = None
        assert (await browser.get("/settings/google")).status_code == 200
    for answer in answers:
        assert answer.status_code in (500, 503), answer.url
        assert "zqxquoted" not in answer.text
        assert "zqxquoted" not in str(answer.headers)
        assert answer.headers["Cache-Control"] == "no-store"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "zqxquoted" not in web.log.getvalue()


SECRETS: Final = ("key", "code", "cookie", "token", "secret", "csrf", "verifier", "state", "digest")
PUBLIC: Final = {
    ("web/site/frame.py", "code == self.texts.language"),
    ("looks/static.py", "digest == file.digest"),
    ("web/site/settings/routes.py", "client.state != wanted"),
    (
        "web/site/settings/assembling.py",
        "(client.department, client.label) == (code.department, code.label)",
    ),
    # Of duties.
    ("web/site/sheets/tables.py", "before.codes.get(code) != codes.codes[code]"),
}


def comparisons() -> Iterator[tuple[str, str]]:
    """`==` and `!=` of two values, neither of which is a word of the code, that may be secrets."""
    paths = (path for top in ("web", "looks", "departments") for path in (ROOT / top).rglob("*.py"))
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Compare) or not isinstance(node.ops[0], ast.Eq | ast.NotEq):
                continue
            sides, said = (node.left, *node.comparators), ast.unparse(node)
            if any(isinstance(one, ast.Constant) or ast.unparse(one).isupper() for one in sides):
                continue
            if any(word in said.lower() for word in SECRETS):
                yield path.relative_to(ROOT).as_posix(), said


def test_no_secret_is_compared_in_python() -> None:
    """What is found by a secret is found by its keyed hash; what must be compared takes the same
    time whatever it is."""
    assert set(comparisons()) == PUBLIC
    assert "hmac.compare_digest(" in (ROOT / "web/gate/signed_in.py").read_text("utf-8")
