"""What the processes share: custody put together, the same for the bot, commands and tests."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from config import GoogleClient, Settings
from config.service_accounts import ServiceAccountKey
from departments.alerts.alerts import Alerts
from departments.alerts.webhook import Webhook
from departments.names import Departments
from departments.service_accounts import service_keys
from departments.service_accounts.service_keys import ServiceKeys
from processes.ending import StartupError
from security.consent.approvals import AccountLookup, ConsentParts
from security.consent.flows import ConsentFlows
from security.consent.pending import PendingConsent, PendingConsents
from security.custody.custodian import Custodian
from security.custody.disconnect import Disconnecting
from security.custody.leases import Leases
from security.custody.members import Members
from security.custody.rejecting import Rejecting
from security.custody.workers import Workers
from security.errors import CustodyError
from security.google.clients import Clients
from security.google.network import Network
from security.google.oauth import GoogleOAuth, OAuthEndpoints
from security.logging_utils import OwnerMask
from security.maintenance.fleet import Fleet
from security.maintenance.state import MaintenanceState
from security.maintenance.sweep import Sweep, SweepOptions
from security.storage.protocol import DocumentStore, Storage
from security.token_store import TokenStore
from sheets.keeping.kinds import STOPPED

if TYPE_CHECKING:  # what asks Drive and reads sheets takes a while: not every command needs it
    from departments.clients.stopping import KeyStops
    from drive import Drives
    from sheets.keeping.services import SheetServices

_log = structlog.get_logger()


def tune_garbage_collector() -> None:
    """What the start of a process has made stays to its end: nobody looks at it again.

    The collector's full passes would, a hundred thousand objects of imported modules each time: a
    sixth of a sweep's work, and long enough to be felt by whoever waits for an answer.
    https://docs.python.org/3/library/gc.html#gc.freeze
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000)  # what is made for one request is gone by the end of it, mostly


@dataclass(frozen=True, slots=True)
class CustodyOptions:
    """What custody can be told; see the settings of the same names."""

    clients: Sequence[GoogleClient] = ()
    lead: timedelta = timedelta(minutes=15)
    idle_after: timedelta | None = None
    sweep: SweepOptions = field(default_factory=SweepOptions)
    on_refresh: Callable[[str], None] = lambda _: None
    """Told the result code of every refresh that was asked of Google."""
    incident_codes: frozenset[str] = frozenset()
    """Of trouble that whoever opens it ends, and of which no sweep can tell."""
    departments: Sequence[str] = ()
    service_accounts: Mapping[str, ServiceAccountKey] = field(default_factory=dict)
    seen_as: str | None = None
    """As in `MaintenanceState`."""
    remembers: bool = True
    """Whether pauses, holds and incidents are written down at the end of a sweep."""

    @classmethod
    def of(
        cls,
        settings: Settings,
        on_refresh: Callable[[str], None] = lambda _: None,
        incident_codes: frozenset[str] = frozenset(),
        *,
        seen_as: str | None = None,
        remembers: bool = True,
    ) -> CustodyOptions:
        """As the settings say."""
        members = Members(settings.allowed_user_ids, settings.admin_user_ids)
        days = settings.token_idle_after_days
        return cls(
            clients=settings.google_clients,
            lead=timedelta(minutes=settings.token_refresh_lead_minutes),
            idle_after=timedelta(days=days) if days else None,
            sweep=SweepOptions(
                batch_size=settings.token_maintenance_batch_size,
                concurrency=settings.token_maintenance_concurrency,
                timeout=timedelta(seconds=settings.token_maintenance_timeout_seconds),
                may_use=members.may_use,
            ),
            on_refresh=on_refresh,
            incident_codes=incident_codes,
            departments=settings.departments,
            service_accounts=settings.service_accounts,
            seen_as=seen_as,
            remembers=remembers,
        )


class Custody:
    """What keeps credentials, put together; `prepare` it before it is used, and `close` it."""

    def __init__(
        self,
        storage: Storage,
        mask: Callable[[str], str],
        oauth: GoogleOAuth,
        options: CustodyOptions,
    ) -> None:
        self.storage = storage
        self.oauth = oauth
        self.clients = Clients(options.clients)
        self.workers = Workers()
        self.store = TokenStore(storage, mask)
        self.leases = Leases(self.workers, self.store)
        self.state = MaintenanceState(
            storage,
            self.workers,
            options.idle_after,
            incident_codes=options.incident_codes | {service_keys.OLD, STOPPED},
            on_refresh=options.on_refresh,
            keeps=options.remembers,
            seen_as=options.seen_as,
        )
        departments = Departments(options.departments)
        self.service_keys = ServiceKeys(storage, departments, options.service_accounts)
        rejections = self.state.rejections
        self.fleet = Fleet(storage, self.leases, self.state)
        self.rejecting = Rejecting(self.workers, self.leases, self.store, rejections, self.state)
        self.disconnecting = Disconnecting(self.workers, self.leases, self.store, oauth, self.state)
        self.custodian = Custodian(
            self.workers,
            self.leases,
            self.store,
            oauth,
            self.clients,
            rejections,
            self.rejecting,
            self.state,
            lead=options.lead,
        )
        self.sweep = Sweep(
            self.workers,
            self.leases,
            self.store,
            self.custodian,
            self.rejecting,
            self.disconnecting,
            self.state,
            storage.sealer.refusals,
            options.sweep,
        )

    def consent_flows(
        self,
        look_up_account: AccountLookup,
        documents: DocumentStore | None = None,
        until_allowed: Callable[[], Awaitable[None]] | None = None,
        on_over: Callable[[PendingConsent, str], None] | None = None,
    ) -> ConsentFlows:
        """Asking for consent, for what is kept here.

        Args:
            look_up_account: asks Drive who has approved.
            documents: through which requests are kept; None: the storage itself.
            until_allowed: as in `ConsentParts`; None: at once.
            on_over: as in `ConsentParts`.
        """
        more = {} if until_allowed is None else {"until_allowed": until_allowed}
        return ConsentFlows(
            ConsentParts(
                PendingConsents(documents or self.storage),
                self.workers,
                self.leases,
                self.custodian,
                self.oauth,
                self.clients,
                look_up_account,
                on_over=on_over,
                **more,
            )
        )

    async def prepare(self, *, looks_only: bool = False) -> None:
        """Make the storage ready, and read what maintenance remembers.

        Args:
            looks_only: nothing is made, mended or written: for a dry run.

        Raises:
            OperatorFault: the storage cannot be used, or no sealed document opens.
        """
        if not looks_only:
            await self.workers.run(self.store.prepare)
        elif self.storage.sealer.is_sealing:  # without a key each document says so itself
            await self.workers.run(self.storage.check_keys)
        await self.workers.run(self.state.load)
        keys = self.service_keys
        try:
            await self.workers.run(keys.look if looks_only else keys.note)
        except CustodyError as fault:  # they serve, and of their age nothing is known or told
            _log.warning("service_key_not_noted", result=fault.code)
        else:
            self.state.watched.add(service_keys.OLD, keys.is_any_old)

    async def close(self) -> None:
        """Give threads, connections and descriptors back, in order."""
        await self.workers.close()
        await self.oauth.close()
        await asyncio.to_thread(self.storage.close)  # a database may be waited for


def alerts_of(
    settings: Settings, parts: Custody, on_alarms: Callable[[Mapping[str, int]], None]
) -> Alerts:
    """What tells ALERT_WEBHOOK_URL of trouble, where there is one, and knows of alarms."""
    address = settings.alert_webhook_url
    return Alerts(
        parts.storage,
        parts.workers,
        parts.leases,
        parts.state.incidents,
        Departments(settings.departments),
        None if address is None else Webhook(address, Network.of(settings)),
        settings.public_url,
        on_alarms,
    )


def key_stops(parts: Custody, drives: Drives) -> KeyStops:
    """What ends the keys of departments' computers, for the chat and for commands."""
    from departments.clients.alarms import Alarms
    from departments.clients.clients import ClientRecords
    from departments.clients.stopping import KeyStops
    from departments.uploads.withdrawing import Withdrawing

    withdrawing = Withdrawing(parts.storage, parts.workers, drives)
    return KeyStops(
        parts.workers,
        ClientRecords(parts.storage, Alarms(parts.storage)),
        lambda client: withdrawing.of_computer(client.name),
    )


@asynccontextmanager
async def drives_of(settings: Settings, parts: Custody) -> AsyncIterator[Drives]:
    """Everybody's Drives, for whoever asks one thing after the other."""
    from drive import DriveApi, Drives

    api = DriveApi(settings.google_api_endpoint, Network.of(settings))
    drives = Drives(api, parts.custodian, threads=1)
    try:
        yield drives
    finally:
        await drives.close()


@asynccontextmanager
async def custody(
    settings: Settings,
    storage: Storage,
    mask: OwnerMask,
    options: CustodyOptions,
    *,
    looks_only: bool = False,
) -> AsyncIterator[Custody]:
    """Custody as the settings say, prepared, and closed in order at the end.

    Args:
        looks_only: nothing is made, mended or written: for a dry run.

    Raises:
        OperatorFault: the storage cannot be used, or no sealed document opens.
    """
    if storage.sealer.is_sealing and not storage.sealer.keyring.requires_sealing:
        _log.warning("plaintext_allowed")
    endpoints = OAuthEndpoints(
        auth=settings.google_auth_uri,
        token=settings.google_token_uri,
        device=settings.google_device_uri,
        revoke=settings.google_revoke_uri,
    )
    oauth = GoogleOAuth(endpoints, Network.of(settings), now=storage.now)
    made = Custody(storage, mask, oauth, options)
    try:
        await made.prepare(looks_only=looks_only)
        yield made
    finally:
        await made.close()


@asynccontextmanager
async def sheets_of(settings: Settings, parts: Custody) -> AsyncIterator[SheetServices | None]:
    """What looks at sheets and keeps them; None: SHEETS_FILE is not set.

    Raises:
        StartupError: the file has faults, which whoever starts the process has looked for already.
    """
    if settings.sheets_file is None:
        yield None
        return
    from sheets.keeping.configured import sheets_in
    from sheets.keeping.mirror import Mirror
    from sheets.keeping.services import SheetServices
    from sheets.reading.readers import Readers
    from sheets.shapes.file import ShapeFaults

    slugs = [entry.partition("=")[0] for entry in settings.departments]
    try:
        sheets = await asyncio.to_thread(sheets_in, settings.sheets_file, slugs)
    except ShapeFaults as faults:
        raise StartupError(f"SHEETS_FILE: {faults}") from None
    readers = Readers(
        settings.service_accounts,
        settings.google_api_endpoint,
        settings.google_token_uri,
        Network.of(settings),
    )
    mirror = Mirror(
        parts.storage,
        parts.leases,
        lambda department, spreadsheet, tabs: readers.of(department).read(spreadsheet, tabs),
        sheets,
        interval=settings.sheets_interval_minutes * 60,
    )
    parts.state.watched.add(STOPPED, mirror.is_any_stopped)
    members = Members(settings.allowed_user_ids, settings.admin_user_ids)
    try:
        yield SheetServices.of(mirror, parts.storage, members.may_use)
    finally:
        readers.close()  # which ends what is under way
        await mirror.close()
