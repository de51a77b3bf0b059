"""What serves departments, put together: the same in the web process and beside the bot."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import structlog

from config import Settings
from departments.administrators import who
from departments.administrators.links import SignInLinks
from departments.administrators.sessions import Sessions
from departments.authorising.consents import AuthorisingParts, DepartmentConsents
from departments.authorising.outcomes import Outcomes
from departments.clients.desk import ClientDesk
from departments.console.changes import Changes
from departments.console.fleet import FleetLook
from departments.console.services import ConsoleServices
from departments.limits import Limits
from departments.names import Departments
from departments.overview import Overview
from departments.secret import AccessSecret, SecretDamaged
from departments.services import DepartmentServices
from departments.tokens import Tokens
from departments.uploads.handed import HandedUploads
from drive import Drives
from processes.wiring import Custody
from security.credential import Owner
from security.errors import CustodyError
from security.storage.protocol import Storage
from web.departments import DepartmentParts

if TYPE_CHECKING:  # whoever has no sheets need not wait for what reads them
    from sheets.keeping.services import SheetServices

_CLEARED_EVERY_SECONDS: Final = 300
_CLEARED_AFTER_SECONDS: Final = 900
_log = structlog.get_logger()


def may_serve(settings: Settings) -> bool:
    """Whether the bot's process serves departments as well: it has an address, a key
    and an OAuth client for the web."""
    url = settings.public_url
    return (
        url is not None
        and urlsplit(url).path == ""
        and bool(settings.encryption_keys)
        and settings.web_google_client is not None
    )


def sign_in_links(settings: Settings, storage: Storage) -> SignInLinks | None:
    """By which administrators sign in, wherever the pages are served; None: there are none, or no
    link would be recognised, which keeps the bot from nothing else.

    Blocks.

    Raises:
        OperatorFault: the storage does not answer.
    """
    if settings.public_url is None or not settings.encryption_keys:
        return None
    try:
        return SignInLinks(storage, AccessSecret.of(storage))
    except SecretDamaged as damage:
        _log.error("departments_not_served", result=damage.code)
        return None


@asynccontextmanager
async def department_services(
    settings: Settings,
    storage: Storage,
    custody: Custody,
    drives: Drives,
    limits: Limits | None = None,
    has_news: Callable[[], bool] = lambda: True,
) -> AsyncIterator[DepartmentServices]:
    """The services, which clear away what is over for as long as they are there.

    Args:
        limits: how often what may be asked; None: as is usual.
        has_news: whether the process was asked anything since this was put last; for a quarter of
            an hour after that it clears away.

    Raises:
        OperatorFault: the storage does not answer.
    """
    workers, departments = custody.workers, Departments(settings.departments)
    secret = await workers.run(AccessSecret.of, storage)
    uploads = HandedUploads(storage, workers, custody.leases, secret, drives, custody.custodian)
    outcomes = Outcomes(storage, secret)
    consents = DepartmentConsents(
        AuthorisingParts(
            custody.consent_flows(drives.account, on_over=outcomes.note),
            outcomes,
            custody.custodian,
            custody.disconnecting,
            workers,
            settings.web_google_client,
            before_leaving=lambda one: uploads.withdrawing.of_department(one.owner),
        )
    )
    desk = ClientDesk(
        storage,
        workers,
        secret,
        limits or Limits(),
        blocks=settings.client_alarm == "block",
        withdraw=lambda client: uploads.withdrawing.of_computer(client.name),
    )
    services = DepartmentServices(
        departments=departments,
        workers=workers,
        clock=custody.store.clock,
        links=SignInLinks(storage, secret),
        sessions=Sessions(storage, secret, partial(_may_enter, settings)),
        desk=desk,
        consents=consents,
        tokens=Tokens(custody.custodian, partial(_note_use, custody)),
        uploads=uploads,
        overview=Overview(departments, workers, custody.store, custody.state),
        service_keys=custody.service_keys,
        console=_console(settings, custody),
    )
    clearing = asyncio.create_task(_clearing(services, has_news))
    try:
        yield services
    finally:
        clearing.cancel()
        await asyncio.wait((clearing,))
        await desk.close()


@asynccontextmanager
async def departments_beside(
    settings: Settings,
    storage: Storage,
    custody: Custody,
    drives: Drives,
    links: SignInLinks | None,
) -> AsyncIterator[DepartmentServices | None]:
    """The same beside the bot; None: it serves none.

    Args:
        links: see `sign_in_links`.
    """
    if links is None or not may_serve(settings):
        yield None
        return
    async with department_services(settings, storage, custody, drives) as services:
        yield services


def _console(settings: Settings, custody: Custody) -> ConsoleServices:
    storage, copies, keeps = custody.storage, custody.store.copies, custody.state.keeps
    sweeps_here = keeps and settings.token_maintenance_interval_minutes > 0
    changes = Changes(
        custody.workers,
        custody.leases,
        storage,
        copies,
        custody.state,
        custody.custodian,
        custody.rejecting,
        keeps_holds=keeps,
    )
    look = FleetLook(storage, copies, custody.custodian.lead, sweeps_here=sweeps_here)
    return ConsoleServices(storage, copies, look, changes)


def department_parts(
    settings: Settings, services: DepartmentServices, sheets: SheetServices | None
) -> DepartmentParts:
    """What the web front needs."""
    if settings.public_url is None:
        raise ValueError("load_settings lets nobody serve departments without it")
    return DepartmentParts(
        services,
        public_url=settings.public_url,
        consent_page=settings.google_auth_uri,
        proxy_hops=settings.trusted_proxy_hops,
        by_chat=bool(settings.admin_user_ids),
        sheets=sheets,
    )


def _note_use(custody: Custody, owner: Owner) -> None:
    """Whose token is asked for is not idle."""
    custody.state.activity.note(owner, custody.storage.now())


def _may_enter(settings: Settings, administrator: str) -> bool:
    return who.may_enter(administrator, settings.admin_user_ids)


async def _clearing(services: DepartmentServices, has_news: Callable[[], bool]) -> None:
    """Every few minutes, in each process that is asked anything: what is over goes."""
    uploads = services.uploads
    steps = (
        services.consents.clear_expired,
        uploads.clear_old,
        uploads.withdraw_stale,
    )
    idle = 0
    while True:
        await asyncio.sleep(_CLEARED_EVERY_SECONDS)
        idle = 0 if has_news() else idle + 1
        if idle * _CLEARED_EVERY_SECONDS > _CLEARED_AFTER_SECONDS:
            continue
        for step in steps:
            try:
                await step()
            except CustodyError as fault:  # another time
                _log.info("memory_not_saved", result=fault.code)
