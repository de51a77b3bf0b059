"""What the last look at each credential's file found, so that a sweep asks no more than needed.

An owner whose file has not changed and whose token is not due costs one stat: no lock, no read, no
decryption. The stamp of a file is its inode, size and time of modification: every save makes a new
inode (rename), and whoever writes in place changes the time.
"""

from __future__ import annotations

import os
import sys
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from security.credential import Owner
from security.storage.files.private_files import disk_faults

_PREFIX, _SUFFIX = "token_", ".json"
BOUNDS: Final = (0.0, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0, float("inf"))
"""Upper bounds of the histogram of minutes left."""


class Stamp(NamedTuple):
    """Which bytes a file held, as far as the file system tells."""

    inode: int
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Stamp:
        """The stamp of a file that has been stat'ed."""
        return cls(status.st_ino, status.st_size, status.st_mtime_ns)


@dataclass(slots=True)
class Scan:
    """One look over the folder. `due` comes with the expiry (Unix seconds), soonest first."""

    seen: int = 0
    changed: list[str] = field(default_factory=list)
    due: list[tuple[float, str]] = field(default_factory=list)


class Known(NamedTuple):
    """What the last look at a file found: its stamp, and of the credential in it what is asked
    about it most. `expires` in Unix seconds."""

    inode: int
    size: int
    mtime_ns: int
    expires: float
    client_id: str


class Watch:
    """What is known by file name. Single operations are safe from any thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, Known] = {}

    def note(self, owner: Owner, stamp: Stamp | None, expires: float, client_id: str) -> None:
        """Remember what was read or saved. `expires` in Unix seconds, 0 where it is unknown."""
        if stamp is None:
            self.forget(owner)
        else:
            # Interned: the clients are few, their owners many.
            self._known[f"{owner.stem}{_SUFFIX}"] = Known(*stamp, expires, sys.intern(client_id))

    def client_of(self, owner: Owner) -> str | None:
        """The id of the client that issued what was found; None: nothing is known."""
        known = self._known.get(f"{owner.stem}{_SUFFIX}")
        return known.client_id if known is not None else None

    def forget(self, owner: Owner) -> None:
        """The next scan finds this owner's file changed."""
        self._known.pop(f"{owner.stem}{_SUFFIX}", None)

    def clear(self) -> None:
        """The next scan finds every file changed."""
        self._known = {}

    def scan(self, due_before: float) -> Scan:
        """Look at every token file. Blocks: 100,000 files take about half a second.

        Args:
            due_before: tokens that expire before this moment (Unix seconds) are due.

        Raises:
            OperatorFault: the folder cannot be read.
        """
        scan, known, found = Scan(), self._known, 0
        changed, due, get = scan.changed, scan.due, known.get
        with disk_faults(), os.scandir(self._folder) as entries:
            for entry in entries:
                name = entry.name
                last = get(name)
                if last is None:
                    if name.startswith(_PREFIX) and name.endswith(_SUFFIX):
                        scan.seen += 1
                        changed.append(name)
                    continue
                try:
                    status = entry.stat(follow_symlinks=False)
                except FileNotFoundError:  # removed since the folder was listed
                    continue
                found += 1
                inode, size, mtime_ns, expires, _ = last
                if (
                    status.st_mtime_ns != mtime_ns
                    or status.st_ino != inode
                    or status.st_size != size
                ):
                    changed.append(name)
                elif expires < due_before:
                    due.append((expires, name))
        scan.seen += found
        if found != len(known):
            self._forget_gone(known)
        due.sort()
        return scan

    def _forget_gone(self, known: dict[str, Known]) -> None:
        """One by one: a set of all names, made at every scan, would hold everybody up."""
        for name in list(known):
            if not os.path.lexists(f"{self._folder}/{name}"):
                known.pop(name, None)

    def standing(self, due_before: float, but: Iterable[Owner]) -> tuple[int, list[Owner]]:
        """How many credentials are known to be whole, and whose of them are due; `but` for these.

        Args:
            due_before: as `scan`.
        """
        left_out = {f"{owner.stem}{_SUFFIX}" for owner in but}
        known = [entry for entry in list(self._known.items()) if entry[0] not in left_out]
        return len(known), owners_of(name for name, last in known if last.expires < due_before)

    def minutes_left(self, now: float) -> tuple[float | None, list[tuple[float, int]]]:
        """The fewest minutes left on any live token, and cumulative counts below `BOUNDS`.

        Tokens that have run out (of idle owners, say) count in the first bucket, and are not the
        fewest: they are nobody's deadline any more.
        """
        counts, fewest = [0] * (len(BOUNDS) + 1), float("inf")
        for known in list(self._known.values()):
            minutes = (known.expires - now) / 60
            if 0 < minutes < fewest:
                fewest = minutes
            counts[bisect_left(BOUNDS, minutes)] += 1
        total, cumulative = 0, []
        for bound, count in zip(BOUNDS, counts[:-1], strict=True):
            total += count
            cumulative.append((bound, total))
        return None if fewest == float("inf") else fewest, cumulative


def owner_of(name: str) -> Owner | None:
    """The owner whose token file `name` is; None: it is nobody's."""
    try:
        return Owner.from_stem(name.removesuffix(_SUFFIX))
    except ValueError:
        return None


def owners_of(names: Iterable[str]) -> list[Owner]:
    """The owners of those names that are somebody's."""
    return [owner for owner in map(owner_of, names) if owner is not None]
