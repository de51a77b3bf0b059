"""SQLite's file is made by whoever asks for it, and not because DATABASE_URL was mistyped."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli import app
from config import load_settings
from processes.storage import mask_of
from sandbox.ports import free_port
from security.errors import OperatorFault
from tests.security.kit import new_key, secret

pytestmark = pytest.mark.one_way("on")


@pytest.fixture
def file(tmp_path: Path, restored_logging: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path in DATABASE_URL: there is nothing."""
    path = tmp_path / "not mounted" / "of.db"
    for name, value in {
        "USER_DATA_DIR": str(tmp_path / "user_data"),
        "DATABASE_URL": f"sqlite:///{str(path).replace(' ', '%20')}",
        "TOKEN_ENCRYPTION_KEY": secret(new_key()),
        "WEB_GOOGLE_CLIENT_ID": "client.apps.googleusercontent.com",
        "WEB_GOOGLE_CLIENT_SECRET": "GOCSPX-of-the-client",
        "TELEGRAM_BOT_TOKEN": "123456789:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "GOOGLE_CLIENT_ID": "client.apps.googleusercontent.com",
        "GOOGLE_CLIENT_SECRET": "GOCSPX-of-the-client",
        "PUBLIC_URL": "http://localhost:1",
        "WEB_PORT": str(free_port()),
    }.items():
        monkeypatch.setenv(name, value)
    return path


def command(line: str) -> Result:
    """By these settings."""
    arguments = [*line.split(), "--env-file", os.devnull]
    return CliRunner().invoke(app, arguments, catch_exceptions=False)


@pytest.mark.parametrize("process", ["bot", "web"])
def test_no_process_makes_it_by_itself(file: Path, process: str) -> None:
    """A path that was mistyped, or whose disk is not mounted, began a new installation."""
    refused = command(process)
    assert refused.exit_code == 3, refused.output
    assert f"here is no file {file} (DATABASE_URL)" in refused.stderr
    assert "`drivekeeper db upgrade` makes it" in refused.stderr
    assert not file.parent.exists()


def test_no_command_does_either_and_each_says_how(file: Path) -> None:
    for line in ("tokens list", "console-link", "clients list", "maintenance run", "keys rotate"):
        refused = command(line)
        assert refused.exit_code == 2, refused.output
        assert f"There is no file {file} (DATABASE_URL): correct its path" in refused.stderr
        assert "`drivekeeper db upgrade` makes it" in refused.stderr
    report = json.loads(command("doctor --offline --json").stdout)
    found = next(check for check in report["checks"] if check["check"] == "database")
    assert found["state"] == "failed"
    assert found["do"].startswith("Correct the path in DATABASE_URL")
    assert not file.parent.exists()


def test_an_upgrade_makes_it(file: Path) -> None:
    """From then on it is an installation, though nothing has run on it."""
    settings = load_settings(for_bot=False, env_file=None)
    with pytest.raises(OperatorFault) as caught:
        mask_of(settings)
    assert caught.value.code == "database_refused"
    assert command("db upgrade").exit_code == 0
    mask_of(settings)
    made = command("console-link --as Lin")
    assert (made.exit_code, "/console/enter/" in made.stdout) == (0, True)
