"""Ports for processes that are told theirs before they listen."""

from __future__ import annotations

import secrets
import socket
from contextlib import suppress

BELOW_CONNECTIONS = range(20_000, 32_000)


def free_port(among: range = BELOW_CONNECTIONS) -> int:
    """A port of `among` on which nobody listens just now, by chance.

    Linux gives connections theirs from 32768 upwards, and so does whoever asks it for any port:
    one from there may be somebody else's before it is listened on.
    """
    while True:
        port = secrets.choice(among)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
