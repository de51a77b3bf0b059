"""The sockets under connections, which a thread may reach that does not use them."""

from __future__ import annotations

import select
import socket
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Final

_AT_ONCE: Final = struct.pack("ii", 1, 0)
"""SO_LINGER: what has not left yet is dropped when the socket is closed, and the other side is told
by a reset. https://man7.org/linux/man-pages/man7/socket.7.html"""

_WAITING: Final = 128 * 1024
"""Bytes that may wait in the system to be sent, besides those on their way: what a cut drops, and
what a slow line makes old. TCP_NOTSENT_LOWAT of https://man7.org/linux/man-pages/man7/tcp.7.html"""
_SIOCOUTQ: Final = 0x5411  # of asm-generic/ioctls.h, where it is called TIOCOUTQ


def connect(
    address: tuple[str, int], timeout: float | None, opened: Callable[[socket.socket], None]
) -> socket.socket:
    """`socket.create_connection`, which shows each socket before it waits for an answer there.

    Args:
        address: host and port.
        timeout: in seconds, for each address of the host.
        opened: given each socket before and after it is connected, to be cut; raises OSError where
            it shall not be any more.

    Raises:
        OSError: no address answers.
    """
    fault: OSError = ConnectionError("the host has no address")
    for family, kind, protocol, _, place in socket.getaddrinfo(*address, type=socket.SOCK_STREAM):
        found: socket.socket | None = None
        try:
            found = socket.socket(family, kind, protocol)
            opened(found)
            found.settimeout(timeout)
            found.connect(place)
            opened(found)  # what cut it before there was a connection has done nothing to that
        except OSError as error:  # this system may not even know the family of an address
            if found is not None:
                found.close()
            fault = error
        else:
            found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return found
    raise fault


def cut(found: socket.socket) -> None:
    """End a connection that another thread may be waiting on: it wakes at once, with an error.

    TLS is passed by: its state is the other thread's, and nobody is to be told good-bye.
    """
    with suppress(OSError):  # not connected any more
        found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        socket.socket.shutdown(found, socket.SHUT_RDWR)


def have_arrivals(found: list[socket.socket]) -> bool:
    """Whether there is anything to read on one of them, its end included."""
    if not hasattr(select, "poll"):  # Windows, where `select` takes descriptors of any number
        return bool(found and select.select(found, [], [], 0)[0])
    poll = select.poll()
    for one in found:
        poll.register(one, select.POLLIN)
    return bool(poll.poll(0))


def keep_little_waiting(found: socket.socket) -> None:
    """Have a writer wait here, rather than what it has written in the system."""
    if (option := getattr(socket, "TCP_NOTSENT_LOWAT", None)) is not None:
        found.setsockopt(socket.IPPROTO_TCP, option, _WAITING)


def unacknowledged(found: socket.socket) -> int | None:
    """How many of the bytes that the system was given the other side has not acknowledged.

    With what TLS adds to them. None: this system does not say.
    """
    if sys.platform != "linux":
        return None
    import fcntl  # Windows has none, where what uploads has to be imported as well

    try:
        told = fcntl.ioctl(found.fileno(), _SIOCOUTQ, bytes(4))
    except OSError:
        return None
    return int(struct.unpack("i", told)[0])
