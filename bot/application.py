"""Builds the bot: python-telegram-bot's Application over the core."""

from __future__ import annotations

from typing import Final

from pydantic import SecretStr
from telegram import LinkPreviewOptions, Update
from telegram.constants import ParseMode
from telegram.ext import ApplicationBuilder, ContextTypes, Defaults, JobQueue
from telegram.request import BaseRequest

from bot import maintenance
from bot.access.policy import Access
from bot.access.refusals import Refusals
from bot.admin import alerts
from bot.connecting import connect, device_flow
from bot.context import BotApplication, BotContext, BotOptions, Core, Services
from bot.delivery.rate_limits import RateLimiter
from bot.delivery.telegram_answers import DecidedAnswers
from bot.delivery.telegram_request import CLOUD, TelegramRequest
from bot.drive_files.sending import Sender
from bot.errors import on_error
from bot.handlers import handlers
from bot.receiving import files, renaming
from bot.updates import overflow, webhook
from bot.updates.inbox import LOOK_SECONDS, Inbox
from bot.updates.journal import UpdateJournal
from bot.updates.ordering import PerUserOrder
from bot.updates.pulse import Pulse
from bot.uploads.albums import Albums
from bot.uploads.destinations import Places
from bot.uploads.jobs import UploadJournal
from bot.uploads.queue import UploadQueue
from bot.uploads.runner import UploadRunner
from security.credential import Owner

_LAPSE_SECONDS: Final = 15
_FORGET_SECONDS: Final = 3600
_CONNECTIONS: Final = 64


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
    limiter = RateLimiter()
    access = Access(options.members, options.allowed_chat_ids, core.custodian.keeps)
    inbox = Inbox(updates, core.custodian, core.records.memory.incidents, access)
    pulse = Pulse(network=options.network, address=api_base_url, connection_pool_size=1)
    bound: type[BotContext] = type("BoundContext", (BotContext,), {})
    jobs: JobQueue[BotContext] = JobQueue()
    application: BotApplication = (
        ApplicationBuilder()
        .token(token.get_secret_value())
        .base_url(f"{api_base_url}/bot")
        .base_file_url(f"{api_base_url}/file/bot")
        .local_mode(options.local_mode)
        .request(_connections(options, api_base_url))
        .get_updates_request(pulse)
        .context_types(ContextTypes(context=bound))
        .defaults(
            Defaults(
                parse_mode=ParseMode.HTML,
                # Telegram's previews open links, and one-time links are not for Telegram.
                link_preview_options=LinkPreviewOptions(is_disabled=True),
            )
        )
        .rate_limiter(limiter)
        .update_queue(inbox)
        .concurrent_updates(PerUserOrder(inbox))
        .job_queue(jobs)
        .build()
    )
    places = Places(options.folder_name, core.preferences.folders)
    runner = UploadRunner(application.bot, core, options, journal, places, limiter.has_room)
    uploads = UploadQueue(
        journal,
        core.custodian,
        runner.run,
        runner.discard,
        at_once=options.uploads_at_once,
        limit=options.uploads_per_user,
        may_use=options.members.may_use,
    )
    bound.services = Services(
        core=core,
        options=options,
        access=access,
        uploads=uploads,
        albums=Albums(uploads),
        progress_of=runner.progress_of,
        sender=Sender(
            application.bot,
            core.sending_drives,
            options.data_folder,
            local_mode=options.local_mode,
        ),
        places=places,
        inbox=inbox,
        pulse=pulse,
        refusals=Refusals(),
    )

    def tell_of_trouble() -> None:
        if application.running:  # else the next start does
            application.create_task(
                alerts.tell_administrators(application.bot, bound.services), name="alert"
            )

    def note_drive(result: str) -> None:
        if alerts.note_drive(bound.services, result):
            tell_of_trouble()

    for drives in (core.drives, core.upload_drives, core.sending_drives):
        drives.on_result = note_drive

    def tell_of_overflow(update: Update) -> None:
        application.create_task(
            overflow.tell(application.bot, core.preferences, update), name="overflow"
        )

    # 0: a message without a sender, which is turned away.
    inbox.lines.is_full = lambda person: person > 0 and uploads.is_full(Owner.user(person))
    uploads.on_end = inbox.look_again
    inbox.on_overflow = tell_of_overflow
    inbox.on_trouble = runner.on_trouble = tell_of_trouble
    for group, handler in handlers(options.admin_user_ids):
        application.add_handler(handler, group)
    application.add_error_handler(on_error)
    # JobQueue skips what is more than a second late, unless told otherwise.
    for resume in (device_flow.resume, renaming.resume):
        jobs.run_once(resume, 0, job_kwargs={"misfire_grace_time": None})
    jobs.run_repeating(
        connect.lapse, _LAPSE_SECONDS, job_kwargs={"misfire_grace_time": None, "coalesce": True}
    )
    jobs.run_repeating(
        files.forget_old, _FORGET_SECONDS, job_kwargs={"misfire_grace_time": None, "coalesce": True}
    )
    jobs.run_repeating(
        _look_after, LOOK_SECONDS, job_kwargs={"misfire_grace_time": None, "coalesce": True}
    )
    if options.webhook_url:
        jobs.run_repeating(
            webhook.watch,
            webhook.EVERY_SECONDS,
            job_kwargs={"misfire_grace_time": None, "coalesce": True},
        )
    if options.maintenance_interval:
        seconds = options.maintenance_interval.total_seconds()
        # Jitter would put off the first one, too.
        jobs.run_once(
            maintenance.sweep,
            maintenance.FIRST_SECONDS,
            name="first maintenance",
            job_kwargs={"misfire_grace_time": None},
        )
        jobs.run_repeating(
            maintenance.sweep,
            options.maintenance_interval,
            name="maintenance",
            # One at a time; jitter keeps several installations from asking Google in step.
            job_kwargs={
                "misfire_grace_time": None,
                "coalesce": True,
                "max_instances": 1,
                "jitter": seconds / 10,
            },
        )
    return application


async def _look_after(context: BotContext) -> None:
    core = context.core
    for drives in (core.drives, core.upload_drives, core.sending_drives):
        drives.close_idle()
    request = context.bot.request
    if isinstance(request, TelegramRequest):
        await request.close_idle()
    await context.services.inbox.look_after()


class _Connections(DecidedAnswers, TelegramRequest):
    """For all that is asked of Telegram but its updates."""


def _connections(options: BotOptions, api_base_url: str) -> BaseRequest:
    # More than python-telegram-bot's one: replies do not wait for each other.
    return _Connections(
        options.network,
        api_base_url,
        connection_pool_size=_CONNECTIONS,
        pool_timeout=30,
        media_write_timeout=60,
    )
