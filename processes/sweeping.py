"""What a process does by itself that has no scheduler, the web process: sweeps, looks at sheets,
and telling."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import structlog

from bot.monitoring.metrics import Metrics
from config import Settings
from processes.wiring import Custody, alerts_of
from security.google.jitter import jittered
from security.maintenance.incidents import SWEEP_FAILED
from web.activity import Activity

if TYPE_CHECKING:
    from sheets.keeping.mirror import Mirror
    from sheets.keeping.services import SheetServices

_FIRST_SECONDS = 5.0
_log = structlog.get_logger()


@asynccontextmanager
async def sweeping(parts: Custody, settings: Settings, metrics: Metrics) -> AsyncIterator[None]:
    """Sweep now and then, for as long as this is entered.

    Not on files: there the bot does, which holds them, and remembers what it has seen. The parts
    refresh what they are asked for in any case: a host may sleep for hours.
    """
    minutes = settings.token_maintenance_interval_minutes
    if not minutes or not parts.storage.is_shared:
        yield
        return
    task = asyncio.create_task(_sweep_again_and_again(parts, minutes * 60, metrics))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait((task,))


@asynccontextmanager
async def alerting(
    parts: Custody, settings: Settings, metrics: Metrics, activity: Activity
) -> AsyncIterator[None]:
    """Tell ALERT_WEBHOOK_URL of trouble, for as long as this is entered."""
    alerts = alerts_of(settings, parts, metrics.alarms)
    task = asyncio.create_task(alerts.watch(activity.news()))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait((task,))


async def _sweep_again_and_again(parts: Custody, seconds: float, metrics: Metrics) -> None:
    pause = _FIRST_SECONDS
    while True:
        await asyncio.sleep(pause)
        pause = jittered(seconds)
        try:
            report = await parts.sweep.run()
        except Exception:
            _log.exception("sweep_failed")
            parts.state.incidents.see(SWEEP_FAILED, parts.storage.now(), 0)
            continue
        _log.info("sweep_finished", **report.log_fields())
        await parts.fleet.learn(report)
        metrics.swept(report)
        metrics.minutes_left(parts.sweep.figures.by_minutes)
        await parts.state.save()
        if report.ended_by == "stopped":  # it took the cancellation for that, and came to its end
            return


@asynccontextmanager
async def mirroring(parts: Custody, sheets: SheetServices | None) -> AsyncIterator[None]:
    """Look at what is due, for as long as this is entered."""
    if sheets is None:
        yield
        return
    task = asyncio.create_task(_look_again_and_again(parts, sheets.mirror))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait((task,))


async def _look_again_and_again(parts: Custody, mirror: Mirror) -> None:
    await asyncio.sleep(_FIRST_SECONDS)
    while True:
        await mirror.look()
        await parts.fleet.note_watched()
        await asyncio.sleep(jittered(mirror.every_seconds))
