"""One step for several, in which one's trouble is nobody else's."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def each(step: Callable[[T], R], items: Iterable[T | Exception]) -> list[R | Exception]:
    """What `step` gives or raises for each item; an error of an earlier step stays what it is."""
    return [item if isinstance(item, Exception) else _attempt(step, item) for item in items]


def _attempt(step: Callable[[T], R], item: T) -> R | Exception:
    try:
        return step(item)
    except Exception as error:
        return error
