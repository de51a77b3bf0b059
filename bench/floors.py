"""What the sweep is compared to. `python -m bench.floors KIND FOLDER URL CONCURRENCY`.

post   the POST of a refresh by aiohttp, and nothing else
floor  the same, plus what no keeper of files can leave out: the owner's flock, and the replacement
       of the owner's file by the same bytes, two fsyncs and all
loop   how one would write it without much thought: one owner after another, google-auth over
       requests, filelock, json, and the same replacement
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

import aiohttp
import google.auth.transport.requests
import requests
from filelock import FileLock
from google.oauth2.credentials import Credentials

from bench.child import Json, serve
from bench.owners import CLIENT_ID, CLIENT_SECRET

FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}
THREADS: Final = 16  # as many as the product's own for writing


def replace_file(path: Path, data: bytes) -> None:
    """Temporary file, write, fsync, rename, fsync of the folder."""
    temporary = f"{path.parent}/.{path.name}.tmp"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.rename(temporary, path)  # noqa: PTH104 - the least that can be done
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class Post:
    """The POST alone."""

    def __init__(self, folder: Path, url: str, concurrency: int) -> None:
        self._url = f"{url}/token"
        self._concurrency = concurrency
        self._files = [
            (path, path.read_bytes(), _refresh_token(path))
            for path in sorted(folder.glob("token_*.json"))
        ]

    async def run(self) -> int:
        """Once for every owner; how many there are."""
        files = iter(self._files)
        timeout = aiohttp.ClientTimeout(total=10)
        async with aiohttp.ClientSession(timeout=timeout) as session, asyncio.TaskGroup() as group:
            for _ in range(self._concurrency):
                group.create_task(self._work(session, files))
        return len(self._files)

    async def _work(
        self, session: aiohttp.ClientSession, files: Iterator[tuple[Path, bytes, str]]
    ) -> None:
        for path, data, refresh_token in files:
            await self._keep(session, path, data, refresh_token)

    async def _keep(
        self, session: aiohttp.ClientSession, path: Path, data: bytes, refresh_token: str
    ) -> None:
        await self._post(session, refresh_token)

    async def _post(self, session: aiohttp.ClientSession, refresh_token: str) -> None:
        form = {
            "grant_type": "refresh_token",
            "refresh_token": refresh_token,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
        }
        body = urlencode(form).encode("ascii")  # aiohttp's own encoder takes twice the time
        async with session.post(
            self._url, data=body, headers=FORM, allow_redirects=False
        ) as response:
            await response.read()
            if response.status != 200:
                raise RuntimeError(f"the endpoint answered {response.status}")


class Floor(Post):
    """The POST under the owner's flock, then the owner's file replaced by the same bytes."""

    def __init__(self, folder: Path, url: str, concurrency: int) -> None:
        super().__init__(folder, url, concurrency)
        self._locks = folder / "floor-locks"
        self._locks.mkdir(exist_ok=True)
        self._threads = ThreadPoolExecutor(THREADS)

    async def _keep(
        self, session: aiohttp.ClientSession, path: Path, data: bytes, refresh_token: str
    ) -> None:
        lock = os.open(f"{self._locks}/{path.stem}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # it is free: nothing to wait for
            await self._post(session, refresh_token)
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._threads, replace_file, path, data)
        finally:
            os.close(lock)


class PlainLoop:
    """One owner after another."""

    def __init__(self, folder: Path, url: str, concurrency: int) -> None:
        self._url = f"{url}/token"
        self._paths = sorted(folder.glob("token_*.json"))
        self._locks = folder / "loop-locks"
        self._locks.mkdir(exist_ok=True)
        self._request = google.auth.transport.requests.Request(requests.Session())

    async def run(self) -> int:
        """Once for every owner; how many there are. Nothing else runs on this event loop."""
        for path in self._paths:
            with FileLock(self._locks / f"{path.stem}.lock"):
                document = json.loads(path.read_bytes())
                credentials = Credentials(
                    token=None,
                    refresh_token=document["refresh_token"],
                    token_uri=self._url,
                    client_id=CLIENT_ID,
                    client_secret=CLIENT_SECRET,
                    scopes=document["scopes"],
                )  # type: ignore[no-untyped-call]
                credentials.refresh(self._request)  # type: ignore[no-untyped-call]
                text: str = credentials.to_json()  # type: ignore[no-untyped-call]
                replace_file(path, text.encode("ascii"))
        return len(self._paths)


KINDS: Final[dict[str, Callable[[Path, str, int], Post | PlainLoop]]] = {
    "post": Post,
    "floor": Floor,
    "loop": PlainLoop,
}


def _refresh_token(path: Path) -> str:
    return str(json.loads(path.read_bytes())["refresh_token"])


async def main() -> None:
    """Run once at each command."""
    kind, folder, url, concurrency = sys.argv[1:]
    contender = KINDS[kind](Path(folder), url, int(concurrency))

    async def answer(_: Json) -> Json:
        began, cpu = time.perf_counter(), time.process_time()
        refreshed = await contender.run()
        return {
            "seconds": time.perf_counter() - began,
            "cpu_seconds": time.process_time() - cpu,
            "refreshed": refreshed,
        }

    await serve({}, answer)


if __name__ == "__main__":
    asyncio.run(main())
