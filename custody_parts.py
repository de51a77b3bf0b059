"""Custody put together from the settings: the same in the bot's process and in commands."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import structlog

from config import Settings
from security import encryption
from security.audit import AuditTrail
from security.credential import Owner
from security.custody.custodian import Custodian
from security.custody.members import Members
from security.encryption import TokenEncryption
from security.google.network import Network
from security.google.oauth import GoogleOAuth, OAuthEndpoints
from security.logging_utils import OwnerMask
from security.maintenance.records import Records
from security.maintenance.state import Memory
from security.maintenance.sweep import Sweep, SweepOptions
from security.storage.catalogue import Kind
from security.storage.files.index import Watch
from security.storage.refusals import Refusals
from security.storage.sealing import Sealer
from security.token_store import TokenStore


def tune_garbage_collector() -> None:
    """What the start of a process has made stays to its end: nobody looks at it again.

    The collector's full passes would, a hundred thousand objects of imported modules each time: a
    sixth of a sweep's work, and long enough to be felt by whoever waits for an answer.
    https://docs.python.org/3/library/gc.html#gc.freeze
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000)  # what is made for one request is gone by the end of it, mostly


_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class CustodyParts:
    """What keeps credentials, ready to be prepared."""

    sealer: Sealer
    store: TokenStore
    oauth: GoogleOAuth
    records: Records
    custodian: Custodian
    sweep: Sweep


@asynccontextmanager
async def custody(
    settings: Settings,
    mask: OwnerMask,
    on_refresh: Callable[[str], None] = lambda _: None,
    *,
    remember: bool = True,
    looks_only: bool = False,
) -> AsyncIterator[CustodyParts]:
    """Built as the settings say, prepared, and closed in order at the end.

    Args:
        on_refresh: told the result code of every refresh that was asked of Google.
        looks_only: nothing is made, mended or written: for a dry run.
        remember: whether pauses, holds and incidents are written down at the end of a sweep.

    Raises:
        OperatorFault: the data folder cannot be used, or no encrypted file opens.
    """
    folder = settings.user_data_dir
    keyring = TokenEncryption(settings.encryption_keys, required=settings.token_require_encryption)
    encryption.install(keyring)
    audit = AuditTrail(folder, mask)
    refusals = Refusals() if looks_only else Refusals(partial(_tell_refused, audit))
    sealer = Sealer(keyring, refusals)
    if keyring.kid is not None and not keyring.requires_sealing:
        _log.warning("plaintext_allowed")
    store = TokenStore(folder, sealer, mask)
    idle_after = settings.token_idle_after_days
    records = Records(
        memory=Memory(
            folder / "maintenance",
            sealer,
            timedelta(days=idle_after) if idle_after else None,
            keeps=remember,
        ),
        watch=Watch(folder),
        audit=audit,
        refusals=refusals,
        on_refresh=on_refresh,
    )
    oauth = GoogleOAuth(
        OAuthEndpoints(
            auth=settings.google_auth_uri,
            token=settings.google_token_uri,
            device=settings.google_device_uri,
            revoke=settings.google_revoke_uri,
        ),
        Network.of(settings),
    )
    custodian = Custodian(
        store,
        oauth,
        settings.google_clients,
        records,
        lead=timedelta(minutes=settings.token_refresh_lead_minutes),
    )
    members = Members(settings.allowed_user_ids, settings.admin_user_ids)
    options = SweepOptions(
        batch_size=settings.token_maintenance_batch_size,
        concurrency=settings.token_maintenance_concurrency,
        timeout=timedelta(seconds=settings.token_maintenance_timeout_seconds),
    )
    try:
        if looks_only:
            await custodian.run(store.check_keys)
            await custodian.run(records.memory.load)
        else:
            for part in (store, records.memory, audit):
                await custodian.run(part.prepare)
        yield CustodyParts(
            sealer,
            store,
            oauth,
            records,
            custodian,
            Sweep(store, custodian, records, options, members.may_use),
        )
    finally:
        await custodian.close()
        await oauth.close()


def _tell_refused(audit: AuditTrail, kind: Kind, owner: Owner | None, code: str) -> None:
    """A document was not believed: the log and the trail say so, once."""
    _log.warning("document_refused", kind=kind.name, owner=owner, result=code)
    audit.record("refused", owner, code)
