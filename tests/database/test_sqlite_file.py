"""SQLite's file: private whatever the umask, durable, and on no network's file system."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine

from security.errors import OperatorFault
from security.storage.mounts import NETWORK
from security.storage.sql import schema
from security.storage.sql.faults import run
from tests.database.kit import ask, engine_of, refusal, said


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where it will be, in a folder that is not there yet."""
    return tmp_path / "kept here" / "drivekeeper.db"


@pytest.fixture
def engine(path: Path) -> Iterator[Engine]:
    """Of that file."""
    with engine_of(address(path)) as found:
        yield found


def address(path: Path) -> str:
    """DATABASE_URL."""
    return f"sqlite:///{str(path).replace(' ', '%20')}"


def modes(path: Path) -> dict[str, str]:
    """Of each file there is."""
    return {entry.name: oct(stat.S_IMODE(entry.stat().st_mode)) for entry in path.parent.iterdir()}


def test_all_three_files_are_private_whatever_the_umask(path: Path, engine: Engine) -> None:
    before = os.umask(0)
    try:
        ask(engine, "CREATE TABLE t (n INT)", writes=True)
        names = ("drivekeeper.db", "drivekeeper.db-wal", "drivekeeper.db-shm")
        assert modes(path) == dict.fromkeys(names, "0o600")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_looser_modes_are_mended(path: Path) -> None:
    """As of a file that was copied there."""
    with engine_of(address(path)) as engine:
        ask(engine, "CREATE TABLE t (n INT)", writes=True)
        for entry in path.parent.iterdir():
            entry.chmod(0o644)
        with engine_of(address(path)) as other:
            assert ask(other, "SELECT COUNT(*) FROM t") == 0
            assert {*modes(path).values()} == {"0o600"}


def test_it_is_durable_and_lets_readers_read(path: Path, engine: Engine) -> None:
    assert ask(engine, "PRAGMA journal_mode") == "wal"
    assert ask(engine, "PRAGMA synchronous") == 2  # FULL
    assert ask(engine, "PRAGMA foreign_keys") == 0
    ask(engine, "CREATE TABLE t (n INT)", writes=True)

    def writing(connection: Connection) -> None:
        said(connection, "INSERT INTO t VALUES (1)")
        assert ask(another, "SELECT COUNT(*) FROM t") == 0

    with engine_of(address(path)) as another:
        run(engine, writing)
    assert ask(engine, "SELECT COUNT(*) FROM t") == 1


def test_who_writes_has_the_right_to_from_the_beginning(engine: Engine) -> None:
    """A transaction that reads and then writes would be refused where others wrote meanwhile."""
    ask(engine, "CREATE TABLE t (n INT)", writes=True)
    ask(engine, "INSERT INTO t VALUES (0)", writes=True)

    def add(connection: Connection) -> None:
        number = said(connection, "SELECT n FROM t")
        said(connection, f"UPDATE t SET n = {number + 1}")

    def add_ten() -> None:
        for _ in range(10):
            run(engine, add)

    threads = [threading.Thread(target=add_ten) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert ask(engine, "SELECT n FROM t") == 80


def test_another_process_that_writes_is_waited_for(path: Path, engine: Engine) -> None:
    """Nothing is refused, and nothing lost."""
    ask(engine, "CREATE TABLE t (n INT)", writes=True)
    program = (
        "import sqlite3, sys\n"
        "c = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "c.execute('BEGIN IMMEDIATE'); c.execute('INSERT INTO t VALUES (1)')\n"
        "print(flush=True); sys.stdin.readline(); c.execute('COMMIT')\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        other.stdout.readline()
        writer = threading.Thread(
            target=ask, args=(engine, "INSERT INTO t VALUES (2)"), kwargs={"writes": True}
        )
        writer.start()
        assert ask(engine, "SELECT COUNT(*) FROM t") == 0
        other.communicate(b"\n", timeout=30)
        writer.join(30)
    assert ask(engine, "SELECT COUNT(*) FROM t") == 2


def test_whoever_opens_a_new_file_beside_another_waits_for_that_one(path: Path) -> None:
    """The change to a log written ahead wants the file alone, and SQLite waits for nobody there."""
    path.parent.mkdir()
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("PRAGMA user_version = 1")
    other.execute("BEGIN IMMEDIATE")
    threading.Timer(0.5, other.close).start()
    with engine_of(address(path)) as engine:
        assert schema.upgrade(engine)


def test_what_is_removed_or_replaced_meanwhile_is_not_written_into(
    path: Path, engine: Engine
) -> None:
    """Nor is a new one made in its place: what was there may come back."""
    ask(engine, "CREATE TABLE t (n INT)", writes=True)
    aside = path.with_name("aside")
    path.rename(aside)
    for _ in range(2):
        fault = refusal(engine, "INSERT INTO t VALUES (1)")
        assert (fault.code, "put it back" in str(fault)) == ("database_unreachable", True)
    assert not path.exists()
    shutil.copyfile(aside, path)
    fault = refusal(engine)
    assert (fault.code, "restart" in str(fault)) == ("store_failed", True)
    aside.rename(path)
    ask(engine, "INSERT INTO t VALUES (1)", writes=True)
    assert ask(engine, "SELECT COUNT(*) FROM t") == 1


def test_what_lies_beside_it_and_was_removed_is_no_fault_of_the_disk(
    path: Path, engine: Engine
) -> None:
    """SQLite calls it one of reading (522), and whoever takes its word looks at the disk."""
    ask(engine, "CREATE TABLE t (n INT)", writes=True)
    path.with_name(f"{path.name}-wal").unlink()
    with engine_of(address(path)) as another:
        fault = refusal(another)
    assert (fault.code, "disk" in str(fault)) == ("store_failed", False)
    assert "(-wal, -shm), was removed" in str(fault)
    assert "put it back, or stop every process" in str(fault)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_file_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with engine_of(address(tmp_path / "canary" / "d.db")) as engine:
        assert refusal(engine).code == "store_failed"


def test_what_is_no_database_is_said(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"canary" * 1000)
    with engine_of(address(path)) as engine:
        fault = refusal(engine)
    assert fault.code == "store_failed"
    assert "its file is no database of SQLite's (error 26): name the right one" in str(fault)
    assert "DATABASE_URL" in str(fault)


def test_what_is_no_file_is_said(path: Path) -> None:
    path.mkdir(parents=True)
    with engine_of(address(path)) as engine:
        fault = refusal(engine)
    assert (fault.code, "no regular file: name one" in str(fault)) == ("store_failed", True)


def test_a_file_of_two_names_is_refused_and_one_behind_a_link_is_not(path: Path) -> None:
    """Whoever opened it by its other name would write into another -wal, and one of both is lost;
    a symbolic link leads to the same one."""
    with engine_of(address(path)) as engine:
        ask(engine, "CREATE TABLE t (n INT)", writes=True)
        linked = path.parent / "linked.db"
        linked.symlink_to(path)
        with engine_of(address(linked)) as other:
            ask(other, "INSERT INTO t VALUES (1)", writes=True)
            assert ask(engine, "SELECT n FROM t") == 1
        second = path.parent / "second.db"
        second.hardlink_to(path)
        with engine_of(address(second)) as other:
            fault = refusal(other)
        assert (fault.code, "hard link" in str(fault)) == ("store_failed", True)


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "ceph"])
def test_a_network_file_system_is_none_for_it(kind: str) -> None:
    """Its locks and its shared memory are what SQLite relies on."""
    assert NETWORK.fullmatch(kind)
    assert not NETWORK.fullmatch("ext4")


def test_a_full_disk_is_said(engine: Engine) -> None:
    ask(engine, "CREATE TABLE t (n BLOB)", writes=True)

    def fill(connection: Connection) -> None:
        said(connection, f"PRAGMA max_page_count = {said(connection, 'PRAGMA page_count') + 1}")
        said(connection, "INSERT INTO t VALUES (zeroblob(100000))")

    with pytest.raises(OperatorFault) as caught:
        run(engine, fill)
    assert caught.value.code == "store_failed"
    assert "full" in str(caught.value)
