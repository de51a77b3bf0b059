"""What a check answers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How it is."""

    OK = "ok"
    WARNING = "warning"
    """It works, and somebody should know."""
    FAILED = "failed"
    """It does not work, or will not for long."""
    SKIPPED = "skipped"
    """It was not looked at; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report: fit to be read by anybody, so no secret, no id, no path of one."""

    check: str
    state: State
    says: str
    """One plain sentence."""
    do: str = ""
    """What to do about it."""


def ok(check: str, says: str) -> Finding:
    """All is well."""
    return Finding(check, State.OK, says)


def warning(check: str, says: str, do: str) -> Finding:
    """It works, but."""
    return Finding(check, State.WARNING, says, do)


def failed(check: str, says: str, do: str) -> Finding:
    """It does not work."""
    return Finding(check, State.FAILED, says, do)


def skipped(check: str, says: str) -> Finding:
    """Not looked at."""
    return Finding(check, State.SKIPPED, says)


def sentence(fault: Exception) -> str:
    """A fault as one that begins and ends as sentences do."""
    text = str(fault)
    return f"{text[:1].upper()}{text[1:]}."
