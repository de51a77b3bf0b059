"""Everybody's credentials, whatever keeps them. `python -m bench.store.fleet FILE`.

FILE holds the settings. What is done here is done while nobody is measured.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from bench.child import Json, serve
from bench.owners import credential_of, read_settings
from processes.bot import prepare_logs
from processes.storage import storage_of
from security.credential import Credential
from security.owner_documents import QUARANTINE, Reading, credential_key
from security.storage.each import only, portions
from security.storage.leases import Lease
from security.storage.protocol import ABSENT, Put, Storage, Unit
from security.token_store import TokenStore

_AT_ONCE: Final = 200


class Fleet:
    """Owners by number, from 0."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._store = TokenStore(storage, str)

    def fill(self, count: int, minutes_left: float) -> None:
        """Give so many a credential."""

        def connect(_: Reading, made: Credential) -> Credential:
            return made

        self._put_all(count, minutes_left, connect)

    def make_due(self, count: int, minutes_left: float) -> None:
        """Have the access tokens of so many end then; all else of their credentials stays."""

        def age(found: Reading, made: Credential) -> Credential:
            return replace(_there(found), expires_at=made.expires_at)

        self._put_all(count, minutes_left, age)

    def look(self, count: int) -> Json:
        """How many credentials are whole, how often they were refreshed, and how many set aside."""
        owners = [credential_of(number, 0).owner for number in range(count)]
        found = [
            _there(only([reading]))
            for some in portions(owners, _AT_ONCE)
            for reading in self._store.read_all(some)
        ]
        return {
            "whole": len(found),
            "refreshed": sum(credential.generation - 1 for credential in found),
            "set_aside": len(self._storage.names(QUARANTINE)),
        }

    def _put_all(
        self, count: int, minutes_left: float, change: Callable[[Reading, Credential], Credential]
    ) -> None:
        for some in portions(range(count), _AT_ONCE):
            self._put([credential_of(number, minutes_left) for number in some], change)

    def _put(
        self, made: Sequence[Credential], change: Callable[[Reading, Credential], Credential]
    ) -> None:
        owners = [credential.owner for credential in made]
        leases = list(map(_held, self._storage.lease([owner.stem for owner in owners])))
        units = []
        for credential, reading, lease in zip(
            made, self._store.read_all(owners), leases, strict=True
        ):
            found = only([reading])
            document = change(found, credential).to_document()
            put = Put(credential_key(credential.owner), document, found.version or ABSENT)
            units.append(Unit([put], lease))
        for outcome in self._storage.apply(units):
            only([outcome])
        self._storage.release(leases)


def _held(found: Lease | Exception | None) -> Lease:
    lease = only([found])
    if lease is None:
        raise RuntimeError("somebody holds an owner's lease, and nobody is at work")
    return lease


def _there(reading: Reading) -> Credential:
    credential = reading.open()
    if credential is None:
        raise RuntimeError("a credential is gone")
    return credential


async def main() -> None:
    """Answer "fill", "make_due" and "look" until there are no more commands."""
    settings = read_settings(Path(sys.argv[1]))
    storage = storage_of(settings, prepare_logs(settings))
    storage.open()
    fleet = Fleet(storage)

    async def answer(command: Json) -> Json:
        count = command["count"]
        match command["command"]:
            case "fill":
                await asyncio.to_thread(fleet.fill, count, command["minutes"])
            case "make_due":
                await asyncio.to_thread(fleet.make_due, count, command["minutes"])
        return await asyncio.to_thread(fleet.look, count) if command["command"] == "look" else {}

    await serve({}, answer)
    storage.close()


if __name__ == "__main__":
    asyncio.run(main())
