"""Everybody's credentials, whatever keeps them. `python -m bench.store.fleet FILE`.

FILE holds the settings. What is done here is done while nobody is measured.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Sequence
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
from security.storage.protocol import ABSENT, Put, Storage, Unit, Version
from security.token_store import TokenStore

_AT_ONCE: Final = 200


class Fleet:
    """Owners by number, from 0."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._store = TokenStore(storage, str)

    def fill(self, count: int, minutes_left: float) -> None:
        """Give so many a credential, none of whom has one."""
        for made in _portions(count, minutes_left):
            self._put([(credential, ABSENT) for credential in made])

    def make_due(self, count: int, minutes_left: float) -> None:
        """Have the access tokens of so many end then; all else of their credentials stays."""
        for made in _portions(count, minutes_left):
            readings = map(_only, self._store.read_all([credential.owner for credential in made]))
            self._put(
                [
                    (replace(_there(found), expires_at=new.expires_at), found.version or ABSENT)
                    for new, found in zip(made, readings, strict=True)
                ]
            )

    def look(self, count: int) -> Json:
        """How many credentials are whole, how often they were refreshed, and how many set aside."""
        owners = [credential_of(number, 0).owner for number in range(count)]
        found = [
            _there(_only(reading))
            for some in portions(owners, _AT_ONCE)
            for reading in self._store.read_all(some)
        ]
        return {
            "whole": len(found),
            "refreshed": sum(credential.generation - 1 for credential in found),
            "set_aside": len(self._storage.names(QUARANTINE)),
        }

    def _put(self, put: Sequence[tuple[Credential, Version]]) -> None:
        leases = list(map(_held, self._storage.lease([one.owner.stem for one, _ in put])))
        units = [
            Unit([Put(credential_key(one.owner), one.to_document(), version)], lease)
            for (one, version), lease in zip(put, leases, strict=True)
        ]
        for outcome in self._storage.apply(units):
            only([outcome])
        self._storage.release(leases)


def _portions(count: int, minutes_left: float) -> Iterator[list[Credential]]:
    for some in portions(range(count), _AT_ONCE):
        yield [credential_of(number, minutes_left) for number in some]


def _only(reading: Reading | Exception) -> Reading:
    return only([reading])


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
