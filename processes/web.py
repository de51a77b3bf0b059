"""The composition root of `drivekeeper web`: departments' pages and routes, without a bot.

It must be small: such hosts give a tenth of a processor, and 512 MB. So it imports neither telegram
nor matplotlib. Where everything is in a database it sweeps as the bot does; on files the bot does,
and what is asked for here is refreshed then.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from importlib.metadata import version as installed_version
from typing import Final

import structlog
from fastapi import FastAPI

from bot.monitoring.metrics import Metrics
from config import Settings
from departments.limits import Limits
from drive import DriveApi, Drives
from drive.errors import INCIDENTS as DRIVE_INCIDENTS
from processes.departments import department_parts, department_services
from processes.ending import StartupError, StoppedInTime
from processes.outage import PASSING, Outage, stop_signal, until_it_answers
from processes.present import presence_of, present
from processes.serving import serving_both
from processes.storage import is_in_use, mask_of, storage_of
from processes.sweeping import alerting, mirroring, sweeping
from processes.wiring import (
    Custody,
    CustodyOptions,
    custody,
    sheets_of,
    tune_garbage_collector,
)
from security.errors import CustodyError, OperatorFault
from security.google.network import Network
from security.logging_utils import OwnerMask, configure_logging, redact_logs
from security.storage.disk_faults import reason_of
from security.storage.protocol import Storage
from web.activity import Activity, Noting
from web.app import WebParts, create_app
from web.operations import OperationsParts, create_operations_app
from web.standby import create_standby_app

_THREADS: Final = 8
_READY_SECONDS: Final = 5
_UNHINDERED_SECONDS: Final = 3
"""After a stop; then nobody waits for a lease any more, and nothing is asked of Google."""
_LAST_ANSWERS_SECONDS: Final = 14
"""After a stop: Google's answers take 10 at most. With what follows it is within 20."""
_log = structlog.get_logger()


def run_to_the_end(settings: Settings) -> None:
    """`run`, and the end of the process: a thread that hangs in the network is not waited for.

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
    redact_logs(level=settings.log_level, style=settings.log_format)
    outage = Outage()
    try:
        while True:
            try:
                await _serve(settings)
                break
            except OperatorFault as fault:
                if settings.database is None or fault.code not in PASSING:
                    raise
                waiting = partial(_waiting_front, settings)
                await until_it_answers(fault, partial(is_in_use, settings), outage, waiting)
    except StoppedInTime:
        pass
    except CustodyError as error:
        _log.critical("web_refused_to_start", result=error.code)
        raise StartupError(str(error), code=error.code) from error
    except StartupError as error:
        _log.critical("web_refused_to_start", result=error.code)
        raise
    _log.info("web_stopped", result="ok")


async def _serve(settings: Settings) -> None:
    metrics, activity = Metrics(), Activity()
    try:
        mask = await asyncio.to_thread(prepare_logs, settings)
        storage = storage_of(settings, mask)
        async with (
            services(settings, storage, mask, metrics, activity=activity) as (parts, made),
            present(presence_of(storage, "web"), "works", activity.news()),
            serving_both(
                settings,
                lambda: Noting(create_app(made), activity),
                partial(_operations, parts, metrics),
                last_answers_seconds=_LAST_ANSWERS_SECONDS,
            ),
            sweeping(parts, settings, metrics),
            alerting(parts, settings, metrics, activity),
            mirroring(parts, None if made.departments is None else made.departments.sheets),
        ):
            tune_garbage_collector()
            _log.info("web_ready", version=installed_version("drivekeeper"))
            with stop_signal() as stop:
                await stop.wait()
            parts.sweep.stop()
            # From here on nobody new is let in. Whoever is in gets an answer, as if nothing were.
            asyncio.get_running_loop().call_later(_UNHINDERED_SECONDS, parts.workers.stop)
    except OSError as error:
        raise StartupError(f"the operating system: {reason_of(error)}") from error


@asynccontextmanager
async def services(
    settings: Settings,
    storage: Storage,
    mask: OwnerMask,
    metrics: Metrics,
    limits: Limits | None = None,
    activity: Activity | None = None,
) -> AsyncIterator[tuple[Custody, WebParts]]:
    """The core and what the pages need of it, built and, at the end, closed in order.

    Args:
        limits: as in `department_services`.
        activity: of the process; None: it is never idle.

    Raises:
        OperatorFault: the storage cannot be used.
    """
    options = CustodyOptions.of(
        settings, metrics.refreshed, DRIVE_INCIDENTS, remembers=storage.is_shared
    )
    async with custody(settings, storage, mask, options) as parts, AsyncExitStack() as stack:
        api = DriveApi(
            settings.google_api_endpoint, Network.of(settings), count=metrics.asked_drive
        )
        drives = Drives(api, parts.custodian, threads=_THREADS)
        stack.push_async_callback(drives.close)
        stack.push_async_callback(parts.workers.close)  # first: its work may still use Drive
        is_active = _always if activity is None else activity.news()
        made = await stack.enter_async_context(
            department_services(settings, storage, parts, drives, limits, is_active)
        )
        sheets = await stack.enter_async_context(sheets_of(settings, parts))
        served = department_parts(settings, made, sheets)
        yield parts, WebParts(is_alive=lambda: True, departments=served)


def _always() -> bool:
    return True


def prepare_logs(settings: Settings) -> OwnerMask:
    """No owner may be named in the log before this. Blocks."""
    mask = mask_of(settings)
    configure_logging(mask, level=settings.log_level, style=settings.log_format)
    return mask


@asynccontextmanager
async def _waiting_front(settings: Settings) -> AsyncIterator[None]:
    """Both ports while the database is away: alive, and not ready for anybody."""

    async def obstacles() -> list[str]:
        return ["database_unreachable"]

    parts = OperationsParts(metrics=Metrics().text, is_alive=lambda: True, obstacles=obstacles)
    operations = partial(create_operations_app, parts)
    async with serving_both(settings, create_standby_app, operations):
        yield


def _operations(parts: Custody, metrics: Metrics) -> FastAPI:
    async def obstacles() -> list[str]:
        try:
            async with asyncio.timeout(_READY_SECONDS):
                await asyncio.to_thread(parts.storage.check_writable)
        except OperatorFault as fault:
            return [fault.code]
        except TimeoutError:
            return ["store_failed"]
        return []

    return create_operations_app(
        OperationsParts(metrics=metrics.text, is_alive=lambda: True, obstacles=obstacles)
    )
