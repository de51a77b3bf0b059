"""The MariaDB of a run: the tests' own, with room for a hundred thousand owners."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.installed import path_of
from tests.mariadb import MariaDB

_ROOM: Final = (
    *("--innodb-buffer-pool-size=512M", "--innodb-log-file-size=256M"),
    *("--innodb-flush-log-at-trx-commit=1", "--innodb-flush-method=fsync"),
)
"""An fsync for each COMMIT, as it comes; a log in which nothing waits for pages to be written."""
_STATEMENTS: Final = ("select", "insert", "update", "delete", "replace")


def is_installed() -> bool:
    """Whether there is a MariaDB to be started; says so where there is none."""
    if path_of("mariadbd") is not None:
        return True
    print("what is measured needs a MariaDB: please install mariadb-server", file=sys.stderr)
    return False


@contextmanager
def server_in(folder: Path) -> Iterator[MariaDB]:
    """A server with TLS on loopback, its data in `folder`."""
    folder.mkdir(mode=0o700)
    server = MariaDB(folder, options=_ROOM)
    try:
        server.start()
        yield server
    finally:
        server.end()
        shutil.rmtree(folder)


def settings_of(server: MariaDB, database: str) -> Mapping[str, str]:
    """What leads the product to a database, by TCP and TLS."""
    url = server.url(database).get_secret_value()
    return {"DATABASE_URL": url, "DATABASE_CA": str(server.ca)}


def statements(server: MariaDB) -> int:
    """How many statements on rows the server has been sent, by its own count."""
    names = ", ".join(f"'Com_{verb}'" for verb in _STATEMENTS)
    rows = server.sql(f"SHOW GLOBAL STATUS WHERE Variable_name IN ({names})")
    return sum(int(count) for _, count in rows)
