"""Documents carried from one storage to another, and compared there.

What opens is put, sealed anew in the other storage's own form; what does not, and copies in
quarantine, whose bytes are kept, are carried as they stand. A document that is the same there
already is left alone: a run that was stopped is simply made again.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from security.errors import CustodyError, OperatorFault
from security.owner_documents import CREDENTIALS
from security.quarantine.policy import REJECTION, with_version
from security.recovery.moving.report import Left, Outcome
from security.storage.catalogue import NOTE, Document
from security.storage.each import only, portions
from security.storage.leases import Lease
from security.storage.protocol import Drop, Found, Key, Put, PutRaw, Step, Storage, Stored, Unit

AT_ONCE: Final = 50
"""Documents, or owners with all of theirs."""
_MOST_BYTES: Final = 512 * 1024
"""Of one change: a database's transaction has twice as much."""
_POLL_SECONDS: Final = 0.1
Progress = Callable[[int, int], None]
"""Told how many documents are done, and of how many."""


@dataclass(slots=True)
class Pass:
    """What one look at all documents found, and did."""

    counts: dict[str, Counter[Outcome]] = field(default_factory=dict)
    changed: int = 0
    """How many were not the same on the other side."""
    left: list[Left] = field(default_factory=list)


class Carrier:
    """Carries from `source` to `target`. Every method blocks on both."""

    def __init__(
        self,
        source: Storage,
        target: Storage,
        mask: Callable[[str], str],
        *,
        lease_seconds: float,
        at_once: int = AT_ONCE,
    ) -> None:
        """
        Args:
            mask: what stands for an owner in a report.
            lease_seconds: how long an owner's lease is waited for.
        """
        self._source = source
        self._target = target
        self._mask = mask
        self._lease_seconds = lease_seconds
        self._at_once = at_once

    def look(self, progress: Progress) -> Pass:
        """What there is to carry. Changes nothing."""
        return self._go(list(self._portions(self._source)), progress, self._count)

    def copy(self, progress: Progress) -> Pass:
        """Make the target hold what the source holds, and nothing else."""
        return self._go(list(self._portions(self._source, self._target)), progress, self._carry)

    def empty_source(self, progress: Progress) -> Pass:
        """Remove from the source what the target holds the same; carry first what has changed."""
        # What speaks of credentials' versions is compared while those are still there.
        batches = list(self._portions(self._source))[::-1]
        return self._go(batches, progress, self._take_away)

    def empty_target(self, progress: Progress) -> Pass:
        """Remove whatever the target holds."""
        return self._go(list(self._portions(self._target)), progress, self._clear)

    def _go(
        self,
        batches: Sequence[Sequence[Key]],
        progress: Progress,
        step: Callable[[Sequence[Key], Pass], None],
    ) -> Pass:
        done, total, made = 0, sum(map(len, batches)), Pass()
        progress(0, total)
        for keys in batches:
            step(keys, made)
            done += len(keys)
            progress(done, total)
        return made

    def _portions(self, *storages: Storage) -> Iterator[Sequence[Key]]:
        """All keys: an owner's together, credentials before what speaks of their versions."""
        kinds = [kind for kind in self._source.kinds if kind in self._target.kinds]
        owners: dict[str, list[Key]] = {}
        others: list[Key] = []
        for kind in kinds:
            for name in sorted({n for storage in storages for n in storage.names(kind)}):
                owner = Key(kind, name).leased_by
                keys = others if owner is None else owners.setdefault(owner.stem, [])
                keys.append(Key(kind, name))
        for some in portions(list(owners.values()), self._at_once):
            yield [key for keys in some for key in keys]
        yield from portions(others, self._at_once)

    def _count(self, keys: Sequence[Key], made: Pass) -> None:
        for key, found in zip(keys, self._source.read(keys), strict=True):
            self._note(key, found, made)

    def _carry(self, keys: Sequence[Key], made: Pass) -> None:
        with self._leased(self._target, keys) as leases:
            self._make_same(keys, leases, made)

    def _take_away(self, keys: Sequence[Key], made: Pass) -> None:
        with self._leased(self._source, keys) as mine, self._leased(self._target, keys) as theirs:
            found = self._make_same(keys, theirs, made)
            drops = [
                Drop(key, expected=stored.version)
                for key, stored in zip(keys, found, strict=True)
                if isinstance(stored, Stored)
            ]
            _apply(self._source, [(drop, 0) for drop in drops], mine)

    def _clear(self, keys: Sequence[Key], made: Pass) -> None:
        with self._leased(self._target, keys) as leases:
            _apply(self._target, [(Drop(key), 0) for key in keys], leases)

    def _make_same(self, keys: Sequence[Key], leases: dict[str, Lease], made: Pass) -> list[Found]:
        """Carry what differs, and see that it has arrived; what the source holds."""
        found, there = self._source.read(keys), self._target.read(keys)
        steps = []
        for key, stored, present in zip(keys, found, there, strict=True):
            if not self._note(key, stored, made):
                continue
            step = self._step(key, stored, present)
            if step is not None:
                size = len(stored.raw) if isinstance(stored, Stored) else 0
                steps.append((step, size))
        if steps:
            too_big = _apply(self._target, steps, leases)
            for step in too_big:
                stood: Outcome = "as it stands" if isinstance(step, PutRaw) else "moved"
                made.counts[step.key.kind.label][stood] -= 1
                self._leave(step.key, "too_big", made)
            changed = [step.key for step, _ in steps if step not in too_big]
            made.changed += len(changed)
            before = dict(zip(keys, found, strict=True))
            for key, present in zip(changed, self._target.read(changed), strict=True):
                if self._step(key, before[key], present) is not None:
                    raise OperatorFault(
                        "what was carried does not come back as it was", code="failed"
                    )
        return found

    def _note(self, key: Key, found: Found, made: Pass) -> bool:
        """Count it; False: it cannot be carried."""
        counts = made.counts.setdefault(key.kind.label, Counter())
        if found is None:
            return True
        if isinstance(found, Exception):
            code = found.code if isinstance(found, CustodyError) else "failed"
            self._leave(key, code, made)
            return False
        stands = found.document is None or _keeps_bytes(key)
        counts["as it stands" if stands else "moved"] += 1
        return True

    def _leave(self, key: Key, code: str, made: Pass) -> None:
        owner = key.kind.owner_of(key.name)
        mask = None if owner is None else self._mask(owner.name)
        made.left.append(Left(kind=key.kind.label, owner=mask, result=code))
        made.counts[key.kind.label]["left"] += 1

    def _step(self, key: Key, found: Found, present: Found) -> Step | None:
        """What makes the target's the same; None: it is. Raises where one cannot be read."""
        found, present = only([found]), only([present])
        if found is None:
            return None if present is None else Drop(key)
        if found.document is None or _keeps_bytes(key):
            same = present is not None and (
                present.raw == found.raw or self._target.holds(key, found.raw)
            )
            return None if same else PutRaw(key, found.raw)
        document = self._as_there(key, found.document)
        if present is not None and present.document == document:
            return None
        return Put(key, document)

    def _as_there(self, key: Key, document: Document) -> Document:
        """The document as the target's: what names a version of the source's names the target's."""
        owner = key.kind.owner_of(key.name)
        if key.kind.leased or owner is None or REJECTION not in document:
            return document
        of = [Key(CREDENTIALS, owner.stem)]
        [before], [after] = self._source.read(of), self._target.read(of)
        if not isinstance(before, Stored) or not isinstance(after, Stored):
            return document
        return with_version(document, before.version, after.version)

    @contextmanager
    def _leased(self, storage: Storage, keys: Sequence[Key]) -> Iterator[dict[str, Lease]]:
        """The leases of everybody whose documents these are, by name."""
        wanted = set(filter(None, map(_stem, keys)))
        held: dict[str, Lease] = {}
        deadline = time.monotonic() + self._lease_seconds
        try:
            while missing := sorted(wanted - held.keys()):
                for name, lease in zip(missing, storage.lease(missing), strict=True):
                    if isinstance(lease, CustodyError):
                        raise lease
                    if lease is not None:
                        held[name] = lease
                if len(held) < len(wanted):
                    if time.monotonic() > deadline:
                        raise OperatorFault(
                            "somebody is at work there: stop every process and command",
                            code="locked",
                        )
                    time.sleep(_POLL_SECONDS)
            yield held
        finally:
            storage.release(list(held.values()))


def _stem(key: Key) -> str | None:
    """The lease that a change of the document wants; None: none."""
    owner = key.leased_by
    return None if owner is None else owner.stem


def _keeps_bytes(key: Key) -> bool:
    """Whether it is a copy in quarantine, and no note."""
    return key.kind.copies_of is not None and not key.name.endswith(NOTE)


def _apply(
    storage: Storage, steps: Sequence[tuple[Step, int]], leases: dict[str, Lease]
) -> list[Step]:
    """Make changes durable: all of an owner's as one unit, some bytes at a time.

    What is not made, because one of its unit is too large, is given back.
    """
    units: dict[str, list[Step]] = {}
    too_big: list[Step] = []
    waiting = 0
    for number, (step, size) in enumerate(steps):
        stem = _stem(step.key)
        name = f" {number}" if stem is None else stem  # nobody's: a unit of its own
        if waiting + size > _MOST_BYTES and name not in units:
            too_big += _make(storage, units, leases)
            units, waiting = {}, 0
        units.setdefault(name, []).append(step)
        waiting += size
    return too_big + _make(storage, units, leases)


def _make(storage: Storage, units: dict[str, list[Step]], leases: dict[str, Lease]) -> list[Step]:
    made = [Unit(steps, leases.get(name)) for name, steps in units.items()]
    too_big: list[Step] = []
    for unit, outcome in zip(made, storage.apply(made) if made else (), strict=True):
        if isinstance(outcome, OperatorFault) and outcome.code == "too_big":
            too_big += unit.steps
        elif isinstance(outcome, Exception):
            raise outcome
    return too_big
