"""/health: how the credentials stand, for administrators, with a picture of the last day."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import Final, TypeVar

from telegram import InputMediaPhoto, Message, Update

from bot.admin import admin_keyboards
from bot.admin.picture import picture_of_the_day
from bot.context import BotContext
from bot.core import Core
from bot.delivery.conversation import Conversation
from bot.delivery.messages import (
    acknowledge,
    privately,
    put_into,
    say,
    show_instead,
    was_taken,
)
from bot.services import Services
from bot.texts import admin_texts
from bot.texts.catalogue import Texts
from security.credential import Owner
from security.errors import CustodyError
from security.maintenance.incidents import OF_FILES
from security.maintenance.report import SweepReport
from security.owner_documents import CREDENTIALS

_SHOWN_SWEEPS: Final = 5
_SHOWN_INCIDENTS: Final = 3
"""Telegram takes 1,024 characters below a picture."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Standing:
    """Counts of owners; each who is connected is in one of the first six. None: not known."""

    healthy: int
    due: int
    paused: int
    idle: int
    held: int
    unreadable: int
    minutes_left: float | None
    """The fewest on any live token; None also: there is none."""
    quarantined: int | None
    free_bytes: int | None

    @property
    def connected(self) -> int:
        """Everyone with a stored credential."""
        return self.healthy + self.due + self.paused + self.idle + self.held + self.unreadable


async def health(update: Update, context: BotContext) -> None:
    """/health, and its Refresh button."""
    services, query = context.services, update.callback_query
    await acknowledge(query)
    picture = await picture_of_the_day(services)
    text = _text(services, await standing_of(services), context.t, drawn=picture is not None)
    markup = admin_keyboards.health(context.t)
    shown = query.message if query else None
    if picture is None:
        if isinstance(shown, Message) and not shown.photo:
            await show_instead(update, context, text, markup)
        else:  # beside an old picture the new numbers would mislead
            await say(update, context, text, markup)
        return
    if isinstance(shown, Message) and shown.photo:
        media = InputMediaPhoto(picture, caption=text)
        if await was_taken(shown.edit_media(media, reply_markup=markup)):
            return

    async def once(here: Conversation, _: int | None) -> Message:
        return await context.bot.send_photo(
            here.chat_id,
            picture,
            message_thread_id=here.topic_id,
            caption=text,
            reply_markup=markup,
        )

    await put_into(privately(update, context.owner), once)


async def standing_of(services: Services) -> Standing:
    """How the credentials are now, without reading the folder again; holds and trouble, as all
    processes know them."""
    core, now = services.core, services.core.custodian.clock.now()
    await core.state.recall_rejected()
    with suppress(CustodyError):  # what is known here is better than nothing
        await core.state.recall_incidents()
    memory, held = core.state, core.state.rejections.held()
    last = memory.sweeps[-1].results if memory.sweeps else {}

    def look() -> Standing:
        _unless_the_disk_fails(core.sweep.figures.count)
        counts = _by_count if core.storage.is_shared else _by_owner
        whole, due, paused, idle = counts(core, now)
        folder = services.options.data_folder
        return Standing(
            healthy=whole - due,
            due=due - paused - idle,
            paused=paused,
            idle=idle,
            held=len(held),
            minutes_left=core.sweep.figures.minutes_left(),
            unreadable=sum(last.get(code, 0) for code in OF_FILES),
            quarantined=_unless_the_disk_fails(core.quarantine.size),
            free_bytes=_unless_the_disk_fails(lambda: shutil.disk_usage(folder).free),
        )

    return await core.workers.read(look)


def _by_owner(core: Core, now: datetime) -> tuple[int, int, int, int]:
    """How many are not on hold, and of those how many are due; of these who pauses, who is idle."""
    memory, held, at = core.state, core.state.rejections.held(), now.timestamp()
    due_before = (now + core.custodian.lead).timestamp()
    known = [
        (Owner.from_stem(name), moment)
        for name, moment in core.storage.known(CREDENTIALS).items()
        if moment is not None
    ]
    whole = [(owner, moment) for owner, moment in known if owner not in held]
    due = [owner for owner, moment in whole if moment < due_before]
    paused = {owner for owner in due if memory.pauses.is_paused(owner, at)}
    idle = {owner for owner in due if memory.activity.is_idle(owner, at)} - paused
    return len(whole), len(due), len(paused), len(idle)


def _by_count(core: Core, now: datetime) -> tuple[int, int, int, int]:
    """The same of a fleet that several processes keep: who pauses and is idle, as far as this one
    has met them."""
    memory, held, at = core.state, len(core.state.rejections.held()), now.timestamp()
    edges = [(now + core.custodian.lead).timestamp(), float("inf")]
    counted = _unless_the_disk_fails(lambda: core.storage.due_counts(CREDENTIALS, edges).upto)
    last = core.sweep.figures.by_minutes
    due, everybody = counted or (0, last[-1][1] if last else 0)
    whole = max(everybody - held, 0)
    due = min(max(due - held, 0), whole)
    paused = {owner for owner in memory.pauses.owners() if memory.pauses.is_paused(owner, at)}
    idle = {owner for owner in memory.activity.owners() if memory.activity.is_idle(owner, at)}
    pausing = min(len(paused), due)
    return whole, due, pausing, min(len(idle - paused), due - pausing)


def _unless_the_disk_fails(ask: Callable[[], T]) -> T | None:
    try:
        return ask()
    except (OSError, CustodyError):
        return None


def _text(services: Services, standing: Standing, t: Texts, *, drawn: bool) -> str:
    memory, now = services.core.state, services.core.custodian.clock.now()
    parts = [
        t.tr("healthy {count}", count=standing.healthy),
        t.tr("due {count}", count=standing.due),
        t.tr("pausing {count}", count=standing.paused),
    ]
    if memory.activity.is_on:
        parts.append(t.tr("idle {count}", count=standing.idle))
    parts.append(t.tr("on hold {count}", count=standing.held))
    if standing.unreadable:
        parts.append(t.tr("cannot be decrypted {count}", count=standing.unreadable))
    quarantined = "?" if standing.quarantined is None else standing.quarantined
    left = standing.minutes_left
    shortest = "–" if left is None else t.duration(left * 60)
    queued, running = services.uploads.counts()
    free = "?" if standing.free_bytes is None else t.size(standing.free_bytes)
    lines = [
        f"🩺 <b>Drivekeeper {version('drivekeeper')}</b>",
        "",
        t.tr("<b>Connected: {count}</b>", count=standing.connected),
        " · ".join(parts),
        *(
            []
            if standing.connected
            else [t.tr("Nobody is connected: there is nothing to show yet.")]
        ),
        t.tr("In quarantine: {count}", count=quarantined),
        t.tr("Shortest time left on a token: {time}", time=shortest),
        t.tr("Uploads: {running} running, {queued} in line", running=running, queued=queued),
        t.tr("Free disk space: {size}", size=free),
        t.tr("Encryption: on") if services.options.encrypted else t.tr("Encryption: off"),
        "",
        *_incidents(services, now, t),
        "",
        *_sweeps(memory.sweeps, t),
        *([] if drawn else _last_day(services, now, t)),
        "",
        t.tr("As of {time}", time=now.strftime("%Y-%m-%d %H:%M:%S UTC")),
    ]
    return "\n".join(lines)


def _incidents(services: Services, now: datetime, t: Texts) -> list[str]:
    incidents = services.core.state.incidents.open()
    if not incidents:
        return [t.tr("✅ No trouble.")]
    lines = [t.tr("🚨 <b>Trouble now</b>")]
    for incident in incidents[:_SHOWN_INCIDENTS]:
        age = t.duration(now.timestamp() - incident.since)
        lines.append(f"• {admin_texts.title(incident.code, t)} ({age})")
    if (more := len(incidents) - _SHOWN_INCIDENTS) > 0:
        lines.append(t.tr("… and {count} more", count=more))
    return lines


def _sweeps(sweeps: list[SweepReport], t: Texts) -> list[str]:
    if not sweeps:
        return [t.tr("There has been no sweep yet.")]
    lines = [t.tr("<b>Last sweeps</b> (time in UTC)")]
    for report in reversed(sweeps[-_SHOWN_SWEEPS:]):
        line = t.tr(
            "{time} · {seconds} s · refreshed {count}",
            time=report.started_at.astimezone(UTC).strftime("%H:%M"),
            seconds=f"{report.seconds:.1f}",
            count=report.refreshed,
        )
        if trouble := report.transient + report.operator:
            line += " · " + t.tr("failed {count}", count=trouble)
        if report.quarantined:
            line += " · " + t.tr("set aside {count}", count=report.quarantined)
        lines.append(line)
    return lines


def _last_day(services: Services, now: datetime, t: Texts) -> list[str]:
    """What the picture would show."""
    since = now - timedelta(days=1)
    sweeps = [report for report in services.core.state.sweeps if report.started_at > since]
    if not sweeps:
        return []
    counts = [
        t.tr("sweeps {count}", count=len(sweeps)),
        t.tr("refreshed {count}", count=sum(report.refreshed for report in sweeps)),
        t.tr("failed for now {count}", count=sum(report.transient for report in sweeps)),
        t.tr("failed until mended {count}", count=sum(report.operator for report in sweeps)),
        t.tr("set aside {count}", count=sum(report.quarantined for report in sweeps)),
    ]
    lines = ["", t.tr("<b>Last 24 hours</b>"), " · ".join(counts)]
    if left := [report.minutes_left for report in sweeps if report.minutes_left is not None]:
        line = t.tr(
            "Shortest time left on a token: {time} (a refresh is due at {lead})",
            time=t.duration(min(left) * 60),
            lead=t.duration(services.core.custodian.lead.total_seconds()),
        )
        lines.append(line)
    return lines
