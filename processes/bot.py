"""The composition root of the bot's process: the only place that constructs its services."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import timedelta
from functools import partial
from importlib.metadata import version as installed_version

import structlog
from pydantic import SecretStr
from telegram.error import InvalidToken

from bot import kinds, lifecycle, webhook
from bot.admin import alerts
from bot.application import build_application
from bot.context import BotApplication
from bot.core import IN_EARNEST, BotOptions, Core, Timing
from bot.delivery.file_sender import AT_ONCE
from bot.monitoring.metrics import Metrics
from bot.preferences.store import Preferences
from bot.updates.journal import UpdateJournal
from bot.uploads.journal import UploadJournal
from bot.uploads.running.telegram_connections import download_client
from config import Settings
from drive import DriveApi, Drives
from drive.errors import INCIDENTS as DRIVE_INCIDENTS
from processes import wiring
from processes.departments import departments_beside, sign_in_links
from processes.ending import Replaced, StartupError, StoppedInTime
from processes.outage import PASSING, Outage, until_it_answers
from processes.ports import standby_front, web_front
from processes.present import presence_of, present
from processes.standby import only_bot_on
from processes.storage import is_in_use, mask_of, storage_of
from security.consent.flows import PASTE_REDIRECT, ConsentMethod
from security.errors import CustodyError, OperatorFault
from security.google.network import Network
from security.logging_utils import OwnerMask, configure_logging, redact_logs
from security.maintenance.presence import Presence
from security.storage.disk_faults import reason_of
from security.storage.files.told_note import ToldNote
from security.storage.holding.fenced import FencedDocuments
from security.storage.holding.held_lease import HeldLease
from security.storage.leases import BOT_LEASE
from security.storage.protocol import Storage
from web.callback import CALLBACK_PATH

__all__ = [
    "StartupError",
    "only_bot_on",
    "prepare_logs",
    "run",
    "run_to_the_end",
    "services",
    "web_front",
]

_QUICK_THREADS = 8  # beside one for each upload, which looks for space and duplicates
_LAST_SECONDS = 1
OpenStorage = Callable[[Settings, OwnerMask], Storage]
_log = structlog.get_logger()


def run_to_the_end(settings: Settings, open_storage: OpenStorage = storage_of) -> None:
    """`run`, and the end of the process once it has stopped in order.

    By then everything is closed and saved. A thread that hangs in the network, asking for a name
    or reading an answer, cannot be ended, and the interpreter would wait for it.

    Raises:
        StartupError: as `run`.
    """
    code = 0
    with asyncio.Runner() as runner:
        try:
            runner.run(run(settings, open_storage))
        except Replaced as replaced:
            print(replaced, file=sys.stderr)
            code = Replaced.exit_code
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


async def run(settings: Settings, open_storage: OpenStorage = storage_of) -> None:
    """Run until SIGINT or SIGTERM.

    Raises:
        StartupError: before anything was done for anybody.
        Replaced: another process is the bot by now.
    """
    # The masks' key may be where nobody can look yet, and what is said before is of no owner.
    redact_logs(level=settings.log_level, style=settings.log_format)
    outage, standing_by = Outage(), partial(standby_front, settings, Metrics())
    try:
        while True:
            try:
                await _be_the_bot(settings, open_storage, outage)
                break
            except OperatorFault as fault:
                if settings.database is None or fault.code not in PASSING:
                    raise
                ask = partial(is_in_use, settings)
                await until_it_answers(fault, ask, outage, standing_by)
        _log.info("bot_stopped", result="ok")
    except StoppedInTime:
        _log.info("bot_stopped", result="ok")
    except CustodyError as error:
        _log.critical("bot_refused_to_start", result=error.code)
        raise StartupError(str(error), code=error.code) from error
    except StartupError as error:
        _log.critical("bot_refused_to_start", result=error.code)
        raise


async def _be_the_bot(settings: Settings, open_storage: OpenStorage, outage: Outage) -> None:
    """Return once it was stopped.

    Raises:
        StartupError, CustodyError: it could not start.
        Replaced, StoppedInTime: as `run`, `only_bot_on`.
    """
    async with AsyncExitStack() as stack:
        try:
            mask = await asyncio.to_thread(prepare_logs, settings)  # a database may be waited for
            storage, metrics = open_storage(settings, mask), Metrics()
            presence = presence_of(storage, "bot")
            if storage.is_shared:
                told = ToldNote(settings.user_data_dir)
                outage.recall(await asyncio.to_thread(told.take))
            try:
                lease = await stack.enter_async_context(
                    only_bot_on(
                        storage,
                        meanwhile=partial(_standing_by, settings, metrics, presence),
                        is_anothers=partial(_is_anothers, settings, storage),
                        outage=outage,
                    )
                )
            except CustodyError:  # it is perhaps tried again, with connections of its own
                await asyncio.to_thread(storage.close)
                raise
            application = await stack.enter_async_context(
                services(settings, storage, mask, lease=lease, metrics=metrics)
            )
            await stack.enter_async_context(present(presence, "works"))
            await stack.enter_async_context(web_front(settings, application))
        except OSError as error:
            # At the start a sentence is of more use than a traceback, whatever was refused.
            raise StartupError(f"the operating system: {reason_of(error)}") from error
        await _serve(application)


@asynccontextmanager
async def _standing_by(
    settings: Settings, metrics: Metrics, presence: Presence
) -> AsyncIterator[None]:
    async with present(presence, "standby"), standby_front(settings, metrics):
        yield


def prepare_logs(settings: Settings) -> OwnerMask:
    """No owner may be named in the log before this. Blocks."""
    mask = mask_of(settings)
    configure_logging(mask, level=settings.log_level, style=settings.log_format)
    return mask


@asynccontextmanager
async def services(
    settings: Settings,
    storage: Storage,
    mask: OwnerMask,
    timing: Timing = IN_EARNEST,
    *,
    lease: HeldLease | None = None,
    metrics: Metrics | None = None,
) -> AsyncIterator[BotApplication]:
    """The core and the bot upon it, built and, at the end, closed in order.

    Args:
        lease: the bot's own; None: nobody else is there.
        metrics: the process's, where it has some already.
    """
    token = settings.telegram_bot_token
    if token is None or not settings.google_clients:
        raise ValueError("load_settings lets no bot start without these")
    lease, metrics = lease or HeldLease(), metrics or Metrics()
    options = wiring.CustodyOptions.of(
        settings,
        metrics.refreshed,
        kinds.INCIDENTS | DRIVE_INCIDENTS,
        seen_as=BOT_LEASE,  # one at a time is the bot
    )
    async with wiring.custody(settings, storage, mask, options) as parts, AsyncExitStack() as stack:
        custodian, documents = parts.custodian, FencedDocuments(storage, lease)
        journal = UploadJournal(documents)
        await parts.workers.run(journal.prepare)
        network = Network.of(settings)
        downloads = stack.enter_context(download_client(network, settings.telegram_api_base_url))
        api = DriveApi(
            settings.google_api_endpoint, network, count=metrics.asked_drive, admit=lease.wait
        )
        drives = Drives(
            api,
            custodian,
            threads=_QUICK_THREADS + settings.uploads_at_once,
            account_seconds=timing.answer,
        )
        upload_drives = Drives(api, custodian, threads=settings.uploads_at_once)
        sending_drives = Drives(api, custodian, threads=AT_ONCE)
        for pool in (drives, upload_drives, sending_drives):
            stack.push_async_callback(pool.close)
        stack.push_async_callback(parts.workers.close)  # first: its work may still use Drive
        links = await parts.workers.run(sign_in_links, settings, storage)
        beside = departments_beside(settings, storage, parts, drives, links)
        departments = await stack.enter_async_context(beside)
        application = build_application(
            Core(
                workers=parts.workers,
                leases=parts.leases,
                storage=storage,
                lease=lease,
                custodian=custodian,
                rejecting=parts.rejecting,
                disconnecting=parts.disconnecting,
                consents=parts.consent_flows(
                    drives.account,
                    FencedDocuments(storage, lease, saves_late=True),
                    lease.until_allowed,
                ),
                consent_method=_consent_method(settings),
                preferences=Preferences(documents, parts.workers, settings.admin_user_ids),
                drives=drives,
                upload_drives=upload_drives,
                sending_drives=sending_drives,
                downloads=downloads,
                state=parts.state,
                sweep=parts.sweep,
                fleet=parts.fleet,
                quarantine=parts.store.copies,
                metrics=metrics,
                alerts=wiring.alerts_of(settings, parts, metrics.alarms),
                key_stops=wiring.key_stops(parts, drives),
                keep_unsaved=(
                    ToldNote(settings.user_data_dir).keep if storage.is_shared else lambda _: None
                ),
                links=links,
                departments=departments,
                sheets=await stack.enter_async_context(wiring.sheets_of(settings, parts)),
            ),
            BotOptions(
                allowed_user_ids=settings.allowed_user_ids,
                allowed_chat_ids=settings.allowed_chat_ids,
                admin_user_ids=settings.admin_user_ids,
                link_base_url=settings.telegram_link_base_url,
                public_url=settings.public_url,
                files_folder=settings.telegram_files_dir if settings.telegram_local_mode else None,
                uploads_at_once=settings.uploads_at_once,
                uploads_per_user=settings.uploads_per_user,
                data_folder=settings.user_data_dir,
                network=network,
                encrypted=storage.sealer.is_sealing,
                sheets_settle=timedelta(minutes=settings.sheets_settle_minutes),
                maintenance_interval=timedelta(minutes=settings.token_maintenance_interval_minutes),
                webhook_url=settings.telegram_webhook_url,
                webhook_secret=settings.telegram_webhook_secret or webhook.secret_from(token),
                timing=timing,
            ),
            journal,
            UpdateJournal(documents, bot_id_of(token)),
            token=token,
            api_base_url=settings.telegram_api_base_url,
        )
        _log.info(
            "settings_loaded", encrypted=storage.sealer.is_sealing, flow=settings.google_oauth_flow
        )
        yield application


def _consent_method(settings: Settings) -> ConsentMethod:
    flow = settings.google_oauth_flow
    page = f"{settings.public_url}{CALLBACK_PATH}" if flow == "callback" else PASTE_REDIRECT
    return ConsentMethod(flow, settings.google_clients[0], page)


def bot_id_of(token: SecretStr) -> int:
    """Which bot a token belongs to: its first part is the bot's id, and no secret."""
    return int(token.get_secret_value().partition(":")[0])


def _is_anothers(settings: Settings, storage: Storage) -> bool:
    token = settings.telegram_bot_token
    return token is not None and UpdateJournal(storage, bot_id_of(token)).is_anothers()


async def _serve(application: BotApplication) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    starting = asyncio.create_task(lifecycle.start(application))
    stopping = asyncio.create_task(stop.wait())
    refused = asyncio.create_task(application.bot_data.telegram_health.token_refused.wait())
    replaced = asyncio.create_task(_lost(application.bot_data.core.lease))
    ends = (stopping, replaced)
    try:
        # A stop while Telegram cannot be reached must not wait for it.
        await asyncio.wait((starting, *ends), return_when=asyncio.FIRST_COMPLETED)
        if starting.done() and not replaced.done():
            await starting
            wiring.tune_garbage_collector()
            _log.info("bot_started", version=installed_version("drivekeeper"))
            await asyncio.wait((refused, *ends), return_when=asyncio.FIRST_COMPLETED)
            if refused.done() and not replaced.done():
                raise StartupError(
                    "Telegram no longer accepts TELEGRAM_BOT_TOKEN", code="invalid_bot_token"
                )
        if replaced.done():
            # The database answers: what it did not take before is there for whoever is the bot.
            await application.bot_data.core.state.save()
            await alerts.keep_unsaved(application.bot_data)
            raise Replaced("Another Drivekeeper is the bot by now: this one ends.")
    except InvalidToken as error:
        raise StartupError(
            "Telegram does not accept TELEGRAM_BOT_TOKEN", code="invalid_bot_token"
        ) from error
    finally:
        for task in (starting, refused, *ends):
            task.cancel()
        await asyncio.wait((starting,), timeout=_LAST_SECONDS)
        await lifecycle.stop(application)


async def _lost(lease: HeldLease) -> None:
    """Wait until another process is the bot."""
    lost, loop = asyncio.Event(), asyncio.get_running_loop()

    def tell() -> None:
        with suppress(RuntimeError):  # the loop is closed: the process ends as it is
            loop.call_soon_threadsafe(lost.set)

    lease.on_lost = tell
    if not lease.is_lost:
        await lost.wait()
