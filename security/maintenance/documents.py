"""The names of what maintenance keeps, and what earlier versions kept in one document for all."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from security.credential import Owner
from security.storage.catalogue import Document

OWNER: Final = "owner."
"""Before an owner's stem: pause, refusal by their organisation, rejection."""
ACTIVE: Final = "active."
"""Before an owner's stem: the last active day."""
INCIDENT: Final = "incident."
"""Before an incident's code."""
PROCESS: Final = "process."
"""Before a process's name: its sweeps, and what the last hour is measured by."""
EARLIER: Final[tuple[str, ...]] = (
    "pauses",
    "organisations",
    "verdicts",
    "incidents",
    "activity",
    "sweeps",
)


def divide(old: Mapping[str, Document], process: str) -> dict[str, Document]:
    """The documents that earlier versions' make, by name; what makes no sense is left out."""
    made: dict[str, Document] = {}

    def about(prefix: str, name: str, **entry: Any) -> None:
        with suppress(ValueError):
            stem = Owner.parse(name).stem
            made.setdefault(prefix + stem, {"owner": name}).update(entry)

    for name, pause in old.get("pauses", {}).items():
        about(OWNER, name, pause=pause)
    for name, refusal in old.get("organisations", {}).items():
        about(OWNER, name, organisation=refusal)
    verdicts = old.get("verdicts", {})
    with suppress(ValueError, TypeError, KeyError, AttributeError):
        for name, (reason, since, stamp, held, told) in verdicts["verdicts"].items():
            version = "-".join(map(str, stamp))  # as the storage in files gives it
            about(OWNER, name, rejection=[reason, since, version, held, told])
        for name, rejected in verdicts["condemned"].items():
            about(OWNER, name, rejected=rejected)
    for name, day in old.get("activity", {}).items():
        about(ACTIVE, name, day=day)
    for code, entry in old.get("incidents", {}).items():
        match entry:
            case [since, owners, told, until]:
                kept = {"since": since, "owners": owners, "told": told, "until": until}
                made[INCIDENT + code] = kept
    made[PROCESS + process] = {
        "asked": verdicts.get("asked", {}),
        "read": verdicts.get("read", {}),
        "sweeps": old.get("sweeps", {}).get("sweeps", []),
    }
    return made
