"""What the processes share: custody put together, the same for the bot, commands and tests."""

from __future__ import annotations

import gc
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final

import structlog
from pydantic import SecretBytes

from bot import kinds as bot_kinds
from config import GoogleClient, Settings
from security import encryption
from security.consent.approvals import AccountLookup, ConsentParts
from security.consent.flows import ConsentFlows
from security.consent.pending import CONSENTS, PendingConsents
from security.credential import Owner
from security.custody.custodian import Custodian
from security.custody.disconnect import Disconnecting
from security.custody.leases import Leases
from security.custody.members import Members
from security.custody.rejecting import Rejecting
from security.custody.workers import Workers
from security.encryption import TokenEncryption
from security.google.clients import Clients
from security.google.network import Network
from security.google.oauth import GoogleOAuth, OAuthEndpoints
from security.logging_utils import OwnerMask
from security.maintenance.state import MAINTENANCE, MaintenanceState
from security.maintenance.sweep import Sweep, SweepOptions
from security.owner_documents import OWNER_KINDS
from security.storage.catalogue import Kind
from security.storage.events import Event
from security.storage.files.data_folder import (
    MaskKeyOutcome,
    holds_ours,
    load_mask_key,
    read_mask_key,
    restore_mask_key,
)
from security.storage.files.storage import FileStorage
from security.storage.protocol import Storage
from security.storage.refusals import Refusals
from security.storage.sealing import Sealer
from security.token_store import TokenStore

KINDS: Final = (*OWNER_KINDS, CONSENTS, *bot_kinds.KINDS, MAINTENANCE)
"""Every kind of documents there is, in the order of reports."""
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


def open_storage(
    folder: Path, keyring: TokenEncryption, mask: Callable[[str], str], *, tells: bool = True
) -> Storage:
    """The storage of an installation; nothing of it has been touched yet.

    Args:
        tells: whether the log and the audit trail are told of documents that are not believed.
    """

    def tell(kind: Kind, owner: Owner | None, code: str) -> None:
        if tells:
            _log.warning("document_refused", kind=kind.label, owner=owner, result=code)
            storage.record([Event("refused", owner, code)])

    storage = FileStorage(folder, Sealer(keyring, Refusals(tell)), mask, KINDS)
    return storage


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
    remembers: bool = True
    """Whether pauses, holds and incidents are written down at the end of a sweep."""

    @classmethod
    def of(
        cls,
        settings: Settings,
        on_refresh: Callable[[str], None] = lambda _: None,
        incident_codes: frozenset[str] = frozenset(),
        *,
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
            incident_codes=options.incident_codes,
            on_refresh=options.on_refresh,
            keeps=options.remembers,
        )
        rejections = self.state.rejections
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
            self.store,
            self.custodian,
            self.rejecting,
            self.disconnecting,
            self.state,
            storage.sealer.refusals,
            options.sweep,
        )

    def consent_flows(self, look_up_account: AccountLookup) -> ConsentFlows:
        """Asking for consent, for what is kept here.

        Args:
            look_up_account: asks Drive who has approved.
        """
        return ConsentFlows(
            ConsentParts(
                PendingConsents(self.storage),
                self.workers,
                self.leases,
                self.custodian,
                self.oauth,
                self.clients,
                look_up_account,
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

    async def close(self) -> None:
        """Give threads, connections and descriptors back, in order."""
        await self.workers.close()
        await self.oauth.close()
        self.storage.close()


def is_in_use(settings: Settings) -> bool:
    """Whether anything is kept where the settings say. Changes nothing.

    Raises:
        OperatorFault: the data folder is somebody else's, or cannot be looked at.
    """
    return holds_ours(settings.user_data_dir, KINDS)


def mask_of(settings: Settings) -> OwnerMask:
    """How owners are named in logs; the key is made where there is none yet.

    Raises:
        OperatorFault: the data folder is somebody else's, or cannot be used.
    """
    is_in_use(settings)
    return OwnerMask(make_mask_key(settings))


def make_mask_key(settings: Settings) -> bytes:
    """The key of the logs' masks, made where there is none yet."""
    return load_mask_key(settings.user_data_dir, settings.log_mask_key)


def find_mask_key(settings: Settings) -> bytes | None:
    """The key of the logs' masks; None: there is none yet. Changes nothing."""
    return read_mask_key(settings.user_data_dir, settings.log_mask_key)


def put_back_mask_key(
    settings: Settings, archived: SecretBytes, *, rollback: bool, dry_run: bool
) -> MaskKeyOutcome:
    """Put an archive's key of the masks in place, where `restore_mask_key` would."""
    folder, configured = settings.user_data_dir, settings.log_mask_key
    return restore_mask_key(folder, archived, configured, rollback=rollback, dry_run=dry_run)


def storage_to_look_at(settings: Settings) -> Storage:
    """The storage for whoever only looks, whatever else the settings require.

    Nobody is told of documents that are not believed, and the process's keyring stays.
    """
    mask = OwnerMask(secrets.token_bytes(32))
    keyring = TokenEncryption(settings.encryption_keys)
    return open_storage(settings.user_data_dir, keyring, mask, tells=False)


def storage_of(settings: Settings, mask: OwnerMask, *, tells: bool = True) -> Storage:
    """The storage as the settings say, under the keyring that is this process's from now on."""
    keyring = TokenEncryption(settings.encryption_keys, required=settings.token_require_encryption)
    encryption.install(keyring)
    return open_storage(settings.user_data_dir, keyring, mask, tells=tells)


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
    oauth = GoogleOAuth(endpoints, Network.of(settings))
    made = Custody(storage, mask, oauth, options)
    try:
        await made.prepare(looks_only=looks_only)
        yield made
    finally:
        await made.close()
