"""One step for several, in which one's trouble is nobody else's; the one outcome; portions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
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


def portions(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """All of them in their order, `size` at a time."""
    return (items[start : start + size] for start in range(0, len(items), size))


def _attempt(step: Callable[[T], R], item: T) -> R | Exception:
    try:
        return step(item)
    except Exception as error:
        return error
