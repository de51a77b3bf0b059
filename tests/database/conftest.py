"""Databases for each test: SQLite's and a MariaDB's, empty."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine
from typer.testing import CliRunner, Result

from cli import app
from config.database import DatabaseAddress
from security.storage.sql.engine import make_engine
from tests.databases import Borrowed
from tests.security.kit import new_key, secret

if TYPE_CHECKING:  # a plugin, which pytest wants to import itself
    from tests.mariadb import MariaDB


@dataclass(frozen=True)
class Place:
    """A database, as settings name it."""

    url: SecretStr
    ca: Path | None = None

    @property
    def variables(self) -> dict[str, str]:
        """The settings."""
        ca = {} if self.ca is None else {"DATABASE_CA": str(self.ca)}
        return {"DATABASE_URL": self.url.get_secret_value(), **ca}

    def made(self) -> Place:
        """It, with SQLite's file made as somebody has made a server's database: no process does."""
        file = DatabaseAddress.parse(self.url, self.ca).file
        if file is not None:
            file.parent.mkdir(mode=0o700, exist_ok=True)
            file.touch()
        return self

    def engine(self) -> Engine:
        """An engine as the storage has it."""
        return make_engine(DatabaseAddress.parse(self.url, self.ca))


NewPlace = Callable[[], Place]


@pytest.fixture(params=["sqlite", pytest.param("mariadb", marks=pytest.mark.one_way)])
def new_place(request: pytest.FixtureRequest, tmp_path: Path) -> NewPlace:
    """`new_place()`: an empty database."""
    return empty_places(request, tmp_path)


def empty_places(request: pytest.FixtureRequest, tmp_path: Path) -> NewPlace:
    """For a fixture whose parameter says of which kind."""
    if request.param == "mariadb":
        server: MariaDB = request.getfixturevalue("mariadb")
        return lambda: Place(server.new_database(), server.ca)
    number = count()
    return lambda: Place(SecretStr(f"sqlite:///{tmp_path}/database_{next(number)}/of.db"))


@pytest.fixture
def place(new_place: NewPlace) -> Place:
    """The test's database."""
    return new_place()


@pytest.fixture(params=["sqlite", pytest.param("mariadb", marks=pytest.mark.one_way)])
def ready_place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A database whose tables may be there, and are empty; MariaDB's is left to `test-rest`."""
    with _ready(request, tmp_path) as place:
        yield place


@pytest.fixture(params=["sqlite", "mariadb"])
def either_place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """The same, of both in every run."""
    with _ready(request, tmp_path) as place:
        yield place


@contextmanager
def _ready(request: pytest.FixtureRequest, folder: Path) -> Iterator[Place]:
    if request.param == "sqlite":
        yield Place(SecretStr(f"sqlite:///{folder}/database/of.db")).made()
        return
    borrowed = Borrowed(request.getfixturevalue("mariadb"))
    try:
        yield Place(borrowed.borrow(), borrowed.ca)
    finally:
        borrowed.give_back()


Run = Callable[..., Result]


@pytest.fixture
def run_over(
    place: Place, tmp_path: Path, restored_logging: None, monkeypatch: pytest.MonkeyPatch
) -> Run:
    """`run_over("tokens list")`: a command over files; `database=True`: over the database."""
    for name, value in {
        "USER_DATA_DIR": str(tmp_path / "user_data"),
        "TOKEN_ENCRYPTION_KEY": secret(new_key()),
        "TOKEN_BACKUP_KEY": secret(new_key()),
        "GOOGLE_CLIENT_ID": "client.apps.googleusercontent.com",
        "GOOGLE_CLIENT_SECRET": "GOCSPX-of-the-client",
        "WEB_PORT": "0",
    }.items():
        monkeypatch.setenv(name, value)

    def command(line: str, *, database: bool = False) -> Result:
        for name, value in place.variables.items():
            if database:
                monkeypatch.setenv(name, value)
            else:
                monkeypatch.delenv(name, raising=False)
        arguments = [*line.split(), "--env-file", os.devnull]
        return CliRunner().invoke(app, arguments, catch_exceptions=False)

    return command


@pytest.fixture
def engine(place: Place) -> Iterator[Engine]:
    """An engine for it."""
    engine = place.engine()
    yield engine
    engine.dispose()


@pytest.fixture
def another(new_place: NewPlace) -> Iterator[Engine]:
    """An engine for another one, on the same server."""
    engine = new_place().engine()
    yield engine
    engine.dispose()
