"""Processes side by side on one storage, with Google strict about refresh tokens; and what is left.

Each process is one of its own, `fleet_process.py`, which can be killed and stopped.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from bench.owners import CLIENT_ID, new_key, read_settings, write_settings
from processes.storage import mask_of, storage_of
from security.credential import Credential, Owner
from security.owner_documents import QUARANTINE, credential_key
from security.storage.protocol import Put, Storage, Unit
from security.token_store import TokenStore
from tests.database.rotating import RotatingEndpoint, refresh_token
from tests.mariadb import MariaDB

ROOT: Final = Path(__file__).parents[2]
FIRST_ID: Final = 7_000_000_000
_START_SECONDS: Final = 60
_PASS_SECONDS: Final = 30
_END_SECONDS: Final = 20
_AT_ONCE: Final = 100

Json = dict[str, Any]


class FleetFailed(Exception):
    """It did not come to what was to be looked at."""


class Process:
    """One process of the fleet."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path) -> None:
        self.name = name
        self.log = log
        self._process = process

    @classmethod
    async def start(
        cls, name: str, settings: Path, *, lease_seconds: float, clock_seconds: float = 0
    ) -> Process:
        """Start it, and wait until it can be told what to do."""
        log = settings.with_suffix(".log")
        with log.open("ab") as errors:
            made = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.database.fleet_process"),
                *(str(settings), str(lease_seconds), str(clock_seconds)),
                cwd=ROOT,
                env={"PATH": os.defpath, "LANG": "C.UTF-8"},
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
            )
        process = cls(name, made, log)
        await process._answer(_START_SECONDS)
        return process

    async def sweep(self, **options: object) -> Json:
        """One pass; what it came to."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"command": "sweep", **options}).encode() + b"\n")
        return await self._answer(_PASS_SECONDS)

    async def _answer(self, seconds: float) -> Json:
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), seconds)
        if not line:
            raise FleetFailed(f"{self.name} has ended: {self.log.read_text()[-2000:]}")
        answer: Json = json.loads(line)
        return answer

    def send(self, number: signal.Signals) -> None:
        """A signal: SIGKILL, SIGSTOP, SIGCONT."""
        self._process.send_signal(number)

    def logged(self, event: str) -> list[Json]:
        """What its log says of one kind of event."""
        lines = map(json.loads, filter(None, self.log.read_text("utf-8").splitlines()))
        return [line for line in lines if line.get("event") == event]

    async def end(self) -> None:
        """No more commands."""
        if self._process.returncode is not None:
            return
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), _END_SECONDS)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()


@dataclass(frozen=True)
class Judgement:
    """What is true once all is done."""

    owners: int
    lost: int
    """Owners whose stored refresh token is not the one that Google knows."""
    twice: int
    """Owners for whom Google was asked with success more than once."""
    aside: int
    """Owners of whom a copy is in quarantine."""
    undone: int
    """Owners who were due, and whom nobody has refreshed."""


@dataclass
class Fleet:
    """Owners in one storage, and processes that work on it. Use `fleet`."""

    folder: Path
    endpoint: RotatingEndpoint
    owners: int
    size: int
    """How many processes are to be."""
    held: int
    """How many leases one of them is to have, where it comes to harm."""
    server: MariaDB | None
    """Where the storage is one that can be ended."""
    lease_seconds: float
    settings: Mapping[str, object]
    """Where the storage is, and what else all processes are told."""
    stack: AsyncExitStack
    processes: list[Process] = field(default_factory=list)
    keys: list[str] = field(default_factory=lambda: [new_key()])
    reports: list[Json] = field(default_factory=list)
    """What every pass came to."""
    judged: Judgement | None = None
    """How it stood when it was last looked at."""
    _begun: dict[str, asyncio.Task[Json]] = field(default_factory=dict)

    async def start(
        self, count: int, *, clock_seconds: float = 0, **changes: object
    ) -> list[Process]:
        """That many more processes."""
        made = await asyncio.gather(
            *[
                self._start_one(f"p{len(self.processes) + n}", clock_seconds, changes)
                for n in range(count)
            ]
        )
        self.processes += made
        return list(made)

    async def _start_one(
        self, name: str, clock_seconds: float, changes: Mapping[str, object]
    ) -> Process:
        process = await Process.start(
            name,
            self._settings(name, **changes),
            lease_seconds=self.lease_seconds,
            clock_seconds=clock_seconds,
        )
        self.stack.push_async_callback(process.end)
        return process

    def _settings(self, name: str, **changes: object) -> Path:
        values = {"TOKEN_ENCRYPTION_KEY": ",".join(self.keys), **self.settings, **changes}
        folder = Path(str(values.pop("USER_DATA_DIR", self.folder / name)))
        path = self.folder / f"{name}.env"
        return write_settings(path, folder, f"{self.endpoint.url}/{name}", **values)

    def storage(self) -> Storage:
        """The storage, for whoever looks."""
        settings = read_settings(self._settings("harness"))
        return storage_of(settings, mask_of(settings), lease_seconds=self.lease_seconds)

    def fill(self, *, minutes_left: float = 5) -> None:
        """Everybody is connected; Google knows their tokens' first turns."""
        storage = self.storage()
        storage.open()
        now = datetime.now(UTC)
        for first in range(0, self.owners, _AT_ONCE):
            made = [
                Credential(
                    owner=owner_of(number),
                    client_id=CLIENT_ID,
                    refresh_token=SecretStr(refresh_token(number, 0)),
                    access_token=SecretStr(f"ya29.{number}-0"),
                    expires_at=now + timedelta(minutes=minutes_left),
                    account_id=SecretStr(f"{number:020d}"),
                    generation=1,
                )
                for number in range(first, min(first + _AT_ONCE, self.owners))
            ]
            leases = storage.lease([one.owner.stem for one in made])
            units = []
            for one, lease in zip(made, leases, strict=True):
                if lease is None or isinstance(lease, Exception):
                    raise FleetFailed(f"no lease: {lease}")
                step = Put(credential_key(one.owner), one.to_document())
                units.append(Unit([step], lease))
            for outcome in storage.apply(units):
                if isinstance(outcome, Exception):
                    raise outcome
            for unit in units:
                assert unit.lease is not None
                unit.lease.release()
        storage.close()

    async def sweep_until(
        self, is_done: Callable[[], bool], processes: Sequence[Process], *, seconds: float
    ) -> float:
        """Passes in each of them, over and over; how long it took.

        Raises:
            TimeoutError: it is not done.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()

        async def sweep(process: Process) -> None:
            while not is_done():
                self.reports.append(await process.sweep())
                await asyncio.sleep(0.02)

        async with asyncio.timeout(seconds):
            await asyncio.gather(*map(sweep, processes))
        return loop.time() - began

    async def sweep_once(self, processes: Sequence[Process]) -> list[Json]:
        """One pass in each of them, at the same time; what each came to."""
        found = list(await asyncio.gather(*[process.sweep() for process in processes]))
        self.reports += found
        return found

    def told(self) -> list[str]:
        """Everything that administrators have been told, by whatever process."""
        return [said for report in self.reports for said in report["told"]]

    def begin(self, process: Process) -> None:
        """One pass, for which nobody waits yet."""
        self._begun[process.name] = asyncio.create_task(process.sweep())

    def begun(self) -> list[asyncio.Task[Json]]:
        """Passes of which nobody has seen the end."""
        return list(self._begun.values())

    async def settled(self, process: Process) -> Json:
        """The end of what was begun."""
        return await self._begun.pop(process.name)

    def is_done(self) -> bool:
        """Whether Google has refreshed everybody."""
        return len(self.endpoint.turns) == self.owners

    async def judge(self) -> Judgement:
        """Read everybody, and compare with what Google knows."""
        self.judged = await asyncio.to_thread(self._judge)
        return self.judged

    def _judge(self) -> Judgement:
        storage = self.storage()
        storage.prepare()
        store = TokenStore(storage, str)
        try:
            numbers = range(self.owners)
            readings = []
            for first in range(0, self.owners, _AT_ONCE):
                some = numbers[first : first + _AT_ONCE]
                readings += store.read_all([owner_of(number) for number in some])
            lost = 0
            for number, reading in zip(numbers, readings, strict=True):
                wanted = refresh_token(number, self.endpoint.turns[number])
                if isinstance(reading, Exception):
                    raise reading
                credential = None if reading.damage else reading.credential
                token = credential.refresh_token if credential else None
                lost += token is None or token.get_secret_value() != wanted
            aside = {name.partition(".")[0] for name in storage.names(QUARANTINE)}
        finally:
            storage.close()
        turns = self.endpoint.turns
        return Judgement(
            owners=self.owners,
            lost=lost,
            twice=sum(turns[number] > 1 for number in numbers),
            aside=len(aside),
            undone=sum(turns[number] == 0 for number in numbers),
        )


def owner_of(number: int) -> Owner:
    """The number's owner."""
    return Owner.user(FIRST_ID + number)


@asynccontextmanager
async def fleet(
    folder: Path,
    settings: Mapping[str, object],
    *,
    owners: int,
    size: int,
    held: int,
    lease_seconds: float,
    server: MariaDB | None = None,
) -> AsyncIterator[Fleet]:
    """Nobody is connected yet, and no process runs."""
    async with AsyncExitStack() as stack:
        endpoint = await stack.enter_async_context(RotatingEndpoint().serving())
        made = Fleet(folder, endpoint, owners, size, held, server, lease_seconds, settings, stack)
        yield made
        for pending in made.begun():
            pending.cancel()
