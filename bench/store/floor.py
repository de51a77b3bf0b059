"""What a refresh out of a database costs at least. `python -m bench.store.floor FILE URL N`.

FILE holds the settings, URL is the token endpoint, N how many are under way at once. With the
product's own connections (SQLAlchemy, PyMySQL, verified TLS), tables and rows: those that come
together are claimed by one conditional UPDATE, a look at which it were, and read; the POST of a
refresh by aiohttp; those that come together are saved by one joined UPDATE, and their claims given
back. What is sealed is opened, and sealed again: there is no database without a key. Two COMMITs
for up to 24 refreshes, and nothing is judged, parsed, noted in a trail, or logged.
"""

from __future__ import annotations

import asyncio
import secrets
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import aiohttp
from sqlalchemy import BindParameter, Connection, Engine, TextClause, bindparam, text

from bench.owners import read_settings
from bench.refreshes import Refreshes, serve_runs
from security.encryption import TokenEncryption
from security.storage.sql.engine import make_engine

T = TypeVar("T")
R = TypeVar("R")
_MOST: Final = 24
_NOW: Final = "CAST(UNIX_TIMESTAMP(UTC_TIMESTAMP(3)) * 1000 AS SIGNED)"
_LEASE_MILLISECONDS: Final = 30_000
_NAMES: Final[BindParameter[Any]] = bindparam("names", expanding=True)
_CLAIM: Final = text(
    f"UPDATE leases SET token = :token, held_until = {_NOW} + {_LEASE_MILLISECONDS} "  # noqa: S608
    f"WHERE name IN :names AND (token IS NULL OR held_until <= {_NOW})"
).bindparams(_NAMES)
_CLAIMED: Final = text(
    "SELECT name FROM leases WHERE name IN :names AND token = :token"
).bindparams(_NAMES)
_READ: Final = text(
    "SELECT owner, encrypted_refresh_token, encrypted_access_token, encrypted_details "
    "FROM google_oauth_tokens WHERE owner IN :names"
).bindparams(_NAMES)
_FREE: Final = text("UPDATE leases SET token = NULL WHERE name IN :names").bindparams(_NAMES)
_REFRESH_TOKEN: Final = f"1//0{0:012d}" + "r" * 90
"""As long as everybody's."""


class Together(Generic[T, R]):
    """Calls that come together are made together, by a thread of their own, in one transaction."""

    def __init__(
        self, engine: Engine, work: Callable[[Connection, Sequence[T]], Sequence[R]]
    ) -> None:
        self._engine = engine
        self._work = work
        self._thread = ThreadPoolExecutor(1)
        self._waiting: list[tuple[T, asyncio.Future[R]]] = []
        self._task: asyncio.Task[None] | None = None

    async def run(self, item: T) -> R:
        """What `work` gives for `item`."""
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._task is None:
            self._task = asyncio.create_task(self._serve())
        return await future

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            batch, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
            items = [item for item, _ in batch]
            found = await loop.run_in_executor(self._thread, self._commit, items)
            for (_, future), result in zip(batch, found, strict=True):
                future.set_result(result)
            await asyncio.sleep(0)
        self._task = None

    def _commit(self, items: Sequence[T]) -> Sequence[R]:
        with self._engine.begin() as connection:
            return self._work(connection, items)


Row = tuple[str, *tuple[bytes, ...]]
"""An owner's name, and what is sealed of theirs."""


def claim(keyring: TokenEncryption, connection: Connection, names: Sequence[str]) -> Sequence[Row]:
    """Claim rows, read and open them.

    Raises:
        RuntimeError: they are not all there, and free.
    """
    token = secrets.token_hex(16)
    connection.execute(_CLAIM, {"names": names, "token": token})
    claimed = connection.scalars(_CLAIMED, {"names": names, "token": token}).all()
    found = {row[0]: row for row in connection.execute(_READ, {"names": claimed})}
    if len(found) != len(names):
        raise RuntimeError("a row is missing, or held by somebody else")
    return [(name, *map(keyring.decrypt, found[name][1:])) for name in names]


def save(keyring: TokenEncryption, connection: Connection, rows: Sequence[Row]) -> Sequence[None]:
    """Seal and write what was read, and give the claims back."""
    values: dict[str, object] = {}
    for number, row in enumerate(rows):
        name, *contents = row
        values[f"o{number}"] = name
        for column, content in zip("rad", contents, strict=True):
            values[f"{column}{number}"] = keyring.encrypt(content)
        values[f"v{number}"] = secrets.randbits(62)
    connection.execute(_save(len(rows)), values)
    connection.execute(_FREE, {"names": [row[0] for row in rows]})
    return [None] * len(rows)


@cache
def _save(rows: int) -> TextClause:
    new = " UNION ALL ".join(
        f"SELECT :o{n} AS owner, :r{n} AS r, :a{n} AS a, :d{n} AS d, :v{n} AS v"
        for n in range(rows)
    )
    return text(
        f"UPDATE google_oauth_tokens t JOIN ({new}) n ON t.owner = n.owner "  # noqa: S608
        "SET t.encrypted_refresh_token = n.r, t.encrypted_access_token = n.a, "
        "t.encrypted_details = n.d, t.version = n.v, t.generation = t.generation + 1"
    )


class Floor(Refreshes[str]):
    """Claim, POST, save, for everybody."""

    def __init__(
        self, engine: Engine, keyring: TokenEncryption, url: str, concurrency: int
    ) -> None:
        self._claims = Together(engine, partial(claim, keyring))
        self._saves = Together(engine, partial(save, keyring))
        with engine.begin() as connection:
            super().__init__(_make_leases(connection), url, concurrency)

    async def _keep(self, session: aiohttp.ClientSession, item: str) -> None:
        row = await self._claims.run(item)
        await self._post(session, _REFRESH_TOKEN)
        await self._saves.run(row)


def _make_leases(connection: Connection) -> list[str]:
    """The names of all owners; for each there is a row to claim by."""
    names = list(connection.scalars(text("SELECT owner FROM google_oauth_tokens ORDER BY owner")))
    row = text("INSERT IGNORE INTO leases (name, held_until) VALUES (:name, 0)")
    connection.execute(row, [{"name": name} for name in names])
    return names


async def main() -> None:
    """Run once at each command."""
    file, url, concurrency = sys.argv[1:]
    settings = read_settings(Path(file))
    address = settings.database
    if address is None:
        raise RuntimeError("no DATABASE_URL")
    keyring = TokenEncryption(settings.encryption_keys)
    await serve_runs(Floor(make_engine(address), keyring, url, int(concurrency)).run)


if __name__ == "__main__":
    asyncio.run(main())
