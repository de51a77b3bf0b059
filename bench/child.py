"""A contender's process: told what to do by lines of JSON, answering with lines of JSON."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

Json = dict[str, Any]
ROOT: Final = Path(__file__).parents[1]
_LONGEST_STOP: Final = 20


class ChildFailed(Exception):
    """It ended without an answer; what it wrote is in its log."""


class Child:
    """One process, on one core, from this process's side. A context manager."""

    def __init__(
        self,
        module: str,
        *arguments: object,
        core: int,
        log: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """
        Args:
            module: run as `python -m`, and given `arguments`.
            core: the only one it may use.
            log: where its standard error goes, the product's log lines first of all.
            environment: variables beside PATH and LANG.
        """
        self._log = log
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, *map(str, arguments)],
                cwd=ROOT,
                # Nothing of the caller's environment: no settings, no proxies.
                env={"PATH": os.defpath, "LANG": "C.UTF-8", **(environment or {})},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        self.pid: Final = self._process.pid
        os.sched_setaffinity(self.pid, {core})  # threads made later inherit it
        try:
            self.hello: Json = self._answer()
        except BaseException:
            self.close()
            raise

    def ask(self, command: str, **options: object) -> Json:
        """Give a command, and wait for its answer."""
        if self._process.stdin is None:
            raise ChildFailed("no pipe")
        self._process.stdin.write(json.dumps({"command": command, **options}) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> Json:
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise ChildFailed(f"a process of the benchmark ended early: see {self._log}")
        answer: Json = json.loads(line)
        return answer

    def close(self) -> None:
        """No more commands: the process puts its things away and ends."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(_LONGEST_STOP)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


async def serve(hello: Json, answer: Callable[[Json], Awaitable[Json]]) -> None:
    """The process's own side: say hello, then answer commands until there are no more."""
    print(json.dumps(hello), flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps(await answer(json.loads(line))), flush=True)
