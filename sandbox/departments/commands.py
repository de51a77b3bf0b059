"""The product, run as an operator runs it: its commands, and its processes side by side."""

from __future__ import annotations

import asyncio
import ctypes
import os
import shutil
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

_COMMAND_SECONDS: Final = 60
_NAME: Final = "drivekeeper"
_PR_SET_PDEATHSIG: Final = 1
_PRCTL: Final = ctypes.CDLL(None).prctl if sys.platform == "linux" else None
"""Found here: between fork and exec nothing can be looked up any more."""


class CommandFailed(Exception):
    """A command has refused, in its own words."""


def _ends_with_us() -> None:
    """In a process that has just been forked: it is told to end when this one is killed.

    Nobody is left then who could end it: it would go on, and keep its port, as it does still where
    there is no Linux.
    """
    if _PRCTL is not None:
        _PRCTL(_PR_SET_PDEATHSIG, signal.SIGTERM)


@dataclass(frozen=True)
class Command:
    """One of the product's, with the settings it is given."""

    line: Sequence[str]
    environment: Mapping[str, str]

    async def start(self, log: IO[bytes] | None = None) -> Process:
        """A process whose end is ours to bring about: Ctrl-C reaches this process alone.

        Args:
            log: takes what it writes, instead of where we write.
        """
        return await asyncio.create_subprocess_exec(
            *self.line,
            env=self.environment,
            stdin=None if log is None else DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=_ends_with_us,
        )

    async def output(self, *accepted: int) -> str:
        """What it prints.

        Args:
            accepted: exit codes besides 0 that are no refusal.

        Raises:
            CommandFailed: it has ended otherwise, or has not ended within a minute.
        """
        process = await asyncio.create_subprocess_exec(
            *self.line, env=self.environment, stdout=PIPE, stderr=PIPE
        )
        try:
            async with asyncio.timeout(_COMMAND_SECONDS):
                said, complained = await process.communicate()
        except TimeoutError:
            raise CommandFailed(f"{self.line[-1]} did not end within a minute.") from None
        finally:
            with suppress(ProcessLookupError):
                process.kill()
        if process.returncode not in (0, *accepted):
            raise CommandFailed(complained.decode().strip() or "The command has failed.")
        return said.decode()


@dataclass(frozen=True)
class Product:
    """How the product is run, and what its processes' environment is."""

    line: Sequence[str]
    """Before the name of a command."""
    environment: Callable[[Mapping[str, str]], dict[str, str]]
    """From the settings that a process is given to all of its environment."""
    environment_alone: Callable[[Mapping[str, str]], dict[str, str]]
    """The same, where no other setting of ours is to be in it."""

    @property
    def typed(self) -> str:
        """How its commands are typed here: a checkout's are on nobody's path."""
        beside = Path(self.line[0]).with_name(_NAME)
        is_hidden = shutil.which(_NAME) is None and beside.exists()
        return os.path.relpath(beside) if is_hidden else _NAME

    # No .env, which would mix real settings in.

    def bot(self, settings: Mapping[str, str], *, is_alone: bool) -> Command:
        """The bot.

        Args:
            is_alone: without any setting of this process's environment.
        """
        made = self.environment_alone if is_alone else self.environment
        return Command([*self.line, "bot", "--env-file", os.devnull], made(settings))

    def departments(self, settings: Mapping[str, str], *arguments: str) -> Command:
        """A command about departments, `web` for one."""
        line = [*self.line, *arguments, "--env-file", os.devnull]
        return Command(line, self.environment_alone(settings))


async def run_together(
    commands: Sequence[Command],
    stop: asyncio.Event,
    begun: Callable[[Sequence[Process]], object] = lambda _: None,
) -> int:
    """Run them side by side, until one ends or `stop` comes, and then end the others.

    Args:
        begun: is given their processes, in their order.

    Returns:
        The exit code of the one that has ended; after `stop` the first that is not 0.
    """
    processes: list[Process] = []
    stopped = asyncio.create_task(stop.wait())
    try:
        for command in commands:
            processes.append(await command.start())
        begun(processes)
        ends = [asyncio.create_task(process.wait()) for process in processes]
        await asyncio.wait((*ends, stopped), return_when=asyncio.FIRST_COMPLETED)
        ended = [end.result() for end in ends if end.done()]
    finally:
        stopped.cancel()
        told = [process for process in processes if process.returncode is None]
        for process in told:
            with suppress(ProcessLookupError):  # it has just ended
                os.kill(process.pid, signal.SIGCONT)  # one that was made to sleep hears nothing
                process.terminate()
        codes = [await process.wait() for process in told]
    # One that was told before it could listen has ended by the signal itself.
    codes = [0 if code == -signal.SIGTERM else code for code in codes]
    return ended[0] if ended else next(filter(None, codes), 0)
