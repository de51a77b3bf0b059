"""A week in the life of credentials, with the clock in the test's hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from freezegun.api import FrozenDateTimeFactory

from processes.wiring import Custody
from security.credential import Credential, Owner
from tests.security.kit import AMY, ANN, BEN, BOB, World

LEAD, EVERY = timedelta(minutes=15), timedelta(minutes=10)
WEEK = timedelta(days=7)

pytestmark = pytest.mark.one_way("on")  # the clock is the same both ways


def keeper(world: World, idle_after: timedelta | None = None) -> Custody:
    """Custody as after a start."""
    return world.new_custody(idle_after=idle_after)


def stored(world: World, owner: Owner) -> Credential:
    """It must be there."""
    credential = world.store.load(owner)
    assert credential is not None
    return credential


def left(credential: Credential) -> timedelta:
    """Until its access token expires."""
    assert credential.expires_at is not None
    return credential.expires_at - datetime.now(UTC)


@pytest.mark.one_way
async def test_a_credential_is_refreshed_ahead_each_hour_for_a_week(
    world: World, clock: FrozenDateTimeFactory
) -> None:
    """It never has less than the lead less one pause; people who come by never wait for Google."""
    await world.connect(ANN)
    sweep = keeper(world).sweep
    began, generation, renewed = datetime.now(UTC), stored(world, ANN).generation, []
    while datetime.now(UTC) - began < WEEK:
        clock.tick(EVERY)
        assert left(stored(world, ANN)) >= LEAD - EVERY
        await sweep.run()
        credential = stored(world, ANN)
        assert left(credential) > LEAD
        if credential.generation != generation:
            generation = credential.generation
            renewed.append(datetime.now(UTC))
    gaps = {after - before for before, after in pairwise(renewed)}
    assert min(gaps) >= timedelta(minutes=40)
    assert max(gaps) <= timedelta(hours=1)
    assert await world.refreshes() == len(renewed)
    assert world.quarantine_notes() == []


async def test_no_token_expires_under_an_upload_of_hours(
    world: World, clock: FrozenDateTimeFactory
) -> None:
    """Each chunk goes out under a token that Google accepts, and none waits for a refresh."""
    await world.connect(ANN)
    custody = keeper(world)
    custodian, sweep = custody.custodian, custody.sweep
    for minute in range(5 * 60):
        clock.tick(timedelta(minutes=1))
        if minute % 10 == 9:
            await sweep.run()
        if minute % 4 == 0:
            assert left(stored(world, ANN)) >= LEAD - EVERY
        if minute % 20 == 0:  # a chunk
            asked = await world.refreshes()
            served = await custodian.access_token(ANN)
            assert served.access_token is not None
            assert (await world.drives.account(served.access_token)).address
            assert await world.refreshes() - asked <= 1


@pytest.mark.one_way
async def test_idle_owners_are_refreshed_seldom_and_at_once_when_they_come_back(
    world: World, clock: FrozenDateTimeFactory
) -> None:
    """Ann writes every day, Bob not at all; after a month he is refreshed once, for the grant."""
    await world.connect(ANN, AMY)
    await world.connect(BOB, BEN)
    custody = keeper(world, idle_after=timedelta(days=2))
    custodian, sweep, activity = custody.custodian, custody.sweep, custody.state.activity
    for _ in range(7 * 24):
        clock.tick(timedelta(hours=1))
        activity.note(ANN, datetime.now(UTC).timestamp())
        await sweep.run()
    ann, bob = stored(world, ANN).generation, stored(world, BOB).generation
    assert ann > 7 * 24 - 5
    assert 2 * 24 < bob < 4 * 24  # a day is the smallest that activity knows
    clock.tick(timedelta(days=20))
    await sweep.run()
    assert stored(world, BOB).generation == bob
    clock.tick(timedelta(days=12))
    await sweep.run()
    assert stored(world, BOB).generation == bob + 1
    clock.tick(timedelta(days=3))
    assert activity.note(BOB, datetime.now(UTC).timestamp())
    served = await custodian.access_token(BOB)
    assert left(served) > LEAD
    assert not activity.note(BOB, datetime.now(UTC).timestamp())


async def test_an_hours_outage_is_over_without_anybodys_help(
    world: World, clock: FrozenDateTimeFactory
) -> None:
    """Pauses grow, the credential stays, and the first sweep after them refreshes it."""
    await world.connect(ANN)
    custody = keeper(world)
    sweep, incidents = custody.sweep, custody.state.incidents
    await world.google.fault("google.token.refresh", "status", status=503, count=0)
    alerts = set()
    for _ in range(12):
        clock.tick(EVERY)
        incidents.learn(await sweep.run(), frozenset())
        for incident in incidents.to_tell(datetime.now(UTC).timestamp()):
            alerts.add((incident.code, incident.over))
            incidents.told(incident)
    assert await world.refreshes() < 8
    await world.google.clear_faults()
    for _ in range(6):
        clock.tick(EVERY)
        incidents.learn(await sweep.run(), frozenset())
        for incident in incidents.to_tell(datetime.now(UTC).timestamp()):
            alerts.add((incident.code, incident.over))
            incidents.told(incident)
    assert left(stored(world, ANN)) > LEAD
    assert alerts == {("unavailable", False), ("unavailable", True)}
    assert world.quarantine_notes() == []


async def test_of_whom_nobody_knows_when_they_connected_the_first_look_counts(
    world: World, clock: FrozenDateTimeFactory
) -> None:
    """Over restarts as well: they are idle some day, however often the bot is started."""
    granted = await world.connect(ANN)
    world.store.save_consent(replace(granted, granted_at=None))
    refreshed = []
    for _ in range(5):
        custody = keeper(world, idle_after=timedelta(days=2))
        refreshed.append((await custody.sweep.run()).refreshed)
        clock.tick(timedelta(days=1))
    assert refreshed == [0, 1, 1, 0, 0]
