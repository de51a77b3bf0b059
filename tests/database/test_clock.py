"""The database's clock: what every process goes by, and learns of whenever it is answered."""

from __future__ import annotations

import threading

import pymysql
import pytest

from security.encryption import TokenEncryption
from security.storage.each import only
from security.storage.sql.clock import DatabaseClock, own_clock
from tests.database.conftest import Place
from tests.database.stores import storage_at
from tests.mariadb import MariaDB
from tests.storage.backends import new_key


def test_no_answer_that_waited_for_others_is_taken_for_the_time(mariadb: MariaDB) -> None:
    """A clock that seems wrong is an incident, and a wrong moment for all that is due."""
    name = mariadb.make_database()
    place = Place(mariadb.url(name), mariadb.ca)
    lock = f"SELECT name FROM {name}.leases WHERE name = 'one' FOR UPDATE"
    with storage_at(place, TokenEncryption([new_key()])) as storage:
        for locks in (False, True):
            other = pymysql.connect(unix_socket=str(mariadb.socket), user="root")
            if locks:
                other.begin()
                other.cursor().execute(lock)
            giving_back = threading.Timer(3.0 if locks else 0.0, other.close)
            giving_back.start()
            lease = only(storage.lease(["one"]))
            giving_back.join()
            assert lease is not None
            lease.release()
            assert abs(storage.skew()) < 1


def test_an_answer_that_took_longer_does_not_move_the_time() -> None:
    """Moments stay in the order they came in, unless the database's clock itself is another."""
    clock = DatabaseClock()
    clock.learn(1_000.0, own_clock())
    waited = own_clock() - 0.8
    clock.learn(clock.now(), waited)
    assert clock.now() == pytest.approx(1_000.0, abs=0.1)
    clock.learn(4_000.0, own_clock())
    assert clock.now() == pytest.approx(4_000.0, abs=0.1)
