"""Everything goes over into a database and back, and is what it was."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from bot.kinds import PREFERENCES
from processes.storage import KINDS
from security.encryption import TokenEncryption
from security.errors import OperatorFault
from security.owner_documents import CREDENTIALS
from security.recovery.bot_stopped import bot_stopped
from security.recovery.moving.move import Move
from security.recovery.moving.report import MoveReport
from security.storage.documents import Documents
from security.storage.files.data_folder import load_mask_key, mask_key_since
from security.storage.files.side import FileSide
from security.storage.files.storage import FileStorage
from security.storage.moves.marks import SideName
from security.storage.protocol import Key, Storage
from security.storage.sealing import Sealer
from security.storage.sql.side import SqlSide
from security.storage.sql.storage import SqlStorage
from security.token_store import TokenStore
from tests.database.conftest import Place
from tests.database.stores import documents_of, seed, stored_version
from tests.security.kit import ANN, BOB, ROOT, a_credential, new_key, secret
from tests.stores import MASK

pytestmark = pytest.mark.one_way("on")


@pytest.fixture
def place(ready_place: Place) -> Place:
    """The test's database."""
    return ready_place


KEYRING = TokenEncryption([new_key()])
STRANGER = TokenEncryption([new_key()])


class World:
    """A data folder and a database."""

    def __init__(
        self,
        folder: Path,
        place: Place,
        keyring: TokenEncryption = KEYRING,
        lease_seconds: float = 30,
    ) -> None:
        engine = self.engine = place.engine()
        self.keyring = keyring
        self.folder = folder
        self.files = FileStorage(folder, Sealer(keyring), MASK, KINDS)
        self.rows = SqlStorage(engine, Sealer(keyring), MASK, KINDS, lease_seconds=lease_seconds)
        self.file_side, self.row_side = FileSide(self.files), SqlSide(engine, self.rows)

    def close(self) -> None:
        self.files.close()
        self.rows.close()

    def move(self, to: SideName, **options: Any) -> Move:
        """A move, to be run."""
        sides = (self.file_side, self.row_side)
        source, target = sides if to == "sql" else sides[::-1]
        start = TokenStore(source.storage, MASK).prepare
        return Move(source, target, MASK, start, **{"lease_seconds": 5, **options})

    def run(self, to: SideName, *, dry_run: bool = False) -> MoveReport:
        """A whole move."""
        return self.move(to).run(lambda _: nullcontext(lambda done, total: None), dry_run=dry_run)

    def state(self, storage: Storage) -> dict[str, Any]:
        """All there is, as far as both sides have it: each rejection by whether it still holds."""
        documents = documents_of(storage)
        version = stored_version(storage, ANN)
        held = documents["maintenance", f"owner.{ANN.stem}"]
        assert isinstance(held, dict)
        rejection = [version if part == version else part for part in held["rejection"]]
        assert rejection[2] == version
        documents["maintenance", f"owner.{ANN.stem}"] = {**held, "rejection": "of this version"}
        side = self.file_side if storage is self.files else self.row_side
        return {
            "documents": documents,
            "trail": sorted(map(str, storage.events())),
            "mask key": side.mask_key(),
        }


@contextmanager
def world(tmp_path: Path, place: Place, keyring: TokenEncryption = KEYRING) -> Iterator[World]:
    made = World(tmp_path / "user_data", place, keyring)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def there(tmp_path: Path, place: Place) -> Iterator[World]:
    """Everything in files, and the database empty."""
    with world(tmp_path, place) as made:
        made.files.prepare()
        load_mask_key(made.folder, None)
        seed(made.files)
        damage(made)
        yield made


def damage(there: World) -> None:
    """What opens nowhere: a credential under a foreign key, one that is cut, garbage set aside."""
    raw = (there.folder / "token_501.json").read_bytes()
    (there.folder / "token_601.json").write_bytes(STRANGER.encrypt(there.keyring.decrypt(raw)))
    (there.folder / "token_602.json").write_bytes(raw[:-9])
    (there.folder / "token_603.json").write_bytes(raw)  # another's
    name = "token_604.20260101t000000000001.json"
    (there.folder / "quarantine" / name).write_bytes(there.keyring.encrypt(b"\xff no JSON"))


def refuses(storage: Storage) -> str:
    """What a start on it is told."""
    with pytest.raises(OperatorFault) as caught:
        storage.open()
    assert caught.value.code == "moved_away"
    return str(caught.value)


def test_there_and_back_everything_is_what_it_was(there: World) -> None:
    """Credentials, tombstones, quarantine, consents, holds, the trail, the key of the masks."""
    before = there.state(there.files)
    since = mask_key_since(there.folder)
    report = there.run("sql")
    assert (report.left, report.is_complete, report.was_finished) == ([], True, False)
    assert report.kinds["credentials"] == {"moved": 3, "as it stands": 3}
    there.rows.open()
    assert there.state(there.rows) == before
    assert not (there.folder / "log_mask.key").exists()
    back = there.run("files")
    assert back.documents == report.documents == len(before["documents"])
    there.files.open()
    assert there.state(there.files) == before
    assert mask_key_since(there.folder) == since


def test_the_emptied_side_is_empty_and_says_where_everything_is(there: World) -> None:
    there.run("sql")
    assert documents_of(there.files) == {}
    assert not list((there.folder / "audit").iterdir())
    assert not (there.folder / "log_mask.key").exists()
    assert "set DATABASE_URL" in refuses(there.files)
    assert "was moved to the database on 20" in refuses(there.files)
    there.rows.open()
    there.run("files")
    assert documents_of(there.rows) == {}
    assert not list(there.rows.events())
    assert "take DATABASE_URL out of the settings" in refuses(there.rows)
    there.files.open()
    there.run("sql")
    there.rows.open()
    refuses(there.files)


def test_generations_are_kept_and_what_has_ended_stays_so(there: World) -> None:
    there.run("sql")
    store = TokenStore(there.rows, MASK)
    found = store.load(BOB)
    assert found is not None
    assert found.generation == 2
    assert store.save(found, based_on=2).generation == 3
    there.run("files")
    found = TokenStore(there.files, MASK).load(BOB)
    assert found is not None
    assert found.generation == 3


@pytest.mark.parametrize("to", ["sql", "files"])
def test_what_was_set_aside_on_one_side_is_restored_on_the_other(
    there: World, to: SideName
) -> None:
    """A copy is in the form of the side that it was made on."""
    if to == "files":
        there.run("sql")
    here, other = (there.files, there.rows) if to == "sql" else (there.rows, there.files)
    before = TokenStore(here, MASK).load(ANN)
    TokenStore(here, MASK).copies.set_aside(ANN, "invalid_grant")
    there.run(to)
    store = TokenStore(other, MASK)
    assert store.load(ANN) is None
    store.copies.restore(store.copies.names(ANN)[-1])
    after = store.load(ANN)
    assert before is not None
    assert after == replace(before, generation=before.generation + 1)


def test_run_again_it_has_nothing_to_do(there: World) -> None:
    there.run("sql")
    there.rows.open()
    before = there.state(there.rows)
    assert there.run("sql").was_finished
    assert there.state(there.rows) == before


def test_a_dry_run_changes_nothing_and_counts_what_a_run_moves(there: World) -> None:
    before = {p: (p.stat().st_mtime_ns, p.stat().st_ino) for p in there.folder.rglob("*")}
    was_there = there.row_side.is_there()
    told = there.run("sql", dry_run=True)
    assert {p: (p.stat().st_mtime_ns, p.stat().st_ino) for p in there.folder.rglob("*")} == before
    assert there.row_side.is_there() == was_there
    done = there.run("sql")
    assert told.model_dump(exclude={"dry_run"}) == done.model_dump(exclude={"dry_run"})


def test_a_database_with_an_installation_of_its_own_is_left_alone(there: World) -> None:
    there.rows.open()
    TokenStore(there.rows, MASK).save_consent(a_credential(BOB))
    before = documents_of(there.rows)
    with pytest.raises(OperatorFault, match="installation of its own"):
        there.run("sql")
    assert documents_of(there.rows) == before
    there.files.open()


@pytest.mark.parametrize("side", ["files", "rows"])
def test_beside_a_running_bot_nothing_is_moved(
    there: World, side: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    there.rows.prepare()
    # As a bot, it holds its lease for as long as it runs.
    with bot_stopped(getattr(there, side)), monkeypatch.context() as patched:
        patched.setattr(there.rows, "lease_seconds", 1)  # so long it is looked whether it does
        for dry_run in (True, False):
            with pytest.raises(OperatorFault, match="running"):
                there.run("sql", dry_run=dry_run)
    there.files.open()
    there.run("sql")


def test_a_document_that_the_disk_does_not_give_ends_the_move_before_anything_goes(
    there: World,
) -> None:
    """The source serves as before, and the other side does not; mended, it is run again."""
    path = there.folder / "preferences" / "token_501.json"
    kept = path.read_bytes()
    path.unlink()
    path.mkdir()
    report = there.run("sql")
    assert [(left.kind, left.owner) for left in report.left] == [("preferences", MASK(ANN.name))]
    there.files.open()
    refuses(there.rows)
    path.rmdir()
    path.write_bytes(kept)
    assert there.run("sql").is_complete
    there.rows.open()


def test_what_is_too_large_for_a_database_is_named_and_nothing_goes(there: World) -> None:
    """It is told as what it is; the files serve as before."""
    kept = Documents(there.files, PREFERENCES)
    kept.write("token_502", {"long": "x" * 2_000_000})
    report = there.run("sql")
    assert [(left.kind, left.owner, left.result) for left in report.left] == [
        ("preferences", MASK(BOB.name), "too_big")
    ]
    assert report.kinds["preferences"] == {"moved": 2, "left": 1}
    there.files.open()
    refuses(there.rows)
    kept.delete("token_502")
    assert there.run("sql").is_complete


def test_what_was_left_of_an_earlier_move_does_not_come_back(there: World) -> None:
    """Files that lay in the emptied folder again, of before."""
    old = (there.folder / "token_502.json").read_bytes()
    there.run("sql")
    TokenStore(there.rows, MASK).delete(BOB)
    (there.folder / "token_502.json").write_bytes(old)
    there.run("files")
    [found] = there.files.read([Key(CREDENTIALS, BOB.stem)])
    assert found is None


def test_while_it_is_cut_short_only_the_side_that_is_complete_serves(there: World) -> None:
    """A fault in the middle: files go on; the database says what to do."""

    def stop(done: int, total: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        there.move("sql", at_once=1).run(lambda _: nullcontext(stop))
    assert "has not ended" in refuses(there.rows)
    there.files.open()
    TokenStore(there.files, MASK).delete(BOB)  # it went on serving
    with pytest.raises(OperatorFault, match="has not ended"):
        there.run("files")
    there.run("sql")
    there.rows.open()
    assert TokenStore(there.rows, MASK).load(BOB) is None


@pytest.mark.parametrize("to", ["sql", "files"])
@pytest.mark.parametrize(
    "step", [7, pytest.param(1, marks=pytest.mark.one_way)], ids="each {}".format
)
@pytest.mark.one_way
def test_cut_short_at_one_step_after_the_other_it_goes_on(
    there: World, to: SideName, step: int
) -> None:
    """Ctrl-C each time a little later, until there is nothing left to cut: all of it is there."""
    if to == "files":
        there.run("sql")
    before = there.state(there.files if to == "sql" else there.rows)
    for last in count(1, step):
        cut = Cut(last)
        try:
            there.move(to, at_once=2).run(cut)
        except KeyboardInterrupt:
            continue
        break
    assert last > 20
    storage = there.rows if to == "sql" else there.files
    storage.open()
    assert there.state(storage) == before


class Cut:
    """Somebody presses Ctrl-C when they are told of progress for the n-th time."""

    def __init__(self, at: int) -> None:
        self._left = at

    def __call__(self, stage: str) -> AbstractContextManager[Callable[[int, int], None]]:
        return nullcontext(self.tell)

    def tell(self, done: int, total: int) -> None:
        """What is done, and of how many."""
        self._left -= 1
        if self._left == 0:
            raise KeyboardInterrupt


def test_keys_may_change_between_there_and_back(there: World, tmp_path: Path, place: Place) -> None:
    """What the emptied side keeps needs no key that may be dropped since."""
    there.run("sql")
    there.run("files")
    newer = TokenEncryption([new_key()])
    for path in there.folder.rglob("*.json"):
        try:
            path.write_bytes(newer.encrypt(KEYRING.decrypt(path.read_bytes())))
        except Exception:
            path.unlink()
    with world(tmp_path, place, newer) as after:
        assert after.run("sql").is_complete
        after.rows.open()
        assert TokenStore(after.rows, MASK).load(ANN) is not None


@pytest.mark.one_way
def test_killed_anywhere_and_run_again_nothing_is_lost(place: Place, tmp_path: Path) -> None:
    """kill -9; and never do both sides serve."""
    points = 24
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.database.killed_moves"),
            *(str(tmp_path / "user_data"), secret(new_key()), str(points)),
        ],
        cwd=ROOT,
        env={**os.environ, **place.variables},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["wrong"] == []
    assert found["points"] >= points
