"""Whole transactions: made again where the server undid them, and never where nobody knows."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine

from security.errors import OperatorFault
from security.storage.sql.errors.meaning import StatementRefused
from security.storage.sql.faults import CommitUnknown, repeatable, run
from tests.database.gate import PASS, Answer, Cut, CutAfter, Gate, Judge, Verdict, by_socket
from tests.database.kit import ask, engine_of, said
from tests.mariadb import MariaDB

AGAIN = (1062, 1205, 1213, 8002, 8005, 8022, 8028, 9007)
LOST = (1053, 1290, 1792, 1836, 1927, 2013)


@pytest.fixture
def name(mariadb: MariaDB) -> str:
    """A database with a table."""
    found = mariadb.make_database()
    mariadb.sql(f"CREATE TABLE {found}.t (n INT PRIMARY KEY)")
    return found


@pytest.fixture
def engine(mariadb: MariaDB, name: str) -> Iterator[Engine]:
    """By TLS."""
    with engine_of(mariadb.url(name), mariadb.ca) as found:
        yield found


@pytest.fixture
def gate(mariadb: MariaDB, name: str) -> Iterator[Gate]:
    """Before the server's socket."""
    with by_socket(mariadb.folder / name, mariadb.socket) as found:
        yield found


@pytest.fixture
def gated(mariadb: MariaDB, name: str, gate: Gate) -> Iterator[Engine]:
    """Through the gate."""
    url = mariadb.socket_url(name).get_secret_value()
    with engine_of(url.replace(str(mariadb.socket), str(mariadb.folder / name))) as found:
        yield found


class Work:
    """Adds a row, and fails as often as it is told."""

    def __init__(self, error: str = "", times: int = 0) -> None:
        self.error, self.left = error, times
        self.times = 0

    def __call__(self, connection: Connection) -> int:
        self.times += 1
        said(connection, f"INSERT INTO t VALUES ({self.times})")
        if self.left:
            self.left -= 1
            said(connection, f"BEGIN NOT ATOMIC SIGNAL SQLSTATE 'HY000' SET {self.error}; END")
        return self.times


@pytest.mark.parametrize(
    "error",
    [
        *(f"MYSQL_ERRNO = {number}, MESSAGE_TEXT = 'canary'" for number in AGAIN),
        "MYSQL_ERRNO = 1105, MESSAGE_TEXT = 'Information schema is changed canary'",
    ],
)
def test_what_the_server_undid_is_made_again_as_a_whole(engine: Engine, error: str) -> None:
    """Three times; what an earlier one wrote is nowhere."""
    work = Work(error, times=3)
    assert run(engine, work) == 4
    assert ask(engine, "SELECT GROUP_CONCAT(n) FROM t") == "4"


def test_a_conflict_that_goes_on_is_told_by_its_number(engine: Engine) -> None:
    work = Work("MYSQL_ERRNO = 1213, MESSAGE_TEXT = 'canary'", times=100)
    with pytest.raises(OperatorFault) as caught:
        run(engine, work)
    assert (caught.value.code, work.times) == ("locked", 4)
    assert "1213" in str(caught.value)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("number", [1021, 1054, 1064, 1105, 1114, 1146, 1317])
def test_what_would_fail_again_is_not_made_again(engine: Engine, number: int) -> None:
    work = Work(f"MYSQL_ERRNO = {number}, MESSAGE_TEXT = 'canary'", times=1)
    with pytest.raises(OperatorFault) as caught:
        run(engine, work)
    assert (caught.value.code, work.times) == ("store_failed", 1)
    assert str(number) in str(caught.value)
    assert ask(engine, "SELECT COUNT(*) FROM t") == 0


@pytest.mark.parametrize("number", [1021, 1146, 1317, 1969, 3024])
def test_what_has_nothing_to_do_with_what_was_sent_refuses_no_statement(
    engine: Engine, number: int
) -> None:
    """Whoever has sent many things at once would try each by itself."""
    work = Work(f"MYSQL_ERRNO = {number}, MESSAGE_TEXT = 'canary'", times=1)
    with pytest.raises(OperatorFault) as caught:
        run(engine, work)
    assert caught.value.code == "store_failed"
    assert not isinstance(caught.value, StatementRefused)


@pytest.mark.parametrize("number", [1047, 8027, 9001, 9002, 9003, 9004, 9005])
def test_a_server_that_does_not_reach_its_cluster_cannot_be_reached(
    engine: Engine, number: int
) -> None:
    """It has nothing against the statement: to try what is in it one by one would help nobody."""
    work = Work(f"MYSQL_ERRNO = {number}, MESSAGE_TEXT = 'canary'", times=1)
    with pytest.raises(OperatorFault) as caught:
        run(engine, work)
    assert (caught.value.code, work.times) == ("database_unreachable", 1)


def test_a_deadlock_costs_nobody_a_transaction(engine: Engine) -> None:
    """The server ends one of two, which is made again."""
    for number in (1, 2):
        ask(engine, f"INSERT INTO t VALUES ({number})", writes=True)
    met = threading.Barrier(2)
    tries = []

    def change(first: int, then: int) -> None:
        def work(connection: Connection) -> None:
            tries.append(first)
            said(connection, f"SELECT n FROM t WHERE n = {first} FOR UPDATE")
            if len(tries) <= 2:
                met.wait(30)
            said(connection, f"SELECT n FROM t WHERE n = {then} FOR UPDATE")

        run(engine, work)

    threads = [threading.Thread(target=change, args=pair) for pair in ((1, 2), (2, 1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(tries) == 3


def test_a_lock_that_is_not_given_is_an_answer(mariadb: MariaDB, name: str) -> None:
    """Within the time that a statement has."""
    url, ca = mariadb.url(name), mariadb.ca
    with engine_of(url, ca) as engine, engine_of(url, ca, read_seconds=2) as hasty:
        ask(engine, "INSERT INTO t VALUES (1)", writes=True)

        def holding(connection: Connection) -> None:
            said(connection, "SELECT n FROM t WHERE n = 1 FOR UPDATE")
            with pytest.raises(OperatorFault) as caught:
                run(hasty, lambda other: said(other, "DELETE FROM t"), retries=0)
            assert caught.value.code == "locked"
            assert "1205" in str(caught.value)

        run(engine, holding)


@pytest.mark.parametrize("number", LOST)
def test_a_server_that_goes_is_left(engine: Engine, number: int) -> None:
    """By another connection, which may lead to another server; one that only reads as well."""
    seen = []

    def work(connection: Connection) -> None:
        seen.append(said(connection, "SELECT CONNECTION_ID()"))
        if len(seen) == 1:
            error = f"MYSQL_ERRNO = {number}, MESSAGE_TEXT = 'canary'"
            said(connection, f"BEGIN NOT ATOMIC SIGNAL SQLSTATE 'HY000' SET {error}; END")

    run(engine, work)
    assert len({*seen}) == 2


def test_a_connection_that_is_cut_amid_a_transaction_costs_nobody_one(
    engine: Engine, mariadb: MariaDB
) -> None:
    """What it had written is nowhere, and all of it is made again."""
    tries = []

    def work(connection: Connection) -> None:
        tries.append(said(connection, "SELECT CONNECTION_ID()"))
        said(connection, f"INSERT INTO t VALUES ({len(tries)})")
        if len(tries) == 1:
            mariadb.sql(f"KILL {tries[0]}")
        said(connection, f"INSERT INTO t VALUES ({len(tries) + 10})")

    run(engine, work)
    assert ask(engine, "SELECT GROUP_CONCAT(n ORDER BY n) FROM t") == "2,12"


def test_a_transaction_within_another_is_a_defect(engine: Engine) -> None:
    """It would wait for a connection, or for a lock, that the outer one has."""
    with pytest.raises(RuntimeError):
        run(engine, lambda connection: ask(engine, "SELECT 1"))
    assert ask(engine, "SELECT 1") == 1


# COMMIT


def on_commit(*verdicts: Verdict) -> Judge:
    """These for the next COMMITs that follow an INSERT; then all pass."""
    left = list(verdicts)
    has_written = threading.Event()

    def judge(statement: bytes) -> Verdict:
        if statement.startswith(b"INSERT"):
            has_written.set()
        if statement == b"COMMIT" and left and has_written.is_set():
            has_written.clear()
            return left.pop(0)
        return PASS

    return judge


@pytest.mark.parametrize(
    ("verdict", "kept"), [(Cut(), 0), (CutAfter(), 1)], ids=["before", "after"]
)
def test_a_commit_whose_answer_was_lost_is_not_made_again(
    gate: Gate, gated: Engine, engine: Engine, verdict: Verdict, kept: int
) -> None:
    """It may have been made: what is there tells."""
    gate.judge = on_commit(verdict)
    work = Work()
    with pytest.raises(CommitUnknown) as caught:
        run(gated, work)
    assert (caught.value.code, work.times) == ("database_unreachable", 1)
    assert caught.value.__context__ is None
    assert ask(engine, "SELECT COUNT(*) FROM t") == kept


@pytest.mark.parametrize("verdict", [Cut(), CutAfter()], ids=["before", "after"])
def test_what_may_be_made_twice_is_made_again(
    gate: Gate, gated: Engine, engine: Engine, verdict: Verdict
) -> None:
    gate.judge = on_commit(verdict, verdict)
    put = "INSERT INTO t VALUES (7) ON DUPLICATE KEY UPDATE n = 7"
    repeatable(gated, lambda connection: said(connection, put))
    assert ask(engine, "SELECT GROUP_CONCAT(n) FROM t") == "7"


def test_what_may_have_been_made_is_not_said_to_have_changed_nothing(
    gate: Gate, gated: Engine, engine: Engine
) -> None:
    """Where it is refused when it is tried once more: of the first time nobody knows still."""
    lost = on_commit(CutAfter())
    tried: list[bytes] = []

    def judge(statement: bytes) -> Verdict:
        if statement.startswith(b"INSERT"):
            tried.append(statement)
        again = statement.startswith(b"INSERT") and len(tried) > 1
        return Answer(1114) if again else lost(statement)

    gate.judge = judge
    with pytest.raises(CommitUnknown) as caught:
        repeatable(gated, lambda connection: said(connection, "INSERT INTO t VALUES (7)"))
    assert caught.value.__context__ is None
    assert len(tried) == 2
    assert ask(engine, "SELECT GROUP_CONCAT(n) FROM t") == "7"


@pytest.mark.parametrize("number", AGAIN)
def test_a_commit_that_was_undone_is_made_again(
    gate: Gate, gated: Engine, engine: Engine, number: int
) -> None:
    """As TiDB answers where two have changed the same."""
    gate.judge = on_commit(Answer(number), Answer(number))
    work = Work()
    assert run(gated, work) == 3
    assert ask(engine, "SELECT GROUP_CONCAT(n) FROM t") == "3"


@pytest.mark.parametrize("number", [1180, 1317, 1927, 8501])
def test_another_answer_to_a_commit_says_nothing(gate: Gate, gated: Engine, number: int) -> None:
    """8501: TiDB's own "undetermined"."""
    gate.judge = on_commit(Answer(number, "canary"))
    with pytest.raises(CommitUnknown) as caught:
        run(gated, Work())
    assert str(number) in str(caught.value)
    assert "canary" not in str(caught.value)
    assert run(gated, lambda connection: said(connection, "SELECT 1")) == 1


def test_who_only_reads_knows_what_there_is(gate: Gate, gated: Engine) -> None:
    """No COMMIT is sent, and so none is lost."""
    heard = []
    gate.judge = lambda statement: heard.append(statement) or PASS  # type: ignore[func-returns-value]
    assert ask(gated, "SELECT COUNT(*) FROM t") == 0
    assert b"COMMIT" not in heard[heard.index(b"SELECT COUNT(*) FROM t") :]


def test_a_transaction_costs_no_more_trips_than_its_statements_and_one(
    gate: Gate, gated: Engine
) -> None:
    """A connection that was used just now is not asked whether it lives; no ROLLBACK follows."""
    ask(gated, "SELECT 1")
    heard: list[bytes] = []
    gate.judge = lambda statement: heard.append(statement) or PASS  # type: ignore[func-returns-value]
    run(gated, Work())
    assert ask(gated, "SELECT 2") == 2
    assert heard == [b"INSERT INTO t VALUES (1)", b"COMMIT", b"SELECT 2", b"ROLLBACK"]
