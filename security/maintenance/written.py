"""How what is remembered is written down: whole where one process keeps it, field by field where
several do, so that none undoes what another has written beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog

from security.credential import Owner
from security.errors import OperatorFault
from security.storage.catalogue import Document, Kind
from security.storage.each import portions
from security.storage.protocol import (
    ABSENT,
    ANY,
    Conflict,
    Drop,
    Key,
    Put,
    Step,
    Storage,
    Stored,
    Unit,
    Version,
)

READ_AT_ONCE: Final = 500
_TRIES: Final = 5
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, repr=False)
class Whole:
    """What a document is from now on, whatever it was; None: it goes."""

    document: Document | None


@dataclass(frozen=True, slots=True)
class Fields:
    """What is kept of an owner from now on, beside what else is; None: that is kept no longer."""

    owner: Owner
    fields: Mapping[str, Any]

    def of(self, found: Document) -> Document | None:
        """What is to be kept; None: nothing.

        Args:
            found: what is kept so far.
        """
        fields = {**found, **self.fields}
        if isinstance(day := found.get("day"), int) and fields.get("day") is not None:
            fields["day"] = max(fields["day"], day)  # a last active day never goes back
        kept = {k: v for k, v in fields.items() if v is not None and k != "owner"}
        return {"owner": self.owner.name, **kept} if kept else None


Change = Whole | Fields


def _after(earlier: Change | None, change: Change) -> Change:
    """A change, where an earlier one could not be written."""
    if isinstance(earlier, Fields) and isinstance(change, Fields):
        return Fields(change.owner, {**earlier.fields, **change.fields})
    return change


class Writing:
    """Writes changes down, and tries again what could not be written. Blocks."""

    def __init__(self, storage: Storage, kind: Kind) -> None:
        self._storage = storage
        self._kind = kind
        self.unwritten: dict[str, Change] = {}
        """It comes with the next changes again."""

    def unwritten_with(self, prefix: str) -> dict[str, Document]:
        """Whole documents whose names begin so, and which could not be written yet."""
        return {
            name: change.document
            for name, change in self.unwritten.items()
            if name.startswith(prefix) and isinstance(change, Whole) and change.document
        }

    def read(self, names: Sequence[str]) -> Iterator[tuple[str, Stored | None]]:
        """What is there; what the storage does not tell of is left out."""
        for some in portions(names, READ_AT_ONCE):
            found = self._storage.read([Key(self._kind, name) for name in some])
            for name, stored in zip(some, found, strict=True):
                if not isinstance(stored, Exception):
                    yield name, stored

    def write(self, changes: Mapping[str, Change]) -> None:
        """Make the changes, by the documents' names, and those from before. Never raises."""
        left = dict(self.unwritten)
        for name, change in changes.items():
            left[name] = _after(left.get(name), change)
        for _ in range(_TRIES):
            if not left:
                break
            outcomes = self._try(left)
            left = {name: left[name] for name in left if isinstance(outcomes[name], Exception)}
            if not any(isinstance(outcomes[name], Conflict) for name in left):
                break
        self.unwritten = left
        if left:
            fault = outcomes[next(iter(left))]
            code = fault.code if isinstance(fault, OperatorFault) else "failed"
            _log.warning("memory_not_saved", result=code)

    def _try(self, changes: Mapping[str, Change]) -> dict[str, object]:
        found = dict(self.read([n for n, change in changes.items() if isinstance(change, Fields)]))
        steps: dict[str, Step] = {}
        outcomes: dict[str, object] = dict.fromkeys(changes)
        for name, change in changes.items():
            if isinstance(change, Whole):
                steps[name] = self._step(name, change.document, ANY)
            elif name not in found:
                outcomes[name] = OperatorFault("it cannot be read", code="store_failed")
            elif (step := self._changed(name, change, found[name])) is not None:
                steps[name] = step
        made = self._storage.apply([Unit([step]) for step in steps.values()]) if steps else []
        return outcomes | dict(zip(steps, made, strict=True))

    def _changed(self, name: str, change: Fields, there: Stored | None) -> Step | None:
        """None: it is as it shall be."""
        document = (there.document if there else None) or {}
        kept = change.of(document)
        if kept == document or (kept is None and there is None):
            return None
        return self._step(name, kept, ABSENT if there is None else there.version)

    def _step(self, name: str, document: Document | None, expected: Version) -> Step:
        key = Key(self._kind, name)
        return Drop(key, expected) if document is None else Put(key, document, expected)
