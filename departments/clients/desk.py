"""The one place that says whether a computer's request goes on, and why not.

A key that is remembered is asked of nobody for one second, and no longer: one that is revoked,
anywhere, opens nothing after that.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final, Literal

import structlog
from pydantic import SecretStr

from departments.clients.alarms import GUESSED, Alarm, Alarms, Suspicion, name_of
from departments.clients.clients import Client, Clients
from departments.clients.guessing import Guessing, refuse
from departments.clients.keys import is_key
from departments.clients.pairing import Pairing, letters_of
from departments.clients.refusals import NotAllowed, TooOften, WrongKey
from departments.clients.stopping import KeyStops
from departments.clients.use import WRITTEN_EVERY, Seen, Use
from departments.limits import Limits, place_of
from departments.names import Department
from departments.patience import answered_soon
from departments.secret import AccessSecret
from security.custody.workers import Workers
from security.errors import CustodyError
from security.storage.protocol import Storage

Wants = Literal["token", "upload", "status", "sheets", "administration"]
"""What a computer asks for; the last is for people alone."""
REMEMBERED_SECONDS: Final = 1.0
_WRITES_AT_ONCE: Final = 2
"""Counts wait in line: a whole office that comes at once holds up no token that is to be saved."""
_ALARM_AGAIN: Final = 600.0
_LONGEST_MACHINE: Final = 200
_log = structlog.get_logger()


async def _nothing(client: Client) -> None:
    """Nothing was handed out."""


class ClientDesk:
    """One for a process, on its event loop."""

    def __init__(
        self,
        storage: Storage,
        workers: Workers,
        secret: AccessSecret,
        limits: Limits,
        *,
        blocks: bool,
        withdraw: Callable[[Client], Coroutine[Any, Any, object]] | None = None,
        memory_seconds: float = REMEMBERED_SECONDS,
    ) -> None:
        """
        Args:
            withdraw: as in `KeyStops`; None: there is nothing to end.
            blocks: whether a key is blocked that an alarm is about; else it is only told of.
            memory_seconds: for how long a key is remembered; 0: none is.
        """
        self.alarms = Alarms(storage)
        self.clients = Clients(storage, secret, self.alarms)
        self.pairing = Pairing(storage, secret, self.clients)
        self.use = Use(storage)
        self._now = storage.now
        self._workers = workers
        self._secret = secret
        self.guessing: Final = Guessing(limits, self._tell_of_guesses)
        self._limits = limits
        self._blocks = blocks
        self._stops = KeyStops(workers, self.clients, withdraw or _nothing)
        self._memory_seconds = memory_seconds
        self._remembered: OrderedDict[str, tuple[float, Client]] = OrderedDict()
        self._waiting: dict[str, tuple[asyncio.TimerHandle, Client]] = {}
        """Whose use is written in a while, by the key's document."""
        self._writing: dict[str, asyncio.Task[Seen]] = {}
        self._turns = asyncio.Semaphore(_WRITES_AT_ONCE)
        self._is_closing = False
        self._written_at: dict[str, float] = {}
        """When a key's use was last written, by the loop's clock."""
        self._alarmed: dict[str, float] = {}

    async def admit(
        self,
        key: str,
        *,
        address: str,
        machine: str | None,
        department: Department | None,
        wants: Wants,
    ) -> Client:
        """Whose key it is, if it opens what is wanted.

        Args:
            key: as it came.
            address: from where.
            machine: what the computer says it is; None: it says nothing, and is told by `address`.
            department: for which; None: whichever the key is of.

        Raises:
            Refused: it does not; that is in the log.
            OperatorFault: the storage does not answer.
        """
        place = place_of(address)
        client = await self._whose(key, place)
        if not client.is_active:
            await self._suspect(client, "client_stopped_key")
            self._limits.failures.count(place)
            code = "key_revoked" if client.state == "revoked" else "key_blocked"
            refuse(WrongKey(f"the key is {client.state}", code=code, client=client))
        self.guessing.prove(client.name)
        if department is not None and department.slug != client.department:
            await self._suspect(client, "client_other_department")
            says = "the key is another department's"
            refuse(NotAllowed(says, code="other_department", client=client))
        if wants == "administration":
            says = "a key administers nothing"
            refuse(NotAllowed(says, code="administrators_only", client=client))
        if wants == "token" and "token" not in client.may:
            says = "the key may not get tokens"
            refuse(NotAllowed(says, code="token_not_allowed", client=client))
        limit = self._limits.of_keys.get(wants)
        if limit is not None and (wait := limit.count(client.name)) is not None:
            refuse(TooOften(wait, client=client))
        told_by = self._secret.digest("machines", (machine or place)[:_LONGEST_MACHINE])[:16]
        seen = self.use.note(client.name, told_by, counts=wants in ("token", "upload"))
        if seen.second_machine:  # other processes may know it
            seen = await self._written(client)
        else:
            self._write_soon(client)
            await self._look_into(client, seen)
        if self._blocks and (seen.busy or seen.second_machine):
            refuse(WrongKey("the key is blocked", code="key_blocked", client=client))
        return client

    async def pair(self, code: str, *, address: str) -> tuple[Client, SecretStr]:
        """The computer that a pairing code is for, and its key.

        Raises:
            Refused: the code is none, or no more.
            OperatorFault: the storage does not answer.
        """
        place = place_of(address)
        async with self.guessing.gate(place):
            found = None
            if letters_of(code) is not None:
                found = await self._workers.finish(self._workers.run(self.pairing.spend, code))
            if found is None:
                await self.guessing.fail(place, WrongKey("no such pairing code", code="wrong_code"))
            return found

    async def revoke(self, id: str, by: str) -> Client | None:
        """See `KeyStops.revoke`."""
        return self._forget(await self._stops.revoke(id, by))

    async def block(self, id: str, by: str) -> Client | None:
        """See `KeyStops.block`."""
        return self._forget(await self._stops.block(id, by))

    async def unblock(self, id: str, by: str) -> Client | None:
        """See `KeyStops.unblock`."""
        return self._forget(await self._stops.unblock(id, by))

    async def dismiss(self, alarm: str) -> bool:
        """An administrator says that an alarm is none; False: it is over already.

        Args:
            alarm: its id, or its document's name.
        """
        self._alarmed.pop(alarm.partition(":")[0], None)
        return await self._workers.run(self.alarms.dismiss, alarm) is not None

    async def write_all(self) -> None:
        """Write what was counted, without waiting for its minute."""
        await self._all_written()
        for timer, client in list(self._waiting.values()):
            timer.cancel()
            self._begin_to_write(client)
        await self._all_written()

    async def _all_written(self) -> None:
        if self._writing:
            await asyncio.wait(self._writing.values())

    async def close(self) -> None:
        """The same, at the end. Whoever closes the workers does so after this."""
        await self.write_all()
        self._is_closing = True
        for timer, _ in self._waiting.values():
            timer.cancel()

    # Whose key

    async def _whose(self, key: str, place: str) -> Client:
        name = self.clients.name_of(key)
        until, client = self._remembered.get(name, (0.0, None))
        if client is not None and time.monotonic() < until:
            return client
        if not is_key(key):
            name = ""
        wrong = WrongKey("no such key", code="wrong_key")
        async with answered_soon():
            return await self.guessing.find(name, partial(self._ask, name), place, wrong)

    async def _ask(self, name: str) -> Client | None:
        asked = time.monotonic()
        client = await self._workers.read(self.clients.by_name, name)
        if client is None:
            return None
        if not client.is_active:
            self.guessing.disprove(name)
        while self._remembered and next(iter(self._remembered.values()))[0] <= asked:
            self._remembered.popitem(last=False)
        self._remembered[name] = asked + self._memory_seconds, client
        self._remembered.move_to_end(name)
        return client

    def _forget(self, client: Client | None) -> Client | None:
        if client is not None:
            self._remembered.pop(client.name, None)
        return client

    # What it is used for

    def _write_soon(self, client: Client) -> None:
        """At once where the key is new here, for its machine may be another one; else once a
        minute."""
        name = client.name
        if self._is_closing or name in self._waiting or name in self._writing:
            return
        loop = asyncio.get_running_loop()
        written = self._written_at.get(name)
        seconds = 0.0 if written is None else max(written + WRITTEN_EVERY - loop.time(), 0.0)
        self._waiting[name] = loop.call_later(seconds, self._begin_to_write, client), client

    def _begin_to_write(self, client: Client) -> None:
        self._waiting.pop(client.name, None)
        self._writing[client.name] = self._workers.uncancelled(self._write(client))

    async def _written(self, client: Client) -> Seen:
        """Write at once; what is conspicuous about it."""
        while (earlier := self._writing.get(client.name)) is not None:
            await asyncio.wait((earlier,))
            # What waits for its turn to be written takes along what is counted meanwhile.
            if (seen := earlier.result()).second_machine:
                return seen
        timer, _ = self._waiting.get(client.name, (None, client))
        if timer is not None:
            timer.cancel()
        self._begin_to_write(client)
        task = self._writing[client.name]
        await asyncio.wait((task,))
        return task.result()

    async def _write(self, client: Client) -> Seen:
        self._written_at[client.name] = asyncio.get_running_loop().time()
        try:
            async with self._turns:
                seen = await self._workers.run(self.use.write, client.name)
            await self._look_into(client, seen)
        except CustodyError as fault:  # it stays counted
            _log.warning("memory_not_saved", result=fault.code)
            return Seen()
        else:
            return seen
        finally:
            del self._writing[client.name]
            if self.use.has_unwritten(client.name):
                self._write_soon(client)

    # What is suspicious

    async def _tell_of_guesses(self) -> None:
        await self._raise(Alarm(code=GUESSED, since=self._now(), seen=self._now()))

    async def _look_into(self, client: Client, seen: Seen) -> None:
        if seen.second_machine:
            await self._suspect(client, "client_second_machine")
        if seen.busy is not None:
            await self._suspect(client, "client_busy", *seen.busy)

    async def _suspect(
        self, client: Client, code: Suspicion, count: int = 0, busiest: int = 0
    ) -> None:
        now = self._now()
        alarm = Alarm(
            code=code,
            client=client.id,
            department=client.department,
            label=client.label,
            since=now,
            seen=now,
            count=count,
            busiest=busiest,
        )
        await self._raise(alarm)
        if self._blocks and client.is_active:
            self._forget(await self._stops.block(client.id, because=code))

    async def _raise(self, alarm: Alarm) -> None:
        name, now = name_of(alarm.code, alarm.client), time.monotonic()
        is_lately = now - self._alarmed.get(name, -_ALARM_AGAIN) < _ALARM_AGAIN
        if is_lately and alarm.code != "client_second_machine":  # each is seen here once
            return
        self._alarmed[name] = now
        try:
            await self._workers.finish(self._workers.run(self.alarms.see, alarm))
        except CustodyError as fault:
            del self._alarmed[name]
            _log.warning("memory_not_saved", result=fault.code)
