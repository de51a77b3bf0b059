"""The names of what maintenance keeps, and what earlier versions kept in one document for all."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from security.credential import Owner
from security.quarantine.policy import Rejections
from security.storage.catalogue import Document, Kind, claims_owner, owner_by_stem

OWNER: Final = "owner."
"""Before an owner's stem: pause, refusal by their organisation, rejection."""
ACTIVE: Final = "active."
"""Before an owner's stem: the last active day."""
INCIDENT: Final = "incident."
"""Before an incident's code."""
ENDED: Final = "ended."
"""Before an incident's code: when that was over of whose end administrators have been told last."""
PROCESS: Final = "process."
"""Before a process's name: its sweeps, and what the last hour is measured by."""
PRESENT: Final = "present."
"""Before a process's name: that it is there."""
_TIMES: Final = (("rejection", 1), ("rejected", 0))
"""The fields of an owner's document that say when, and where in them."""
_WRONG: Final = (ValueError, TypeError, LookupError, AttributeError)
_REJECTED: Final = frozenset(Rejections.FIELDS)
EARLIER: Final[tuple[str, ...]] = (
    "pauses",
    "organisations",
    "verdicts",
    "incidents",
    "activity",
    "sweeps",
)


def owner_of(name: str) -> Owner | None:
    """Whom a document of this name is about."""
    return owner_by_stem(name.removeprefix(OWNER).removeprefix(ACTIVE))


def _indexes_of(document: Document) -> dict[str, str | None]:
    """Who is rejected, or was of late, and whose grant ends on a date: all processes go by that."""
    is_rejected = not _REJECTED.isdisjoint(document)
    return {
        "rejected": "yes" if is_rejected else "no",
        "ends": "yes" if document.get("grant_ends") is not None else "no",
    }


MAINTENANCE: Final = Kind(
    "maintenance",
    in_use=False,
    owner_of=owner_of,
    claims=claims_owner,
    indexes=_indexes_of,
)


def bring_up(
    old: Mapping[str, Document], kept: Mapping[str, Document], process: str
) -> dict[str, Document]:
    """What is to be kept from now on, by name, where earlier versions' documents are there.

    Beside this version's they lie where an earlier one was started again since, or where dividing
    them was cut short. Those that speak of a later moment are right as a whole: what the others
    know besides is over. A last active day never goes back.

    Args:
        kept: this version's.
    """
    divided = divide(old, process)
    newest_divided, newest_kept = _newest(divided), _newest(kept)
    if newest_divided == newest_kept:
        right = {**divided, **kept}
    else:
        right = dict(divided if newest_divided > newest_kept else kept)
    for name in {**divided, **kept}:
        if name.startswith(ACTIVE):
            known = [documents[name] for documents in (divided, kept) if name in documents]
            right[name] = max(known, key=_day_of)
    return right


def _day_of(document: Document) -> int:
    day = document.get("day")
    return day if isinstance(day, int) else 0


def _newest(documents: Mapping[str, Document]) -> float:
    """The latest moment that has passed by any of them, in Unix seconds."""
    newest = float("-inf")
    for name, document in documents.items():
        with suppress(*_WRONG):
            newest = max(newest, *_moments(name, document))
    return newest


def _moments(name: str, document: Document) -> list[float]:
    """When something has happened; never none."""
    moments: list[Any] = [float("-inf")]
    if name.startswith(PROCESS):
        minutes = (*document["asked"], *document["read"])
        moments += [int(minute) * 60 for minute in minutes]
        sweeps = document["sweeps"]
        moments += [datetime.fromisoformat(sweep["started_at"]).timestamp() for sweep in sweeps]
    elif name.startswith(INCIDENT):
        moments += [document["since"], document["until"] or document["since"]]
    else:
        moments += [document[k][at] for k, at in _TIMES if k in document]
    return [float(moment) for moment in moments]


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
    with suppress(*_WRONG):
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
