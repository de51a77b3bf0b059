"""The operator's port, with the bot at work: what it counts, and when it says no."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from processes import bot as bot_process
from processes.bot import StartupError
from processes.serving import serving_both
from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.person import Person
from sandbox.ports import free_port
from security.credential import Owner
from security.errors import TransientFault
from security.logs.schema import MASK
from tests.bot.upkeep import by_hand
from tests.fixtures import RunningBot, StartBot
from tests.journeys import connect, out_of_place, until

People = Callable[..., Person]
AMY = "amy@example.com"
HOUR = timedelta(hours=1)

# None of this depends on how credentials are kept.
pytestmark = pytest.mark.one_way("on")


@dataclass(frozen=True)
class Port:
    """The operations port of a running bot."""

    bot: RunningBot
    session: aiohttp.ClientSession

    async def ask(self, path: str) -> tuple[int, Any]:
        """Status and JSON of a page."""
        async with self.session.get(path) as answer:
            assert answer.headers["Cache-Control"] == "no-store"
            return answer.status, await answer.json()

    async def text(self) -> str:
        """What a Prometheus server gets."""
        async with self.session.get("/metrics") as answer:
            assert answer.status == 200
            assert answer.headers["Content-Type"].startswith("text/plain; version=")
            assert answer.headers["Cache-Control"] == "no-store"
            return await answer.text()

    async def value(self, name: str, **labels: str) -> float:
        """One sample; 0 where it is not there."""
        for family in text_string_to_metric_families(await self.text()):
            for sample in family.samples:
                if sample.name == name and sample.labels == labels:
                    return sample.value
        return 0


@pytest.fixture
async def port(start_bot: StartBot) -> AsyncIterator[Port]:
    """The bot with an operations port; no sweep adds to what the tests count."""
    number = free_port()
    async with (
        start_bot(METRICS_PORT=number) as bot,
        aiohttp.ClientSession(f"http://127.0.0.1:{number}") as session,
    ):
        by_hand(bot)
        yield Port(bot, session)


async def test_refreshes_and_uploads_are_counted_and_nobody_is_named(
    port: Port, google: GoogleControls, people: People
) -> None:
    """Every count is that of what happened; no id, mask, address or file name is there."""
    ann = people(77_501_501, "Ann")
    await connect(ann, google, AMY)
    await ann.send_document(b"0123456789", "wages.txt")
    await ann.wait_for("is in your Drive")
    owner = Owner.user(ann.id)
    custodian = port.bot.services.core.custodian
    credential = await custodian.load(owner)
    assert credential is not None
    assert credential.access_token is not None
    await custodian.access_token(owner, rejected=credential.access_token)
    await until(lambda: port.bot.services.uploads.position(owner) == 0)

    assert await port.value("drivekeeper_token_refreshes_total", result="ok") == 1
    assert await port.value("drivekeeper_uploads_total", result="ok") == 1
    assert await port.value("drivekeeper_uploaded_bytes_total") == 10
    assert await port.value("drivekeeper_telegram_alive") == 1
    text = await port.text()
    assert not MASK.search(text)
    for personal in (str(ann.id), "amy", "wages", credential.access_token.get_secret_value()):
        assert personal not in text


async def test_a_refused_refresh_and_a_cancelled_upload_count_by_their_codes(
    port: Port, google: GoogleControls, people: People
) -> None:
    """Also one that had not begun."""
    ann = people()
    await ann.send_document(b"waits", "a.txt")
    await ann.wait_for("is waiting")
    await ann.tap("Cancel")
    await ann.wait_for("was cancelled")
    await connect(ann, google, AMY)
    await google.fault("google.token.refresh", "status", status=503, count=1)
    core = port.bot.services.core
    owner = Owner.user(ann.id)
    credential = await core.custodian.load(owner)
    assert credential is not None
    with pytest.raises(TransientFault):
        await core.custodian.access_token(owner, rejected=credential.access_token)
    assert await port.value("drivekeeper_token_refreshes_total", result="unavailable") == 1
    assert await port.value("drivekeeper_uploads_total", result="cancelled") == 1


async def test_requests_to_drive_are_counted_as_drive_counts_them(
    port: Port, google: GoogleControls, people: People
) -> None:
    """By their methods, with retries; and what is sent back into the chat as bytes sent out."""
    ann = people()
    await connect(ann, google, AMY)
    await google.fault("google.upload.chunk", "status", status=503, count=1)
    await ann.send_document(b"0123456789" * 1000, "wages.txt")
    await ann.wait_for("is in your Drive")
    first = await port.value("drivekeeper_drive_quota_units_total")
    await ann.send_document(b"9876543210" * 999, "bonus.txt")
    await ann.wait_for(lambda message: bool(re.search("bonus.*is in your Drive", message.text)))
    second = await port.value("drivekeeper_drive_quota_units_total") - first
    await ann.tap("Send here")
    await ann.wait_for(lambda message: "document" in message.raw)
    await until(lambda: port.bot.services.uploads.position(Owner.user(ann.id)) == 0)

    counts = (await google.calls())["counts"]
    for method, operation in (
        *((name, f"google.drive.{name}") for name in ("files.list", "files.generateIds")),
        ("about.get", "google.drive.about"),
        ("upload.send", "google.upload.chunk"),
        ("upload.ask", "google.upload.status"),
    ):
        told = await port.value("drivekeeper_drive_requests_total", method=method)
        assert told == counts[operation], method
    looked = sum(
        [
            await port.value("drivekeeper_drive_requests_total", method=method)
            for method in ("files.get", "files.get_media")
        ]
    )
    assert looked == counts["google.drive.files.get"]
    made = await port.value("drivekeeper_drive_requests_total", method="files.create")
    assert made == counts["google.drive.files.create"] + counts["google.upload.start"]
    assert (first, second) == (315, 150)  # as docs/operations.md has it
    assert await port.value("drivekeeper_drive_egress_bytes_total") > 10_000


async def test_a_sweep_shows_in_the_metrics(
    port: Port, google: GoogleControls, people: People
) -> None:
    """The scheduler's own: nobody has to ask for it."""
    await connect(people(), google, AMY)
    jobs = port.bot.application.job_queue
    assert jobs is not None
    (job,) = jobs.get_jobs_by_name("maintenance")
    await job.run(port.bot.application)
    assert await port.value("drivekeeper_sweeps_total", result="ok") >= 1
    assert await port.value("drivekeeper_owners") == 1
    assert await port.value("drivekeeper_last_sweep_owners", outcome="fresh") == 1
    assert await port.value("drivekeeper_token_left_seconds_bucket", le="+Inf") == 1
    assert 3000 < await port.value("drivekeeper_token_least_left_seconds") <= 3600


async def test_a_data_folder_that_cannot_be_written_is_no_readiness(port: Port) -> None:
    """Before and after it the bot is ready, and all the time alive."""
    assert await port.ask("/readyz") == (200, {"ready": True, "reasons": []})
    with out_of_place(port.bot.folder):  # every write fails, as on a full disk
        assert await port.ask("/readyz") == (503, {"ready": False, "reasons": ["store_failed"]})
        assert await port.ask("/healthz") == (200, {"alive": True})
        assert "drivekeeper_telegram_alive 1" in await port.text()
    assert await port.ask("/readyz") == (200, {"ready": True, "reasons": []})


async def test_sweeps_that_fail_for_all_or_do_not_come_are_no_readiness(port: Port) -> None:
    """What ended the last one, or an hour without one where one is due every ten minutes."""
    core = port.bot.services.core
    report = await core.sweep.run()
    for changes, reason in (
        ({"ended_by": "invalid_client"}, "invalid_client"),
        ({"seconds": -3600.0}, "sweep_overdue"),
    ):
        core.metrics.swept(report.model_copy(update=changes))
        assert await port.ask("/readyz") == (503, {"ready": False, "reasons": [reason]})
        core.metrics.swept(report)
        assert await port.ask("/readyz") == (200, {"ready": True, "reasons": []})


async def test_a_clock_that_is_wrong_is_no_sweep_that_does_not_come(port: Port) -> None:
    """Sweeps have the storage's moments."""
    core = port.bot.services.core
    report = await core.sweep.run()
    core.metrics.swept(report.model_copy(update={"started_at": report.started_at - 3 * HOUR}))
    core.storage.now = lambda: time.time() - 3 * HOUR.total_seconds()  # type: ignore[method-assign]
    assert await port.ask("/readyz") == (200, {"ready": True, "reasons": []})


async def test_a_client_that_is_refused_is_no_readiness_where_nobody_else_is_served(
    port: Port,
) -> None:
    """A few owners of one client, or of one nobody configured, are not everybody."""
    core = port.bot.services.core
    report = await core.sweep.run()
    met = {"results": {"invalid_client": 3}, "waiting": {"invalid_client": 5}}
    core.metrics.swept(report.model_copy(update={**met, "fresh": 0, "operator": 3, "skipped": 5}))
    assert await port.ask("/readyz") == (503, {"ready": False, "reasons": ["invalid_client"]})
    for others in (
        {**met, "fresh": 1},
        {**met, "refreshed": 1},
        {"results": {"unknown_client": 2}},
        {"results": {"invalid_client": 3, "timeout": 1}},
        {"results": {"org_policy": 9}, "fresh": 0},
    ):
        core.metrics.swept(report.model_copy(update={"fresh": 0, **others}))
        assert await port.ask("/readyz") == (200, {"ready": True, "reasons": []})


async def test_a_bot_that_does_not_poll_is_not_ready(port: Port) -> None:
    """Whatever ended it."""
    updater = port.bot.application.updater
    assert updater is not None
    await updater.stop()
    assert await port.ask("/readyz") == (503, {"ready": False, "reasons": ["not_running"]})


async def test_what_is_served_nowhere_is_not_made(bot: RunningBot) -> None:
    """It takes longer than most of what a start does."""
    settings = bot.settings.model_copy(update={"web_port": 0, "metrics_port": 0})
    never = partial(pytest.fail, "was made")
    async with serving_both(settings, never, never):
        pass


async def test_a_port_that_is_taken_refuses_the_start(bot: RunningBot) -> None:
    """In one sentence that names the port, and the variable that holds it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for updates, name in (
            ({"web_port": 0, "metrics_port": port}, "METRICS_PORT"),
            ({"web_port": port, "metrics_port": 0}, "WEB_PORT"),
        ):
            settings = bot.settings.model_copy(update=updates)
            says = rf"on 127\.0\.0\.1:{port} \(.+\): stop what does, or set {name} to another"
            with pytest.raises(StartupError, match=says):
                async with bot_process.web_front(settings, bot.application):
                    pass
