"""A computer of a department's staff: `drivekeeper desktop` beside the sandbox, in a home of its
own. It can be switched off, and it is entered and paired as by whoever sits at it."""

from __future__ import annotations

import asyncio
import re
import sys
from asyncio.subprocess import Process
from collections.abc import Callable, Mapping
from contextlib import suppress
from html import unescape
from pathlib import Path
from typing import Final, Self
from urllib.parse import urlsplit

import aiohttp

from sandbox.departments.commands import Command, Product
from sandbox.departments.office import NotNow, Office

_FOLDER: Final = ".driver_management_system"
_FIRST_PORT: Final = 8000
_PATIENCE_SECONDS: Final = 30
_LOOKS_EVERY_SECONDS: Final = 0.05
_END_SECONDS: Final = 10
_OFF: Final = "The computer is switched off: switch it on first."
_LEADS_TO: Final = re.compile(r'href="([^"]+)"')
_SAME_SITE: Final = {"Sec-Fetch-Site": "same-origin"}


class Desk:
    """One computer: `async with Desk(…)` switches it on, and off at the end."""

    def __init__(
        self, product: Product, office: Office, settings: Mapping[str, str], folder: Path
    ) -> None:
        """
        Args:
            office: whose departments it uploads for.
            settings: of its process.
            folder: its home, which is made; what it says goes into a file beside it.
        """
        self.office = office
        self.log = folder.with_name(f"{folder.name}.log")
        """What its process says, all of it."""
        self._product = product
        # Nothing of whoever runs the sandbox is read or touched.
        at_home = {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder / ".config")}
        self._settings = {**settings, **at_home, "DESKTOP_CLOUD_URL": office.url}
        self._folder = folder / _FOLDER
        self._way_in = self._folder / "open.html"
        self._port = _FIRST_PORT
        self._process: Process | None = None
        self._watching: asyncio.Task[None] | None = None
        self._one = asyncio.Lock()
        folder.mkdir(mode=0o700)

    @property
    def is_on(self) -> bool:
        """Whether its process runs."""
        return self._process is not None and self._process.returncode is None

    @property
    def address(self) -> str:
        """Of its page; "": it is not known, or there is none."""
        link = self._link() if self.is_on else None
        return "" if link is None else _origin(link)

    @property
    def is_paired(self) -> bool:
        """Whether it has a key, be it one that serves no more."""
        return (self._folder / "tokens.encrypted").exists()

    async def switch(self, *, on: bool) -> None:
        """On, or off: as where somebody pulls the plug, without a word to its process."""
        async with self._one:
            if on and not self.is_on:
                await self._start()
            elif not on:
                await self._end(Process.kill)

    async def way_in(self) -> str:
        """The address that lets a browser in, once: a new one each time that one was used.

        Raises:
            NotNow: there is none to be had.
        """
        deadline = asyncio.get_running_loop().time() + _PATIENCE_SECONDS
        while (link := self._link()) is None or not self.is_on:
            if not self.is_on:
                raise NotNow(_OFF)
            if asyncio.get_running_loop().time() > deadline:
                raise NotNow(f"The page is not there yet; {self.log} says why. Press again.")
            await asyncio.sleep(_LOOKS_EVERY_SECONDS)
        return link

    async def pair(self, department: str) -> str:
        """Have an administrator's new code typed into its page; the code, which is spent.

        Raises:
            NotNow: it cannot be done.
        """
        link = await self.way_in()
        code = await self.office.pairing_code(department)
        origin, _, token = link.partition("/enter?token=")
        timeout = aiohttp.ClientTimeout(total=_PATIENCE_SECONDS)
        fields = {"address": self.office.url, "code": code}
        try:
            async with aiohttp.ClientSession(
                origin, timeout=timeout, headers=_SAME_SITE
            ) as browser:
                page = ""
                for path, data in (("/enter", {"token": token}), ("pair", fields)):
                    async with browser.post(
                        f"{page}{path}", data=data, allow_redirects=False
                    ) as answer:
                        if answer.status != 303:
                            raise NotNow(f"The page has refused it ({answer.status}). Press again.")
                        page = answer.headers["Location"]
        except (aiohttp.ClientError, TimeoutError):
            raise NotNow("The page has not answered. Press again.") from None
        return code

    async def __aenter__(self) -> Self:
        await self.switch(on=True)
        return self

    async def __aexit__(self, *_exc: object) -> None:
        async with self._one:
            await self._end(Process.terminate)

    def _link(self) -> str | None:
        try:
            found = _LEADS_TO.search(self._way_in.read_text("utf-8"))
        except FileNotFoundError:
            return None
        return None if found is None else unescape(found[1])

    async def _start(self) -> None:
        self._way_in.unlink(missing_ok=True)  # of a start before, which leads nowhere now
        arguments = ("desktop", "--no-browser", "--port", str(self._port))
        command = self._product.departments(self._settings, *arguments)
        self._process = await _started(command, self.log)
        self._watching = asyncio.create_task(self._watch(self._process))

    async def _end(self, how: Callable[[Process], None]) -> None:
        if self._watching is not None:
            self._watching.cancel()
        if self._process is None or self._process.returncode is not None:
            return
        with suppress(ProcessLookupError):  # it has just ended
            how(self._process)
        try:
            async with asyncio.timeout(_END_SECONDS):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    async def _watch(self, process: Process) -> None:
        """Say which port it has, if it is not the usual one, and that it has ended by itself."""
        with suppress(NotNow):
            port = urlsplit(await self.way_in()).port or self._port
            if port != self._port:
                says = (
                    f"Port {self._port} is taken: the desktop page is at http://localhost:{port}."
                )
                print(f"\n  {says}\n", file=sys.stderr)
                self._port = port  # where it is found when it is switched on again
        code = await process.wait()
        print(
            f"\n  The desktop page has ended (exit code {code}); {self.log} says why. The control "
            "panel switches its computer on again.\n",
            file=sys.stderr,
        )


async def _started(command: Command, log: Path) -> Process:
    with log.open("ab") as sink:
        return await command.start(sink)  # on a terminal it prints a way in, which serves once


def _origin(link: str) -> str:
    parts = urlsplit(link)
    return f"{parts.scheme}://{parts.netloc}"
