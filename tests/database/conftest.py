"""Databases for each test: SQLite's and a MariaDB's, empty."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine

from config.database import DatabaseAddress
from security.storage.sql.engine import make_engine

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

    def engine(self) -> Engine:
        """An engine as the storage has it."""
        return make_engine(DatabaseAddress.parse(self.url, self.ca))


NewPlace = Callable[[], Place]


@pytest.fixture(params=["sqlite", "mariadb"])
def new_place(request: pytest.FixtureRequest, tmp_path: Path) -> NewPlace:
    """`new_place()`: an empty database."""
    if request.param == "mariadb":
        server: MariaDB = request.getfixturevalue("mariadb")
        return lambda: Place(server.new_database(), server.ca)
    number = count()
    return lambda: Place(SecretStr(f"sqlite:///{tmp_path}/database_{next(number)}/of.db"))


@pytest.fixture
def place(new_place: NewPlace) -> Place:
    """The test's database."""
    return new_place()


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
