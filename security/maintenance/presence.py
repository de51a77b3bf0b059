"""What each process on one storage writes of itself: that it is there, and how its clock goes."""

from __future__ import annotations

import math
import secrets
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Literal, cast, get_args

from security.errors import CustodyError
from security.maintenance.documents import MAINTENANCE, PRESENT
from security.maintenance.processes import WRONG
from security.storage.catalogue import Document
from security.storage.documents import Documents
from security.storage.each import portions
from security.storage.protocol import Key, Storage, Stored

Role = Literal["works", "standby", "idle", "ended"]
"""
works    it does what it is there for
standby  it waits to be the bot
idle     nobody has asked it anything for a minute: it says so, and again every six hours alone
ended    it has
"""
BEAT_SECONDS: Final = 60.0
"""A process that is asked anything says so often that it is there."""
IDLE_BEATS: Final = 360
"""An idle one says so once in so many."""
_SILENT_SECONDS: Final = 2.5 * BEAT_SECONDS
_DAY_SECONDS: Final = 86400
_HOUR_SECONDS: Final = 3600
_READ_AT_ONCE: Final = 200
_LONGEST: Final = 64


@dataclass(frozen=True, slots=True)
class Present:
    """One process. Times in Unix seconds, by the storage's clock."""

    name: str
    """`bot-` or `web-` and four random hexadecimal digits."""
    kind: str
    """What it is: `bot` or `web`."""
    role: Role
    version: str
    machine: str
    """What the machine calls itself: the one whose clock is to be set."""
    started_at: float
    seen_at: float
    skew: float
    """By how many seconds its machine's clock is ahead of the storage's."""

    def is_there(self, now: float) -> bool:
        """Whether it goes on, as far as is known: it has neither ended nor been silent for longer
        than it would be by itself."""
        longest = _SILENT_SECONDS * (IDLE_BEATS if self.role == "idle" else 1)
        return self.role != "ended" and now - self.seen_at < longest


class Presence:
    """This process among the others. Every method blocks."""

    def __init__(self, storage: Storage, kind: str, version: str, machine: str) -> None:
        """
        Args:
            kind: `bot` or `web`.
        """
        self._storage = storage
        self._documents = Documents(storage, MAINTENANCE)
        self._about = {"kind": kind, "version": version, "machine": machine[:_LONGEST]}
        self._started_at: float | None = None
        self._forgot_at = float("-inf")
        self.name: Final = f"{kind}-{secrets.token_hex(2)}"

    def say(self, role: Role) -> None:
        """Write down that it is there, or that it has ended; now and then, those that have been
        silent for a day are forgotten.

        Raises:
            OperatorFault: it cannot be kept.
        """
        now = self._storage.now()
        self._started_at = self._started_at or now
        times = {"started_at": self._started_at, "seen_at": now, "skew": self._storage.skew()}
        self._documents.write(PRESENT + self.name, {**self._about, **times, "role": role})
        if now - self._forgot_at > _HOUR_SECONDS:
            self._forgot_at = now
            with suppress(CustodyError):  # another time
                for one in all_present(self._storage):
                    if now - one.seen_at > _DAY_SECONDS:
                        self._documents.delete(PRESENT + one.name)


def all_present(storage: Storage) -> list[Present]:
    """Every process that was there within a day, those that go on first. Blocks.

    Raises:
        OperatorFault: they cannot be listed.
    """
    found = []
    for names in portions(storage.names(MAINTENANCE, PRESENT), _READ_AT_ONCE):
        stored = storage.read([Key(MAINTENANCE, name) for name in names])
        for name, one in zip(names, stored, strict=True):
            if isinstance(one, Stored) and one.document is not None:
                with suppress(*WRONG):  # of another version, or damaged
                    found.append(_present(name.removeprefix(PRESENT), one.document))
    now = storage.now()
    return sorted(found, key=lambda one: (not one.is_there(now), one.kind, one.started_at))


def _present(name: str, document: Document) -> Present:
    role = document["role"]
    if role not in get_args(Role):
        raise ValueError("not a role")
    return Present(
        name,
        str(document["kind"]),
        cast(Role, role),
        str(document["version"]),
        str(document["machine"]),
        _number(document["started_at"]),
        _number(document["seen_at"]),
        _number(document["skew"]),
    )


def _number(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("not a number")
    return number
