"""The database's clock: what every process goes by, and learns of whenever it is answered."""

from __future__ import annotations

import threading

import pymysql

from security.encryption import TokenEncryption
from security.storage.each import only
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
