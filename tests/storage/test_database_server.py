"""A server of the tests' own serves, and goes."""

from __future__ import annotations

from sqlalchemy import text

from config.database import DatabaseAddress
from security.storage.sql.engine import make_engine
from security.storage.sql.faults import run
from tests.mariadb import MariaDB


def test_a_database_is_asked_by_tls(mariadb: MariaDB) -> None:
    engine = make_engine(DatabaseAddress.parse(mariadb.new_database(), mariadb.ca))
    assert run(engine, lambda c: c.scalar(text("SELECT 1"))) == 1
    rows = run(engine, lambda c: c.execute(text("SHOW STATUS LIKE 'Ssl_cipher'")).all())
    assert rows[0][1]
    engine.dispose()
