"""A MariaDB of the tests' own: on loopback, behind TLS, in a temporary folder, gone with the run.

One server a run, shared by all workers, and a database for whoever asks (`mariadb`); one of its own
for whoever wants to end it (`own_mariadb`). Debian's own service is neither used nor needed.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pymysql
import pytest
from pydantic import SecretStr

from sandbox.ports import free_port
from tests.installed import path_of, skip_for_want_of
from tests.network_kit import Authority

PRIVILEGES: Final = "SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX, DROP"
"""Of an account on its own database, and no others: what docs/scaling.md grants."""
_SITTER: Final = Path(__file__).with_name("mariadb_sitter.py")
_SECONDS: Final = 60
"""At most, until it is ready, and until it has ended; both take well below one."""
_AS_ROOT: Final = ("--user=root",) if os.geteuid() == 0 else ()
_SMALL: Final = (
    *("--innodb-buffer-pool-size=32M", "--innodb-log-file-size=8M", "--innodb-log-buffer-size=2M"),
    "--innodb-temp-data-file-path=ibtmp1:2M:autoextend",
    *("--key-buffer-size=1M", "--aria-pagecache-buffer-size=1M", "--performance-schema=OFF"),
    *("--skip-log-bin", "--max-connections=400", "--skip-name-resolve"),
)


@dataclass
class MariaDB:
    """A server."""

    folder: Path
    """0700, and short: the socket's path has 107 bytes at most."""
    port: int = 0
    options: tuple[str, ...] = ()
    """More of the server's own, which go before those of a small one."""

    @property
    def ca(self) -> Path:
        """The authority of its certificate, for DATABASE_CA."""
        return self.folder / "authority.crt"

    @property
    def socket(self) -> Path:
        """Where it listens for this machine alone, without TLS."""
        return self.folder / "s"

    @property
    def pid(self) -> int:
        """The server's own process."""
        return int(self._pid_file.read_text("ascii"))

    def url(self, database: str, host: str = "127.0.0.1", port: int | None = None) -> SecretStr:
        """DATABASE_URL, by TCP, of a database that `make_database` has made."""
        account = f"{database}:{_password(database)}"
        return SecretStr(f"mariadb://{account}@{host}:{port or self.port}/{database}")

    def socket_url(self, database: str) -> SecretStr:
        """The same by the socket."""
        account = f"{database}:{_password(database)}"
        return SecretStr(f"mariadb://{account}@/{database}?unix_socket={self.socket}")

    def new_database(self) -> SecretStr:
        """DATABASE_URL of an empty database, whose account can do nothing elsewhere."""
        return self.url(self.make_database())

    def make_database(self) -> str:
        """An empty database, by its name, which is its account's as well."""
        name = f"d{secrets.token_hex(6)}"
        statements = [f"CREATE DATABASE {name} CHARACTER SET utf8mb4"]
        for host, requirement in (("%", "SSL"), ("localhost", "NONE")):
            account = f"'{name}'@'{host}'"
            statements += [
                f"CREATE USER {account} IDENTIFIED BY '{_password(name)}' REQUIRE {requirement}",
                f"GRANT {PRIVILEGES} ON {name}.* TO {account}",
            ]
        self.sql(*statements)
        return name

    def sql(self, *statements: str) -> list[tuple[Any, ...]]:
        """As the administrator, by the socket; the rows of the last one."""
        with pymysql.connect(
            unix_socket=str(self.socket), user="root", autocommit=True, read_timeout=_SECONDS
        ) as connection:
            cursor = connection.cursor()
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall())

    def transactions(self, condition: str) -> int:
        """How many open ones there are, `t` among the connections `p`, of which this is true.

        InnoDB shows what it showed before to whoever looks again within a tenth of a second
        (CACHE_MIN_IDLE_TIME in trx0i_s.cc), and so for ever to whoever goes on looking.
        """
        time.sleep(0.15)
        [(count,)] = self.sql(
            "SELECT COUNT(*) FROM information_schema.innodb_trx t "
            "JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id "
            f"WHERE {condition}"
        )
        return int(count)

    def start(self, run: int | None = None) -> None:
        """Start it for the first time, or after it has ended: on the port that it had, if any.

        Args:
            run: the process at whose end it ends as well; None: this one.
        """
        if not (self.folder / "data").exists():
            self._install()
        for _ in range(3):  # somebody else may have taken the port meanwhile
            port = self.port or free_port()
            if self._begin(port, run or os.getpid()):
                self.port = port
                return
        raise RuntimeError(self._log())

    def end(self, how: signal.Signals = signal.SIGKILL) -> None:
        """End it, as a crash would, or otherwise; it has ended when this returns."""
        with suppress(FileNotFoundError, ProcessLookupError):
            pid = self.pid
            ended = os.pidfd_open(pid)
            try:
                os.kill(pid, how)
                assert select.select([ended], [], [], _SECONDS)[0], "it does not end"
            finally:
                os.close(ended)
            self._wait(self._ended.exists)

    @property
    def _pid_file(self) -> Path:
        return self.folder / "pid"

    @property
    def _ended(self) -> Path:
        return self.folder / "ended"

    @property
    def _temporary(self) -> Path:
        """Its own: a server that starts removes what others have in theirs."""
        return self.folder / "tmp"

    def _install(self) -> None:
        Authority(self.folder)
        self._temporary.mkdir()
        done = subprocess.run(
            [
                *(_program("mariadb-install-db"), "--no-defaults", "--skip-test-db", *_AS_ROOT),
                *(f"--datadir={self.folder / 'data'}", "--innodb-log-file-size=8M"),
                "--auth-root-authentication-method=normal",
            ],
            env={**os.environ, "TMPDIR": str(self._temporary)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=2 * _SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stdout.decode(errors="replace")

    def _begin(self, port: int, run: int) -> bool:
        certificate = self.folder / "server.pem"
        command = [
            *(_program("mariadbd"), "--no-defaults", f"--datadir={self.folder / 'data'}"),
            *(f"--socket={self.socket}", f"--pid-file={self._pid_file}", f"--port={port}"),
            *("--bind-address=127.0.0.1", "--require-secure-transport=ON", *_AS_ROOT, *_SMALL),
            *(f"--ssl-cert={certificate}", f"--ssl-key={certificate}"),
            *(f"--tmpdir={self._temporary}", *self.options),
        ]
        for mark in (self._pid_file, self._ended):
            mark.unlink(missing_ok=True)
        with (self.folder / "log").open("ab") as log:
            subprocess.run(
                [sys.executable, "-S", str(_SITTER), str(run), str(self.folder), *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                check=True,
                timeout=_SECONDS,
            )
        self._wait(lambda: self._ended.exists() or (self._listens() and self._pid_file.exists()))
        return not self._ended.exists()

    def _wait(self, until: Callable[[], bool]) -> None:
        late = time.monotonic() + _SECONDS
        while not until():
            assert time.monotonic() < late, self._log()
            time.sleep(0.01)

    def _log(self) -> str:
        return (self.folder / "log").read_text("utf-8", "replace")[-4000:]

    def _listens(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self.socket)) == 0


def _program(name: str) -> str:
    return path_of(name) or name


def _password(database: str) -> str:
    return f"made-up-{database[::-1]}"


def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="mdb-", dir=os.environ.get("PYTEST_DEBUG_TEMPROOT")))


@pytest.fixture(scope="session")
def mariadb(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> MariaDB:
    """The run's one server: begun by whoever wants it first, ended with the run."""
    if path_of("mariadbd") is None:
        skip_for_want_of("mariadbd")
    is_worker = hasattr(request.config, "workerinput")
    shared = tmp_path_factory.getbasetemp()
    if is_worker:
        shared = shared.parent
    note = shared / "mariadb"
    with (shared / "mariadb.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if note.exists():
            folder, port = note.read_text("utf-8").split("\n")
            return MariaDB(Path(folder), int(port))
        server = MariaDB(_folder())
        server.start(os.getppid() if is_worker else os.getpid())
        note.write_text(f"{server.folder}\n{server.port}", "utf-8")
        return server


@pytest.fixture
def own_mariadb() -> Iterator[MariaDB]:
    """A server of the test's own, to end and to start again."""
    if path_of("mariadbd") is None:
        skip_for_want_of("mariadbd")
    server = MariaDB(_folder())
    try:
        server.start()
        yield server
    finally:
        server.end()
        shutil.rmtree(server.folder)
