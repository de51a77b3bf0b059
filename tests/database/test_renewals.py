"""A lease is renewed in time, whatever else the database is waited for."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pymysql
import pytest
from pydantic import SecretStr

from config.database import DatabaseAddress
from processes.storage import open_storage
from security.encryption import TokenEncryption
from security.errors import OperatorFault
from security.maintenance.documents import MAINTENANCE
from security.storage.each import only
from security.storage.leases import BOT_LEASE
from security.storage.protocol import Key, Put, Storage, Unit
from security.storage.sql.clock import own_clock
from security.storage.sql.engine import POOL_SIZE
from security.storage.sql.leases import SqlLease
from tests.database.gate import PASS, Verdict, by_socket
from tests.journeys import until
from tests.mariadb import MariaDB
from tests.storage.backends import MASK, new_key

SEEN = Key(MAINTENANCE, "incident.store_failed")


@contextmanager
def storage_by(url: SecretStr, ca: Path | None = None) -> Iterator[Storage]:
    """As a process has it, with leases of six seconds."""
    address = DatabaseAddress.parse(url, ca)
    storage = open_storage(address, TokenEncryption([new_key()]), MASK, lease_seconds=6)
    storage.open()
    try:
        yield storage
    finally:
        storage.close()


async def test_a_lease_is_renewed_while_every_connection_is_waited_with(mariadb: MariaDB) -> None:
    """Or one row that is locked makes another process the bot."""
    name = mariadb.make_database()
    with storage_by(mariadb.url(name), mariadb.ca) as storage:
        lease = only(storage.lease([BOT_LEASE]))
        assert lease is not None
        put = Unit([Put(SEEN, {})])
        storage.apply([put])
        other = pymysql.connect(unix_socket=str(mariadb.socket), user="root")
        other.begin()
        other.cursor().execute(f"SELECT name FROM {name}.documents FOR UPDATE")
        writers = [threading.Thread(target=storage.apply, args=([put],)) for _ in range(8)]
        for writer in writers:
            writer.start()
        waiting = f"p.db = '{name}' AND t.trx_state = 'LOCK WAIT'"
        await until(lambda: mariadb.transactions(waiting) == POOL_SIZE)
        began = time.monotonic()
        assert lease.renew()
        assert time.monotonic() - began < 5
        other.close()
        for writer in writers:
            writer.join(60)
        lease.release()


def test_a_connection_that_is_dead_costs_a_renewal_a_sixth_of_a_lease(mariadb: MariaDB) -> None:
    """And the next one goes by another connection."""
    name = mariadb.make_database()
    url, waits = mariadb.socket_url(name).get_secret_value(), threading.Event()
    heard: list[bytes] = []

    def silent_once(statement: bytes) -> Verdict:
        if statement.startswith(b"UPDATE leases SET held_until"):
            heard.append(statement)
            if len(heard) == 1:
                waits.wait(60)
        return PASS

    with by_socket(mariadb.folder / name, mariadb.socket) as gate:
        gated = url.replace(str(mariadb.socket), str(mariadb.folder / name))
        with storage_by(SecretStr(gated)) as storage:
            lease = only(storage.lease([BOT_LEASE]))
            assert lease is not None
            gate.judge = silent_once
            began = time.monotonic()
            with pytest.raises(OperatorFault) as fault:
                lease.renew()
            assert fault.value.code == "database_unreachable"
            assert lease.renew()
            assert time.monotonic() - began < 5
            assert lease.may_begin()
            waits.set()
            lease.release()


def test_nothing_is_begun_in_the_last_five_of_thirty_seconds(tmp_path: Path) -> None:
    """By the process's own clock, from before it asked: whoever is next may hold it by then."""
    (tmp_path / "of.db").touch()
    address = DatabaseAddress.parse(SecretStr(f"sqlite:///{tmp_path}/of.db"))
    storage = open_storage(address, TokenEncryption([new_key()]), MASK)
    storage.open()
    asked = own_clock()
    lease = only(storage.lease([BOT_LEASE]))
    assert isinstance(lease, SqlLease)
    assert asked + 25 <= lease.ends <= own_clock() + 25
    asked = own_clock()
    assert lease.renew()
    assert asked + 25 <= lease.ends <= own_clock() + 25
    lease.release()
    storage.close()
