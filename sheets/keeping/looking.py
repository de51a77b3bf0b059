"""One look at a spreadsheet, and what follows for each of its sheets: nothing, a new version, one
that is held, or a fault beside which the last good version stays."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import date
from typing import Final

import structlog

from departments.documents import Held, Shelf
from security.credential import Owner
from security.errors import CustodyError, OperatorFault, TransientFault
from security.google.jitter import jittered
from security.storage.each import only
from security.storage.protocol import ABSENT, Conflict, Step, Storage, Unit
from sheets.answer import Reading, open_answer, raw_digest
from sheets.keeping.changes import PendingChanges
from sheets.keeping.forms import Period, Seen, SheetState, VersionRecord
from sheets.keeping.kinds import SHEETS, STOPPED
from sheets.keeping.sources import Source, days_of, tabs_of, today_of
from sheets.keeping.versions import Version, Versions, id_at, newest, size_of
from sheets.kinds.contents import Contents, Parsed
from sheets.nobodys import on_duty
from sheets.parsing import Looked, look, missing
from sheets.shapes.file import Sheet
from sheets.versions.difference import counts
from sheets.versions.judging import Verdict, judge
from sheets.versions.written import FORM
from sheets.wanted import TabWanted, tab_of, wanted

INTERVAL: Final = 600.0
"""Seconds from one look to the next, more or less."""
_SPREAD: Final = 0.1
_FIRST_AGAIN: Final = 30.0
_TRIES: Final = 5
Read = Callable[[str, str, Sequence[TabWanted]], bytes]
"""Of a department and a spreadsheet the answer for these tabs, as it came. Raises CustodyError."""
States = dict[str, SheetState]
_log = structlog.get_logger()


class Looking:
    """Every method blocks. Whoever looks holds the source's lease."""

    def __init__(self, storage: Storage, read: Read, interval: float = INTERVAL) -> None:
        self._storage = storage
        self._read = read
        self._interval = interval
        self._states = Shelf(storage, SHEETS, SheetState)
        self._versions = Versions(storage)
        self._changes = PendingChanges(storage)

    def states(self, sheets: Sequence[Sheet]) -> States:
        """How sheets stand; those that were never looked at are left out."""
        return self.some([each.id for each in sheets])

    def some(self, ids: Sequence[str]) -> States:
        """The same, by their ids; also of sheets that no settings name any more."""
        return {one.name: one.content for one in self._states.some(ids)}

    def is_due(self, source: Source, before: float | None = None) -> bool:
        """Whether it is to be looked at now.

        Args:
            before: whatever was looked at before this is; None: by when each is due.
        """
        found, now = self.states(source.sheets), self._storage.now()
        return any(
            sheet.id not in found
            or (
                found[sheet.id].due_at <= now
                if before is None
                else (found[sheet.id].looked_at or 0.0) < before
            )
            for sheet in source.sheets
        )

    def look(self, source: Source, before: float | None = None) -> States | None:
        """Look at it, unless that has been done meanwhile; None: it has been.

        Args:
            before: as in `is_due`.

        Raises:
            OperatorFault: the storage does not answer, or cannot keep it. What Google refuses is
                no error here: it is in the states.
        """
        if not self.is_due(source, before):
            return None
        now, known = self._storage.now(), self.states(source.sheets)
        days = {
            sheet.id: today_of(sheet, now, known[sheet.id].zone if sheet.id in known else "")
            for sheet in source.sheets
        }
        try:
            raws, reading = self._answer(source, known, days)
            if reading is not None:
                there = days_of(source, now, reading.zone)
                # Its zone was not known: the month may be another there.
                is_other = tabs_of(source, there) != tabs_of(source, days)
                days = there
                if is_other:
                    raws, reading = self._answer(source, known, days)
        except CustodyError as fault:
            return {sheet.id: self._fail(sheet, fault) for sheet in source.sheets}
        return {
            sheet.id: self._take(sheet, reading, raws[sheet.id], days[sheet.id], began=now)
            for sheet in source.sheets
        }

    def _answer(
        self, source: Source, known: States, days: dict[str, date]
    ) -> tuple[dict[str, str], Reading | None]:
        """By sheet the digest of what Google answers, and the answer; None: that of last time."""
        body = self._read(source.department, source.spreadsheet, tabs_of(source, days))
        raw = raw_digest(body)
        raws = {sheet.id: _raw(sheet, raw, days[sheet.id]) for sheet in source.sheets}
        is_same = all(
            raws[sheet.id] == (known[sheet.id].raw if sheet.id in known else "")
            for sheet in source.sheets
        )
        return raws, None if is_same else open_answer(body)

    def mend(self, sheet: Sheet) -> bool:
        """Have the next look read anew what cannot be read of what counts; whether there was any.

        As long as the spreadsheet stays as it is nothing would be read of it. Of a month that is
        looked at no more nothing can be done.
        """
        state = self.states([sheet]).get(sheet.id)
        if state is None:
            return False
        wanted_now = {seen.period for seen in state.seen.values() if seen.digest}
        counts_now = [
            Version(sheet.id, period, one.current)
            for period, one in state.periods.items()
            if one.current and period in wanted_now
        ]
        lost = {one.period for one in counts_now if self._contents(one) is None}
        if not lost:
            return False

        def mended(state: SheetState) -> tuple[SheetState, list[Step]]:
            seen = {
                asked: one.model_copy(update={"digest": ""}) if one.period in lost else one
                for asked, one in state.seen.items()
            }
            return state.model_copy(update={"raw": "", "seen": seen}), []

        self._change(sheet, mended)
        _log.warning("sheet_not_taken", owner=_owner(sheet), result="corrupt")
        return True

    def _fail(self, sheet: Sheet, fault: CustodyError) -> SheetState:
        asked_to_wait = fault.retry_after if isinstance(fault, TransientFault) else None

        def failed(state: SheetState) -> SheetState:
            pause = min(self._interval, _FIRST_AGAIN * 2 ** min(state.failures, 10))
            if isinstance(fault, OperatorFault):
                pause = self._interval
            due = self._storage.now() + jittered(max(pause, asked_to_wait or 0.0), _SPREAD)
            return state.model_copy(
                update={
                    "due_at": due,
                    "failures": state.failures + 1,
                    "trouble": fault.code,
                    "because": str(fault)[:400],
                    "is_lasting": isinstance(fault, OperatorFault),
                }
            )

        before, after = self._change(sheet, lambda state: (failed(state), []))
        if before.trouble != after.trouble:
            _log.warning("sheet_not_read", owner=_owner(sheet), result=fault.code)
        return after

    def _take(
        self, sheet: Sheet, reading: Reading | None, raw: str, today: date, *, began: float
    ) -> SheetState:
        """What follows for one sheet. None: Google's answer is the one of last time."""
        now = self._storage.now()

        def taken(state: SheetState) -> tuple[SheetState, list[Step]]:
            looked = state.model_copy(
                update={
                    "looked_at": began,  # what was written since need not be in the answer
                    "due_at": now + jittered(self._interval, _SPREAD),
                    "raw": raw,
                    "failures": 0,
                    "trouble": "",
                    "because": "",
                    "is_lasting": False,
                }
            )
            if reading is None or raw == state.raw:
                return looked, []
            return self._compared(sheet, reading, looked, today, now)

        before, after = self._change(sheet, taken)
        self._tell(sheet, before, after)
        return after

    def _compared(
        self, sheet: Sheet, reading: Reading, state: SheetState, today: date, now: float
    ) -> tuple[SheetState, list[Step]]:
        seen: dict[str, Seen] = {}
        periods, steps, changed = dict(state.periods), list[Step](), state.changed_at
        for one in wanted(sheet, today):
            last = state.seen.get(one.period, Seen())
            found = _looked(sheet, reading, one, today, last.digest)
            if found is None:
                continue
            if found.parsed is None:
                seen[one.period] = last.model_copy(update={"title": found.tab})
                continue
            parsed = found.parsed
            period = parsed.period if parsed.period else one.period
            seen[one.period] = Seen(
                title=found.tab, digest=found.digest, period=period, findings=parsed.findings
            )
            mine = periods.get(period, Period())
            mine, its_steps = self._judged(sheet, found.tab, parsed, period, mine, now)
            if mine.current != periods.get(period, Period()).current:
                changed = now
            if mine.current or mine.held:
                periods[period] = mine
            steps += its_steps
        update = {"seen": seen, "periods": periods, "changed_at": changed, "zone": reading.zone}
        return state.model_copy(update=update), steps

    def _judged(
        self, sheet: Sheet, tab: str, parsed: Parsed, period: str, mine: Period, now: float
    ) -> tuple[Period, list[Step]]:
        last = self._contents(Version(sheet.id, period, mine.current)) if mine.current else None
        verdict = judge(parsed, last)
        if verdict.contents is None:
            return mine, []
        steps: list[Step] = []
        if mine.held:  # what was held is over, or something else is held now
            steps.append(self._versions.dropping(Version(sheet.id, period, mine.held)))
        if verdict.is_same:
            return Period(current=mine.current), steps
        taken = newest(self._versions.of(sheet.id, period))
        version = Version(sheet.id, period, id_at(now, taken))
        record = _record_of(verdict, tab, mine.current, now)
        steps.append(self._versions.putting(version, record, verdict.contents))
        if verdict.is_held:
            held = {"held": version.id, "held_at": now, "gone": verdict.gone}
            return Period(current=mine.current, **held), steps
        steps += self._changes.putting(sheet.id, verdict.change, now)
        return Period(current=version.id), steps

    def _contents(self, version: Version) -> Contents | None:
        """None: it has gone, or cannot be read: what comes next is the first again."""
        try:
            opened = self._versions.open(version)
        except OperatorFault:
            raise
        except CustodyError:
            return None
        return None if opened is None else opened.contents

    def _change(
        self, sheet: Sheet, how: Callable[[SheetState], tuple[SheetState, list[Step]]]
    ) -> tuple[SheetState, SheetState]:
        """Keep what becomes of a sheet, with its steps in one unit; what it was, and what it is."""
        for _ in range(_TRIES):
            held: Held[SheetState] | None = self._states.find(sheet.id)
            before = SheetState() if held is None else held.content
            after, steps = how(before)
            # Last: what it refers to is there by then.
            if held is None:
                steps = [*steps, self._states.putting(sheet.id, after, ABSENT)]
            else:
                steps = self._states.replacing(held, after, steps)
            try:
                only(self._storage.apply([Unit(steps)]))
            except Conflict:  # somebody has accepted what was held
                continue
            return before, after
        raise OperatorFault("a document changes all the time", code="store_failed")

    def _tell(self, sheet: Sheet, before: SheetState, after: SheetState) -> None:
        """The log has each fault once, at its beginning."""
        owner = _owner(sheet)
        if after.changed_at != before.changed_at:
            _log.info("sheet_changed", owner=owner)
        is_worse = {each.code for each in after.faults} - {each.code for each in before.faults}
        if is_worse or {*after.held} - {*before.held}:
            _log.warning("sheet_not_taken", owner=owner, result=STOPPED)


def _owner(sheet: Sheet) -> Owner:
    return Owner.parse(f"department:{sheet.department}")


def _raw(sheet: Sheet, answer: str, today: date) -> str:
    """The same: neither the answer nor how it is read has changed since.

    Args:
        answer: its digest.
    """
    said = f"{FORM} {answer} {sheet.fingerprint} {wanted(sheet, today)!r}"
    return hashlib.sha256(said.encode("utf-8", "replace")).hexdigest()


def _looked(
    sheet: Sheet, reading: Reading, one: TabWanted, today: date, last: str
) -> Looked | None:
    tab = tab_of(reading, one)
    if tab is None:
        return missing(one.period) if one.needed else None
    return look(sheet, tab, one.period, today, last)


def _record_of(verdict: Verdict, tab: str, before: str, now: float) -> VersionRecord:
    return VersionRecord(
        at=now,
        tab=tab,
        before=before,
        counts=None if verdict.change is None else counts(verdict.change),
        warnings=verdict.findings,
        size=(0, 0) if verdict.contents is None else size_of(verdict.contents),
        on_duty=None if verdict.contents is None else on_duty(verdict.contents),
        body="",
    )
