"""The address of the database: which one it is, and how a connection to it is kept private.

An allow-list: what stands in it and is not named here is refused, for a parameter that is passed
over (`ssl_mode=REQUIRED`) would be taken for one that is kept.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NoReturn
from urllib.parse import SplitResult, unquote, urlsplit

from pydantic import SecretStr

from config.addresses import is_host, is_loopback

PORTS: Final = {"mysql": 3306, "mariadb": 3306, "tidb": 4000}
"""By the address's scheme, where a server listens that was told nothing else."""
_SCHEMES: Final = "mysql://, mariadb://, tidb:// or sqlite:///"
_DATABASE: Final = re.compile(r"[A-Za-z0-9_$-]{1,64}")
_LONGEST_SOCKET: Final = 107
"""Bytes: https://man7.org/linux/man-pages/man7/unix.7.html, sun_path without its NUL."""
_STRAY_PERCENT: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")


_ENCODED: Final = "special characters in user and password percent-encoded (@ is %40, / is %2F)"
_TAKE_OUT: Final = "Take it out of the settings"


class AddressFault(ValueError):
    """What is wrong with a setting of the database, without its value."""

    def __init__(self, setting: str, reason: str) -> None:
        super().__init__(f"{setting} {reason}")
        self.setting = setting
        self.reason = reason


@dataclass(frozen=True, slots=True)
class DatabaseAddress:
    """Where the database is: a server behind TLS, one behind a local socket, or a file."""

    file: Path | None = None
    """Of SQLite; then nothing else is set."""
    host: str = ""
    port: int = 0
    socket: Path | None = None
    """In the place of host and port."""
    user: str = field(default="", repr=False)
    password: SecretStr | None = field(default=None, repr=False)
    name: str = field(default="", repr=False)
    """Of the database on its server."""
    is_plain: bool = False
    """TCP without TLS, which is for this machine itself only."""
    ca: Path | None = None
    """PEM: the authorities that are believed; None: those that every browser believes."""

    @property
    def place(self) -> str:
        """Which one it is, for people: without the account."""
        if self.file is not None:
            return str(self.file)
        return f"{self.name} at {self.socket or f'{self.host}:{self.port}'}"

    @classmethod
    def parse(cls, url: SecretStr, ca: Path | None = None) -> DatabaseAddress:
        """DATABASE_URL, and DATABASE_CA where it is set.

        `mysql://user:password@host[:port]/database[?tls=off]` (or `mariadb`, `tidb`),
        `mysql://user[:password]@/database?unix_socket=/path`, `sqlite:////path`. User, password and
        paths may be percent-encoded; a path begins with a slash of its own, or with ~.

        Raises:
            AddressFault: what is wrong, by the setting's name and without its value.
        """
        text = url.get_secret_value()
        if any(letter.isspace() or not letter.isprintable() for letter in text):
            _refuse("must be one address, without blanks (%20 in a password stands for one)")
        scheme, _, rest = text.partition("://")
        if scheme == "sqlite":
            return cls._of_file(rest, ca)
        if scheme not in PORTS:
            _refuse(f"must begin with {_SCHEMES}")
        return cls._of_server(text, ca)

    @classmethod
    def _of_file(cls, rest: str, ca: Path | None) -> DatabaseAddress:
        if ca is not None:
            _refuse(f"is not used: SQLite is a file. {_TAKE_OUT}", "DATABASE_CA")
        if not rest.startswith("/"):
            _refuse("must be sqlite:/// and the path of a file (an absolute one: four slashes)")
        if "?" in rest or "#" in rest:
            _refuse("must be sqlite:/// and a path alone, without parameters")
        path = _decoded(rest.removeprefix("/"))
        if path in ("", ":memory:") or path.endswith("/") or path.startswith("file:"):
            _refuse("must name a file: what is in memory alone would be lost")
        try:
            file = Path(path).expanduser()
        except RuntimeError:
            _refuse("begins with ~, and whose home that is is not known")
        if not file.is_absolute():  # from another folder it would be another database
            _refuse("must give the file's whole path, with four slashes: sqlite:////folder/file.db")
        return cls(file=file)

    @classmethod
    def _of_server(cls, text: str, ca: Path | None) -> DatabaseAddress:
        parts, port = _split(text)
        if parts.fragment or "#" in text:
            _refuse("has a # in it, which is written %23")
        user, password = _decoded(parts.username or ""), _decoded(parts.password or "")
        name = _decoded(parts.path.removeprefix("/"))
        if not user:
            _refuse(f"must name a user: mysql://user:password@host/database, {_ENCODED}")
        if not _DATABASE.fullmatch(name):
            _refuse(f"must end in the name of a database (A-Z a-z 0-9 _ $ -), {_ENCODED}")
        tls, socket = _parameters(parts.query)
        host = parts.hostname or ""
        if socket is not None:
            _check_socket(host, port, tls, ca)
        else:
            _check_host(host, tls, ca, has_password=bool(password))
        return cls(
            host="" if socket else host,
            port=0 if socket else port or PORTS[parts.scheme],
            socket=socket,
            user=user,
            password=SecretStr(password) if password else None,
            name=name,
            is_plain=tls == "off",
            ca=ca,
        )


def _refuse(reason: str, setting: str = "DATABASE_URL") -> NoReturn:
    raise AddressFault(setting, reason) from None


def _split(text: str) -> tuple[SplitResult, int | None]:
    try:
        parts = urlsplit(text)
        if parts.port != 0:
            return parts, parts.port
    except ValueError:  # its text may repeat the value
        pass
    _refuse(f"must be mysql://user:password@host:port/database, {_ENCODED}")


def _decoded(text: str) -> str:
    if _STRAY_PERCENT.search(text):
        _refuse("has a % that begins no percent-encoded character (% itself is %25)")
    try:
        found = unquote(text, errors="strict")
    except UnicodeDecodeError:
        _refuse("has percent-encoded characters that are not UTF-8")
    if not found.isprintable():
        _refuse("has a control character in it")
    return found


def _parameters(query: str) -> tuple[str | None, Path | None]:
    """The values of `tls` and of `unix_socket`, where they are given."""
    found: dict[str, str] = {}
    for pair in query.split("&") if query else ():
        name, _, value = pair.partition("=")
        if name not in ("tls", "unix_socket"):
            _refuse(
                "has a parameter that is not known here: there are tls=off and unix_socket=, and "
                "DATABASE_CA for an authority of your own (a ? in a password is %3F)"
            )
        if name in found:
            _refuse(f"has the parameter {name} twice")
        found[name] = _decoded(value)
    if "tls" in found and found["tls"] != "off":
        _refuse("can say tls=off alone: TLS is required and verified where nothing is said")
    if (socket := found.get("unix_socket")) is None:
        return found.get("tls"), None
    if not socket.startswith("/") or len(socket.encode()) > _LONGEST_SOCKET:
        _refuse(f"must give unix_socket= an absolute path, of {_LONGEST_SOCKET} bytes at most")
    return found.get("tls"), Path(socket)


def _check_socket(host: str, port: int | None, tls: str | None, ca: Path | None) -> None:
    if host not in ("", "localhost") or port is not None:
        _refuse("has a host or a port beside unix_socket=: one or the other")
    if tls is not None:
        _refuse("needs no tls=off beside unix_socket=: a socket has no TLS")
    if ca is not None:
        _refuse(f"is not used with unix_socket=: a socket has no TLS. {_TAKE_OUT}", "DATABASE_CA")


def _check_host(host: str, tls: str | None, ca: Path | None, *, has_password: bool) -> None:
    try:
        known = is_host(host)
    except UnicodeError:
        known = False
    if not known:
        _refuse("must name a host, or unix_socket= (mysql://user:password@host/database)")
    if not has_password:
        _refuse("must have a password; only an account that unix_socket= leads to may have none")
    if tls == "off" and not is_loopback(host):
        _refuse("says tls=off, which is for this machine itself only (localhost, 127.0.0.1, ::1)")
    if tls == "off" and ca is not None:
        _refuse(f"is not used with tls=off. {_TAKE_OUT}, or tls=off", "DATABASE_CA")
