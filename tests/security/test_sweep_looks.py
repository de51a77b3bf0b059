"""What a sweep looks at again: what was refused, what cannot be read, and whom it leaves alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from security.credential import Owner
from security.logs.schema import OPERATOR_FAULTS
from security.owner_documents import CREDENTIALS
from security.storage.catalogue import Document, Kind
from security.storage.parts import Kept
from security.storage.protocol import Storage
from security.storage.refusals import Refusals
from security.storage.sealing import Sealer
from tests.places import databases
from tests.security.hearing import unreadable
from tests.security.kit import ANN, BOB, World, a_credential, in_minutes
from tests.security.test_sweep import Keeper, connect_all, owners
from tests.spots import credential_at, gone, looked_into
from tests.stores import storage_in, storage_sealed_by

pytestmark = pytest.mark.one_way("on")


async def open_incidents(keeper: Keeper, **how: bool) -> list[str]:
    """The codes of those that are open after one more sweep."""
    report = await keeper.run(**how)
    keeper.state.incidents.learn(report, OPERATOR_FAULTS)
    for incident in keeper.state.incidents.to_tell(report.started_at.timestamp()):
        keeper.state.incidents.told(incident)
    return [incident.code for incident in keeper.state.incidents.open()]


def bring_back_an_older(world: World, keeper: Keeper) -> None:
    """Ann's credential from before she connected again; the process has seen the newer one."""
    there = credential_at(world.folder, ANN)
    before = there.raw()
    keeper.custody.store.save_consent(a_credential(ANN))
    there.plant(before)


async def test_an_older_credential_is_told_of_as_long_as_it_lies_there(world: World) -> None:
    """Though its token lives, and the storage has opened it."""
    for owner in (ANN, BOB):
        world.store.save_consent(a_credential(owner))
    keeper = Keeper(world)
    await keeper.run()
    bring_back_an_older(world, keeper)
    if databases() is not None:  # where nothing tells what others have changed
        assert await open_incidents(keeper, full=True) == ["older_generation"]
    for _ in range(3):
        assert await open_incidents(keeper) == ["older_generation"]
    known = keeper.custody.storage.known(CREDENTIALS)
    assert [name for name, moment in known.items() if moment] == [BOB.stem]
    world.store.delete(ANN)
    assert await open_incidents(keeper) == []


async def test_an_older_credential_is_told_of_where_its_owner_comes_by_before_the_sweep(
    world: World,
) -> None:
    """And not only then."""
    for owner in (ANN, BOB):
        world.store.save_consent(a_credential(owner))
    keeper = Keeper(world)
    await keeper.run()
    bring_back_an_older(world, keeper)
    with capture_logs(), pytest.raises(Exception, match="older generation"):
        await keeper.custodian.access_token(ANN)
    for _ in range(2):
        assert await open_incidents(keeper) == ["older_generation"]


async def test_an_older_credential_is_told_of_where_somebody_is_looked_for_before_the_sweep(
    world: World,
) -> None:
    """By whoever disconnects: all of the same account are looked for."""
    for owner in (ANN, BOB):
        world.store.save_consent(a_credential(owner))
    keeper = Keeper(world)
    await keeper.run()
    bring_back_an_older(world, keeper)
    keeper.custody.storage.find(CREDENTIALS, "account", "somebody@example.com")
    for _ in range(2):
        assert await open_incidents(keeper) == ["older_generation"]


@pytest.mark.encryption("off")
@pytest.mark.one_way("off")
async def test_what_is_no_credential_is_counted_by_every_sweep_though_it_is_json(
    world: World,
) -> None:
    """Three of twelve, on hold: an hour later they still are many, and a fourth is held as well."""
    everybody = owners(12)
    for owner in everybody:
        world.store.save_consent(a_credential(owner))

    def spoil(owner: Owner) -> None:
        path = world.folder / f"{owner.stem}.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "client_id": None}))

    for owner in everybody[:3]:
        spoil(owner)
    keeper = Keeper(world)
    for _ in range(3):
        report = await keeper.run()
        assert (report.held, report.fresh, sum(report.results.values())) == (3, 9, 3)
    spoil(everybody[3])
    report = await keeper.run()
    assert (report.held, report.quarantined) == (4, 0)


async def test_a_file_that_cannot_be_read_stays_an_incident(world: World) -> None:
    """Though it has not changed since it could."""
    for owner in (ANN, BOB):
        world.store.save_consent(a_credential(owner))
    keeper = Keeper(world)
    await keeper.run()
    with unreadable(f"{ANN.stem}.json"):
        assert await open_incidents(keeper, full=True) == ["store_failed"]
        for _ in range(2):
            assert await open_incidents(keeper) == ["store_failed"]
    await open_incidents(keeper)
    assert keeper.custody.storage.known(CREDENTIALS).keys() == {ANN.stem, BOB.stem}


async def test_a_place_that_has_gone_is_a_fault_and_nothing_is_forgotten(
    world: World,
) -> None:
    """Not even by a full sweep; nor is it made anew, which would hide what has happened."""
    world.store.save_consent(a_credential(ANN))
    keeper = Keeper(world)
    keeper.custody.store.prepare()
    keeper.state.pauses.extend(ANN, in_minutes(0).timestamp())
    await keeper.run()
    with gone(world.folder) as code:
        for full in (True, False):
            with capture_logs() as logs:
                assert await open_incidents(keeper, full=full) == [code]
            assert "memory_not_saved" in [entry["event"] for entry in logs]
    assert keeper.state.pauses.owners() == {ANN}
    assert (await keeper.run()).ended_by is None


async def test_owners_of_a_refused_client_are_neither_locked_nor_read(world: World) -> None:
    """Three are asked with it; of the others nothing but what is known is needed."""
    everybody = owners(12)
    await connect_all(world, everybody, 5)
    await world.google.fault("google.token.refresh", "oauth_error", error="invalid_client", count=0)
    keeper = Keeper(world, concurrency=1)
    first = await keeper.run()
    assert (first.operator, first.waiting) == (3, {"invalid_client": 9})
    with looked_into(keeper.custody.storage) as opened:
        second = await keeper.run()
    assert (second.operator, second.waiting) == (3, {"invalid_client": 9})
    assert len(opened) <= 4  # one more is taken up while the third is asked about


class Defective(Sealer):
    """One document brings out a defect."""

    def open(self, kind: Kind, name: str, kept: Kept) -> Document:
        if name == "token_1001":
            raise ZeroDivisionError
        return super().open(kind, name, kept)


@pytest.mark.parametrize("dry_run", [False, True])
async def test_a_defect_that_one_document_brings_out_is_its_owners_alone(
    world: World, dry_run: bool
) -> None:
    """Everybody else is refreshed; a dry run counts it, and no pause follows."""
    everybody = owners(4)
    await connect_all(world, everybody, 5)
    storage = storage_sealed_by(world.folder, Defective(world.keyring, Refusals()))
    keeper = Keeper(world, custodian={"storage": storage})
    with capture_logs() as logs:
        report = await keeper.run(full=True, dry_run=dry_run)
    assert (report.refreshed, report.results) == (3, {"failed": 1})
    failed = [entry for entry in logs if entry["event"] == "sweep_owner_failed"]
    assert len(failed) == (0 if dry_run else 1)
    assert len(keeper.state.pauses.owners()) == (0 if dry_run else 1)


class Interrupted:
    """A storage where something happens right after the credentials were listed."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self.listed = 0
        self.then: Callable[[], None] = lambda: None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    def names(self, kind: Kind, prefix: str = "") -> list[str]:
        """See `Storage.names`."""
        found = self._storage.names(kind, prefix)
        if kind is CREDENTIALS:
            self.listed += 1
            self.then()
        return found


async def test_whoever_connects_while_a_sweep_looks_who_has_gone_is_not_forgotten(
    world: World,
) -> None:
    """Their last day is kept, which their connecting has begun."""
    world.store.save_consent(a_credential(BOB))
    storage = Interrupted(storage_in(world.folder, world.keyring))
    keeper = Keeper(world, custodian={"storage": storage})
    storage.then = lambda: keeper.state.connected(ANN)
    await keeper.run(full=True)
    assert storage.listed == 1
    assert ANN in keeper.state.activity.owners()


async def test_who_has_ended_makes_no_share_of_the_rejected_smaller(world: World) -> None:
    """An old backup's files beside their tombstones, which every sweep looks at again."""
    everybody = owners(60)
    await connect_all(world, everybody, minutes_left=600)
    for owner in everybody[20:]:
        there = credential_at(world.folder, owner)
        old = there.raw()
        world.store.delete(owner)
        there.plant(old)
    keeper = Keeper(world)
    for _ in range(6):
        await keeper.run()
    for owner in everybody[:12]:
        credential_at(world.folder, owner).plant(b"damaged")
    report = await keeper.run()
    assert (report.quarantined, report.held) == (0, 12)
