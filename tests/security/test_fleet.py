"""Trouble that touches everybody is nobody's fault: it quarantines no one, and passes by itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from freezegun.api import FrozenDateTimeFactory
from pydantic import SecretStr
from structlog.testing import capture_logs

from config import GoogleClient
from security.credential import Owner
from security.encryption import TokenEncryption
from security.errors import OperatorFault
from security.logs.schema import OPERATOR_FAULTS
from security.maintenance.sweep import Sweep, SweepOptions
from security.owner_documents import CREDENTIALS
from tests.places import databases
from tests.security.kit import MASK, World, new_key, sealed_by
from tests.spots import credential_at, full, names_in, spot
from tests.stores import store_in

OWNERS = [Owner.user(1000 + number) for number in range(12)]
EVERY = timedelta(minutes=10)


class Fleet:
    """Owners, sweeps every ten minutes, and what administrators hear."""

    def __init__(self, world: World, clock: FrozenDateTimeFactory) -> None:
        self.world, self.clock = world, clock
        self.heard: list[tuple[str, str]] = []
        self.patience = 30.0
        """Seconds for an answer of Google's: no more than that are none, of a busy machine."""
        self._sweep = self._with(world.client)

    def _with(self, client: GoogleClient) -> Sweep:
        custody = self.world.new_custody(
            oauth=self.world.new_oauth(timeout_seconds=self.patience),
            clients=(client,),
            sweep=SweepOptions(concurrency=8),
        )
        self._custody, self.state = custody, custody.state
        return custody.sweep

    async def use(self, client: GoogleClient) -> None:
        """A restart: the settings say so from now on, and only what is written down is left."""
        await self.state.save()
        self._sweep = self._with(client)

    async def restart(self) -> None:
        """The settings are as they were."""
        await self.use(self.world.client)

    async def sweeps(self, count: int) -> None:
        """So many, ten minutes apart."""
        incidents = self.state.incidents
        for _ in range(count):
            self.clock.tick(EVERY)
            report = await self._sweep.run()
            async with self._custody.fleet.telling() as may_tell:
                incidents.learn(report, OPERATOR_FAULTS)
                for incident in incidents.to_tell(datetime.now(UTC).timestamp()):
                    assert may_tell()
                    self.heard.append((incident.code, "over" if incident.over else "begins"))
                    incidents.told(incident)

    def fresh(self) -> int:
        """How many have a token that lives."""
        loaded = map(self.world.store.load, OWNERS)
        return sum(c is not None and c.is_fresh(datetime.now(UTC)) for c in loaded)


@pytest.fixture
async def fleet(world: World, clock: FrozenDateTimeFactory) -> Fleet:
    """Everybody is connected."""
    for owner in OWNERS:
        await world.connect(owner, f"u{owner.key}@example.com")
    return Fleet(world, clock)


def _credentials(folder: Path) -> list[bytes]:
    return [spot(folder, CREDENTIALS, name).raw() for name in names_in(folder, CREDENTIALS)]


Trouble = Callable[[Fleet], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def wrong_secret(fleet: Fleet) -> AsyncIterator[None]:
    await fleet.use(GoogleClient(fleet.world.client.id, SecretStr("GOCSPX-wrong")))
    yield
    await fleet.use(fleet.world.client)


@asynccontextmanager
async def another_client(fleet: Fleet) -> AsyncIterator[None]:
    await fleet.use(GoogleClient("another.apps.googleusercontent.com", SecretStr("GOCSPX-another")))
    yield
    await fleet.use(fleet.world.client)


@asynccontextmanager
async def disk_full(fleet: Fleet) -> AsyncIterator[None]:
    # What is captured into files could not be written either.
    with capture_logs(), full(fleet.world.folder):
        yield


def google_says(kind: str, **options: object) -> Trouble:
    @asynccontextmanager
    async def trouble(fleet: Fleet) -> AsyncIterator[None]:
        await fleet.world.google.fault("google.token.refresh", kind, count=0, **options)
        if kind == "hang":  # which is waited for
            fleet.patience = 1.0
            await fleet.restart()
        yield
        await fleet.world.google.clear_faults()
        if kind == "hang":
            fleet.patience = 30.0
            await fleet.restart()

    return trouble


@pytest.mark.parametrize(
    ("trouble", "code"),
    [
        pytest.param(wrong_secret, "invalid_client", id="a wrong client secret"),
        pytest.param(another_client, "unknown_client", id="another client configured"),
        pytest.param(disk_full, "store_failed", id="a full disk"),
        pytest.param(google_says("status", status=503), "unavailable", id="an hour of 503"),
        pytest.param(google_says("status", status=502), "unavailable", id="an hour of 502"),
        pytest.param(google_says("status", status=429), "unavailable", id="an hour of 429"),
        pytest.param(google_says("html"), "unavailable", id="an hour of HTML"),
        pytest.param(google_says("drop"), "unavailable", id="an hour of cut connections"),
        pytest.param(google_says("hang"), "unavailable", id="an hour without an answer"),
    ],
)
@pytest.mark.one_way
async def test_everybodys_trouble_is_told_once_and_passes(
    fleet: Fleet, trouble: Trouble, code: str
) -> None:
    """An hour and a half of it, in which every token becomes due; then it is over."""
    async with trouble(fleet):
        await fleet.sweeps(9)
        assert fleet.world.quarantine_notes() == []
    await fleet.sweeps(6)
    assert fleet.fresh() == len(OWNERS)
    assert fleet.world.quarantine_notes() == []
    assert fleet.heard == [(code, "begins"), (code, "over")]
    assert fleet.state.rejections.held() == {}


@pytest.mark.encryption("on")
@pytest.mark.parametrize("keys", [0, 1], ids=["no key", "another key"])
async def test_without_its_key_nothing_starts_and_nothing_is_lost(
    world: World, folder: Path, keys: int
) -> None:
    """One clear message, before any sweep."""
    for owner in OWNERS:
        await world.connect(owner, f"u{owner.key}@example.com")
    before = _credentials(folder)
    stranger = store_in(folder, TokenEncryption([new_key() for _ in range(keys)]), MASK)
    with pytest.raises(OperatorFault, match="TOKEN_ENCRYPTION_KEY"):
        stranger.prepare()
    assert _credentials(folder) == before
    world.store.prepare()
    assert all(world.store.load(owner) for owner in OWNERS)


@pytest.mark.encryption("on")
async def test_files_of_another_key_are_skipped_and_told_of_once(fleet: Fleet) -> None:
    """Two of twelve were copied from another installation, and go when their key comes."""
    stranger = TokenEncryption([new_key()])
    kept = {}
    for owner in OWNERS[:2]:
        there = credential_at(fleet.world.folder, owner)
        kept[there] = there.raw()
        sealer, key = fleet.world.storage.sealer, there.key
        there.plant(sealed_by(stranger, key, sealer.open(*key, kept[there])))
    await fleet.sweeps(9)
    assert fleet.world.quarantine_notes() == []
    for there, raw in kept.items():
        there.plant(raw)
    await fleet.sweeps(3)
    assert fleet.fresh() == len(OWNERS)
    assert fleet.heard == [("unknown_key", "begins"), ("unknown_key", "over")]


@pytest.mark.one_way("on")
async def test_owners_of_a_forgotten_client_are_told_of_once_and_keep_nobody_waiting(
    fleet: Fleet,
) -> None:
    """Three of twelve, over hours and restarts; then the client is configured, and a restart."""
    strange = GoogleClient("old.apps.googleusercontent.com", SecretStr("GOCSPX-old"))
    for owner in OWNERS[:3]:
        credential = fleet.world.store.load(owner)
        assert credential is not None
        fleet.world.store.save_consent(replace(credential, client_id=strange.id))
    for _ in range(3):
        await fleet.sweeps(9)
        assert fleet.fresh() == len(OWNERS) - 3
        await fleet.restart()
    assert fleet.heard == [("unknown_client", "begins")]
    for owner in OWNERS[:3]:  # as if the sandbox had issued them to the other one
        credential = fleet.world.store.load(owner)
        assert credential is not None
        fleet.world.store.save_consent(replace(credential, client_id=fleet.world.client.id))
    await fleet.restart()
    # In a database the process before is another one, which says nothing any more.
    await fleet.sweeps(1 if databases() is None else 4)
    assert fleet.fresh() == len(OWNERS)
    assert fleet.heard == [("unknown_client", "begins"), ("unknown_client", "over")]
    assert fleet.world.quarantine_notes() == []


@pytest.mark.one_way("on")
async def test_what_organisations_forbid_alarms_no_administrator(fleet: Fleet) -> None:
    """Half of them, for a day: kept, and the others refreshed; nobody is on hold."""
    for owner in OWNERS[:6]:
        await fleet.world.google.fault(
            *("google.token.refresh", "oauth_error"),
            error="admin_policy_enforced",
            owner=f"u{owner.key}@example.com",
            count=0,
        )
    await fleet.sweeps(30)
    assert (fleet.fresh(), fleet.heard) == (6, [])
    assert fleet.state.rejections.held() == {}
    assert len(fleet.state.organisations.untold()) == 6
    await fleet.world.google.clear_faults()
    await fleet.restart()
    await fleet.sweeps(1)
    assert fleet.fresh() == len(OWNERS)
