"""`drivekeeper tokens move`, and what every command and the bot say of the emptied side."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from typer.testing import Result

from config import load_settings
from processes.storage import make_mask_key, mask_of, place_of, storage_of
from security.errors import OperatorFault
from security.logging_utils import OwnerMask
from security.storage.each import only
from security.storage.leases import BOT_LEASE
from tests.database.conftest import Place, Run
from tests.database.stores import seed
from tests.security.kit import ANN
from tests.waiting import run_until_heard

pytestmark = pytest.mark.one_way("on")


@pytest.fixture
def place(ready_place: Place) -> Place:
    """The test's database."""
    return ready_place


@pytest.fixture
def run(run_over: Run) -> Run:
    """`run("tokens list")` over files that hold everything; `database=True`: with DATABASE_URL."""
    settings = load_settings(for_bot=False, env_file=None)
    storage = storage_of(settings, OwnerMask(make_mask_key(settings)), tells=False)
    seed(storage)
    storage.close()
    return run_over


def owners(result: Result) -> list[str]:
    """Whose credentials are listed."""
    assert result.exit_code in (0, 1), result.output
    return sorted(re.findall(r"[ud]_[a-z2-7]{16}", result.stdout))


def test_there_and_back_by_the_settings(run: Run, place: Place) -> None:
    """Owners have the same masks on either side: the key of the masks went along."""
    before = owners(run("tokens list"))
    assert len(before) == 3
    moved = run("tokens move --to sql", database=True)
    assert moved.exit_code == 0, moved.output
    assert "Keep DATABASE_URL set" in moved.stdout
    assert owners(run("tokens list", database=True)) == before
    back = json.loads(run("tokens move --to files --json", database=True).stdout)
    assert back["complete"] is True
    names = "DATABASE_URL and DATABASE_CA" if "DATABASE_CA" in place.variables else "DATABASE_URL"
    assert f"Take {names} out of the settings" in back["advice"][0]
    assert owners(run("tokens list")) == before


@pytest.mark.parametrize("moved_to", ["sql", "files"])
def test_the_emptied_side_is_refused_by_everything(run: Run, moved_to: str) -> None:
    """By commands that look and that change, by the bot's start, and named by the doctor."""
    run("tokens move --to sql", database=True)
    if moved_to == "files":
        run("tokens move --to files", database=True)
    database = moved_to == "files"
    for line in ("tokens list", "keys check", "keys rotate", "maintenance run", "audit"):
        refused = run(line, database=database)
        assert refused.exit_code == 3, line
        assert "tokens move --to" in refused.output, line
    with pytest.raises(OperatorFault) as caught:
        mask_of(load_settings(for_bot=False, env_file=None))  # what the bot does first of all
    assert caught.value.code == "moved_away"
    report = json.loads(run("doctor --offline --json", database=database).stdout)
    name = "database" if database else "data folder"
    [found] = [check for check in report["checks"] if check["check"] == name]
    assert (found["state"], found["do"]) == ("failed", "As it says.")
    assert not [check for check in report["checks"] if "itself failed" in check["says"]]


def test_the_bot_does_not_begin_anew_beside_files_that_were_not_moved(
    run: Run, tmp_path: Path
) -> None:
    """DATABASE_URL was set too early: nobody is asked to connect again for that."""
    run("keys check", database=True)
    settings = load_settings(for_bot=False, env_file=None)
    for _ in ("without its tables", "with them, and nothing in them"):
        with pytest.raises(OperatorFault, match="tokens move --to sql"):
            mask_of(settings)
        report = json.loads(run("doctor --offline --json", database=True).stdout)
        [found] = [check for check in report["checks"] if check["check"] == "database"]
        assert (found["state"], "tokens move --to sql" in found["do"]) == ("failed", True)
        run("db upgrade", database=True)
    assert run("tokens move --to sql", database=True).exit_code == 0
    mask_of(settings)


def test_every_command_says_of_an_empty_database_beside_full_files_what_the_bot_says(
    run: Run,
) -> None:
    """A restore there would leave two installations, and is not what to do."""
    for _ in ("without its tables", "with them, and nothing in them"):
        for line in ("tokens list", "tokens encrypt --yes", "audit", "keys check"):
            told = run(line, database=True)
            assert told.exit_code == 3, line
            assert "`drivekeeper tokens move --to sql`" in told.stderr, line
            assert "restore" not in told.stderr, line
        run("db upgrade", database=True)


def test_where_both_sides_have_credentials_it_is_said_how_to_get_out(run: Run) -> None:
    """By the doctor, and by the move, either way."""
    settings = load_settings(for_bot=False, env_file=None)
    key = make_mask_key(settings)
    run("db upgrade", database=True)
    storage = storage_of(load_settings(for_bot=False, env_file=None), OwnerMask(key), tells=False)
    seed(storage)
    storage.close()
    report = json.loads(run("doctor --offline --json", database=True).stdout)
    [beside] = [found for found in report["checks"] if found["check"] == "data folder"]
    assert (beside["state"], "as well" in beside["says"]) == ("warning", True)
    for to, empty in (("sql", "an empty database"), ("files", "an empty folder")):
        refused = run(f"tokens move --to {to}", database=True)
        assert refused.exit_code == 3
        assert f"installation of its own, and nothing is moved into it: name {empty}" in (
            refused.stderr
        )


def test_plaintext_is_encrypted_before_it_is_moved(
    run_over: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the refusal says: the database's address has to go meanwhile."""
    key = os.environ["TOKEN_ENCRYPTION_KEY"]
    monkeypatch.delenv("TOKEN_ENCRYPTION_KEY")
    settings = load_settings(for_bot=False, env_file=None)
    storage = storage_of(settings, OwnerMask(make_mask_key(settings)), tells=False)
    seed(storage)
    storage.close()
    monkeypatch.setenv("TOKEN_ENCRYPTION_KEY", key)
    for option in ("", "--dry-run"):
        refused = run_over(f"tokens move --to sql {option}", database=True)
        assert refused.exit_code == 3
        assert "take DATABASE_URL out of the settings" in refused.stderr
        assert "TOKEN_REQUIRE_ENCRYPTION" not in refused.stderr
    assert run_over("tokens encrypt --yes").exit_code == 0
    assert run_over("tokens move --to sql", database=True).exit_code == 0


def test_it_says_at_once_that_it_waits_for_a_bot_and_for_how_long(run: Run) -> None:
    """One that has died holds its lease for a while; a running one may be stopped meanwhile."""
    run("db upgrade", database=True)
    storage = storage_of(
        load_settings(for_bot=False, env_file=None), OwnerMask(b"of this test"), tells=False
    )
    lease = only(storage.lease([BOT_LEASE]))
    assert lease is not None
    says = "Waiting for the bot to be gone, 36 seconds at most"
    moved = run_until_heard("tokens move --to sql", says, lease.release)
    storage.close()
    assert moved.returncode == 0, moved.stderr
    assert moved.stderr.count(says) == 1


def test_without_a_database_there_is_nowhere_to_move_to(run: Run) -> None:
    refused = run("tokens move --to sql")
    assert refused.exit_code == 2
    assert "DATABASE_URL is not set" in refused.output


def test_where_there_is_nothing_to_move_it_says_what_that_may_mean(run_over: Run) -> None:
    """Of a new installation nothing has to be moved."""
    refused = run_over("tokens move --to sql", database=True)
    assert refused.exit_code == 3
    assert "nothing has to be moved, or it is not the right one" in refused.stderr


def test_it_does_nothing_beside_a_bot(run: Run) -> None:
    """That works on the files."""
    settings = load_settings(for_bot=False, env_file=None)
    storage = storage_of(settings, OwnerMask(b"of this test"), tells=False)
    assert isinstance(place_of(settings), Path)
    [lease] = storage.lease([BOT_LEASE])
    assert lease is not None
    assert not isinstance(lease, Exception)
    refused = run("tokens move --to sql", database=True)
    lease.release()
    assert refused.exit_code == 3
    assert "the bot is running" in refused.output


def test_a_dry_run_says_what_there_is(run: Run) -> None:
    told = run("tokens move --to sql --dry-run", database=True)
    assert told.exit_code == 0, told.output
    assert "would move" in told.stdout
    assert "Nothing was changed" in told.stdout
    assert len(owners(run("tokens list"))) == 3
    assert ANN.key not in re.findall(r"\d+", told.output)
