"""What maintenance remembers of each owner: pauses, their organisation's refusal, their last day.

Pauses are how long an owner is left alone after something failed: longer each time, jittered, which
keeps those that failed together from coming back together.
https://cloud.google.com/iam/docs/retry-strategy

What only an operator can mend is mended by a restart at the latest, and what an organisation
forbids is asked about once more then: such pauses end with the process. Those after Google's or the
network's failures outlast it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Generic, NamedTuple, TypeVar

from security.credential import Owner
from security.google.jitter import jittered

IDLE_REFRESH_EVERY: Final = timedelta(days=30)
"""Google ends a grant that has not been used for six months; a month leaves five to notice.

https://developers.google.com/identity/protocols/oauth2#expiration
"""
AHEAD: Final = timedelta(days=2)
"""So long before Google ends a grant its owner is told."""
_SAME_SECONDS: Final = 3600
_DAY: Final = 86400
_FIRST_SECONDS: Final = 120
_LONGEST_SECONDS: Final = 1800
_REST_SECONDS: Final = 86400
T = TypeVar("T")


class ByOwner(Generic[T]):
    """One thing that is remembered of owners, and of whom it is to be kept anew."""

    def __init__(self) -> None:
        self._by_owner: dict[str, T] = {}  # by name: of a hundred thousand, no object for each
        self.changed: set[Owner] = set()
        """Of whom something else is to be kept than before."""

    FIELDS: tuple[str, ...]
    """What it is kept as."""

    def recall(self, owner: Owner, kept: Mapping[str, Any]) -> None:
        """What other processes have written down of an owner, in the place of what is known."""
        self._by_owner.pop(owner.name, None)
        self.load_entry(owner, kept)

    def load_entry(self, owner: Owner, kept: Mapping[str, Any]) -> None:
        """What was kept of an owner; anything else is left out."""
        raise NotImplementedError

    def owners(self) -> set[Owner]:
        """Of whom there is something."""
        return set(map(Owner.parse, self._by_owner))

    def clear(self, owner: Owner) -> None:
        """It is over, or they have left: nothing is kept of them."""
        if self._by_owner.pop(owner.name, None) is not None:
            self.changed.add(owner)

    def _remember(self, owner: Owner, entry: T) -> None:
        self._by_owner[owner.name] = entry
        self.changed.add(owner)


class _Pause(NamedTuple):
    failures: int
    until: float
    after: str | None = None
    """The result code of a fault that is not Google's or the network's; None: it was theirs."""


class Pauses(ByOwner[_Pause]):
    """Pauses by owner. Times in Unix seconds."""

    FIELDS = ("pause",)

    def recall(self, owner: Owner, kept: Mapping[str, Any]) -> None:
        """Take up a pause that was written down; one of this process alone is kept nowhere else."""
        if self.after(owner) is None:
            super().recall(owner, kept)

    def is_paused(self, owner: Owner, now: float) -> bool:
        """Whether the owner is to be left alone for now."""
        pause = self._by_owner.get(owner.name)
        return pause is not None and now < pause.until

    def after(self, owner: Owner) -> str | None:
        """The result code of what the owner waits for to be mended; None: for nobody's work."""
        pause = self._by_owner.get(owner.name)
        return pause.after if pause is not None else None

    def extend(
        self, owner: Owner, now: float, at_least: float | None = None, *, after: str | None = None
    ) -> None:
        """Another failure, and a longer pause than the one before.

        Args:
            at_least: seconds the server asked for (Retry-After), where it did.
            after: the result code of a fault that somebody has to mend.
        """
        failures = self._by_owner.get(owner.name, _Pause(0, 0.0)).failures + 1
        seconds = min(_FIRST_SECONDS * 2.0 ** (min(failures, 16) - 1), _LONGEST_SECONDS)
        seconds = max(seconds, min(at_least or 0.0, _LONGEST_SECONDS))
        self._remember(owner, _Pause(failures, now + jittered(seconds), after))

    def rest(self, owner: Owner, now: float, after: str) -> None:
        """A pause of a day, for what is mended neither here nor soon."""
        self._remember(owner, _Pause(1, now + jittered(_REST_SECONDS), after))

    def entry_of(self, owner: Owner) -> dict[str, Any]:
        """What is kept of an owner over a restart."""
        pause = self._by_owner.get(owner.name)
        if pause is None or pause.after is not None:
            return {}
        return {"pause": [pause.failures, pause.until]}

    def load_entry(self, owner: Owner, kept: Mapping[str, Any]) -> None:
        """What `entry_of` gave; anything else is left out."""
        match kept.get("pause"):
            case [int(failures), int() | float() as until] if failures > 0:
                self._by_owner[owner.name] = _Pause(failures, float(until))


class Organisations(ByOwner[tuple[str, bool]]):
    """Whom their organisations do not let use this app, and who of them has been told.

    Their credentials stay as they are. Each is told once what is forbidden and whom to ask; the
    telling is over when a refresh works, or they connect anew.
    """

    FIELDS = ("organisation",)

    def refuse(self, owner: Owner, code: str) -> None:
        """Google says so again, or for the first time. `code` is a result code."""
        known = self._by_owner.get(owner.name)
        if known is None or known[0] != code:
            self._remember(owner, (code, False))

    def untold(self) -> list[tuple[Owner, str]]:
        """Who does not know, with the result code."""
        refusals = self._by_owner.items()
        return [(Owner.parse(name), code) for name, (code, told) in refusals if not told]

    def mark_told(self, owner: Owner, *, told: bool = True) -> None:
        """They know; or, after all, they could not be reached."""
        known = self._by_owner.get(owner.name)
        if known is not None and known[1] is not told:
            self._remember(owner, (known[0], told))

    def entry_of(self, owner: Owner) -> dict[str, Any]:
        """What is kept of an owner over a restart."""
        refusal = self._by_owner.get(owner.name)
        return {} if refusal is None else {"organisation": list(refusal)}

    def load_entry(self, owner: Owner, kept: Mapping[str, Any]) -> None:
        """What `entry_of` gave; anything else is left out."""
        match kept.get("organisation"):
            case [str(code), bool(told)]:
                self._by_owner[owner.name] = (code, told)


class Terms(ByOwner[tuple[float, bool]]):
    """When Google ends grants by itself, in Unix seconds, and whose owner knows.

    Each owner is told once, some days ahead; a new consent brings a new term, or none.
    """

    FIELDS = ("grant_ends",)

    def note(self, owner: Owner, at: datetime | None) -> None:
        """When the grant that serves now ends; None: Google has set it no term."""
        if at is None:
            self.clear(owner)
            return
        known, ends = self._by_owner.get(owner.name), at.timestamp()
        # Google tells the seconds that are left: the same end is never told twice alike.
        if known is None or abs(known[0] - ends) > _SAME_SECONDS:
            self._remember(owner, (ends, False))

    def to_tell(self, now: float) -> list[tuple[Owner, float]]:
        """Whose grant ends within days, and who does not know, with its end."""
        terms = self._by_owner.items()
        return [
            (Owner.parse(name), ends)
            for name, (ends, told) in terms
            if not told and now < ends < now + AHEAD.total_seconds()
        ]

    def mark_told(self, owner: Owner, *, told: bool = True) -> None:
        """They know; or, after all, they could not be reached."""
        known = self._by_owner.get(owner.name)
        if known is not None and known[1] is not told:
            self._remember(owner, (known[0], told))

    def entry_of(self, owner: Owner) -> dict[str, Any]:
        """What is kept of an owner over a restart."""
        term = self._by_owner.get(owner.name)
        return {} if term is None else {"grant_ends": list(term)}

    def load_entry(self, owner: Owner, kept: Mapping[str, Any]) -> None:
        """What `entry_of` gave; anything else is left out."""
        match kept.get("grant_ends"):
            case [int() | float() as ends, bool(told)]:
                self._by_owner[owner.name] = (float(ends), told)


class Activity(ByOwner[int]):
    """When owners last did something, in days since 1970.

    Whoever has been away for long is refreshed seldom.
    """

    FIELDS = ("day",)

    def __init__(self, idle_after: timedelta | None) -> None:
        """
        Args:
            idle_after: how long without a sign of life makes an owner idle; None: nobody is.
        """
        super().__init__()
        self._idle_after = idle_after

    def recall(self, owner: Owner, kept: Mapping[str, Any]) -> None:
        """Take up a day that was written down; one that was only assumed is kept nowhere else."""
        if kept.get("day") is not None:
            super().recall(owner, kept)

    @property
    def is_on(self) -> bool:
        """Whether the settings know idle owners at all."""
        return self._idle_after is not None

    def note(self, owner: Owner, now: float) -> bool:
        """A sign of life of somebody who has a credential; whether they were idle until now."""
        was_idle = self.is_idle(owner, now)
        today = int(now // _DAY)
        if self._by_owner.get(owner.name, today) != today:
            self._remember(owner, today)
        return was_idle

    def is_of_today(self, owner: Owner, now: float) -> bool:
        """Whether a sign of life of today is known already."""
        return self._by_owner.get(owner.name) == int(now // _DAY)

    def begin(self, owner: Owner, now: float) -> None:
        """They have just connected."""
        self._remember(owner, int(now // _DAY))

    def assume(self, owner: Owner, granted_at: datetime | None, now: float) -> None:
        """Somebody of whom no sign of life is known counts as active when they connected.

        Where nobody knows when that was, this is the day, and it is kept where anything follows
        from it: no later start may take its own day for it.
        """
        if owner.name in self._by_owner:
            return
        if granted_at is None and self.is_on:
            self.begin(owner, now)
        else:
            active_at = granted_at.timestamp() if granted_at else now
            self._by_owner[owner.name] = int(active_at // _DAY)

    def is_idle(self, owner: Owner, now: float) -> bool:
        """Whether the owner has been away for longer than the settings allow."""
        day = self._by_owner.get(owner.name)
        if self._idle_after is None or day is None:
            return False
        return now - (day + 1) * _DAY > self._idle_after.total_seconds()

    def entry_of(self, owner: Owner) -> dict[str, Any]:
        """What is kept of an owner over a restart."""
        day = self._by_owner.get(owner.name)
        return {} if day is None else {"day": day}

    def load_entry(self, owner: Owner, kept: Mapping[str, Any]) -> None:
        """What `entry_of` gave; anything else is left out."""
        match kept.get("day"):
            case int(day):
                self._by_owner[owner.name] = day
