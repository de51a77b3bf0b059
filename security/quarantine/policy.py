"""Who is set aside, and who is put on hold.

A fleet does not go bad at once; a configuration does. So where the rejected of the last hour are
three or more and over a tenth of the owners tried in it, none is moved: they are on hold until an
administrator confirms, or until they work again. A bad answer about a grant is weighed against the
grants Google was asked about, a damaged credential against those that were read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from security.credential import Owner
from security.storage.catalogue import Document
from security.storage.protocol import Version

_HOUR: Final = 3600.0
_FEW: Final = 3
_SHARE: Final = 10
REJECTION: Final = "rejection"
"""Of what is kept of an owner: the field that names a credential, by its version."""
GRANT: Final = frozenset({"invalid_grant", "access_denied", "scope_missing", "no_refresh_token"})
"""Reasons that are about the grant, as Google tells of it; the others are about the document."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a credential cannot be used. `since` in Unix seconds."""

    reason: str
    since: float
    version: Version
    """Which state of it was rejected: another in its place is none of it."""
    held: bool = False
    told: bool = False
    """Whether its owner has been asked to connect again."""


class Rejections:
    """The rejected by owner, and how many owners were found well in the last hour."""

    FIELDS: Final = ("rejection", "rejected")
    """What is kept of an owner."""

    def __init__(self) -> None:
        self._by_owner: dict[Owner, Rejection] = {}
        self._lately: dict[Owner, tuple[float, bool]] = {}
        self._good: dict[bool, dict[int, int]] = {True: {}, False: {}}
        self.changed: set[Owner] = set()
        """Of whom something else is to be kept than before."""
        self.counts_changed = False
        self._elsewhere: dict[bool, int] = {True: 0, False: 0}

    def __contains__(self, owner: Owner) -> bool:
        return owner in self._by_owner

    def owners(self) -> set[Owner]:
        """Whoever is rejected, or was within the hour."""
        return {*self._by_owner, *self._lately}

    def get(self, owner: Owner) -> Rejection | None:
        """The owner's, while the credential is still in its place."""
        return self._by_owner.get(owner)

    def held(self) -> dict[Owner, Rejection]:
        """Who is on hold."""
        return {owner: entry for owner, entry in self._by_owner.items() if entry.held}

    def count_good(self, now: float, *, grant: bool) -> None:
        """One more owner was found well: by Google (`grant`), or on reading the credential.

        Those who were not are counted by `reject`, each once, however often they are tried.
        """
        minutes = self._good[grant]
        minutes[int(now // 60)] = minutes.get(int(now // 60), 0) + 1
        self.counts_changed = True

    def reject(self, owner: Owner, reason: str, version: Version, now: float) -> bool:
        """Note it; whether it is still to be settled."""
        # Also where it is no news: trouble that lasts does not look small after an hour.
        self._lately[owner] = (now, reason in GRANT)
        self.changed.add(owner)
        known = self._by_owner.get(owner)
        if known is not None and known.version == version:
            return not known.held
        self._by_owner[owner] = Rejection(reason, now, version)
        return True

    def release(self, owner: Owner) -> bool:
        """It works, or has gone; whether it was on hold."""
        entry = self._by_owner.pop(owner, None)
        if entry is not None:
            self.changed.add(owner)
        return entry is not None and entry.held

    def mark_told(self, owner: Owner) -> None:
        """The owner has been asked to connect again: no notice need follow."""
        entry = self._by_owner.get(owner)
        if entry is not None and not entry.told:
            self._by_owner[owner] = replace(entry, told=True)
            self.changed.add(owner)

    def reinstate(self, owner: Owner) -> bool:
        """It works after all, or its owner has left: it does not count as rejected either."""
        if self._lately.pop(owner, None) is not None:
            self.changed.add(owner)
        return self.release(owner)

    def settle(self, now: float) -> tuple[list[Owner], list[Owner]]:
        """Whom to move, and whom this puts on hold."""
        for owner in [o for o, (when, _) in self._lately.items() if when < now - _HOUR]:
            del self._lately[owner]
            self.changed.add(owner)
        for minutes in self._good.values():
            for minute in [m for m in minutes if m < (now - _HOUR) // 60]:
                del minutes[minute]
        move: list[Owner] = []
        hold: list[Owner] = []
        for grant in (True, False):
            fresh = [
                owner
                for owner, entry in self._by_owner.items()
                if not entry.held and (entry.reason in GRANT) is grant
            ]
            rejected = sum(kind is grant for _, kind in self._lately.values())
            tried = rejected + sum(self._good[grant].values()) + self._elsewhere[grant]
            suspicious = rejected >= _FEW and rejected * _SHARE > tried
            (hold if suspicious else move).extend(fresh)
        for owner in hold:
            self._by_owner[owner] = replace(self._by_owner[owner], held=True)
            self.changed.add(owner)
        return move, hold

    def has_unsettled(self) -> bool:
        """Whether anybody is rejected and neither on hold nor set aside yet."""
        return any(not entry.held for entry in self._by_owner.values())

    def recall(self, owner: Owner, kept: Mapping[str, Any]) -> None:
        """What other processes have written down of an owner, in the place of what is known.

        ValueError or TypeError where it is anything else.
        """
        self._by_owner.pop(owner, None)
        self._lately.pop(owner, None)
        self.load_entry(owner, kept)

    def recall_counts(self, others: Iterable[Mapping[str, Any]], now: float) -> None:
        """What other processes have measured the last hour by, each as `counts`."""
        since = (now - _HOUR) // 60
        measured = list(others)
        for grant, key in ((True, "asked"), (False, "read")):
            minutes = [item for kept in measured for item in dict(kept.get(key, {})).items()]
            self._elsewhere[grant] = sum(int(n) for minute, n in minutes if int(minute) >= since)

    def entry_of(self, owner: Owner) -> dict[str, Any]:
        """What is kept of an owner over a restart."""
        kept: dict[str, Any] = {}
        if (entry := self._by_owner.get(owner)) is not None:
            state = [entry.reason, entry.since, entry.version, entry.held, entry.told]
            kept[REJECTION] = state
        if (lately := self._lately.get(owner)) is not None:
            kept["rejected"] = list(lately)
        return kept

    def load_entry(self, owner: Owner, kept: Mapping[str, Any]) -> None:
        """What `entry_of` gave; ValueError or TypeError where it is anything else."""
        if REJECTION in kept:
            reason, since, version, held, told = kept[REJECTION]
            self._by_owner[owner] = Rejection(
                str(reason), float(since), str(version), bool(held), bool(told)
            )
        if "rejected" in kept:
            when, grant = kept["rejected"]
            self._lately[owner] = (float(when), bool(grant))

    def counts(self) -> dict[str, Any]:
        """What the last hour is measured by, to be kept over a restart."""
        return {
            "asked": {str(minute): count for minute, count in self._good[True].items()},
            "read": {str(minute): count for minute, count in self._good[False].items()},
        }

    def load_counts(self, kept: Mapping[str, Any]) -> None:
        """What `counts` gave; ValueError, TypeError or KeyError where it is anything else."""
        for grant, key in ((True, "asked"), (False, "read")):
            self._good[grant] = {int(minute): int(count) for minute, count in kept[key].items()}


def with_version(document: Document, before: str, after: str) -> Document:
    """An owner's document where their credential has been moved: a rejection names its version.

    Args:
        before: the version of the credential that was moved.
        after: of the same, where it is now.
    """
    match document.get(REJECTION):
        case [reason, since, version, *rest] if version == before:
            return {**document, REJECTION: [reason, since, after, *rest]}
    return document
