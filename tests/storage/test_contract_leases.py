"""The contract of a storage: who may change what, and who waits for whom."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from security.encryption import TokenEncryption
from security.errors import OperatorFault
from security.owner_documents import (
    QUARANTINE,
    TOMBSTONES,
    copy_key,
    credential_key,
    tombstone_key,
)
from security.storage.leases import BOT_LEASE, Lease
from security.storage.protocol import ABSENT, Conflict, Copy, Drop, Key, Put, PutRaw, Step, Unit
from tests.storage.all_backends import BACKENDS, databases_in_rest, mariadb_in_rest
from tests.storage.backends import ANN, BOB, PAGES, Backend, Make, new_key, page

CREDENTIAL = credential_key(ANN)
ROOT = Path(__file__).parents[2]


def take(backend: Backend, name: str = ANN.stem) -> Lease:
    """A lease that is free."""
    [lease] = backend.storage.lease([name])
    assert lease is not None
    assert not isinstance(lease, Exception)
    return lease


# Leases


def test_a_lease_is_held_once(backend: Backend) -> None:
    """By this process or another; what goes by another name is free."""
    first = take(backend)
    assert first.name == ANN.stem
    assert backend.storage.lease([ANN.stem]) == [None]
    assert backend.another().lease([ANN.stem]) == [None]
    mixed = backend.storage.lease([BOB.stem, ANN.stem, BOT_LEASE])
    assert [lease is not None for lease in mixed] == [True, False, True]
    first.release()
    take(backend).release()


def test_a_lease_begins_nothing_once_it_is_released(backend: Backend) -> None:
    """Until then it may."""
    lease = take(backend)
    assert lease.may_begin()
    lease.release()
    assert not lease.may_begin()


def test_a_release_gives_back_only_what_is_still_held(backend: Backend) -> None:
    """A second one takes nothing from whoever holds it by then."""
    first = take(backend)
    first.release()
    second = take(backend)
    first.release()
    assert second.may_begin()
    assert backend.storage.lease([ANN.stem]) == [None]
    second.release()


def test_a_lease_is_released_from_any_thread(backend: Backend) -> None:
    """Also from one that has not taken it, and while others ask."""
    lease = take(backend)
    thread = threading.Thread(target=lease.release)
    thread.start()
    thread.join(10)
    assert not lease.may_begin()
    take(backend).release()


def test_whether_somebody_holds_it_is_told_without_taking_it(backend: Backend) -> None:
    """By anybody, of anything."""
    other = backend.another()
    assert backend.storage.is_leased(ANN.stem) is False
    lease = take(backend)
    assert (backend.storage.is_leased(ANN.stem), other.is_leased(ANN.stem)) == (True, True)
    assert other.is_leased(BOB.stem) is False
    lease.release()
    assert (backend.storage.is_leased(ANN.stem), other.is_leased(ANN.stem)) == (False, False)
    take(backend).release()


def test_a_lease_that_cannot_be_asked_for_is_neither_held_nor_free(backend: Backend) -> None:
    """An answer of its own, and no other lease's trouble."""
    backend.spoil_lease(ANN.stem)
    fault, lease = backend.storage.lease([ANN.stem, BOB.stem])
    assert isinstance(fault, OperatorFault)
    assert lease is not None
    assert not isinstance(lease, Exception)
    assert backend.storage.is_leased(ANN.stem) is None
    lease.release()


def test_of_many_who_ask_at_once_one_gets_it(backend: Backend) -> None:
    """In threads."""
    start = threading.Barrier(8)

    def ask(_: int) -> Lease | Exception | None:
        start.wait(10)
        return backend.storage.lease([ANN.stem])[0]

    with ThreadPoolExecutor(8) as threads:
        got = [lease for lease in threads.map(ask, range(8)) if lease is not None]
    assert len(got) == 1


def test_a_lease_goes_back_with_the_last_unit_under_it(backend: Backend) -> None:
    """At the latest when it is released; one whose unit was refused keeps it until then."""
    lease, bobs = take(backend), take(backend, BOB.stem)
    last = Unit([Put(CREDENTIAL, {"n": 1})], lease, ends_lease=True)
    refused = Unit([Put(credential_key(BOB), {}, "another")], bobs, ends_lease=True)
    done, conflict = backend.storage.apply([last, refused])
    assert not isinstance(done, Exception)
    assert isinstance(conflict, Conflict)
    assert backend.another().lease([BOB.stem]) == [None]
    backend.apply(Put(credential_key(BOB), {}), lease=bobs)
    backend.storage.release([lease, bobs])
    for name in (ANN.stem, BOB.stem):
        take(backend, name).release()


@pytest.mark.parametrize(
    "backend_class", mariadb_in_rest([one for one in BACKENDS if one.is_database])
)
def test_a_lease_that_was_taken_over_begins_nothing_and_still_serves_for_a_save(
    backend_class: type[Backend], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What Google has given meanwhile can be had in no other way."""
    monkeypatch.setattr(backend_class, "lease_seconds", 0.05)
    backend = backend_class(tmp_path / "user_data", TokenEncryption([new_key()]))
    late = take(backend)
    backend.lease_seconds = 30  # of all others: what happens next is in no hurry
    other = backend.another()
    while (taken := other.lease([ANN.stem])) == [None]:
        pass
    assert not late.renew()
    assert not late.may_begin()
    backend.apply(Put(CREDENTIAL, {"n": 1}), lease=late)
    late.release()
    assert taken[0] is not None
    assert not isinstance(taken[0], Exception)
    assert taken[0].renew()
    backend.close()


# What wants a lease


def steps_on_ann() -> list[Step]:
    """One of each."""
    return [
        Put(CREDENTIAL, {}),
        PutRaw(CREDENTIAL, b"{}"),
        Drop(CREDENTIAL),
        Copy(copy_key(f"{ANN.stem}.20260101t000000000001"), CREDENTIAL),
        Put(tombstone_key(ANN), {}),
    ]


def test_an_owners_documents_are_changed_under_the_owners_lease_alone(backend: Backend) -> None:
    """None, another owner's, or one that was given back is a defect: before anything is done."""
    backend.put(CREDENTIAL, {"n": 1})
    released = take(backend)
    released.release()
    bobs = take(backend, BOB.stem)
    for step in steps_on_ann():
        for lease in (None, bobs, released):
            units = [Unit([Put(page("one"), {})]), Unit([Drop(page("two")), step], lease)]
            with pytest.raises(RuntimeError):
                backend.storage.apply(units)
    for lease in (None, bobs, released):
        with pytest.raises(RuntimeError):
            backend.storage.reseal(CREDENTIAL, lambda raw: raw, lease)
    assert set(backend.everything()) == {CREDENTIAL}
    assert backend.document(CREDENTIAL) == {"n": 1}
    with backend.leased(CREDENTIAL) as held:
        for step in steps_on_ann():
            backend.put(page("one"), {})
            if isinstance(step, Copy):
                backend.apply(Put(CREDENTIAL, {}), lease=held)
            backend.apply(step, lease=held)


def test_a_stray_document_is_changed_without_a_lease(backend: Backend) -> None:
    """It lies among owners' documents, its name is nobody's, and nobody else writes it."""
    for kind in (QUARANTINE, TOMBSTONES):
        stray = Key(kind, "before-migration")
        backend.plant(stray, b"{")
        assert backend.storage.reseal(stray, lambda raw: raw + b"}", None) == "changed"
        assert backend.stored(stray).raw == b"{}"
        assert backend.apply(Drop(stray)) == [ABSENT]


def test_a_unit_spans_the_kinds_of_one_owner(backend: Backend) -> None:
    """And what is nobody's beside them."""
    with backend.leased(CREDENTIAL) as held:
        backend.apply(
            Put(tombstone_key(ANN), {"owner": ANN.name, "generation": 1}),
            Put(page("one"), {"n": 1}),
            Put(CREDENTIAL, {"n": 2}),
            lease=held,
        )
    assert backend.document(page("one")) == {"n": 1}
    assert backend.document(CREDENTIAL) == {"n": 2}


# What the storage serialises itself


def count_up(backend: Backend, times: int) -> None:
    """Raise a number, each time from what was read."""
    key = page("count")
    for _ in range(times):
        while True:
            found = backend.stored(key)
            [outcome] = backend.storage.apply(
                [Unit([Put(key, {"n": found.open()["n"] + 1}, found.version)])]
            )
            if not isinstance(outcome, Conflict):
                break
        assert not isinstance(outcome, Exception)


def test_threads_lose_no_write_of_what_has_no_lease(backend: Backend) -> None:
    """Whoever meets a conflict reads again; others write beside it, and nothing is lost."""
    backend.put(page("count"), {"n": 0})

    def write(number: int) -> None:
        backend.put(page(f"own-{number}"), {"n": number})
        count_up(backend, 8)

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(write, range(6)))
    assert backend.document(page("count")) == {"n": 48}
    assert len(backend.storage.names(PAGES, "own-")) == 6


def test_a_reseal_beside_writes_loses_none(backend: Backend) -> None:
    """Whoever writes while a document is converted is heard: before that, or after it."""
    backend.put(page("one"), {"n": 1})
    writer = threading.Thread(target=lambda: backend.put(page("one"), {"n": 2}))

    def convert(raw: bytes) -> bytes:
        if not writer.is_alive() and writer.ident is None:
            writer.start()
        writer.join(0.5)  # a storage that keeps writers away does so until this is over
        return raw

    assert backend.storage.reseal(page("one"), convert, None) == "changed"
    writer.join(30)
    assert backend.document(page("one")) == {"n": 2}


_WRITER = """
import sys
from pathlib import Path
from pydantic import SecretStr
from security.encryption import TokenEncryption
from tests.storage import all_backends
from tests.storage.test_contract_leases import count_up
keys = [SecretStr(key) for key in sys.argv[3:]]
backend = getattr(all_backends, sys.argv[1])(Path(sys.argv[2]), TokenEncryption(keys))
print("ready", flush=True)
sys.stdin.readline()
count_up(backend, 10)
"""


@pytest.mark.usefixtures("lent")
@pytest.mark.parametrize(
    "backend_class", databases_in_rest([one for one in BACKENDS if one.is_of_processes])
)
@pytest.mark.one_way
def test_processes_lose_no_write_of_what_has_no_lease(
    backend_class: type[Backend], tmp_path: Path
) -> None:
    """Three of them, each from what it has read."""
    key, folder = new_key(), tmp_path / "user_data"
    backend = backend_class(folder, TokenEncryption([key]))
    backend.put(page("count"), {"n": 0})
    arguments = [backend_class.__name__, str(folder), key.get_secret_value()]
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", _WRITER, *arguments],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    try:
        for writer in writers:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "ready\n"
        for writer in writers:
            assert writer.stdin is not None
            writer.stdin.write("\n")
            writer.stdin.flush()
        for writer in writers:
            writer.communicate(timeout=60)
    finally:
        for writer in writers:
            writer.kill()
            writer.wait()
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    assert backend.document(page("count")) == {"n": 30}


_HOLDER = """
import sys, time
from pathlib import Path
from security.encryption import TokenEncryption
from tests.storage import all_backends
from tests.storage.backends import ANN
backend = getattr(all_backends, sys.argv[1])(Path(sys.argv[2]), TokenEncryption())
[lease] = backend.storage.lease([ANN.stem])
print("held" if lease else "free", flush=True)
sys.stdin.readline()
"""


@pytest.mark.usefixtures("lent")
@pytest.mark.parametrize(
    "backend_class", mariadb_in_rest([one for one in BACKENDS if one.is_of_processes])
)
def test_a_lease_ends_with_its_process(backend_class: type[Backend], tmp_path: Path) -> None:
    """Which keeps all others out until then."""
    backend = backend_class(tmp_path / "user_data", TokenEncryption())
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, backend_class.__name__, str(tmp_path / "user_data")],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            assert backend.storage.lease([ANN.stem]) == [None]
            assert backend.storage.is_leased(ANN.stem) is True
        finally:
            holder.kill()
            holder.wait()
        take(backend).release()


# Reservations


def test_a_reservation_is_used_by_its_put(backend: Backend) -> None:
    """And is open until then."""
    with backend.leased(CREDENTIAL) as lease:
        assert lease is not None
        reservation = backend.storage.reserve(CREDENTIAL, 500, lease)
        assert reservation.is_open
        assert backend.document(CREDENTIAL) is None
        backend.apply(Put(CREDENTIAL, {"n": 1}, reservation=reservation), lease=lease)
        assert not reservation.is_open
        reservation.give_up()
    assert backend.document(CREDENTIAL) == {"n": 1}


def test_a_reservation_outlives_a_conflict(backend: Backend) -> None:
    """The next attempt has it still."""
    version = backend.put(CREDENTIAL, {"n": 1})
    with backend.leased(CREDENTIAL) as lease:
        assert lease is not None
        reservation = backend.storage.reserve(CREDENTIAL, 500, lease)
        with pytest.raises(Conflict):
            backend.apply(Put(CREDENTIAL, {"n": 2}, "old", reservation), lease=lease)
        assert reservation.is_open
        backend.apply(Put(CREDENTIAL, {"n": 2}, version, reservation), lease=lease)
    assert backend.document(CREDENTIAL) == {"n": 2}


@pytest.mark.parametrize("size", [0, 10, 100_000])
def test_a_reservation_takes_what_comes_whatever_its_size(backend: Backend, size: int) -> None:
    """It was told about how many bytes; none is cut off, none left over."""
    for length in (0, 5000, 20_000, 10):
        document = {"text": "x" * length}
        with backend.leased(CREDENTIAL) as lease:
            assert lease is not None
            reservation = backend.storage.reserve(CREDENTIAL, size, lease)
            backend.apply(Put(CREDENTIAL, document, reservation=reservation), lease=lease)
        assert backend.document(CREDENTIAL) == document


def test_a_reservation_that_was_given_up_leaves_nothing(backend: Backend) -> None:
    """Nor does giving it up twice; the document is as it was, and can be saved."""
    version = backend.put(CREDENTIAL, {"n": 1})
    with backend.leased(CREDENTIAL) as lease:
        assert lease is not None
        reservation = backend.storage.reserve(CREDENTIAL, 500, lease)
        for _ in range(2):
            reservation.give_up()
            assert not reservation.is_open
        assert backend.everything() == {CREDENTIAL: version}
        backend.apply(Put(CREDENTIAL, {"n": 2}, version), lease=lease)


def test_without_room_nothing_is_reserved(backend: Backend) -> None:
    """It is said before a token is spent."""
    version = backend.put(CREDENTIAL, {"n": 1})
    with backend.leased(CREDENTIAL) as lease:
        assert lease is not None
        with backend.full(), pytest.raises(OperatorFault) as caught:
            backend.storage.reserve(CREDENTIAL, 500, lease)
        assert caught.value.code == "store_failed"
        backend.storage.reserve(CREDENTIAL, 500, lease).give_up()
    assert backend.everything() == {CREDENTIAL: version}


# Leases that lapse


@pytest.fixture
def lapsing(make: Make) -> Backend:
    """Leases of six tenths of a second, where they lapse."""
    backend = make(TokenEncryption([new_key()]))
    if not backend.is_database:
        pytest.skip("a lease does not lapse there while its process lives")
    backend.lease_seconds = 0.6
    backend.restart()
    return backend


def after_it_lapsed(backend: Backend) -> tuple[Lease, Lease]:
    """A lease that has lapsed, and the one of whoever has taken it over."""
    late = take(backend)
    backend.lease_seconds = 30  # of all others: what happens next is in no hurry
    other = backend.another()
    while (lease := other.lease([ANN.stem])[0]) is None:
        time.sleep(0.02)
    assert not isinstance(lease, Exception)
    return late, lease


def test_a_lapsed_lease_is_taken_over_and_says_so(lapsing: Backend) -> None:
    """For one lease's length, also to whoever has it next; the late one begins nothing more."""
    first = take(lapsing)
    assert first.taken_over_at is None
    first.release()
    late, lease = after_it_lapsed(lapsing)
    assert (late.may_begin(), lease.may_begin()) == (False, True)
    assert lease.taken_over_at is not None
    assert abs(lease.taken_over_at - lapsing.storage.now()) < 5
    late.release()
    assert lapsing.storage.lease([ANN.stem]) == [None]
    lease.release()
    [third] = lapsing.another().lease([ANN.stem])
    assert third is not None
    assert not isinstance(third, Exception)
    assert third.taken_over_at == lease.taken_over_at
    third.release()
    lapsing.lease_seconds = 0.6
    time.sleep(0.65)
    [fourth] = lapsing.another().lease([ANN.stem])
    assert fourth is not None
    assert not isinstance(fourth, Exception)
    assert fourth.taken_over_at is None


def test_what_began_under_a_lease_that_has_lapsed_is_saved(lapsing: Backend) -> None:
    """By its version alone, also after somebody else has it and a renewal has failed."""
    version = lapsing.put(CREDENTIAL, {"n": 1})
    late, lease = after_it_lapsed(lapsing)
    assert not late.renew()
    assert not late.may_begin()
    saved = lapsing.apply(Put(CREDENTIAL, {"n": 2}, version), lease=late)
    with pytest.raises(Conflict):
        lapsing.apply(Put(CREDENTIAL, {"n": 3}, version), lease=late)
    assert lapsing.stored(CREDENTIAL).version == saved[0]
    lease.release()


def test_a_lease_that_is_renewed_does_not_lapse(lapsing: Backend) -> None:
    """For as long as that goes on."""
    lapsing.lease_seconds = 4  # so that a busy machine has time to renew it
    lapsing.restart()
    lease = take(lapsing)
    for _ in range(5):
        time.sleep(0.9)
        assert lease.renew()
        assert lease.may_begin()
        assert lapsing.another().lease([ANN.stem]) == [None]
    lease.release()
    assert not lease.renew()
