"""The composition root of the bot's process: the only place that constructs its services."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from functools import partial
from importlib.metadata import version as installed_version
from pathlib import Path

import structlog
import uvicorn
from filelock import FileLock, Timeout
from telegram.error import InvalidToken

from bot import build_application, consent_outcome, lifecycle
from bot.context import BotApplication, BotOptions, Core
from bot.preferences import Preferences
from bot.upload_jobs import UploadJournal
from bot.upload_queue import WORKERS
from config import Settings
from drive import DriveApi, Drives
from security import encryption
from security.consent import PASTE_REDIRECT, ConsentDesk
from security.custodian import Custodian
from security.encryption import TokenEncryption
from security.errors import CustodyError
from security.files import FILE_MODE, ensure_private_folder
from security.google_oauth import GoogleOAuth, OAuthEndpoints
from security.logging_utils import OwnerMask, configure_logging, load_mask_key
from security.pending_consents import PendingConsents
from security.token_store import TokenStore
from web.app import CALLBACK_PATH, WebParts, create_app

_QUICK_THREADS = 8
_OVERLAP_SECONDS = 20
_log = structlog.get_logger()


class StartupError(Exception):
    """Why the process cannot start, in one sentence an operator can act on."""


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
        async with (
            alone(settings.user_data_dir),
            services(settings, mask) as application,
            web_front(settings, application),
        ):
            await _serve(application)
    except CustodyError as error:
        _log.critical("bot_refused_to_start", result=error.code)
        raise StartupError(str(error)) from error
    except StartupError:
        _log.critical("bot_refused_to_start", result="failed")
        raise


def prepare_logs(settings: Settings) -> OwnerMask:
    """Nothing may be logged before this."""
    key = settings.log_mask_key
    mask = OwnerMask(load_mask_key(settings.user_data_dir, key))
    configure_logging(mask, level=settings.log_level, style=settings.log_format)
    return mask


@asynccontextmanager
async def alone(folder: Path) -> AsyncIterator[None]:
    """The only bot on this data folder: two would both upload what is in its journal."""
    ensure_private_folder(folder / "locks")
    lock = FileLock(folder / "locks" / "bot.lock", mode=FILE_MODE, thread_local=False)
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
    keyring = TokenEncryption(settings.encryption_keys, required=settings.token_require_encryption)
    encryption.install(keyring)
    store = TokenStore(folder, keyring, mask)
    pending = PendingConsents(folder / "consents", keyring)
    journal = UploadJournal(folder / "uploads", keyring)
    oauth = GoogleOAuth(
        OAuthEndpoints(
            auth=settings.google_auth_uri,
            token=settings.google_token_uri,
            device=settings.google_device_uri,
            revoke=settings.google_revoke_uri,
        )
    )
    custodian = Custodian(
        store,
        oauth,
        settings.google_clients,
        lead=timedelta(minutes=settings.token_refresh_lead_minutes),
    )
    preferences = Preferences(folder / "preferences", keyring, custodian)
    for part in (store, pending, journal, preferences):
        await custodian.run(part.prepare)
    api = DriveApi(settings.google_api_endpoint)
    drives = Drives(api, custodian, threads=_QUICK_THREADS)
    upload_drives = Drives(api, custodian, threads=WORKERS)
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
        oauth=oauth,
        look_up_account=drives.account,
    )
    application = build_application(
        Core(custodian, desk, preferences, drives, upload_drives),
        BotOptions(
            allowed_user_ids=settings.allowed_user_ids,
            link_base_url=settings.telegram_link_base_url,
            local_mode=settings.telegram_local_mode,
            data_folder=folder,
        ),
        journal,
        token=token,
        api_base_url=settings.telegram_api_base_url,
    )
    _log.info("settings_loaded", encrypted=keyring.kid is not None, flow=desk.flow)
    try:
        yield application
    finally:
        await custodian.close()
        await asyncio.to_thread(drives.close)
        await asyncio.to_thread(upload_drives.close)
        await oauth.close()


async def _serve(application: BotApplication) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    pulse = lifecycle.services_of(application).pulse
    starting = asyncio.create_task(lifecycle.start(application))
    stopping = asyncio.create_task(stop.wait())
    refused = asyncio.create_task(pulse.refused.wait())
    try:
        # A stop while Telegram cannot be reached must not wait for it.
        await asyncio.wait((starting, stopping), return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            await starting
            _log.info("bot_started", version=installed_version("drivekeeper"))
            await asyncio.wait((refused, stopping), return_when=asyncio.FIRST_COMPLETED)
            if refused.done():
                raise StartupError("Telegram no longer accepts TELEGRAM_BOT_TOKEN")
    except InvalidToken as error:
        raise StartupError("Telegram does not accept TELEGRAM_BOT_TOKEN") from error
    finally:
        starting.cancel()
        stopping.cancel()
        refused.cancel()
        await lifecycle.stop(application)
        _log.info("bot_stopped", result="ok")


def _bot_link(application: BotApplication, base: str) -> str | None:
    try:
        return f"{base}/{application.bot.username}"
    except RuntimeError:
        return None  # Telegram has not told yet who the bot is


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # signals are the process's own: the bot stops first


@asynccontextmanager
async def web_front(settings: Settings, application: BotApplication) -> AsyncIterator[None]:
    """The web front, in this process; WEB_PORT=0 turns it off."""
    if settings.web_port == 0:
        yield
        return
    parts = lifecycle.services_of(application)
    app = create_app(
        WebParts(
            consents=parts.core.consents,
            is_alive=parts.pulse.is_alive,
            bot_link=lambda: _bot_link(application, parts.options.link_base_url),
            on_approved=partial(consent_outcome.tell_approved, parts, application.bot),
            on_refused=partial(consent_outcome.tell_refused, parts, application.bot),
        )
    )
    # Bound here: uvicorn would end the process where the port is taken.
    listener = socket.socket(socket.AF_INET6 if ":" in settings.web_host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.web_host, settings.web_port))
    except OSError as error:
        listener.close()
        raise StartupError(
            f"WEB_HOST and WEB_PORT: nothing can listen there ({error.strerror})"
        ) from error
    # `log_config=None`: uvicorn's own would send its lines past the redaction.
    server = _Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off"))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    _log.info("web_started", port=settings.web_port)
    try:
        yield
    finally:
        server.should_exit = True
        await serving
        listener.close()
