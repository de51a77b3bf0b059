"""The composition root of the bot's process: the only place that constructs its services."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import timedelta
from functools import partial
from importlib.metadata import version as installed_version
from pathlib import Path
from urllib.parse import urlsplit

import structlog
from fastapi import FastAPI
from filelock import Timeout
from pydantic import SecretStr
from telegram.error import InvalidToken

from bot import build_application, lifecycle, webhook
from bot.connecting import consent_outcome
from bot.context import BotApplication
from bot.core import BotOptions, Core
from bot.delivery.file_sender import AT_ONCE
from bot.preferences.store import Preferences
from bot.readiness import Readiness
from bot.updates.journal import UpdateJournal
from bot.uploads.jobs import UploadJournal
from bot.uploads.running.telegram_source import download_client
from config import Settings
from custody_parts import custody, tune_garbage_collector
from drive import DriveApi, Drives
from metrics import Metrics
from security.consent.flows import PASTE_REDIRECT, ConsentDesk
from security.consent.pending import PendingConsents
from security.errors import CustodyError
from security.google.network import Network
from security.logging_utils import OwnerMask, configure_logging, load_mask_key
from security.recovery.sealed_folders import holds_ours
from security.storage.files.locks import lock_of_bot
from security.storage.files.private_files import disk_faults, ensure_private_folder, reason_of
from web.app import CALLBACK_PATH, WebParts, create_app
from web.operations import OperationsParts, create_operations_app
from web.serving import listen, serving
from web.webhook import Webhook

_QUICK_THREADS = 8  # beside one for each upload, which looks for space and duplicates
_OVERLAP_SECONDS = 20
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
            with _refused_by_the_system():
                await stack.enter_async_context(only_bot_on(settings.user_data_dir))
                application = await stack.enter_async_context(services(settings, mask))
                await stack.enter_async_context(web_front(settings, application))
            await _serve(application)
        _log.info("bot_stopped", result="ok")
    except CustodyError as error:
        _log.critical("bot_refused_to_start", result=error.code)
        raise StartupError(str(error)) from error
    except StartupError:
        _log.critical("bot_refused_to_start", result="failed")
        raise


@contextmanager
def _refused_by_the_system() -> Iterator[None]:
    """At the start a sentence is of more use than a traceback, whatever was refused."""
    try:
        yield
    except OSError as error:
        raise StartupError(f"the operating system: {reason_of(error)}") from error


def prepare_logs(settings: Settings) -> OwnerMask:
    """Set up the redaction of logs; nothing may be logged before."""
    key = settings.log_mask_key
    holds_ours(settings.user_data_dir)
    mask = OwnerMask(load_mask_key(settings.user_data_dir, key))
    configure_logging(mask, level=settings.log_level, style=settings.log_format)
    return mask


@asynccontextmanager
async def only_bot_on(folder: Path) -> AsyncIterator[None]:
    """Hold the data folder's lock of bots: two would both upload what is in its journal.

    Raises:
        StartupError: another bot holds it.
    """
    ensure_private_folder(folder / "locks")
    lock = lock_of_bot(folder)
    with disk_faults():
        try:
            # A restart may overlap with the end of the process it replaces.
            await asyncio.to_thread(lock.acquire, timeout=_OVERLAP_SECONDS)
        except Timeout:
            raise StartupError(
                "another Drivekeeper is running on this data folder (USER_DATA_DIR)"
            ) from None
    try:
        yield
    finally:
        lock.release()


@asynccontextmanager
async def services(settings: Settings, mask: OwnerMask) -> AsyncIterator[BotApplication]:
    """The core and the bot upon it, built and, at the end, closed in order."""
    folder, token = settings.user_data_dir, settings.telegram_bot_token
    if token is None or not settings.google_clients:
        raise ValueError("load_settings lets no bot start without these")
    metrics = Metrics()
    async with custody(settings, mask, metrics.refreshed) as parts, AsyncExitStack() as stack:
        sealer, custodian = parts.sealer, parts.custodian
        pending = PendingConsents(folder / "consents", sealer)
        journal = UploadJournal(folder / "uploads", sealer)
        updates = UpdateJournal(folder / "updates", sealer, bot_id_of(token))
        preferences = Preferences(folder / "preferences", sealer, custodian)
        for part in (pending, journal, updates, preferences):
            await custodian.run(part.prepare)
        network = Network.of(settings)
        downloads = stack.enter_context(download_client(network, settings.telegram_api_base_url))
        api = DriveApi(settings.google_api_endpoint, network)
        drives = Drives(api, custodian, threads=_QUICK_THREADS + settings.uploads_at_once)
        upload_drives = Drives(api, custodian, threads=settings.uploads_at_once)
        sending_drives = Drives(api, custodian, threads=AT_ONCE)
        for pool in (drives, upload_drives, sending_drives):
            stack.push_async_callback(pool.close)
        stack.push_async_callback(custodian.close)  # first: its work may still use Drive
        desk = ConsentDesk(
            flow=settings.google_oauth_flow,
            client=settings.google_clients[0],
            redirect_uri=(
                f"{settings.public_url}{CALLBACK_PATH}"
                if settings.google_oauth_flow == "callback"
                else PASTE_REDIRECT
            ),
            pending=pending,
            custodian=custodian,
            oauth=parts.oauth,
            look_up_account=drives.account,
        )
        application = build_application(
            Core(
                custodian,
                desk,
                preferences,
                drives,
                upload_drives,
                sending_drives,
                downloads,
                parts.records,
                parts.sweep,
                parts.store.copies,
                metrics,
            ),
            BotOptions(
                allowed_user_ids=settings.allowed_user_ids,
                allowed_chat_ids=settings.allowed_chat_ids,
                admin_user_ids=settings.admin_user_ids,
                link_base_url=settings.telegram_link_base_url,
                files_folder=settings.telegram_files_dir if settings.telegram_local_mode else None,
                uploads_at_once=settings.uploads_at_once,
                uploads_per_user=settings.uploads_per_user,
                data_folder=folder,
                network=network,
                encrypted=sealer.is_sealing,
                maintenance_interval=timedelta(minutes=settings.token_maintenance_interval_minutes),
                webhook_url=settings.telegram_webhook_url,
                webhook_secret=settings.telegram_webhook_secret or webhook.secret_from(token),
            ),
            journal,
            updates,
            token=token,
            api_base_url=settings.telegram_api_base_url,
        )
        _log.info("settings_loaded", encrypted=sealer.is_sealing, flow=desk.flow)
        yield application


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
        if settings.web_port:
            listener = _listen("WEB", settings.web_host, settings.web_port)
            await stack.enter_async_context(serving(_pages(application), listener))
            _log.info("web_started", port=settings.web_port)
        if settings.metrics_port:
            listener = _listen("METRICS", settings.metrics_host, settings.metrics_port)
            await stack.enter_async_context(serving(_operations(application), listener))
            _log.info("web_started", port=settings.metrics_port)
        yield


def _pages(application: BotApplication) -> FastAPI:
    parts = application.bot_data
    return create_app(
        WebParts(
            consents=parts.core.consents,
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
            metrics=metrics,
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
