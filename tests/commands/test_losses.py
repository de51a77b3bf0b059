"""Loss is not success: whoever had a credential and has none is spoken of, with an exit code."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from typer.testing import CliRunner, Result

from cli import app
from commands.output import Exit
from security.credential import Owner
from security.encryption import TokenEncryption
from security.owner_documents import QUARANTINE
from security.storage.events import Event
from security.storage.files.data_folder import MASK_KEY_FILE
from security.storage.sql.installation import INSTALLATION, MASK_KEY
from security.token_store import TokenStore
from tests.places import databases, settings_of
from tests.security.kit import a_credential, new_key, secret
from tests.spots import credential_at, names_in, spot
from tests.stores import masks_in, store_in

pytestmark = pytest.mark.one_way("files")

KEY, BACKUP_KEY = new_key(), new_key()
PEOPLE: Final = tuple(Owner.user(number) for number in range(801, 805))
NOWHERE: Final = "http://127.0.0.1:9"
SEES: Final = (
    "tokens list",
    "tokens verify",
    "maintenance run",
    "backup {new}",
    "doctor --offline",
)
"""Commands that say of a folder whether all is well with it."""


class Installation:
    """Four people, a data folder, and an archive of the time when all was well."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.archive, self.new = (folder.with_name(f"{name}.dkb") for name in ("old", "new"))
        self.settings = {
            "USER_DATA_DIR": str(self.folder),
            "TOKEN_ENCRYPTION_KEY": secret(KEY),
            "TOKEN_BACKUP_KEY": secret(BACKUP_KEY),
            "TELEGRAM_BOT_TOKEN": "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0",
            "GOOGLE_CLIENT_ID": "client.apps.googleusercontent.com",
            "GOOGLE_CLIENT_SECRET": "GOCSPX-of-nobody",
            "WEB_PORT": "0",
            **{
                f"GOOGLE_{name}": NOWHERE
                for name in ("AUTH_URI", "TOKEN_URI", "DEVICE_URI", "REVOKE_URI", "API_ENDPOINT")
            },
            **settings_of(folder),
        }
        for name, value in self.settings.items():
            monkeypatch.setenv(name, value)
        for owner in PEOPLE:
            self.connect(owner)
        assert self.run("backup {archive}").exit_code == Exit.OK

    @property
    def store(self) -> TokenStore:
        """As it is now."""
        keyring = TokenEncryption([KEY])
        store = store_in(self.folder, keyring, masks_in(self.folder, keyring))
        store.prepare()
        return store

    def mask(self, owner: Owner) -> str:
        """What stands for them."""
        return self.store.copies.mask_of(owner)

    def connect(self, owner: Owner) -> None:
        """As a consent does."""
        store = self.store
        store.save_consent(a_credential(owner))
        store.storage.record([Event("authorised", owner)])

    def set_aside(self, reason: str, *owners: Owner) -> None:
        """As a sweep does."""
        store = self.store
        for owner in owners:
            store.copies.set_aside(owner, reason, events=[Event("quarantined", owner, reason)])

    def delete(self, *owners: Owner) -> None:
        """By hand, or by a disk."""
        for owner in owners:
            credential_at(self.folder, owner).take_away()

    def lose_quarantine(self) -> None:
        """With everybody's copy."""
        self.set_aside("invalid_grant", *PEOPLE)
        for name in names_in(self.folder, QUARANTINE):
            spot(self.folder, QUARANTINE, name).take_away()

    def lose_mask_key(self) -> None:
        """Another one is made when it is asked for."""
        if databases() is None:
            (self.folder / MASK_KEY_FILE).unlink()
        else:
            spot(self.folder, INSTALLATION, MASK_KEY).take_away()

    def run(self, line: str) -> Result:
        """A command; `{archive}` and `{new}` stand for files."""
        self.new.unlink(missing_ok=True)
        words = line.format(archive=self.archive, new=self.new).split()
        return CliRunner().invoke(app, [*words, "--env-file", os.devnull], catch_exceptions=False)

    def says(self, line: str) -> str:
        """What it prints, in one line."""
        return " ".join(self.run(line).output.split())

    def told(self, line: str) -> dict[str, Any]:
        """What it tells programs."""
        answer: dict[str, Any] = json.loads(self.run(f"{line} --json").stdout)
        return answer


@pytest.fixture
def here(folder: Path, restored_logging: None, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """All is well."""
    return Installation(folder, monkeypatch)


Break = Callable[[Installation], None]
LOSSES: Final[dict[str, Break]] = {
    "everything in quarantine": lambda here: here.set_aside("invalid_grant", *PEOPLE),
    "most in quarantine": lambda here: here.set_aside("invalid_grant", *PEOPLE[:3]),
    "every file deleted": lambda here: here.delete(*PEOPLE),
    "the last file deleted": lambda here: here.delete(PEOPLE[-1]),
    "the first file deleted": lambda here: here.delete(PEOPLE[0]),
    "set aside, and the quarantine deleted": lambda here: here.lose_quarantine(),
}


@pytest.mark.parametrize("line", SEES)
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.one_way
def test_a_loss_is_a_finding_of_every_command_that_looks(
    here: Installation, loss: str, line: str
) -> None:
    """Whatever took them away, and however many are left."""
    LOSSES[loss](here)
    assert here.run(line).exit_code == Exit.FINDINGS


@pytest.mark.parametrize("line", SEES)
def test_what_people_did_themselves_is_no_finding(here: Installation, line: str) -> None:
    """One has revoked at Google, one has disconnected here: two of four go on, and all is well."""
    here.set_aside("invalid_grant", PEOPLE[0])
    here.delete(PEOPLE[1])
    here.store.storage.record([Event("revoked", PEOPLE[1])])
    if not line.startswith("doctor"):  # which has other things to say of this machine
        assert here.run(line).exit_code == Exit.OK
    assert "gone" not in here.says(line).lower()


def test_damage_that_was_set_aside_is_a_finding_until_somebody_has_looked(
    here: Installation,
) -> None:
    """Of `tokens verify`: the incident is not over because nothing damaged is in use any more."""
    here.set_aside("tampered", PEOPLE[0])
    assert here.run("tokens verify").exit_code == Exit.FINDINGS
    assert "Damaged or not believed: 1." in here.says("tokens verify")
    assert here.run("tokens list").exit_code == Exit.OK


def test_where_everything_is_in_quarantine_it_is_said_where_and_what_to_type(
    here: Installation,
) -> None:
    """By `tokens verify`, which used to say "0 credentials checked, 0 of them good"."""
    here.set_aside("invalid_grant", *PEOPLE)
    said = here.says("tokens verify")
    assert "No credential is stored" in said
    assert "In quarantine instead of in use: 4 owners." in said
    assert "`drivekeeper quarantine list`" in said
    assert here.told("tokens verify")["set_aside"] == {"invalid_grant": 4}


def test_who_is_gone_is_named_with_the_way_back(here: Installation) -> None:
    """By masks, which `drivekeeper whois` and the trail know."""
    here.delete(*PEOPLE[:2])
    said = here.says("tokens verify")
    assert "Gone: 2 owners." in said
    assert all(here.mask(owner) in said for owner in PEOPLE[:2])
    assert "`drivekeeper restore ARCHIVE`" in said
    assert here.told("tokens verify")["lost"] == sorted(map(here.mask, PEOPLE[:2]))
    assert here.run("restore {archive}").exit_code == Exit.OK
    assert here.told("tokens verify")["lost"] == []
    assert here.run("tokens verify").exit_code == Exit.OK


def test_whoever_connects_again_is_not_missing_any_more(here: Installation) -> None:
    """Nor whose copy was purged: somebody has looked at it."""
    here.set_aside("tampered", *PEOPLE[:2])
    here.connect(PEOPLE[0])
    assert here.run("tokens verify").exit_code == Exit.FINDINGS
    here.run(f"quarantine purge {here.mask(PEOPLE[1])} --yes")
    assert here.run("tokens verify").exit_code == Exit.OK


@pytest.mark.parametrize("line", ["restore {archive} --dry-run", "restore {archive}"])
def test_a_restore_after_which_nobody_is_connected_says_so(here: Installation, line: str) -> None:
    """All of the archive have ended since; "Nothing needed to be changed" was the answer once."""
    here.set_aside("invalid_grant", *PEOPLE)
    said = here.says(line)
    assert "Nothing needed" not in said
    assert "of the archive's 4 credentials none" in said.lower()
    assert "--rollback" in said
    assert here.run(line).exit_code == Exit.FINDINGS


@pytest.mark.parametrize("key", ["another", "none"])
def test_what_no_key_opens_is_not_said_to_be_missing(
    here: Installation, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    """They are stored, and it is the settings that want mending."""
    monkeypatch.setenv("TOKEN_ENCRYPTION_KEY", secret(new_key()) if key == "another" else "")
    for line in ("tokens verify", "backup {new}"):
        assert here.run(line).exit_code == Exit.FINDINGS
        assert "No credential is stored" not in here.says(line)
    assert "TOKEN_ENCRYPTION_KEY" in here.says("tokens verify")


def test_what_is_damaged_in_its_place_comes_with_what_happens_and_what_to_type(
    here: Installation,
) -> None:
    credential_at(here.folder, PEOPLE[0]).plant(b"rubbish")
    said = here.says("tokens verify")
    assert "the bot sets aside, and asks its owner to connect again" in said
    assert "`drivekeeper restore ARCHIVE`" in said


@pytest.mark.parametrize("line", ["restore {archive} --dry-run", "restore {archive}"])
def test_a_restore_that_the_settings_refuse_does_not_speak_of_a_rollback(
    here: Installation, line: str
) -> None:
    """Plaintext beside a key: what is here is stored, and stays."""
    here.run("tokens decrypt --yes")
    said = here.says(line)
    assert "refused: plaintext_refused │ 4" in said
    assert "No credential is stored" not in said
    assert "--rollback" not in said
    assert "docs/backup.md says what to do about each reason above" in said


def test_a_restore_that_helps_is_a_success(here: Installation) -> None:
    """And tells how many it leaves alone who are not in the archive."""
    here.connect(Owner.user(809))
    here.delete(*PEOPLE)
    dry, done = here.run("restore {archive} --dry-run"), here.run("restore {archive}")
    assert (dry.exit_code, done.exit_code) == (Exit.OK, Exit.OK)
    assert "In use here: 4 owners of the archive." in done.output
    assert here.told("restore {archive}")["not_in_archive"] == 1


def test_an_archive_of_nobody_is_no_success(here: Installation) -> None:
    """Neither written, where a wrong USER_DATA_DIR would rotate the good ones away, nor read."""
    here.delete(*PEOPLE)
    written = here.says("backup {new}")
    assert "It holds no credential. Keep earlier archives." in written
    here.archive.unlink()
    here.run("backup {archive}")
    assert here.run("restore {archive}").exit_code == Exit.FINDINGS
    assert "The archive holds no credential" in here.says("restore {archive}")


def test_a_backup_says_where_how_large_and_under_which_key(here: Installation) -> None:
    """And of whom it is."""
    said = "".join(here.run("backup {new}").output.split())  # broken where the path's length says
    key = here.told("backup {new}")["kid"]
    for part in (
        *(str(here.new), f"{here.new.stat().st_size:,} bytes", "of 4 owners"),
        f"Under key {key}, the first of TOKEN_BACKUP_KEY",
    ):
        assert part.replace(" ", "") in said


def test_a_backup_names_whom_it_could_not_read(here: Installation) -> None:
    """By mask and reason."""
    credential_at(here.folder, PEOPLE[0]).plant(b"rubbish")
    found = here.told("backup {new}")["findings"]
    assert found == [{"owner": here.mask(PEOPLE[0]), "reason": "unreadable"}]
    assert here.mask(PEOPLE[0]) in here.says("backup {new}")


def test_people_of_before_another_key_of_masks_are_not_taken_for_lost(here: Installation) -> None:
    """Their masks in the trail are nobody's any more: nothing says whether they are here."""
    here.lose_mask_key()
    here.connect(Owner.user(809))
    assert here.run("tokens verify").exit_code == Exit.OK


def test_credentials_that_count_as_none_are_not_good(here: Installation) -> None:
    """An old folder was copied over the tombstones: nobody of it is connected."""
    kept = {owner: credential_at(here.folder, owner).raw() for owner in PEOPLE}
    for owner in PEOPLE:
        here.run(f"tokens disconnect {here.mask(owner)} --yes")
    for owner, content in kept.items():
        credential_at(here.folder, owner).plant(content)
    assert "4 credentials checked, 0 of them good. 4 count as none" in here.says("tokens verify")
    assert here.run("tokens verify").exit_code == Exit.FINDINGS


def test_where_nobody_has_connected_yet_nothing_is_said_to_be_good(
    here: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is nothing to be lost; but a loss without a trace looks the same."""
    here.folder = here.folder.with_name("another")
    for name, value in {"USER_DATA_DIR": str(here.folder), **settings_of(here.folder)}.items():
        monkeypatch.setenv(name, value)
    _ = here.store
    result = here.run("tokens verify")
    assert result.exit_code == Exit.FINDINGS
    assert "No credential is stored" in result.output
    assert here.run("maintenance run").exit_code == Exit.OK
    assert "Is it the right place?" in result.output
