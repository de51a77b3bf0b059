"""A TCP connection to the database is private, or there is none: each case names the setting."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from config.database import DatabaseAddress
from security.errors import OperatorFault
from security.storage.sql.engine import make_engine
from tests.database.gate import Gate, by_tcp
from tests.database.kit import ask, engine_of, refusal
from tests.mariadb import MariaDB
from tests.network_kit import Authority


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Somebody else's."""
    return Authority(tmp_path_factory.mktemp("other"))


def test_what_is_sent_goes_by_tls(mariadb: MariaDB) -> None:
    """With a certificate of the named authority, for the named host."""
    name = mariadb.make_database()
    for host in ("127.0.0.1", "localhost"):
        with engine_of(mariadb.url(name, host), mariadb.ca) as engine:
            assert ask(
                engine,
                "SELECT variable_value FROM information_schema.session_status "
                "WHERE variable_name = 'Ssl_version'",
            ) in ("TLSv1.2", "TLSv1.3")


def test_a_certificate_of_an_authority_that_is_not_named_is_refused(mariadb: MariaDB) -> None:
    """Those that browsers believe have not signed it."""
    with engine_of(mariadb.new_database()) as engine:
        fault = refusal(engine)
    assert fault.code == "database_untrusted"
    assert "DATABASE_URL" in str(fault)
    assert "DATABASE_CA" in str(fault)


def test_a_certificate_of_another_authority_is_refused(mariadb: MariaDB, other: Authority) -> None:
    with engine_of(mariadb.new_database(), other.cert_file) as engine:
        fault = refusal(engine)
    assert fault.code == "database_untrusted"
    assert "see that DATABASE_CA names the one that has signed it" in str(fault)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda folder: Authority(folder, host="elsewhere.test"), "another host"),
        (lambda folder: Authority(folder, days=-1), "has expired"),
    ],
    ids=["another host's", "expired"],
)
def test_a_certificate_that_says_too_little_is_refused(
    mariadb: MariaDB, tmp_path: Path, make: Callable[[Path], Authority], says: str
) -> None:
    """Nothing was sent to whoever showed it but the wish for TLS."""
    authority = make(tmp_path)
    name = mariadb.make_database()
    with by_tcp(mariadb.port) as gate:
        gate.certificate = authority.server_side()
        with engine_of(mariadb.url(name, "localhost", gate.port), authority.cert_file) as engine:
            fault = refusal(engine)
    assert fault.code == "database_untrusted"
    assert says in str(fault)
    assert "DATABASE_URL" in str(fault)
    assert_nothing_told(gate, name)


def test_where_somebody_takes_tls_away_nothing_is_sent(mariadb: MariaDB) -> None:
    """Nor where a server has none: it looks the same from here."""
    name = mariadb.make_database()
    with by_tcp(mariadb.port) as gate:
        gate.strips_tls = True
        with engine_of(mariadb.url(name, port=gate.port), mariadb.ca) as engine:
            fault = refusal(engine)
    assert fault.code == "database_untrusted"
    assert "offers no TLS" in str(fault)
    assert "DATABASE_URL" in str(fault)
    assert_nothing_told(gate, name)


def assert_nothing_told(gate: Gate, name: str) -> None:
    """Neither the account's name nor a proof of its password."""
    assert name.encode() not in b"".join(gate.heard)
    assert all(len(heard) <= 4 + 32 for heard in gate.heard)  # the request for TLS, and no more


def test_an_old_tls_is_refused(mariadb: MariaDB, other: Authority) -> None:
    name = mariadb.make_database()
    old = other.server_side()
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with by_tcp(mariadb.port) as gate:
        gate.certificate = old
        with engine_of(mariadb.url(name, port=gate.port), other.cert_file) as engine:
            fault = refusal(engine)
    assert fault.code == "database_untrusted"
    assert "DATABASE_URL" in str(fault)


def test_a_server_that_goes_as_tls_begins_is_away_and_no_impostor(mariadb: MariaDB) -> None:
    with by_tcp(mariadb.port) as gate:
        gate.hangs_up = True
        name = mariadb.make_database()
        with engine_of(mariadb.url(name, port=gate.port), mariadb.ca) as engine:
            assert refusal(engine).code == "database_unreachable"


def test_a_file_without_an_authority_is_said(mariadb: MariaDB, tmp_path: Path) -> None:
    """It may have gone since the settings were read."""
    for content in (None, b"", b"canary"):
        path = tmp_path / "canary.pem"
        if content is not None:
            path.write_bytes(content)
        address = DatabaseAddress.parse(mariadb.url("d"), path)
        with pytest.raises(OperatorFault) as caught:
            make_engine(address)
        assert caught.value.code == "database_untrusted"
        assert "DATABASE_CA" in str(caught.value)
        assert "canary" not in str(caught.value)


def test_a_server_that_wants_tls_is_not_asked_without(mariadb: MariaDB) -> None:
    """Whether it says so of everybody, or of the account."""
    name = mariadb.make_database()
    url = f"{mariadb.url(name).get_secret_value()}?tls=off"
    for requirement in ("NONE", "SSL"):
        mariadb.sql(f"ALTER USER '{name}'@'%' REQUIRE {requirement}")
        with engine_of(url) as engine:
            fault = refusal(engine)
        assert fault.code == "database_refused"
        assert "TLS" in str(fault)
        assert "DATABASE_URL" in str(fault)


def test_the_socket_wants_no_tls(mariadb: MariaDB) -> None:
    name = mariadb.make_database()
    with engine_of(mariadb.socket_url(name)) as engine:
        assert ask(engine, "SELECT USER()") == f"{name}@localhost"


def test_tls_may_be_off_on_this_machine_where_the_server_takes_it(own_mariadb: MariaDB) -> None:
    own_mariadb.sql("SET GLOBAL require_secure_transport = OFF")
    name = own_mariadb.make_database()
    own_mariadb.sql(f"ALTER USER '{name}'@'%' REQUIRE NONE")
    with engine_of(f"{own_mariadb.url(name).get_secret_value()}?tls=off") as engine:
        assert (
            ask(
                engine,
                "SELECT variable_value FROM information_schema.session_status "
                "WHERE variable_name = 'Ssl_version'",
            )
            == ""
        )
