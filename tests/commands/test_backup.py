"""`drivekeeper backup` and `restore`, as an operator runs them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner, Result

from cli import app
from security.encryption import TokenEncryption, fingerprint
from security.storage.leases import BOT_LEASE
from security.token_store import TokenStore
from tests.commands.conftest import in_json
from tests.places import settings_of
from tests.security.kit import ANN, BOB, a_credential, mode_of, new_key, secret
from tests.spots import credential_at, everything_in, held, tombstone_at
from tests.stores import folder_of, masks_in, store_in

KEY, BACKUP_KEY = new_key(), new_key()
SECRETS: Final = (secret(KEY), secret(BACKUP_KEY), "1//0", "ya29.", "amy@example.com", "501", "502")

Run = Callable[..., Result]


@pytest.fixture
def archive(tmp_path: Path) -> str:
    """Where archives go."""
    return str(tmp_path / "a.dkb")


@pytest.fixture
def run(folder: Path, restored_logging: None, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`run("backup", archive, USER_DATA_DIR=…)`; no secret is in what it says."""
    usual = {
        "USER_DATA_DIR": str(folder),
        "TOKEN_ENCRYPTION_KEY": secret(KEY),
        "TOKEN_BACKUP_KEY": secret(BACKUP_KEY),
    }

    def command(*arguments: str, **variables: str | Path) -> Result:
        values = {**usual, **variables}
        values |= settings_of(Path(values["USER_DATA_DIR"]))
        with monkeypatch.context() as patched:
            for name, value in values.items():
                patched.setenv(name, str(value))
            line = [*arguments, "--env-file", os.devnull]
            result = CliRunner().invoke(app, line, catch_exceptions=False)
        # An id may be in the test's own folder's name, or in a time; not by itself.
        assert [s for s in SECRETS if re.search(rf"\b{re.escape(s)}\b", result.output)] == []
        return result

    return command


@pytest.fixture
def store(folder: Path) -> TokenStore:
    """Ann and Bob are connected."""
    made = open_store(folder)
    made.prepare()
    for owner in (ANN, BOB):
        made.save_consent(a_credential(owner))
    return made


def open_store(folder: Path, key: SecretStr = KEY) -> TokenStore:
    """The folder's store, with the masks of there."""
    keyring = TokenEncryption([key])
    return store_in(folder, keyring, masks_in(folder, keyring))


def test_an_archive_is_written_and_counted(store: TokenStore, run: Run, archive: str) -> None:
    store.copies.set_aside(BOB, "invalid_grant")
    result = run("backup", archive, "--json")
    assert result.exit_code == 0
    assert in_json(result) == {
        "owners": 2,
        "credentials": 1,
        "tombstones": 1,
        "quarantined": 1,
        "unreadable": {},
        "left_out": 0,
        "locked": 0,
        "file": archive,
        "bytes": Path(archive).stat().st_size,
        "kid": fingerprint(BACKUP_KEY),
        "findings": [],
        "set_aside": {"invalid_grant": 1},
        "lost": [],
    }
    assert mode_of(Path(archive)) == 0o600
    shown = run("backup", archive, "--force")
    assert shown.exit_code == 0
    assert "credentials" in shown.stdout


def test_what_could_not_be_read_is_an_exit_code_of_its_own(
    store: TokenStore, run: Run, archive: str
) -> None:
    credential_at(folder_of(store), ANN).plant(b"rubbish")
    result = run("backup", archive, "--json")
    assert (result.exit_code, in_json(result)["unreadable"]) == (1, {"unreadable": 1})


def test_without_a_key_nothing_is_written_and_one_sentence_says_so(
    store: TokenStore, run: Run, archive: str
) -> None:
    for command in ("backup", "restore"):
        result = run(command, archive, TOKEN_BACKUP_KEY="")
        assert result.exit_code == 2
        assert "never written in plaintext" in result.stderr
    assert not Path(archive).exists()


def test_the_datas_key_is_no_backup_key_however_it_is_spelt(
    store: TokenStore, run: Run, archive: str
) -> None:
    """The last digit of base64 has two bits that mean nothing."""
    key = secret(KEY)
    digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    spelt = f"{key[:42]}{digits[digits.index(key[42]) ^ 1]}="
    for same in (key, spelt):
        assert run("backup", archive, TOKEN_BACKUP_KEY=same).exit_code == 2
    assert not Path(archive).exists()


@pytest.mark.parametrize("line", ["backup {}/no-folder/a.dkbackup", "restore {}/none.dkbackup"])
def test_an_archive_whose_path_is_wrong_is_said_to_be_not_there(
    store: TokenStore, run: Run, tmp_path: Path, line: str
) -> None:
    """In words that say what to look at, not the operating system's."""
    result = run(*line.format(tmp_path).split())
    assert result.exit_code == 3
    assert "there is no such file, or its folder does not exist yet" in result.output


def test_an_archive_there_already_is_left(store: TokenStore, run: Run, archive: str) -> None:
    Path(archive).write_text("another")
    result = run("backup", archive)
    assert (result.exit_code, Path(archive).read_text()) == (3, "another")
    assert "--force" in result.stderr


def test_another_machine_gets_it_back_with_masks_that_stay_the_same(
    store: TokenStore, run: Run, archive: str, tmp_path: Path
) -> None:
    """Also where the folder is not there yet."""
    run("backup", archive, LOG_LEVEL="INFO")
    key, there = new_key(), tmp_path / "there"
    new = {"USER_DATA_DIR": there, "TOKEN_ENCRYPTION_KEY": secret(key)}
    tried = run("restore", archive, "--dry-run", "--json", **new)
    assert not there.exists()
    result = run("restore", archive, "--json", **new)
    assert (tried.exit_code, result.exit_code) == (0, 0)
    told = in_json(result)
    assert (told["restored"], told["mask_key"], told["changed"]) == (2, "restored", True)
    assert told["settings_missing"] == ["LOG_LEVEL"]
    assert told["archive"]["credentials"] == 2
    assert {**told, "dry_run": True, "changed": False} == in_json(tried)
    restored = open_store(there, key)
    assert restored.copies.mask_of(ANN) == store.copies.mask_of(ANN)
    restored.prepare()
    for owner in (ANN, BOB):
        assert restored.load(owner) == store.load(owner)
    again = run("restore", archive, **new)
    assert again.exit_code == 0
    assert "Nothing needed to be changed." in again.stdout


def test_a_setting_is_named_and_its_value_is_nowhere(
    store: TokenStore, run: Run, archive: str, tmp_path: Path
) -> None:
    run("backup", archive, GOOGLE_CLIENT_ID="canary-id", GOOGLE_CLIENT_SECRET="canary-secret")
    result = run("restore", archive, "--dry-run")
    assert "GOOGLE_CLIENT_ID, GOOGLE_CLIENT_SECRET" in " ".join(result.stdout.split())
    assert "canary" not in result.output


def test_what_was_encrypted_is_not_restored_in_plaintext(
    store: TokenStore, run: Run, archive: str, tmp_path: Path
) -> None:
    run("backup", archive)
    there = tmp_path / "there"
    result = run("restore", archive, USER_DATA_DIR=there, TOKEN_ENCRYPTION_KEY="")
    assert result.exit_code == 2
    assert "plaintext" in result.stderr
    assert not there.exists()


@pytest.mark.parametrize("rollback", [(), ("--rollback",)])
def test_an_archive_that_is_not_whole_changes_nothing(
    store: TokenStore, run: Run, archive: str, rollback: tuple[str, ...]
) -> None:
    """Damaged, cut, put together, under another key, or not there at all."""
    run("backup", archive)
    run("backup", f"{archive}.other")
    store.delete(ANN)
    credential_at(folder_of(store), BOB).plant(b"rubbish")
    before = everything_in(folder_of(store))
    data, other = Path(archive).read_bytes(), Path(f"{archive}.other").read_bytes()
    lines = data.splitlines(keepends=True)
    middle = len(data) // 2
    for wrong in (
        data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :],
        data[:-1],
        b"".join(lines[:-1]),
        b"".join([*lines[:2], lines[3], lines[2], *lines[4:]]),
        b"".join([*lines[:2], other.splitlines(keepends=True)[2], *lines[3:]]),
        data + other,
        b"",
    ):
        Path(archive).write_bytes(wrong)
        assert run("restore", archive, *rollback).exit_code == 3
    Path(archive).write_bytes(data)
    key = secret(new_key())
    assert run("restore", archive, *rollback, TOKEN_BACKUP_KEY=key).exit_code == 3
    assert run("restore", f"{archive}.none", *rollback).exit_code == 3
    assert everything_in(folder_of(store)) == before


def test_who_has_disconnected_stays_away_until_a_rollback(
    store: TokenStore, run: Run, archive: str
) -> None:
    run("backup", archive)
    store.delete(ANN)
    result = run("restore", archive, "--json")
    assert (result.exit_code, in_json(result)["refused"]) == (0, {"ended": 1})
    assert store.load(ANN) is None
    result = run("restore", archive, "--rollback", "--json")
    assert (result.exit_code, in_json(result)["restored"]) == (0, 1)
    assert store.load(ANN) is not None


def test_a_rollback_wants_the_bot_stopped(store: TokenStore, run: Run, archive: str) -> None:
    run("backup", archive)
    store.delete(ANN)
    before = everything_in(folder_of(store))
    with held(folder_of(store), BOT_LEASE):
        result = run("restore", archive, "--rollback")
        assert result.exit_code == 3
        assert "stop it" in result.stderr
        assert everything_in(folder_of(store)) == before
        assert run("restore", archive).exit_code == 0
    assert store.load(ANN) is None


def test_whom_to_look_at_is_named_by_a_mask(store: TokenStore, run: Run, archive: str) -> None:
    run("backup", archive)
    store.delete(ANN)
    tombstone_at(folder_of(store), ANN).plant(b"rubbish")
    mask = store.copies.mask_of(ANN)
    result = run("restore", archive, "--json")
    assert result.exit_code == 1
    assert in_json(result)["findings"] == [{"owner": mask, "reason": "tombstone_unreadable"}]
    assert mask in run("restore", archive).stdout


def test_a_restore_that_stops_half_way_says_what_to_do(
    store: TokenStore, run: Run, archive: str
) -> None:
    run("backup", archive)
    for owner in (ANN, BOB):
        (folder_of(store) / f"{owner.stem}.json").unlink()
    (folder_of(store) / "token_502.json").mkdir()
    result = run("restore", archive)
    assert result.exit_code == 3
    assert "Stopped after 1 of 2 owners" in result.stderr
    (folder_of(store) / "token_502.json").rmdir()
    assert run("restore", archive).exit_code == 0
    assert store.load(BOB) is not None
