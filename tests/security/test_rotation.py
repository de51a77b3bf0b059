"""Re-encryption: everything, whole, by steps that can be stopped, beside whoever else writes."""

from __future__ import annotations

import ast
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.kinds import PREFERENCES, UPLOADS
from processes.storage import KINDS
from security.credential import Owner
from security.encryption import TokenEncryption, is_encrypted, kid_of
from security.errors import OperatorFault
from security.owner_documents import OWNER_KINDS
from security.recovery.rotation import Mode, Rotation, RotationReport
from security.token_store import TokenStore
from tests.places import databases
from tests.security.kit import (
    ANN,
    BOB,
    MASK,
    ROOT,
    TOWN,
    a_credential,
    kept_in,
    new_key,
    python,
    sealed_by,
    secret,
)
from tests.spots import copy_at, credential_at, everything_in, full, spot, state_of
from tests.stores import documents_in, store_in

OLD, NEW = new_key(), new_key()
PLAIN, UNDER_OLD = TokenEncryption(), TokenEncryption([OLD])
BOTH = TokenEncryption([NEW, OLD])


def documents(folder: Path) -> dict[str, bytes]:
    """Every document there, as it lies."""
    return {name: raw for name, raw in everything_in(folder).items() if name.endswith(".json")}


def seed(folder: Path, keyring: TokenEncryption) -> TokenStore:
    """A data folder with documents of every kind."""
    store = store_in(folder, keyring)
    store.prepare()
    for owner in (ANN, BOB, TOWN):
        store.save_consent(a_credential(owner))
    store.copies.set_aside(BOB, "invalid_grant")
    store.save_consent(a_credential(BOB))
    for kind in KINDS:
        if not kind.leased:
            kept = documents_in(folder, kind, keyring)
            kept.write("token_501", {"of": kind.name, "name": "報告"})
            kept.write("501-0a1b2c", {"of": kind.name})
    return store


def run(
    folder: Path,
    mode: Mode,
    keyring: TokenEncryption,
    *,
    dry_run: bool = False,
    lease_seconds: float = 5,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> RotationReport:
    """One run over the folder."""
    rotation = Rotation(store_in(folder, keyring, tells=False), lease_seconds=lease_seconds)
    return rotation.run(mode, dry_run=dry_run, progress=progress)


def kids(folder: Path) -> set[str | None]:
    """The keys the documents name; None: plaintext, or a token without one."""
    return {kid_of(data) for data in documents(folder).values()}


def test_off_on_rotated_and_off_again_gives_the_very_same_documents(folder: Path) -> None:
    """Every folder, every byte, every generation."""
    seed(folder, PLAIN)
    before = documents(folder)

    encrypted = run(folder, Mode.ENCRYPT, UNDER_OLD)
    assert kids(folder) == {UNDER_OLD.kid}
    rotated = run(folder, Mode.ROTATE, BOTH)
    assert kids(folder) == {BOTH.kid}
    assert store_in(folder, TokenEncryption([NEW])).load(ANN) is not None
    decrypted = run(folder, Mode.DECRYPT, TokenEncryption([NEW]))

    assert documents(folder) == before
    for report in (encrypted, rotated, decrypted):
        assert all(counts["changed"] > 0 for counts in report.kinds.values())
        assert report.count("changed") == len(before)
        assert report.is_complete
        assert report.left == []
    assert {kind.label for kind in KINDS} == set(encrypted.kinds)


def test_a_second_run_changes_nothing(folder: Path) -> None:
    """What is done is left alone: same bytes, same time stamps."""
    seed(folder, UNDER_OLD)
    first = run(folder, Mode.ROTATE, BOTH)
    before = state_of(folder)
    again = run(folder, Mode.ROTATE, BOTH)
    assert (again.count("changed"), again.count("already")) == (0, first.count("changed"))
    assert state_of(folder) == before


@pytest.mark.parametrize("mode", Mode)
def test_a_dry_run_changes_no_byte_and_counts_what_a_run_would(folder: Path, mode: Mode) -> None:
    """Neither a time stamp, nor a lock file."""
    seed(folder, PLAIN if mode is Mode.ENCRYPT else UNDER_OLD)
    before = state_of(folder)
    told = run(folder, mode, BOTH, dry_run=True)
    assert state_of(folder) == before
    assert told.kinds == run(folder, mode, BOTH).kinds


def test_rotation_takes_plaintext_along_and_encrypting_leaves_old_envelopes(folder: Path) -> None:
    """Rotated: one key for all. Encrypted: nothing in plaintext."""
    seed(folder, UNDER_OLD)
    place = credential_at(folder, ANN)
    plain = PLAIN.encrypt(json.dumps(a_credential().to_document()).encode())
    place.plant(plain)
    assert run(folder, Mode.ENCRYPT, BOTH).count("changed") == 1
    assert kids(folder) == {UNDER_OLD.kid, BOTH.kid}
    run(folder, Mode.ROTATE, BOTH)
    assert kids(folder) == {BOTH.kid}
    place.plant(plain)
    run(folder, Mode.ROTATE, TokenEncryption([NEW, OLD], required=False))
    assert kids(folder) == {BOTH.kid}


def test_rotation_believes_no_plaintext(folder: Path) -> None:
    """It is left as it is, and named: only `tokens encrypt` asks whether it is to be believed."""
    seed(folder, UNDER_OLD)
    before = json.dumps(a_credential().to_document()).encode()
    credential_at(folder, ANN).plant(before)
    report = run(folder, Mode.ROTATE, BOTH)
    assert [(left.kind, left.owner, left.result) for left in report.left] == [
        ("credentials", MASK(ANN.name), "plaintext_refused")
    ]
    assert credential_at(folder, ANN).raw() == before


def test_a_bare_token_becomes_an_envelope(folder: Path) -> None:
    """As other programs write them."""
    store = seed(folder, UNDER_OLD)
    place = credential_at(folder, ANN)
    envelope = sealed_by(UNDER_OLD, place.key, a_credential().to_document())
    place.plant(json.loads(envelope)["data"].encode() + b"\n")
    assert run(folder, Mode.ENCRYPT, UNDER_OLD).kinds["credentials"]["changed"] == 1
    assert kid_of(place.raw()) == UNDER_OLD.kid
    assert store.load(ANN) is not None


def test_plaintext_is_converted_also_where_it_is_refused_otherwise(folder: Path) -> None:
    """TOKEN_REQUIRE_ENCRYPTION=true came before the migration."""
    seed(folder, PLAIN)
    required = TokenEncryption([NEW], required=True)
    assert run(folder, Mode.ENCRYPT, required).left == []
    assert store_in(folder, required).load(ANN) is not None


def test_the_generation_stays(folder: Path) -> None:
    """Re-encryption is no save: a refresh that is under way is still based on the newest."""
    store = seed(folder, UNDER_OLD)
    before = store.load(BOB)
    run(folder, Mode.ROTATE, BOTH)
    after = store_in(folder, BOTH).load(BOB)
    assert before is not None
    assert after == before
    assert after.generation == 2


def test_without_a_key_there_is_nothing_to_encrypt_under(folder: Path) -> None:
    """Said before anything is touched."""
    seed(folder, PLAIN)
    with pytest.raises(OperatorFault) as caught:
        run(folder, Mode.ROTATE, PLAIN)
    assert caught.value.code == "key_missing"


def test_what_an_unknown_key_encrypted_is_left_as_it_is_and_named(folder: Path) -> None:
    """The others go on."""
    stranger = TokenEncryption([new_key()])
    seed(folder, UNDER_OLD)
    place = credential_at(folder, ANN)
    before = sealed_by(stranger, place.key, a_credential().to_document())
    place.plant(before)
    report = run(folder, Mode.ROTATE, BOTH)
    assert place.raw() == before
    (left,) = report.left
    assert (left.kind, left.owner, left.result, left.kid) == (
        *("credentials", MASK(ANN.name), "unknown_key"),
        stranger.kid,
    )
    assert report.is_complete  # no key of ours would open it
    assert report.count("unreadable") == 1
    assert kids(folder) == {BOTH.kid, stranger.kid}


def test_quarantined_damage_is_kept_byte_for_byte(folder: Path) -> None:
    """Damaged plaintext is encrypted as it is; ciphertext that does not open stays."""
    seed(folder, UNDER_OLD)
    envelope = UNDER_OLD.encrypt(b"{}")
    tampered = envelope.replace(b"gAAAA", b"gAAAB")
    copies = {
        "token_501.20260101t000000000001": b'{"refresh_token": "1//0half',
        "token_501.20260101t000000000002": b"\xff\x00 no JSON at all",
        "token_501.20260101t000000000003": envelope[:-9],
        "token_501.20260101t000000000004": tampered,
    }
    for name, data in copies.items():
        copy_at(folder, name).plant(data)
    report = run(folder, Mode.ROTATE, BOTH)
    now = {name: copy_at(folder, name).raw() for name in copies}
    *opened, (last, untouched) = now.items()
    kept = [kept_in(BOTH, copy_at(folder, name)) for name, _ in opened]
    assert kept == list(copies.values())[:3]
    assert all(is_encrypted(data) for _, data in opened)
    assert untouched == copies[last]
    assert [(left.kind, left.result) for left in report.left] == [("quarantine", "tampered")]
    if databases() is None:  # nothing in there is ever decrypted
        run(folder, Mode.DECRYPT, BOTH)
        assert {name: copy_at(folder, name).raw() for name in copies} == copies


def test_files_that_are_not_ours_are_left_in_peace(folder: Path) -> None:
    """In the data folder itself, and in folders that are in no table."""
    seed(folder, PLAIN)
    (folder / "mine").mkdir()
    others = [folder / name for name in ("client.json", "token_0.json", "mine/token_501.json")]
    for path in others:
        path.write_bytes(b"{}")
    run(folder, Mode.ENCRYPT, UNDER_OLD)
    assert [path.read_bytes() for path in others] == [b"{}"] * 3


def test_what_a_crash_left_in_plaintext_is_removed_where_nothing_else_lies(folder: Path) -> None:
    """Half a save, the first of its kind."""
    store = store_in(folder, PLAIN)
    store.storage.prepare()
    store.save_consent(a_credential())
    left = folder / "consents" / ".token_1.json.tmp"
    left.write_bytes(b'{"device_code": "plain"}')
    os.utime(left, (time.time() - 3600,) * 2)
    assert run(folder, Mode.ENCRYPT, UNDER_OLD).is_complete
    assert not left.exists()


@pytest.mark.parametrize("other", ["updates", "audit"])
def test_folders_without_documents_stop_nothing(folder: Path, other: str) -> None:
    """One that is not to be used, and those that are not there."""
    store = store_in(folder, PLAIN)
    store.storage.prepare(OWNER_KINDS)
    store.save_consent(a_credential())
    (folder / other).touch()
    assert run(folder, Mode.ENCRYPT, UNDER_OLD).is_complete
    assert kids(folder) == {UNDER_OLD.kid}
    assert not (folder / "preferences").exists()


@pytest.mark.parametrize("stray", ["quarantine/before-migration", "tombstones/old"])
def test_a_stray_file_among_ours_is_converted_and_stops_nothing(folder: Path, stray: str) -> None:
    """A copy that somebody has made: its name is no owner's. Everything behind it goes on."""
    seed(folder, PLAIN)
    before = len(documents(folder))
    (folder / f"{stray}.json").write_bytes(b'{"refresh_token": "1//0"}')
    for mode, keyring, kid in (
        (Mode.ENCRYPT, UNDER_OLD, UNDER_OLD.kid),
        (Mode.ROTATE, BOTH, BOTH.kid),
        (Mode.DECRYPT, BOTH, None),
    ):
        assert run(folder, mode, keyring).count("changed") == before + 1
        assert kids(folder) == {kid}


@pytest.mark.parametrize("after", [1, 6])
def test_stopped_in_the_middle_it_goes_on_when_run_again(folder: Path, after: int) -> None:
    """Ctrl-C: some are under the new key, the others under the old, each whole."""
    seed(folder, UNDER_OLD)
    number = run(folder, Mode.ROTATE, BOTH, dry_run=True).count("changed")

    def stop(done: int, total: int) -> None:
        assert total == number
        if done == after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(folder, Mode.ROTATE, BOTH, progress=stop)
    assert kids(folder) == {UNDER_OLD.kid, BOTH.kid}
    report = run(folder, Mode.ROTATE, BOTH)
    assert report.count("already") == after
    assert kids(folder) == {BOTH.kid}


def test_a_full_disk_stops_it_and_nothing_is_lost(folder: Path) -> None:
    """It would fail for each document again."""
    seed(folder, UNDER_OLD)
    before = documents(folder)
    with full(folder), pytest.raises(OperatorFault) as caught:
        run(folder, Mode.ROTATE, BOTH)
    assert caught.value.code == "store_failed"
    assert documents(folder) == before
    assert run(folder, Mode.ROTATE, BOTH).is_complete


def test_an_owner_who_stays_locked_is_left_and_said_to_be(folder: Path) -> None:
    """The others go on, and the old key is still needed."""
    store = seed(folder, UNDER_OLD)
    lock = store.lease(ANN)
    assert lock is not None
    report = run(folder, Mode.ROTATE, BOTH, lease_seconds=0.05)
    lock.release()
    assert [(left.kind, left.result) for left in report.left] == [("credentials", "locked")]
    assert not report.is_complete
    assert kid_of(credential_at(folder, ANN).raw()) == UNDER_OLD.kid
    assert run(folder, Mode.ROTATE, BOTH).is_complete


def test_what_vanishes_meanwhile_is_not_brought_back(folder: Path) -> None:
    """Somebody disconnects while the run is at somebody else's file."""
    store = seed(folder, UNDER_OLD)

    def disconnect(done: int, total: int) -> None:
        if done == 1:
            store.delete(BOB)
            documents_in(folder, UPLOADS, UNDER_OLD).delete("token_501")

    report = run(folder, Mode.ROTATE, BOTH, progress=disconnect)
    assert report.count("vanished") == 4  # the credential, the copy, its note, and an upload
    assert store_in(folder, BOTH).load(BOB) is None
    assert spot(folder, UPLOADS, "token_501").is_empty


WRITER = """
import sys
from pathlib import Path
from pydantic import SecretStr
from security.credential import Owner
from security.encryption import TokenEncryption
from bot.kinds import PREFERENCES, UPLOADS
from tests.spots import copy_at
from tests.stores import documents_in, store_in
folder, keys = Path(sys.argv[1]), [SecretStr(key) for key in sys.argv[2:]]
owner, keyring = Owner.user(501), TokenEncryption(keys)
store = store_in(folder, keyring, str)
notes = documents_in(folder, PREFERENCES, keyring)
jobs = documents_in(folder, UPLOADS, keyring)
print("go", flush=True)
number = 0
while True:
    number += 1
    with store.leased(owner) as lease:
        before = store.load(owner)
        generation = store.save(before, based_on=before.generation, lease=lease).generation
    assert (notes.read("token_501") or {}).get("number", 0) == number - 1 or number == 1
    notes.write("token_501", {"number": number})
    jobs.write(f"501-{number % 3}", {"number": number})
    assert jobs.delete(f"501-{number % 3}") and jobs.read(f"501-{number % 3}") is None
    print(number, generation, flush=True)
"""


@pytest.mark.one_way
def test_beside_another_process_that_saves_nothing_is_lost_or_resurrected(folder: Path) -> None:
    """Back and forth between two keys while somebody saves, reads, deletes."""
    store = seed(folder, UNDER_OLD)
    before = store.load(ANN)
    assert before is not None
    back = TokenEncryption([OLD, NEW])
    lines: list[str] = []
    with python(WRITER, str(folder), secret(OLD), secret(NEW)) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "go\n"
        notes, turns = documents_in(folder, PREFERENCES, back), 0
        while turns < 12 or (notes.read("token_501") or {}).get("number", 0) < 5:
            for keyring in (BOTH, back):
                assert run(folder, Mode.ROTATE, keyring, lease_seconds=30).left == []
            turns += 1
        writer.send_signal(signal.SIGTERM)
        output, errors = writer.communicate(timeout=10)
        # Where PYTHONUNBUFFERED is set a line is written in pieces, and the last one may lack some.
        lines = [line for line in output.splitlines(keepends=True) if line.endswith("\n")]
    assert errors == ""
    number, generation = map(int, lines[-1].split())
    assert number > 3
    after = store_in(folder, back).load(ANN)
    note = documents_in(folder, PREFERENCES, back).read("token_501")
    assert after is not None
    assert note is not None
    # The process may have been stopped between a save and the line that tells of it.
    assert generation <= after.generation <= generation + 1
    assert number <= note["number"] <= number + 1
    left = {path.name for path in (folder / "uploads").glob("501-?.json")}
    assert left <= {f"501-{(number + 1) % 3}.json"}


KILLED = """
import sys
from pathlib import Path
from pydantic import SecretStr
from security.encryption import TokenEncryption
from security.recovery.rotation import Mode, Rotation
from tests.spots import copy_at
from tests.stores import store_in
keyring = TokenEncryption([SecretStr(key) for key in sys.argv[2:]])
store = store_in(Path(sys.argv[1]), keyring, str)
def tell(done, total):
    print(done, flush=True)
    if done == 4:
        sys.stdin.read()
Rotation(store).run(Mode.ENCRYPT, progress=tell)
"""


def test_killed_in_the_middle_it_goes_on_when_run_again(folder: Path) -> None:
    """SIGKILL: no lock stays behind, and no plaintext beside what is encrypted."""
    seed(folder, PLAIN)
    number = len(documents(folder))
    with python(KILLED, str(folder), secret(NEW)) as process:
        assert process.stdout is not None
        while process.stdout.readline() != "4\n":
            assert process.poll() is None
        process.kill()
    report = run(folder, Mode.ENCRYPT, TokenEncryption([NEW]), lease_seconds=10)
    assert (report.count("already"), report.count("changed")) == (4, number - 4)
    assert all(is_encrypted(data) for data in documents(folder).values())


def test_a_hundred_owners_cost_little(folder: Path) -> None:
    """One lock and two fsyncs for each; a department's is one of them."""
    owners = [Owner.user(number) for number in range(1, 100)]
    store = store_in(folder, UNDER_OLD)
    store.prepare()
    for owner in owners:
        store.save_consent(a_credential(owner, access_token=SecretStr("ya29.x")))
    seen: list[tuple[int, int]] = []
    report = run(folder, Mode.ROTATE, BOTH, progress=lambda *state: seen.append(state))
    assert report.kinds["credentials"]["changed"] == len(owners)
    number = report.count("changed")  # in a database its own secret is one more
    assert seen == [(done, number) for done in range(1, number + 1)]


NOT_SEALED = {"locks", "audit", "probe"}
TOPS = ("bot", "departments", "processes", "security", "sheets")
OF_DATABASES = {"installation", "trials"}
"""No folder's: what there is once in a database, and what its self-test puts there and takes away.
"""


def test_every_folder_under_the_data_folder_is_in_the_table_or_known_to_be_in_plaintext() -> None:
    """A new one that nobody entered would keep its old key, or its plaintext, for ever."""
    folders, kinds = set(), set()
    for path in [
        *ROOT.glob("*.py"),
        *(path for top in TOPS for path in (ROOT / top).rglob("*.py")),
    ]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.BinOp(
                    left=ast.Name(id="folder" | "data_folder")
                    | ast.Attribute(attr="folder" | "_folder" | "user_data_dir"),
                    op=ast.Div(),
                    right=ast.Constant(value=str(name)),
                ) if "." not in name:
                    folders.add(name)
                case ast.Call(
                    func=ast.Name(id="Kind" | "_kind" | "_passing"),
                    args=[ast.Constant(value=str(name)), *_],
                ):
                    kinds.add(name)
    assert folders == NOT_SEALED
    assert kinds == {kind.name for kind in KINDS} | OF_DATABASES
