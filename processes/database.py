"""The database of an installation, where DATABASE_URL names one, put together as the settings say.

Imported only there: SQLAlchemy takes a tenth of a second and 16 MB, and files need none of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Final

from pydantic import SecretBytes

from config import DatabaseAddress, Settings
from security.encryption import TokenEncryption
from security.errors import OperatorFault
from security.recovery.restore import MaskKeyOutcome
from security.storage.catalogue import Kind
from security.storage.disk_faults import reason_of
from security.storage.moves.marks import refuse_marked
from security.storage.sealing import Sealer
from security.storage.sql import schema
from security.storage.sql.checks.privileges import Extra
from security.storage.sql.checks.server import Server, look_at
from security.storage.sql.checks.trials import TRIALS, Trial, Trials
from security.storage.sql.engine import make_engine
from security.storage.sql.installation import (
    INSTALLATION,
    MASK_KEY,
    find_or_make_value,
    find_value,
    read_mark,
    replace_value,
    since,
)
from security.storage.sql.storage import SqlStorage

__all__ = ["Database", "Extra", "Server", "Trial", "sql_storage"]

_ANSWERS_A_LEASE: Final = 6
"""A renewal is asked for once in a third of a lease; it may be asked again, and again."""
_LONGEST_CHANGE_SECONDS: Final = 3600
"""A table of many rows may be rewritten by one statement."""
_CLOSED: Final = frozenset({"unknown_key", "key_missing"})


def sql_storage(
    address: DatabaseAddress,
    sealer: Sealer,
    mask: Callable[[str], str],
    kinds: Sequence[Kind],
    lease_seconds: float,
) -> SqlStorage:
    """The storage in a database; nobody has connected to it yet."""
    renewing = None
    if address.file is None:
        # A lease shall not lapse over a busy pool, nor over one connection that is dead.
        answer = lease_seconds / _ANSWERS_A_LEASE
        renewing = make_engine(address, read_seconds=answer, connections=1)
    return SqlStorage(
        make_engine(address), sealer, mask, kinds, lease_seconds=lease_seconds, renewing=renewing
    )


class Database:
    """To be looked at, and made ready. Leave it as a context manager does."""

    def __init__(self, settings: Settings) -> None:
        if settings.database is None:
            raise ValueError("there is none without DATABASE_URL")
        self._address = settings.database
        self._sealer = Sealer(TokenEncryption(settings.encryption_keys, required=True))
        self._engine = make_engine(self._address)

    def __enter__(self) -> Database:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._engine.dispose()

    @property
    def is_within_machine(self) -> bool:
        """Whether nothing that is asked of it leaves this machine, so that it needs no TLS."""
        address = self._address
        return address.file is not None or address.socket is not None or address.is_plain

    @property
    def file(self) -> Path | None:
        """SQLite's; None: it is on a server."""
        return self._address.file

    def is_empty(self) -> bool:
        """Whether there are no tables in it. Raises as `check_schema`, where it cannot be asked."""
        return schema.state_of(self._engine) is schema.State.EMPTY

    def is_in_use(self) -> bool:
        """Whether anything is kept there. Changes nothing.

        Raises:
            OperatorFault: it is another program's, or cannot be asked, or everything was moved away
                from it.
        """
        if not self.is_made():
            return False
        found = schema.state_of_ours(self._engine)
        if found is schema.State.CURRENT:
            refuse_marked("sql", partial(read_mark, self._storage()))
        return found is not schema.State.EMPTY

    def is_made(self) -> bool:
        """Whether it is there to be asked: SQLite makes a file of whatever is looked into.

        Raises:
            OperatorFault: the file cannot be looked at.
        """
        file = self._address.file
        try:
            return file is None or file.exists()
        except OSError as error:
            says = (
                f"the file of DATABASE_URL cannot be looked at ({reason_of(error)}): see that the "
                "user the bot runs as may enter its folder"
            )
            raise OperatorFault(says, code="store_failed") from None

    def holds_any(self, kinds: Sequence[Kind]) -> bool:
        """Whether there is a document of one of these kinds. Raises as `check_schema`."""
        self.check_schema()
        storage = self._storage(*kinds)
        return any(storage.names(kind) for kind in kinds)

    def holds_nothing(self, kinds: Sequence[Kind]) -> bool:
        """Whether there is no installation in it, with tables or without. Raises as `is_in_use`,
        and as `check_schema`."""
        return not (self.is_in_use() and self.holds_any((INSTALLATION, *kinds)))

    def check_schema(self) -> None:
        """Raise OperatorFault where its tables are not those of this version."""
        schema.check(self._engine)

    def check_writable(self) -> None:
        """Raise OperatorFault where nothing can be put there; what is put is taken away again."""
        self._storage().check_writable()

    def upgrade(self) -> tuple[str, ...]:
        """As `schema.upgrade`."""
        engine = make_engine(self._address, read_seconds=_LONGEST_CHANGE_SECONDS)
        try:
            return schema.upgrade(engine)
        finally:
            engine.dispose()

    def find_mask_key(self) -> bytes | None:
        """The key of the logs' masks; None: there is none yet, or none that a configured key opens.

        Raises:
            OperatorFault: the database cannot be asked, or its tables are not of this version.
        """
        if not self.is_in_use():
            return None
        self.check_schema()
        try:
            return find_value(self._storage(), MASK_KEY)
        except OperatorFault as fault:
            if fault.code in _CLOSED:
                return None
            raise

    def make_mask_key(self) -> bytes:
        """The key of the logs' masks, made where there is none yet, and the tables before it.

        Raises:
            OperatorFault: as `find_mask_key`, or the configured keys do not open what is there.
        """
        storage = self._storage()
        storage.prepare()
        storage.check_keys()  # what is sealed under wrong ones would hide that they are
        return find_or_make_value(storage, MASK_KEY)

    def mask_key_since(self) -> datetime | None:
        """Since when that key has certainly been the one; None: not known."""
        return since(self._storage(), MASK_KEY) if self.is_in_use() else None

    def restore_mask_key(
        self, archived: SecretBytes, *, rollback: bool, dry_run: bool
    ) -> MaskKeyOutcome:
        """Put the mask key back where there is none, or where this is a rollback.

        Raises:
            OperatorFault: as `make_mask_key`.
        """
        key, present = archived.get_secret_value(), self.find_mask_key()
        if present == key:
            return "same"
        if present is not None and not rollback:
            return "differs"
        if not dry_run:
            storage = self._storage()
            storage.prepare()
            storage.check_keys()
            replace_value(storage, MASK_KEY, key)
        return "restored"

    def server(self) -> Server:
        """What server it is on."""
        return look_at(self._engine)

    def trials(self) -> Iterator[Trial]:
        """Whether it keeps what the storage counts on: each as it is tried."""
        return Trials(self._engine, lambda: self._storage(TRIALS)).run()

    def _storage(self, *kinds: Kind) -> SqlStorage:
        return SqlStorage(self._engine, self._sealer, lambda name: name, kinds)
