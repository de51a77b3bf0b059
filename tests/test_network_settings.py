"""Proxy and authorities among the settings: every form of them is understood, or refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from config import SettingsError, load_settings, settings_warnings
from config.network import Exemption
from security.google.network import Network
from tests.network_kit import Authority
from tests.test_config import NEEDED, faults, load

PASSWORD = "p@ss:word/#%"
ENCODED = "p%40ss:word%2F%23%25"


@pytest.fixture(autouse=True)
def no_authorities(monkeypatch: pytest.MonkeyPatch) -> None:
    """The suite's own is none of these tests' business."""
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)


# The proxy


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("http://proxy.example.org:3128", "http://proxy.example.org:3128"),
        ("http://proxy.example.org:3128/", "http://proxy.example.org:3128"),
        ("HTTP://Proxy.Example.org:3128", "http://proxy.example.org:3128"),
        ("proxy.example.org:3128", "http://proxy.example.org:3128"),
        ("squid", "http://squid:80"),
        ("http://10.1.2.3:8080", "http://10.1.2.3:8080"),
        ("http://[fd00::1]:8080", "http://[fd00::1]:8080"),
        ("http://_proxy.local:8080", "http://_proxy.local:8080"),
    ],
)
def test_a_proxy_is_taken_with_or_without_what_goes_without_saying(
    monkeypatch: pytest.MonkeyPatch, value: str, address: str
) -> None:
    """Scheme, port, a slash at its end."""
    proxy = load(monkeypatch, **NEEDED, HTTPS_PROXY=value).proxy
    assert proxy is not None
    assert proxy.address == address
    assert proxy.headers == {}


@pytest.mark.parametrize(
    ("given", "header"),
    [
        ("amy:secret", "Basic YW15OnNlY3JldA=="),
        ("amy", "Basic YW15Og=="),
        (f"amy:{ENCODED}", "Basic YW15OnBAc3M6d29yZC8jJQ=="),
        ("am%C3%A9:s%C3%A9cret", "Basic YW3DqTpzw6ljcmV0"),
        ("DOMAIN%5Camy:secret", "Basic RE9NQUlOXGFteTpzZWNyZXQ="),
    ],
)
def test_user_and_password_go_to_the_proxy_as_they_are(
    monkeypatch: pytest.MonkeyPatch, given: str, header: str
) -> None:
    """Percent-encoded where they have to be; in UTF-8 (RFC 7617). Nobody sees them by accident."""
    settings = load(monkeypatch, **NEEDED, HTTPS_PROXY=f"http://{given}@proxy:3128")
    assert settings.proxy is not None
    assert settings.proxy.headers == {"Proxy-Authorization": header}
    for shown in (settings, settings.proxy, Network.of(settings)):
        text = f"{shown!r}{shown}"
        assert header not in text
        assert given not in text
    assert isinstance(settings.https_proxy, SecretStr)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("socks5://proxy:1080", "SOCKS"),
        ("socks5h://proxy:1080", "SOCKS"),
        ("SOCKS4://proxy:1080", "SOCKS"),
        ("https://proxy:3128", "must begin with http://"),
        ("ftp://proxy:3128", "must begin with http://"),
        ("http://proxy:3128/path", "without path"),
        ("http://proxy:3128?a=b", "without path"),
        ("http://proxy:3128#a", "without path"),
        ("http://proxy:0", "must be an address"),
        ("http://proxy:99999", "must be an address"),
        ("http://proxy:port", "must be an address"),
        ("http://", "must be an address"),
        ("http://:3128", "must be an address"),
        ("http://10.1.2.300:3128", "must be an address"),
        ("http://[fd00::1:3128", "must be an address"),
        ("http://pro xy:3128", "without blanks"),
        ("http://a%3Ab:c@proxy:3128", "user or password"),
        ("http://amy:sec%0Aret@proxy:3128", "user or password"),
        ("http://proxy.example.org:3128,http://other:3128", "must be an address"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_refused(
    monkeypatch: pytest.MonkeyPatch, value: str, reason: str
) -> None:
    """In a sentence, without the value."""
    found = faults(monkeypatch, **NEEDED, HTTPS_PROXY=value)
    assert found.keys() == {"HTTPS_PROXY"}
    assert reason in found["HTTPS_PROXY"]


def test_the_proxy_may_come_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As every secret."""
    (tmp_path / "proxy").write_text("http://amy:secret@proxy:3128\n")
    settings = load(monkeypatch, **NEEDED, HTTPS_PROXY_FILE=str(tmp_path / "proxy"))
    assert settings.proxy is not None
    assert settings.proxy.address == "http://proxy:3128"


def test_small_letters_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """As curl wants them; but not two that differ."""
    settings = load(monkeypatch, **NEEDED, https_proxy="http://proxy:3128", no_proxy="a.test")
    assert settings.proxy is not None
    assert settings.no_proxy == (Exemption(name="a.test"),)
    found = faults(monkeypatch, **NEEDED, HTTPS_PROXY="http://other:3128")
    assert found.keys() == {"HTTPS_PROXY"}


def test_what_others_read_is_no_silence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It has no effect, and a warning says so, where nothing of ours says what is meant."""
    for name in ("http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://proxy:3128")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/a.pem")
    warnings = settings_warnings(None)
    assert [warning.split(" ")[0] for warning in warnings] == [
        *("ALL_PROXY", "HTTP_PROXY", "REQUESTS_CA_BUNDLE")
    ]
    assert all("proxy:3128" not in warning for warning in warnings)
    assert load(monkeypatch, **NEEDED).proxy is None
    monkeypatch.setenv("https_proxy", "http://proxy:3128")
    monkeypatch.setenv("SSL_CERT_FILE", str(Authority(tmp_path).cert_file))
    assert settings_warnings(None) == ()


# What goes past it


@pytest.mark.parametrize(
    ("entry", "past", "through"),
    [
        ("*", ["telegram.org", "10.0.0.1", "[::1]", "telegram.org:8443"], []),
        (
            "telegram.org",
            ["telegram.org", "api.telegram.org", "API.TELEGRAM.ORG", "telegram.org."],
            ["nottelegram.org", "telegram.org.evil.test", "org"],
        ),
        (".telegram.org", ["telegram.org", "api.telegram.org"], ["nottelegram.org"]),
        ("*.telegram.org", ["telegram.org", "api.telegram.org"], ["nottelegram.org"]),
        ("Telegram.ORG.", ["api.telegram.org"], []),
        ("localhost", ["localhost", "a.localhost"], ["127.0.0.1", "[::1]"]),
        ("telegram.org:8443", ["api.telegram.org:8443"], ["api.telegram.org", "telegram.org:443"]),
        (".telegram.org:443", ["api.telegram.org", "api.telegram.org:443"], ["telegram.org:444"]),
        ("bücher.test", ["xn--bcher-kva.test"], ["bucher.test"]),
        ("10.0.0.1", ["10.0.0.1", "10.0.0.1:8443"], ["10.0.0.10", "110.0.0.1", "a.10.0.0.1.test"]),
        ("10.0.0.1:8443", ["10.0.0.1:8443"], ["10.0.0.1"]),
        ("10.0.0.0/8", ["10.255.0.1", "[::ffff:10.1.2.3]"], ["11.0.0.1", "ten.test"]),
        ("10.1.2.3/8", ["10.255.0.1"], ["11.0.0.1"]),
        ("0.0.0.0/0", ["11.0.0.1"], ["[fd00::1]", "telegram.org"]),
        ("127.0.0.0/8", ["127.8.9.1"], ["localhost"]),
        ("::1", ["[::1]", "[0:0:0:0:0:0:0:1]"], ["[::2]", "127.0.0.1"]),
        ("[::1]", ["[::1]", "[::1]:8443"], ["[::2]"]),
        ("[::1]:8443", ["[::1]:8443"], ["[::1]"]),
        ("fd07:b51a:cc66:f0::/64", ["[fd07:b51a:cc66:f0::5]"], ["[fd07:b51a:cc66:f1::5]"]),
        ("[fd00::]/8", ["[fd12::1]"], ["[fe80::1]"]),
        ("FD00::/8", ["[fd12::1]"], []),
        ("::ffff:10.0.0.1", ["10.0.0.1"], ["10.0.0.2"]),
        ("my_host", ["my_host"], []),
    ],
)
def test_every_usual_entry_of_no_proxy_is_understood(
    monkeypatch: pytest.MonkeyPatch, entry: str, past: list[str], through: list[str]
) -> None:
    """Names, suffixes, ports, addresses and ranges, with brackets and without."""
    settings = load(monkeypatch, **NEEDED, HTTPS_PROXY="http://proxy:3128", NO_PROXY=entry)
    network = Network.of(settings)
    assert [host for host in past if network.proxy_for(f"https://{host}/a") is not None] == []
    assert [host for host in through if network.proxy_for(f"https://{host}/a") is None] == []


def test_entries_are_separated_by_commas_and_blanks(monkeypatch: pytest.MonkeyPatch) -> None:
    """As container tools write them, with nothing between two commas as well."""
    value = "localhost,127.0.0.1, ::1 ,[::1],,.local\n169.254.0.0/16"
    assert len(load(monkeypatch, **NEEDED, NO_PROXY=value).no_proxy) == 6


@pytest.mark.parametrize(
    "entry",
    [
        *("<local>", "http://example.org", "example.org/path", "exa mple.org*", "*example.org"),
        *("10.", "10.*", "192.168.1", "10.0.0.300", "10.0.0.0/33", "fd00::/129", "10.0.0.0/8:443"),
        *("10.0.0.0/255.0.0.0", "example.org:", "example.org:0", "example.org:99999", ":443", "."),
        *("example..org", "[example.org]", "[::1", "::1]", "[::1]:", "[::1]x", "a@b", "-", "[]"),
        *("example.org:https", "user:pass@host", "**", "*:443", "/8", "::g"),
    ],
)
def test_an_entry_nobody_understands_is_refused(
    monkeypatch: pytest.MonkeyPatch, entry: str
) -> None:
    """Otherwise it would be asked through the proxy, or not, as each library likes."""
    found = faults(monkeypatch, **NEEDED, NO_PROXY=f"localhost,{entry}")
    assert found.keys() == {"NO_PROXY"}
    assert "entry 2" in found["NO_PROXY"] or "entry 3" in found["NO_PROXY"]


def test_plain_http_is_never_asked_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is this machine's, or the container's next door."""
    network = Network.of(load(monkeypatch, **NEEDED, HTTPS_PROXY="http://proxy:3128"))
    assert network.proxy_for("http://bot-api:8081/bot1:a/getMe") is None
    assert network.proxy_for("https://api.telegram.org/bot1:a/getMe") is not None


# Authorities


def test_the_authorities_of_a_file_are_believed_instead_of_the_usual_ones(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """And the context is made once."""
    path = Authority(tmp_path).cert_file
    network = Network.of(load(monkeypatch, **NEEDED, SSL_CERT_FILE=str(path)))
    assert len(network.tls.get_ca_certs()) == 1
    assert network.tls is Network.of(load(monkeypatch, **NEEDED)).tls
    assert network.tls.check_hostname
    assert len(Network().tls.get_ca_certs()) > 50


def test_folders_of_hashed_certificates_are_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Several of them, and none that cannot work."""
    path = Authority(tmp_path).cert_file
    one, other = tmp_path / "one", tmp_path / "other"
    for folder in (one, other):
        folder.mkdir()
    (one / "0a1b2c3d.0").write_bytes(path.read_bytes())
    assert load(monkeypatch, **NEEDED, SSL_CERT_DIR=str(one)).ssl_cert_dir == str(one)
    assert "openssl rehash" in faults(monkeypatch, SSL_CERT_DIR=f"{one}:{other}")["SSL_CERT_DIR"]
    assert "FileNotFoundError" in faults(monkeypatch, SSL_CERT_DIR=f"{one}/x")["SSL_CERT_DIR"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "cannot be read (FileNotFoundError)"),
        (b"", "no certificate"),
        (b"\0\1\2", "no certificate"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "no certificate"),
    ],
)
def test_a_file_without_a_certificate_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None, reason: str
) -> None:
    """At start, not at the first request."""
    path = tmp_path / "authorities.pem"
    if content is not None:
        path.write_bytes(content)
    found = faults(monkeypatch, **NEEDED, SSL_CERT_FILE=str(path))
    assert reason in found["SSL_CERT_FILE"]


def test_the_settings_file_serves_as_well(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where the libraries would have read the environment alone."""
    path = tmp_path / "settings.env"
    lines = {**NEEDED, "HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "<local>"}
    path.write_text("".join(f"{name}={value}\n" for name, value in lines.items()))
    with pytest.raises(SettingsError, match="NO_PROXY"):
        load_settings(env_file=path)
    path.write_text(path.read_text().replace("<local>", "local"))
    assert load_settings(env_file=path).proxy is not None
