"""A dump of a database, made and put back as docs/backup.md says."""

from __future__ import annotations

import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from tests.database.conftest import Place
from tests.installed import path_of, skip_for_want_of

if TYPE_CHECKING:  # a plugin of pytest's is not to be imported before pytest does
    from tests.mariadb import MariaDB


class Dumps:
    """Of one database."""

    def __init__(self, place: Place, server: MariaDB | None) -> None:
        """
        Args:
            server: None: it is SQLite's.
        """
        self._place = place
        self._server = server
        if server is not None and path_of("mariadb-dump") is None:
            skip_for_want_of("mariadb-dump")

    @property
    def of_server(self) -> bool:
        """Whether it is on a server."""
        return self._server is not None

    @property
    def name(self) -> str:
        """The database's, on its server."""
        return self._place.url.get_secret_value().rpartition("/")[2]

    @property
    def file(self) -> Path:
        """Of SQLite."""
        return Path(self._place.url.get_secret_value().removeprefix("sqlite:///"))

    def make(self, target: Path, *options: str) -> bytes:
        """A dump in `target`, by an account that may read the database and nothing else."""
        if self._server is None:
            with closing(sqlite3.connect(self.file)) as connection:
                connection.execute("VACUUM INTO ?", [str(target)])
            return target.read_bytes()
        reader = f"'reader_{self.name}'@'localhost'"
        self._server.sql(f"CREATE USER {reader}", f"GRANT SELECT ON {self.name}.* TO {reader}")
        command = [
            *("mariadb-dump", "--no-defaults", "--single-transaction", "--no-tablespaces"),
            *("--default-character-set=utf8mb4", *options, f"--user=reader_{self.name}"),
            *(f"--socket={self._server.socket}", self.name),
        ]
        done = subprocess.run(command, capture_output=True, timeout=60, check=False)
        self._server.sql(f"DROP USER {reader}")
        assert done.returncode == 0, done.stderr
        target.write_bytes(done.stdout)
        return done.stdout

    def put_back(self, source: Path) -> None:
        """The dump in the place of what is there."""
        if self._server is None:
            for path in self.file.parent.iterdir():
                path.unlink()
            self.file.write_bytes(source.read_bytes())
            self.file.chmod(0o600)
            return
        self._server.sql(f"DROP DATABASE {self.name}", f"CREATE DATABASE {self.name}")
        command = [
            *("mariadb", "--no-defaults", "--user=root", f"--socket={self._server.socket}"),
            *("--default-character-set=utf8mb4", self.name),
        ]
        with source.open("rb") as file:
            done = subprocess.run(command, stdin=file, capture_output=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
