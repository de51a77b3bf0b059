"""The keys of departments' computers: one document each, named by the key's keyed hash.

A key itself is shown once and kept nowhere. One that is revoked stays here, so that whoever uses it
still is noticed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final, Literal

import structlog
from pydantic import Field, SecretStr

from departments.clients.alarms import Alarms
from departments.clients.keys import ending, new_key
from departments.documents import Held, Kept, Shelf
from departments.kinds import CLIENTS, USE
from departments.secret import AccessSecret
from security.credential import Owner
from security.storage.each import only
from security.storage.events import Action, Event
from security.storage.protocol import ABSENT, Drop, Key, Put, Storage, Unit

May = Literal["upload", "token"]
State = Literal["active", "blocked", "revoked"]
LONGEST_LABEL: Final = 60
REVOKED_KEPT_SECONDS: Final = 90 * 86400
_ID: Final = re.compile(r"[0-9a-f]{12}")
_FOR_MACHINES: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""What is no sign on paper: controls, marks of direction, halves of characters."""
_log = structlog.get_logger()


class Client(Kept):
    """One computer of a department, as far as it is known: its key."""

    name: str = Field("", exclude=True, repr=False)
    """Of the document: the key's keyed hash."""
    department: str
    """Its slug."""
    label: str
    """What people call the computer."""
    may: frozenset[May] = frozenset({"upload"})
    ending: str = ""
    """Of the key."""
    created_at: float
    created_by: str
    """See `administrators/who.py`."""
    state: State = "active"
    because: str = ""
    """Why it is blocked: an alarm's code."""
    changed_at: float | None = None
    """When it was blocked, revoked or unblocked last."""
    changed_by: str = ""

    @property
    def id(self) -> str:
        """In addresses, commands and logs, where the key never is."""
        return id_of(self.name)

    @property
    def is_active(self) -> bool:
        """Whether its key opens anything."""
        return self.state == "active"

    @property
    def owner(self) -> Owner:
        """Whose it is."""
        return Owner.parse(f"department:{self.department}")


class ClientRecords:
    """The computers there are, for whoever has no key to look up. Every method blocks."""

    def __init__(self, storage: Storage, alarms: Alarms) -> None:
        """
        Args:
            alarms: of keys that are revoked or unblocked, they are over.
        """
        self._storage = storage
        self._alarms = alarms
        self._shelf = Shelf(storage, CLIENTS, Client)

    def by_name(self, name: str) -> Client | None:
        """The one that is kept under a key's hash; None: there is none."""
        held = self._shelf.find(name)
        return None if held is None else _client(held)

    def is_active(self, name: str) -> bool:
        """Whether the key of this hash opens anything."""
        client = self.by_name(name)
        return client is not None and client.is_active

    def all(self, department: str | None = None) -> list[Client]:
        """Every one, or a department's: by department, then by label."""
        found = map(_client, self._shelf.all())
        mine = (one for one in found if department in (None, one.department))
        return sorted(mine, key=lambda one: (one.department, one.label, one.created_at))

    def find(self, id: str) -> Client | None:
        """The one of this id; None: there is none."""
        if not _ID.fullmatch(id):
            return None
        found = [_client(held) for held in self._shelf.all(prefix=id)]
        return found[0] if len(found) == 1 else None

    def revoke(self, id: str, by: str) -> Client | None:
        """Its key opens nothing any more, for good; None: there is none of this id."""
        return self._change(id, ("active", "blocked"), "revoked", "client_revoked", by)

    def block(self, id: str, because: str, by: str = "") -> Client | None:
        """Its key opens nothing until it is unblocked."""
        return self._change(id, ("active",), "blocked", "client_blocked", by, because)

    def unblock(self, id: str, by: str) -> Client | None:
        """Its key opens again what it opened; one that was revoked stays so."""
        return self._change(id, ("blocked",), "active", "client_unblocked", by)

    def _change(
        self,
        id: str,
        before: tuple[State, ...],
        state: State,
        action: Action,
        by: str,
        because: str = "",
    ) -> Client | None:
        client = self.find(id)
        if client is None:
            return None
        now = self._storage.now()
        to = {"state": state, "because": because, "changed_at": now, "changed_by": by}

        def how(found: Client | None) -> Client | None:
            is_any = found is None or found.state not in before
            return None if is_any or found is None else found.model_copy(update=to)

        changed = self._shelf.change(
            client.name, how, lambda kept: [Event(action, kept.owner, because or "ok")]
        )
        if changed is not None:
            note(client, action.removeprefix("client_"))
            if state != "blocked":
                self._alarms.end_of(client.id)
        return self.by_name(client.name)

    def forget_old(self) -> None:
        """Keep nothing of keys that were revoked 90 days ago."""
        now = self._storage.now()
        for client in self.all():
            if client.state == "revoked" and now - (client.changed_at or 0) > REVOKED_KEPT_SECONDS:
                steps = [Drop(Key(kind, client.name)) for kind in (USE, CLIENTS)]
                only(self._storage.apply([Unit(steps)]))


class Clients(ClientRecords):
    """The same, and their keys."""

    def __init__(self, storage: Storage, secret: AccessSecret, alarms: Alarms) -> None:
        super().__init__(storage, alarms)
        self._secret = secret

    def add(
        self, department: str, label: str, may: Iterable[May], created_by: str
    ) -> tuple[Client, SecretStr]:
        """A new computer and its key, which nobody can look up later.

        Raises:
            ValueError: see `label_of`.
            OperatorFault: it cannot be kept.
        """
        self.forget_old()
        client, key = self.make(department, label, may, created_by)
        self._shelf.add(client.name, client, [Event("client_added", client.owner)])
        note(client, "added")
        return client, key

    def make(
        self, department: str, label: str, may: Iterable[May], created_by: str
    ) -> tuple[Client, SecretStr]:
        """The same, and nothing is kept yet."""
        key = new_key()
        client = Client(
            name=self.name_of(key.get_secret_value()),
            department=department,
            label=label_of(label),
            may=frozenset({"upload", *may}),
            ending=ending(key),
            created_at=self._storage.now(),
            created_by=created_by,
        )
        return client, key

    def keeping(self, client: Client) -> Put:
        """The step that keeps a new one, for a unit."""
        return self._shelf.putting(client.name, client, ABSENT)

    def name_of(self, key: str) -> str:
        """The document of a key. Asks nobody."""
        return self._secret.digest(CLIENTS.name, key)

    def by_key(self, key: str) -> Client | None:
        """Whose key it is, be it blocked or revoked; None: nobody's."""
        return self.by_name(self.name_of(key))


def _client(held: Held[Client]) -> Client:
    return held.content.model_copy(update={"name": held.name})


def id_of(name: str) -> str:
    """What is shown of a computer, by its document's name."""
    return name[:12]


def note(client: Client, result: str) -> None:
    """In the log: what has become of a key."""
    _log.info("client_changed", owner=client.owner, client=client.id, result=result)


def label_of(text: str) -> str:
    """What a computer may be called, trimmed.

    Raises:
        ValueError: it is empty or longer than 60 characters, or holds what cannot be seen.
    """
    label = unicodedata.normalize("NFC", text).strip()
    if not 1 <= len(label) <= LONGEST_LABEL:
        raise ValueError(f"a label has 1 to {LONGEST_LABEL} characters")
    if any(unicodedata.category(char) in _FOR_MACHINES for char in label):
        raise ValueError("a label has no characters that cannot be seen")
    return label
