"""Connections: what each is told as it begins, how many there are, and what outlives a restart."""

from __future__ import annotations

import gc
import signal
import threading
import time
from urllib.parse import quote

import pytest
from freezegun import freeze_time
from sqlalchemy import Connection, Engine

from security.errors import OperatorFault
from security.storage.sql.faults import run
from tests.database.kit import ask, engine_of, refusal, said
from tests.mariadb import MariaDB


@pytest.fixture
def engine(mariadb: MariaDB) -> Engine:  # type: ignore[misc]
    """On an empty database."""
    with engine_of(mariadb.new_database(), mariadb.ca) as found:
        yield found


def test_a_session_is_strict_and_in_one_time_zone(engine: Engine) -> None:
    """Whatever the server's own defaults are."""
    assert ask(engine, "SELECT @@time_zone") == "+00:00"
    assert ask(engine, "SELECT @@tx_isolation") == "READ-COMMITTED"
    assert ask(engine, "SELECT @@autocommit") == 0
    assert ask(engine, "SELECT @@character_set_connection") == "utf8mb4"
    assert {"STRICT_ALL_TABLES", "NO_ZERO_DATE"} <= {*ask(engine, "SELECT @@sql_mode").split(",")}
    # A lock that is waited for is answered before the connection is given up; a process that was
    # stopped amid a transaction, or has gone without a word, keeps no row for long.
    assert ask(engine, "SELECT @@innodb_lock_wait_timeout") < 30
    assert ask(engine, "SELECT @@lock_wait_timeout") < 30
    assert ask(engine, "SELECT @@idle_transaction_timeout") == 15
    assert ask(engine, "SELECT @@wait_timeout") == 300


def test_nothing_is_printed_and_no_value_shown(engine: Engine) -> None:
    assert engine.hide_parameters
    assert not engine.echo
    assert "made-up" not in repr(engine)


@pytest.mark.parametrize("password", ["pässwört", "淡海 🗝"])
def test_a_password_may_be_in_any_script(mariadb: MariaDB, password: str) -> None:
    name = mariadb.make_database()
    mariadb.sql(f"ALTER USER '{name}'@'%' IDENTIFIED BY '{password}'")
    url = f"mysql://{name}:{quote(password)}@127.0.0.1:{mariadb.port}/{name}"
    with engine_of(url, mariadb.ca) as engine:
        assert ask(engine, "SELECT 1") == 1


def test_what_does_not_fit_is_refused_and_not_quoted(engine: Engine) -> None:
    ask(engine, "CREATE TABLE words (word VARCHAR(4))", writes=True)
    fault = refusal(engine, "INSERT INTO words VALUES ('canary')")
    assert fault.code == "store_failed"
    assert "error 1406" in str(fault)


def test_five_connections_are_the_most(engine: Engine, mariadb: MariaDB) -> None:
    """The sixth waits for one of them."""
    met, leave = threading.Barrier(5 + 1), threading.Event()

    def hold(connection: Connection) -> None:
        said(connection, "SELECT 1")
        met.wait(30)
        leave.wait(30)

    holders = [
        threading.Thread(target=run, args=(engine, hold), kwargs={"writes": False})
        for _ in range(5)
    ]
    sixth = threading.Thread(target=ask, args=(engine, "SELECT 1"))
    for thread in holders:
        thread.start()
    met.wait(30)
    sixth.start()
    name = engine.url.database
    count = f"SELECT COUNT(*) FROM information_schema.processlist WHERE db = '{name}'"
    sixth.join(0.1)
    assert mariadb.sql(count) == [(5,)]
    assert sixth.is_alive()
    leave.set()
    for thread in (*holders, sixth):
        thread.join(30)
        assert not thread.is_alive()
    assert mariadb.sql(count)[0][0] <= 5


def test_nothing_stays_open_between_transactions(engine: Engine, mariadb: MariaDB) -> None:
    """An idle connection in a transaction would keep tables from being changed."""
    ask(engine, "CREATE TABLE t (n INT)", writes=True)
    ours = f"p.db = '{engine.url.database}'"
    ask(engine, "INSERT INTO t VALUES (1)", writes=True)
    assert mariadb.transactions(ours) == 0
    assert ask(engine, "SELECT n FROM t") == 1
    assert mariadb.transactions(ours) == 0
    refusal(engine, "SELECT n, canary FROM t")
    assert mariadb.transactions(ours) == 0
    mariadb.sql(f"ALTER TABLE {engine.url.database}.t ADD COLUMN m INT")


def test_what_is_not_meant_to_be_kept_is_not(engine: Engine) -> None:
    ask(engine, "CREATE TABLE t (n INT)", writes=True)
    ask(engine, "INSERT INTO t VALUES (1)")
    assert ask(engine, "SELECT COUNT(*) FROM t") == 0


def test_an_error_of_the_work_undoes_it_and_is_its_own(engine: Engine) -> None:
    ask(engine, "CREATE TABLE t (n INT)", writes=True)

    def work(connection: Connection) -> None:
        said(connection, "INSERT INTO t VALUES (1)")
        raise KeyError("its own")

    with pytest.raises(KeyError):
        run(engine, work)
    assert ask(engine, "SELECT COUNT(*) FROM t") == 0


# Whoever is not there


def test_an_account_that_is_not_let_in_is_said(mariadb: MariaDB) -> None:
    name = mariadb.make_database()
    url = mariadb.url(name).get_secret_value()
    with engine_of(url.replace("made-up", "canary"), mariadb.ca) as engine:
        fault = refusal(engine)
    assert (fault.code, "1045" in str(fault)) == ("database_refused", True)
    with engine_of(f"{url}canary", mariadb.ca) as engine:
        fault = refusal(engine)
    assert fault.code == "database_refused"
    says = "there is no database of that name, or the account may not use it (error 1044): "
    assert says in str(fault)  # the server says the same of either
    mariadb.sql(f"REVOKE INSERT ON {name}.* FROM '{name}'@'%'")
    with engine_of(url, mariadb.ca) as engine:
        ask(engine, "CREATE TABLE t (n INT)", writes=True)
        fault = refusal(engine, "INSERT INTO t VALUES (1)")
    assert (fault.code, "1142" in str(fault)) == ("database_refused", True)


@pytest.mark.parametrize(
    ("host", "says"),
    [("127.0.0.1:9", "reached: Connection refused (error 2003)"), ("canary.invalid", " host")],
)
def test_where_nobody_answers_it_is_unreachable(mariadb: MariaDB, host: str, says: str) -> None:
    """Whether it was the port or the name is said: each is mended elsewhere."""
    with engine_of(f"mysql://drive:canary@{host}/d", mariadb.ca) as engine:
        fault = refusal(engine)
    assert fault.code == "database_unreachable"
    assert says in str(fault).partition("cannot be ")[2]


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # PyMySQL leaves it to the collector
def test_a_socket_that_is_not_there_is_unreachable() -> None:
    url = "mysql://drive:canary@/d?unix_socket=/nowhere/canary"
    with engine_of(url) as engine:
        fault = refusal(engine)
    assert fault.code == "database_unreachable"
    assert "No such file or directory" in str(fault)
    gc.collect()


def test_an_answer_that_does_not_come_is_not_waited_for(mariadb: MariaDB) -> None:
    """Nor asked for again: it may be at work on it still."""
    with engine_of(mariadb.new_database(), mariadb.ca, read_seconds=2) as engine:
        asked = []

        def work(connection: Connection) -> None:
            asked.append(time.monotonic())
            said(connection, "SELECT SLEEP(30)")

        with pytest.raises(OperatorFault) as caught:
            run(engine, work)
        assert caught.value.code == "database_unreachable"
        assert "in time" in str(caught.value)
        assert len(asked) == 1
        assert ask(engine, "SELECT 1") == 1  # by another connection


def test_a_restart_of_the_server_costs_nobody_an_error(own_mariadb: MariaDB) -> None:
    """While it is away, it is unreachable; what is in the pool from before is of no use then."""
    with engine_of(own_mariadb.new_database(), own_mariadb.ca) as engine:
        ask(engine, "CREATE TABLE t (n INT)", writes=True)
        for how in (signal.SIGKILL, signal.SIGTERM):
            own_mariadb.end(how)
            assert refusal(engine).code == "database_unreachable"
            own_mariadb.start()
            assert ask(engine, "INSERT INTO t VALUES (1)", writes=True) is None
            own_mariadb.end(how)
            own_mariadb.start()
            ask(engine, "INSERT INTO t VALUES (1)", writes=True)
        assert ask(engine, "SELECT COUNT(*) FROM t") == 4


def test_a_connection_that_was_idle_is_asked_whether_it_lives(
    engine: Engine, mariadb: MariaDB
) -> None:
    """So that what is cut off in silence is found before anything is done by it."""
    first = ask(engine, "SELECT CONNECTION_ID()")
    mariadb.sql(f"KILL {first}")
    time.sleep(1.05)
    seen = []

    def work(connection: Connection) -> None:
        seen.append(said(connection, "SELECT CONNECTION_ID()"))

    run(engine, work)
    assert len(seen) == 1
    assert seen != [first]


def test_a_connection_is_made_anew_before_servers_end_it(engine: Engine) -> None:
    """TiDB Cloud ends what was idle for 300 seconds, some without a word."""
    with freeze_time() as clock:
        first = ask(engine, "SELECT CONNECTION_ID()")
        clock.tick(270)
        assert ask(engine, "SELECT CONNECTION_ID()") == first
        clock.tick(11)
        assert ask(engine, "SELECT CONNECTION_ID()") != first
