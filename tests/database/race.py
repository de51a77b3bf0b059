"""`python -m tests.database.race`: all races, on one MariaDB.

The last line is `race-sql: N owners, M lost, K refreshed twice`. Exit codes: 0 nothing was lost and
nothing else is wrong; 1 something is; 2 it could not be run.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.database.fleet import FleetFailed, fleet
from tests.database.races import OVER_FILES, OVER_SQLITE, RACES, new_file
from tests.installed import path_of
from tests.mariadb import MariaDB

_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - folders of random names are made in it


@dataclass
class Sums:
    """Over all races."""

    owners: int = 0
    lost: int = 0
    twice: int = 0
    is_wrong: bool = False


def main(arguments: Sequence[str]) -> int:
    """Run them; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.database.race", description=__doc__)
    parser.add_argument("races", nargs="*", help="only these", default=[])
    parser.add_argument("--owners", type=int, default=1000)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--held", type=int, default=50, help="leases of one that comes to harm")
    parser.add_argument("--lease", type=float, default=5, help="seconds that a lease lasts")
    chosen = parser.parse_args(arguments)
    if path_of("mariadbd") is None:
        print("race-sql: not done: mariadbd is not installed (apt-get install mariadb-server)")
        return 2
    with tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as folder:
        server = MariaDB(Path(folder) / "m")
        server.folder.mkdir(mode=0o700)
        server.start()
        try:
            sums = asyncio.run(_run_all(Path(folder), server, chosen))
        finally:
            server.end()
    print(f"race-sql: {sums.owners} owners, {sums.lost} lost, {sums.twice} refreshed twice")
    return 1 if sums.is_wrong or sums.lost or sums.twice else 0


async def _run_all(base: Path, server: MariaDB, chosen: argparse.Namespace) -> Sums:
    sums = Sums()
    for name in chosen.races or RACES:
        url = server.new_database().get_secret_value()
        at_server = {"DATABASE_URL": url, "DATABASE_CA": server.ca}
        await _run(name, "", base, at_server, server, chosen, sums)
        if name in OVER_SQLITE:
            lite = {"DATABASE_URL": new_file(base / "sqlite" / f"{name}.db")}
            await _run(name, ", SQLite", base, lite, None, chosen, sums)
        if name in OVER_FILES:
            files = {"USER_DATA_DIR": base / f"data of {name}"}
            await _run(name, ", files", base, files, None, chosen, sums)
    return sums


async def _run(
    name: str,
    over: str,
    base: Path,
    settings: Mapping[str, object],
    server: MariaDB | None,
    chosen: argparse.Namespace,
    sums: Sums,
) -> None:
    began = time.monotonic()
    folder = base / f"{name}{over}".replace(" ", "_").replace(",", "")
    folder.mkdir()
    async with fleet(
        folder,
        settings,
        owners=chosen.owners,
        size=chosen.processes,
        held=chosen.held,
        lease_seconds=chosen.lease,
        server=server,
    ) as racing:
        try:
            found = await RACES[name](racing)
        except (FleetFailed, TimeoutError) as error:
            found = [f"{type(error).__name__}: {error}"]
        judged = racing.judged
    sums.owners += chosen.owners
    sums.lost += judged.lost if judged else 0
    sums.twice += judged.twice if judged else 0
    sums.is_wrong = sums.is_wrong or bool(found)
    verdict = "; ".join(found) or "as it must be"
    seconds = time.monotonic() - began
    print(f"{name}{over}: {chosen.owners} owners, {verdict} ({seconds:.0f} s)", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
