"""All processes go by the storage's clock, however wrong their own is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from pydantic import SecretStr

from security.consent.approvals import GoogleAccount
from security.consent.flows import ConsentMethod
from security.maintenance.incidents import CLOCK_SKEW
from tests.security.kit import ANN, BOB
from tests.security.processes import CLIENT, Processes, several

pytestmark = pytest.mark.one_way("on")
WRONG = [timedelta(hours=1), timedelta(hours=-1), timedelta(days=3), timedelta(seconds=-5.1)]


@pytest.fixture(params=WRONG, ids=str)
async def processes(request: pytest.FixtureRequest) -> AsyncIterator[Processes]:
    """This machine's clock is wrong by that much; the storage's is right."""
    wrong_by: timedelta = request.param
    async with several(ahead=-wrong_by.total_seconds()) as made:
        yield made


async def test_nothing_is_refreshed_before_it_is_due_by_the_storages_clock(
    processes: Processes,
) -> None:
    """On demand as in a sweep; nor left alone when it is due."""
    processes.connect(ANN, minutes_left=40)
    processes.connect(BOB, minutes_left=5)
    one = processes.start()
    report = await one.sweep.run()
    assert (report.seen, report.refreshed) == (2, 1)
    for owner in (ANN, BOB):
        await one.custodian.access_token(owner)
    assert processes.endpoint.asked == {"502": 1}
    kept = one.store.load(BOB)
    assert kept is not None
    assert kept.expires_at is not None
    left = kept.expires_at - processes.now()
    assert timedelta(minutes=59) < left < timedelta(minutes=61)
    assert 39 < (report.minutes_left or 0) < 41


async def test_pauses_and_days_are_the_storages(processes: Processes) -> None:
    """What one process writes down, another with a right clock understands."""
    processes.connect(ANN)
    one = processes.start()
    one.state.connected(ANN)
    assert one.state.activity.entry_of(ANN) == {"day": int(processes.shelf.now() // 86400)}
    processes.endpoint.end(ANN)
    report = await one.sweep.run()
    assert report.quarantined == 1
    [record] = one.store.copies.records()
    assert abs(record.time - processes.now()) < timedelta(minutes=1)


async def test_a_clock_that_is_wrong_is_an_incident_until_it_is_right(
    processes: Processes,
) -> None:
    """Administrators are told once that it began, and once that it is over."""
    one = processes.start()
    one.state.learn(await one.sweep.run())
    [incident] = one.state.incidents.to_tell(processes.shelf.now())
    assert (incident.code, incident.over) == (CLOCK_SKEW, False)
    one.state.incidents.told(incident)
    processes.shelf.ahead = 4.9  # so much is nothing
    one.state.learn(await one.sweep.run())
    [incident] = one.state.incidents.to_tell(processes.shelf.now())
    assert (incident.code, incident.over) == (CLOCK_SKEW, True)


async def test_a_request_to_connect_ends_by_the_storages_clock(processes: Processes) -> None:
    """Ten minutes after it was made, whoever looks."""
    one = processes.start()

    async def nobody(token: SecretStr) -> GoogleAccount:
        raise AssertionError

    flows = one.consent_flows(nobody)
    await flows.begin(ANN, ConsentMethod("paste", CLIENT, "http://127.0.0.1:1/"))
    pending = await flows.latest(ANN)
    assert pending is not None
    assert pending.expires_at - processes.now() < timedelta(minutes=11)
    assert flows.is_young(pending, 60)
    processes.shelf.tick(60)
    assert not flows.is_young(pending, 60)
    processes.shelf.tick(11 * 60)
    assert await flows.latest(ANN) is None
