"""What is asked of kept sheets: how one stands, which version counts or counted, by which codes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Literal

from departments.documents import Shelf
from security.errors import CorruptCredential
from security.storage.protocol import Storage
from sheets.keeping.forms import Period, SheetState
from sheets.keeping.kinds import SHEETS
from sheets.keeping.sources import today_of
from sheets.keeping.versions import Opened, Version, Versions
from sheets.shapes.file import Sheet

Standing = Literal["never", "unread", "fault", "held", "fine"]
_TRIES = 2


class Asking:
    """Every method blocks.

    Raises, each of them:
        OperatorFault: the storage does not answer.
        CorruptCredential: the version that is meant cannot be read.
    """

    def __init__(self, storage: Storage, sheets: Mapping[str, Sheet]) -> None:
        """
        Args:
            sheets: by their ids.
        """
        self._storage = storage
        self._sheets = sheets
        self._states = Shelf(storage, SHEETS, SheetState)
        self._versions = Versions(storage)

    def state(self, sheet: str) -> SheetState | None:
        """How it stands; None: it was never looked at.

        Args:
            sheet: its id.
        """
        held = self._states.find(sheet)
        return None if held is None else held.content

    def today(self, sheet: Sheet, state: SheetState | None) -> date:
        """The day that it is where its times are."""
        return today_of(sheet, self._storage.now(), "" if state is None else state.zone)

    def month(self, sheet: Sheet, state: SheetState, day: date | None = None) -> str | None:
        """The month that is meant where none is said: a day's, or else the last one before it that
        there is, or the first after it. Empty: of no month. None: there is no version of any.

        Args:
            day: None: today.
        """
        there = sorted(period for period, one in state.periods.items() if one.current)
        mine = str(day or self.today(sheet, state))[:7]
        before = [period for period in there if period and period <= mine]
        if before:
            return before[-1]
        return there[0] if there else None

    def version_at(self, sheet: str, period: str, at: float | None = None) -> Version | None:
        """Which version counts, or counted; None: none did.

        Args:
            at: Unix seconds; None: now.
        """
        state = self.state(sheet)
        one = None if state is None else state.periods.get(period)
        if one is None:
            return None
        if at is None:
            return Version(sheet, period, one.current) if one.current else None
        for version in self._versions.of(sheet, period):
            if version.id == one.held or version.at.timestamp() > at:
                continue
            record = self._versions.record(version)
            if record is not None and (record.accepted_at or 0.0) <= at:
                return version
        return None

    def open_at(self, sheet: str, period: str, at: float | None = None) -> Opened | None:
        """The same with what is in it. One that goes while it is asked for is asked for again."""
        for _ in range(_TRIES):
            version = self.version_at(sheet, period, at)
            if version is None:
                return None
            opened = self._versions.open(version)
            if opened is not None:
                return opened
        raise CorruptCredential("the version of a sheet that counts is not there")

    def codes_for(self, sheet: Sheet, period: str, at: float | None = None) -> Opened | None:
        """The table of codes of a month's duties; None: the sheet names none, or there is none yet.

        Args:
            at: as in `version_at`.
        """
        codes = self._sheets.get(sheet.codes or "")
        state = None if codes is None else self.state(codes.id)
        if codes is None or state is None:
            return None
        day = date.fromisoformat(f"{period}-01") if period else None
        month = self.month(codes, state, day)
        return None if month is None else self.open_at(codes.id, month, at)

    def before(self, version: Version) -> Version | None:
        """The one that counted before it; None: there is none, or none any more."""
        every = self._versions.of(version.sheet, version.period)  # the newest first
        state = self.state(version.sheet)
        held = "" if state is None else state.periods.get(version.period, Period()).held
        older = (one for one in every if one.id < version.id and one.id != held)
        return next(older, None)


def standing_of(state: SheetState | None) -> Standing:
    """One word for how a sheet stands."""
    if state is None:
        return "never"
    if state.trouble:
        return "unread"
    if state.faults:
        return "fault"
    return "held" if state.held else "fine"
