"""URLs as Telegram accepts them in buttons and text links.

Follows `parse_url` and `LinkManager::check_link_impl` of https://github.com/tdlib/td. One
difference is deliberate: the sandbox itself lives on loopback, so http://localhost passes, which
Telegram refuses for want of a dot in the host ("Wrong HTTP URL").
"""

from __future__ import annotations

import ipaddress
import re

from sandbox.hosts import is_loopback
from sandbox.telegram.errors import bad_request

_HOST = re.compile(r"(?:[\w.\-!$,~*'();&+=]|%[0-9A-Fa-f]{2}|[^\x00-\x7f])*")
_USER_LINK = re.compile(r"tg:(?://)?user\?(?:.*&)?id=(\d+)", re.IGNORECASE)


class LinkError(ValueError):
    """Why a URL is refused, in Telegram's words."""


def is_loopback_host(host: str) -> bool:
    """Whether a host name or address of a link means this machine."""
    return host.lower().endswith(".localhost") or is_loopback(host.lower())


def user_of_link(url: str) -> int | None:
    """The user a tg://user?id=… link points to."""
    found = _USER_LINK.match(url)
    return int(found[1]) if found else None


def checked_link(url: str, *, https_only: bool = False) -> str:
    """Return the URL in Telegram's own spelling; raises LinkError."""
    if url.lower().startswith(("tg:", "ton:", "tonsite:")):
        raise LinkError("the sandbox does not model links into Telegram")
    protocol, userinfo, host, port, query = _parse(url)
    if https_only and protocol != "https" and not is_loopback_host(host):
        raise LinkError("Only HTTPS links are allowed")
    if "." not in host and not host.startswith("[") and not is_loopback_host(host):
        raise LinkError("Wrong HTTP URL")
    return f"{protocol}://{userinfo}{host}{f':{port}' if port else ''}{query}"


def _parse(url: str) -> tuple[str, str, str, int, str]:
    head = re.match(r"[^:/?#@\[\]]*", url)
    protocol = "http"
    if head and url[head.end() :].startswith("://"):
        protocol = head[0].lower()
        if protocol not in ("http", "https"):
            raise LinkError("Unsupported URL protocol")
        url = url[head.end() + 3 :]
    authority = re.match(r"[^/?#]*", url)
    place = authority[0] if authority else ""
    query = url[len(place) :].rstrip()
    userinfo, at, host = place.rpartition("@")
    port = 0
    if found := re.fullmatch(r"(.*):([^:\]]*)", host, re.DOTALL):
        host = found[1]
        if not re.fullmatch(r"\d+", found[2]) or not 0 < int(found[2]) < 65536:
            raise LinkError("Wrong port number specified in the URL")
        port = int(found[2])
    if not host:
        raise LinkError("URL host is empty")
    if host == ".":
        raise LinkError("Host is invalid")
    if host.startswith("[") and host.endswith("]"):
        try:
            ipaddress.IPv6Address(host[1:-1])
        except ValueError:
            raise LinkError("Wrong IPv6 address specified in the URL") from None
    elif not _HOST.fullmatch(host):
        raise LinkError("Disallowed character in URL host")
    query = query if query.startswith("/") else f"/{query}"
    query = re.sub(r"[\x00-\x20]", lambda found: f"%{ord(found[0]):02X}", query)
    return protocol, userinfo + at, host.lower(), port, query


def button_link(url: str, what: str = "", *, https_only: bool = False) -> str:
    """Check the URL of an inline keyboard button; the refusal names the URL."""
    try:
        return checked_link(url, https_only=https_only)
    except LinkError as error:
        raise bad_request(
            f"inline keyboard button {what}URL '{url}' is invalid: {error}"
        ) from error
