"""`drivekeeper tokens move`, and what every command and the bot say of the emptied side."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import Result

from config import load_settings
from processes.storage import make_mask_key, mask_of, place_of, storage_of
from security.errors import OperatorFault
from security.logging_utils import OwnerMask
from security.storage.leases import BOT_LEASE
from tests.database.conftest import Place, Run
from tests.database.stores import seed
from tests.security.kit import ANN

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


def test_there_and_back_by_the_settings(run: Run) -> None:
    """Owners have the same masks on either side: the key of the masks went along."""
    before = owners(run("tokens list"))
    assert len(before) == 3
    moved = run("tokens move --to sql", database=True)
    assert moved.exit_code == 0, moved.output
    assert "Keep DATABASE_URL set" in moved.stdout
    assert owners(run("tokens list", database=True)) == before
    back = run("tokens move --to files --json", database=True)
    assert json.loads(back.stdout)["complete"] is True
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


def test_without_a_database_there_is_nowhere_to_move_to(run: Run) -> None:
    refused = run("tokens move --to sql")
    assert refused.exit_code == 2
    assert "DATABASE_URL is not set" in refused.output


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
    assert ANN.key not in told.output
