"""Builds the bot: python-telegram-bot's Application over the core."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import Final, cast

from pydantic import SecretStr
from telegram import LinkPreviewOptions, Update
from telegram.constants import ParseMode
from telegram.ext import ApplicationBuilder, ContextTypes, Defaults, ExtBot, JobQueue, TypeHandler

from bot import maintenance, webhook
from bot.access.policy import Access
from bot.access.refusals import Refusals
from bot.admin import alerts, client_alarms
from bot.connecting import connect, device_flow
from bot.context import BotApplication, BotContext
from bot.core import BotOptions, Core
from bot.delivery.file_sender import Sender
from bot.delivery.messages import acknowledge
from bot.delivery.rate_limits import RateLimiter
from bot.delivery.telegram_answers import DecidedAnswers
from bot.delivery.telegram_request import CLOUD, TelegramRequest
from bot.errors import Job, Outages, on_error
from bot.gate import gate
from bot.handlers import handlers, needs_of
from bot.receiving import files, renaming
from bot.services import Services
from bot.updates.attention import Attention
from bot.updates.inbox import LOOK_SECONDS, Inbox
from bot.updates.journal import UpdateJournal
from bot.updates.ordering import PerUserOrder
from bot.updates.telegram_health import TelegramHealth
from bot.uploads.albums import Albums
from bot.uploads.destinations import Destinations
from bot.uploads.ends import UploadEnds
from bot.uploads.journal import UploadJournal
from bot.uploads.queue import UploadQueue
from bot.uploads.running.runner import UploadRunner
from departments.alerts.alerts import LOOKED_EVERY
from security.credential import Owner

_EXPIRY_SECONDS: Final = 15
_FORGET_SECONDS: Final = 3600
_SHEETS_FIRST_SECONDS: Final = 5
_CONNECTIONS: Final = 64  # more than the library's one: replies do not wait for each other


def build_application(
    core: Core,
    options: BotOptions,
    journal: UploadJournal,
    updates: UpdateJournal,
    *,
    token: SecretStr,
    api_base_url: str = CLOUD,
) -> BotApplication:
    """The bot, ready for `bot.lifecycle.start`. Makes no connection.

    Args:
        core: what it stands on.
        options: the settings it needs.
        journal: where unfinished uploads are written down.
        updates: where Telegram's updates are, until they are handled.
        token: from BotFather.
        api_base_url: Telegram's cloud, a local Bot API server, or the sandbox.
    """
    limiter = RateLimiter(options.timing)
    access = Access(options.members, options.allowed_chat_ids, core.keeps)
    inbox = Inbox(updates, core.workers, core.state.incidents, access)
    inbox.lease = core.lease
    telegram_health = TelegramHealth(
        network=options.network,
        address=api_base_url,
        admit=core.lease.until_allowed,
        connection_pool_size=1,
    )
    bot = ExtBot(
        token.get_secret_value(),
        base_url=f"{api_base_url}/bot",
        base_file_url=f"{api_base_url}/file/bot",
        local_mode=options.local_mode,
        request=_Requests(
            options.network,
            api_base_url,
            admit=core.lease.until_allowed,
            connection_pool_size=_CONNECTIONS,
            pool_timeout=30,
            media_write_timeout=60,
        ),
        get_updates_request=telegram_health,
        defaults=Defaults(
            parse_mode=ParseMode.HTML,
            # Telegram's previews open links, and one-time links are not for Telegram.
            link_preview_options=LinkPreviewOptions(is_disabled=True),
        ),
        rate_limiter=limiter,
    )
    destinations = Destinations(options.folder_name, core.preferences.folders)
    ends = UploadEnds(core.metrics)
    runner = UploadRunner(bot, core, options, journal, destinations, ends, limiter.has_room)
    uploads = UploadQueue(
        journal,
        core.workers,
        runner.run,
        runner.transfer.discard,
        ends,
        at_once=options.uploads_at_once,
        limit=options.uploads_per_user,
        may_use=options.members.may_use,
    )
    services = Services(
        core=core,
        options=options,
        access=access,
        uploads=uploads,
        ends=ends,
        albums=Albums(uploads, options.timing.album_end),
        progress_of=runner.progress_of,
        sender=Sender(bot, core.sending_drives, options.data_folder, local_mode=options.local_mode),
        destinations=destinations,
        inbox=inbox,
        attention=Attention(bot, inbox, options.timing),
        telegram_health=telegram_health,
        refusals=Refusals(),
    )
    jobs = JobQueue[BotContext]()
    application: BotApplication = (
        ApplicationBuilder()
        .bot(bot)
        # Called once, to make the `bot_data` of this one application.
        .context_types(
            ContextTypes(context=BotContext, bot_data=cast("type[Services]", lambda: services))
        )
        .update_queue(inbox)
        .concurrent_updates(PerUserOrder(inbox))
        .job_queue(jobs)
        .build()
    )
    table = handlers(options.admin_user_ids, has_rosters=core.has_rosters)
    application.add_handler(TypeHandler(Update, gate), -1)  # before all others
    application.add_handlers(table)
    application.add_error_handler(on_error)

    def tell_of_trouble() -> None:
        if application.running:  # else the next start does
            application.create_task(alerts.tell_administrators(bot, services), name="alert")

    def note_drive(result: str) -> None:
        if alerts.note_drive(services, result):
            tell_of_trouble()

    loop = asyncio.get_running_loop()

    def note_lease(code: str | None) -> None:  # in the lease's own thread
        with contextlib.suppress(RuntimeError):  # the loop is closed: the process ends
            loop.call_soon_threadsafe(note_database, code)

    def note_database(code: str | None) -> None:
        if application.running:
            told = alerts.note_database(bot, services, code)
            application.create_task(told, name="alert")

    def tell_of_overflow(update: Update) -> None:
        application.create_task(files.tell_overflow(bot, services, update), name="overflow")

    def acknowledge_tap(update: Update) -> None:
        application.create_task(acknowledge(update.callback_query), name="acknowledge")

    for drives in core.all_drives:
        drives.on_result = note_drive
    # 0: a message without a sender, which is turned away.
    inbox.waiting.is_full = lambda person: person > 0 and uploads.is_full(Owner.user(person))
    uploads.on_end = inbox.release
    uploads.on_stopping = runner.cancel
    core.lease.on_fault = note_lease
    inbox.on_overflow = tell_of_overflow
    telegram_health.on_several = inbox.take_in
    inbox.on_wait = acknowledge_tap
    inbox.needs = partial(needs_of, table)
    inbox.on_trouble = runner.on_trouble = tell_of_trouble
    outages = Outages()
    _schedule(jobs, options, outages)
    if core.sheets is not None:
        _schedule_sheets(jobs, core.sheets.mirror.every_seconds, outages)
    return application


def _schedule(jobs: JobQueue[BotContext], options: BotOptions, outages: Outages) -> None:
    # JobQueue skips what is more than a second late, unless told otherwise.
    late: Final = {"misfire_grace_time": None}
    for resume in (device_flow.resume, renaming.resume):
        jobs.run_once(resume, 0, job_kwargs=late)
    repeated: list[tuple[Job, float]] = [
        (connect.expire, _EXPIRY_SECONDS),
        (files.forget_old, _FORGET_SECONDS),
        (_look_after, LOOK_SECONDS),
        (client_alarms.look, LOOKED_EVERY),
    ]
    if options.webhook_url:
        repeated.append((webhook.watch, webhook.EVERY_SECONDS))
    for job, seconds in repeated:
        jobs.run_repeating(outages.once(job), seconds, job_kwargs={**late, "coalesce": True})
    if interval := options.maintenance_interval:
        # Jitter would put off the first one, too.
        jobs.run_once(
            maintenance.sweep,
            maintenance.FIRST_SECONDS,
            name="first maintenance",
            job_kwargs=late,
        )
        jobs.run_repeating(
            maintenance.sweep,
            interval,
            name="maintenance",
            # One at a time; jitter keeps several installations from asking Google in step.
            job_kwargs={
                **late,
                "coalesce": True,
                "max_instances": 1,
                "jitter": interval.total_seconds() / 10,
            },
        )


async def _look_after(context: BotContext) -> None:
    for drives in context.core.all_drives:
        drives.close_idle()
    request = context.bot.request
    if isinstance(request, TelegramRequest):
        await request.close_idle()
    await context.services.inbox.look_after()


class _Requests(DecidedAnswers, TelegramRequest):
    """For all that is asked of Telegram but its updates."""


def _schedule_sheets(jobs: JobQueue[BotContext], every_seconds: float, outages: Outages) -> None:
    jobs.run_repeating(
        outages.once(_look_at_sheets),
        every_seconds,
        first=_SHEETS_FIRST_SECONDS,
        name="sheets",
        job_kwargs={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
    )


async def _look_at_sheets(context: BotContext) -> None:
    if (sheets := context.core.sheets) is not None:
        await sheets.mirror.look()
        if await context.core.fleet.note_watched():
            await alerts.tell_administrators(context.bot, context.services)
        if context.core.has_rosters:
            from bot.duty.telling import tell

            await tell(context.bot, context.services)
