"""How a side of a move is marked. Of both sides never more than one serves, whenever a move is cut
short: a marked one refuses, and says where everything is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, Literal

from security.errors import OperatorFault

SideName = Literal["files", "sql"]


class Mark(StrEnum):
    """Why a side serves nobody; also the name of what says so there."""

    AWAY = "moved_away"
    """All of it is on the other side."""
    ARRIVING = "moving_in"
    """All of it is coming from the other side, and is not complete."""


@dataclass(frozen=True, slots=True)
class Marked:
    """A mark that was found."""

    since: datetime | None
    """None: not known, because its key is not configured."""
    where: str = ""
    """Which place the other side is, for people; empty: not known."""


_OTHER: Final[dict[SideName, SideName]] = {"files": "sql", "sql": "files"}
_PLACE: Final[dict[SideName, str]] = {
    "files": "the data folder (USER_DATA_DIR)",
    "sql": "the database (DATABASE_URL)",
}
_KINDS: Final[dict[SideName, str]] = {"files": "files", "sql": "the database"}
_TO_GO_ON: Final[dict[SideName, str]] = {
    "files": "set DATABASE_URL",
    "sql": "take DATABASE_URL out of the settings (DATABASE_CA too, where it is set)",
}
"""How an operator comes to work with the other side."""
_OCCUPIED: Final[dict[SideName, str]] = {
    "sql": "name an empty database in DATABASE_URL; or, where its own credentials are the right "
    "ones, move nothing, put the data folder away as a backup, and start the bot",
    "files": "name an empty folder in USER_DATA_DIR; or, where its own credentials are the right "
    f"ones, move nothing, {_TO_GO_ON['sql']}, and start the bot",
}


def place(name: SideName) -> str:
    """What people call a side, with the setting that names it."""
    return _PLACE[name]


def sentence(name: SideName, mark: Mark, since: datetime | None) -> str:
    """What a marked side says of itself: where the data is, and how to go on or back."""
    other = _OTHER[name]
    when = "" if since is None else f" on {since.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    if mark is Mark.AWAY:
        return (
            f"everything that was kept in {_PLACE[name]} was moved to {_KINDS[other]}{when}: "
            f"{_TO_GO_ON[name]} to go on there, or bring it back by `drivekeeper tokens move --to "
            f"{name}`"
        )
    return (
        f"a move to {_PLACE[name]} was begun{when} and has not ended: run `drivekeeper tokens move "
        f"--to {name}` again, or {_TO_GO_ON[name]} to go on as before it"
    )


def occupied(name: SideName) -> str:
    """What is said of a side that nothing is moved to: it has credentials that serve."""
    return (
        f"{_PLACE[name]} holds an installation of its own, and nothing is moved into it: "
        f"{_OCCUPIED[name]}"
    )


def sentence_of_empty(moved: Marked, place: str) -> str:
    """What is said of an empty database, where a data folder's all was moved into one.

    Args:
        place: which database is empty, for people.
    """
    when = "" if moved.since is None else f" on {moved.since.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    where = "a database" if not moved.where else f"the database {moved.where}"
    return (
        f"the database of DATABASE_URL ({place}) is empty, and everything that was kept in "
        f"{_PLACE['files']} was moved to {where}{when}: name that one in DATABASE_URL; if it was "
        "lost, put a dump of it back, or run `drivekeeper restore ARCHIVE`; to begin anew, name "
        "another data folder"
    )


def refuse_marked(name: SideName, marked: Callable[[str], Marked | None]) -> None:
    """Raise OperatorFault where a side is marked, with its sentence.

    Args:
        marked: finds a mark there.
    """
    for mark in Mark:
        if (found := marked(mark)) is not None:
            raise OperatorFault(sentence(name, mark, found.since), code="moved_away")
