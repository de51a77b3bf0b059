"""Addresses of people's calendars: whoever has one reads that person's duties, and nothing else.

The address is a secret of 256 bits. What is kept of it is a keyed hash: by it the calendar is
found, and nobody can make the address again of what is kept.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from pydantic import Field, SecretStr

from departments.documents import Held, Kept, Shelf
from departments.secret import AccessSecret, new_secret
from security.credential import Owner
from security.storage.catalogue import owner_by_stem
from security.storage.each import only
from security.storage.events import Event
from security.storage.protocol import Drop, Key, Storage, Unit
from sheets.people.kinds import CALENDARS
from sheets.people.links import Link, Links

CALENDAR_PATH: Final = "/calendar"
"""Below it are calendars."""
ENDING: Final = ".ics"
MOST: Final = 5
"""Addresses of one person: one more ends the oldest."""
_LONGEST: Final = 100


def address_of(public_url: str, secret: SecretStr) -> str:
    """Where a calendar is: for whoever it was made for, and nobody else."""
    return f"{public_url}{CALENDAR_PATH}/{secret.get_secret_value()}{ENDING}"


class AddressRecord(Kept):
    """What is kept of an address."""

    secret: str = Field(repr=False)
    """A keyed hash."""
    made_at: float
    language: str = ""
    """In which its owner reads; empty: it was made before that was kept."""


@dataclass(frozen=True, slots=True)
class Address:
    """A new one."""

    id: str
    """By which its owner revokes it."""
    secret: SecretStr


@dataclass(frozen=True, slots=True)
class Calendar:
    """What an address leads to."""

    owner: Owner
    links: tuple[Link, ...]
    """Whose duties are in it: of each department this person's, by the number there."""
    key: str = ""
    """Tells this person's entries from everybody else's, and says nothing of who it is."""
    language: str = ""
    """In which its owner reads; empty: nobody knows."""


class CalendarAddresses:
    """Those of everybody. Every method blocks.

    Raises, each of them:
        OperatorFault: the storage does not answer.
    """

    def __init__(
        self, storage: Storage, links: Links, may_use: Callable[[Owner], bool] = lambda owner: True
    ) -> None:
        """
        Args:
            may_use: whether a person is served at all.
        """
        self._storage = storage
        self._links = links
        self._may_use = may_use
        self._shelf = Shelf(storage, CALENDARS, AddressRecord)

    def issue(self, owner: Owner, language: str = "") -> Address:
        """A new address of this person's calendar. Of more than five the oldest end.

        Args:
            language: in which they read.
        """
        mine = sorted(self._shelf.all(f"{owner.stem}."), key=lambda held: held.content.made_at)
        id, secret = secrets.token_hex(6), new_secret()
        record = AddressRecord(
            secret=self._digest(secret.get_secret_value()),
            made_at=self._storage.now(),
            language=language,
        )
        self._shelf.add(f"{owner.stem}.{id}", record, [Event("calendar_issued", owner)])
        for held in mine[: max(len(mine) + 1 - MOST, 0)]:
            self._drop(owner, held.name)
        return Address(id, secret)

    def find(self, secret: str) -> Calendar | None:
        """What this address leads to; None: to nothing, be it that it was revoked, or that its
        owner is linked to no roster any more.

        Args:
            secret: the last part of the address, without its ending.
        """
        if not 0 < len(secret) <= _LONGEST:
            return None
        digest = self._digest(secret)
        for held in self._shelf.some(self._storage.find(CALENDARS, "secret", digest)):
            owner = self._owner_of(held, digest)
            if owner is not None and (links := self._links.of(owner)):
                key = self._secret.digest("calendar_entries", owner.name)
                return Calendar(owner, tuple(links), key, held.content.language)
        return None

    def revoke(self, owner: Owner, id: str) -> bool:
        """This one of theirs leads to nothing any more; False: it is none, or not theirs."""
        name = f"{owner.stem}.{id}"
        if name not in self._storage.names(CALENDARS, f"{owner.stem}."):
            return False
        self._drop(owner, name)
        return True

    def revoke_all(self, owner: Owner) -> int:
        """None of theirs leads anywhere any more; how many there were."""
        names = self._storage.names(CALENDARS, f"{owner.stem}.")
        for name in names:
            self._drop(owner, name)
        return len(names)

    def _drop(self, owner: Owner, name: str) -> None:
        unit = Unit([Drop(Key(CALENDARS, name))], events=[Event("calendar_revoked", owner)])
        only(self._storage.apply([unit]))

    def _owner_of(self, held: Held[AddressRecord], digest: str) -> Owner | None:
        owner = owner_by_stem(held.name)
        # What it was found by is a hint: what counts is sealed.
        if owner is None or not hmac.compare_digest(held.content.secret, digest):
            return None
        return owner if self._may_use(owner) else None

    def _digest(self, secret: str) -> str:
        return self._secret.digest(CALENDARS.name, secret)

    @cached_property
    def _secret(self) -> AccessSecret:
        return AccessSecret.of(self._storage)
