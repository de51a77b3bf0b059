"""How long the keys of service accounts have been here, and what is told of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from freezegun.api import FrozenDateTimeFactory
from structlog.testing import capture_logs

from config.service_accounts import ServiceAccountKey
from departments.kinds import ACCESS, SERVICE_KEYS
from departments.names import Departments
from departments.service_accounts.service_keys import ServiceKeys
from departments.service_accounts.standing import KeyStanding
from security.encryption import TokenEncryption
from security.storage.protocol import Key, Put, Storage, Unit
from tests.service_accounts import ADDRESS, in_json
from tests.stores import storage_in

pytestmark = pytest.mark.encryption("on")
DAY = 86400
DEPARTMENTS = Departments(["tanhae=淡海", "anping=安坑"])
TANHAE, ANPING = DEPARTMENTS


def key_of(number: int = 0) -> ServiceAccountKey:
    return ServiceAccountKey.parse(in_json(number))


def noted(storage: Storage, **keys: ServiceAccountKey) -> ServiceKeys:
    """As a process does at its start."""
    made = ServiceKeys(storage, DEPARTMENTS, keys)
    made.note()
    return made


def standing(keys: ServiceKeys) -> tuple[str, int | None]:
    """Of 淡海."""
    found = keys.of(TANHAE)
    return found.state, found.days


def test_a_key_is_as_old_as_its_first_sight(clock: FrozenDateTimeFactory, storage: Storage) -> None:
    """Over every restart: reminded of from day 75, and told from day 90."""
    keys = noted(storage, tanhae=key_of())
    assert standing(keys) == ("ok", 0)
    clock.tick(75 * DAY - 1)
    assert standing(keys) == ("ok", 74)
    clock.tick(1)
    again = noted(storage, tanhae=key_of())
    assert standing(again) == standing(keys) == ("old_soon", 75)
    assert (again.of(TANHAE).days_left, again.is_any_old()) == (15, False)
    clock.tick(15 * DAY)
    assert standing(keys) == ("old", 90)
    assert (keys.of(TANHAE).days_left, keys.is_any_old()) == (0, True)


def test_a_newer_key_is_new(clock: FrozenDateTimeFactory, storage: Storage) -> None:
    noted(storage, tanhae=key_of())
    clock.tick(90 * DAY)
    keys = noted(storage, tanhae=key_of(1))
    assert (standing(keys), keys.is_any_old()) == (("ok", 0), False)
    back = noted(storage, tanhae=key_of())
    assert standing(back) == ("old", 90)


def test_a_department_without_a_key_has_none(
    clock: FrozenDateTimeFactory, storage: Storage
) -> None:
    keys = noted(storage, anping=key_of())
    assert keys.of(TANHAE) == KeyStanding(TANHAE)
    assert keys.of(TANHAE).state == "missing"
    assert keys.of(ANPING) == KeyStanding(ANPING, ADDRESS, "c41f", 0)
    assert ADDRESS not in repr(keys.of(ANPING))


def test_of_many_processes_one_keeps_when_it_was(
    folder: Path, keyring: TokenEncryption, storage: Storage
) -> None:
    """Each knows the same moment, and one of them says so in the log."""
    storages = [storage_in(folder, keyring) for _ in range(8)]
    with capture_logs() as lines, ThreadPoolExecutor(8) as threads:
        found = [*threads.map(lambda one: noted(one, tanhae=key_of()), storages)]
    assert len(storage.names(SERVICE_KEYS)) == 1
    assert len({keys._first_seen["tanhae"] for keys in found}) == 1
    assert [line["event"] for line in lines].count("service_key_seen") == 1
    for one in storages:
        one.close()


def test_what_is_kept_says_nothing_of_the_key(storage: Storage) -> None:
    key = key_of()
    noted(storage, tanhae=key)
    (name,) = storage.names(SERVICE_KEYS)
    assert name not in (key.id, key.fingerprint)
    (stored,) = storage.read([Key(SERVICE_KEYS, name)])
    assert not isinstance(stored, Exception | None)
    assert [*stored.open()] == ["first_seen"]


def test_a_damaged_note_is_made_anew(clock: FrozenDateTimeFactory, storage: Storage) -> None:
    noted(storage, tanhae=key_of())
    (name,) = storage.names(SERVICE_KEYS)
    storage.apply([Unit([Put(Key(SERVICE_KEYS, name), {"first_seen": "long ago"})])])
    clock.tick(DAY)
    assert standing(noted(storage, tanhae=key_of())) == ("ok", 0)
    clock.tick(DAY)
    assert standing(noted(storage, tanhae=key_of())) == ("ok", 1)


def test_whoever_only_looks_keeps_nothing(clock: FrozenDateTimeFactory, storage: Storage) -> None:
    looking = ServiceKeys(storage, DEPARTMENTS, {"tanhae": key_of()})
    looking.look()
    assert standing(looking) == ("ok", None)
    assert storage.names(SERVICE_KEYS) == storage.names(ACCESS) == []
    noted(storage, tanhae=key_of())
    clock.tick(3 * DAY)
    looking.look()
    assert standing(looking) == ("ok", 3)


def test_without_keys_of_service_accounts_nothing_is_kept(storage: Storage) -> None:
    noted(storage)
    assert storage.names(SERVICE_KEYS) == storage.names(ACCESS) == []


@pytest.mark.encryption("off")
def test_without_a_key_to_seal_with_nothing_is_kept(storage: Storage) -> None:
    """There are no departments then."""
    keys = noted(storage, tanhae=key_of())
    assert standing(keys) == ("ok", None)
    assert storage.names(SERVICE_KEYS) == storage.names(ACCESS) == []


def test_a_clock_that_went_back_makes_no_key_older(
    clock: FrozenDateTimeFactory, storage: Storage
) -> None:
    keys = noted(storage, tanhae=key_of())
    clock.tick(-DAY)
    assert standing(keys) == ("ok", 0)
