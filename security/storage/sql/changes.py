"""What becomes of units: judged on what is there and locked, then written together.

A unit is made as a whole or not at all, and one's conflict is none of another's, within one
transaction: what a unit wants is compared in memory first, and only what all units together come
to is written, in a few statements.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from security.encryption import is_encrypted
from security.errors import CustodyError, OperatorFault
from security.storage.catalogue import Document, Kind
from security.storage.each import each
from security.storage.events import Event
from security.storage.leases import Lease
from security.storage.parts import Parts
from security.storage.protocol import (
    ABSENT,
    ANY,
    Conflict,
    Copy,
    Drop,
    Key,
    Put,
    PutRaw,
    Step,
    Unit,
    Version,
)
from security.storage.sealing import Sealer
from security.storage.sql.shelves.shelf import MOST_AT_ONCE, Content, Row, new_version
from security.storage.sql.tables import MOST_BYTES, MOST_TOKEN_BYTES

Standing = Row | Content | None
"""What stands at a key, before anything is written or after a step."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What a transaction is to write, and what each unit is told when it is written."""

    outcomes: Sequence[list[Version] | Exception]
    before: Mapping[Key, Standing]
    after: Mapping[Key, Standing]
    """Of what is changed alone."""
    events: Sequence[Event] = field(default_factory=list)

    @property
    def new(self) -> dict[Key, Content]:
        """What is there in no version yet."""
        return {key: one for key, one in self._kept.items() if self.before.get(key) is None}

    @property
    def changed(self) -> dict[Key, Content]:
        """What takes another's place."""
        return {key: one for key, one in self._kept.items() if self.before.get(key) is not None}

    @property
    def gone(self) -> list[Key]:
        """What is to be dropped."""
        return [key for key, one in self.after.items() if one is None and self.before.get(key)]

    @property
    def _kept(self) -> dict[Key, Content]:
        return {key: one for key, one in self.after.items() if isinstance(one, Content)}

    def is_written(self, there: Mapping[Key, Row]) -> bool:
        """Whether this is what was written, where the answer to a COMMIT was lost.

        Versions are never used twice: one of ours says it, of the whole. Where nothing was to be
        kept, nothing may be left.
        """
        kept = self._kept
        if kept:
            versions = {key: row.version for key, row in there.items()}
            return any(versions.get(key) == one.version for key, one in kept.items())
        return not any(key in there for key in self.after)


@dataclass(frozen=True, slots=True)
class Sealed:
    """A unit, and for each step what it keeps; None: nothing, or that depends on what is there."""

    unit: Unit
    contents: Sequence[Content | Exception | None]

    @property
    def size(self) -> int:
        """Bytes that it brings."""
        return sum(one.size for one in self.contents if isinstance(one, Content))


class Changes:
    """Units of one transaction: sealed ahead of it, judged in it, whenever it is tried."""

    def __init__(self, sealer: Sealer, sealed: Sequence[Sealed]) -> None:
        self._sealer = sealer
        self._sealed = sealed

    @classmethod
    def in_portions(cls, sealer: Sealer, units: Sequence[Unit]) -> Iterator[Changes]:
        """Those of one call, in their order. A transaction stays small however many they are:
        others wait for its rows, and databases set it limits."""
        some: list[Sealed] = []
        size = 0
        for unit in units:
            # Sealing takes time that nobody shall wait for who wants the same rows.
            sealed = Sealed(unit, each(partial(_seal, sealer), unit.steps))
            if some and (len(some) == MOST_AT_ONCE or size + sealed.size > MOST_BYTES):
                yield cls(sealer, some)
                some, size = [], 0
            some.append(sealed)
            size += sealed.size
        if some:
            yield cls(sealer, some)

    def one_by_one(self) -> list[Changes]:
        """Each unit by itself."""
        return [Changes(self._sealer, [sealed]) for sealed in self._sealed]

    @property
    def units(self) -> list[Unit]:
        """In their order."""
        return [sealed.unit for sealed in self._sealed]

    @property
    def keys(self) -> set[Key]:
        """What is read, and locked, for the judgement."""
        return {step.key for unit in self.units for step in unit.steps} | self.sources

    @property
    def sources(self) -> set[Key]:
        """The keys of which what stands there is needed; of all others the version will do."""
        steps = [step for unit in self.units for step in unit.steps]
        return {step.source for step in steps if isinstance(step, Copy)}

    def leases_ended(self, judged: Judged) -> list[Lease]:
        """Those that go back with their units, as far as these are made."""
        return [
            unit.lease
            for unit, outcome in zip(self.units, judged.outcomes, strict=True)
            if unit.ends_lease and unit.lease is not None and not isinstance(outcome, Exception)
        ]

    def judge(self, there: Mapping[Key, Row]) -> Judged:
        """What is to be written, by what is there now."""
        standing: dict[Key, Standing] = dict(there)
        outcomes: list[list[Version] | Exception] = []
        changed: dict[Key, Standing] = {}
        events: list[Event] = []
        for sealed in self._sealed:
            mine: dict[Key, Standing] = {}
            try:
                versions = [
                    self._step(step, content, ChainMap(mine, standing))
                    for step, content in zip(sealed.unit.steps, sealed.contents, strict=True)
                ]
            except Exception as error:  # whatever it is, it is none of another unit's
                outcomes.append(error)
            else:
                outcomes.append(versions)
                standing |= mine
                changed |= mine
                events += sealed.unit.events
        return Judged(outcomes, dict(there), changed, events)

    def _step(
        self,
        step: Step,
        content: Content | Exception | None,
        standing: MutableMapping[Key, Standing],
    ) -> Version:
        if isinstance(content, Exception):
            raise content
        match step:
            case Put(expected=expected) | PutRaw(expected=expected):
                _expect(standing.get(step.key), expected)
            case Copy(source=source, expected=expected):
                found = standing.get(source)
                if found is None:
                    raise Conflict("what was to be copied is gone")
                _expect(found, expected)
                raw = self._sealer.set_aside(*step.key, found.raw)
                content = _brought(self._sealer, step.key, raw)
            case Drop(expected=expected):
                _expect(standing.get(step.key), expected)
        standing[step.key] = content
        return ABSENT if content is None else str(content.version)


def _seal(sealer: Sealer, step: Step) -> Content | None:
    """What a step keeps; None: that depends on what is there, or it keeps nothing."""
    kind, name = step.key
    match step:
        case Put(document=document):
            seal = sealer.divide if kind.apart else sealer.seal
            return _content(kind, seal(kind, name, document), document)
        case PutRaw(raw=raw, is_believed=is_believed):
            believed = is_believed and not is_encrypted(raw)
            put_away = sealer.seal_content if believed else sealer.set_aside
            return _brought(sealer, step.key, put_away(kind, name, raw))
    return None


def _brought(sealer: Sealer, key: Key, raw: bytes) -> Content:
    try:
        document = sealer.open(key.kind, key.name, raw)
    except CustodyError:
        document = None
    return _content(key.kind, raw, document)


def _content(kind: Kind, kept: bytes | Parts, document: Document | None) -> Content:
    content = Content(new_version(), kept, document)
    if isinstance(kept, Parts):
        parts: Parts | None = kept
    else:
        parts = Parts.of(kept) if kind.apart and len(kept) > MOST_TOKEN_BYTES else None
    tokens = () if parts is None else parts.fields.values()
    if content.size > MOST_BYTES or any(len(token) > MOST_TOKEN_BYTES for token in tokens):
        raise OperatorFault("a document is too large for the database", code="too_big")
    return content


def _expect(found: Standing, expected: Version) -> None:
    version = ABSENT if found is None else str(found.version)
    if expected not in (ANY, version):
        raise Conflict("another document has taken this one's place, or none")
