"""Somebody says which number is theirs, and an administrator decides: once."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, Literal

from pydantic import Field

from departments.documents import Held, Kept, Shelf
from security.credential import Owner
from security.errors import CustodyError, OperatorFault
from security.storage.catalogue import owner_by_stem
from security.storage.each import only
from security.storage.events import Action, Event
from security.storage.protocol import ABSENT, Conflict, Step, Storage, Unit
from sheets.people.kinds import ASKS
from sheets.people.links import Link, LinkRecord, Links
from sheets.people.numbers import is_same

MOST_A_DAY: Final = 3
"""Numbers that one person may ask for."""
MOST_OPEN: Final = 60
"""Of everybody together: beyond that nobody would decide in earnest."""
MOST_NAMES: Final = 8
"""Ways to write one person's name that a link knows, the newest."""
_DAY: Final = 86400
_TRIES: Final = 5
KEPT_SECONDS: Final = 30 * _DAY
State = Literal["open", "confirmed", "refused", "replaced"]


class TooManyAsks(CustodyError):
    """The person, or everybody together, has asked as often as they may."""

    default_code = "rate_limited"


class AskRecord(Kept):
    """What is kept of it."""

    number: str = Field(repr=False)
    name: str = Field(default="", repr=False)
    """What they are called in Telegram."""
    department: str = ""
    """Not empty: they are linked to the number there, which has another name by now."""
    month: str = ""
    """Not empty: it has that in this month alone, and later the one that was confirmed."""
    asked_at: float
    state: State = "open"
    decided_at: float | None = None
    decided_by: str = ""
    decided_name: str = Field(default="", repr=False)
    is_put: bool = False
    """Whether administrators were asked, as far as they can be reached."""
    told: tuple[tuple[int, int], ...] = ()
    """Chats of administrators, each with the message that asks there."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One of them."""

    id: str
    owner: Owner
    record: AskRecord

    @property
    def is_open(self) -> bool:
        """Whether it is still to be decided."""
        return self.record.state == "open"

    @property
    def is_again(self) -> bool:
        """Whether they are linked to it, and it is asked whether it is still theirs."""
        return bool(self.record.department)


@dataclass(frozen=True, slots=True)
class Decided:
    """What became of it."""

    ask: Ask
    is_new: bool
    """Whether it was decided just now; else it had been before."""
    displaced: tuple[Owner, ...] = ()
    """Whoever had the number until now."""
    number: str = field(default="", repr=False)
    """As it stands on the roster."""


@dataclass(frozen=True, slots=True)
class Decider:
    """An administrator."""

    owner: Owner
    name: str


class Asks:
    """Those of everybody. Every method blocks.

    Raises, each of them:
        OperatorFault: the storage does not answer.
    """

    def __init__(self, storage: Storage, links: Links) -> None:
        self._storage = storage
        self._links = links
        self._shelf = Shelf(storage, ASKS, AskRecord)
        self._asked: dict[Owner, list[float]] = {}
        """When each asked within a day: whoever has everything deleted begins no new count."""
        self._tidied = 0.0

    def ask(self, owner: Owner, number: str, name: str) -> tuple[Ask, bool]:
        """Ask, and whether that is new: who asks twice for one number asks once. What they asked
        for before is replaced.

        Args:
            name: what they are called in Telegram.

        Raises:
            TooManyAsks: no more for now.
        """
        self._sweep()
        now = self._storage.now()
        mine = [one for one in self._of(owner) if not one.is_again]
        for one in mine:
            if one.is_open and is_same(one.record.number, number):
                return one, False
        kept = sum(1 for one in mine if now - one.record.asked_at < _DAY)
        lately = self._asked.setdefault(owner, [])
        waiting = sum(not one.is_again for one in self.open())
        if max(kept, len(lately)) >= MOST_A_DAY or waiting >= MOST_OPEN:
            raise TooManyAsks("asked too often")
        lately.append(now)
        id = secrets.token_hex(6)
        record = AskRecord(number=number, name=name, asked_at=now)
        self._shelf.add(_name(owner, id), record, [Event("roster_asked", owner)])
        for one in mine:
            if one.is_open:
                self._shelf.change(_name(owner, one.id), lambda found: _replaced(found, now))
        return Ask(id, owner, record), True

    def ask_again(self, link: Link, names: tuple[str, ...], month: str = "") -> str | None:
        """Whether the number of a link is still theirs, now that it has these names; the id of
        what is asked, of whichever process asks it. None: enough is asked already.

        Args:
            names: keyed hashes.
            month: the one in which it has them; empty: the newest.
        """
        confirmed = link.department, link.number, link.confirmed_at
        asked = repr((link.owner.name, *confirmed, names, *filter(None, [month])))
        id = hashlib.sha256(asked.encode()).hexdigest()[:12]
        if self._shelf.find(_name(link.owner, id)) is not None:
            return id
        if sum(one.is_again for one in self.open()) >= MOST_OPEN:
            return None
        record = AskRecord(
            number=link.number,
            name=next((one.record.name for one in self._of(link.owner)), ""),
            department=link.department,
            month=month,
            asked_at=self._storage.now(),
        )
        with suppress(Conflict):  # another process was faster
            self._shelf.add(_name(link.owner, id), record, [Event("roster_asked", link.owner)])
        return id

    def tidy(self) -> None:
        """Once a day: what was asked long ago goes, whether anybody asks or not."""
        if self._storage.now() - self._tidied >= _DAY:
            self._sweep()

    def drop(self, ask: Ask) -> None:
        """It is no question any more."""
        self._shelf.drop(_name(ask.owner, ask.id))

    def open(self) -> list[Ask]:
        """Those that are to be decided."""
        names = self._storage.find(ASKS, "state", "open")
        every = (_ask(held) for held in self._shelf.some(names))
        return [one for one in every if one is not None and one.is_open]

    def find(self, id: str) -> Ask | None:
        """By its id; None: there is none, or it has been too long."""
        held = self._find(id)
        return None if held is None else _ask(held)

    def note_put(self, ask: Ask, messages: tuple[tuple[int, int], ...]) -> Ask:
        """Administrators were asked: where."""

        def how(found: AskRecord | None) -> AskRecord | None:
            return (
                None
                if found is None
                else found.model_copy(update={"is_put": True, "told": (*found.told, *messages)})
            )

        changed = self._shelf.change(_name(ask.owner, ask.id), how)
        return Ask(ask.id, ask.owner, changed or ask.record)

    def confirm(
        self, id: str, department: str, number: str, by: Decider, names: tuple[str, ...] = ()
    ) -> Decided | None:
        """The number is theirs, and nobody else's any more; None: nobody asks that.

        Args:
            department: the slug of the one on whose roster it is.
            number: as it stands there.
            names: keyed hashes of what the administrator has seen beside it.
        """

        def once(held: Held[AskRecord], ask: Ask) -> Decided | None:
            old = self._links.find(ask.owner, department)
            was = None if old is None else old.content
            is_same = was is not None and was.number == number
            if ask.is_again and not is_same:  # they have taken it back, or have another one
                return None
            others = {
                one.owner: theirs
                for one in self._links.whose(department, number)
                if one.owner != ask.owner
                and (theirs := self._links.find(one.owner, department)) is not None
                and theirs.content.number == number
            }
            known = was.names if was is not None and is_same else ()
            link = LinkRecord(
                # Whoever has only another number now is told what they were told before.
                changes=was is not None and was.changes,
                waits_for=() if was is None else was.waits_for,
                department=department,
                number=number,
                names=tuple(dict.fromkeys((*names, *known)))[:MOST_NAMES],
                asked_at=ask.record.asked_at,
                confirmed_at=self._storage.now(),
                confirmed_by=by.owner.name,
            )
            expected = ABSENT if old is None else old.version
            steps: list[Step] = [
                self._links.putting(ask.owner, link, expected),
                *map(self._links.dropping, others.values()),
            ]
            events = [
                Event("roster_linked", ask.owner),
                *(Event("roster_unlinked", owner, "roster_linked") for owner in others),
            ]
            decided = self._decide(held, ask, "confirmed", by, steps, events)
            return Decided(decided, True, tuple(others), number)

        return self._decided(id, once)

    def refuse(self, id: str, by: Decider) -> Decided | None:
        """The number is not theirs, or no longer: then that link ends, but where it is about one
        month; None: nobody asks that."""

        def once(held: Held[AskRecord], ask: Ask) -> Decided:
            ends = ask.is_again and not ask.record.month
            old = self._links.find(ask.owner, ask.record.department) if ends else None
            events, steps = [Event("roster_refused", ask.owner)], list[Step]()
            if old is not None and old.content.number == ask.record.number:
                events.append(Event("roster_unlinked", ask.owner, "roster_refused"))
                steps.append(self._links.dropping(old))
            return Decided(self._decide(held, ask, "refused", by, steps, events), True)

        return self._decided(id, once)

    def _decided(
        self, id: str, once: Callable[[Held[AskRecord], Ask], Decided | None]
    ) -> Decided | None:
        for _ in range(_TRIES):
            held = self._find(id)
            ask = None if held is None else _ask(held)
            if held is None or ask is None:
                return None
            if not ask.is_open:
                return Decided(ask, False)
            # Another administrator was faster, or the link is another by now.
            with suppress(Conflict):
                return once(held, ask)
        raise OperatorFault("a document changes all the time", code="store_failed")

    def _decide(
        self,
        held: Held[AskRecord],
        ask: Ask,
        state: State,
        by: Decider,
        steps: list[Step],
        events: list[Event],
    ) -> Ask:
        update = {
            "state": state,
            "decided_at": self._storage.now(),
            "decided_by": by.owner.name,
            "decided_name": by.name,
        }
        record = ask.record.model_copy(update=update)
        action: Action = "confirmed"
        result = "roster_linked" if state == "confirmed" else "roster_refused"
        decided = [Event(action, by.owner, result), *events]
        # On files the decision is last: where a crash comes before it, an administrator taps again.
        unit = Unit(self._shelf.replacing(held, record, steps), events=decided)
        only(self._storage.apply([unit]))
        return Ask(ask.id, ask.owner, record)

    def _of(self, owner: Owner) -> list[Ask]:
        """Those of a person, the newest first."""
        every = (_ask(held) for held in self._shelf.all(f"{owner.stem}."))
        mine = [one for one in every if one is not None]
        return sorted(mine, key=lambda one: one.record.asked_at, reverse=True)

    def _find(self, id: str) -> Held[AskRecord] | None:
        names = [name for name in self._storage.names(ASKS) if name.endswith(f".{id}")]
        return self._shelf.find(names[0]) if len(names) == 1 else None

    def _sweep(self) -> None:
        now = self._tidied = self._storage.now()
        for owner, times in list(self._asked.items()):
            self._asked[owner] = [at for at in times if now - at < _DAY]
            if not self._asked[owner]:
                del self._asked[owner]
        long_ago = now - KEPT_SECONDS
        for held in self._shelf.all():
            if held.content.asked_at < long_ago:
                self._shelf.forget(held)


def _replaced(found: AskRecord | None, now: float) -> AskRecord | None:
    if found is None or found.state != "open":
        return None
    return found.model_copy(update={"state": "replaced", "decided_at": now})


def _name(owner: Owner, id: str) -> str:
    return f"{owner.stem}.{id}"


def _ask(held: Held[AskRecord]) -> Ask | None:
    owner = owner_by_stem(held.name)
    return None if owner is None else Ask(held.name.rpartition(".")[2], owner, held.content)
