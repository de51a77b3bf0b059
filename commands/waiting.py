"""Whoever waits is told for what, on stderr: what a bot keeps them from at once, all else after a
second; and then every ten."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

import typer

from security.credential import Owner

_SILENT_SECONDS: Final = 1.0
_EVERY_SECONDS: Final = 10.0


class _Saying:
    """Says it after a while, and then every ten seconds."""

    silent_seconds = _SILENT_SECONDS

    def __init__(self) -> None:
        self._says_at = 0.0

    def say(self, what: str, waited: float) -> None:
        now = time.monotonic()
        if waited >= self.silent_seconds and now > self._says_at:
            self._says_at = now + _EVERY_SECONDS
            typer.echo(what, err=True)


class WaitingForOwners(_Saying):
    """Says whose credential is waited for; of many who are busy, one in ten seconds."""

    def __init__(self, mask: Callable[[str], str]) -> None:
        super().__init__()
        self._mask = mask

    def __call__(self, owner: Owner, waited: float) -> None:
        """Told again and again while somebody else holds the owner's lease."""
        self.say(
            f"Waiting for {self._mask(owner.name)}: the bot, or another command, is at work on "
            "that credential. Half a minute at most; then it is left as it is.",
            waited,
        )


class WaitingForBot(_Saying):
    """Says at once that the bot has to be gone."""

    silent_seconds = 0.0

    def __call__(self, waited: float, longest: float) -> None:
        """Told again and again while the bot's lease is taken."""
        self.say(
            f"Waiting for the bot to be gone, {max(1, round(longest - waited))} seconds at most: "
            "stop it if it is running, and any standby. One that has died, or was cut off, counts "
            "as running for half a minute.",
            waited,
        )


@asynccontextmanager
async def saying(what: str) -> AsyncIterator[None]:
    """Say what is waited for, where it takes over a second."""

    async def say() -> None:
        began = time.monotonic()
        await asyncio.sleep(_SILENT_SECONDS)
        while True:
            typer.echo(f"{what} ({time.monotonic() - began:.0f} s) …", err=True)
            await asyncio.sleep(_EVERY_SECONDS)

    telling = asyncio.create_task(say())
    try:
        yield
    finally:
        telling.cancel()
        with suppress(asyncio.CancelledError):
            await telling
