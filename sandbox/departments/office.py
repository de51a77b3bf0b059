"""Departments' web process as the sandbox's pages reach it: by its address, and by commands."""

from __future__ import annotations

import asyncio
import json
import signal
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp

from sandbox.departments.commands import CommandFailed, Product

_FINDINGS: Final = 1
"""Exit code of a sweep that has something to tell."""
_LOOKS_EVERY_SECONDS: Final = 0.1
_LEAD_MINUTES: Final = "50"
"""The longest there may be, and longer than an access token of this sandbox lives."""
ACCESS_LIFE_SECONDS: Final = 2400
_LABEL: Final = "Sandbox desk"
"""What the computer beside us is called, and the administrator who asks for its codes."""


class NotNow(Exception):
    """What cannot be done just now, and why: a sentence or two."""


class Office:
    """The web process, its database and its administrators' links."""

    def __init__(
        self, product: Product, settings: Mapping[str, str], database: Path, *, is_run: bool
    ) -> None:
        """
        Args:
            settings: of the web process.
            database: its file.
            is_run: whether it is run beside us, so that it is worth waiting for.
        """
        self._product = product
        self._settings = settings
        self._database = database
        self._aside = database.with_name(database.name + ".away")
        self._patience = 30 if is_run else 1
        self._links: dict[str, str] = {}
        self._cookie = ""
        self._one = asyncio.Lock()
        self._process: Process | None = None
        self.is_asleep = False
        """Whether `sleep` was done last."""

    @property
    def url(self) -> str:
        """The web process's."""
        return self._settings["PUBLIC_URL"]

    @property
    def is_database_away(self) -> bool:
        """Whether `take_database_away` was done last."""
        return self._aside.exists()

    async def link(self, name: str) -> str:
        """A link that signs an administrator in: one of theirs that still holds, or a new one.

        Raises:
            NotNow: there is none to be had.
        """
        async with self._one:
            await self._check_there()
            known = self._links.get(name)
            if known is not None and await self._status(known) == 200:
                return known
            link = (await self._output("console-link", f"--as={name}")).strip()
            self._links[name] = link
            return link

    async def sweep(self) -> dict[str, Any]:
        """Look after every credential now: each asks Google. What it has found.

        Raises:
            NotNow: it cannot be done.
        """
        async with self._one:
            await self._check_there()
            lead = {"TOKEN_REFRESH_LEAD_MINUTES": _LEAD_MINUTES}
            said = await self._output("maintenance", "run", "--json", **lead)
        found: dict[str, Any] = json.loads(said)
        return found

    async def take_database_away(self, away: bool) -> None:
        """Let nobody find the database's file, or put it back, with all that is in it."""
        async with self._one:  # a command that is under way has it open
            if away and self._database.exists():
                self._database.rename(self._aside)
            elif not away and self._aside.exists():
                self._aside.rename(self._database)

    def runs_as(self, processes: Sequence[Process]) -> None:
        """It is run beside us: the last of these."""
        self._process = processes[-1]

    async def sleep(self, asleep: bool) -> None:
        """Have the web process answer nobody, as a host that sleeps does, or wake it.

        Raises:
            NotNow: no process of ours.
        """
        if self._process is None or self._process.returncode is not None:
            raise NotNow("No web process is run beside this sandbox.")
        async with self._one:
            self._process.send_signal(signal.SIGSTOP if asleep else signal.SIGCONT)
            self.is_asleep = asleep

    async def pairing_code(self, department: str) -> str:
        """A new code for a computer of this department, as an administrator's page makes one.

        Raises:
            NotNow: there is none to be had.
        """
        wanted = {"department": department, "label": _LABEL}
        for _ in range(2):
            async with self._asking() as session:
                headers = {"Origin": self.url, "Cookie": self._cookie}
                path = "/api/clients/pairing-codes"
                async with session.post(path, json=wanted, headers=headers) as answer:
                    if answer.status == 201:
                        return str((await answer.json())["code"])
                    if answer.status != 401:
                        raise NotNow(f"The web process gives no code ({answer.status}).")
            await self._sign_in()
        raise NotNow("The web process lets no administrator in.")

    async def _sign_in(self) -> None:
        link = await self.link(_LABEL)
        async with (
            self._asking() as session,
            session.post(link, headers={"Origin": self.url}, allow_redirects=False) as answer,
        ):
            # By hand: over http no cookie is sent that is for https, but by browsers to localhost.
            its = [f"{one.key}={one.value}" for one in answer.cookies.values()]
            self._cookie = "; ".join(its)

    async def _output(self, *arguments: str, **more: str) -> str:
        command = self._product.departments({**self._settings, **more}, *arguments)
        try:
            return await command.output(_FINDINGS)
        except CommandFailed as failure:
            raise NotNow(str(failure)) from failure

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[aiohttp.ClientSession]:
        await self._check_there()
        timeout = aiohttp.ClientTimeout(total=10)
        try:
            async with aiohttp.ClientSession(self.url, timeout=timeout) as session:
                yield session
        except (aiohttp.ClientError, TimeoutError):
            raise NotNow("The web process has not answered. Press again.") from None

    async def _check_there(self) -> None:
        if self.is_asleep:
            raise NotNow("The cloud is asleep: wake it first.")
        if self.is_database_away:
            raise NotNow("The database is away: bring it back first.")
        deadline = asyncio.get_running_loop().time() + self._patience
        while await self._status(f"{self.url}/healthz") != 200:
            if asyncio.get_running_loop().time() > deadline:
                raise NotNow("The web process does not run: start it, and press again.")
            await asyncio.sleep(_LOOKS_EVERY_SECONDS)

    async def _status(self, address: str) -> int:
        """Of the web process's answer; 0: there is none."""
        timeout = aiohttp.ClientTimeout(total=10)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.get(address, allow_redirects=False) as answer,
            ):
                return answer.status
        except (aiohttp.ClientError, TimeoutError):
            return 0
