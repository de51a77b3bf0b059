"""Where an installation's documents are kept, put together as the settings say.

Apart from `wiring.py`, because most commands need no more: it asks nobody over the network.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog
from pydantic import SecretBytes

from bot import kinds as bot_kinds
from config import DatabaseAddress, Settings
from departments import kinds as department_kinds
from security import encryption
from security.consent.pending import CONSENTS
from security.credential import Owner
from security.encryption import TokenEncryption
from security.errors import OperatorFault
from security.logging_utils import OwnerMask
from security.maintenance.documents import MAINTENANCE
from security.owner_documents import CREDENTIALS, OWNER_KINDS
from security.storage.catalogue import Kind
from security.storage.events import Event
from security.storage.files.data_folder import (
    MaskKeyOutcome,
    holds_ours,
    load_mask_key,
    mask_key_since,
    read_mark,
    read_mask_key,
    refuse_moved,
    restore_mask_key,
)
from security.storage.files.storage import FileStorage
from security.storage.moves.marks import Mark, sentence_of_empty
from security.storage.protocol import Storage
from security.storage.refusals import Refusals
from security.storage.sealing import Sealer
from sheets.keeping import kinds as sheet_kinds
from sheets.people import kinds as people_kinds

if TYPE_CHECKING:  # SQLAlchemy takes a tenth of a second and 16 MB, and files need none of it
    from processes.database import Database

KINDS: Final = (
    *(*OWNER_KINDS, CONSENTS, *bot_kinds.KINDS, MAINTENANCE),
    *(*department_kinds.KINDS, *sheet_kinds.KINDS, *people_kinds.KINDS),
)
"""Every kind of documents there is, in the order of reports."""
_log = structlog.get_logger()


LEASE_SECONDS: Final = 30
"""How long a lease in a database lasts that nobody renews: a process that dies holds up its owners
and its bot for no longer."""

Place = Path | DatabaseAddress
"""A data folder, or a database."""


def open_storage(
    place: Place,
    keyring: TokenEncryption,
    mask: Callable[[str], str],
    *,
    tells: bool = True,
    lease_seconds: float = LEASE_SECONDS,
) -> Storage:
    """The storage of an installation; nothing of it has been touched yet.

    Args:
        tells: whether the log and the audit trail are told of documents that are not believed.
        lease_seconds: in a database.
    """

    def tell(kind: Kind, owner: Owner | None, code: str) -> None:
        if tells:
            _log.warning("document_refused", kind=kind.label, owner=owner, result=code)
            storage.record([Event("refused", owner, code)])

    sealer = Sealer(keyring, Refusals(tell))
    storage: Storage
    if isinstance(place, Path):
        storage = FileStorage(place, sealer, mask, KINDS)
    else:
        from processes.database import sql_storage

        storage = sql_storage(place, sealer, mask, KINDS, lease_seconds)
    return storage


def place_of(settings: Settings) -> Place:
    """Where everything is kept."""
    return settings.database or settings.user_data_dir


def database_of(settings: Settings) -> Database:
    """The database that the settings name."""
    from processes.database import Database

    return Database(settings)


def is_in_use(settings: Settings) -> bool:
    """Whether anything is kept where the settings say. Changes nothing.

    Raises:
        OperatorFault: the data folder or the database is somebody else's, or cannot be looked at,
            or everything was moved away from it.
    """
    if settings.database is None:
        refuse_moved(settings.user_data_dir)
        return holds_ours(settings.user_data_dir, KINDS)
    with database_of(settings) as database:
        return database.is_in_use()


def mask_of(settings: Settings) -> OwnerMask:
    """How owners are named in logs; the key is made where there is none yet.

    Raises:
        OperatorFault: the data folder or the database is somebody else's, or cannot be used; or
            the database is empty, and files that hold credentials were not moved there, or
            everything was moved into another one; or SQLite's file is not there.
    """
    is_in_use(settings)
    refuse_emptied(settings)
    refuse_unmoved(settings)
    refuse_no_file(settings)
    return OwnerMask(make_mask_key(settings))


def are_files_unmoved(settings: Settings) -> bool:
    """Whether the database is empty, and there are files that hold credentials.

    Raises:
        OperatorFault: one of the two cannot be looked at.
    """
    if settings.database is None:
        return False
    with database_of(settings) as database:
        if database.is_in_use() and database.holds_any(KINDS):
            return False  # and the data folder, which may not even be readable, is nothing to it
    return are_credentials_in_files(settings)


def are_credentials_in_files(settings: Settings) -> bool:
    """Whether the data folder holds credentials. Changes nothing.

    Raises:
        OperatorFault: it cannot be looked at.
    """
    files = open_storage(settings.user_data_dir, TokenEncryption(), str, tells=False)
    return bool(files.names(CREDENTIALS))


def refuse_emptied(settings: Settings) -> None:
    """Nobody is to begin anew in an empty database after a move: it is not the one that is meant,
    or what was in it is lost.

    Raises:
        OperatorFault: it is empty, and everything of the data folder was moved into one; or one of
            the two cannot be looked at.
    """
    if settings.database is None:
        return
    with database_of(settings) as database:
        if not database.holds_nothing(KINDS):
            return
    moved = read_mark(settings.user_data_dir, Mark.AWAY)
    if moved is not None:
        says = sentence_of_empty(moved, settings.database.place)
        raise OperatorFault(says, code="moved_away")


def refuse_unmoved(settings: Settings) -> None:
    """Nobody is to begin anew in an empty database because DATABASE_URL was set too early.

    Raises:
        OperatorFault: the database is empty, and there are files that hold credentials; or one of
            the two cannot be looked at.
    """
    if are_files_unmoved(settings):
        raise OperatorFault(
            "the database (DATABASE_URL) holds nothing, and the data folder (USER_DATA_DIR) holds "
            "credentials: `drivekeeper tokens move --to sql` brings everything along; to begin "
            "anew, name another data folder",
            code="exists",
        )


def refuse_no_file(settings: Settings) -> None:
    """Nobody is to begin anew because a path was mistyped, or its disk is not mounted: a database
    on a server is made by somebody, and SQLite's file by `drivekeeper db upgrade`.

    Raises:
        OperatorFault: it is not there, or cannot be looked at.
    """
    if settings.database is None:
        return
    with database_of(settings) as database:
        if not database.is_made():
            says = sentence_of_no_file(settings.database.place)
            raise OperatorFault(says, code="database_refused")


def sentence_of_no_file(place: str) -> str:
    """What is said where SQLite's file is not there.

    Args:
        place: its path.
    """
    return (
        f"there is no file {place} (DATABASE_URL): correct its path, or see that its disk is "
        "mounted; for a new installation, `drivekeeper db upgrade` makes it"
    )


def make_mask_key(settings: Settings) -> bytes:
    """The key of the logs' masks, made where there is none yet."""
    if settings.database is None:
        return load_mask_key(settings.user_data_dir, settings.log_mask_key)
    if (configured := _configured(settings)) is not None:
        return configured
    with database_of(settings) as database:
        return database.make_mask_key()


def find_mask_key(settings: Settings) -> bytes | None:
    """The key of the logs' masks; None: there is none yet. Changes nothing."""
    if settings.database is None:
        return read_mask_key(settings.user_data_dir, settings.log_mask_key)
    if (configured := _configured(settings)) is not None:
        return configured
    with database_of(settings) as database:
        return database.find_mask_key()


def _configured(settings: Settings) -> bytes | None:
    key = settings.log_mask_key
    return None if key is None else key.get_secret_value().encode()


def masks_since(settings: Settings) -> datetime | None:
    """Since when masks have certainly been made under the key of now; None: not known."""
    if settings.log_mask_key is not None:
        return None
    if settings.database is None:
        return mask_key_since(settings.user_data_dir)
    with database_of(settings) as database:
        return database.mask_key_since()


def put_back_mask_key(
    settings: Settings, archived: SecretBytes, *, rollback: bool, dry_run: bool
) -> MaskKeyOutcome:
    """Put an archive's key of the masks in place, where `restore_mask_key` would."""
    folder, configured = settings.user_data_dir, settings.log_mask_key
    if settings.database is None or configured is not None:
        return restore_mask_key(folder, archived, configured, rollback=rollback, dry_run=dry_run)
    with database_of(settings) as database:
        return database.restore_mask_key(archived, rollback=rollback, dry_run=dry_run)


def storage_to_look_at(settings: Settings) -> Storage:
    """The storage for whoever only looks, whatever else the settings require.

    Nobody is told of documents that are not believed, and the process's keyring stays.
    """
    mask = OwnerMask(secrets.token_bytes(32))
    keyring = TokenEncryption(settings.encryption_keys)
    return open_storage(place_of(settings), keyring, mask, tells=False)


def storage_of(
    settings: Settings,
    mask: OwnerMask,
    *,
    tells: bool = True,
    lease_seconds: float = LEASE_SECONDS,
) -> Storage:
    """The storage as the settings say, under the keyring that is this process's from now on."""
    keyring = TokenEncryption(settings.encryption_keys, required=settings.token_require_encryption)
    encryption.install(keyring)
    place = place_of(settings)
    return open_storage(place, keyring, mask, tells=tells, lease_seconds=lease_seconds)
