"""A move of everything that is kept, cut amid it: one of the sides always has all of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from config.database import DatabaseAddress
from processes.storage import KINDS
from security.encryption import TokenEncryption
from security.errors import CustodyError, OperatorFault
from security.maintenance.documents import MAINTENANCE
from security.recovery.moving.move import Move
from security.storage.files.data_folder import load_mask_key
from security.storage.files.side import FileSide
from security.storage.files.storage import FileStorage
from security.storage.moves.marks import Mark, SideName
from security.storage.moves.sides import Side
from security.storage.sealing import Sealer
from security.storage.sql.engine import make_engine
from security.storage.sql.side import SqlSide
from security.storage.sql.storage import SqlStorage
from security.token_store import TokenStore
from tests.crash.world import DATA, FolderState, lay_out, let_time_pass, take_in
from tests.database.crash.custody import Database, Rows
from tests.database.stores import documents_of, seed
from tests.security.kit import ANN, new_key
from tests.stores import MASK

_HELD = (MAINTENANCE.name, f"owner.{ANN.stem}")


@dataclass(frozen=True)
class _Sides:
    files: FileSide
    sql: SqlSide

    def of(self, name: SideName) -> Side:
        return self.files if name == "files" else self.sql


class MovingSubject:
    """`tokens move --to sql`, or back."""

    def __init__(self, to: SideName, database: Database, scratch: Path) -> None:
        self.name = f"move to {to}"
        self._to: SideName = to
        self._from: SideName = "files" if to == "sql" else "sql"
        self._database = database
        self._scratch = scratch
        self._keyring = TokenEncryption([new_key()], required=True)
        self._beginning: tuple[FolderState, Rows] | None = None
        self._whole: dict[str, Any] = {}

    def begin(self) -> None:
        """Everything is on one side, and nothing on the other."""
        if self._beginning is None:
            self._beginning = self._make()
        files, rows = self._beginning
        lay_out(self._scratch, files)
        self._database.put_back(rows)

    def _make(self) -> tuple[FolderState, Rows]:
        lay_out(self._scratch, {})
        self._database.put_back({table: [] for table in self._database.rows()})
        with self._sides(self._database.url_beside) as sides:
            sides.files.storage.prepare()
            load_mask_key(self._scratch / DATA, None)
            seed(sides.files.storage)
            self._whole = _state_of(sides.files)
        if self._to == "files":
            self._move("sql", self._database.url_beside)
        return take_in(self._scratch), self._database.rows()

    def run(self) -> None:
        """The command, but for what it prints."""
        self._move(self._to, self._database.url)

    def losses(self) -> list[str]:
        """One side has everything, and serves, or will; done again, the other one has it."""
        let_time_pass(self._scratch)
        self._database.let_time_pass()
        found = []
        url = self._database.url_beside
        with self._sides(url) as sides:
            source, target = sides.of(self._from), sides.of(self._to)
            whole = target if source.marked(Mark.AWAY) is not None else source
            found += ["neither side has everything"] if self._differs(whole) else []
            serving = [side for side in (source, target) if _serves(side)]
            found += ["both sides serve"] if len(serving) > 1 else []
        try:
            self._move(self._to, url)
        except CustodyError as error:
            return [*found, f"cannot be done again: {error}"]
        with self._sides(url) as sides:
            source, target = sides.of(self._from), sides.of(self._to)
            found += ["the target lacks something"] if self._differs(target) else []
            found += ["the target does not serve"] if not _serves(target) else []
            found += ["something is left of the source"] if _holds_any(source) else []
        return found

    def _differs(self, side: Side) -> bool:
        return _state_of(side) != self._whole

    def _move(self, to: SideName, url: SecretStr) -> None:
        with self._sides(url) as sides:
            source, target = sides.of("files" if to == "sql" else "sql"), sides.of(to)
            start = TokenStore(source.storage, MASK).prepare
            move = Move(source, target, MASK, start, lease_seconds=5)
            if not move.run(lambda _: nullcontext(lambda done, total: None)).is_complete:
                raise OperatorFault("not everything could be moved", code="store_failed")

    @contextmanager
    def _sides(self, url: SecretStr) -> Iterator[_Sides]:
        engine = make_engine(DatabaseAddress.parse(url, None))
        files = FileStorage(self._scratch / DATA, Sealer(self._keyring), MASK, KINDS)
        rows = SqlStorage(engine, Sealer(self._keyring), MASK, KINDS)
        try:
            yield _Sides(FileSide(files), SqlSide(engine, rows))
        finally:
            files.close()
            rows.close()


def _serves(side: Side) -> bool:
    """Whether a start would find an installation there, and go on with it."""
    marked = any(side.marked(mark) is not None for mark in Mark)
    return not marked and _holds_any(side)


def _holds_any(side: Side) -> bool:
    """Whether there is any document but what is of one installation alone."""
    storage = side.storage
    return any(storage.names(kind) for kind in storage.kinds if kind.name != "installation")


def _state_of(side: Side) -> dict[str, Any]:
    """All there is, but for what the files' times say: they were laid out anew."""
    documents = documents_of(side.storage)
    held = documents.get(_HELD)
    if isinstance(held, dict):
        reason, since, _version, *more = held["rejection"]
        documents[_HELD] = {**held, "rejection": [reason, since, *more]}
    trail = sorted(map(str, side.storage.events()))
    mask_key = side.mask_key()
    return {"documents": documents, "trail": trail, "mask key": mask_key and mask_key[0]}
