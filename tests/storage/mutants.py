"""For each rule of the contract a storage that breaks it, and the test that must notice."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from security.encryption import is_encrypted
from security.errors import CustodyError, OperatorFault
from security.storage.catalogue import Kind
from security.storage.due import Due, DuePage
from security.storage.events import AuditEntry, Event
from security.storage.leases import Lease, Reservation
from security.storage.protocol import (
    ABSENT,
    ANY,
    Conflict,
    Convert,
    Copy,
    Drop,
    Found,
    Key,
    Put,
    PutRaw,
    Resealed,
    Step,
    Stored,
    Unit,
    Version,
)
from tests.storage import (
    test_contract,
    test_contract_finding,
    test_contract_keys,
    test_contract_leases,
)
from tests.storage.memory import MemoryLease, MemoryReservation, MemoryStorage, Shelf

Test = Callable[..., None]
MUTANTS: Final[list[tuple[type[MemoryStorage], Test]]] = []


def breaks(test: Test) -> Callable[[type[MemoryStorage]], type[MemoryStorage]]:
    """This storage breaks the rule that `test` holds up."""

    def add(mutant: type[MemoryStorage]) -> type[MemoryStorage]:
        MUTANTS.append((mutant, test))
        return mutant

    return add


# Reading


@breaks(test_contract.test_several_documents_are_read_in_one_call_each_with_its_own_fault)
class OneFaultEndsTheRead(MemoryStorage):
    def read(self, keys: Sequence[Key]) -> list[Found]:
        found = super().read(keys)
        for one in found:
            if isinstance(one, Stored):
                one.open()
        return found


@breaks(test_contract.test_several_documents_are_read_in_one_call_each_with_its_own_fault)
class DamageIsNothing(MemoryStorage):
    def _read(self, key: Key) -> Found:
        found = super()._read(key)
        return None if isinstance(found, Stored) and found.fault else found


@breaks(test_contract.test_what_is_no_object_is_damage_and_never_an_error_of_the_storage)
class DamageIsTheStoragesFault(MemoryStorage):
    def _read(self, key: Key) -> Found:
        found = super()._read(key)
        return found.fault if isinstance(found, Stored) and found.fault else found


@breaks(test_contract.test_what_is_put_is_read_and_sealed_where_there_is_a_key)
class NothingIsSealed(MemoryStorage):
    def _make(self, step: Step) -> Version:
        if isinstance(step, Put):
            return self.shelf.keep(step.key, json.dumps(step.document).encode())
        return super()._make(step)


@breaks(test_contract.test_names_that_are_none_are_refused_before_anything_is_done)
class AnyNameServes(MemoryStorage):
    def _check(self, units: Sequence[Unit]) -> None:
        """Nothing is."""


@breaks(test_contract.test_bytes_are_held_sealed_since_or_not)
class SealedBytesAreNotHeld(MemoryStorage):
    def holds(self, key: Key, raw: bytes) -> bool:
        return self.shelf.documents.get(key, (ABSENT, None))[1] == raw


@breaks(test_contract.test_what_cannot_be_read_can_be_dropped)
class ADropReadsFirst(MemoryStorage):
    def _make(self, step: Step) -> Version:
        if isinstance(step, Drop):
            self.shelf.raw(step.key)
        return super()._make(step)


# Versions


@breaks(test_contract.test_a_version_changes_with_every_put_and_not_otherwise)
class AVersionIsTheContents(MemoryStorage):
    def _keep(self, key: Key, raw: bytes) -> Version:
        super()._keep(key, raw)
        version = f"v{len(raw)}"
        self.shelf.documents[key] = (version, raw)
        return version


@breaks(test_contract.test_a_version_changes_with_every_put_and_not_otherwise)
class ALookRaisesTheVersion(MemoryStorage):
    def _read(self, key: Key) -> Found:
        if key in self.shelf.documents:
            self.shelf.keep(key, self.shelf.documents[key][1])
        return super()._read(key)


@breaks(test_contract.test_a_put_wants_the_version_that_is_there)
class AbsentIsAny(MemoryStorage):
    def _expect(self, key: Key, expected: Version) -> None:
        super()._expect(key, ANY if expected == ABSENT else expected)


@breaks(test_contract.test_a_put_wants_the_version_that_is_there)
class AnOldVersionServes(MemoryStorage):
    def _expect(self, key: Key, expected: Version) -> None:
        if expected == ABSENT:
            super()._expect(key, expected)


@breaks(test_contract.test_a_drop_wants_the_version_that_is_there)
class ADropTakesAnyVersion(MemoryStorage):
    def _make(self, step: Step) -> Version:
        return super()._make(replace(step, expected=ANY) if isinstance(step, Drop) else step)


@breaks(test_contract.test_a_drop_wants_the_version_that_is_there)
class ADropWantsSomethingThere(MemoryStorage):
    def _make(self, step: Step) -> Version:
        if isinstance(step, Drop) and step.key not in self.shelf.documents:
            raise Conflict("gone")
        return super()._make(step)


# Units


@breaks(test_contract.test_the_steps_of_a_unit_are_made_in_their_order)
class StepsAreMadeBackwards(MemoryStorage):
    def _apply(self, unit: Unit) -> list[Version] | Exception:
        versions = super()._apply(replace(unit, steps=unit.steps[::-1]))
        return versions if isinstance(versions, Exception) else versions[::-1]


@breaks(test_contract.test_ones_conflict_is_none_of_anothers)
class OnesConflictIsEverybodys(MemoryStorage):
    def apply(self, units: Sequence[Unit]) -> list[list[Version] | Exception]:
        outcomes = super().apply(units)
        faults = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
        return [faults[0] for _ in outcomes] if faults else outcomes


@breaks(test_contract.test_ones_conflict_is_none_of_anothers)
class AConflictEndsTheCall(MemoryStorage):
    def apply(self, units: Sequence[Unit]) -> list[list[Version] | Exception]:
        outcomes = super().apply(units)
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome
        return outcomes


@breaks(test_contract.test_units_of_one_call_meet_each_other)
class UnitsOfACallAreJudgedTogether(MemoryStorage):
    def apply(self, units: Sequence[Unit]) -> list[list[Version] | Exception]:
        there = {key: version for key, (version, _) in self.shelf.documents.items()}
        units = [
            replace(
                unit,
                steps=[
                    replace(step, expected=ANY)
                    if isinstance(step, Put) and step.expected == there.get(step.key)
                    else step
                    for step in unit.steps
                ],
            )
            for unit in units
        ]
        return super().apply(units)


@breaks(test_contract.test_a_conflict_leaves_the_steps_before_it_or_none)
class WhatComesAfterAConflictIsMade(MemoryStorage):
    def _apply(self, unit: Unit) -> list[Version] | Exception:
        outcomes = [super(type(self), self)._apply(Unit([step], unit.lease)) for step in unit.steps]
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                return outcome
        self.record(unit.events)
        return [outcome[0] for outcome in outcomes if not isinstance(outcome, Exception)]


@breaks(test_contract.test_a_conflict_leaves_the_steps_before_it_or_none)
class ItIsNotWhatItDeclares(MemoryStorage):
    def _apply(self, unit: Unit) -> list[Version] | Exception:
        self.is_atomic = True
        return super()._apply(unit)


@breaks(test_contract.test_without_room_nothing_changes)
class WithoutRoomThePlaceIsEmpty(MemoryStorage):
    def _keep(self, key: Key, raw: bytes) -> Version:
        self.shelf.documents.pop(key, None)
        return super()._keep(key, raw)


@breaks(test_contract.test_without_room_nothing_changes)
class ItSaysThatThereIsRoom(MemoryStorage):
    def check_writable(self, kind: Kind | None = None) -> None:
        """Always."""


@breaks(test_contract.test_a_fault_of_one_step_is_told_in_its_unit_alone)
class AFaultIsRaised(MemoryStorage):
    def _apply(self, unit: Unit) -> list[Version] | Exception:
        outcome = super()._apply(unit)
        if isinstance(outcome, OperatorFault):
            raise outcome
        return outcome


# Copies, and bytes from elsewhere


@breaks(test_contract.test_a_copy_of_plaintext_is_sealed_under_a_key_and_not_believed)
class ACopyBelievesPlaintext(MemoryStorage):
    def _make(self, step: Step) -> Version:
        if isinstance(step, Copy):
            raw = self.shelf.documents[step.source][1]
            return super()._make(PutRaw(step.key, raw, is_believed=True))
        return super()._make(step)


@breaks(test_contract.test_a_copy_of_plaintext_is_sealed_under_a_key_and_not_believed)
class ACopyLeavesPlaintext(MemoryStorage):
    def _make(self, step: Step) -> Version:
        if isinstance(step, Copy):
            self._expect(step.source, step.expected)
            return self.shelf.keep(step.key, self.shelf.documents[step.source][1])
        return super()._make(step)


@breaks(test_contract.test_a_copy_is_as_its_source_stands)
class ACopyMustOpen(MemoryStorage):
    def _make(self, step: Step) -> Version:
        if isinstance(step, Copy):
            found = self._read(step.source)
            assert isinstance(found, Stored)
            return super()._make(Put(step.key, found.open()))
        return super()._make(step)


@breaks(test_contract.test_a_copy_wants_the_version_of_its_source)
class ACopyTakesAnyVersion(MemoryStorage):
    def _make(self, step: Step) -> Version:
        return super()._make(replace(step, expected=ANY) if isinstance(step, Copy) else step)


@breaks(test_contract.test_bytes_from_elsewhere_are_believed_where_that_is_said)
class EverythingFromElsewhereIsBelieved(MemoryStorage):
    def _make(self, step: Step) -> Version:
        is_raw = isinstance(step, PutRaw)
        return super()._make(replace(step, is_believed=True) if is_raw else step)  # type: ignore[call-arg]


@breaks(test_contract.test_bytes_from_elsewhere_are_believed_where_that_is_said)
class NothingFromElsewhereIsBelieved(MemoryStorage):
    def _make(self, step: Step) -> Version:
        is_raw = isinstance(step, PutRaw)
        return super()._make(replace(step, is_believed=False) if is_raw else step)  # type: ignore[call-arg]


@breaks(test_contract.test_sealed_bytes_from_elsewhere_stay_as_they_are)
class SealedBytesAreSealedAgain(MemoryStorage):
    def _make(self, step: Step) -> Version:
        if isinstance(step, PutRaw):
            return self._keep(step.key, self.sealer.seal_content(*step.key, step.raw))
        return super()._make(step)


@breaks(test_contract.test_plaintext_takes_no_sealed_documents_place)
class PlaintextTakesASealedPlace(MemoryStorage):
    def _keep(self, key: Key, raw: bytes) -> Version:
        return self.shelf.keep(key, raw)


# Events


@breaks(test_contract.test_events_are_written_once_their_unit_is_made)
class EventsComeBeforeTheirUnit(MemoryStorage):
    def _apply(self, unit: Unit) -> list[Version] | Exception:
        self.record(unit.events)
        return super()._apply(replace(unit, events=()))


@breaks(test_contract.test_events_are_written_once_their_unit_is_made)
class EventsAreForgotten(MemoryStorage):
    def _apply(self, unit: Unit) -> list[Version] | Exception:
        return super()._apply(replace(unit, events=()))


@breaks(test_contract_finding.test_the_trail_is_read_from_either_end)
class TheTrailHasOneEnd(MemoryStorage):
    def events(self, **asked: Any) -> Iterator[AuditEntry]:
        return super().events(**{**asked, "newest_first": True})


@breaks(test_contract_finding.test_the_trail_is_read_from_either_end)
class TheTrailShowsEverybody(MemoryStorage):
    def events(self, **asked: Any) -> Iterator[AuditEntry]:
        return super().events(**{**asked, "owner": None})


@breaks(test_contract_finding.test_a_note_in_the_trail_never_raises)
class ANoteInTheTrailWantsRoom(MemoryStorage):
    def record(self, events: Sequence[Event]) -> None:
        self.check_writable()
        super().record(events)


# Leases


class _TooFree(MemoryLease):
    def release(self) -> None:
        self.shelf.leases.pop(self.name, None)


class _Threaded(MemoryLease):
    def __init__(self, name: str, shelf: Shelf) -> None:
        super().__init__(name, shelf)
        self.thread = threading.get_ident()

    def release(self) -> None:
        if threading.get_ident() == self.thread:
            super().release()


class _Endless(MemoryLease):
    def may_begin(self) -> bool:
        return True

    def release(self) -> None:
        self.shelf.leases.pop(self.name, None)


class _Leasing(MemoryStorage):
    made: type[MemoryLease] = MemoryLease

    def _lease(self, name: str) -> MemoryLease | OperatorFault | None:
        lease = super()._lease(name)
        if isinstance(lease, MemoryLease):
            lease = self.shelf.leases[name] = self.made(name, self.shelf)
        return lease


@breaks(test_contract_leases.test_a_release_gives_back_only_what_is_still_held)
class AReleaseTakesAnothers(_Leasing):
    made = _TooFree


@breaks(test_contract_leases.test_a_lease_is_released_from_any_thread)
class AReleaseWantsItsThread(_Leasing):
    made = _Threaded


@breaks(test_contract_leases.test_a_lease_begins_nothing_once_it_is_released)
class ALeaseNeverEnds(_Leasing):
    made = _Endless


@breaks(test_contract_leases.test_a_lease_is_held_once)
class TwoHoldOneLease(MemoryStorage):
    def _lease(self, name: str) -> MemoryLease | OperatorFault | None:
        self.shelf.leases.pop(name, None)
        return super()._lease(name)


@breaks(test_contract_leases.test_of_many_who_ask_at_once_one_gets_it)
class ALeaseIsTakenInTwoSteps(MemoryStorage):
    def _lease(self, name: str) -> MemoryLease | OperatorFault | None:
        if name in self.shelf.leases:
            return None
        time.sleep(0.1)
        lease = self.shelf.leases[name] = MemoryLease(name, self.shelf)
        return lease


@breaks(test_contract_leases.test_a_lease_that_cannot_be_asked_for_is_neither_held_nor_free)
class WhatCannotBeAskedIsHeld(MemoryStorage):
    def _lease(self, name: str) -> MemoryLease | OperatorFault | None:
        lease = super()._lease(name)
        return None if isinstance(lease, OperatorFault) else lease


@breaks(test_contract_leases.test_a_lease_that_cannot_be_asked_for_is_neither_held_nor_free)
class WhatCannotBeAskedIsFree(MemoryStorage):
    def is_leased(self, name: str) -> bool | None:
        return bool(super().is_leased(name))


@breaks(test_contract_leases.test_whether_somebody_holds_it_is_told_without_taking_it)
class ALookTakesTheLease(MemoryStorage):
    def is_leased(self, name: str) -> bool | None:
        return self._lease(name) is None


class _Checking(MemoryStorage):
    def is_enough(self, owner_stem: str, lease: Lease | None) -> bool:
        raise NotImplementedError

    def _check(self, units: Sequence[Unit]) -> None:
        super()._check([Unit([s for s in u.steps if not s.key.kind.leased]) for u in units])
        for unit in units:
            for step in unit.steps:
                owner = step.key.kind.owner_of(step.key.name)
                if step.key.kind.leased and owner and not self.is_enough(owner.stem, unit.lease):
                    raise RuntimeError


@breaks(test_contract_leases.test_an_owners_documents_are_changed_under_the_owners_lease_alone)
class NoLeaseIsWanted(_Checking):
    def is_enough(self, owner_stem: str, lease: Lease | None) -> bool:
        return lease is None or (lease.name == owner_stem and lease.may_begin())


@breaks(test_contract_leases.test_an_owners_documents_are_changed_under_the_owners_lease_alone)
class AnybodysLeaseServes(_Checking):
    def is_enough(self, owner_stem: str, lease: Lease | None) -> bool:
        return lease is not None and lease.may_begin()


@breaks(test_contract_leases.test_an_owners_documents_are_changed_under_the_owners_lease_alone)
class AReleasedLeaseServes(_Checking):
    def is_enough(self, owner_stem: str, lease: Lease | None) -> bool:
        return lease is not None and lease.name == owner_stem


@breaks(test_contract_leases.test_an_owners_documents_are_changed_under_the_owners_lease_alone)
class LeasesAreLookedAtTooLate(MemoryStorage):
    def apply(self, units: Sequence[Unit]) -> list[list[Version] | Exception]:
        return [super(type(self), self).apply([unit])[0] for unit in units]


@breaks(test_contract_leases.test_an_owners_documents_are_changed_under_the_owners_lease_alone)
class AResealWantsNoLease(MemoryStorage):
    def reseal(self, key: Key, convert: Convert, lease: Lease | None) -> Resealed:
        unleased = Key(Kind("x"), "x")
        self.shelf.documents[unleased] = self.shelf.documents[key]
        return super().reseal(unleased, convert, None)


@breaks(test_contract_leases.test_threads_lose_no_write_of_what_has_no_lease)
class NobodyKeepsOthersAway(MemoryStorage):
    def _apply(self, unit: Unit) -> list[Version] | Exception:
        try:
            for step in unit.steps:
                self._expect(step.key, getattr(step, "expected", ANY))
        except Conflict as conflict:
            return conflict
        time.sleep(0.001)
        steps = [replace(step, expected=ANY) for step in unit.steps]  # type: ignore[call-arg]
        return super()._apply(replace(unit, steps=steps))


@breaks(test_contract_leases.test_a_reseal_beside_writes_loses_none)
class AResealPutsBackWhatItRead(MemoryStorage):
    def reseal(self, key: Key, convert: Convert, lease: Lease | None) -> Resealed:
        converted = convert(self.shelf.documents[key][1])
        if converted is not None:
            self.shelf.keep(key, converted)
        return "changed"


# Reservations


@breaks(test_contract_leases.test_a_reservation_is_used_by_its_put)
class APutLeavesItsReservation(MemoryStorage):
    def _make(self, step: Step) -> Version:
        return super()._make(replace(step, reservation=None) if isinstance(step, Put) else step)


@breaks(test_contract_leases.test_a_reservation_outlives_a_conflict)
class AConflictSpendsTheReservation(MemoryStorage):
    def _make(self, step: Step) -> Version:
        if isinstance(step, Put) and step.reservation is not None:
            step.reservation.give_up()
        return super()._make(step)


@breaks(test_contract_leases.test_a_reservation_that_was_given_up_leaves_nothing)
class AReservationIsADocument(MemoryStorage):
    def reserve(self, key: Key, size: int, lease: Lease) -> Reservation:
        self.shelf.keep(key, b"")
        return super().reserve(key, size, lease)


@breaks(test_contract_leases.test_without_room_nothing_is_reserved)
class AReservationIsAPromise(MemoryStorage):
    def reserve(self, key: Key, size: int, lease: Lease) -> Reservation:
        return MemoryReservation()


# Re-sealing


@breaks(test_contract_keys.test_a_reseal_keeps_the_content_and_raises_the_version)
class AResealKeepsTheVersion(MemoryStorage):
    def reseal(self, key: Key, convert: Convert, lease: Lease | None) -> Resealed:
        version = self.shelf.version(key)
        outcome = super().reseal(key, convert, lease)
        if outcome == "changed":
            self.shelf.documents[key] = (version, self.shelf.documents[key][1])
        return outcome


@breaks(test_contract_keys.test_a_reseal_says_what_it_found)
class AResealOfNothingIsDone(MemoryStorage):
    def reseal(self, key: Key, convert: Convert, lease: Lease | None) -> Resealed:
        outcome = super().reseal(key, convert, lease)
        return "already" if outcome == "vanished" else outcome


@breaks(test_contract_keys.test_a_reseal_says_what_it_found)
class AResealIsAlwaysAChange(MemoryStorage):
    def reseal(self, key: Key, convert: Convert, lease: Lease | None) -> Resealed:
        return super().reseal(key, lambda raw: convert(raw) or raw, lease)


@breaks(test_contract_keys.test_what_a_reseals_conversion_raises_changes_nothing)
class AFailedResealTakesTheDocument(MemoryStorage):
    def reseal(self, key: Key, convert: Convert, lease: Lease | None) -> Resealed:
        try:
            return super().reseal(key, convert, lease)
        except CustodyError:
            self.shelf.documents.pop(key, None)
            raise


# Names, finding, and what is due


@breaks(test_contract_finding.test_names_are_those_of_one_kind_that_begin_so_sorted)
class NamesOfAllKindsAreOne(MemoryStorage):
    def names(self, kind: Kind, prefix: str = "") -> list[str]:
        return sorted(key.name for key in self.shelf.documents if key.name.startswith(prefix))


@breaks(test_contract_finding.test_names_are_those_of_one_kind_that_begin_so_sorted)
class NamesComeAsTheyWereMade(MemoryStorage):
    def names(self, kind: Kind, prefix: str = "") -> list[str]:
        there = set(super().names(kind, prefix))
        return [key.name for key in self.shelf.documents if key.kind is kind and key.name in there]


@breaks(test_contract_finding.test_a_copys_name_begins_with_its_owner_and_nobody_elses)
class AFullStopEndsAPrefix(MemoryStorage):
    def names(self, kind: Kind, prefix: str = "") -> list[str]:
        return super().names(kind, prefix.rstrip("."))


@breaks(test_contract_finding.test_documents_of_other_programs_beside_credentials_are_left_out)
class EverythingIsACredential(MemoryStorage):
    def names(self, kind: Kind, prefix: str = "") -> list[str]:
        there = sorted(self.shelf.documents, key=lambda key: key.name)
        return [key.name for key in there if key.kind is kind and key.name.startswith(prefix)]


@breaks(test_contract_finding.test_documents_are_found_by_a_value)
class WhatOthersDidIsNotFound(MemoryStorage):
    def find(self, kind: Kind, index: str, value: str | None) -> list[str]:
        return sorted(
            key.name
            for key, (_, document) in self._looked_at.items()
            if key.kind is kind and kind.indexes and kind.indexes(document).get(index) == value
        )


@breaks(test_contract_finding.test_what_has_no_value_or_cannot_be_read_is_found_as_unknown)
class TheUnreadableIsNotFound(MemoryStorage):
    def find(self, kind: Kind, index: str, value: str | None) -> list[str]:
        found = super().find(kind, index, value)
        return [name for name in found if self._known_document(Key(kind, name)) is not None]


@breaks(test_contract_finding.test_what_has_no_value_or_cannot_be_read_is_found_as_unknown)
class WhatWasKnownIsFoundForEver(MemoryStorage):
    def find(self, kind: Kind, index: str, value: str | None) -> list[str]:
        before = [key for key in self._looked_at if key.kind is kind and kind.indexes]
        stale = [
            key.name
            for key in before
            if kind.indexes and kind.indexes(self._looked_at[key][1]).get(index) == value
        ]
        return sorted({*super().find(kind, index, value), *stale})


@breaks(test_contract_finding.test_a_find_reads_what_has_changed_and_no_others)
class AFindReadsEverything(MemoryStorage):
    def find(self, kind: Kind, index: str, value: str | None) -> list[str]:
        self._looked_at.clear()
        return super().find(kind, index, value)


class _DueOtherwise(MemoryStorage):
    def otherwise(self, due: list[Due], before: float) -> list[Due]:
        raise NotImplementedError

    def due(
        self, kind: Kind, before: float, size: int, *, everything: bool, scattered: bool = False
    ) -> Iterator[DuePage]:
        for page in super().due(kind, before, size, everything=everything):
            yield DuePage(page.seen, self.otherwise(list(page.due), before))


@breaks(test_contract_finding.test_what_is_due_comes_soonest_first_then_what_has_changed)
class TheLatestComesFirst(_DueOtherwise):
    def otherwise(self, due: list[Due], before: float) -> list[Due]:
        return due[::-1]


@breaks(test_contract_finding.test_what_is_due_comes_soonest_first_then_what_has_changed)
class WhatHasChangedIsNotDue(_DueOtherwise):
    def otherwise(self, due: list[Due], before: float) -> list[Due]:
        return [one for one in due if one.moment is not None]


@breaks(test_contract_finding.test_what_is_due_comes_soonest_first_then_what_has_changed)
class WhatIsDueLaterIsDue(MemoryStorage):
    def due(
        self, kind: Kind, before: float, size: int, *, everything: bool, scattered: bool = False
    ) -> Iterator[DuePage]:
        return super().due(kind, float("inf"), size, everything=everything)


@breaks(test_contract_finding.test_what_is_of_no_use_is_due_at_every_look_though_it_opens)
class WhatOpensIsOfUse(MemoryStorage):
    def look_again(self, keys: Sequence[Key]) -> None:
        """It has been looked at."""


@breaks(test_contract_finding.test_to_be_found_is_not_to_be_looked_at)
class AFindIsALook(MemoryStorage):
    def find(self, kind: Kind, index: str, value: str | None) -> list[str]:
        wanted = set(self._wanted)
        found = super().find(kind, index, value)
        self._wanted = wanted
        return found


@breaks(test_contract_finding.test_what_is_due_comes_in_pages)
class OnePageHoldsAll(MemoryStorage):
    def due(
        self, kind: Kind, before: float, size: int, *, everything: bool, scattered: bool = False
    ) -> Iterator[DuePage]:
        return super().due(kind, before, 10**6, everything=everything)


@breaks(
    test_contract_finding.test_with_nothing_due_one_page_says_how_many_were_seen_and_nothing_is_read
)
class AnIdleLookReadsEverything(MemoryStorage):
    def due(
        self, kind: Kind, before: float, size: int, *, everything: bool, scattered: bool = False
    ) -> Iterator[DuePage]:
        self.read([Key(kind, name) for name in self.names(kind)])
        return super().due(kind, before, size, everything=everything)


@breaks(
    test_contract_finding.test_with_nothing_due_one_page_says_how_many_were_seen_and_nothing_is_read
)
class WithNothingDueThereIsNoPage(MemoryStorage):
    def due(
        self, kind: Kind, before: float, size: int, *, everything: bool, scattered: bool = False
    ) -> Iterator[DuePage]:
        pages = super().due(kind, before, size, everything=everything)
        return iter([page for page in pages if page.due])


@breaks(test_contract_finding.test_everything_is_due_where_that_is_asked)
class EverythingIsWhatIsDue(MemoryStorage):
    def due(
        self, kind: Kind, before: float, size: int, *, everything: bool, scattered: bool = False
    ) -> Iterator[DuePage]:
        return super().due(kind, before, size, everything=False)


@breaks(test_contract_finding.test_what_is_known_was_looked_at)
class KnownIsReadAnew(MemoryStorage):
    def known(self, kind: Kind) -> dict[str, float | None]:
        self.read([Key(kind, name) for name in self.names(kind)])
        return super().known(kind)


# Keys, and what is not believed


@breaks(test_contract_keys.test_without_a_key_nothing_sealed_may_be_there)
class AnyKeysServe(MemoryStorage):
    def check_keys(self) -> None:
        """They do."""


@breaks(test_contract_keys.test_where_no_sealed_credential_opens_the_keys_are_refused)
class AnythingThatOpensServes(MemoryStorage):
    def check_keys(self) -> None:
        found = self.read(list(self.shelf.documents))
        if not any(isinstance(one, Stored) and one.document is not None for one in found):
            super().check_keys()


@breaks(test_contract_keys.test_plaintext_alone_is_refused_where_a_key_is_required)
class PlaintextAloneServes(MemoryStorage):
    def check_keys(self) -> None:
        try:
            super().check_keys()
        except OperatorFault as fault:
            if fault.code != "plaintext_refused":
                raise


@breaks(test_contract_keys.test_without_a_key_nothing_sealed_may_be_there)
class OnlyACheckLooksAtTheKeys(MemoryStorage):
    def open(self) -> None:
        self.check_writable()


@breaks(test_contract_keys.test_a_storage_that_cannot_be_written_does_not_open)
class ItOpensWithoutRoom(MemoryStorage):
    def open(self) -> None:
        self.check_keys()


class _Reading(MemoryStorage):
    def opened(self, key: Key, raw: bytes) -> dict[str, Any]:
        raise NotImplementedError

    def _read(self, key: Key) -> Found:
        there = self.shelf.documents.get(key)
        if there is not None:
            try:
                return Stored(*there, self.opened(key, there[1]))
            except (CustodyError, ValueError):
                pass
        return super()._read(key)


@breaks(test_contract_keys.test_a_sealed_document_is_refused_under_any_other_name)
class AMovedDocumentIsBelieved(_Reading):
    def opened(self, key: Key, raw: bytes) -> dict[str, Any]:
        plain = self.sealer.keyring.decrypt(raw)
        document = json.loads(plain)
        assert isinstance(document, dict)
        return document


@breaks(test_contract_keys.test_plaintext_is_refused_under_a_key_and_told)
class PlaintextIsBelievedUnderAKey(_Reading):
    def opened(self, key: Key, raw: bytes) -> dict[str, Any]:
        if is_encrypted(raw):
            raise ValueError
        document = json.loads(raw)
        assert isinstance(document, dict)
        return document


@breaks(test_contract_keys.test_a_sealed_document_is_refused_under_any_other_name)
class NobodyIsToldOfIt(MemoryStorage):
    def _note_refused(self, key: Key, code: str) -> None:
        """Nobody is."""
