"""The MariaDB of compose.yaml, as far as it can be checked without a container engine."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.fernet import Fernet
from pydantic import SecretStr

from config import load_settings
from config.database import DatabaseAddress
from tests.database.kit import ask, engine_of
from tests.installed import needs, path_of
from tests.mariadb import PRIVILEGES, MariaDB
from tests.test_packaging import ROOT

SOCKET = "/run/mysqld"
SCALING = ROOT / "docs/scaling.md"
SCRIPT = ROOT / "compose.database.sh"


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """compose.yaml."""
    found: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
    return found


def test_a_database_runs_only_if_it_is_asked_for(compose: dict[str, Any]) -> None:
    bot, database = compose["services"]["bot"], compose["services"]["database"]
    assert database["profiles"] == ["database"]
    assert "profiles" not in bot
    assert "depends_on" not in bot  # else it would be started with the bot
    assert "DATABASE_URL" not in bot["environment"]


def test_it_is_reached_by_its_socket_alone(compose: dict[str, Any]) -> None:
    """One volume at one path in both containers; the bot cannot put another socket there."""
    bot, database = compose["services"]["bot"], compose["services"]["database"]
    assert database["network_mode"] == "none"
    assert "ports" not in database
    assert f"database_socket:{SOCKET}" in database["volumes"]
    assert f"database_socket:{SOCKET}:ro" in bot["volumes"]
    assert not any(str(mount).startswith("database:") for mount in bot["volumes"])
    assert {"database", "database_socket"} <= compose["volumes"].keys()


def test_its_secrets_come_as_files_that_are_in_no_commit(compose: dict[str, Any]) -> None:
    database = compose["services"]["database"]
    assert set(database["secrets"]) == set(compose["secrets"])
    for name, secret in compose["secrets"].items():
        assert secret == {"file": f"./secrets/{name}"}
    shown = {key: value for key, value in database["environment"].items() if "PASSWORD" in key}
    assert shown == {"MARIADB_ROOT_PASSWORD_FILE": "/run/secrets/database_root_password"}
    assert "MARIADB_RANDOM_ROOT_PASSWORD" not in database["environment"]  # its log would have it


def test_it_is_hardened_and_looked_after(compose: dict[str, Any]) -> None:
    database = compose["services"]["database"]
    assert database["cap_drop"] == ["ALL"]
    assert database["security_opt"] == ["no-new-privileges:true"]
    assert database["restart"] == "unless-stopped"
    assert database["healthcheck"]["test"][:2] == ["CMD", "healthcheck.sh"]
    assert not database.get("privileged")


def test_its_account_may_what_is_needed_and_no_more(mariadb: MariaDB, tmp_path: Path) -> None:
    """By the very script that the image runs."""
    name = mariadb.make_database()
    (tmp_path / "database_password").write_text("made-up-password", "utf-8")
    script = SCRIPT.read_text("utf-8").replace("/run/secrets", str(tmp_path))
    assert script.count(str(tmp_path)) == 1
    account = f"u{name}"
    script = script.replace("drivekeeper@", f"{account}@").replace("drivekeeper.*", f"{name}.*")
    client = f"mariadb --no-defaults --socket={mariadb.socket} --user=root"
    subprocess.run(
        ["/bin/bash", "-euc", f"docker_process_sql() {{ {client}; }}\n{script}"],
        check=True,
        timeout=60,
    )
    shown = [row[0] for row in mariadb.sql(f"SHOW GRANTS FOR {account}@localhost")]
    assert shown[0].startswith("GRANT USAGE ON *.*")
    (granted,) = shown[1:]
    privileges = granted.partition(" ON ")[0].removeprefix("GRANT ").split(", ")
    assert sorted(privileges) == sorted(PRIVILEGES.split(", "))
    url = f"mariadb://{account}:made-up-password@/{name}?unix_socket={mariadb.socket}"
    with engine_of(url) as engine:
        assert ask(engine, "SELECT 1") == 1


def test_the_address_that_is_told_leads_to_it() -> None:
    """That of docs/scaling.md."""
    told = re.search(r'DATABASE_URL=(mariadb:[^\s"]+)', SCALING.read_text("utf-8"))
    assert told
    address = DatabaseAddress.parse(SecretStr(told[1].replace("$password", "made-up")))
    assert (str(address.socket), address.user, address.name) == (
        *(f"{SOCKET}/mysqld.sock", "drivekeeper", "drivekeeper"),
    )


def test_the_steps_that_are_told_leave_one_address_in_the_settings(tmp_path: Path) -> None:
    (steps,) = re.findall(
        r"(?ms)^```sh\n(install -d -m 0700 secrets.*?)^```", SCALING.read_text("utf-8")
    )
    settings = tmp_path / ".env"
    settings.write_text((ROOT / ".env.example").read_text("utf-8") + "LOG_LEVEL=INFO", "utf-8")
    steps = steps.replace("openssl rand -hex 24", "echo made-up")
    subprocess.run(["/bin/sh", "-ec", steps], cwd=tmp_path, check=True, timeout=30)
    key = f"\nTOKEN_ENCRYPTION_KEY={Fernet.generate_key().decode()}\n"
    text = settings.read_text("utf-8").replace("\nTOKEN_ENCRYPTION_KEY=\n", key)
    settings.write_text(text, "utf-8")
    read = load_settings(for_bot=False, env_file=settings)
    assert read.database is not None
    assert str(read.database.socket) == f"{SOCKET}/mysqld.sock"
    assert read.log_level == "INFO"


@needs("git")
@pytest.mark.parametrize(
    "name",
    [
        *("drivekeeper.db", "drivekeeper.db-wal", "drivekeeper.db-shm", "drivekeeper.db-journal"),
        *("d.sqlite3-wal", "dump.sql", "dump.sql.gz", "dump.sql.age", "d.dump", "d.dump.zst"),
        "secrets/database_password",
    ],
)
def test_neither_a_database_nor_a_dump_gets_into_a_commit(name: str) -> None:
    done = subprocess.run(
        [str(path_of("git")), "check-ignore", "--no-index", name],
        cwd=ROOT,
        check=False,
        capture_output=True,
    )
    assert done.returncode == 0
