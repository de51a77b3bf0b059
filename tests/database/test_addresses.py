"""DATABASE_URL: what it may say, and what is refused, by name and without a value."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from config.database import AddressFault, DatabaseAddress

SERVER = "mysql://drive:canary@db.example.org/drivekeeper"
SOCKET = "mariadb://drive@/drivekeeper?unix_socket=/run/mysqld/mysqld.sock"
CA = Path("authority.pem")


def parsed(text: str, ca: Path | None = None) -> DatabaseAddress:
    """Taken apart."""
    return DatabaseAddress.parse(SecretStr(text), ca)


@pytest.mark.parametrize(("scheme", "port"), [("mysql", 3306), ("mariadb", 3306), ("tidb", 4000)])
def test_a_server_is_asked_at_its_usual_port(scheme: str, port: int) -> None:
    """Unless another is named."""
    found = parsed(f"{scheme}://drive:pass@db.example.org/drivekeeper", CA)
    assert (found.host, found.port, found.user, found.name) == (
        *("db.example.org", port, "drive", "drivekeeper"),
    )
    assert found.password is not None
    assert found.password.get_secret_value() == "pass"
    assert (found.is_plain, found.socket, found.file, found.ca) == (False, None, None, CA)
    assert parsed(f"{scheme}://drive:pass@[2001:db8::1]:3307/d").port == 3307


def test_user_and_password_may_be_percent_encoded() -> None:
    """Whatever is in them."""
    found = parsed("mysql://dr%40ve:%2F%3A%23%25%C3%A9@127.0.0.1/d")
    assert found.password is not None
    assert (found.user, found.password.get_secret_value()) == ("dr@ve", "/:#%é")


def test_a_socket_wants_neither_host_nor_password() -> None:
    """An account may be the system's user."""
    found = parsed(SOCKET)
    assert (found.socket, found.host, found.port) == (Path("/run/mysqld/mysqld.sock"), "", 0)
    assert found.password is None
    assert not found.is_plain


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.10", "[::1]"])
def test_this_machine_itself_may_be_asked_without_tls(host: str) -> None:
    """And it is said in the address."""
    assert parsed(f"mysql://drive:pass@{host}/d?tls=off").is_plain
    assert not parsed(f"mysql://drive:pass@{host}/d").is_plain


def test_sqlite_is_a_file() -> None:
    """Three slashes and a whole path, whichever folder a command is typed in."""
    assert parsed("sqlite:////srv/my%20data/d.db").file == Path("/srv/my data/d.db")
    assert parsed("sqlite:///~/d.db").file == Path.home() / "d.db"


def test_no_address_shows_who_asks_with_which_password() -> None:
    """Not in a traceback's locals either."""
    assert "canary" not in repr(parsed(SERVER))
    assert "drive" not in repr(parsed(SERVER)).replace("db.example.org", "")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("canary", "must begin with"),
        ("postgresql://drive:canary@db/d", "must begin with"),
        ("mysql+pymysql://drive:canary@db/d", "must begin with"),
        ("MYSQL://drive:canary@db/d", "must begin with"),
        ("mysql://drive:canary@db/d canary", "without blanks"),
        ("mysql://drive:can\x00ary@db/d", "without blanks"),
        ("mysql://drive:can%00ary@db/d", "control character"),
        ("mysql://drive:can%0Aary@db/d", "control character"),
        ("mysql://drive:canary%@db/d", "% itself is %25"),
        ("mysql://drive:canary%zz@db/d", "% itself is %25"),
        ("mysql://drive:canary%FF@db/d", "UTF-8"),
        ("mysql://drive:can/ary@db/d", "percent-encoded"),
        ("mysql://drive:can#ary@db/d", "percent-encoded"),
        ("mysql://drive:can?ary@db/d", "percent-encoded"),
        ("mysql://drive:canary@db/d#canary", "%23"),
        ("mysql://drive:canary@db:0/d", "percent-encoded"),
        ("mysql://drive:canary@db:canary/d", "percent-encoded"),
        ("mysql://drive:canary@db:65536/d", "percent-encoded"),
        ("mysql://drive:canary@[db]/d", "percent-encoded"),
        ("mysql://db/d", "must name a user"),
        ("mysql://:canary@db/d", "must name a user"),
        ("mysql://drive:canary@db", "name of a database"),
        ("mysql://drive:canary@db/", "name of a database"),
        ("mysql://drive:canary@db/d/canary", "name of a database"),
        ("mysql://drive:canary@db/can`ary", "name of a database"),
        ("mysql://drive:can@ary/canary@db/d", "/ is %2F"),
        ("mysql://drive:can@ary/d?canary@db/d", "? in a password is %3F"),
        ("mysql://drive@db/d", "must have a password"),
        ("mysql://drive:@db/d", "must have a password"),
        ("mysql://drive:canary@/d", "must name a host"),
        ("mysql://drive:canary@db..canary/d", "must name a host"),
        ("mysql://drive:canary@db_canary!/d", "must name a host"),
        ("mysql://drive:canary@2130706433/d?tls=off", "must name a host"),
        ("mysql://drive:canary@db/d?tls=off", "this machine itself"),
        ("mysql://drive:canary@10.0.0.1/d?tls=off", "this machine itself"),
        ("mysql://drive:canary@localhost.canary/d?tls=off", "this machine itself"),
        ("mysql://drive:canary@localhost/d?tls=canary", "tls=off alone"),
        ("mysql://drive:canary@localhost/d?tls=", "tls=off alone"),
        ("mysql://drive:canary@localhost/d?tls=off&tls=off", "twice"),
        ("mysql://drive:canary@db/d?ssl_mode=canary", "not known here"),
        ("mysql://drive:canary@db/d?charset=canary", "not known here"),
        ("mysql://drive:canary@db/d?tls=off&", "not known here"),
        ("mysql://drive:canary@db/d?unix_socket=/canary", "a host or a port beside"),
        ("mysql://drive:canary@:3306/d?unix_socket=/canary", "a host or a port beside"),
        ("mysql://drive:canary@/d?unix_socket=canary", "an absolute path"),
        ("mysql://drive:canary@/d?unix_socket=", "an absolute path"),
        (f"mysql://drive:canary@/d?unix_socket=/{'canary' * 20}", "107 bytes"),
        ("mysql://drive:canary@/d?unix_socket=/canary&tls=off", "no tls=off beside"),
        ("sqlite://canary.db", "sqlite:/// and the path"),
        ("sqlite:canary.db", "must begin with"),
        ("sqlite://", "sqlite:/// and the path"),
        ("sqlite:///", "must name a file"),
        ("sqlite:///:memory:", "must name a file"),
        ("sqlite:///canary/", "must name a file"),
        ("sqlite:///file:canary", "must name a file"),
        ("sqlite:////canary.db?mode=ro", "without parameters"),
        ("sqlite:///~canary/canary.db", "whose home"),
        ("sqlite:///canary/canary.db", "four slashes"),
        ("sqlite:///./canary.db", "four slashes"),
    ],
)
def test_what_cannot_be_meant_is_refused_without_its_value(text: str, says: str) -> None:
    with pytest.raises(AddressFault) as caught:
        parsed(text)
    assert caught.value.setting == "DATABASE_URL"
    assert says in caught.value.reason
    assert str(caught.value) == f"DATABASE_URL {caught.value.reason}"
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    "text", [SOCKET, "sqlite:////srv/d.db", "mysql://drive:pass@localhost/d?tls=off"]
)
def test_an_authority_that_is_never_asked_is_refused(text: str) -> None:
    """Whoever set it meant to be behind TLS; or has forgotten it, and is told what to do."""
    with pytest.raises(AddressFault) as caught:
        parsed(text, CA)
    assert caught.value.setting == "DATABASE_CA"
    assert "Take it out of the settings" in caught.value.reason
    assert str(CA) not in str(caught.value)
