"""After a move an empty database is not taken for the one that all was moved to."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli import app
from config import DatabaseAddress, Settings, load_settings
from processes.storage import make_mask_key, mask_of, storage_of
from security.errors import OperatorFault
from security.logging_utils import OwnerMask
from tests.database.conftest import Place, Run
from tests.database.stores import seed

pytestmark = pytest.mark.one_way("on")


@pytest.fixture
def place(ready_place: Place) -> Place:
    """The test's database."""
    return ready_place


def read_settings() -> Settings:
    """As the environment says by now."""
    return load_settings(for_bot=False, env_file=None)


def command(line: str) -> Result:
    """By the settings of now."""
    arguments = [*line.split(), "--env-file", os.devnull]
    return CliRunner().invoke(app, arguments, catch_exceptions=False)


@pytest.mark.parametrize("has_tables", [False, True])
@pytest.mark.one_way
def test_an_empty_database_begins_no_new_installation(
    run_over: Run, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_tables: bool
) -> None:
    """Neither by a mistyped address, nor where it was lost: the right one is named, and a backup
    may be brought back."""
    settings = read_settings()
    storage = storage_of(settings, OwnerMask(make_mask_key(settings)), tells=False)
    seed(storage)
    storage.close()
    archive, typo = tmp_path / "archive", tmp_path / "typo" / "of.db"
    assert run_over(f"backup {archive}").exit_code == 0
    assert run_over("tokens move --to sql", database=True).exit_code == 0
    mask_of(read_settings())
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{typo}")
    monkeypatch.delenv("DATABASE_CA", raising=False)
    if has_tables:
        assert command("db upgrade").exit_code == 0
    with pytest.raises(OperatorFault) as caught:
        mask_of(read_settings())  # what the bot does first of all
    assert caught.value.code == "moved_away"
    for named in (str(typo), DatabaseAddress.parse(place.url, place.ca).place):
        assert named in str(caught.value)
    assert typo.parent.exists() == has_tables
    for line in ("tokens list", "maintenance run", "keys rotate"):
        refused = command(line)
        assert (refused.exit_code, "was moved to the database" in refused.output) == (3, True)
    report = json.loads(command("doctor --offline --json").stdout)
    found = next(check for check in report["checks"] if check["check"] == "database")
    assert (found["state"], found["do"]) == ("failed", "As it says.")
    assert command(f"restore {archive}").exit_code == 0
    mask_of(read_settings())
    assert len(re.findall(r"[ud]_[a-z2-7]{16}", command("tokens list").stdout)) == 3


def test_what_was_moved_is_an_installation_however_little_it_is(
    run_over: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tried with nobody connected yet, and with a key of masks in the settings."""
    monkeypatch.setenv("LOG_MASK_KEY", "a mask key for tests, of the settings")
    settings = read_settings()
    storage = storage_of(settings, OwnerMask(b"of this test"), tells=False)
    storage.open()
    storage.close()
    moved = run_over("tokens move --to sql", database=True)
    assert moved.exit_code == 0, moved.output
    mask_of(read_settings())
