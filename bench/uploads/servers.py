"""Telegram or Google, each played by the sandbox in a process of its own.

`python -m bench.uploads.servers telegram FOLDER cloud|local`
`python -m bench.uploads.servers google FOLDER DATA_FOLDER PEOPLE`

Google keeps no bytes: it counts and hashes them, which is what is looked at afterwards.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import datetime
from pathlib import Path
from typing import Final

from bench.child import Json, serve
from bench.owners import CLIENT_ID, CLIENT_SECRET
from bench.world import BOT_TOKEN, FIRST_PERSON, connect
from processes.storage import open_storage
from sandbox.server import Sandbox, SandboxConfig
from security.credential import Owner
from security.encryption import TokenEncryption
from security.token_store import TokenStore

LEGS: Final = {"telegram": "telegram.download", "google": "google.upload.*"}
"""The operations that carry files."""


def account_of(person: int) -> str:
    """The Google account of the person of this number."""
    return f"person{person}@example.com"


class Server:
    """One half of the sandbox, and what the benchmark asks of it."""

    def __init__(self, part: str, sandbox: Sandbox) -> None:
        self._part = part
        self._sandbox = sandbox

    async def answer(self, command: Json) -> Json:
        """Whatever a command of this name wants."""
        match command["command"]:
            case "limit":
                return self._limit(command["bytes_per_second"], command["latency"])
            case "calls":
                return self._calls()
            case "file":
                return await asyncio.to_thread(self._file, Path(command["path"]), command["name"])
            case "arrived":
                return self._arrived(command["account"], command["name"])
        raise ValueError("no such command")

    def _limit(self, bytes_per_second: float | None, latency: float) -> Json:
        """Limit the leg; `latency` is that of every request to this half. Seconds."""
        faults = self._sandbox.faults
        faults.clear()
        if latency:
            target = f"{self._part}.*"
            faults.add({"target": target, "kind": "latency", "seconds": latency, "count": None})
        faults.set_rate(LEGS[self._part], bytes_per_second)
        return {}

    def _calls(self) -> Json:
        """How often each operation was called since this was last asked."""
        counts = dict(self._sandbox.faults.counts)
        self._sandbox.faults.counts.clear()
        return counts

    def _file(self, path: Path, name: str) -> Json:
        """Telegram takes in a file: to be sent as `blob`, or got by `file_id`."""
        telegram = self._sandbox.telegram
        assert telegram is not None  # noqa: S101 - the other half is not asked
        blob = telegram.files.copy(path)
        stored = telegram.files.register(blob, "document", name)
        return {"blob": blob.id, "file_id": stored.file_id, "file_path": stored.relative_path}

    def _arrived(self, account: str, name: str) -> Json:
        """What Google has under that name: of each md5, size, and when it had all of it."""
        google = self._sandbox.google
        assert google is not None  # noqa: S101 - the other half is not asked
        return {
            "files": [
                {
                    "md5": file.md5,
                    "size": file.size,
                    "completed": datetime.fromisoformat(file.created).timestamp(),
                }
                for file in google.files.of(account)
                if file.name == name
            ]
        }


def _token(store: TokenStore, person: int) -> str:
    """For whoever is not the bot."""
    credential = store.load(Owner.user(FIRST_PERSON + person))
    if credential is None or credential.access_token is None:
        raise RuntimeError("somebody is not connected")
    return credential.access_token.get_secret_value()


async def main() -> None:
    """Serve until there are no more commands."""
    part, folder, *rest = sys.argv[1:]
    config = SandboxConfig(
        folder=Path(folder),
        parts=frozenset({part}),
        bot_token=BOT_TOKEN,
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        local_mode=rest[0] == "local",
        keeps_bytes=False,
    )
    async with Sandbox(config) as sandbox:
        hello: Json = {"url": sandbox.url}
        if part == "google":
            store = TokenStore(open_storage(Path(rest[0]), TokenEncryption([]), str), str)
            await asyncio.to_thread(store.prepare)
            await connect(sandbox, store, int(rest[1]))
            people = range(int(rest[1]))
            hello["tokens"] = await asyncio.to_thread(lambda: [_token(store, n) for n in people])
        await serve(hello, Server(part, sandbox).answer)


if __name__ == "__main__":
    asyncio.run(main())
