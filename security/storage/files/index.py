"""What the last look at each file of a folder found: the next one asks no more than needed.

A file that has not changed costs one stat: no read, no decryption. Every save makes a new inode
(rename), and whoever writes in place changes the time.
"""

from __future__ import annotations

import os
import secrets
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import islice, takewhile
from time import time
from typing import Final, NamedTuple

from security.storage.catalogue import Document, Kind
from security.storage.disk_faults import disk_faults
from security.storage.due import Due
from security.storage.protocol import Version

ENDING: Final = ".json"
_SETTLED_SECONDS: Final = 2.5
"""A folder's time may be as coarse as two seconds (FAT; ext3 and some network disks: one): one that
changed less long ago may change again without another time, and a copy in it stay unseen."""
_HASH_BYTES: Final = 8  # whoever is found by it is read: it need only be seldom wrong


class Stamp(NamedTuple):
    """Which bytes a file held, as far as the file system tells."""

    inode: int
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Stamp:
        """The stamp of a file that has been stat'ed."""
        return cls(status.st_ino, status.st_size, status.st_mtime_ns)

    @property
    def version(self) -> Version:
        """As it crosses the seam."""
        return f"{self.inode}-{self.size}-{self.mtime_ns}"


class _Known(NamedTuple):
    """Of one file: its stamp, when it is due, and the hashes by which it is found."""

    inode: int
    size: int
    mtime_ns: int
    moment: float | None
    hashes: tuple[int | None, ...]


@dataclass(slots=True)
class Look:
    """One look over the folder. `due` is sorted; all hold names of files."""

    seen: int = 0
    changed: list[str] = field(default_factory=list)
    wanted: list[str] = field(default_factory=list)
    """They have not changed, and are to be looked at in any case."""
    due: list[tuple[float, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Listing:
    """The names of a folder's documents, sorted, as they were at some moment."""

    changed_ns: int
    """When the folder had changed last."""
    listed_at: float
    names: list[str]

    def is_of(self, changed_ns: int) -> bool:
        """Whether nothing was added or removed since, where the folder last changed then."""
        settled = self.listed_at - self.changed_ns / 1e9 > _SETTLED_SECONDS
        return settled and self.changed_ns == changed_ns

    def beginning(self, prefix: str) -> list[str]:
        """The names that begin so."""
        first = bisect_left(self.names, prefix)
        return list(
            takewhile(lambda name: name.startswith(prefix), islice(self.names, first, None))
        )


class _Unread(NamedTuple):
    """Of a file that could not be read: what changes where it is written, or its mode mended."""

    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int


class Index:
    """What is known by a file's name. Single operations are safe from any thread."""

    def __init__(self, folder: str, kind: Kind) -> None:
        self._folder = folder
        self._kind = kind
        self._known: dict[str, _Known] = {}
        self._key = secrets.token_bytes(32)  # hashes of states and accounts leave no process
        self._indexes: tuple[str, ...] = ()
        self._unread: dict[str, _Unread | None] = {}
        """What could not be read; None: a file is to be looked at that may not have changed."""
        self._caught_up: Listing | None = None

    def learn(self, name: str, stamp: Stamp, document: Document) -> None:
        """This file was read, or has just been written."""
        kind = self._kind
        values = kind.indexes(document) if kind.indexes else {}
        self._indexes = self._indexes or tuple(values)
        hashes = tuple(map(self._hash, values.values()))
        moment = kind.due(document, time()) if kind.due else float("inf")
        self._known[name + ENDING] = _Known(*stamp, moment, hashes)
        if self._unread.pop(name, False) is not False:
            self._caught_up = None

    def forget(self, name: str) -> None:
        """The next look finds this file changed, if it is there."""
        self._known.pop(name + ENDING, None)
        self._caught_up = None

    def want(self, name: str) -> None:
        """The next looks find that this file is to be looked at, until it is learnt anew."""
        last = self._known.get(name + ENDING)
        if last is not None:
            self._known[name + ENDING] = last._replace(moment=None)

    def look(self, before: float = float("-inf")) -> Look:
        """Look at every file. Blocks: 100,000 files take about half a second.

        Args:
            before: what is due before this moment (Unix seconds) is told.

        Raises:
            OperatorFault: the folder cannot be read.
        """
        look, known, found, is_ours = Look(), self._known, 0, self._kind.is_ours
        changed, due, get = look.changed, look.due, known.get
        with disk_faults(), os.scandir(self._folder) as entries:
            for entry in entries:
                name = entry.name
                last = get(name)
                if last is None:
                    if name.endswith(ENDING) and is_ours(name[: -len(ENDING)]):
                        look.seen += 1
                        changed.append(name)
                    continue
                try:
                    status = entry.stat(follow_symlinks=False)
                except FileNotFoundError:  # removed since the folder was listed
                    continue
                found += 1
                inode, size, mtime_ns, moment, _ = last
                if (
                    status.st_mtime_ns != mtime_ns
                    or status.st_ino != inode
                    or status.st_size != size
                ):
                    changed.append(name)
                elif moment is None:
                    look.wanted.append(name)
                elif moment < before:
                    due.append((moment, name))
        look.seen += found
        if found != len(known):
            self._forget_gone()
        due.sort()
        return look

    def catch_up(self, is_readable: Callable[[str], bool | None]) -> list[str]:
        """Have all read that has changed; the names of what cannot be read.

        Anybody may ask for a state. So what could not be read is tried again only once it has
        changed; and where nothing has come or gone, one look at the folder is all. Other programs
        may write into owners' files where they lie: of these each is looked at.

        Args:
            is_readable: reads a document, which has it learnt; None: the disk does not say just
                now, so that it is tried again each time.

        Raises:
            OperatorFault: the folder cannot be read.
        """
        with disk_faults():
            changed_ns, now = os.stat(self._folder).st_mtime_ns, time()  # noqa: PTH116
        last = self._caught_up
        if last is not None and not self._kind.is_owners and last.is_of(changed_ns):
            return last.names
        before = self._unread
        unread: dict[str, _Unread | None] = {}
        for name in map(_stem, self.look().changed):
            status = self._status(name)
            if status is None or before.get(name) != status:
                readable = is_readable(name)
                self.want(name)  # it is no look that the sweep knows of
                if readable:
                    continue
                if readable is None:
                    status = None
            unread[name] = status
        found = Listing(changed_ns, now, sorted(unread))
        self._unread, self._caught_up = unread, None if None in unread.values() else found
        return found.names

    def _status(self, name: str) -> _Unread | None:
        try:
            status = os.lstat(f"{self._folder}/{name}{ENDING}")
        except OSError:
            return None
        return _Unread(status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)

    def found(self, index: str, value: str | None) -> list[str]:
        """The names of the documents known to have this value; None: of which none is known."""
        if index not in self._indexes:
            return []
        at, wanted = self._indexes.index(index), self._hash(value)
        known = list(self._known.items())
        return [_stem(name) for name, last in known if last.hashes[at] == wanted]

    def due(self, before: float) -> tuple[int, list[Due]]:
        """How many there are, and what is due before a moment (Unix seconds), soonest first; then
        what has changed."""
        look = self.look(before)
        due = [Due(_stem(name), moment) for moment, name in look.due]
        return look.seen, due + [Due(_stem(name), None) for name in (*look.changed, *look.wanted)]

    def known(self) -> dict[str, float | None]:
        """When everything is due that was looked at, by name."""
        ending = len(ENDING)
        return {name[:-ending]: last.moment for name, last in list(self._known.items())}

    def _forget_gone(self) -> None:
        """One by one: a set of all names, made at every look, would hold everybody up."""
        for name in list(self._known):
            if not os.path.lexists(f"{self._folder}/{name}"):
                self._known.pop(name, None)

    def _hash(self, value: str | None) -> int | None:
        if value is None:
            return None
        digest = blake2b(value.encode("utf-8", "replace"), key=self._key, digest_size=_HASH_BYTES)
        return int.from_bytes(digest.digest())


def _stem(name: str) -> str:
    return name[: -len(ENDING)]
