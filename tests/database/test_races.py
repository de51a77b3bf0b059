"""Some races of processes for one storage, in small: that they can be run.

`make race-sql`, a part of CI as well, runs all of them in large.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.database.fleet import fleet
from tests.database.races import OVER_FILES, OVER_SQLITE, RACES, new_file

if TYPE_CHECKING:  # a plugin, which pytest wants to import itself
    from tests.mariadb import MariaDB

pytestmark = pytest.mark.one_way

SMALL: Final[dict[str, Any]] = {"owners": 40, "size": 2, "held": 8, "lease_seconds": 3}


async def run(name: str, folder: Path, settings: dict[str, object], **options: Any) -> None:
    """One race, at whose end nothing is wrong."""
    async with fleet(folder, settings, **SMALL, **options) as racing:
        assert await RACES[name](racing) == []


def settings_of(server: MariaDB) -> dict[str, object]:
    """Of an empty database there."""
    return {"DATABASE_URL": server.new_database().get_secret_value(), "DATABASE_CA": server.ca}


@pytest.mark.parametrize("name", OVER_FILES[-1:])
async def test_processes_on_one_folder_lose_nothing(name: str, tmp_path: Path) -> None:
    """Without a database, and leases that lapse."""
    await run(name, tmp_path, {"USER_DATA_DIR": tmp_path / "user_data"})


@pytest.mark.parametrize("name", OVER_SQLITE[-1:])
async def test_processes_on_one_sqlite_file_lose_nothing(name: str, tmp_path: Path) -> None:
    """As over a server."""
    await run(name, tmp_path, {"DATABASE_URL": new_file(tmp_path / "database" / "of.db")})


@pytest.mark.parametrize("name", ["stopped, keys rotated", "killed", "rejected"])
async def test_nothing_is_lost_between_processes_and_nobody_refreshed_twice(
    name: str, tmp_path: Path, mariadb: MariaDB
) -> None:
    """Killed, stopped while keys rotate, refused by Google."""
    await run(name, tmp_path, settings_of(mariadb))


async def test_a_database_that_is_killed_amid_the_work_costs_nothing(
    tmp_path: Path, own_mariadb: MariaDB
) -> None:
    """One incident, over by itself."""
    await run("database killed", tmp_path, settings_of(own_mariadb), server=own_mariadb)
