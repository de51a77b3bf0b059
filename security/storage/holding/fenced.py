"""Documents of the one process that holds a lease: each is put on the version it was left in.

A process that was stopped for longer than its lease lasts may go on in the midst of a change. What
whoever holds the lease by now has made of a document is another version, and stays.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from security.errors import OperatorFault
from security.storage.catalogue import Kind
from security.storage.holding.held_lease import HeldLease
from security.storage.protocol import (
    ABSENT,
    ANY,
    Conflict,
    DocumentStore,
    Drop,
    Found,
    Key,
    Put,
    Step,
    Stored,
    Unit,
    Version,
)

_TRIES: Final = 5
_PATIENCE_SECONDS: Final = 5.0
"""For the database to say whose the lease is, where it has run out; a renewal takes a second."""
_REMEMBERED: Final = 20_000
"""Versions. One that is forgotten costs another look."""


class FencedDocuments:
    """See `DocumentStore`, whose methods these are. A step that wants no version gets one."""

    def __init__(
        self, storage: DocumentStore, lease: HeldLease, *, saves_late: bool = False
    ) -> None:
        """
        Args:
            saves_late: whether versions alone decide: for what was asked of Google, and cannot be
                asked again. Else nothing is written before the lease is certainly held: what has
                failed while the process stood still is not for it to say.
        """
        self._storage = storage
        self._lease = lease
        self._saves_late = saves_late
        self._versions: dict[Key, Version] = {}
        """As this process has read or left them; of others there should be none."""
        self._noting = threading.Lock()

    def check_writable(self, kind: Kind | None = None) -> None:
        self._storage.check_writable(kind)

    def names(self, kind: Kind, prefix: str = "") -> list[str]:
        return self._storage.names(kind, prefix)

    def find(self, kind: Kind, index: str, value: str | None) -> list[str]:
        return self._storage.find(kind, index, value)

    def read(self, keys: Sequence[Key]) -> list[Found]:
        found = self._storage.read(keys)
        for key, stored in zip(keys, found, strict=True):
            if stored is None:
                self._note(key, ABSENT)
            elif isinstance(stored, Stored):
                self._note(key, stored.version)
        return found

    def apply(self, units: Sequence[Unit]) -> list[list[Version] | Exception]:
        """Conflicts are this class's own affair. Where a document is in another version than this
        process knows, and the lease is still held, somebody has only sealed it anew, or was late:
        it is put on that version. Where the lease is over, it is the next holder's.
        """
        outcomes: dict[int, list[Version] | Exception] = {}
        left = list(range(len(units)))
        for _ in range(_TRIES):
            made = self._make([self._fenced(units[number]) for number in left])
            outcomes |= zip(left, made, strict=True)
            left = [number for number in left if isinstance(outcomes[number], Conflict)]
            if not left:
                break
            if not self._lease.may_begin():
                outcomes |= {number: _replaced() for number in left}
                break
            self.read([step.key for number in left for step in units[number].steps])
        else:
            fault = OperatorFault("others change it again and again", code="locked")
            outcomes |= dict.fromkeys(left, fault)
        for number, outcome in outcomes.items():
            if isinstance(outcome, list):
                for step, version in zip(units[number].steps, outcome, strict=True):
                    self._note(step.key, version)
        return [outcomes[number] for number in range(len(units))]

    def _make(self, units: Sequence[Unit]) -> list[list[Version] | Exception]:
        if not self._saves_late and not self._lease.is_certain(_PATIENCE_SECONDS):
            return [_replaced() for _ in units]
        return self._storage.apply(units)

    def _fenced(self, unit: Unit) -> Unit:
        return replace(unit, steps=[self._with_version(step) for step in unit.steps])

    def _with_version(self, step: Step) -> Step:
        if isinstance(step, Put) and step.expected == ANY:
            return replace(step, expected=self._versions.get(step.key, ABSENT))
        if isinstance(step, Drop) and step.expected == ANY:
            return replace(step, expected=self._versions.get(step.key, ANY))
        return step

    def _note(self, key: Key, version: Version) -> None:
        with self._noting:
            if version == ABSENT:
                self._versions.pop(key, None)
                return
            if len(self._versions) >= _REMEMBERED:
                for oldest in list(self._versions)[: _REMEMBERED // 2]:
                    del self._versions[oldest]
            self._versions[key] = version


def _replaced() -> OperatorFault:
    return OperatorFault("another process is the bot by now", code="second_instance")
