"""Private files: whole or not at all, and for nobody else to read."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from security.encryption import TokenEncryption
from security.errors import CorruptCredential, OperatorFault
from security.storage.catalogue import Kind
from security.storage.documents import Documents
from security.storage.files.group_commit import NewContent, replace_together
from security.storage.files.private_files import (
    ensure_private_folder,
    reserve_room,
    write_atomically,
)
from security.storage.files.storage import FileStorage
from security.storage.sealing import Sealer
from tests.security.kit import full_disk, mode_of, new_key, python, umask
from tests.stores import storage_in

DATA = Kind("data")


def documents(folder: Path, keyring: TokenEncryption | None = None) -> Documents:
    """The documents in `folder / "data"`."""
    return Documents(storage(folder, keyring), DATA)


def storage(folder: Path, keyring: TokenEncryption | None = None) -> FileStorage:
    """Where they are kept."""
    return FileStorage(folder, Sealer(keyring or TokenEncryption()), str, (DATA,))


def probe(folder: Path) -> None:
    """Whether something can be written there."""
    documents(folder).storage.check_writable()


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")


@pytest.mark.parametrize("bits", [0o000, 0o022, 0o077, 0o777])
def test_folder_and_file_are_private_whatever_the_umask(tmp_path: Path, bits: int) -> None:
    """0700 and 0600, neither more nor less."""
    folder = tmp_path / "data"
    with umask(bits):
        ensure_private_folder(folder)
        write_atomically(folder / "a.json", b"x")
    assert mode_of(folder) == 0o700
    assert mode_of(folder / "a.json") == 0o600


def test_a_file_is_private_from_its_creation(tmp_path: Path) -> None:
    """A looser temporary file, left by somebody, is not written into as it stands."""
    left = tmp_path / ".a.json.tmp"
    left.touch()
    left.chmod(0o666)
    write_atomically(tmp_path / "a.json", b"x")
    assert mode_of(tmp_path / "a.json") == 0o600


def test_looser_modes_are_mended(tmp_path: Path) -> None:
    """A backup restored with the wrong modes."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "a.json").write_bytes(b"x")
    folder.chmod(0o755)
    (folder / "a.json").chmod(0o644)
    ensure_private_folder(folder)
    assert (mode_of(folder), mode_of(folder / "a.json")) == (0o700, 0o600)


def test_files_that_come_and_go_meanwhile_are_no_fault(tmp_path: Path) -> None:
    """A command begins while the bot saves."""
    over = threading.Event()

    def come_and_go() -> None:
        while not over.is_set():
            for number in range(20):
                (tmp_path / f".{number}.tmp").touch(mode=0o644)
            for number in range(20):
                (tmp_path / f".{number}.tmp").unlink()

    writer = threading.Thread(target=come_and_go)
    writer.start()
    try:
        for _ in range(300):
            ensure_private_folder(tmp_path)
    finally:
        over.set()
        writer.join()


@as_root
def test_a_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    """Its owner could open it again at any time."""
    folder = tmp_path / "data"
    folder.mkdir()
    os.chown(folder, 12345, 12345)
    with pytest.raises(OperatorFault) as caught:
        ensure_private_folder(folder)
    assert caught.value.code == "store_failed"


def test_a_folder_that_is_a_file_is_an_operator_fault_without_its_path(tmp_path: Path) -> None:
    """The path holds ids; the operator knows which folder is meant."""
    (tmp_path / "data").touch()
    with pytest.raises(OperatorFault) as caught:
        ensure_private_folder(tmp_path / "data")
    assert caught.value.code == "store_failed"
    assert str(tmp_path) not in str(caught.value)


def test_only_old_temporary_files_are_cleared(tmp_path: Path) -> None:
    """A young one may belong to a save that another process is making."""
    old, young = tmp_path / ".a.json.tmp", tmp_path / ".b.json.tmp"
    for path in (old, young):
        path.touch()
    os.utime(old, (time.time() - 3600,) * 2)
    ensure_private_folder(tmp_path)
    assert not old.exists()
    assert young.exists()


def test_a_save_replaces_the_old_content_and_leaves_nothing_else(tmp_path: Path) -> None:
    """Whole, under the same name."""
    path = tmp_path / "a.json"
    write_atomically(path, b"old" * 100_000)
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("room", [0, 4096])
def test_a_full_disk_leaves_the_old_file_and_is_an_operator_fault(
    tmp_path: Path, room: int
) -> None:
    """No temporary file stays behind either."""
    path = tmp_path / "a.json"
    write_atomically(path, b"old")
    with full_disk(room), pytest.raises(OperatorFault) as caught:
        write_atomically(path, b"new" * 5000)
    assert caught.value.code == "store_failed"
    assert "a.json" not in str(caught.value)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("room", [0, 4096])
def test_a_full_disk_is_noticed_before_anything_is_spent(tmp_path: Path, room: int) -> None:
    """Google's answer would have nowhere to go."""
    probe(tmp_path)
    with full_disk(room), pytest.raises(OperatorFault) as caught:
        probe(tmp_path)
    assert caught.value.code == "store_failed"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("room", [0, 4096])
def test_room_that_cannot_be_had_is_noticed_and_none_is_taken(tmp_path: Path, room: int) -> None:
    """As for the folder, so for one file of it."""
    path = tmp_path / "a.json"
    write_atomically(path, b"old")
    with full_disk(room), pytest.raises(OperatorFault) as caught:
        reserve_room(path)
    assert caught.value.code == "store_failed"
    assert list(tmp_path.iterdir()) == [path]


def test_reserved_room_goes_to_the_save_or_is_given_up(tmp_path: Path) -> None:
    """Nothing of it is in the file, and nothing stays beside it."""
    path = tmp_path / "a.json"
    temporary = tmp_path / ".a.json.tmp"
    temporary.touch(0o644)
    room = reserve_room(path)
    assert mode_of(temporary) == 0o600
    assert not path.exists()
    assert not isinstance(
        replace_together(tmp_path, [NewContent(str(path), b"new", room)])[0], Exception
    )
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]
    room = reserve_room(path)
    room.give_up()
    room.give_up()
    reserve_room(path)  # dropped: whoever waited for it was cancelled
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_save_does_without_the_room_that_somebody_took_for_remains(tmp_path: Path) -> None:
    """This process was suspended for so long; the token is Google's only one all the same."""
    path = tmp_path / "a.json"
    room = reserve_room(path)
    (tmp_path / ".a.json.tmp").unlink()
    assert not isinstance(
        replace_together(tmp_path, [NewContent(str(path), b"new", room)])[0], Exception
    )
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("name", "write"),
    [
        (".a.json.tmp", lambda folder: write_atomically(folder / "a.json", b"new")),
        (".probe.tmp", probe),
        (".a.json.tmp", lambda folder: reserve_room(folder / "a.json")),
    ],
    ids=["save", "probe", "reserve"],
)
def test_a_symbolic_link_in_the_way_is_not_followed(
    tmp_path: Path, name: str, write: Callable[[Path], None]
) -> None:
    """It would let somebody choose what is overwritten."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    (tmp_path / name).symlink_to(victim)
    with pytest.raises(OperatorFault):
        write(tmp_path)
    assert victim.read_bytes() == b"precious"


def test_a_target_that_is_a_symbolic_link_is_replaced_not_written_through(tmp_path: Path) -> None:
    """rename(2) takes the link's place."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    (tmp_path / "a.json").symlink_to(victim)
    write_atomically(tmp_path / "a.json", b"new")
    assert victim.read_bytes() == b"precious"
    assert not (tmp_path / "a.json").is_symlink()


def test_killing_the_process_at_any_time_leaves_one_whole_document(tmp_path: Path) -> None:
    """SIGKILL in the middle of saves, at moments nobody chose."""
    path = tmp_path / "a.json"
    whole = [letter.encode() * 300_000 for letter in "ab"]
    script = (
        "import sys; from pathlib import Path\n"
        "from security.storage.files.private_files import write_atomically\n"
        "path = Path(sys.argv[1])\n"
        "while True:\n"
        "    for letter in (b'a', b'b'): write_atomically(path, letter * 300_000)\n"
        "    print('go', flush=True)\n"
    )
    for seconds in (0.03, 0.08):
        with python(script, str(path)) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            time.sleep(seconds)
            writer.kill()
        assert path.read_bytes() in whole


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../a", "a/b", "/etc/passwd", ".hidden", "A", "a\n", "a\0", "x" * 122]
)
def test_what_is_no_name_is_refused(tmp_path: Path, name: str) -> None:
    """A name out of reach of the folder would be a way out of it."""
    with pytest.raises(ValueError, match="not a name"):
        documents(tmp_path).write(name, {})


def test_a_document_comes_back(tmp_path: Path, keyring: TokenEncryption) -> None:
    """Any Unicode, in either kind of run."""
    sealed = documents(tmp_path, keyring)
    storage(tmp_path, keyring).open()
    sealed.write("a", {"name": "報告 🎉", "half": "\ud800"})
    assert sealed.read("a") == {"name": "報告 🎉", "half": "\ud800"}
    assert sealed.names() == ["a"]
    assert sealed.delete("a")
    assert sealed.read("a") is None


def test_what_cannot_be_read_is_deleted_all_the_same(
    tmp_path: Path, keyring: TokenEncryption
) -> None:
    """Somebody wants to be forgotten, and the disk does not give what it keeps of them."""
    kept = documents(tmp_path, keyring)
    kept.write("token_501", {"a": 1})
    place = tmp_path / "data" / "token_501.json"
    place.unlink()
    os.mkfifo(place)
    with pytest.raises(OperatorFault):
        kept.read("token_501")
    assert kept.delete("token_501")
    assert not place.exists()
    assert not kept.delete("token_501")


def test_a_folder_that_was_never_made_is_empty(tmp_path: Path, keyring: TokenEncryption) -> None:
    """Nothing has been kept yet."""
    sealed = documents(tmp_path / "nowhere", keyring)
    assert sealed.names() == []
    assert sealed.read("a") is None


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"null", b"\xff\xfe", b"[" * 100_000])
def test_what_is_not_one_json_object_is_corrupt(tmp_path: Path, content: bytes) -> None:
    """Also what would exhaust the parser."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.json").write_bytes(content)
    with pytest.raises(CorruptCredential) as caught:
        documents(tmp_path).read("a")
    assert caught.value.code == "unreadable"


def test_plaintext_never_replaces_an_envelope(tmp_path: Path) -> None:
    """The key was forgotten: what is there is kept as it is."""
    sealed = documents(tmp_path, TokenEncryption([new_key()]))
    sealed.write("a", {"secret": 1})
    before = (tmp_path / "data" / "a.json").read_bytes()
    with pytest.raises(OperatorFault) as caught:
        documents(tmp_path).write("a", {"secret": 2})
    assert caught.value.code == "key_missing"
    assert (tmp_path / "data" / "a.json").read_bytes() == before


def test_without_its_key_an_encrypted_folder_is_refused_at_start_up(tmp_path: Path) -> None:
    """Pending consents, tombstones and all: half of them plaintext would be worse than a stop."""
    documents(tmp_path, TokenEncryption([new_key()])).write("a", {"secret": 1})
    with pytest.raises(OperatorFault) as caught:
        storage(tmp_path).open()
    assert caught.value.code == "key_missing"


def test_plaintext_is_encrypted_at_its_next_save(tmp_path: Path) -> None:
    """A key was added, and TOKEN_REQUIRE_ENCRYPTION=false."""
    documents(tmp_path).write("a", {"secret": "canary"})
    sealed = documents(tmp_path, TokenEncryption([new_key()], required=False))
    document = sealed.read("a")
    assert document is not None
    sealed.write("a", document)
    assert set(json.loads((tmp_path / "data" / "a.json").read_bytes())) == {
        "v",
        "alg",
        "kid",
        "data",
    }
    assert sealed.read("a") == {"secret": "canary"}


def test_the_first_lease_of_all_makes_the_data_folder(tmp_path: Path) -> None:
    """The bot takes its own before it prepares anything."""
    storage = storage_in(tmp_path / "user_data", TokenEncryption())
    [lease] = storage.lease(["bot"])
    assert lease is not None
    assert not isinstance(lease, Exception)
    lease.release()
    storage.open()
