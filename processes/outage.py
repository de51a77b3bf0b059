"""A database that is away while a process is not the bot yet: it waits, and says for what."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Final

import structlog

from processes.ending import StoppedInTime
from security.errors import CustodyError
from security.google.jitter import doubling
from security.logs.schema import OPERATOR_FAULTS

PASSING: Final = frozenset({"database_unreachable", "locked"})
"""What may be over at any moment. Anything else that keeps a process from starting is an operator's
to mend."""
_FIRST_PAUSE_SECONDS: Final = 1.0
_LONGEST_PAUSE_SECONDS: Final = 10.0
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_log = structlog.get_logger()


class Outage:
    """What has kept a process from being the bot, as it has met it itself."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}
        self._until: float | None = None

    def meet(self, code: str) -> bool:
        """It is there; whether that is news."""
        is_news = self._until is not None or not self._since
        if is_news:
            self._since.clear()
        self._since.setdefault(code, time.monotonic())
        self._until = None
        return is_news

    def recall(self, since: Mapping[str, float]) -> None:
        """What the process before this one has met, by code, and since when in Unix seconds."""
        now, ago = time.monotonic(), time.time()
        if since and not self._since:
            self._until = now
        for code, at in since.items():
            self._since[code] = min(now - max(ago - at, 0), self._since.get(code, now))

    def end(self) -> None:
        """The database answers."""
        if self._until is None:
            self._until = time.monotonic()

    def seconds_ago(self, most: float) -> dict[str, float]:
        """By code of what administrators are told of, how long ago it began; nothing where it was
        over more than so many seconds ago, when the bot before lived to tell of its end."""
        now = time.monotonic()
        if self._until is not None and now - self._until > most:
            return {}
        return {c: now - at for c, at in self._since.items() if c in OPERATOR_FAULTS}


async def until_it_answers(
    fault: CustodyError,
    ask: Callable[[], object],
    outage: Outage,
    meanwhile: Callable[[], AbstractAsyncContextManager[object]],
) -> None:
    """Wait while what keeps the process from starting may be over at any moment.

    Args:
        fault: what it was.
        ask: blocks, and raises CustodyError while it is there.
        meanwhile: around the waiting.

    Raises:
        StoppedInTime: the process was stopped.
    """
    outage.meet(fault.code)
    _log.warning("start_waits", result=fault.code)
    say(f"{str(fault)[:1].upper()}{str(fault)[1:]}. Waiting for it, to start when it answers.")
    with stop_signal() as stop:
        async with meanwhile():
            for pause in doubling(_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS):
                await paused(pause, stop)
                try:
                    await asyncio.to_thread(ask)
                except CustodyError as again:
                    if again.code in PASSING:
                        outage.meet(again.code)
                        continue
                break  # another fault is met, and told, by the start itself
    outage.end()


async def paused(seconds: float, stop: asyncio.Event) -> None:
    """Wait for so long. Raises StoppedInTime where the process is stopped."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
    raise StoppedInTime


@contextmanager
def stop_signal() -> Iterator[asyncio.Event]:
    """Set by SIGINT or SIGTERM; afterwards they end the process as ever."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)


def say(sentence: str) -> None:
    """To whoever looks at standard error, beside the log."""
    print(sentence, file=sys.stderr, flush=True)
