"""Where a document lies, reached past the program: a file, or a row.

What others do to what is kept: other programs and people, a backup that is copied over it, damage.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from sqlalchemy import Connection, event, select, update

from processes.storage import KINDS
from security.consent.pending import CONSENTS
from security.credential import Owner
from security.errors import CustodyError
from security.owner_documents import copy_key, credential_key, note_key, tombstone_key
from security.storage.catalogue import Document, Kind
from security.storage.protocol import Key, Storage, Stored
from security.storage.sql.faults import run
from security.storage.sql.leases import SqlLease
from security.storage.sql.shelves.shelf import Content, Shelf, new_version
from security.storage.sql.storage import SqlStorage
from security.storage.sql.tables import metadata
from tests.places import databases, full_disk
from tests.security.hearing import hearing_paths


@dataclass(frozen=True)
class Spot:
    """Where one document lies, or would."""

    folder: Path
    key: Key

    @property
    def path(self) -> Path:
        """Where there are files."""
        kind = self.key.kind
        folder = self.folder if kind.is_owners else self.folder / kind.name
        return folder / f"{self.key.name}.json"

    def raw(self) -> bytes:
        """What lies there; there must be something."""
        found = self._look()
        assert found is not None
        return found

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing."""
        return self._look() is None

    def plant(self, raw: bytes) -> None:
        """Put bytes there, whatever there is."""
        if (kept := databases()) is None:
            self.path.write_bytes(raw)
            self.path.chmod(0o600)
        else:
            plant_row(kept.hands(self.folder), self.key, raw)

    def take_away(self) -> None:
        """What lies there, which must be something."""
        if (kept := databases()) is None:
            self.path.unlink()
        else:
            assert not self.is_empty
            drop_row(kept.hands(self.folder), self.key)

    def damage(self) -> None:
        """Make zeros of what lies there, as a failing disk does: nothing else tells of it."""
        if (kept := databases()) is not None:
            damage_row(kept.hands(self.folder), self.key)
            return
        status = self.path.stat()
        with self.path.open("r+b") as file:
            file.write(bytes(status.st_size))
        os.utime(self.path, ns=(status.st_atime_ns, status.st_mtime_ns))

    def _look(self) -> bytes | None:
        if (kept := databases()) is None:
            return self.path.read_bytes() if self.path.exists() else None
        [found] = kept.hands(self.folder).read([self.key])
        if isinstance(found, CustodyError):
            raise found
        return found.raw if isinstance(found, Stored) else None


def spot(folder: Path, kind: Kind, name: str) -> Spot:
    """A document's, by its kind and name."""
    return Spot(folder, Key(kind, name))


def credential_at(folder: Path, owner: Owner) -> Spot:
    """An owner's credential."""
    return Spot(folder, credential_key(owner))


def tombstone_at(folder: Path, owner: Owner) -> Spot:
    """An owner's tombstone."""
    return Spot(folder, tombstone_key(owner))


def copy_at(folder: Path, name: str) -> Spot:
    """A copy in quarantine."""
    return Spot(folder, copy_key(name))


def note_at(folder: Path, name: str) -> Spot:
    """The note beside it."""
    return Spot(folder, note_key(name))


def consent_at(folder: Path, owner: Owner) -> Spot:
    """An owner's pending consent."""
    return spot(folder, CONSENTS, owner.stem)


def names_in(folder: Path, kind: Kind) -> list[str]:
    """What lies there of a kind, by name, whoever has put it there; sorted."""
    if (kept := databases()) is not None:
        return kept.hands(folder).names(kind)
    place = spot(folder, kind, "x").path.parent
    return sorted(path.name.removesuffix(".json") for path in place.iterdir() if path.is_file())


def everything_in(folder: Path) -> dict[str, bytes]:
    """All that lies there, but for locks."""
    if (kept := databases()) is None:
        files = [path for path in folder.rglob("*") if path.is_file()]
        return {
            str(path.relative_to(folder)): path.read_bytes()
            for path in files
            if path.parent.name != "locks"
        }
    hands = kept.hands(folder)
    found = {
        f"{kind.name}/{name}.json": spot(folder, kind, name).raw()
        for kind in KINDS
        for name in hands.names(kind)
    }
    history = [repr(entry).encode() for entry in hands.events()]
    return found | ({"audit": b"\n".join(history)} if history else {})


def state_of(folder: Path) -> dict[str, object]:
    """By which whoever has touched anything there is found out; empty: nobody has yet."""
    if (kept := databases()) is None:
        places = [folder, *folder.rglob("*")] if folder.exists() else []
        return {str(path): path.stat().st_mtime_ns for path in places}
    with kept.hands(folder)._engine.connect() as connection:
        tables = {
            table.name: connection.execute(select(table)).all() for table in metadata.sorted_tables
        }
    return {name: rows for name, rows in tables.items() if rows}


@contextmanager
def held(folder: Path, lease: str) -> Iterator[None]:
    """Within, somebody else holds a lease there; Timeout: it is not free."""
    if (kept := databases()) is None:
        lock = FileLock(folder / "locks" / f"{lease}.lock", blocking=False)
        with lock:
            yield
        return
    [mine] = kept.hands(folder).lease([lease])
    if not isinstance(mine, SqlLease):
        raise Timeout(lease)
    yield
    mine.release()


@contextmanager
def gone(folder: Path) -> Iterator[str]:
    """Within, all of it is not to be found, or the server lets nobody in: the fault's code."""
    if (kept := databases()) is not None:
        with kept.gone(folder) as code:
            yield code
        return
    away = folder.parent / "away"
    folder.rename(away)
    yield "store_failed"
    assert not folder.exists(), "it was made anew"
    away.rename(folder)


@contextmanager
def looked_into(storage: Storage) -> Iterator[set[str]]:
    """Within, whose documents and leases are opened or asked for is noted, by their stems."""
    found: set[str] = set()
    if isinstance(storage, SqlStorage):

        def note(*call: Any) -> None:
            found.update(re.findall(r"token_\d{3,}", repr(call[3])))

        event.listen(storage._engine, "before_cursor_execute", note)
        yield found
        event.remove(storage._engine, "before_cursor_execute", note)
        return
    with hearing_paths(lambda path: found.update(re.findall(r"token_\d{3,}", path))):
        yield found


@contextmanager
def full(folder: Path) -> Iterator[None]:
    """Within, there is no room for anything there."""
    kept = databases()
    with full_disk() if kept is None else kept.full(folder):
        yield


def plant_row(storage: SqlStorage, key: Key, raw: bytes) -> None:
    """As another process of the program: what is found by a column is in it."""
    storage._hashes.load()
    content = Content(new_version(), raw, _document(storage, key, raw))
    _by_hand(storage, key, partial(Shelf.replace, contents={key: content}))


def drop_row(storage: SqlStorage, key: Key) -> None:
    """As another process of the program."""
    _by_hand(storage, key, partial(Shelf.drop, keys=[key]))


def damage_row(storage: SqlStorage, key: Key) -> None:
    """As a failing disk does."""
    shelf = storage._shelf(key.kind)
    sealed = shelf.table.c.encrypted_details if key.kind.apart else shelf.table.c.content
    wanted = [one for one in (shelf.of(key.kind), shelf.name == key.name) if one is not None]
    zeros = update(shelf.table).where(*wanted).values({sealed: bytes(100)})

    def work(connection: Connection) -> None:
        assert connection.execute(zeros).rowcount == 1

    run(storage._engine, work)


def _by_hand(storage: SqlStorage, key: Key, change: partial[None]) -> None:
    shelf = storage._shelf(key.kind)

    def work(connection: Connection) -> None:
        change(shelf, connection)

    run(storage._engine, work)


def _document(storage: SqlStorage, key: Key, raw: bytes) -> Document | None:
    try:
        return storage.sealer.open(key.kind, key.name, raw)
    except CustodyError:
        return None
