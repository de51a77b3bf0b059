"""What an error comes to: a fault that says what to do, and whether to try once more."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any

from security.errors import OperatorFault


@dataclass(frozen=True, slots=True)
class Meaning:
    """Of one error."""

    fault: OperatorFault
    again: bool = False
    """Whether the whole transaction is worth making once more."""


class StatementRefused(OperatorFault):
    """The database works, and takes not what it was sent: something in it may be of no use."""

    default_code = "store_failed"


def meaning(says: str, code: str = "store_failed", *, again: bool = False) -> Meaning:
    """Of what the database as a whole is in."""
    return Meaning(OperatorFault(f"the database of DATABASE_URL: {says}", code=code), again)


def not_taken(named: str) -> Meaning:
    """Of what says something of the statement alone.

    Args:
        named: the error.
    """
    says = f"it refused a statement ({named}); `drivekeeper db check` tries what it takes"
    return Meaning(StatementRefused(f"the database of DATABASE_URL: {says}"))


def named(error: BaseException | None) -> str:
    """An error by its number, or by its class where it has none."""
    number = number_of(error)
    return f"error {number}" if number is not None else type(error).__name__


def numbered(says: str, error: BaseException | None) -> str:
    """A sentence with the error's number: behind what is wrong, and before what to do."""
    what, colon, then = says.partition(":")
    return f"{what} ({named(error)}){colon}{then}"


def number_of(error: BaseException | None) -> int | None:
    """The database's own number of an error; None: it has none."""
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", None)
    first: Any = error.args[0] if error is not None and error.args else None
    return first if isinstance(first, int) else None
