"""Ten thousand owners of two clients, and every way in which a refresh can fail: whom it touches.

The product's own sweep, custodian, store and HTTP, against a token endpoint on loopback that
answers each refresh token in the way its name says.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, Final

import pytest
from freezegun import freeze_time
from freezegun.api import FrozenDateTimeFactory
from pydantic import SecretStr
from structlog.testing import capture_logs

from config import GoogleClient
from processes.wiring import Custody, CustodyOptions
from sandbox.google.errors import oauth_fault_body
from security.credential import DRIVE_FILE_SCOPE, Credential, Owner
from security.encryption import TokenEncryption
from security.google.oauth import GoogleOAuth, OAuthEndpoints
from security.google.oauth_errors import TABLE
from security.maintenance.sweep import Sweep
from tests.security.test_oauth_errors import ROWS
from tests.stores import MASK, storage_in, store_in

pytestmark = pytest.mark.load

CLIENTS: Final = tuple(
    GoogleClient(f"{name}.apps.googleusercontent.com", SecretStr("GOCSPX-x")) for name in "ab"
)
STRANGER: Final = "stranger.apps.googleusercontent.com"
SKIPPING: Final = frozenset({"invalid_client", "deleted_client"})
GOOD: Final[dict[str, Any]] = {
    "access_token": "ya29.fresh",
    "expires_in": 3599,
    "scope": DRIVE_FILE_SCOPE,
    "token_type": "Bearer",
}
PAGE: Final = "<html><p>Sorry</p></html>"
OTHERS: Final[dict[str, tuple[int, Any]]] = {
    **{f"status {number}": (number, PAGE) for number in (404, 408, 429, 500, 502, 503)},
    "a page": (200, PAGE),
    "an empty object": (200, {}),
    "a strange error": (400, {"error": {"message": []}}),
    "an odd life": (200, GOOD | {"expires_in": -1}),
    "another scope": (200, GOOD | {"scope": "openid"}),
}
SILENT: Final = ("a cut connection", "no answer")
LOCAL: Final = ("an unknown client", "no refresh token")
WAYS: Final = [*ROWS, *OTHERS, *SILENT, *LOCAL]
_TOKEN: Final = re.compile(rb"refresh_token=1--([0-9]+)-")
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)


class Endpoint(asyncio.Protocol):
    """One connection to the token endpoint. `mended`: every refresh is good."""

    mended: ClassVar[bool] = False
    asked: ClassVar[Counter[str]] = Counter()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Requests come one after the other."""
        assert isinstance(transport, asyncio.Transport)
        self._transport, self._buffer = transport, b""

    def data_received(self, data: bytes) -> None:
        """Answer once the whole request has come."""
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not found or len(body) < (int(length[1]) if length else 0):
            return
        self._buffer = b""
        token = _TOKEN.search(body)
        way = WAYS[int(token[1])] if token and not self.mended else ""
        self.asked[way] += 1
        if way == "a cut connection":
            self._transport.abort()
        elif way != "no answer":
            self._transport.write(_answer(way))


def _answer(way: str) -> bytes:
    if way in ROWS:
        status, answer = oauth_fault_body(None, way)
    else:
        status, answer = OTHERS.get(way, (200, GOOD))
    body = (answer if isinstance(answer, str) else json.dumps(answer)).encode()
    return f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


@dataclass
class Fleet:
    """Owners in one data folder, and the clock they live by."""

    folder: Path
    url: str
    clock: FrozenDateTimeFactory

    def __post_init__(self) -> None:
        self.keyring = TokenEncryption()
        self.store = store_in(self.folder, self.keyring)
        self.store.prepare()

    def put(self, number: int, *, client: str, way: str = "", minutes_left: float) -> None:
        """Somebody is connected; the token names the way in which its refreshes fail."""
        name = f"1--{WAYS.index(way)}-{number}" if way else f"1--good-{number}"
        now = datetime.now(UTC)
        credential = Credential(
            owner=Owner.user(1000 + number),
            client_id=STRANGER if way == "an unknown client" else client,
            refresh_token=None if way == "no refresh token" else SecretStr(name),
            access_token=SecretStr("ya29.old"),
            expires_at=now + timedelta(minutes=minutes_left, seconds=number / 1000),
            generation=1,
        )
        path = self.folder / f"{credential.owner.stem}.json"
        path.write_text(json.dumps(credential.to_document()))
        path.chmod(0o600)

    @asynccontextmanager
    async def process(self, *clients: GoogleClient) -> AsyncIterator[Sweep]:
        """The bot's custody, from its start to its stop."""
        oauth = GoogleOAuth(OAuthEndpoints(*[f"{self.url}/token"] * 4), timeout_seconds=1)
        options = CustodyOptions(clients=clients or CLIENTS)
        custody = Custody(storage_in(self.folder, self.keyring), MASK, oauth, options)
        custody.state.load()
        yield custody.sweep
        await custody.close()

    def stale(self, numbers: Iterator[int] | range) -> list[int]:
        """Whose token is due, of those who have one at all."""
        loaded = ((n, self.store.load(Owner.user(1000 + n))) for n in numbers)
        lead, now = timedelta(minutes=15), datetime.now(UTC)
        return [n for n, found in loaded if found is not None and not found.is_fresh(now, lead)]


@pytest.fixture
async def fleet(tmp_path: Path) -> AsyncIterator[Fleet]:
    """Nobody is connected yet."""
    Endpoint.mended, Endpoint.asked = False, Counter()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Endpoint, "127.0.0.1", 0, backlog=1024)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    start = datetime.now(UTC).replace(tzinfo=None)
    async with server:
        with capture_logs() as log, freeze_time(start, real_asyncio=True) as clock:
            assert isinstance(clock, FrozenDateTimeFactory)  # it does not tick by itself
            yield Fleet(tmp_path / "user_data", url, clock)
    assert not [line for line in log if line["event"] == "sweep_owner_failed"]


async def test_what_five_hundred_meet_touches_none_of_the_others(fleet: Fleet) -> None:
    """Ten thousand, two clients, 500 that fail, spread evenly over every way."""
    ways = {number * 20: WAYS[number % len(WAYS)] for number in range(500)}
    for number in range(10_000):
        client = CLIENTS[number % 2 if number not in ways else number // 20 % 2]
        fleet.put(number, client=client.id, way=ways.get(number, ""), minutes_left=60)
    async with fleet.process() as sweep:
        assert (await sweep.run()).fresh >= 9_000  # those without a refresh token have time as well
        fleet.clock.tick(timedelta(minutes=50))
        report = await sweep.run()
    others = [number for number in range(10_000) if number not in ways]
    assert fleet.stale(iter(others)) == []
    assert (report.refreshed, report.ended_by) == (9_500, None)
    assert sum(report.results.values()) == 500
    print(f"10,000 owners, 500 fail: 9,500 refreshed in one pass; {dict(report.results)}")


@pytest.mark.parametrize("way", WAYS)
async def test_what_the_first_thirty_meet_touches_none_of_the_others(
    fleet: Fleet, way: str
) -> None:
    """300 owners, whose first 30 to be due all fail in it; then it is mended, and a restart."""
    for number in range(300):
        first = number < 30
        client = CLIENTS[0 if first else number % 2]
        left = 58.0 if first else 60.0
        fleet.put(number, client=client.id, way=way if first else "", minutes_left=left)
    async with fleet.process() as sweep:
        await sweep.run()
        fleet.clock.tick(timedelta(minutes=50))
        report = await sweep.run()
        assert report.ended_by is None
        others = range(31, 300, 2) if way in SKIPPING else range(30, 300)
        assert fleet.stale(others) == []
        again = await sweep.run()  # whoever fails waits, and holds up nobody
        assert (again.ended_by, again.full) == (None, False)
    if report.quarantined or report.held:
        assert report.results.keys() <= {"invalid_grant", "access_denied", "scope_missing"} | {
            "no_refresh_token"
        }
        return
    Endpoint.mended = True
    if report.transient and not {"org_policy", "org_internal"} & report.results.keys():
        fleet.clock.tick(timedelta(minutes=3))  # Google's own pauses outlast a restart
    strangers = (GoogleClient(STRANGER, SecretStr("x")),) if way == "an unknown client" else ()
    async with fleet.process(*CLIENTS, *strangers) as sweep:
        await sweep.run()
    assert fleet.stale(range(300)) == []


def test_no_way_of_the_table_is_left_out() -> None:
    """A code that is added is tried here as well."""
    assert set(TABLE) <= set(WAYS)
