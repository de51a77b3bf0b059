"""Archives made over one kind of storage are restored over another, whatever is in them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

import pytest
from pydantic import SecretBytes, SecretStr

from config import load_settings
from processes.storage import find_mask_key, make_mask_key, storage_of
from security.encryption import TokenEncryption
from security.logging_utils import OwnerMask
from security.owner_documents import CREDENTIALS, OWNER_KINDS, QUARANTINE, credential_key
from security.recovery.backup import About, write_backup
from security.recovery.restore import Restore, verify
from security.storage.each import only
from security.storage.leases import BOT_LEASE
from security.storage.protocol import Key, PutRaw, Storage, Stored, Unit
from security.token_store import TokenStore
from tests.database.conftest import NewPlace, Run, empty_places
from tests.database.stores import documents_of, seed, storage_at
from tests.security.kit import ANN, BOB, TOWN, a_credential, new_key
from tests.stores import MASK, storage_in
from tests.waiting import run_until_heard

pytestmark = pytest.mark.one_way("on")

BACKUP_KEY: Final = new_key()
HERE, THERE = (TokenEncryption([new_key()]) for _ in range(2))
STRANGER: Final = TokenEncryption([new_key()])
Where = Literal["files", "rows"]
Open = Callable[[Where, TokenEncryption], Storage]
WAYS: Final = [("files", "rows"), ("rows", "files"), ("rows", "rows")]


@pytest.fixture(params=["sqlite", pytest.param("mariadb", marks=pytest.mark.one_way)])
def new_place(request: pytest.FixtureRequest, tmp_path: Path) -> NewPlace:
    """MariaDB's are left to `test-rest`."""
    return empty_places(request, tmp_path)


@pytest.fixture
def opened(new_place: NewPlace, tmp_path: Path) -> Iterator[Open]:
    """`opened("rows", keyring)`: a storage of its own, empty and ready."""
    with ExitStack() as stack:

        def make(where: Where, keyring: TokenEncryption) -> Storage:
            if where == "rows":
                return stack.enter_context(storage_at(new_place(), keyring))
            kept = storage_in(tmp_path / f"files_{keyring.kid}", keyring)
            kept.open()
            return kept

        yield make


def strange(storage: Storage) -> None:
    """What does not open here: a credential and a copy, whole and divided, of a foreign key."""
    [own] = storage.read([Key(CREDENTIALS, ANN.stem)])
    assert isinstance(own, Stored)
    document = own.open()
    sealer = type(storage.sealer)(STRANGER)
    whole = sealer.seal(CREDENTIALS, "token_601", document)
    divided = sealer.divide(CREDENTIALS, "token_602", document).to_raw()
    copies = {"601": whole, "602": divided}
    for number, raw in copies.items():
        [lease] = storage.lease([f"token_{number}"])
        assert lease is not None
        assert not isinstance(lease, Exception)
        steps = [
            PutRaw(Key(CREDENTIALS, f"token_{number}"), raw),
            PutRaw(Key(QUARANTINE, f"token_{number}.20260101t000000000001"), raw),
        ]
        [done] = storage.apply([Unit(steps, lease)])
        assert not isinstance(done, Exception)
        lease.release()


def back_up(storage: Storage, target: Path) -> Path:
    """An archive of it."""
    about = About(datetime.now(UTC), "1.0", (), SecretBytes(b"the key of the masks"))
    store = TokenStore(storage, MASK)
    write_backup(target, [BACKUP_KEY], about, store, outside=target.parent / "no folder")
    return target


def kept_of_owners(storage: Storage) -> dict[tuple[str, str], Any]:
    """What an archive is about; what does not open as it stands."""
    kinds = {kind.name for kind in OWNER_KINDS}
    return {key: one for key, one in documents_of(storage).items() if key[0] in kinds}


@pytest.mark.parametrize(("source", "target"), WAYS)
def test_everybody_comes_back_over_the_other_storage(
    opened: Open, tmp_path: Path, source: Where, target: Where
) -> None:
    """Credentials in their generations, tombstones, copies in quarantine with their notes."""
    here, there = opened(source, HERE), opened(target, THERE)
    seed(here)
    archive = back_up(here, tmp_path / "a.dkb")
    run = Restore(TokenStore(there, MASK), lease_seconds=5)
    run.run(archive, [BACKUP_KEY], verify(archive, [BACKUP_KEY]))
    assert run.report.is_clean
    assert run.report.restored == 3
    assert kept_of_owners(there) == kept_of_owners(here)
    for owner in (ANN, BOB, TOWN):
        assert TokenStore(there, MASK).load(owner) == TokenStore(here, MASK).load(owner)
    TokenStore(there, MASK).delete(BOB)
    assert [entry.action for entry in there.events()] == ["restored"] * 3
    again = Restore(TokenStore(there, MASK), lease_seconds=5)
    again.run(archive, [BACKUP_KEY], verify(archive, [BACKUP_KEY]))
    assert again.report.restored == 0
    assert dict(again.report.refused) == {"ended": 1}


@pytest.mark.parametrize(("source", "target"), WAYS)
def test_what_no_key_opens_goes_along_as_it_stands(
    opened: Open, tmp_path: Path, source: Where, target: Where
) -> None:
    """Whole or divided, set aside and in place: once the key is there, it opens."""
    here, there = opened(source, HERE), opened(target, THERE)
    seed(here)
    strange(here)
    archive = back_up(here, tmp_path / "a.dkb")
    run = Restore(TokenStore(there, MASK), lease_seconds=5)
    run.run(archive, [BACKUP_KEY], verify(archive, [BACKUP_KEY]))
    assert run.report.unreadable == {"unknown_key": 2}
    names = [n for n in there.names(QUARANTINE) if n[6:9] in ("601", "602") and ".note" not in n]
    assert len(names) == 4  # the copies, and what was in their credentials' places
    sealer = type(there.sealer)(STRANGER)
    for name in names:
        [found] = there.read([Key(QUARANTINE, name)])
        assert isinstance(found, Stored)
        assert sealer.examine(QUARANTINE, name, found.raw).kid == STRANGER.kid


@pytest.mark.parametrize("of_database", [True, False], ids=["out of rows", "out of files"])
def test_by_the_commands_owners_keep_their_masks(
    run_over: Run, tmp_path: Path, *, of_database: bool
) -> None:
    """The key of the logs' masks is in the archive, and is put in place over either storage."""
    nothing_yet = run_over("backup nowhere.dkb", database=of_database)
    assert nothing_yet.exit_code == 2
    settings = load_settings(for_bot=False, env_file=None)
    mask = OwnerMask(make_mask_key(settings))
    storage = storage_of(settings, mask, tells=False)
    seed(storage)
    storage.close()
    key = find_mask_key(settings)
    archive = tmp_path / "a.dkb"
    assert run_over(f"backup {archive}", database=of_database).exit_code == 0
    done = run_over(f"restore {archive} --json", database=not of_database)
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["restored"], told["mask_key"]) == (3, "restored")
    listed = json.loads(run_over("tokens list --json", database=not of_database).stdout)
    masks = {mask(owner.name) for owner in (ANN, BOB, TOWN)}
    assert {one["owner"] for one in listed["credentials"]} == masks
    assert find_mask_key(load_settings(for_bot=False, env_file=None)) == key


def test_what_is_too_large_for_a_database_keeps_nobody_else_from_being_restored(
    opened: Open, tmp_path: Path
) -> None:
    """Neither the others, nor a credential where it is a copy in quarantine beside it."""
    files, rows = opened("files", TokenEncryption()), opened("rows", THERE)
    store = TokenStore(files, MASK)
    with store.leased(ANN) as lease:
        damaged = PutRaw(credential_key(ANN), b"x" * 900_000)
        assert isinstance(only(files.apply([Unit([damaged], lease)])), list)
    store.save_consent(a_credential(ANN))  # which sets that aside
    store.save_consent(a_credential(BOB, refresh_token=SecretStr("x" * 60_000)))
    store.save_consent(a_credential(TOWN))
    archive = back_up(files, tmp_path / "a.dkb")
    run = Restore(TokenStore(rows, MASK), lease_seconds=5)
    run.run(archive, [BACKUP_KEY], verify(archive, [BACKUP_KEY]))
    assert (run.report.restored, run.report.copies_refused) == (2, 1)
    assert run.report.findings == [(BOB, "too_big")]
    assert TokenStore(rows, MASK).owners() == sorted([ANN, TOWN])


def test_a_rollback_says_that_it_waits_for_a_bot_that_may_have_died(
    run_over: Run, tmp_path: Path
) -> None:
    """At once, and for how long: a lease lapses, or its bot is stopped; then it goes on."""
    archive = tmp_path / "a.dkb"
    run_over(f"backup {archive}", database=True)
    settings = load_settings(for_bot=False, env_file=None)
    storage = storage_of(settings, OwnerMask(make_mask_key(settings)), tells=False)
    seed(storage)
    assert run_over(f"backup {archive}", database=True).exit_code == 0
    lease = only(storage.lease([BOT_LEASE]))
    assert lease is not None
    says = "Waiting for the bot to be gone, 36 seconds at most"
    result = run_until_heard(f"restore {archive} --rollback", says, lease.release)
    storage.close()
    assert result.stderr.count(says) == 1
    assert "Waiting" not in result.stdout
    assert result.returncode == 0, result.stderr
