"""What a refresh out of a database costs at least. `python -m bench.store.floor FILE URL N`.

FILE holds the settings, URL is the token endpoint, N how many are under way at once. PyMySQL alone,
over the product's own tables and rows: those that come together are claimed by one conditional
UPDATE, and read; the POST of a refresh by aiohttp; those that come together are saved by one joined
UPDATE of the same bytes, and their claims given back. Two COMMITs for up to 24 refreshes, and
nothing is opened, sealed or logged.
"""

from __future__ import annotations

import asyncio
import secrets
import ssl
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, Generic, TypeVar
from urllib.parse import urlencode

import aiohttp
import pymysql

from bench.child import Json, serve
from bench.floors import FORM
from bench.owners import CLIENT_ID, CLIENT_SECRET, read_settings
from config.database import DatabaseAddress

T = TypeVar("T")
R = TypeVar("R")
_MOST: Final = 24
_COLUMNS: Final = "encrypted_refresh_token, encrypted_access_token, encrypted_details"
_NOW: Final = "CAST(UNIX_TIMESTAMP(UTC_TIMESTAMP(3)) * 1000 AS SIGNED)"
_LEASE_MILLISECONDS: Final = 30_000
_REFRESH_TOKEN: Final = f"1//0{0:012d}" + "r" * 90
"""As long as everybody's."""


class Together(Generic[T, R]):
    """Calls that come together are made together, by a thread and a connection of their own."""

    def __init__(
        self,
        address: DatabaseAddress,
        work: Callable[[pymysql.Connection[Any], Sequence[T]], Sequence[R]],
    ) -> None:
        self._connection = _connect(address)
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
            found = await loop.run_in_executor(self._thread, self._work, self._connection, items)
            for (_, future), result in zip(batch, found, strict=True):
                future.set_result(result)
            await asyncio.sleep(0)
        self._task = None


Row = tuple[str, bytes, bytes, bytes]
"""An owner's name, and what is sealed of theirs."""


def claim(connection: pymysql.Connection[Any], names: Sequence[str]) -> Sequence[Row]:
    """Claim rows, and read them.

    Raises:
        RuntimeError: they are not all there, and free.
    """
    marks, token = _marks(names), secrets.token_hex(16)
    with connection.cursor() as cursor:
        claimed = cursor.execute(
            f"UPDATE leases SET token = %s, held_until = {_NOW} + {_LEASE_MILLISECONDS} "  # noqa: S608
            f"WHERE name IN ({marks}) AND (token IS NULL OR held_until <= {_NOW})",
            (token, *names),
        )
        cursor.execute(
            f"SELECT owner, {_COLUMNS} FROM google_oauth_tokens WHERE owner IN ({marks})",  # noqa: S608
            tuple(names),
        )
        found = {row[0]: row for row in cursor.fetchall()}
    connection.commit()
    if claimed != len(names) or len(found) != len(names):
        raise RuntimeError("a row is missing, or held by somebody else")
    return [found[name] for name in names]


def save(connection: pymysql.Connection[Any], rows: Sequence[Row]) -> Sequence[None]:
    """Write what was read, and give the claims back."""
    new = " UNION ALL ".join(["SELECT %s AS owner, %s AS r, %s AS a, %s AS d, %s AS v"] * len(rows))
    values = [value for row in rows for value in (*row, secrets.randbits(62))]
    names = [row[0] for row in rows]
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE google_oauth_tokens t JOIN ({new}) n ON t.owner = n.owner "  # noqa: S608
            "SET t.encrypted_refresh_token = n.r, t.encrypted_access_token = n.a, "
            "t.encrypted_details = n.d, t.version = n.v, t.generation = t.generation + 1",
            values,
        )
        cursor.execute(
            f"UPDATE leases SET token = NULL WHERE name IN ({_marks(names)})",  # noqa: S608
            names,
        )
    connection.commit()
    return [None] * len(rows)


class Floor:
    """Claim, POST, save, for everybody."""

    def __init__(self, address: DatabaseAddress, url: str, concurrency: int) -> None:
        self._url = f"{url}/token"
        self._concurrency = concurrency
        self._claims = Together(address, claim)
        self._saves = Together(address, save)
        self._names = _make_leases(_connect(address))

    async def run(self) -> int:
        """Once for every owner; how many there are."""
        names = iter(self._names)
        timeout = aiohttp.ClientTimeout(total=10)
        async with aiohttp.ClientSession(timeout=timeout) as session, asyncio.TaskGroup() as group:
            for _ in range(self._concurrency):
                group.create_task(self._work(session, names))
        return len(self._names)

    async def _work(self, session: aiohttp.ClientSession, names: Any) -> None:
        for name in names:
            row = await self._claims.run(name)
            await self._post(session)
            await self._saves.run(row)

    async def _post(self, session: aiohttp.ClientSession) -> None:
        form = {
            "grant_type": "refresh_token",
            "refresh_token": _REFRESH_TOKEN,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
        }
        body = urlencode(form).encode("ascii")
        async with session.post(
            self._url, data=body, headers=FORM, allow_redirects=False
        ) as response:
            await response.read()
            if response.status != 200:
                raise RuntimeError(f"the endpoint answered {response.status}")


def _connect(address: DatabaseAddress) -> pymysql.Connection[Any]:
    context = ssl.create_default_context(cafile=address.ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    password = address.password.get_secret_value() if address.password else ""
    return pymysql.connect(
        host=address.host,
        port=address.port,
        user=address.user,
        password=password,
        database=address.name,
        charset="utf8mb4",
        ssl=context,
        init_command="SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    )


def _make_leases(connection: pymysql.Connection[Any]) -> list[str]:
    """The names of all owners; for each there is a row to claim by."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT owner FROM google_oauth_tokens ORDER BY owner")
        names = [name for (name,) in cursor.fetchall()]
        cursor.executemany(
            "INSERT IGNORE INTO leases (name, held_until) VALUES (%s, 0)",
            [(name,) for name in names],
        )
    connection.commit()
    return names


def _marks(names: Sequence[str]) -> str:
    return ", ".join(["%s"] * len(names))


async def main() -> None:
    """Run once at each command."""
    file, url, concurrency = sys.argv[1:]
    address = read_settings(Path(file)).database
    if address is None:
        raise RuntimeError("no DATABASE_URL")
    floor = Floor(address, url, int(concurrency))

    async def answer(_: Json) -> Json:
        began, cpu = time.perf_counter(), time.process_time()
        refreshed = await floor.run()
        return {
            "seconds": time.perf_counter() - began,
            "cpu_seconds": time.process_time() - cpu,
            "refreshed": refreshed,
        }

    await serve({}, answer)


if __name__ == "__main__":
    asyncio.run(main())
