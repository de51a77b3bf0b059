"""The composition root of the operator's commands: settings, logs, keys and the store.

They work beside a running bot: what they change is guarded by the same leases.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretBytes

from commands.output import Exit, stop
from commands.waiting import WaitingForBot, WaitingForOwners
from config import DatabaseAddress, Settings, SettingsError, load_settings, without_settings
from processes.storage import (
    are_credentials_in_files,
    are_files_unmoved,
    database_of,
    find_mask_key,
    is_in_use,
    make_mask_key,
    masks_since,
    put_back_mask_key,
    refuse_emptied,
    refuse_unmoved,
    sentence_of_no_file,
    storage_of,
    storage_to_look_at,
)
from security.consent.pending import PendingConsents
from security.credential import Owner
from security.encryption import TokenEncryption
from security.errors import CustodyError, OperatorFault
from security.logging_utils import OwnerMask, configure_logging, redact_logs
from security.recovery.bot_stopped import bot_stopped
from security.recovery.losses import Losses, find_losses
from security.recovery.restore import MaskKeyOutcome
from security.storage.disk_faults import reason_of
from security.storage.leases import BOT_LEASE
from security.storage.protocol import Storage
from security.token_store import TokenStore

if TYPE_CHECKING:  # where everything is kept in files, nobody waits for SQLAlchemy's import
    from processes.database import Database as Database
    from processes.database import Extra as Extra
    from processes.database import Server as Server
    from processes.database import Trial as Trial
    from security.recovery.moving.move import Move
    from security.storage.moves.marks import SideName


@dataclass(frozen=True, slots=True)
class Custody:
    """What commands work on. Nothing in it has touched the disk yet but the mask key."""

    settings: Settings
    mask: OwnerMask
    mask_key: SecretBytes
    storage: Storage
    store: TokenStore

    @property
    def keyring(self) -> TokenEncryption:
        """The keys of what is stored."""
        return self.storage.sealer.keyring

    def losses(self, present: Collection[Owner] | None = None) -> Losses:
        """Who has no credential here and had one; see `find_losses`."""
        return find_losses(self.store, masks_since(self.settings), present)

    @property
    def consents(self) -> PendingConsents:
        """Requests for consent under way."""
        return PendingConsents(self.storage)


def read_settings(env_file: Path) -> Settings:
    """The settings; faults end the command, all of them listed."""
    redact_logs()
    try:
        return load_settings(for_bot=False, env_file=env_file)
    except SettingsError as error:
        faults = "\n".join(f"  • {fault}" for fault in error.faults)
        stop(f"These settings are missing or wrong.\n{faults}", Exit.USAGE)


def _custody_under(settings: Settings, mask_key: bytes) -> Custody:
    """The store as the settings say, and logs under these masks.

    Raises:
        OperatorFault: the keys do not serve.
    """
    mask = OwnerMask(mask_key)
    # Commands answer on stdout; stderr is for what went wrong.
    configure_logging(mask, level="WARNING", style=settings.log_format)
    storage = storage_of(settings, mask, tells=False)
    store = TokenStore(storage, mask)
    store.on_wait = WaitingForOwners(mask)
    return Custody(settings, mask, SecretBytes(mask_key), storage, store)


@contextmanager
def custody_for_restore(
    settings: Settings, archived_mask_key: SecretBytes, *, rollback: bool, dry_run: bool
) -> Iterator[tuple[Custody, MaskKeyOutcome]]:
    """Custody under an archive's masks, where they may be put back, and what became of their key.

    Args:
        rollback: keep the bot from starting meanwhile.
        dry_run: make and change nothing.

    Raises:
        OperatorFault: the data folder is somebody else's or cannot be used, or the bot is running.
    """
    if not is_in_use(settings) and dry_run and settings.database is not None:
        raise OperatorFault(
            "the database of DATABASE_URL is empty, which nothing can be compared with: make its "
            "tables (`drivekeeper db upgrade`), or restore without --dry-run",
            code="schema_behind",
        )
    with ExitStack() as stack:
        if rollback and not dry_run:
            beside = storage_to_look_at(settings)
            stack.callback(beside.close)
            if settings.database is not None:
                beside.prepare()  # a lease is a row: of an empty database it makes the tables
            stack.enter_context(bot_stopped(beside, WaitingForBot()))
        # Before anything makes a new one: masks shall be those of the archive's logs.
        outcome = put_back_mask_key(settings, archived_mask_key, rollback=rollback, dry_run=dry_run)
        if dry_run:
            key = find_mask_key(settings) or archived_mask_key.get_secret_value()
        else:
            key = make_mask_key(settings)
        custody = _custody_under(settings, key)
        stack.callback(custody.storage.close)
        yield custody, outcome


def _nothing_in(settings: Settings) -> str:
    address = settings.database
    if address is None:
        there_is = "is empty" if settings.user_data_dir.is_dir() else "is not there"
        return (
            f"The data folder (USER_DATA_DIR) {there_is}: neither the bot nor `drivekeeper web` "
            "has run on it yet, or it is another folder, or its disk is not mounted."
        )
    with database_of(settings) as database:
        if not database.is_made():
            says = sentence_of_no_file(address.place)
            return f"{says[:1].upper()}{says[1:]}."
    return (
        "The database (DATABASE_URL) is empty: it is another one than you mean, or nothing has "
        "been kept there yet. `drivekeeper db upgrade` makes its tables."
    )


@contextmanager
def open_custody(env_file: Path, *, changes: bool = False) -> Iterator[Custody]:
    """The store as the settings say; faults end the command with one sentence.

    Args:
        changes: whether the command is one that changes something: what only looks makes nothing,
            neither a folder nor a file, and mends no mode.
    """
    settings = read_settings(env_file)
    try:
        in_use = is_in_use(settings)
        refuse_emptied(settings)
        refuse_unmoved(settings)
        if not in_use:
            if nothing := without_settings(settings, env_file):
                stop(nothing, Exit.USAGE)
            stop(
                f"{_nothing_in(settings)} `drivekeeper restore ARCHIVE` brings a backup back.",
                Exit.USAGE,
            )
        if changes:
            key = make_mask_key(settings)
        else:
            # Masks made under a key that nobody keeps are good for this one answer.
            key = find_mask_key(settings) or secrets.token_bytes(32)
        custody = _custody_under(settings, key)
        try:
            yield custody
        finally:
            custody.storage.close()
    except CustodyError as error:
        stop(f"Not done: {error}.", Exit.FAULT)
    except BrokenPipeError:
        raise  # whoever read the answer has seen enough of it
    except OSError as error:
        stop(f"Not done: {reason_of(error)}.", Exit.FAULT)


@contextmanager
def open_database(env_file: Path) -> Iterator[Database]:
    """The database as the settings say; faults end the command with one sentence."""
    settings = read_settings(env_file)
    if nothing := without_settings(settings, env_file):
        stop(nothing, Exit.USAGE)
    if settings.database is None:
        stop("DATABASE_URL is not set: everything is kept in files (USER_DATA_DIR).", Exit.USAGE)
    try:
        with database_of(settings) as database:
            yield database
    except CustodyError as error:
        stop(f"Not done: {error}.", Exit.FAULT)


@dataclass(frozen=True, slots=True)
class Installation:
    """What there is, for whoever only looks, works or not."""

    settings: Settings
    storage: Storage

    @classmethod
    def of(cls, settings: Settings) -> Installation:
        """As the settings say."""
        return cls(settings, storage_to_look_at(settings))

    @property
    def is_in_files(self) -> bool:
        """Whether there is no database."""
        return self.settings.database is None

    @property
    def place(self) -> str:
        """Where everything is kept, as the doctor calls it."""
        return "data folder" if self.is_in_files else "database"

    def database(self) -> Database:
        """Where everything is kept, if that is not in files."""
        return database_of(self.settings)

    def is_there(self) -> bool:
        """Whether there is a data folder, or a database with anything in it.

        Raises:
            OperatorFault: the database is another program's, or cannot be asked.
        """
        return self.folder.is_dir() if self.is_in_files else self.is_in_use()

    def bot_runs(self) -> bool | None:
        """Whether a bot is at work on it; None: that cannot be told."""
        if self.is_in_files:
            return self.storage.is_leased(BOT_LEASE)
        try:
            return self.is_in_use() and self.storage.is_leased(BOT_LEASE)
        except CustodyError:
            return None

    @property
    def folder(self) -> Path:
        """The data folder, where everything is in files."""
        return self.settings.user_data_dir

    @property
    def store(self) -> TokenStore:
        """Its credentials, under its own masks; under some others where there is no key of them."""
        key = find_mask_key(self.settings) or secrets.token_bytes(32)
        return TokenStore(self.storage, OwnerMask(key))

    def losses(self) -> Losses:
        """Who has no credential here and had one; see `find_losses`."""
        return find_losses(self.store, masks_since(self.settings))

    def are_files_unmoved(self) -> bool:
        """Whether the database is empty, and there are files that hold credentials.

        Raises:
            OperatorFault: one of the two cannot be looked at.
        """
        return are_files_unmoved(self.settings)

    def are_credentials_in_files(self) -> bool:
        """Whether the data folder holds credentials. Raises as above."""
        return are_credentials_in_files(self.settings)

    def refuse_emptied(self) -> None:
        """See `processes.storage.refuse_emptied`."""
        refuse_emptied(self.settings)

    def is_in_use(self) -> bool:
        """Whether anything is kept there; OperatorFault: other things are, and nothing of ours."""
        return is_in_use(self.settings)


def move_of(
    settings: Settings, database: DatabaseAddress, to: SideName
) -> AbstractContextManager[Move]:
    """A move of everything, into the database or out of it. Imports what a database needs."""
    from processes import moving

    return moving.move_of(settings, database, to, WaitingForBot())
