"""The embedded scheduler: the sweep as a job of the bot's own JobQueue."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from apscheduler.events import EVENT_JOB_EXECUTED, JobExecutionEvent
from freezegun import freeze_time

from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.person import Person
from security.credential import Credential, Owner
from security.encryption import TokenEncryption
from security.token_store import TokenStore
from tests.bot.upkeep import by_hand, logged, sweep
from tests.fixtures import RunningBot, StartBot
from tests.journeys import connect, until, until_struck
from tests.stores import store_in

People = Callable[..., Person]
AMY = "amy@example.com"
ANN = Owner.user(501)

pytestmark = pytest.mark.one_way("on")  # tests/security/test_sweep.py goes both ways


def events(bot: RunningBot, name: str) -> list[dict[str, object]]:
    """What was logged under this name."""
    lines = map(json.loads, bot.log.getvalue().splitlines())
    return [line for line in lines if line["event"] == name]


def store_of(bot: RunningBot) -> TokenStore:
    """Its store, as another process sees it."""
    return store_in(bot.folder, TokenEncryption(bot.settings.encryption_keys))


def stored(bot: RunningBot) -> Credential:
    """Ann's."""
    credential = store_of(bot).load(ANN)
    assert credential is not None
    return credential


def expire_soon(bot: RunningBot, minutes: float = 5) -> Credential:
    """Ann's token is said to end soon."""
    soon = datetime.now(UTC) + timedelta(minutes=minutes)
    return store_of(bot).save(
        replace(stored(bot), expires_at=soon), based_on=stored(bot).generation
    )


def _more_than(done: list[JobExecutionEvent], count: int) -> bool:
    return len(done) > count


async def test_the_scheduler_refreshes_by_itself(
    start_bot: StartBot, google: GoogleControls, people: People
) -> None:
    """Every few seconds here; nobody asks for anything."""
    async with start_bot(TOKEN_MAINTENANCE_INTERVAL_MINUTES="0.01") as bot:
        await connect(people(), google, AMY)
        before = expire_soon(bot)
        await until(lambda: stored(bot).generation > before.generation, 20)
        await until(lambda: any(e["refreshed"] for e in events(bot, "sweep_finished")))


async def test_a_storage_that_works_again_is_found_out_before_the_next_interval(
    start_bot: StartBot,
) -> None:
    """Only a sweep can tell that it is over, and administrators wait for that."""
    async with start_bot() as bot:
        by_hand(bot)
        jobs, state = bot.application.job_queue, bot.services.core.state
        assert jobs is not None
        await sweep(bot)
        assert jobs.get_jobs_by_name("maintenance again") == ()
        state.incidents.meet("store_failed", bot.services.core.storage.now())
        await sweep(bot)
        assert state.incidents.is_open("store_failed")
        [again] = jobs.get_jobs_by_name("maintenance again")
        await again.run(bot.application)
        (closed,) = logged(bot, "incident_closed")
        assert closed["result"] == "store_failed"


async def test_without_an_interval_there_are_no_sweeps(start_bot: StartBot) -> None:
    """0 turns them off."""
    async with start_bot(TOKEN_MAINTENANCE_INTERVAL_MINUTES="0") as bot:
        queue = bot.application.job_queue
        assert queue is not None
        assert queue.get_jobs_by_name("maintenance") == ()
    async with start_bot() as bot:
        queue = bot.application.job_queue
        assert queue is not None
        [job] = queue.get_jobs_by_name("maintenance")
        assert job.job.max_instances == 1
        assert job.job.trigger.interval == timedelta(minutes=10)
        assert job.job.trigger.jitter == 60
        assert job.job.misfire_grace_time is None


async def test_a_slow_sweep_is_not_overtaken_and_keeps_nobody_waiting(
    start_bot: StartBot, google: GoogleControls, people: People
) -> None:
    """Google takes its time; a sweep is due often meanwhile; /help is answered before that."""
    async with start_bot(TOKEN_MAINTENANCE_INTERVAL_MINUTES="0.003") as bot:
        ann = people()
        await connect(ann, google, AMY)
        await google.forget_calls()
        await google.fault("google.token.refresh", "latency", seconds=60, count=1)
        before = expire_soon(bot)
        await until_struck(google, "google.token.refresh")
        assert bot.services.core.sweep.is_running
        await ann.send("/help")
        await ann.wait_for("20 MiB")
        await asyncio.sleep(1)  # five are due
        assert stored(bot).generation == before.generation
        await google.clear_faults()
        await until(lambda: stored(bot).generation > before.generation, 20)
        await asyncio.sleep(0.3)
        counts = (await google.calls())["counts"]
        assert counts.get("google.token.refresh") == 1
        assert events(bot, "sweep_failed") == []


async def test_the_scheduler_follows_the_clock(
    start_bot: StartBot, google: GoogleControls, people: People
) -> None:
    """An hour passes in the blink of an eye: the token is renewed ahead of its end."""
    async with start_bot() as bot:
        queue = bot.application.job_queue
        assert queue is not None
        [job] = queue.get_jobs_by_name("maintenance")
        done: list[JobExecutionEvent] = []  # until one is over, the next one is left out

        def note(event: JobExecutionEvent) -> None:
            if event.job_id == job.job.id:
                done.append(event)

        queue.scheduler.add_listener(note, EVENT_JOB_EXECUTED)
        await connect(people(), google, AMY)
        before = stored(bot)
        await until(lambda: bool(events(bot, "sweep_finished")))
        with freeze_time(datetime.now(UTC).replace(tzinfo=None), real_asyncio=True) as clock:
            for _ in range(5):
                clock.tick(timedelta(minutes=11, seconds=30))
                before_tick = len(done)
                queue.scheduler.wakeup()
                await until(partial(_more_than, done, before_tick))
                assert stored(bot).is_fresh(datetime.now(UTC), timedelta(minutes=3))
            assert stored(bot).generation == before.generation + 1
