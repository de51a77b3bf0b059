"""One pass over all owners: what is kept, refreshed, condemned, and what nothing is done about."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from config import GoogleClient
from security.credential import Credential, Owner
from security.maintenance.report import SweepReport
from security.maintenance.sweep import SweepOptions
from security.owner_documents import CREDENTIALS
from tests.journeys import until_struck
from tests.places import databases
from tests.security.kit import (
    ANN,
    BOB,
    World,
    a_credential,
    in_minutes,
    new_key,
)
from tests.spots import credential_at, everything_in, full, looked_into, spot

pytestmark = pytest.mark.one_way("on")


class Keeper:
    """Custody with its sweep, as in one process."""

    def __init__(
        self,
        world: World,
        *,
        custodian: Mapping[str, Any] | None = None,
        idle_after: timedelta | None = None,
        **options: Any,
    ) -> None:
        self.custody = world.new_custody(
            sweep=SweepOptions(**options), idle_after=idle_after, **(custodian or {})
        )
        self.custodian, self.sweep = self.custody.custodian, self.custody.sweep
        self.state, self.rejecting = self.custody.state, self.custody.rejecting

    async def run(self, **how: bool) -> SweepReport:
        return await self.sweep.run(**how)


def owners(count: int) -> list[Owner]:
    """Users with ids from 1000."""
    return [Owner.user(1000 + n) for n in range(count)]


async def connect_all(world: World, who: list[Owner], minutes_left: float) -> list[Credential]:
    """Everybody is connected, each with a Google account of their own."""
    return [
        await world.connect(owner, f"u{owner.key}@example.com", minutes_left=minutes_left)
        for owner in who
    ]


async def test_what_is_due_is_refreshed_ahead_of_its_expiry(world: World) -> None:
    """Ann's token has ten minutes left, Bob's an hour."""
    before = await world.connect(ANN, minutes_left=10)
    await world.connect(BOB, minutes_left=60)
    report = await Keeper(world).run()
    assert (report.seen, report.refreshed, report.fresh) == (2, 1, 1)
    after = world.store.load(ANN)
    assert after is not None
    assert after.generation == before.generation + 1
    assert after.expires_at is not None
    assert after.expires_at > datetime.now(UTC) + timedelta(minutes=50)
    assert report.minutes_left is not None
    assert report.minutes_left > 50


async def test_nothing_due_costs_no_lock_and_no_reading(world: World) -> None:
    """After the first look a file that has not changed is not opened again."""
    await connect_all(world, owners(5), 60)
    keeper = Keeper(world)
    assert (await keeper.run()).full
    with looked_into(keeper.custody.storage) as opened:
        report = await keeper.run()
        assert opened == set()
        await keeper.run(full=True)
        assert opened == {owner.stem for owner in owners(5)}
    seen = 5 if databases() is None else 0  # an index gives what is due alone
    assert (report.seen, report.fresh, report.full) == (seen, seen, False)


async def test_its_own_refresh_is_no_change_to_look_into(world: World) -> None:
    """What the sweep has saved itself it need not read again."""
    await world.connect(ANN, minutes_left=1)
    keeper = Keeper(world)
    await keeper.run()
    [page] = keeper.custody.storage.due(CREDENTIALS, 0, 500, everything=False)
    assert (page.seen, list(page.due)) == (1 if databases() is None else 0, [])


async def test_damage_is_noticed_when_the_file_changes(world: World) -> None:
    """In place, with the same length: the time of modification tells."""
    await world.connect(ANN)
    keeper = Keeper(world)
    await keeper.run()
    there = credential_at(world.folder, ANN)
    there.plant(bytes(len(there.raw())))
    report = await keeper.run()
    assert (report.quarantined, report.results) == (1, {"unreadable": 1})
    assert world.quarantine_notes() == ["unreadable"]


async def test_damage_that_leaves_no_trace_is_noticed_within_a_day(world: World) -> None:
    """Everything is read in full at the start, and once a day."""
    await world.connect(ANN)
    keeper = Keeper(world)
    await keeper.run()
    credential_at(world.folder, ANN).damage()
    assert (await keeper.run()).quarantined == 0
    assert (await keeper.run(full=True)).quarantined == 1


async def test_a_revoked_grant_goes_into_quarantine_at_the_end_of_the_sweep(world: World) -> None:
    """And the others are refreshed."""
    first, *others = owners(12)
    await connect_all(world, [first, *others], 5)
    await world.google.revoke(f"u{first.key}@example.com")
    report = await Keeper(world).run()
    assert (report.refreshed, report.quarantined, report.held) == (11, 1, 0)
    assert world.store.load(first) is None
    assert world.quarantine_notes() == ["invalid_grant"]


async def test_many_condemned_at_once_are_held_and_everybody_else_goes_on(world: World) -> None:
    """Three of twelve: more likely a fault of ours than of theirs."""
    everybody = owners(12)
    await connect_all(world, everybody, 5)
    for owner in everybody[:3]:
        await world.google.revoke(f"u{owner.key}@example.com")
    keeper = Keeper(world)
    report = await keeper.run()
    assert (report.refreshed, report.quarantined, report.held) == (9, 0, 3)
    assert world.quarantine_notes() == []
    again = await Keeper(world).run()  # after a restart
    assert (again.quarantined, again.held) == (0, 3)


async def test_damaged_ones_alone_are_held_together(world: World) -> None:
    """Nobody is due: still the rule looks at all of a pass, not at the first of it alone."""
    everybody = owners(12)
    await connect_all(world, everybody, minutes_left=600)
    for owner in everybody[:5]:
        credential_at(world.folder, owner).plant(b"damaged")
    report = await Keeper(world).run()
    assert (report.refreshed, report.quarantined, report.held) == (0, 0, 5)
    assert not any(credential_at(world.folder, owner).is_empty for owner in everybody)


async def test_damaged_ones_before_the_first_who_is_due_are_held_together(world: World) -> None:
    """They are read first, in the order of names."""
    damaged, due = owners(5), Owner.user(9000)
    await connect_all(world, damaged, minutes_left=600)
    await connect_all(world, [due], minutes_left=1)
    for owner in damaged:
        credential_at(world.folder, owner).plant(b"damaged")
    report = await Keeper(world, batch_size=1).run()
    assert (report.refreshed, report.quarantined, report.held) == (1, 0, 5)


async def test_dry_runs_change_nothing_of_what_the_rule_counts(world: World) -> None:
    """Whoever looks often does not make three of twelve a small share."""
    everybody = owners(12)
    await connect_all(world, everybody, minutes_left=600)
    keeper = Keeper(world)
    for _ in range(4):
        await keeper.run(full=True, dry_run=True)
    for owner in everybody[:3]:
        credential_at(world.folder, owner).plant(b"damaged")
    report = await keeper.run()
    assert (report.quarantined, report.held) == (0, 3)


async def test_an_administrators_word_moves_those_on_hold(world: World) -> None:
    """And nothing else does."""
    everybody = owners(4)
    await connect_all(world, everybody, 5)
    for owner in everybody[:3]:
        await world.google.revoke(f"u{owner.key}@example.com")
    keeper = Keeper(world)
    await keeper.run()
    assert await keeper.rejecting.confirm_held() == 3
    assert len(world.quarantine_notes()) == 3
    assert (await keeper.run()).held == 0


async def test_connecting_again_releases_from_hold(world: World) -> None:
    """And the new consent is in use."""
    everybody = owners(3)
    await connect_all(world, everybody, 5)
    for owner in everybody:
        await world.google.revoke(f"u{owner.key}@example.com")
    keeper = Keeper(world)
    assert (await keeper.run()).held == 3
    granted = await world.grant(everybody[0], "new@example.com")
    async with keeper.custody.leases.held(everybody[0]) as lease:
        await keeper.custodian.save_consent(granted, lease)
    assert everybody[0] not in keeper.state.rejections
    assert (await keeper.run()).held == 2
    assert await keeper.rejecting.confirm_held() == 2
    assert world.store.load(everybody[0]) is not None


async def test_a_passing_fault_keeps_the_credential_and_pauses(world: World) -> None:
    """The pause outlives a restart, and ends with a success."""
    await world.connect(ANN, minutes_left=5)
    await world.google.fault("google.token.refresh", "status", status=503, count=1)
    report = await Keeper(world).run()
    assert (report.transient, report.quarantined, report.results) == (1, 0, {"unavailable": 1})
    keeper = Keeper(world)
    assert (await keeper.run()).skipped == 1
    assert await world.refreshes() == 1
    keeper.state.pauses.clear(ANN)
    await keeper.state.save()
    assert (await keeper.run()).refreshed == 1


async def test_whoever_comes_by_in_a_pause_is_served(world: World) -> None:
    """Pauses are for the sweep, not for people."""
    await world.connect(ANN, minutes_left=-5)
    await world.google.fault("google.token.refresh", "status", status=503, count=1)
    keeper = Keeper(world)
    await keeper.run()
    served = await keeper.custodian.access_token(ANN)
    assert served.expires_at is not None
    assert not keeper.state.pauses.is_paused(ANN, datetime.now(UTC).timestamp())


async def test_a_wrong_client_is_asked_with_three_times_and_quarantines_nobody(
    world: World,
) -> None:
    """After three alike nobody else is asked."""
    everybody = owners(9)
    await connect_all(world, everybody, 5)
    wrong = GoogleClient(world.client.id, SecretStr("GOCSPX-wrong"))
    report = await Keeper(world, concurrency=1, custodian={"clients": (wrong,)}).run()
    assert (report.ended_by, report.operator, report.skipped) == (None, 3, 6)
    assert report.waiting == {"invalid_client": 6}
    assert world.quarantine_notes() == []
    assert (await Keeper(world).run()).refreshed == 9


@pytest.mark.encryption("on")  # without a key the start itself refuses
async def test_one_owners_unknown_key_is_skipped_and_counted(world: World) -> None:
    """The others are refreshed; the file stays as it is."""
    await connect_all(world, owners(4), 5)
    stranger = type(world.keyring)([new_key()])
    there = credential_at(world.folder, owners(1)[0])
    sealed = stranger.encrypt(b"{}")
    there.plant(sealed)
    report = await Keeper(world).run()
    assert (report.refreshed, report.operator, report.results) == (3, 1, {"unknown_key": 1})
    assert there.raw() == sealed


async def test_one_hanging_owner_holds_up_nobody(world: World) -> None:
    """The time-out ends the waiting; the refresh itself goes on to its save."""
    await connect_all(world, owners(5), 5)
    await world.google.fault("google.token.refresh", "latency", seconds=60, count=1)
    keeper = Keeper(world, timeout=timedelta(seconds=4))
    report = await keeper.run()
    assert (report.refreshed, report.transient, report.results) == (4, 1, {"timeout": 1})
    await world.google.clear_faults()
    await keeper.custody.workers.close()
    assert all(
        credential is not None and credential.generation == 2
        for credential in map(world.store.load, owners(5))
    )


async def test_stopping_lets_what_is_under_way_be_saved(world: World) -> None:
    """And asks for nobody else."""
    await connect_all(world, owners(6), 5)
    await world.google.fault("google.token.refresh", "latency", seconds=60, count=0)
    keeper = Keeper(world, concurrency=2)
    running = asyncio.create_task(keeper.run())
    await until_struck(world.google, "google.token.refresh", 2)
    keeper.sweep.stop()
    report = await running
    assert report.ended_by == "stopped"
    keeper.custody.workers.stop()
    await world.google.clear_faults()
    await keeper.custody.workers.close()
    assert await world.refreshes() == 2
    newer = [c for c in map(world.store.load, owners(6)) if c and c.generation == 2]
    assert len(newer) == 2


async def test_stopping_before_anything_began_asks_for_nobody(world: World) -> None:
    """The folder is still being looked at; and a sweep that comes after the stop is none."""
    await connect_all(world, owners(3), 5)
    keeper = Keeper(world)
    running = asyncio.create_task(keeper.run())
    await asyncio.sleep(0)
    keeper.sweep.stop()
    assert (await running).ended_by == "stopped"
    assert (await keeper.run()).ended_by == "stopped"
    await keeper.custody.workers.close()
    assert await world.refreshes() == 0


@pytest.mark.encryption("off")
@pytest.mark.one_way
async def test_thousands_who_are_idle_do_not_hold_the_event_loop(world: World) -> None:
    """Their tokens have run out, so each sweep comes across them, and passes them by."""
    now, keeper = datetime.now(UTC), Keeper(world, idle_after=timedelta(days=1))
    for owner in owners(5000):
        document = a_credential(owner, expires_at=now - timedelta(hours=1)).to_document()
        (world.folder / f"{owner.stem}.json").write_text(json.dumps(document))
        keeper.state.activity.begin(owner, now.timestamp() - 5 * 86400)
    assert (await keeper.run()).refreshed == 0
    longest: list[float] = []
    for _ in range(3):  # the collector, or a stranger in the processor's cache, may be in one
        spans: list[float] = []
        ticking = asyncio.create_task(_tick(spans))
        report = await keeper.run()
        ticking.cancel()
        assert (report.full, report.fresh, report.refreshed) == (False, 5000, 0)
        longest.append(max(spans) / sum(spans))
    assert min(longest) < 0.1


async def _tick(spans: list[float]) -> None:
    """Note the CPU seconds of each of the event loop's turns: its own, whoever else is busy."""
    while True:
        before = time.thread_time()
        await asyncio.sleep(0)
        spans.append(time.thread_time() - before)


async def test_a_dry_run_changes_nothing(world: World) -> None:
    """It counts what is due and what is damaged."""
    await world.connect(ANN, minutes_left=5)
    credential_at(world.folder, BOB).plant(b"{")
    before = everything_in(world.folder)
    report = await Keeper(world).run(dry_run=True)
    assert (report.refreshed, report.results) == (1, {"unreadable": 1})
    assert everything_in(world.folder) == before
    assert await world.refreshes() == 0


async def test_an_interrupted_disconnection_is_finished(world: World) -> None:
    """The first sweep finds the mark."""
    await world.connect(ANN)
    world.store.mark_leaving(ANN)
    await Keeper(world).run()
    assert credential_at(world.folder, ANN).is_empty


async def test_nothing_is_remembered_of_those_who_have_gone(world: World) -> None:
    """Ann was set aside and purged, Bob's file removed by hand; Cy is still in quarantine."""
    cy, dee = owners(2)
    keeper = Keeper(world)
    for owner in (ANN, BOB, cy, dee):
        await world.connect(owner, f"u{owner.key}@example.com")
        keeper.state.activity.begin(owner, 0.0)
        keeper.state.pauses.extend(owner, 0.0)
        keeper.state.rejections.reject(owner, "unreadable", "1-2-3", 0.0)
    for owner in (ANN, cy):
        world.store.copies.set_aside(owner, "unreadable")
    world.store.delete(ANN)
    credential_at(world.folder, BOB).take_away()
    await keeper.run()
    assert keeper.state.owners() == {cy, dee}
    assert keeper.state.activity.owners() == {cy, dee}
    again = Keeper(world).state
    await again.recall([ANN, BOB, cy, dee])  # as the sweep does, where several processes remember
    assert again.owners() == {cy, dee}


async def test_two_sweeps_are_never_one_inside_the_other(world: World) -> None:
    """The second waits, and finds nothing due."""
    await world.connect(ANN, minutes_left=5)
    keeper = Keeper(world)
    reports = await asyncio.gather(keeper.run(), keeper.run())
    assert [report.refreshed for report in reports] == [1, 0]
    assert await world.refreshes() == 1


async def test_files_of_nobody_are_left_alone(world: World) -> None:
    """Somebody's backup copies, say."""
    spot(world.folder, CREDENTIALS, "token_backup copy").plant(b"not ours")
    nobodys = spot(world.folder, CREDENTIALS, "token_0")
    nobodys.plant(b"nobody's")
    report = await Keeper(world).run()
    assert report.quarantined == 0
    assert not nobodys.is_empty


async def test_a_fault_nobody_foresaw_is_one_owners(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is counted, and the others are refreshed."""
    await connect_all(world, owners(3), 5)
    keeper = Keeper(world)
    real = keeper.custodian.refresh_within

    async def refresh(owner: Owner, *rest: Any) -> Any:
        if owner.key == "1001":
            raise ZeroDivisionError
        return await real(owner, *rest)

    monkeypatch.setattr(keeper.custodian, "refresh_within", refresh)
    report = await keeper.run()
    assert (report.refreshed, report.results) == (2, {"failed": 1})


OTHER = "another.apps.googleusercontent.com"


async def test_owners_of_an_unknown_client_keep_nobody_else_waiting(world: World) -> None:
    """However many they are, and however long ago their tokens ended."""
    everybody = owners(40)
    await connect_all(world, everybody, 5)
    strangers = everybody[:12]
    for owner in strangers:
        change_stored(world, owner, client_id=OTHER, expires_at=in_minutes(-600))
    keeper = Keeper(world)
    report = await keeper.run()
    assert (report.refreshed, report.operator, report.skipped, report.ended_by) == (28, 12, 0, None)
    again = await keeper.run()
    assert (again.operator, again.skipped, again.waiting) == (0, 12, {"unknown_client": 12})
    assert (again.ended_by, again.full) == (None, False)
    assert world.quarantine_notes() == []


async def test_a_restart_clears_the_pauses_of_operator_faults(world: World) -> None:
    """Whoever mends the settings need not wait on top of it."""
    await world.connect(ANN, minutes_left=5)
    keeper = Keeper(world, custodian={"clients": (GoogleClient(OTHER, SecretStr("x")),)})
    assert (await keeper.run()).results == {"unknown_client": 1}
    assert (await keeper.run()).skipped == 1
    assert (await Keeper(world).run()).refreshed == 1


@pytest.mark.parametrize("code", ["invalid_client", "deleted_client"])
async def test_a_refused_client_is_skipped_for_its_own_owners_alone(
    world: World, code: str
) -> None:
    """After three in a row; those of the other client are all refreshed."""
    everybody = owners(20)
    await connect_all(world, everybody, 5)
    theirs = everybody[::2]
    for owner in theirs:
        await world.google.fault(
            "google.token.refresh", "oauth_error", error=code, count=0, owner=account_of(owner)
        )
    await mark_as_of(world, theirs, OTHER)
    keeper = Keeper(world, concurrency=1, custodian={"clients": both_clients(world)})
    report = await keeper.run()
    assert (report.refreshed, report.ended_by) == (10, None)
    assert report.results == {code: 3}
    assert report.waiting == {code: 7}
    assert world.quarantine_notes() == []


async def test_a_client_that_has_worked_is_not_skipped(world: World) -> None:
    """Whatever it is that some meet, it is not the client's."""
    everybody = owners(12)
    await connect_all(world, everybody, 5)
    await world.google.fault(
        "google.token.refresh", "oauth_error", error="invalid_client", skip=1, count=6
    )
    report = await Keeper(world, concurrency=1).run()
    assert (report.refreshed, report.operator, report.skipped) == (6, 6, 0)


async def test_three_refusals_that_are_not_in_a_row_skip_nobody(world: World) -> None:
    """Another answer about a grant says that the client was accepted."""
    everybody = owners(9)
    await connect_all(world, everybody, 5)
    for error in ("invalid_client", "invalid_client", "org_internal") * 3:
        await world.google.fault("google.token.refresh", "oauth_error", error=error)
    report = await Keeper(world, concurrency=1).run()
    assert report.results == {"invalid_client": 6, "org_internal": 3}
    assert report.skipped == 0


@pytest.mark.parametrize(
    "error",
    [
        *("unauthorized_client", "disabled_client", "invalid_request", "invalid_scope"),
        *("something_new", "org_internal", "admin_policy_enforced", "slow_down", "server_error"),
        *("authorization_pending", "temporarily_unavailable", "rate_limit_exceeded"),
    ],
)
@pytest.mark.one_way
async def test_what_some_meet_ends_no_pass_and_skips_nobody(world: World, error: str) -> None:
    """The first fifteen that are due meet it; the other five are refreshed."""
    everybody = owners(20)
    await connect_all(world, everybody, 5)
    await world.google.fault("google.token.refresh", "oauth_error", error=error, count=15)
    keeper = Keeper(world, concurrency=1)
    report = await keeper.run()
    assert (report.refreshed, sum(report.results.values())) == (5, 15)
    assert (report.skipped, report.ended_by) == (0, None)
    assert world.quarantine_notes() == []


async def test_an_outage_that_many_meet_ends_no_pass(world: World) -> None:
    """Google is back in the middle of it: whoever comes then is refreshed."""
    everybody = owners(80)
    for number, owner in enumerate(everybody):
        await world.connect(owner, f"u{number % 8}@example.com", minutes_left=5)
    await world.google.fault("google.token.refresh", "status", status=503, count=75)
    report = await Keeper(world).run()
    assert (report.refreshed, report.transient, report.ended_by) == (5, 75, None)


async def test_an_organisations_refusal_is_asked_about_seldom(world: World) -> None:
    """Not before a day has almost passed, however often sweeps come; kept and not condemned."""
    await world.connect(ANN, minutes_left=5)
    await world.google.fault("google.token.refresh", "oauth_error", error="org_internal", count=0)
    keeper = Keeper(world)
    report = await keeper.run()
    assert (report.results, report.operator, report.quarantined) == ({"org_internal": 1}, 0, 0)
    now = datetime.now(UTC).timestamp()
    assert keeper.state.pauses.is_paused(ANN, now + 12 * 3600)
    assert not keeper.state.pauses.is_paused(ANN, now + 36 * 3600)
    assert keeper.state.organisations.untold() == [(ANN, "org_internal")]
    keeper.state.organisations.mark_told(ANN)
    await keeper.state.save()
    restarted = Keeper(world)
    await restarted.run()
    assert restarted.state.organisations.untold() == []
    await world.google.clear_faults()
    await restarted.custodian.refresh(ANN)
    assert restarted.state.organisations.owners() == set()
    assert not restarted.state.pauses.is_paused(ANN, now)


async def test_one_folder_in_the_place_of_a_file_waits_alone(world: World) -> None:
    """A save of one owner's fails, and the store can be written: the pass goes on."""
    everybody = owners(6)
    await connect_all(world, everybody, 5)
    (world.folder / "token_1000.json").unlink()
    (world.folder / "token_1000.json").mkdir()
    report = await Keeper(world).run()
    assert (report.refreshed, report.ended_by) == (5, None)


async def test_a_pass_that_ended_early_is_followed_by_a_full_one(world: World) -> None:
    """Whoever it left out is looked for again."""
    await connect_all(world, owners(3), 60)
    keeper = Keeper(world)
    assert (await keeper.run()).full
    assert not (await keeper.run()).full
    # In a thread a lease is given back at once.
    await asyncio.to_thread(change_stored, world, owners(3)[0], expires_at=in_minutes(5))
    # What is captured into files could not be written either.
    with capture_logs(), full(world.folder):
        assert (await keeper.run()).ended_by == "store_failed"
    report = await keeper.run()
    # An index gives whoever was left out; a full look is one of all processes' once a day.
    assert report.full is (databases() is None)
    assert (report.refreshed, report.ended_by) == (1, None)
    assert not (await keeper.run()).full


def account_of(owner: Owner) -> str:
    """As `connect_all` names it."""
    return f"u{owner.key}@example.com"


def both_clients(world: World) -> tuple[GoogleClient, ...]:
    """The sandbox's, and one that only has another name here."""
    return (world.client, GoogleClient(OTHER, SecretStr("GOCSPX-other")))


def change_stored(world: World, owner: Owner, **changes: Any) -> None:
    """Another credential stands in the owner's place."""
    credential = world.store.load(owner)
    assert credential is not None
    world.store.save_consent(replace(credential, **changes))


async def mark_as_of(world: World, who: list[Owner], client_id: str) -> None:
    """Their credentials are of another client."""
    for owner in who:
        change_stored(world, owner, client_id=client_id)


@pytest.mark.encryption("off")  # with a key, what other programs write is refused unread
@pytest.mark.one_way("off")
async def test_odd_fields_of_another_programs_files_cost_nobody_their_grant(world: World) -> None:
    """Numbers for times, what is missing or null: read or unknown, refreshed, never condemned."""
    values: dict[str, list[Any]] = {
        "expiry": [
            *(1_700_000_000, 1.7e12, "1700000000", True, -1, [], "x", None, 10**30, 1e400, {}, ""),
            "9999-12-31T23:59:59Z",
        ],
        "token": [None, 5, [], "", "a\nb", "höh"],
        "scopes": [None, 5, [], [None], "", {}],
        "account": [None, 5, []],
        "drivekeeper": [None],
    }
    odd = [{field: value} for field, of_it in values.items() for value in of_it]
    for owner, change in zip(owners(len(odd)), odd, strict=True):
        granted = await world.grant(owner, account_of(owner))
        document = replace(granted, expires_at=in_minutes(-5)).to_document()
        del document["drivekeeper"]
        path = world.folder / f"{owner.stem}.json"
        path.write_text(json.dumps({**document, **change}))
        path.chmod(0o600)
    report = await Keeper(world).run()
    assert (report.refreshed, report.quarantined, report.held) == (len(odd), 0, 0)
    assert report.results == {}
    for owner in owners(len(odd)):
        kept = world.store.load(owner)
        assert kept is not None
        assert kept.is_fresh(datetime.now(UTC))
