"""The storage that settings lead to, with leases of whatever length."""

from __future__ import annotations

from config import Settings
from processes.storage import KINDS, storage_of
from security import encryption
from security.encryption import TokenEncryption
from security.logging_utils import OwnerMask
from security.storage.protocol import Storage
from security.storage.refusals import Refusals
from security.storage.sealing import Sealer
from security.storage.sql.engine import make_engine
from security.storage.sql.storage import SqlStorage


def storage_for(settings: Settings, mask: OwnerMask, lease_seconds: float) -> Storage:
    """As a process has it."""
    if settings.database is None:
        return storage_of(settings, mask)
    keyring = TokenEncryption(settings.encryption_keys, required=True)
    encryption.install(keyring)
    sealer = Sealer(keyring, Refusals(lambda *_: None))
    engine = make_engine(settings.database)
    return SqlStorage(engine, sealer, mask, KINDS, lease_seconds=lease_seconds)
