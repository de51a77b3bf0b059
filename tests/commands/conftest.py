"""What tests of commands share."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner, Result

from cli import app
from security.encryption import TokenEncryption
from security.storage.protocol import Storage
from tests.places import settings_of
from tests.stores import storage_in

Run = Callable[..., Result]
URL = "https://drive.example.org"
"""PUBLIC_URL, where commands about departments are run."""


@pytest.fixture
def folder(run_way: str, tmp_path: Path) -> Path:
    """The data folder, not made yet, or what a database stands for."""
    return tmp_path / "user_data"


@pytest.fixture
def storage(folder: Path, keyring: TokenEncryption) -> Storage:
    """The same that the commands open."""
    made = storage_in(folder, keyring)
    made.prepare()
    return made


@pytest.fixture
def run(
    folder: Path,
    encryption_keys: tuple[SecretStr, ...],
    restored_logging: None,
    monkeypatch: pytest.MonkeyPatch,
) -> Run:
    """`run("clients", "list", "--json")`, where departments are served."""
    settings = {
        "USER_DATA_DIR": str(folder),
        "LOG_MASK_KEY": "a mask key for tests",
        "TOKEN_ENCRYPTION_KEY": ",".join(key.get_secret_value() for key in encryption_keys),
        "PUBLIC_URL": URL,
        "WEB_GOOGLE_CLIENT_ID": "web.apps.googleusercontent.com",
        "WEB_GOOGLE_CLIENT_SECRET": "GOCSPX-x",
        **settings_of(folder),
    }

    def command(*line: str, answer: str | None = None, **variables: str) -> Result:
        with monkeypatch.context() as patched:
            for name, value in {**settings, **variables}.items():
                patched.setenv(name, value)
            arguments = [*line, "--env-file", os.devnull]
            return CliRunner().invoke(app, arguments, answer, catch_exceptions=False)

    return command


def in_json(result: Result) -> dict[str, Any]:
    """The one object on stdout."""
    document: dict[str, Any] = json.loads(result.stdout)
    return document
