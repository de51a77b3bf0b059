"""When owners last did something: whoever has been away for long is refreshed seldom."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from security.credential import Owner

IDLE_REFRESH_EVERY: Final = timedelta(days=30)
"""Google ends a grant that has not been used for six months; a month leaves five to notice.

https://developers.google.com/identity/protocols/oauth2#expiration
"""
_DAY: Final = 86400


class Activity:
    """Days (since 1970) by owner."""

    def __init__(self, idle_after: timedelta | None) -> None:
        """
        Args:
            idle_after: how long without a sign of life makes an owner idle; None: nobody is.
        """
        self._idle_after = idle_after
        self._days: dict[str, int] = {}
        self.changed: set[Owner] = set()
        """Who has been active on another day than is kept."""

    @property
    def is_on(self) -> bool:
        """Whether the settings know idle owners at all."""
        return self._idle_after is not None

    def owners(self) -> set[Owner]:
        """Of whom a sign of life is known, or assumed."""
        return set(map(Owner.parse, self._days))

    def note(self, owner: Owner, now: float) -> bool:
        """A sign of life of somebody who has a credential; whether they were idle until now."""
        was_idle = self.is_idle(owner, now)
        today = int(now // _DAY)
        if self._days.get(owner.name, today) != today:
            self._days[owner.name] = today
            self.changed.add(owner)
        return was_idle

    def begin(self, owner: Owner, now: float) -> None:
        """They have just connected."""
        self._days[owner.name] = int(now // _DAY)
        self.changed.add(owner)

    def assume(self, owner: Owner, moment: float) -> None:
        """Somebody of whom no sign of life is known counts as active at `moment`."""
        self._days.setdefault(owner.name, int(moment // _DAY))

    def is_idle(self, owner: Owner, now: float) -> bool:
        """Whether the owner has been away for longer than the settings allow."""
        day = self._days.get(owner.name)
        if self._idle_after is None or day is None:
            return False
        return now - (day + 1) * _DAY > self._idle_after.total_seconds()

    def forget(self, owner: Owner) -> None:
        """Nothing is kept of somebody who has left."""
        if self._days.pop(owner.name, None) is not None:
            self.changed.add(owner)

    def day_of(self, owner: Owner) -> int | None:
        """What is kept of an owner over a restart; None: nothing."""
        return self._days.get(owner.name)

    def load_day(self, owner: Owner, day: object) -> None:
        """What `day_of` gave; anything else is left out."""
        if isinstance(day, int):
            self._days[owner.name] = day
