"""What an administrator decides of a version that is held: it counts from now on, or never."""

from __future__ import annotations

import time

import structlog

from departments.documents import Held, Shelf
from security.credential import Owner
from security.errors import OperatorFault
from security.storage.each import only
from security.storage.events import Action, Event
from security.storage.protocol import Conflict, Step, Storage, Unit
from sheets.keeping.changes import PendingChanges
from sheets.keeping.forms import Period, SheetState
from sheets.keeping.kinds import SHEETS, STOPPED
from sheets.keeping.versions import Version, Versions
from sheets.versions.difference import difference

_TRIES = 6
_FIRST_PAUSE = 0.01
"""Seconds."""
_log = structlog.get_logger()


class Decisions:
    """Both block, and give the version that was decided of; None: nothing is held there (any
    more), or something else than whoever decides has seen.

    The audit trail has who decided, and then what of.

    Raises, each of them:
        CustodyError: the storage does not answer, or the version cannot be read.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._states = Shelf(storage, SHEETS, SheetState)
        self._versions = Versions(storage)
        self._changes = PendingChanges(storage)

    def accept(self, sheet: str, period: str, by: str, seen: str = "") -> Version | None:
        """What is held counts from now on.

        Args:
            sheet: its id.
            by: the administrator, as in departments/administrators/who.py.
            seen: which version is meant; empty: whichever is held.
        """
        return self._decide(sheet, period, by, seen, is_accepted=True)

    def keep(self, sheet: str, period: str, by: str, seen: str = "") -> Version | None:
        """What counted goes on counting; what was held is forgotten. As long as the spreadsheet
        stays as it is, it is not held again.

        Args:
            sheet, by, seen: as in `accept`.
        """
        return self._decide(sheet, period, by, seen, is_accepted=False)

    def _decide(
        self, sheet: str, period: str, by: str, seen: str, *, is_accepted: bool
    ) -> Version | None:
        for tried in range(_TRIES):
            if tried:  # in files the version has gone a moment before the state says so
                time.sleep(_FIRST_PAUSE * 2**tried)
            held = self._states.find(sheet)
            mine = None if held is None else held.content.periods.get(period)
            if held is None or mine is None or not mine.held or seen not in ("", mine.held):
                return None
            version = Version(sheet, period, mine.held)
            try:
                self._apply(held, version, mine, by, is_accepted=is_accepted)
            except Conflict:
                continue
            return version
        raise OperatorFault("a document changes all the time", code="store_failed")

    def _apply(
        self, held: Held[SheetState], version: Version, mine: Period, by: str, *, is_accepted: bool
    ) -> None:
        now, state, steps = self._storage.now(), held.content, list[Step]()
        current = version.id if is_accepted else mine.current
        if is_accepted:
            new = self._versions.open(version)
            old = self._versions.open(Version(version.sheet, version.period, mine.current))
            if new is None:
                raise Conflict("what was held has gone")  # somebody else keeps what counts
            if old is not None and type(old.contents) is type(new.contents):
                change = difference(old.contents, new.contents)
                steps += self._changes.putting(version.sheet, change, now)
            steps.append(self._versions.accepting(new, now, by))
        else:
            steps.append(self._versions.dropping(version))
        periods = {**state.periods, version.period: Period(current=current)}
        changed = now if is_accepted else state.changed_at
        after = state.model_copy(update={"periods": periods, "changed_at": changed})
        done: Action = "sheet_accepted" if is_accepted else "sheet_kept"
        owner = Owner.parse(f"department:{version.sheet.partition('.')[0]}")
        events = [Event("confirmed", _mask_of(by), STOPPED), Event(done, owner)]
        all_steps = self._states.replacing(held, after, steps)
        only(self._storage.apply([Unit(all_steps, events=events)]))
        if is_accepted:
            _log.info("sheet_changed", owner=owner)


def _mask_of(by: str) -> Owner | None:
    """An operator at the machine is nobody's mask."""
    return Owner.parse(by) if by.startswith("user:") else None
