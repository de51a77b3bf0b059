"""Codes that a computer turns into its key: short enough to be read out, for ten minutes, once."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from pydantic import SecretStr

from departments.clients.clients import Client, Clients, May, label_of, note
from departments.documents import Held, Kept, Shelf
from departments.kinds import PAIRING
from departments.secret import AccessSecret
from security.storage.each import only
from security.storage.events import Event
from security.storage.protocol import Conflict, Storage, Unit

LIFE_SECONDS: Final = 600
_LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ"
"""All but I and O, which pass for digits: 36 bits in a code, for which whoever guesses has ten
tries a minute."""
_LENGTH: Final = 8


class _Code(Kept):
    department: str
    label: str
    may: frozenset[May]
    created_by: str
    expires_at: float


@dataclass(frozen=True, slots=True)
class PairingCode:
    """A new one."""

    code: SecretStr
    expires_at: float
    """Unix seconds, by the storage's clock."""

    @property
    def shown(self) -> str:
        """As people read it: in two halves."""
        code = self.code.get_secret_value()
        return f"{code[: _LENGTH // 2]}-{code[_LENGTH // 2 :]}"


@dataclass(frozen=True, slots=True)
class OpenCode:
    """One that could be spent now. Its letters are kept nowhere."""

    name: str
    """Of its document: a keyed hash of the letters, by which it can be dropped and not be spent."""
    department: str
    label: str
    """What the computer will be called."""
    expires_at: float


class Pairing:
    """The codes there are. Every method blocks."""

    def __init__(self, storage: Storage, secret: AccessSecret, clients: Clients) -> None:
        self._storage = storage
        self._secret = secret
        self._clients = clients
        self._shelf = Shelf(storage, PAIRING, _Code)

    def make(self, department: str, label: str, may: Iterable[May], created_by: str) -> PairingCode:
        """A code for a computer of this department.

        Raises:
            ValueError: see `label_of`.
            OperatorFault: it cannot be kept.
        """
        self._clients.forget_old()
        now = self._storage.now()
        for held in self._shelf.all():
            if held.content.expires_at <= now:
                self._shelf.drop(held.name)
        code = "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))
        made = _Code(
            department=department,
            label=label_of(label),
            may=frozenset(may),
            created_by=created_by,
            expires_at=now + LIFE_SECONDS,
        )
        self._shelf.add(self._name(code), made)
        return PairingCode(SecretStr(code), made.expires_at)

    def spend(self, code: str) -> tuple[Client, SecretStr] | None:
        """The computer and its key; None: the code is none, is over, or was spent, be it just now.

        Raises:
            OperatorFault: it cannot be asked for, or the key cannot be kept.
        """
        held = self._find(code)
        if held is None or held.content.expires_at <= self._storage.now():
            return None
        its = held.content
        client, key = self._clients.make(its.department, its.label, its.may, its.created_by)
        # The code goes first: where a crash comes between, there is no key that nobody has.
        unit = Unit(
            [self._shelf.dropping(held), self._clients.keeping(client)],
            events=[Event("client_paired", client.owner)],
        )
        try:
            only(self._storage.apply([unit]))
        except Conflict:
            return None
        note(client, "paired")
        return client, key

    def open(self) -> list[OpenCode]:
        """Every one that could be spent now, whoever made it, the newest first."""
        now, found = self._storage.now(), list[OpenCode]()
        for held in self._shelf.all():
            its = held.content
            if its.expires_at > now:
                found.append(OpenCode(held.name, its.department, its.label, its.expires_at))
        return sorted(found, key=lambda one: -one.expires_at)

    def drop(self, name: str) -> bool:
        """It can be spent no more; False: it could not any more.

        Args:
            name: as `OpenCode.name`.
        """
        now = self._storage.now()
        its = [held for held in self._shelf.all() if held.name == name]
        return any(self._shelf.forget(held) for held in its if held.content.expires_at > now)

    def name_of(self, code: str) -> str:
        """What this code is kept under, if it is; "": it can be none."""
        letters = letters_of(code)
        return "" if letters is None else self._name(letters)

    def _find(self, code: str) -> Held[_Code] | None:
        name = self.name_of(code)
        return self._shelf.find(name) if name else None

    def _name(self, letters: str) -> str:
        return self._secret.digest(PAIRING.name, letters)


def letters_of(code: str) -> str | None:
    """A code as it was typed, in capitals or not, in halves or not; None: it can be none."""
    if len(code) > 4 * _LENGTH:
        return None
    letters = "".join(char for char in code.upper() if not char.isspace() and char not in "-–—")
    return letters if len(letters) == _LENGTH and set(letters) <= set(_LETTERS) else None
