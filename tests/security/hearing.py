"""What this process asks of the operating system, heard before it is done (PEP 578)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

Listener = Callable[[str, tuple[Any, ...]], None]
_listeners: list[Listener] = []


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    for listener in _listeners or ():  # at the interpreter's end there is no list any more
        listener(event, arguments)


@cache
def _begin() -> None:
    """Once there is something to hear: there is no way to take a hook back, and each event of the
    interpreter would wait for it, in every test."""
    sys.addaudithook(_hear)


@contextmanager
def hearing(listener: Listener) -> Iterator[None]:
    """Within, `listener` is told every event with its arguments, and may raise."""
    _begin()
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


@contextmanager
def hearing_paths(listener: Callable[[str], None]) -> Iterator[None]:
    """Within, `listener` is told every path that is opened, and may raise."""

    def hear(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            listener(str(arguments[0]))

    with hearing(hear):
        yield


@contextmanager
def unreadable(name: str) -> Iterator[None]:
    """Within, the operating system lets nobody open files of this name."""

    def refuse(path: str) -> None:
        if path.endswith(f"/{name}"):
            raise PermissionError(13, "Permission denied")

    with hearing_paths(refuse):
        yield
