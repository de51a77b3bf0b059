"""A bot on a database: what sweeps find is told once, though others may tell it as well."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.clients.person import Person
from security.credential import Owner
from security.maintenance.incidents import CLOCK_SKEW
from tests.bot.upkeep import DUE, Upkeep, account_of, among_many, by_hand, logged, said_to, sweep
from tests.fixtures import RunningBot, StartBot
from tests.security.kit import in_minutes

People = Callable[..., Person]
GONE = "is no longer connected"
pytestmark = [pytest.mark.one_way("on"), pytest.mark.encryption("on")]


async def connect(bot: RunningBot, upkeep: Upkeep, person: Person) -> None:
    """Connected, and due."""
    owner, core = Owner.user(person.id), bot.services.core
    granted = await upkeep.world.grant(owner, account_of(owner))
    async with core.leases.held(owner) as lease:
        await core.custodian.save_consent(replace(granted, expires_at=in_minutes(DUE)), lease)


async def test_owners_and_administrators_are_told_once_over_sweeps_and_restarts(
    start_bot: StartBot, upkeep: Upkeep, people: People, tmp_path: Path
) -> None:
    """Of a quarantined credential its owner; of trouble, and of its end, administrators."""
    ann, root = people(501, "Ann"), people(509, "Root")
    (tmp_path / "kept.db").touch()
    settings = {"ADMIN_USER_IDS": "509", "DATABASE_URL": f"sqlite:///{tmp_path / 'kept.db'}"}
    async with start_bot(**settings) as bot:
        by_hand(bot)
        for person in (ann, root):
            await person.start()
            await person.wait_for("Drivekeeper")
        await connect(bot, upkeep, ann)
        await upkeep.revoke(ann)
        among_many(bot)
        await sweep(bot, 3)
        assert [line["result"] for line in logged(bot, "owner_told")] == ["invalid_grant"]
        storage = bot.services.core.storage
        storage.skew = lambda: 3600.0  # type: ignore[method-assign]
        await sweep(bot, 2)
        assert [line["result"] for line in logged(bot, "incident_opened")] == [CLOCK_SKEW]
    async with start_bot(**settings) as bot:
        by_hand(bot)
        await sweep(bot, 2)  # who saw it has gone, and whoever takes its place says the end
        assert [line["result"] for line in logged(bot, "incident_closed")] == [CLOCK_SKEW]
        assert len(await said_to(ann, GONE)) == 1
        begun, over = await said_to(root, "This machine's clock and the database's differ")
        assert (begun.text[0], over.text[:6]) == ("🚨", "✅ Over")


async def test_whom_another_process_was_at_is_looked_at_again_a_lease_later(
    start_bot: StartBot, upkeep: Upkeep, people: People, tmp_path: Path
) -> None:
    """That process may have died: a whole interval is too long to wait for it."""
    ann = people(501, "Ann")
    (tmp_path / "kept.db").touch()
    async with start_bot(DATABASE_URL=f"sqlite:///{tmp_path / 'kept.db'}") as bot:
        by_hand(bot)
        await connect(bot, upkeep, ann)
        storage, jobs = bot.services.core.storage, bot.application.job_queue
        assert jobs is not None
        [lease] = storage.lease([Owner.user(ann.id).stem])
        assert lease is not None
        assert not isinstance(lease, Exception)
        await sweep(bot, 2)
        (again,) = jobs.get_jobs_by_name("maintenance again")
        lease.release()
        await again.run(bot.application)
        assert logged(bot, "sweep_finished")[-1]["refreshed"] == 1
