"""The embedded scheduler's task: a sweep, then whoever must hear of what it found."""

from __future__ import annotations

import contextlib
from typing import Final

import structlog

from bot import notices
from bot.admin import alerts
from bot.connecting import ending
from bot.context import BotContext
from bot.services import Services
from security.credential import Owner
from security.errors import CustodyError, HeldElsewhere
from security.maintenance.incidents import SWEEP_FAILED
from security.maintenance.report import SweepReport

FIRST_SECONDS: Final = 5
"""After the start: by then the bot answers people."""
_AGAIN: Final = "maintenance again"
_SOON_SECONDS: Final = 60.0
_OF_STORAGE: Final = frozenset(
    {"store_failed", "database_unreachable", "database_refused", "database_untrusted"}
)
_log = structlog.get_logger()


async def sweep(context: BotContext) -> None:
    """One pass. Whatever goes wrong with it, the next one comes."""
    services = context.services
    incidents, metrics = services.core.state.incidents, services.core.metrics
    try:
        report = await services.core.sweep.run()
    except Exception:
        _log.exception("sweep_failed")
        incidents.see(SWEEP_FAILED, services.core.storage.now(), 0)
        await alerts.tell_administrators(context.bot, services)
        return
    _log.info("sweep_finished", **report.log_fields())
    await services.core.fleet.learn(report)
    _look_again(context, report)
    metrics.swept(report)
    metrics.minutes_left(services.core.sweep.figures.by_minutes)
    metrics.incidents({incident.code: incident.owners for incident in incidents.open()})
    if report.ended_by != "stopped":  # then the next start tells them
        await alerts.tell_administrators(context.bot, services)
        await notices.tell_owners(context.bot, services)
        await notices.tell_refused(context.bot, services)
        await ending.tell_ahead(context.bot, services)
        await go_on_with_waiting(services)
    await services.core.state.save()


async def go_on_with_waiting(services: Services, *, tries_rejected: bool = False) -> None:
    """Files of those who have connected just before the last stop, or whose credential was put back
    elsewhere (by a command, or on the web), wait for nothing any more.

    Args:
        tries_rejected: also those of whoever is on hold; they are told of it each time.
    """
    core = services.core
    with contextlib.suppress(CustodyError):
        for owner in await services.uploads.waiting_owners():
            with contextlib.suppress(CustodyError):  # that owner's files wait on; nobody else's do
                await core.state.recall([owner])
                is_rejected = owner in core.state.rejections and not tries_rejected
                if not is_rejected and await core.custodian.load(owner) is not None:
                    await services.uploads.release(owner)


def _look_again(context: BotContext, report: SweepReport) -> None:
    """Whom another process was at is looked at again, once its lease would have lapsed; and trouble
    with the storage, of which only a sweep can tell that it is over, soon."""
    lasts = context.core.storage.lease_seconds
    if lasts is not None and report.waiting.get(HeldElsewhere.default_code):
        seconds = lasts + 1
    elif any(map(context.core.state.incidents.is_open, _OF_STORAGE)):
        seconds = _SOON_SECONDS
    else:
        return
    if report.ended_by != "stopped" and not context.jobs.get_jobs_by_name(_AGAIN):
        context.later(seconds, sweep, name=_AGAIN)


async def came_by(context: BotContext, owner: Owner) -> None:
    """A sign of life: whoever was idle is refreshed at once, while they type."""
    core, activity, now = context.core, context.core.state.activity, context.core.storage.now()
    if core.fleet.is_of_several and activity.is_on and not activity.is_of_today(owner, now):
        await core.state.recall([owner])
    if activity.note(owner, now):
        context.application.create_task(_wake(context, owner), name="wake")


async def _wake(context: BotContext, owner: Owner) -> None:
    with contextlib.suppress(CustodyError):  # what they ask for next tells them what is wrong
        await context.core.custodian.access_token(owner)
