"""The bot as a process of its own, which dies before or after a chosen change on its disk.

It is forked off a process that has imported everything, and then does what `drivekeeper bot` does.
What it asks of the disk it notes itself, by an audit hook: https://peps.python.org/pep-0578/. The
hook comes before the system call; SIGKILL to oneself lets nothing follow.
"""

from __future__ import annotations

import asyncio
import mmap
import os
import pickle
import signal
import sys
import threading
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from config import load_settings
from processes import bot as bot_process

PLACES: Final = ("uploads", "updates", "local")
"""Where changes are counted: jobs, updates, and the local Bot API server's files."""
Mutant = Callable[[], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True)
class Step:
    """One thing the bot does: a request, or a change of names on its disk."""

    name: str
    """An operation of the sandbox's, or "rename uploads", "remove local", …"""
    number: int
    """Its place among those of its name, from 1, once a file is sent."""

    @property
    def is_on_disk(self) -> bool:
        """Whether the bot itself counts it; else the sandbox does."""
        return " " in self.name


@dataclass(frozen=True, slots=True)
class Moment:
    """When the bot is killed."""

    step: Step
    when: Literal["before", "after", "amid"]
    """A request: before it is carried out, or before it is answered. A change: before it, or
    before the folder's fsync. Amid: of a request's body this much has been read."""
    at: int = 0
    """Bytes, for "amid"."""
    forget: bool = False
    """Drive has forgotten the upload session by the next start."""

    def __str__(self) -> str:
        place = f"{self.when} {self.step.name} {self.step.number}"
        return place + (f" at byte {self.at}" if self.at else "") + ", session lost" * self.forget


@dataclass(frozen=True, slots=True)
class Order:
    """What a waiting process shall be."""

    settings: dict[str, str]
    data: Path
    local: Path
    log: Path
    trace: Path
    fatal: Moment | None = None


@dataclass(slots=True)
class Bot:
    """A forked process that waits for its order, then is the bot. Make it without threads."""

    mutant: Mutant = nullcontext
    pid: int = 0
    armed: mmap.mmap = field(default_factory=lambda: mmap.mmap(-1, 1))
    _orders: int = 0

    def __post_init__(self) -> None:
        read, self._orders = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._orders)
            _be_the_bot(read, self.mutant, self.armed)
        os.close(read)

    def begin(self, order: Order) -> None:
        """Start it."""
        os.write(self._orders, pickle.dumps(order))
        os.close(self._orders)
        self._orders = 0

    def arm(self) -> None:
        """From now on its steps count."""
        self.armed[0] = 1

    def kill(self) -> None:
        """SIGKILL, at once; again is nothing."""
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM: it ends in order."""
        if self.pid:
            os.kill(self.pid, signal.SIGTERM)

    async def ended(self, patience: float) -> int | None:
        """Its exit code, negative where a signal ended it; None: it still runs after `patience` s.

        Once it has ended this must not be asked again.
        """
        for _ in range(max(int(patience / 0.005), 1)):
            pid, status = os.waitpid(self.pid, os.WNOHANG)  # noqa: ASYNC222 - it does not wait
            if pid:
                self.pid = 0
                return os.waitstatus_to_exitcode(status)
            await asyncio.sleep(0.005)
        return None

    def close(self) -> None:
        """Whatever it does: no more."""
        if self._orders:
            os.close(self._orders)
        if self.pid:
            self.kill()
            os.waitpid(self.pid, 0)
        self.armed.close()


def _be_the_bot(orders: int, mutant: Mutant, armed: mmap.mmap) -> None:
    code = 1
    try:
        with os.fdopen(orders, "rb") as source:
            order: Order = pickle.load(source)  # noqa: S301 - of the parent
        log = os.open(order.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(log, 1)
        os.dup2(log, 2)
        sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
        os.environ.clear()
        os.environ.update(order.settings)
        watch_disk(order, armed)
        with mutant():
            bot_process.run_to_the_end(load_settings(env_file=Path(os.devnull)))
    except EOFError:  # never needed
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


def watch_disk(order: Order, armed: mmap.mmap) -> None:
    """Note every change of names in PLACES, and die at the fatal one. For good: a hook stays."""
    trace = os.open(order.trace, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    counts: Counter[str] = Counter()
    fatal = order.fatal
    dying: list[int] = []
    folders = {f"{order.data}/{place}/": place for place in PLACES} | {f"{order.local}/": "local"}

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if dying and dying[0] == threading.get_ident():
            dying.clear()  # a kill is an event as well
            os.kill(os.getpid(), signal.SIGKILL)
        if event not in ("os.rename", "os.remove") or not armed[0]:
            return
        path = arguments[1 if event == "os.rename" else 0]
        shown = os.fsdecode(path) if isinstance(path, str | bytes | os.PathLike) else ""
        folder = arguments[-1]
        if event == "os.remove" and folder != -1:  # named within a folder that is held open
            shown = str(Path(f"/proc/self/fd/{folder}").readlink() / shown)
        place = next((folders[start] for start in folders if shown.startswith(start)), None)
        if place is None:
            return
        name = f"{event.removeprefix('os.')} {place}"
        counts[name] += 1
        os.write(trace, f"{name} {counts[name]}\n".encode())
        if fatal is not None and fatal.step == Step(name, counts[name]):
            if fatal.when == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            dying.append(threading.get_ident())

    sys.addaudithook(hook)


def read_trace(trace: Path) -> list[Step]:
    """What `watch_disk` has noted, in its order."""
    lines = trace.read_text().splitlines() if trace.exists() else []
    parts = (line.rpartition(" ") for line in lines)
    return [Step(name, int(number)) for name, _, number in parts]
