"""Changes made durable: one transaction for many units of a call, in a few statements."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from itertools import chain

from sqlalchemy import Connection, Engine

from security.errors import CustodyError, OperatorFault
from security.storage.catalogue import Kind
from security.storage.parts import Parts
from security.storage.protocol import Convert, Key, Put, Resealed, Unit, Version
from security.storage.sealing import Sealer
from security.storage.sql.changes import Changes, Judged
from security.storage.sql.errors.meaning import StatementRefused
from security.storage.sql.faults import repeatable
from security.storage.sql.leases import LeaseBook
from security.storage.sql.shelves.shelf import Content, Row, Shelf, new_version
from security.storage.sql.trail import SqlTrail


class Writer:
    """Writes for one process."""

    def __init__(
        self,
        engine: Engine,
        sealer: Sealer,
        shelf_of: Callable[[Kind], Shelf],
        trail: SqlTrail,
        leases: LeaseBook,
    ) -> None:
        self._engine = engine
        self._sealer = sealer
        self._shelf_of = shelf_of
        self._trail = trail
        self._leases = leases

    def make(self, units: Sequence[Unit]) -> list[list[Version] | Exception]:
        """See `Storage.apply`: a transaction for some at a time, which none of them keeps long."""
        outcomes: list[list[Version] | Exception] = []
        waiting: Iterator[Changes] = Changes.in_portions(self._sealer, units)
        while (changes := next(waiting, None)) is not None:
            try:
                outcomes += self._make_together(changes)
            except StatementRefused as fault:  # what one unit brings is no other's trouble
                alone = changes.one_by_one()
                if len(alone) == 1:
                    outcomes.append(fault)
                else:
                    waiting = chain(alone, waiting)
            except OperatorFault as fault:  # nothing could be written, or nobody knows whether
                outcomes += [fault] * (len(units) - len(outcomes))
                break
        return outcomes

    def _make_together(self, changes: Changes) -> Sequence[list[Version] | Exception]:
        attempts: list[Judged] = []
        judged = repeatable(self._engine, partial(self._make, changes=changes, attempts=attempts))
        for unit, outcome in zip(changes.units, judged.outcomes, strict=True):
            if not isinstance(outcome, Exception):
                for step in unit.steps:
                    if isinstance(step, Put) and step.reservation is not None:
                        step.reservation.give_up()
        self._leases.freed(changes.leases_ended(judged))
        return judged.outcomes

    def reseal(self, key: Key, convert: Convert) -> Resealed:
        """See `Storage.reseal`."""
        version = new_version()
        return repeatable(
            self._engine, partial(self._reseal, key=key, convert=convert, version=version)
        )

    def probe(self, key: Key) -> None:
        """Write a document and remove it again.

        Raises:
            OperatorFault: it cannot be written.
        """
        content = Content(new_version(), self._sealer.seal(*key, {}), {})
        shelf = self._shelf_of(key.kind)

        def work(connection: Connection) -> None:
            shelf.replace(connection, {key: content})
            shelf.drop(connection, [key])

        repeatable(self._engine, work)

    def _make(self, connection: Connection, *, changes: Changes, attempts: list[Judged]) -> Judged:
        there: dict[Key, Row] = {}
        for shelf, keys in self._by_shelf(changes.keys).items():
            whole = not changes.sources.isdisjoint(keys)
            there |= shelf.read(connection, keys, locks=True, whole=whole)
        # The answer to an earlier COMMIT was lost: what is there tells whether it was made.
        for earlier in attempts:
            if earlier.is_written(there):
                return earlier
        judged = changes.judge(there)
        attempts.append(judged)
        for shelf, keys in self._by_shelf(judged.after).items():
            here = frozenset(keys)
            for write, contents in ((shelf.insert, judged.new), (shelf.replace, judged.changed)):
                write(connection, {key: one for key, one in contents.items() if key in here})
            shelf.drop(connection, [key for key in judged.gone if key in here])
        self._trail.write(connection, judged.events)
        self._leases.free(connection, changes.leases_ended(judged))
        return judged

    def _reseal(
        self, connection: Connection, *, key: Key, convert: Convert, version: int
    ) -> Resealed:
        shelf = self._shelf_of(key.kind)
        found = shelf.read(connection, [key], locks=True).get(key)
        if found is None:
            return "vanished"
        if found.version == version:
            return "changed"  # the answer to the COMMIT was lost
        converted = convert(found.raw)
        if converted is None:
            return "already"
        shelf.replace(connection, {key: self._converted(key, found.raw, converted, version)})
        return "changed"

    def _converted(self, key: Key, before: bytes, converted: bytes, version: int) -> Content:
        """What was divided is so again."""
        try:
            document = self._sealer.open(key.kind, key.name, converted)
        except CustodyError:
            return Content(version, converted, None)
        if Parts.of(before) is not None and Parts.of(converted) is None:
            return Content(version, self._sealer.divide(key.kind, key.name, document), document)
        return Content(version, converted, document)

    def _by_shelf(self, keys: Collection[Key]) -> dict[Shelf, list[Key]]:
        """In one order: whoever locks them in another would wait for us, and we for them."""
        found: dict[Shelf, list[Key]] = {}
        for key in sorted(keys, key=lambda key: (not key.kind.apart, key.kind.name, key.name)):
            found.setdefault(self._shelf_of(key.kind), []).append(key)
        return found
