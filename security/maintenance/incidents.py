"""What administrators are told: once when it begins, once when it is over.

An incident is a kind of trouble (a result code), not an owner and not a sweep. It is over when a
sweep shows so (a sweep that could not look says nothing), or whoever opened it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from security.maintenance.documents import ENDED, INCIDENT
from security.maintenance.processes import moment_of
from security.maintenance.report import SweepReport

HOLD: Final = "on_hold"
OUTAGE: Final = "unavailable"
SWEEP_FAILED: Final = "failed"
"""The sweep itself fails: a defect of the program."""
CLOCK_SKEW: Final = "clock_skew"
"""This machine's clock and the storage's differ by more than `MOST_SKEW_SECONDS`."""
MOST_SKEW_SECONDS: Final = 5.0
_AWAY: Final = frozenset({"unavailable", "timeout", "rate_limited", "not_json"})
_ANSWERS: Final = frozenset(
    {
        *("invalid_client", "unauthorized_client", "deleted_client", "invalid_request"),
        *("invalid_grant", "access_denied", "scope_missing", "org_policy", "org_internal"),
    }
)
"""What only Google can have said: it is there."""
_PATIENCE_SECONDS: Final = 900
"""Google's short absences are nobody's business: tokens outlive them by the lead."""
_SEEN_SECONDS: Final = 1800
"""A process that sees trouble says so at every sweep."""
_STRAGGLERS: Final = 10
"""An outage is over where it meets no more than one in so many of those Google answers."""
OF_FILES: Final = frozenset(
    {
        *("key_missing", "unknown_key", "unknown_envelope"),
        *("plaintext_refused", "wrong_document", "older_generation"),
    }
)
"""What no key opens is read again by every sweep, whatever becomes of refreshes."""


@dataclass(slots=True)
class Incident:
    """One kind of trouble. Times in Unix seconds."""

    code: str
    since: float
    owners: int
    """How many were touched, as of the last sweep that saw any."""
    told: bool = False
    """Whether administrators know of its beginning."""
    until: float | None = None
    """When it ended; administrators have not been told so yet. None: it goes on."""
    logged: bool = False
    """Whether the log has its beginning, or its end where it has ended."""
    seen_by: dict[str, float] = field(default_factory=dict)
    """Where several processes keep one storage: which of them see it, and when each did last."""

    def is_seen_elsewhere(self, process: str, now: float, since: float = 0.0) -> bool:
        """Whether another process sees it still, and has since then: one that has died says nothing
        any more."""
        others = [at for name, at in self.seen_by.items() if name != process]
        return any(at > since and now - at < _SEEN_SECONDS for at in others)

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.until is not None


class Incidents:
    """Those that are open, and those whose end has not been told yet."""

    def __init__(self, others: Collection[str] = (), process: str = "") -> None:
        """
        Args:
            others: codes of which no sweep can tell whether they are over: whoever opens these
                ends them.
            process: this one's name, where several share what they see; trouble is over when none
                of them sees it. Whoever takes another's place has its name, and ends what that
                one has not lived to end.
        """
        self._process = process
        self._others = frozenset({*others, CLOCK_SKEW})
        self._by_code: dict[str, Incident] = {}
        self._met: dict[str, float] = {}
        """When it was met last between sweeps, by code."""
        self._ended: dict[str, float] = {}
        """When that was over of whose end administrators have been told last, by code: by whichever
        process, where several share what they see."""
        self._told_over: set[str] = set()
        """The codes of which that is to be kept."""
        self.changed: set[str] = set()
        """The codes of which something else is to be kept than before."""

    def open(self) -> list[Incident]:
        """What is going on, oldest first."""
        found = [i for i in self._by_code.values() if not i.over]
        return sorted(found, key=lambda incident: incident.since)

    def is_open(self, code: str) -> bool:
        """Whether trouble of this kind is going on."""
        incident = self._by_code.get(code)
        return incident is not None and not incident.over

    def knows_of_any(self) -> bool:
        """Whether this process has met trouble of which no sweep of its own has shown the end."""
        return bool(self._by_code or self._met or self.changed)

    def learn(self, report: SweepReport, operator_codes: frozenset[str]) -> None:
        """Open and end incidents by what a sweep saw.

        Args:
            operator_codes: the result codes that only an operator can mend.
        """
        now = report.started_at.timestamp() + report.seconds
        # Whoever waits for a fault to be mended is still touched by it, though not asked about.
        touched = Counter(report.results) + Counter(report.waiting)
        seen = {code: n for code, n in touched.items() if code in operator_codes}
        skipped = report.skipped - sum(report.waiting.values())
        if report.ended_by in operator_codes:
            # It would have met everybody else who was due as well.
            seen[report.ended_by] = seen.get(report.ended_by, 0) + skipped
        if report.held:
            seen[HOLD] = report.held
        for code, at in self._met.items():
            if at > self._ended.get(code, float("-inf")):  # else it was a part of what is over
                seen.setdefault(code, 0)
        self._met.clear()
        away = sum(n for code, n in report.results.items() if code in _AWAY)
        answered = report.refreshed + sum(report.results.get(code, 0) for code in _ANSWERS)
        if away > answered:
            seen[OUTAGE] = away
        for code, owners in seen.items():
            ended = self._ended.get(code, float("-inf"))
            if code not in self._by_code and report.started_at.timestamp() < ended:
                # Another process has told the end meanwhile: it was a part of that, or else the
                # next sweep meets it too.
                continue
            # Documents that are not believed may be of people without a credential; who is on hold
            # is counted, also by a sweep that had to end before it saw anybody.
            most = owners if code in OF_FILES or code == HOLD else report.seen
            self.see(code, now, min(owners, most))
        if not answered:
            # Whoever was not served stays due: where nobody is, they have been meanwhile.
            google_is_there = not away and not skipped and report.ended_by is None
        else:
            google_is_there = away * _STRAGGLERS <= answered
        failing = sum(n for code, n in report.results.items() if code in operator_codes - OF_FILES)
        untried = report.transient + skipped + failing
        for code in self._by_code.keys() - seen.keys() - self._others:
            if google_is_there if code == OUTAGE else _is_over(code, report, untried):
                self.end(code, now)

    def see(self, code: str, now: float, owners: int) -> None:
        """Trouble of this kind is there."""
        incident = self._by_code.get(code)
        if incident is None:
            self._by_code[code] = Incident(code, now, owners)
        elif incident.over:  # back before anybody was told of its end: it never ended
            incident.until, incident.owners = None, owners
        elif incident.owners == owners and not self._process:
            return
        else:
            incident.owners = owners
        if self._process:
            self._by_code[code].seen_by[self._process] = now
        self.changed.add(code)

    def meet(self, code: str, now: float) -> None:
        """Trouble of this kind is met between sweeps: the next one but one may say that it is over,
        however short it was."""
        if not self.is_open(code):
            self.see(code, now, 0)
        self._met[code] = now

    def end(self, code: str, now: float) -> None:
        """It is over; whoever was told of it is to be told so."""
        incident = self._by_code.get(code)
        if incident is None or incident.over:
            return
        if incident.seen_by.pop(self._process, None) is not None:
            self.changed.add(code)
        if incident.is_seen_elsewhere(self._process, now):
            return
        if incident.told:
            incident.until, incident.logged = now, False
        else:
            del self._by_code[code]
        self.changed.add(code)

    def end_of_another(self, code: str, since: float, now: float) -> None:
        """What a process has told of that lives no more to end it; perhaps it has written nothing
        down."""
        if code not in self._by_code and since > self._ended.get(code, float("-inf")):
            self._by_code[code] = Incident(code, since, 0, told=True, logged=True)
        self.end(code, now)

    def note(self, code: str, now: float, *, is_there: bool) -> bool:
        """Trouble of this kind is there, or is over; whether either is news."""
        was_open = self.is_open(code)
        if is_there:
            self.see(code, now, 0)
        else:
            self.end(code, now)
        return self.is_open(code) != was_open

    def to_tell(self, now: float) -> list[Incident]:
        """Those whose beginning or end administrators should hear of now."""
        return [
            incident
            for incident in self._by_code.values()
            if incident.over
            or (
                not incident.told
                and (incident.code != OUTAGE or now - incident.since >= _PATIENCE_SECONDS)
            )
        ]

    def told(self, incident: Incident) -> None:
        """Administrators know of its beginning, or of its end."""
        if incident.until is not None:
            self._by_code.pop(incident.code, None)
            self._ended[incident.code] = incident.until
            self._told_over.add(incident.code)
        else:
            incident.told = True
        self.changed.add(incident.code)

    def untold(self, incident: Incident) -> None:
        """Takes `told` back: nobody could be reached, and it is to be tried again."""
        if not incident.over:
            incident.told = False
        elif incident.code not in self._by_code:
            self._by_code[incident.code] = incident
            self._ended.pop(incident.code, None)
            self._told_over.discard(incident.code)
        self.changed.add(incident.code)

    def entry_of(self, code: str) -> dict[str, Any] | None:
        """What is kept of an incident over a restart; None: nothing."""
        incident = self._by_code.get(code)
        if incident is None:
            return None
        kept: dict[str, Any] = {
            "since": incident.since,
            "owners": incident.owners,
            "told": incident.told,
            "until": incident.until,
        }
        return {**kept, "seen_by": incident.seen_by} if self._process else kept

    def take_changes(self) -> dict[str, dict[str, Any] | None]:
        """What is to be kept from now on that has changed, by document; None: nothing."""
        changes = {INCIDENT + code: self.entry_of(code) for code in self.changed}
        if self._process:
            changes |= {ENDED + code: {"at": self._ended[code]} for code in self._told_over}
        self.changed.clear()
        self._told_over.clear()
        return changes

    def take_up(self, kept: Mapping[str, Mapping[str, Any]], now: float) -> None:
        """What the processes together know, by document; what this one has seen since is added to
        it.

        Whoever calls has kept the others from telling and changing it.
        """
        for name, entry in kept.items():
            if name.startswith(ENDED):
                code = name.removeprefix(ENDED)
                self._ended[code] = max(moment_of(entry), self._ended.get(code, 0.0))
        mine = {code: one for code, one in self._by_code.items() if not self._was_a_part(one)}
        self._by_code.clear()
        for name, entry in kept.items():
            if not name.startswith(INCIDENT):
                continue
            code = name.removeprefix(INCIDENT)
            self.load_entry(code, entry)
            incident, known = self._by_code.get(code), mine.get(code)
            if incident is None:
                continue
            if self._is_told_over(incident, now):
                del self._by_code[code]
                self.changed.add(code)
                continue
            if known is None:
                continue
            # What goes on for both is the same trouble, whoever met it first.
            is_same = not incident.over or known.since == incident.since
            if is_same and known.over == incident.over:
                incident.logged |= known.logged
        for code in self.changed:
            known = mine.get(code)
            if known is None or known.over:
                self.end(code, now)
            elif code in self._by_code:
                self.see(code, now, known.owners)
                self._by_code[code].told |= known.told
            else:
                self._by_code[code] = known

    def _is_told_over(self, incident: Incident, now: float) -> bool:
        """Whether its end was told, and whoever had seen it wrote it down only afterwards."""
        ended = self._ended.get(incident.code, incident.since)
        return incident.since < ended and not incident.is_seen_elsewhere(self._process, now, ended)

    def _was_a_part(self, incident: Incident) -> bool:
        """Whether this process has seen nothing of it since its end was told."""
        ended = self._ended.get(incident.code, incident.since)
        return incident.since < ended and incident.seen_by.get(self._process, ended) <= ended

    def load_entry(self, code: str, kept: Mapping[str, Any]) -> None:
        """What `entry_of` gave; anything else is left out."""
        match kept:
            case {
                "since": int() | float() as since,
                "owners": int(owners),
                "told": bool(told),
                "until": None | int() | float() as until,
            }:
                logged = told and until is None
                made = Incident(code, since, owners, told, until, logged)
                seen_by = kept.get("seen_by")
                if self._process and isinstance(seen_by, dict):
                    made.seen_by = {str(name): float(at) for name, at in seen_by.items()}
                self._by_code[code] = made


def _is_over(code: str, report: SweepReport, untried: int) -> bool:
    """Whether this sweep, which did not see the trouble, shows that it has gone.

    Args:
        untried: for how many owners it cannot be told whether the trouble would have met them.
    """
    if code in (HOLD, SWEEP_FAILED):  # counted, or disproved, by any sweep that comes to its end
        return True
    if report.ended_by is not None:
        return False
    # Whoever was met by it stays due: where more worked than did not, they are among those.
    return code in OF_FILES or untried <= report.refreshed
