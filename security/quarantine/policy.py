"""Credentials that are condemned: to be set aside, or on hold.

A fleet does not go bad at once; a configuration does. So where the condemned of the last hour are
three or more and over a tenth of the owners tried in it, none is moved: they are on hold until an
administrator confirms, or until they work again. A bad answer about a grant is weighed against
the grants Google was asked about, a damaged file against the files that were read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from security.credential import Owner
from security.storage.files.index import Stamp

_HOUR: Final = 3600.0
_FEW: Final = 3
_SHARE: Final = 10
GRANT: Final = frozenset({"invalid_grant", "access_denied", "scope_missing", "no_refresh_token"})
"""Reasons that are about the grant, as Google tells of it; the others are about the file."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a credential is condemned. `since` in Unix seconds."""

    reason: str
    since: float
    stamp: Stamp
    """Which file was condemned: another in its place is none of it."""
    held: bool = False
    told: bool = False
    """Whether its owner has been asked to connect again."""


class Verdicts:
    """The condemned by owner, and how many owners were found well in the last hour."""

    def __init__(self) -> None:
        self._verdicts: dict[Owner, Verdict] = {}
        self._condemned: dict[Owner, tuple[float, bool]] = {}
        self._tried: dict[bool, dict[int, int]] = {True: {}, False: {}}
        self.changed = False

    def __contains__(self, owner: Owner) -> bool:
        return owner in self._verdicts

    def names(self) -> list[str]:
        """Whoever is condemned, or was within the hour."""
        return [owner.name for owner in {*self._verdicts, *self._condemned}]

    def get(self, owner: Owner) -> Verdict | None:
        """The owner's verdict, while the credential is still in its place."""
        return self._verdicts.get(owner)

    def held(self) -> dict[Owner, Verdict]:
        """Who is on hold."""
        return {owner: verdict for owner, verdict in self._verdicts.items() if verdict.held}

    def tried(self, now: float, count: int = 1, *, grant: bool) -> None:
        """`count` owners were tried and found well: by Google (`grant`), or on reading their files.

        Those who were not are counted by `condemn`, each once, however often they are tried.
        """
        minutes = self._tried[grant]
        minutes[int(now // 60)] = minutes.get(int(now // 60), 0) + count
        self.changed = True

    def condemn(self, owner: Owner, reason: str, stamp: Stamp, now: float) -> bool:
        """Note it; whether it is still to be settled."""
        # Also where it is no news: trouble that lasts does not look small after an hour.
        self._condemned[owner] = (now, reason in GRANT)
        self.changed = True
        known = self._verdicts.get(owner)
        if known is not None and known.stamp == stamp:
            return not known.held
        self._verdicts[owner] = Verdict(reason, now, stamp)
        return True

    def release(self, owner: Owner) -> bool:
        """It works, or has gone; whether it was on hold."""
        verdict = self._verdicts.pop(owner, None)
        self.changed = self.changed or verdict is not None
        return verdict is not None and verdict.held

    def tell(self, owner: Owner) -> None:
        """The owner has been asked to connect again: no notice need follow."""
        verdict = self._verdicts.get(owner)
        if verdict is not None and not verdict.told:
            self._verdicts[owner] = replace(verdict, told=True)
            self.changed = True

    def acquit(self, owner: Owner) -> bool:
        """It works after all, or its owner has left: it does not count as condemned either."""
        counted = self._condemned.pop(owner, None)
        self.changed = self.changed or counted is not None
        return self.release(owner)

    def settle(self, now: float) -> tuple[list[Owner], list[Owner]]:
        """Whom to move, and whom this puts on hold."""
        for owner in [o for o, (when, _) in self._condemned.items() if when < now - _HOUR]:
            del self._condemned[owner]
            self.changed = True
        for minutes in self._tried.values():
            for minute in [m for m in minutes if m < (now - _HOUR) // 60]:
                del minutes[minute]
        move: list[Owner] = []
        hold: list[Owner] = []
        for grant in (True, False):
            fresh = [
                owner
                for owner, verdict in self._verdicts.items()
                if not verdict.held and (verdict.reason in GRANT) is grant
            ]
            condemned = sum(kind is grant for _, kind in self._condemned.values())
            tried = condemned + sum(self._tried[grant].values())
            suspicious = condemned >= _FEW and condemned * _SHARE > tried
            (hold if suspicious else move).extend(fresh)
        for owner in hold:
            self._verdicts[owner] = replace(self._verdicts[owner], held=True)
            self.changed = True
        return move, hold

    def to_document(self) -> dict[str, Any]:
        """What is kept over a restart: the verdicts, and what the last hour is measured by."""
        return {
            "verdicts": {
                owner.name: [v.reason, v.since, list(v.stamp), v.held, v.told]
                for owner, v in self._verdicts.items()
            },
            "condemned": {owner.name: list(entry) for owner, entry in self._condemned.items()},
            "asked": {str(minute): count for minute, count in self._tried[True].items()},
            "read": {str(minute): count for minute, count in self._tried[False].items()},
        }

    def load(self, document: Mapping[str, Any]) -> None:
        """What `to_document` gave; ValueError, TypeError or KeyError where it is anything else."""
        for name, (reason, since, stamp, held, told) in document["verdicts"].items():
            self._verdicts[Owner.parse(name)] = Verdict(
                str(reason), float(since), Stamp(*map(int, stamp)), bool(held), bool(told)
            )
        for name, (when, grant) in document["condemned"].items():
            self._condemned[Owner.parse(name)] = (float(when), bool(grant))
        for grant, key in ((True, "asked"), (False, "read")):
            self._tried[grant] = {int(m): int(n) for m, n in document[key].items()}
