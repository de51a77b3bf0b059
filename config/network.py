"""The settings for everything that is asked of Telegram and Google: proxy and authorities.

Their names and forms are curl's, Go's and OpenSSL's, so that what serves other programs of a
machine serves here. No library reads them behind our back: each has its own idea of them.
"""

from __future__ import annotations

import base64
import ipaddress
import re
import ssl
import stat
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import unquote, urlsplit

import certifi
from pydantic import SecretStr
from pydantic_settings import NoDecode

from config.values import Ip, each, ip_of, of_text

_LABEL: Final = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME: Final = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_NUMERIC: Final = re.compile(
    r"(.*\.)?[0-9]+"
)  # no name: https://www.rfc-editor.org/rfc/rfc3696#section-2
_BRACKETED: Final = re.compile(r"\[([^\[\]]*)\](/.*)?")
_HASHED: Final = re.compile(r"[0-9a-f]{8}\.[0-9]+")  # openssl-rehash(1)

Net = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy that opens tunnels (CONNECT, RFC 9110 §9.3.6)."""

    host: str
    port: int
    authorization: SecretStr | None = None

    @property
    def address(self) -> str:
        """Without user and password."""
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    @property
    def headers(self) -> dict[str, str]:
        """For the proxy alone; they hold the password."""
        if self.authorization is None:
            return {}
        return {"Proxy-Authorization": self.authorization.get_secret_value()}

    @classmethod
    def parse(cls, value: str) -> Proxy:
        """`[http://][user[:password]@]host[:port]`; user and password may be percent-encoded.

        Raises:
            ValueError: what is wrong with it, without the value, which may hold a password.
        """
        if any(letter.isspace() or not letter.isprintable() for letter in value):
            raise ValueError("must be an address, without blanks in it")
        scheme = value.partition("://")[0].lower() if "://" in value else "http"
        if scheme.startswith("socks"):
            raise ValueError("is a SOCKS proxy, which is not supported; name an http proxy")
        if scheme != "http":
            raise ValueError(
                "must begin with http:// (so the proxy itself is asked; "
                "what passes through it is inside TLS)"
            )
        try:
            parts = urlsplit(value if "://" in value else f"http://{value}")
            host, port = parts.hostname or "", 80 if parts.port is None else parts.port
        except ValueError:  # its text may repeat the value
            host, port = "", 0
        if not port or not (_is_name(host) or _ip(host)):
            raise ValueError("must be an address such as http://proxy.example.org:3128")
        if parts.path not in ("", "/") or parts.query or parts.fragment:
            raise ValueError("must be host and port alone, without path, query or fragment")
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        if any(ord(letter) < 32 or ord(letter) == 127 for letter in user + password) or ":" in user:
            raise ValueError("has a user or password that no proxy can be told")
        if not (user or password):
            return cls(host, port)
        pair = base64.b64encode(f"{user}:{password}".encode()).decode("ascii")
        return cls(host, port, SecretStr(f"Basic {pair}"))


@dataclass(frozen=True, slots=True)
class Exemption:
    """One entry of NO_PROXY: what goes past the proxy."""

    name: str | None = None
    """This name and all below it; "" is every host there is."""
    network: Net | None = None
    """Or these addresses, where an address stands in the place of a name."""
    port: int | None = None
    """None: any."""

    def covers(self, host: str, port: int) -> bool:
        """Whether what is at this host and port is asked directly.

        Args:
            host: as in an address: a name, or an IP address without brackets. It is not looked up.
        """
        if self.port not in (None, port):
            return False
        host = host.lower().rstrip(".")
        if self.network is not None:
            ip = _ip(host)
            return ip is not None and ip.version == self.network.version and ip in self.network
        return not self.name or host == self.name or host.endswith(f".{self.name}")

    @classmethod
    def parse(cls, entry: str) -> Exemption:
        """`*`, a name with or without a dot before it, an IP address, a range; port where wanted.

        Raises:
            ValueError: nobody knows what is meant.
        """
        if entry == "*":
            return cls(name="")
        host, port = _without_port(entry)
        bracketed = _BRACKETED.fullmatch(host)
        inner = bracketed[1] + (bracketed[2] or "") if bracketed else host
        if (network := _network(inner)) is not None and not (port and "/" in inner):
            return cls(network=network, port=port)
        name = inner.removeprefix("*.").removeprefix(".").removesuffix(".").lower()
        if not name.isascii():
            name = name.encode("idna").decode("ascii")
        if bracketed or not _is_name(name):
            raise ValueError(entry)
        return cls(name=name, port=port)


def _without_port(entry: str) -> tuple[str, int | None]:
    host, colon, digits = entry.rpartition(":")
    if not colon or (":" in host and not host.endswith("]")):  # an IPv6 address has several
        return entry, None
    if not (digits.isascii() and digits.isdecimal() and 0 < int(digits) < 65536):
        if entry.startswith("["):  # the colon was within
            return entry, None
        raise ValueError(entry)
    return host, int(digits)


def _is_name(text: str) -> bool:
    return _NAME.fullmatch(text) is not None and not _NUMERIC.fullmatch(text) and len(text) < 254


def _ip(text: str) -> Ip | None:
    ip = ip_of(text)
    return getattr(ip, "ipv4_mapped", None) or ip


def _network(text: str) -> Net | None:
    if (ip := _ip(text)) is not None:
        return ipaddress.ip_network(str(ip).partition("%")[0])
    if "/" not in text or not text.rpartition("/")[2].isdecimal():
        return None
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


@cache
def trusting(cert_file: Path | None, cert_dir: str | None) -> ssl.SSLContext:
    """The one TLS context for every client: to read hundreds of authorities takes 70 ms.

    Args:
        cert_file: PEM. Where neither is given: Mozilla's authorities, as certifi packs them.
        cert_dir: folders as OpenSSL reads them, separated by colons.

    Raises:
        OSError: one cannot be read, or holds no certificate (ssl.SSLError).
    """
    folders = cert_dir.split(":") if cert_dir else []
    file = certifi.where() if cert_file is None and not folders else cert_file
    context = ssl.create_default_context(cafile=file, capath=folders[0] if folders else None)
    for folder in folders[1:]:
        context.load_verify_locations(capath=folder)
    return context


def _proxy(value: str) -> SecretStr:
    Proxy.parse(value)
    return SecretStr(value)


def _exemptions(value: str) -> tuple[Exemption, ...]:
    found: list[Exemption] = []

    def fault_of(entry: str) -> str | None:
        try:
            found.append(Exemption.parse(entry))
        except ValueError:
            return (
                "is not understood: names, IP addresses and ranges such as example.org, "
                "10.0.0.0/8, [fd00::1]:8443 are, and *"
            )
        return None

    each(value.replace(",", " ").split(), fault_of)
    return tuple(found)


def _cert_file(value: str) -> Path:
    try:
        path = Path(value).expanduser()
        if not stat.S_ISFIFO(path.stat().st_mode):  # OpenSSL would wait for whoever writes there
            trusting(path, None)
            return path
    except ssl.SSLError:
        raise ValueError("the file holds no certificate in PEM form") from None
    except (OSError, RuntimeError) as error:
        raise ValueError(f"the file cannot be read ({type(error).__name__})") from None
    raise ValueError("the file cannot be read (it is a pipe)")


def _cert_dir(value: str) -> str:
    try:
        folders = [Path(folder).expanduser() for folder in value.split(":")]
        held = [[entry.name for entry in folder.iterdir()] for folder in folders]
    except (OSError, RuntimeError) as error:
        raise ValueError(f"a folder of it cannot be read ({type(error).__name__})") from None
    if not all(any(map(_HASHED.fullmatch, names)) for names in held):
        raise ValueError("a folder of it holds no hashed certificate (openssl rehash makes them)")
    return ":".join(map(str, folders))


ProxyAddress = Annotated[SecretStr, of_text(_proxy)]
Exemptions = Annotated[tuple[Exemption, ...], NoDecode, of_text(_exemptions)]
CertFile = Annotated[Path, of_text(_cert_file)]
CertDir = Annotated[str, of_text(_cert_dir)]

_OTHERS: Final = {
    "ALL_PROXY": "HTTPS_PROXY",
    "HTTP_PROXY": "HTTPS_PROXY",
    "REQUESTS_CA_BUNDLE": "SSL_CERT_FILE",
    "CURL_CA_BUNDLE": "SSL_CERT_FILE",
    "HTTPLIB2_CA_CERTS": "SSL_CERT_FILE",
}
"""What other programs read → what is read here in its place."""


def unused(environment: Mapping[str, str], ours: Container[str]) -> Iterator[tuple[str, str]]:
    """Names that are set for other programs, and have no effect here → the one that would.

    Args:
        ours: the names of the settings that are set.
    """
    names = {name.upper() for name, value in environment.items() if value}
    for theirs, instead in _OTHERS.items():
        if theirs in names and instead not in ours:
            yield theirs, instead
