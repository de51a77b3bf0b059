"""`drivekeeper db` and the doctor, and what every command shares, over a database."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, inspect, select, text, update
from typer.testing import CliRunner, Result

from cli import app
from config import load_settings
from processes.storage import make_mask_key, masks_since, storage_of
from security.logging_utils import OwnerMask
from security.storage.sql import schema
from security.storage.sql.tables import DOCUMENTS, LEASES, GoogleOAuthToken
from security.token_store import TokenStore
from tests.database.conftest import NewPlace, Place
from tests.mariadb import MariaDB
from tests.security.kit import ANN, a_credential, new_key, secret

pytestmark = pytest.mark.one_way("off")

KEY: Final = new_key()
OF_THE_DISK: Final = frozenset({"file system", "disk space"})
"""Checks of SQLite's file that depend on where the tests are run."""
Run = Callable[..., Result]


@pytest.fixture
def run(
    place: Place, tmp_path: Path, restored_logging: None, monkeypatch: pytest.MonkeyPatch
) -> Run:
    """`run("db check", TOKEN_ENCRYPTION_KEY="another")`."""
    data = tmp_path / "user_data"
    for name, value in {
        **place.variables,
        "USER_DATA_DIR": str(data),
        "TOKEN_ENCRYPTION_KEY": secret(KEY),
        "GOOGLE_CLIENT_ID": "client.apps.googleusercontent.com",
        "GOOGLE_CLIENT_SECRET": "GOCSPX-of-the-client",
        "WEB_PORT": "0",
    }.items():
        monkeypatch.setenv(name, value)

    def command(line: str, **variables: str) -> Result:
        with monkeypatch.context() as patched:
            for name, value in variables.items():
                patched.setenv(name, value)
            arguments = [*line.split(), "--env-file", os.devnull]
            result = CliRunner().invoke(app, arguments, catch_exceptions=False)
        assert place.url.get_secret_value() not in result.output
        assert "made-up" not in result.output  # passwords of the tests' server
        assert not data.exists()  # whatever is done, it is done to the database
        return result

    return command


def checks(result: Result) -> dict[str, dict[str, Any]]:
    """What a report says, by the check's name; the last one of several."""
    return {check["check"]: check for check in json.loads(result.stdout)["checks"]}


def keep_somebody() -> str:
    """Somebody connects, as the bot would have them; their mask."""
    settings = load_settings(for_bot=False, env_file=None)
    mask = OwnerMask(make_mask_key(settings))
    storage = storage_of(settings, mask)
    store = TokenStore(storage, mask)
    store.prepare()
    store.save_consent(a_credential(ANN))
    storage.close()
    return mask(ANN.name)


# db upgrade


def test_an_upgrade_says_what_it_did(run: Run, engine: Engine) -> None:
    """For people, and for programs."""
    first, second = run("db upgrade"), run("db upgrade")
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert first.stdout == "The database is up to date: 1 change made.\n"
    assert second.stdout == "The database was up to date: nothing was changed.\n"
    assert json.loads(run("db upgrade --json").stdout) == {"changes": []}
    schema.check(engine)


def test_another_programs_database_is_not_upgraded(run: Run, engine: Engine) -> None:
    """In one sentence, with what to do."""
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE wp_posts (id INTEGER PRIMARY KEY)"))
    result = run("db upgrade")
    assert result.exit_code == 3
    assert "another program's tables" in result.stderr
    assert inspect(engine).get_table_names() == ["wp_posts"]


def test_without_a_database_there_is_nothing_to_upgrade(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Usage, not a fault."""
    monkeypatch.delenv("DATABASE_URL")
    monkeypatch.delenv("DATABASE_CA", raising=False)
    for line in ("db upgrade", "db check"):
        result = run(line)
        assert result.exit_code == 2
        assert "DATABASE_URL is not set" in result.stderr


# db check


def test_a_good_database_passes_every_check_and_keeps_nothing_of_it(
    run: Run, engine: Engine
) -> None:
    """Twice: what the first one has left would trouble the second one."""
    run("db upgrade")
    for _ in range(2):
        result = run("db check --json")
        assert result.exit_code == 0, result.stdout
        found = checks(result)
        # The tests' server writes to memory, where a flush costs nothing: both may be said.
        states = {name: check["state"] for name, check in found.items() if name not in OF_THE_DISK}
        assert {*states.values()} <= {"ok"}, states
        assert len([name for name in states if name.startswith("tried: ")]) == 7
    with engine.connect() as connection:
        assert connection.execute(select(DOCUMENTS.c.name)).all() == []
        assert connection.execute(select(LEASES.c.name)).all() == []


def test_a_report_for_people_has_a_line_for_each(run: Run) -> None:
    """And says at the end how many there are."""
    run("db upgrade")
    result = run("db check")
    assert re.search(r"✓ .*tried: locks", result.stdout)
    assert "0 failed" in result.stdout


def test_a_database_without_tables_is_looked_at_and_said_how_to_try(
    run: Run, engine: Engine
) -> None:
    """All that can be seen without them; a file of SQLite's is not even made."""
    result = run("db check --json")
    found = checks(result)
    if engine.dialect.name == "sqlite":
        assert result.exit_code == 1  # no process starts
        assert found["database"]["says"] == "There is no such file, nor its folder."
        assert {*found} == {"database", "tried", *OF_THE_DISK}
        assert not Path(str(engine.url.database)).parent.exists()
        engine.connect().close()  # which makes it
        result = run("db check --json")
        found = checks(result)
    assert result.exit_code == 0
    assert found["database"]["state"] == found["database clock"]["state"] == "ok"
    assert found["database tables"]["state"] == "warning"
    assert "`drivekeeper db upgrade`" in found["database tables"]["do"]
    assert found["tried"]["state"] == "skipped"
    assert "`drivekeeper db upgrade` first" in found["tried"]["says"]


def test_sqlites_file_is_this_users_alone(tmp_path: Path, run: Run) -> None:
    """Whoever may write into its folder puts another one in its place."""
    (tmp_path / "file").touch()
    barred = run("db check --json", DATABASE_URL=f"sqlite:///{tmp_path}/file/of.db", DATABASE_CA="")
    assert "a file stands where its folder would" in checks(barred)["database"]["says"]
    folder = tmp_path / "shared"
    folder.mkdir(mode=0o700)
    url = f"sqlite:///{folder}/of.db"
    run("db upgrade", DATABASE_URL=url, DATABASE_CA="")
    assert checks(run("db check --json", DATABASE_URL=url, DATABASE_CA=""))["database file"] == {
        "check": "database file",
        "state": "ok",
        "says": "Nobody else may write into its folder.",
        "do": "",
    }
    folder.chmod(0o777)
    for line in ("db check --json", "doctor --json --offline"):
        found = checks(run(line, DATABASE_URL=url, DATABASE_CA=""))
        assert (found["database file"]["state"], {*found} >= OF_THE_DISK) == ("failed", True)
        assert "chmod go-w" in found["database file"]["do"]


def test_what_keeps_it_from_being_tried_is_no_fault_of_the_database(
    own_mariadb: MariaDB, monkeypatch: pytest.MonkeyPatch, restored_logging: None
) -> None:
    """A server that is read-only, and an account that may too little: nobody is to report it."""
    name = own_mariadb.make_database()
    place = Place(own_mariadb.url(name), own_mariadb.ca)
    for variable, value in {**place.variables, "TOKEN_ENCRYPTION_KEY": secret(KEY)}.items():
        monkeypatch.setenv(variable, value)

    def outcome(line: str) -> dict[str, dict[str, Any]]:
        words = [*line.split(), "--json", "--env-file", os.devnull]
        return checks(CliRunner().invoke(app, words, catch_exceptions=False))

    CliRunner().invoke(app, ["db", "upgrade", "--env-file", os.devnull])
    own_mariadb.sql("SET GLOBAL read_only = ON")
    tried, told = outcome("db check"), outcome("doctor --offline")["database writable"]
    assert (told["state"], "it is read-only" in told["says"]) == ("failed", True)
    assert "read-only" in tried["tried: a document"]["says"]
    own_mariadb.sql("SET GLOBAL read_only = OFF", f"REVOKE INSERT ON {name}.* FROM '{name}'@'%'")
    lacking = outcome("db check")
    assert lacking["database account"]["says"] == "It may not INSERT."
    for found in (tried, lacking):
        assert "mend it, and run this again" in found["tried: a document"]["do"]


# The doctor


def test_the_doctor_looks_at_the_database_in_the_place_of_the_folder(
    run: Run, engine: Engine
) -> None:
    """Before the first start and after it."""
    before = checks(run("doctor --json --offline"))
    if engine.dialect.name == "sqlite":
        assert before["database"]["state"] == "failed"  # nobody has made its file
    else:
        assert before["database tables"]["state"] == "warning"
    assert before["keys"]["state"] == before["credentials"]["state"] == "skipped"
    keep_somebody()
    after = checks(run("doctor --json --offline"))
    of_a_folder = {"data folder", "permissions", *OF_THE_DISK}
    of_a_file = OF_THE_DISK if engine.dialect.name == "sqlite" else frozenset()
    assert of_a_folder & {*after} == of_a_file
    for name in ("database", "database tls", "database tables", "database clock"):
        assert after[name]["state"] == "ok", after[name]
    assert after["credentials"]["says"] == "1 credential stored."
    assert after["bot"]["says"] == "No bot runs just now."


def test_the_doctor_says_that_a_database_is_of_a_newer_version(run: Run, engine: Engine) -> None:
    """And goes on with what else there is."""
    run("db upgrade")
    with engine.begin() as connection:
        connection.execute(update(schema.HISTORY).values(version_num="9999"))
    found = checks(run("doctor --json --offline"))
    assert found["database tables"]["state"] == "failed"
    assert "newer" in found["database tables"]["says"]
    assert found["credentials"]["state"] == "skipped"  # said once is enough


@pytest.mark.parametrize(
    ("statement", "state", "says"),
    [
        (
            "GRANT FILE ON *.* TO {account}",
            "warning",
            "It may do more than it needs, on every database (*.*): FILE.",
        ),
        ("REVOKE DELETE ON {name}.* FROM {account}", "failed", "It may not DELETE."),
        ("REVOKE SELECT ON {name}.* FROM {account}", "failed", "It may not SELECT."),
        (
            "REVOKE CREATE, ALTER, INDEX, DROP ON {name}.* FROM {account}",
            "ok",
            "It may do what processes need, and no upgrade (ALTER, CREATE, DROP, INDEX).",
        ),
    ],
)
def test_an_account_may_neither_more_nor_less_than_it_needs(
    mariadb: MariaDB,
    monkeypatch: pytest.MonkeyPatch,
    restored_logging: None,
    statement: str,
    state: str,
    says: str,
) -> None:
    """By what the server says of it."""
    name = mariadb.make_database()
    place = Place(mariadb.url(name), mariadb.ca)
    for variable, value in {**place.variables, "TOKEN_ENCRYPTION_KEY": secret(KEY)}.items():
        monkeypatch.setenv(variable, value)
    CliRunner().invoke(app, ["db", "upgrade", "--env-file", os.devnull])
    mariadb.sql(statement.format(name=name, account=f"'{name}'@'%'"))
    result = CliRunner().invoke(app, ["doctor", "--json", "--offline", "--env-file", os.devnull])
    found = checks(result)["database account"]
    assert (found["state"], found["says"]) == (state, says)


# What every command shares


def test_a_command_that_looks_makes_nothing(run: Run, place: Place, engine: Engine) -> None:
    """Neither tables nor a file."""
    for line in ("tokens list", "keys check", "audit"):
        result = run(line)
        assert result.exit_code == 2
        of_a_file = engine.dialect.name == "sqlite"
        says = "There is no file" if of_a_file else "The database (DATABASE_URL) is empty"
        assert says in result.stderr
    if engine.dialect.name == "sqlite":
        assert engine.url.database is not None
        assert not Path(engine.url.database).exists()
    else:
        assert inspect(engine).get_table_names() == []


def test_commands_see_what_the_bot_has_kept(run: Run) -> None:
    """Under the masks that it logs, whose key is made once and kept there."""
    mask = keep_somebody()
    for line in ("tokens list --json", "tokens verify --json", f"tokens show {mask} --json"):
        result = run(line)
        assert result.exit_code == 0
        assert mask in result.stdout or "verify" in line
    settings = load_settings(for_bot=False, env_file=None)
    assert OwnerMask(make_mask_key(settings))(ANN.name) == mask
    assert masks_since(settings) is not None


@pytest.mark.parametrize(
    ("mask_key", "option"), [("", ""), ("a configured key of the masks", "--rollback")]
)
def test_an_archive_is_restored_into_a_database_that_is_empty(
    run: Run,
    new_place: NewPlace,
    tmp_path: Path,
    mask_key: str,
    option: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Tables and all, with the masks of the logs from before."""
    monkeypatch.setenv("LOG_MASK_KEY", mask_key)
    monkeypatch.setenv("TOKEN_BACKUP_KEY", secret(new_key()))
    archive, another = tmp_path / "archive.dkb", new_place().variables
    mask = keep_somebody()
    assert run(f"backup {archive}").exit_code == 0
    looked = run(f"restore {archive} --dry-run", **another)
    assert (looked.exit_code, "drivekeeper db upgrade" in looked.stderr) == (3, True)
    assert run("tokens list", **another).exit_code == 2
    assert run(f"restore {archive} {option}", **another).exit_code == 0
    assert mask in run("tokens list --json", **another).stdout


def test_a_data_folder_that_cannot_be_looked_at_is_nothing_to_a_database_in_use(
    run: Run, tmp_path: Path
) -> None:
    """It may be another user's, in whose folder a command is typed."""
    mask = keep_somebody()
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    assert mask in run("tokens list", USER_DATA_DIR=str(loop)).stdout
    found = checks(run("doctor --json --offline", USER_DATA_DIR=str(loop)))
    assert found["database"]["state"] == found["credentials"]["state"] == "ok"


def test_a_key_that_opens_nothing_is_told_at_once_and_changes_nothing(
    run: Run, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another installation's keys: what is refused has written nothing under them."""
    keep_somebody()
    with engine.connect() as connection:
        before = (
            connection.execute(select(DOCUMENTS)).all(),
            connection.execute(select(GoogleOAuthToken)).all(),
        )
    another = secret(new_key())
    result = run("keys rotate", TOKEN_ENCRYPTION_KEY=another)
    assert result.exit_code == 3
    assert "another installation's, or TOKEN_ENCRYPTION_KEY lacks key" in result.stderr
    assert run("keys check", TOKEN_ENCRYPTION_KEY=another).exit_code == 1
    with engine.connect() as connection:
        after = (
            connection.execute(select(DOCUMENTS)).all(),
            connection.execute(select(GoogleOAuthToken)).all(),
        )
    assert after == before


def test_an_older_schema_is_refused_by_every_command(run: Run, engine: Engine) -> None:
    """Here a newer one: what is neither is not at hand before the next change."""
    keep_somebody()
    with engine.begin() as connection:
        connection.execute(update(schema.HISTORY).values(version_num="9999"))
    for line in ("tokens list", "keys rotate", "audit"):
        result = run(line)
        assert result.exit_code == 3
        assert "newer Drivekeeper" in result.stderr


def test_a_password_of_the_database_is_in_no_message(run: Run, place: Place) -> None:
    """Also where the account is refused."""
    if place.ca is None:
        pytest.skip("SQLite has no accounts")
    wrong = place.url.get_secret_value().replace("made-up", "canary")
    result = run("db check --json", DATABASE_URL=SecretStr(wrong).get_secret_value())
    assert result.exit_code == 1
    assert "canary" not in result.output
    assert checks(result)["database"]["says"].startswith("The database of DATABASE_URL: ")
