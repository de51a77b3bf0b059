"""Further storages that break a rule of the contract: those that are a little wrong."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from security.encryption import is_encrypted
from security.errors import CorruptCredential, CustodyError, OperatorFault
from security.storage.catalogue import Kind
from security.storage.due import Due, DueCounts, DuePage
from security.storage.leases import Lease, Reservation
from security.storage.protocol import (
    Conflict,
    Convert,
    Copy,
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
from tests.storage.memory import MemoryReservation, MemoryStorage
from tests.storage.mutants import breaks


@breaks(test_contract.test_a_copy_without_a_key_is_its_source)
class ACopyIsWrittenInItsOwnWay(MemoryStorage):
    def _make(self, step: Step) -> Version:
        version = super()._make(step)
        if isinstance(step, Copy):
            self.shelf.documents[step.key] = (version, self.shelf.documents[step.key][1] + b"\n")
        return version


@breaks(test_contract.test_no_units_are_no_trouble)
class AUnitWantsSteps(MemoryStorage):
    def _apply(self, unit: Unit) -> list[Version] | Exception:
        return super()._apply(unit) if unit.steps else Conflict("nothing to do")


@breaks(test_contract_leases.test_a_lease_goes_back_with_the_last_unit_under_it)
class ALeaseGoesBackWithWhatWasRefused(MemoryStorage):
    def _apply(self, unit: Unit) -> list[Version] | Exception:
        outcome = super()._apply(unit)
        if unit.ends_lease and unit.lease is not None:
            unit.lease.release()
        return outcome


@breaks(test_contract_leases.test_a_unit_spans_the_kinds_of_one_owner)
class AUnitIsOfOneKind(MemoryStorage):
    def _apply(self, unit: Unit) -> list[Version] | Exception:
        if len({step.key.kind for step in unit.steps}) > 1:
            return OperatorFault("two kinds")
        return super()._apply(unit)


class _Sized(MemoryReservation):
    size: int = 0


@breaks(test_contract_leases.test_a_reservation_takes_what_comes_whatever_its_size)
class AReservationCutsWhatComes(MemoryStorage):
    def reserve(self, key: Key, size: int, lease: Lease) -> Reservation:
        reservation = _Sized()
        reservation.size = size
        return reservation

    def _make(self, step: Step) -> Version:
        version = super()._make(step)
        if isinstance(step, Put) and isinstance(step.reservation, _Sized):
            raw = self.shelf.documents[step.key][1]
            self.shelf.documents[step.key] = (version, raw[: step.reservation.size])
        return version


# Re-sealing


@breaks(test_contract_keys.test_a_leased_document_is_resealed_under_its_lease)
class AResealIsOnlySaid(MemoryStorage):
    def reseal(self, key: Key, convert: Convert, lease: Lease | None) -> Resealed:
        return "changed"


@breaks(test_contract_keys.test_a_reseal_without_room_changes_nothing)
class AResealMakesRoomFirst(MemoryStorage):
    def reseal(self, key: Key, convert: Convert, lease: Lease | None) -> Resealed:
        converted = convert(self.shelf.documents.pop(key)[1])
        assert converted is not None
        self.shelf.keep(key, converted)
        return "changed"


@breaks(test_contract_keys.test_what_was_resealed_is_found_by_what_it_holds)
class AResealIsNotLookedAt(MemoryStorage):
    def reseal(self, key: Key, convert: Convert, lease: Lease | None) -> Resealed:
        outcome = super().reseal(key, convert, lease)
        if key in self._looked_at:
            self._looked_at[key] = (self.shelf.version(key), self._looked_at[key][1])
        return outcome


# Finding, and what is due


@breaks(test_contract_finding.test_a_kind_without_documents_has_nothing_to_find)
class ThereMustBeSomething(MemoryStorage):
    def find(self, kind: Kind, index: str, value: str | None) -> list[str]:
        if not self.names(kind):
            raise OperatorFault("no such folder")
        return super().find(kind, index, value)


@breaks(test_contract_finding.test_copies_and_bytes_from_elsewhere_are_found_too)
class BytesFromElsewhereAreNotLookedAt(MemoryStorage):
    def _make(self, step: Step) -> Version:
        version = super()._make(step)
        if isinstance(step, PutRaw | Copy):
            self._looked_at[step.key] = (version, {})
        return version


@breaks(test_contract_finding.test_what_cannot_be_read_is_due_at_every_look)
class DamageIsLookedAtOnce(MemoryStorage):
    def _read(self, key: Key) -> Found:
        found = super()._read(key)
        if isinstance(found, Stored) and found.fault:
            self._looked_at[key] = (found.version, {"due": float("inf")})
        return found


@breaks(test_contract_finding.test_names_are_those_of_this_moment)
class AListingIsKept(MemoryStorage):
    def names(self, kind: Kind, prefix: str = "") -> list[str]:
        listed: list[str] = vars(self).setdefault(prefix, super().names(kind, prefix))
        return listed


@breaks(test_contract_finding.test_a_find_tries_nothing_again_that_cannot_be_read)
class AFindTriesEverythingAgain(MemoryStorage):
    def find(self, kind: Kind, index: str, value: str | None) -> list[str]:
        self._unread.clear()
        return super().find(kind, index, value)


@breaks(test_contract_finding.test_what_is_removed_is_not_due)
class WhatWasDueIsDue(MemoryStorage):
    def due(
        self, kind: Kind, before: float, size: int, *, everything: bool, scattered: bool = False
    ) -> Iterator[DuePage]:
        gone = [key.name for key in self._looked_at if key not in self.shelf.documents]
        for page in super().due(kind, before, size, everything=everything):
            yield DuePage(page.seen, [*page.due, *(Due(name, 0) for name in gone)])
            gone = []


@breaks(test_contract_finding.test_the_storages_clock_goes)
class ItsClockBeginsAtZero(MemoryStorage):
    def now(self) -> float:
        return super().now() - 1_000_000_000


@breaks(test_contract_leases.test_a_stray_document_is_changed_without_a_lease)
class AStrayDocumentWantsALease(MemoryStorage):
    def reseal(self, key: Key, convert: Convert, lease: Lease | None) -> Resealed:
        if key.kind.leased and lease is None:
            raise RuntimeError("a change without a lease")
        return super().reseal(key, convert, lease)


# Keys, and what is not believed


@breaks(test_contract_keys.test_a_storage_is_prepared_for_whoever_is_to_mend_its_keys_or_its_room)
class PreparingTriesTheKeys(MemoryStorage):
    def prepare(self, kinds: Collection[Kind] | None = None) -> None:
        self.check_keys()


@breaks(test_contract_keys.test_of_what_is_looked_at_to_try_the_keys_nobody_is_told)
class TryingTheKeysTells(MemoryStorage):
    def check_keys(self) -> None:
        self.read(list(self.shelf.documents))
        super().check_keys()


@breaks(test_contract_keys.test_a_document_that_cannot_be_read_decides_nothing)
class EveryDocumentMustBeRead(MemoryStorage):
    def check_keys(self) -> None:
        for key in self.shelf.documents:
            self.shelf.raw(key)
        super().check_keys()


@breaks(test_contract_keys.test_an_empty_storage_opens_with_any_keys)
class SomethingMustOpen(MemoryStorage):
    def check_keys(self) -> None:
        super().check_keys()
        found = self.read(list(self.shelf.documents))
        if self.sealer.is_sealing and not any(isinstance(one, Stored) for one in found):
            raise OperatorFault("nothing opens")


@breaks(test_contract_keys.test_where_no_credential_is_sealed_the_kinds_in_use_decide)
class EveryKindDecides(MemoryStorage):
    def check_keys(self) -> None:
        super().check_keys()
        for kind in self.kinds:
            names: Sequence[str] = self.names(kind)
            found = self.read([Key(kind, name) for name in names])
            faults = [one.fault for one in found if isinstance(one, Stored)]
            for fault in faults:
                if isinstance(fault, OperatorFault) and None not in faults:
                    raise fault


class _OtherFaults(MemoryStorage):
    def otherwise(self, fault: CustodyError) -> CorruptCredential | OperatorFault:
        raise NotImplementedError

    def _read(self, key: Key) -> Found:
        found = super()._read(key)
        if isinstance(found, Stored) and found.fault is not None:
            return Stored(found.version, found.raw, fault=self.otherwise(found.fault))
        return found


@breaks(test_contract_keys.test_a_lost_key_is_an_operators_matter)
class ALostKeyIsDamage(_OtherFaults):
    def otherwise(self, fault: CustodyError) -> CorruptCredential | OperatorFault:
        return CorruptCredential(str(fault), code=fault.code)


@breaks(test_contract_keys.test_tampered_bytes_are_damage)
class DamageIsAnOperatorsMatter(_OtherFaults):
    def otherwise(self, fault: CustodyError) -> CorruptCredential | OperatorFault:
        return OperatorFault(str(fault), code=fault.code)


@breaks(test_contract_keys.test_plaintext_is_believed_by_its_own_words_without_a_key)
class PlaintextMaySayAnything(MemoryStorage):
    def _read(self, key: Key) -> Found:
        there = self.shelf.documents.get(key)
        if there is None or is_encrypted(there[1]):
            return super()._read(key)
        document: dict[str, Any] = json.loads(there[1])
        return Stored(*there, document)


@breaks(test_contract_keys.test_plaintext_is_read_beside_a_key_where_that_is_allowed)
class PlaintextIsNeverRead(MemoryStorage):
    def _read(self, key: Key) -> Found:
        there = self.shelf.documents.get(key)
        if there is not None and self.sealer.is_sealing and not is_encrypted(there[1]):
            return Stored(*there, fault=OperatorFault("plaintext", code="plaintext_refused"))
        return super()._read(key)


@breaks(test_contract_finding.test_scattered_pages_together_are_all_that_is_due)
class WhatIsScatteredIsLost(MemoryStorage):
    def due(
        self, kind: Kind, before: float, size: int, *, everything: bool, scattered: bool = False
    ) -> Iterator[DuePage]:
        for page in super().due(kind, before, size, everything=everything):
            yield DuePage(page.seen, page.due[1:] if scattered else page.due)


@breaks(test_contract_finding.test_what_is_due_is_counted_by_moments)
class CountsLeaveOutWhatIsDueJustThen(MemoryStorage):
    def due_counts(self, kind: Kind, edges: Sequence[float]) -> DueCounts:
        return super().due_counts(kind, [edge - 0.001 for edge in edges])
