"""The composition root of the bot's process: the only place that constructs its services."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial
from importlib.metadata import version as installed_version
from urllib.parse import urlsplit

import structlog
from fastapi import FastAPI
from pydantic import SecretStr
from telegram.error import InvalidToken

from bot import kinds, lifecycle, webhook
from bot.application import build_application
from bot.connecting import consent_outcome
from bot.context import BotApplication
from bot.core import IN_EARNEST, BotOptions, Core, Timing
from bot.delivery.file_sender import AT_ONCE
from bot.monitoring.metrics import Metrics
from bot.preferences.store import Preferences
from bot.readiness import Readiness
from bot.updates.journal import UpdateJournal
from bot.uploads.journal import UploadJournal
from bot.uploads.running.telegram_connections import download_client
from config import Settings
from drive import DriveApi, Drives
from drive.errors import INCIDENTS as DRIVE_INCIDENTS
from processes.storage import mask_of, storage_of
from processes.wiring import CustodyOptions, custody, tune_garbage_collector
from security.consent.flows import PASTE_REDIRECT, ConsentMethod
from security.errors import CustodyError
from security.google.network import Network
from security.logging_utils import OwnerMask, configure_logging
from security.storage.disk_faults import reason_of
from security.storage.leases import BOT_LEASE, Lease
from security.storage.protocol import Storage
from web.app import CALLBACK_PATH, WebParts, create_app
from web.operations import OperationsParts, create_operations_app
from web.serving import listen, serving
from web.webhook import Webhook

_QUICK_THREADS = 8  # beside one for each upload, which looks for space and duplicates
_OVERLAP_SECONDS = 20
_LOOK_SECONDS = 0.05
_SILENT_SECONDS = 1
_SAID_EVERY_SECONDS = 10
_LAST_SECONDS = 1
_log = structlog.get_logger()


class StartupError(Exception):
    """Why the process cannot start, in one sentence an operator can act on."""


def run_to_the_end(settings: Settings) -> None:
    """`run`, and the end of the process once it has stopped in order.

    By then everything is closed and saved. A thread that hangs in the network, asking for a name
    or reading an answer, cannot be ended, and the interpreter would wait for it.

    Raises:
        StartupError: as `run`.
    """
    with asyncio.Runner() as runner:
        runner.run(run(settings))
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


async def run(settings: Settings) -> None:
    """Run until SIGINT or SIGTERM.

    Raises:
        StartupError: before anything was done for anybody.
    """
    try:
        mask = prepare_logs(settings)
    except CustodyError as error:  # nothing is logged before the redaction stands
        raise StartupError(str(error)) from error
    try:
        async with AsyncExitStack() as stack:
            try:
                storage = storage_of(settings, mask)
                await stack.enter_async_context(only_bot_on(storage))
                application = await stack.enter_async_context(services(settings, storage, mask))
                await stack.enter_async_context(web_front(settings, application))
            except OSError as error:
                # At the start a sentence is of more use than a traceback, whatever was refused.
                raise StartupError(f"the operating system: {reason_of(error)}") from error
            await _serve(application)
        _log.info("bot_stopped", result="ok")
    except CustodyError as error:
        _log.critical("bot_refused_to_start", result=error.code)
        raise StartupError(str(error)) from error
    except StartupError:
        _log.critical("bot_refused_to_start", result="failed")
        raise


def prepare_logs(settings: Settings) -> OwnerMask:
    """Nothing may be logged before this."""
    mask = mask_of(settings)
    configure_logging(mask, level=settings.log_level, style=settings.log_format)
    return mask


@asynccontextmanager
async def only_bot_on(
    storage: Storage, patience_seconds: float = _OVERLAP_SECONDS
) -> AsyncIterator[None]:
    """The only bot on this storage: two would both upload what is in its journal."""
    began = time.monotonic()
    deadline = began + patience_seconds  # of a restart with what it replaces
    says_at = began + _SILENT_SECONDS
    while not (lease := await asyncio.to_thread(_try_alone, storage)):
        now = time.monotonic()
        if now > deadline:
            raise StartupError("another Drivekeeper is running on this data folder (USER_DATA_DIR)")
        if now > says_at:
            says_at = now + _SAID_EVERY_SECONDS
            left = round(deadline - now)
            _log.warning("start_waits", result="second_instance", seconds=left)
            print(
                "Another Drivekeeper holds this data folder (USER_DATA_DIR): waiting up to "
                f"{left} s more for it to end. Stop it, or give this one a folder of its own.",
                file=sys.stderr,
                flush=True,
            )
        await asyncio.sleep(_LOOK_SECONDS)
    try:
        yield
    finally:
        lease.release()


def _try_alone(storage: Storage) -> Lease | None:
    [lease] = storage.lease([BOT_LEASE])
    if isinstance(lease, CustodyError):
        raise lease
    return lease


@asynccontextmanager
async def services(
    settings: Settings, storage: Storage, mask: OwnerMask, timing: Timing = IN_EARNEST
) -> AsyncIterator[BotApplication]:
    """The core and the bot upon it, built and, at the end, closed in order."""
    token = settings.telegram_bot_token
    if token is None or not settings.google_clients:
        raise ValueError("load_settings lets no bot start without these")
    metrics = Metrics()
    options = CustodyOptions.of(settings, metrics.refreshed, kinds.INCIDENTS | DRIVE_INCIDENTS)
    async with custody(settings, storage, mask, options) as parts, AsyncExitStack() as stack:
        custodian, journal = parts.custodian, UploadJournal(storage)
        await parts.workers.run(journal.prepare)
        network = Network.of(settings)
        downloads = stack.enter_context(download_client(network, settings.telegram_api_base_url))
        api = DriveApi(settings.google_api_endpoint, network, count=metrics.asked_drive)
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
        application = build_application(
            Core(
                workers=parts.workers,
                leases=parts.leases,
                storage=storage,
                custodian=custodian,
                rejecting=parts.rejecting,
                disconnecting=parts.disconnecting,
                consents=parts.consent_flows(drives.account),
                consent_method=_consent_method(settings),
                preferences=Preferences(storage, parts.workers, settings.admin_user_ids),
                drives=drives,
                upload_drives=upload_drives,
                sending_drives=sending_drives,
                downloads=downloads,
                state=parts.state,
                sweep=parts.sweep,
                quarantine=parts.store.copies,
                metrics=metrics,
            ),
            BotOptions(
                allowed_user_ids=settings.allowed_user_ids,
                allowed_chat_ids=settings.allowed_chat_ids,
                admin_user_ids=settings.admin_user_ids,
                link_base_url=settings.telegram_link_base_url,
                files_folder=settings.telegram_files_dir if settings.telegram_local_mode else None,
                uploads_at_once=settings.uploads_at_once,
                uploads_per_user=settings.uploads_per_user,
                data_folder=settings.user_data_dir,
                network=network,
                encrypted=storage.sealer.is_sealing,
                maintenance_interval=timedelta(minutes=settings.token_maintenance_interval_minutes),
                webhook_url=settings.telegram_webhook_url,
                webhook_secret=settings.telegram_webhook_secret or webhook.secret_from(token),
                timing=timing,
            ),
            journal,
            UpdateJournal(storage, bot_id_of(token)),
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


async def _serve(application: BotApplication) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    telegram_health = application.bot_data.telegram_health
    starting = asyncio.create_task(lifecycle.start(application))
    stopping = asyncio.create_task(stop.wait())
    refused = asyncio.create_task(telegram_health.token_refused.wait())
    try:
        # A stop while Telegram cannot be reached must not wait for it.
        await asyncio.wait((starting, stopping), return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            await starting
            tune_garbage_collector()
            _log.info("bot_started", version=installed_version("drivekeeper"))
            await asyncio.wait((refused, stopping), return_when=asyncio.FIRST_COMPLETED)
            if refused.done():
                raise StartupError("Telegram no longer accepts TELEGRAM_BOT_TOKEN")
    except InvalidToken as error:
        raise StartupError("Telegram does not accept TELEGRAM_BOT_TOKEN") from error
    finally:
        for task in (starting, stopping, refused):
            task.cancel()
        await asyncio.wait((starting,), timeout=_LAST_SECONDS)
        await lifecycle.stop(application)


def _bot_link(application: BotApplication, base: str) -> str | None:
    try:
        return f"{base}/{application.bot.username}"
    except RuntimeError:
        return None  # Telegram has not told yet who the bot is


@asynccontextmanager
async def web_front(settings: Settings, application: BotApplication) -> AsyncIterator[None]:
    """The web front and the operations port, in this process; port 0 turns either off."""
    async with AsyncExitStack() as stack:
        for prefix, host, port, app_of in (
            ("WEB", settings.web_host, settings.web_port, _pages),
            ("METRICS", settings.metrics_host, settings.metrics_port, _operations),
        ):
            if port:
                listener = _listen(prefix, host, port)
                await stack.enter_async_context(serving(app_of(application), listener))
                _log.info("web_started", port=port)
        yield


def _pages(application: BotApplication) -> FastAPI:
    parts = application.bot_data
    return create_app(
        WebParts(
            consents=parts.core.consents,
            offers_callback=parts.core.consent_method.flow == "callback",
            is_alive=parts.telegram_health.is_alive,
            bot_link=lambda: _bot_link(application, parts.options.link_base_url),
            on_approved=partial(consent_outcome.tell_approved, parts, application.bot),
            on_refused=partial(consent_outcome.tell_refused, parts, application.bot),
            webhook=_webhook(application),
        )
    )


def _webhook(application: BotApplication) -> Webhook | None:
    options = application.bot_data.options
    if options.webhook_url is None or options.webhook_secret is None:
        return None
    path = urlsplit(options.webhook_url).path or "/"
    return Webhook(path, options.webhook_secret, partial(webhook.take_in, application))


def _operations(application: BotApplication) -> FastAPI:
    parts = application.bot_data
    metrics, quarantine = parts.core.metrics, parts.core.quarantine
    metrics.ask_telegram(parts.telegram_health.is_alive)
    metrics.ask_quarantine(quarantine.size)
    return create_operations_app(
        OperationsParts(
            metrics=metrics.text,
            is_alive=parts.telegram_health.is_alive,
            obstacles=Readiness(application).obstacles,
        )
    )


def _listen(prefix: str, host: str, port: int) -> socket.socket:
    try:
        return listen(host, port)
    except OSError as error:
        raise StartupError(
            f"{prefix}_HOST and {prefix}_PORT: nothing can listen there ({error.strerror})"
        ) from error
