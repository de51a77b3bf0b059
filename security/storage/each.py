"""One step for several, in which one's trouble is nobody else's; and the one outcome of one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def each(step: Callable[[T], R], items: Iterable[T | Exception]) -> list[R | Exception]:
    """What `step` gives or raises for each item; an error of an earlier step stays what it is."""
    return [item if isinstance(item, Exception) else _attempt(step, item) for item in items]


def only(outcomes: Sequence[R | Exception]) -> R:
    """The outcome of the one item there was; raised, where it is an error."""
    [outcome] = outcomes
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def _attempt(step: Callable[[T], R], item: T) -> R | Exception:
    try:
        return step(item)
    except Exception as error:
        return error
