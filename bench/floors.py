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
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import aiohttp
import google.auth.transport.requests
import requests
from filelock import FileLock
from google.oauth2.credentials import Credentials

from bench.owners import CLIENT_ID, CLIENT_SECRET
from bench.refreshes import Refreshes, serve_runs

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


_File = tuple[Path, bytes, str]
"""Its content, and the refresh token in it."""


class Post(Refreshes[_File]):
    """The POST alone."""

    def __init__(self, folder: Path, url: str, concurrency: int) -> None:
        files = [
            (path, path.read_bytes(), _refresh_token(path))
            for path in sorted(folder.glob("token_*.json"))
        ]
        super().__init__(files, url, concurrency)

    async def _keep(self, session: aiohttp.ClientSession, item: _File) -> None:
        await self._post(session, item[2])


class Floor(Post):
    """The POST under the owner's flock, then the owner's file replaced by the same bytes."""

    def __init__(self, folder: Path, url: str, concurrency: int) -> None:
        super().__init__(folder, url, concurrency)
        self._locks = folder / "floor-locks"
        self._locks.mkdir(exist_ok=True)
        self._threads = ThreadPoolExecutor(THREADS)

    async def _keep(self, session: aiohttp.ClientSession, item: _File) -> None:
        path, data, refresh_token = item
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
    await serve_runs(KINDS[kind](Path(folder), url, int(concurrency)).run)


if __name__ == "__main__":
    asyncio.run(main())
