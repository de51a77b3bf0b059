"""What custody does to owners, as a crash of the file storage is tried with, on a database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pymysql
from cryptography.fernet import Fernet
from pydantic import SecretStr

from bot.kinds import PREFERENCES, UPLOADS
from config.database import DatabaseAddress
from processes.storage import KINDS
from security.consent.pending import CONSENTS
from security.credential import Credential, Owner
from security.encryption import TokenEncryption
from security.logging_utils import OwnerMask
from security.owner_documents import CREDENTIALS, credential_key
from security.storage.documents import Documents
from security.storage.protocol import PutRaw, Storage, Unit
from security.storage.refusals import Refusals
from security.storage.sealing import Sealer
from security.storage.sql.engine import make_engine
from security.storage.sql.storage import SqlStorage
from security.storage.sql.tables import metadata
from security.token_store import TokenStore
from tests.crash.checks import losses
from tests.crash.operation import Hands, Operation
from tests.crash.world import (
    ANN,
    BOB,
    CANARY,
    CAT,
    EVE,
    FAY,
    GUS,
    TOWN,
    FolderState,
    World,
    a_credential,
    lay_out,
    other_documents,
    quarantined,
    take_in,
)
from tests.mariadb import MariaDB

Rows = dict[str, list[tuple[Any, ...]]]
_DAMAGE: Final = (b"gAAAA", b"gAAAB")


@dataclass(frozen=True)
class Database:
    """One database: the product reaches it through a proxy, the harness by its socket."""

    server: MariaDB
    name: str
    port: int
    """The proxy's."""

    @property
    def url(self) -> SecretStr:
        """DATABASE_URL, through the proxy."""
        url = self.server.url(self.name, port=self.port).get_secret_value()
        return SecretStr(f"{url}?tls=off")

    @property
    def url_beside(self) -> SecretStr:
        """The same beside it, for what nothing cuts short."""
        return self.server.socket_url(self.name)

    @contextmanager
    def cursor(self) -> Iterator[Any]:
        """Beside the proxy, committed at the end."""
        options: dict[str, Any] = {"unix_socket": str(self.server.socket), "ssl_disabled": True}
        with pymysql.connect(user="root", database=self.name, **options) as connection:
            with connection.cursor() as cursor:
                yield cursor
            connection.commit()

    def rows(self) -> Rows:
        """Everything that is in it."""
        found: Rows = {}
        with self.cursor() as cursor:
            for table in metadata.tables:
                cursor.execute(f"SELECT * FROM `{table}`")
                found[table] = list(cursor.fetchall())
        return found

    def let_time_pass(self) -> None:
        """Every lease has lapsed."""
        with self.cursor() as cursor:
            cursor.execute("UPDATE leases SET held_until = 0")

    def lacks(self) -> list[str]:
        """Tables, columns and indexes of today that are not there."""
        with self.cursor() as cursor:
            seen = "information_schema.{} WHERE table_schema = DATABASE()"
            cursor.execute(f"SELECT table_name, column_name FROM {seen.format('columns')}")
            there = {f"{table}.{name}" for table, name in cursor.fetchall()}
            cursor.execute(f"SELECT table_name, index_name FROM {seen.format('statistics')}")
            there |= {f"{table}.{name}" for table, name in cursor.fetchall()}
        wanted = {
            f"{table.name}.{one.name}"
            for table in metadata.tables.values()
            for one in (*table.columns, *table.indexes)
        }
        return sorted(f"no {name}" for name in wanted - there)

    def put_back(self, rows: Rows) -> None:
        """Hold exactly `rows`."""
        with self.cursor() as cursor:
            for table, kept in rows.items():
                cursor.execute(f"DELETE FROM `{table}`")
                if kept:
                    places = ", ".join(["%s"] * len(kept[0]))
                    cursor.executemany(f"INSERT INTO `{table}` VALUES ({places})", kept)


@dataclass(frozen=True)
class SqlHands(Hands):
    """What an operation works with, in a database."""

    database: Database
    url: SecretStr
    """Where the product reaches it."""
    opened: dict[TokenEncryption, Storage] = field(default_factory=dict)

    def storage(self, keyring: TokenEncryption | None = None) -> Storage:
        """The storage of this process."""
        keys = keyring or self.keyring
        if keys not in self.opened:
            self.opened[keys] = storage_of(self.url, keys, self.world.mask)
        return self.opened[keys]

    def close(self) -> None:
        """The process has ended."""
        while self.opened:
            self.opened.popitem()[1].close()

    def take_away(self, owner: Owner) -> None:
        with self.database.cursor() as cursor:
            cursor.execute("DELETE FROM google_oauth_tokens WHERE owner = %s", [owner.stem])

    def damage(self, owner: Owner) -> bytes:
        with self.database.cursor() as cursor:
            cursor.execute(
                "UPDATE google_oauth_tokens SET encrypted_details ="
                " REPLACE(encrypted_details, %s, %s) WHERE owner = %s",
                [*_DAMAGE, owner.stem],
            )
        return self.remains().raw(owner) or b""

    def let_time_pass(self) -> None:
        self.database.let_time_pass()

    def left_behind(self) -> list[str]:
        return [
            f"plaintext in {table}"
            for table, rows in self.database.rows().items()
            if CANARY in repr(rows)
        ]


def storage_of(url: SecretStr, keyring: TokenEncryption, mask: OwnerMask) -> SqlStorage:
    """A storage as a process makes it that has just started."""
    engine = make_engine(DatabaseAddress.parse(url, None))
    return SqlStorage(engine, Sealer(keyring, Refusals(lambda *_: None)), mask, KINDS)


def build_world(database: Database, scratch: Path) -> tuple[World, Rows]:
    """Owners of every kind, as in the world of files; and the rows that hold them."""
    old_key, new_key, backup_key = (SecretStr(Fernet.generate_key().decode()) for _ in range(3))
    keyring, mask = TokenEncryption([old_key], required=True), OwnerMask(b"a mask key for tests")
    storage = storage_of(database.url_beside, keyring, mask)
    store = TokenStore(storage, mask)
    store.prepare()
    credentials: dict[Owner, Credential] = {}
    for owner in (ANN, BOB, EVE, TOWN, FAY, GUS):
        credentials[owner] = store.save_consent(a_credential(owner))
    for owner in (FAY, GUS):
        store.copies.set_aside(owner, "revoked")
    credentials[CAT] = _bring(store, CAT)
    for kind in (CONSENTS, UPLOADS, PREFERENCES):
        name = f"{ANN.key}-1" if kind is UPLOADS else ANN.stem
        document = {"owner": ANN.name, "secret": f"{CANARY}-{kind.name}"}
        Documents(storage, kind).write(name, document)
    world = World(
        state={},
        credentials=credentials,
        raw={},
        documents=other_documents(storage),
        plain={},
        damaged_ann=b"",
        old_key=old_key,
        new_key=new_key,
        backup_key=backup_key,
        mask=mask,
    )
    hands = SqlHands(world, scratch, keyring, database, database.url_beside)
    world.raw[EVE] = hands.damage(EVE)
    rows = database.rows()
    for owner in (ANN, BOB, CAT, TOWN):
        raw = hands.remains().raw(owner) or b""
        world.raw[owner] = storage.sealer.examine(CREDENTIALS, owner.stem, raw).content
    for owner in (FAY, GUS):
        world.raw[owner] = quarantined(storage)[owner][0]
    damaged_ann = hands.damage(ANN)
    hands.close()
    storage.close()
    database.put_back(rows)
    return World(**{**vars(world), "damaged_ann": damaged_ann}), rows


def _bring(store: TokenStore, owner: Owner) -> Credential:
    """As a credential comes that was sealed elsewhere: in one piece."""
    credential = a_credential(owner)
    raw = store.storage.sealer.seal(CREDENTIALS, owner.stem, credential.to_document())
    with store.leased(owner) as lease:
        store.change(Unit([PutRaw(credential_key(owner), raw)], lease))
    return credential


class CustodySubject:
    """One operation of the crash matrix, in a database."""

    def __init__(
        self, operation: Operation, world: World, rows: Rows, database: Database, scratch: Path
    ) -> None:
        self.name = operation.name
        self._operation = operation
        self._world = world
        self._database = database
        self._scratch = scratch
        self._rows = rows
        self._files: FolderState | None = None
        self._done: set[str] = set()

    def begin(self) -> None:
        """Owners, and what is beside the database."""
        if self._files is None:
            self._database.put_back(self._rows)
            lay_out(self._scratch, {})
            hands = self._hands(self._database.url_beside, self._world.keyring)
            self._operation.prepare(hands)
            hands.close()
            self._rows, self._files = self._database.rows(), take_in(self._scratch)
        self._database.put_back(self._rows)
        lay_out(self._scratch, self._files)

    def run(self) -> None:
        """What is said to be done, is noted."""
        self._done.clear()
        hands = self._hands(self._database.url)
        try:
            for done in self._operation.run(hands):
                self._done.add(done)
        finally:
            hands.close()

    def losses(self) -> list[str]:
        """The same judges as with files."""
        hands = self._hands(self._database.url_beside)
        try:
            return losses(self._operation, hands, self._done)
        finally:
            hands.close()

    def _hands(self, url: SecretStr, keyring: TokenEncryption | None = None) -> SqlHands:
        usual = self._operation.keyring(self._world)
        return SqlHands(self._world, self._scratch, keyring or usual, self._database, url)
