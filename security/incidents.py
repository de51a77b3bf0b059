"""What administrators are told: once when it begins, once when it is over.

An incident is a kind of trouble (a result code), not an owner and not a sweep.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from security.sweep_report import SweepReport

HOLD: Final = "on_hold"
_OUTAGE: Final = frozenset({"unavailable", "timeout", "rate_limited", "not_json"})
OUTAGE: Final = "unavailable"
_PATIENCE_SECONDS: Final = 900
"""Google's short absences are nobody's business: tokens outlive them by the lead."""


@dataclass(slots=True)
class Incident:
    """One kind of trouble. Times in Unix seconds."""

    code: str
    since: float
    owners: int
    """How many were touched, as of the last sweep."""
    told: bool = False
    over: bool = False
    """It has ended, and administrators have not been told so yet."""


class Incidents:
    """Those that are open, and those whose end has not been told yet."""

    def __init__(self) -> None:
        self._by_code: dict[str, Incident] = {}
        self.changed = False

    def open(self) -> list[Incident]:
        """What is going on, oldest first."""
        found = [i for i in self._by_code.values() if not i.over]
        return sorted(found, key=lambda incident: incident.since)

    def learn(self, report: SweepReport, operator_codes: frozenset[str]) -> None:
        """Open and end incidents by what a sweep saw.

        Args:
            operator_codes: the result codes that only an operator can mend.
        """
        now = report.started_at.timestamp() + report.seconds
        seen = {code: n for code, n in report.results.items() if code in operator_codes}
        if report.ended_by in operator_codes:
            seen.setdefault(str(report.ended_by), 0)
        if report.held:
            seen[HOLD] = report.held
        outage = sum(n for code, n in report.results.items() if code in _OUTAGE)
        if outage and not report.refreshed:
            seen[OUTAGE] = outage
        for code, owners in seen.items():
            self.see(code, now, owners)
        asked = report.refreshed + report.transient > 0
        for code in self._by_code.keys() - seen.keys():
            # An outage is over when something worked; what was not tried says nothing.
            if (asked and report.refreshed > 0) if code == OUTAGE else report.ended_by is None:
                self.end(code)

    def see(self, code: str, now: float, owners: int) -> None:
        """Trouble of this kind is there."""
        incident = self._by_code.get(code)
        if incident is None:
            self._by_code[code] = Incident(code, now, owners)
        elif incident.over:  # back before anybody was told of its end: it never ended
            incident.over = False
        elif incident.owners == owners:
            return
        self._by_code[code].owners = owners
        self.changed = True

    def end(self, code: str) -> None:
        """It is over; whoever was told of it is to be told so."""
        incident = self._by_code.get(code)
        if incident is None or incident.over:
            return
        if incident.told:
            incident.over = True
        else:
            del self._by_code[code]
        self.changed = True

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
        if incident.over:
            self._by_code.pop(incident.code, None)
        else:
            incident.told = True
        self.changed = True

    def to_document(self) -> dict[str, Any]:
        """What is kept over a restart."""
        return {i.code: [i.since, i.owners, i.told, i.over] for i in self._by_code.values()}

    def load(self, document: Mapping[str, Any]) -> None:
        """What `to_document` gave; ValueError or TypeError where it is anything else."""
        for code, (since, owners, told, over) in document.items():
            self._by_code[code] = Incident(
                str(code), float(since), int(owners), bool(told), bool(over)
            )
