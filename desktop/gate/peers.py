"""Whose program is at the other end of a connection from this machine, where the system tells that.

Browsers send the cookies of `localhost` to each of its ports: who has one of a page may be another
account, with a server of its own that this account's browser was led to.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
from typing import Final

Address = tuple[str, int]
_SOCK_DIAG: Final = 4
_BY_FAMILY: Final = 20
_HEAD: Final = struct.Struct("=IHHII")
"""nlmsghdr: length, type, flags, sequence, port."""
_WHICH: Final = struct.Struct("=BBBxI")
"""The beginning of inet_diag_req_v2: family, protocol, extensions, states."""
_SOCKET: Final = struct.Struct("!HH16s16s12s")
"""inet_diag_sockid: both ports, both addresses; interface and cookie, of which any will do."""
_TOLD: Final = struct.Struct("=4x48x12xII")
"""Of inet_diag_msg: account and inode, behind that socket's."""
_ANY: Final = bytes(4) + b"\xff" * 8


def is_anothers(peer: Address | None, ours: Address | None) -> bool:
    """Whether another account's program, and not root's, is at the other end."""
    told = _ask(peer, ours) if peer and ours and sys.platform == "linux" else None
    if told is None:
        return False
    account, inode = told
    is_root = account == 0 and inode != 0  # a socket that its program has left says 0 as well
    return account != os.geteuid() and not is_root


def _ask(peer: Address, ours: Address) -> tuple[int, int] | None:
    """Account and inode of the other end's socket; None: the system does not tell.

    https://man7.org/linux/man-pages/man7/sock_diag.7.html
    """
    family = socket.AF_INET6 if ":" in peer[0] else socket.AF_INET
    here, there = (socket.inet_pton(family, host) for host, _ in (peer, ours))
    wanted = _SOCKET.pack(peer[1], ours[1], here, there, _ANY)
    asked = _WHICH.pack(family, socket.IPPROTO_TCP, 0, 0xFFFFFFFF) + wanted
    head = _HEAD.pack(_HEAD.size + len(asked), _BY_FAMILY, 1, 0, 0)
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, _SOCK_DIAG) as kernel:
            kernel.settimeout(1)
            kernel.sendto(head + asked, (0, 0))
            told = kernel.recv(4096)
    except OSError:
        return None
    ports = told[_HEAD.size + 4 : _HEAD.size + 8]
    if len(told) < _HEAD.size + _TOLD.size or ports != wanted[:4]:  # an error, or a listener
        return None
    account, inode = _TOLD.unpack_from(told, _HEAD.size)
    return account, inode
