"""How Telegram and Google are reached; whether they are, their own checks find out."""

from __future__ import annotations

from commands.checks.finding import Finding, ok
from commands.wording import count
from config import Settings


def check_network(settings: Settings) -> list[Finding]:
    """The proxy, what goes past it, and whose certificates are believed."""
    way = "directly"
    if settings.proxy is not None:
        way = "through HTTPS_PROXY"
        if exempt := len(settings.no_proxy):
            way += f", but for {count(exempt, 'entry', 'entries')} of NO_PROXY"
    named = [n for n in ("SSL_CERT_FILE", "SSL_CERT_DIR") if getattr(settings, n.lower())]
    whose = f"those of {' and '.join(named)} alone" if named else "the usual ones"
    says = f"Telegram and Google are asked {way}; the authorities believed are {whose}."
    return [ok("network", says)]
