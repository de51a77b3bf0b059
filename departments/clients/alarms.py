"""Signs that a key is in other hands. Each is an incident: one a key and kind, told once.

It is over when an administrator says that it is fine, or the key is revoked or unblocked.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal, get_args

import structlog
from pydantic import Field

from departments.documents import Held, Kept, Shelf
from departments.kinds import ALARMS
from security.credential import Owner
from security.storage.events import Event
from security.storage.protocol import Storage

Suspicion = Literal[
    "client_busy",
    "client_second_machine",
    "client_stopped_key",
    "client_other_department",
    "client_keys_guessed",
]
"""
client_busy              four times its busiest hour of 14 days, and over 20 requests in a minute
client_second_machine    another machine comes with the same key
client_stopped_key       a key that is revoked or blocked is used
client_other_department  a key of one department is used for another
client_keys_guessed      over 50 keys that are none, from one address within ten minutes
"""
SUSPICIONS: Final[tuple[Suspicion, ...]] = get_args(Suspicion)
GUESSED: Final[Suspicion] = "client_keys_guessed"
_HOUR: Final = 3600.0
_DAY: Final = 24 * _HOUR
_QUIET: Final[dict[Suspicion, float]] = {
    # Each machine is told of when it is first seen, and no second time.
    "client_second_machine": 0.0,
    # Whoever revokes a key expects its computer to go on for a while.
    "client_stopped_key": _DAY,
}
"""How long after somebody has said that it is fine it is no news; else an hour."""
_NOTED_EVERY: Final = 600.0
_log = structlog.get_logger()


class Alarm(Kept):
    """One of them."""

    name: str = Field("", exclude=True)
    """Of the document: the kind, and the key's id where it is about one."""
    code: Suspicion
    client: str = ""
    """The key's id."""
    department: str = ""
    """Its slug."""
    label: str = ""
    """What its computer is called."""
    since: float
    seen: float
    """When it was last seen, to ten minutes."""
    count: int = 0
    """client_busy: how often the key was used in the hour."""
    busiest: int = 0
    """client_busy: how often in its busiest hour before."""
    told: bool = False
    """Whether administrators know."""
    over_at: float | None = None

    @property
    def id(self) -> str:
        """Of this one: the next of the same kind about the same key has another."""
        return f"{self.name}:{round(self.since * 1000)}"

    @property
    def owner(self) -> Owner | None:
        """Whose key it is; None: nobody's."""
        return Owner.parse(f"department:{self.department}") if self.department else None

    def has_lapsed(self, now: float) -> bool:
        """Whether whoever guesses keys has given up: nobody need say that it is fine."""
        return self.code == GUESSED and now - self.seen > _HOUR

    def is_news(self, now: float) -> bool:
        """Whether the same seen again is another incident."""
        if self.has_lapsed(now):
            return True
        return self.over_at is not None and now - self.over_at >= _QUIET.get(self.code, _HOUR)


def name_of(code: Suspicion, client: str) -> str:
    """The document of a key's alarm of this kind; all addresses that guess have one."""
    return f"{code}.{client}" if client else code


class Alarms:
    """The alarms there are. Every method blocks."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._shelf = Shelf(storage, ALARMS, Alarm)

    def see(self, alarm: Alarm) -> bool:
        """It is there; whether that is news."""
        name = name_of(alarm.code, alarm.client)

        def how(found: Alarm | None) -> Alarm | None:
            if found is None or found.is_news(alarm.seen):
                return alarm
            if found.over_at is None and alarm.seen - found.seen >= _NOTED_EVERY:
                return found.model_copy(update={"seen": alarm.seen})
            return None

        opened = [Event("client_alarm", alarm.owner, alarm.code)]
        kept = self._shelf.change(name, how, lambda kept: opened if kept is alarm else ())
        if kept is not alarm:
            return False
        _log.warning("incident_opened", result=alarm.code, **_about(alarm))
        return True

    def open(self) -> list[Alarm]:
        """What is going on, oldest first. Changes nothing."""
        now = self._storage.now()
        found = (alarm for alarm in self._all() if alarm.over_at is None)
        return sorted(
            (alarm for alarm in found if not alarm.has_lapsed(now)), key=lambda alarm: alarm.since
        )

    def tidy(self) -> list[Alarm]:
        """End what is over by itself, and keep nothing of what is long over; what goes on."""
        now, going_on = self._storage.now(), []
        for held in self._shelf.all():
            alarm = _alarm(held)
            if alarm.over_at is None and not alarm.has_lapsed(now):
                going_on.append(alarm)
            elif alarm.over_at is None:
                self._end(alarm)
            elif now - alarm.over_at > _DAY:
                self._shelf.forget(held)
        return going_on

    def untold(self) -> list[Alarm]:
        """What administrators are to be told of."""
        return [alarm for alarm in self.open() if not alarm.told]

    def mark_told(self, alarm: Alarm, *, told: bool) -> None:
        """Whether administrators know of it."""

        def how(found: Alarm | None) -> Alarm | None:
            is_same = found is not None and found.since == alarm.since
            return found.model_copy(update={"told": told}) if found and is_same else None

        self._shelf.change(alarm.name, how)

    def dismiss(self, which: str) -> Alarm | None:
        """Somebody says that it is fine; None: there is no such alarm, or it is over.

        Args:
            which: its id; or its name, be it whichever of that.
        """
        found = next((one for one in self._all() if which in (one.id, one.name)), None)
        return self._end(
            found, [Event("client_dismissed", found.owner, found.code)] if found else []
        )

    def end_of(self, client: str) -> None:
        """All about a key: it was revoked or unblocked."""
        for code in SUSPICIONS:
            if (held := self._shelf.find(name_of(code, client))) is not None:
                self._end(_alarm(held))

    def _end(self, alarm: Alarm | None, events: list[Event] | None = None) -> Alarm | None:
        if alarm is None:
            return None
        now = self._storage.now()

        def how(found: Alarm | None) -> Alarm | None:
            is_it = found is not None and (found.since, found.over_at) == (alarm.since, None)
            return found.model_copy(update={"over_at": now}) if found and is_it else None

        ended = self._shelf.change(alarm.name, how, lambda kept: events or ())
        if ended is not None:
            seconds = round(now - ended.since)
            _log.info("incident_closed", result=ended.code, seconds=seconds, **_about(ended))
        return ended

    def _all(self) -> Iterator[Alarm]:
        return map(_alarm, self._shelf.all())


def _alarm(held: Held[Alarm]) -> Alarm:
    return held.content.model_copy(update={"name": held.name})


def _about(alarm: Alarm) -> dict[str, object]:
    found = {"owner": alarm.owner, "client": alarm.client}
    return {name: value for name, value in found.items() if value}
