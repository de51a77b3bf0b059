"""Computers of departments, their keys and the codes that become keys, over every storage."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from freezegun.api import FrozenDateTimeFactory
from pydantic import SecretStr

from departments.clients.alarms import Alarm, Alarms
from departments.clients.clients import LONGEST_LABEL, Client, Clients
from departments.clients.keys import is_key, new_key
from departments.clients.pairing import LIFE_SECONDS, Pairing
from departments.clients.use import Use
from departments.kinds import CLIENTS, PAIRING, USE
from departments.secret import AccessSecret
from security.encryption import TokenEncryption
from security.storage.protocol import Key, Put, Storage, Unit
from tests.stores import between, storage_in

pytestmark = pytest.mark.encryption("on")
ANN = "user:501"


@pytest.fixture
def alarms(storage: Storage) -> Alarms:
    return Alarms(storage)


@pytest.fixture
def clients(storage: Storage, secret: AccessSecret, alarms: Alarms) -> Clients:
    return Clients(storage, secret, alarms)


@pytest.fixture
def pairing(storage: Storage, secret: AccessSecret, clients: Clients) -> Pairing:
    return Pairing(storage, secret, clients)


@pytest.fixture
def beside(folder: Path, keyring: TokenEncryption) -> Iterator[Callable[[], Storage]]:
    """The same documents, as another process has them."""
    with ExitStack() as stack:

        def another() -> Storage:
            made = storage_in(folder, keyring)
            stack.callback(made.close)
            return made

        yield another


def add(clients: Clients, label: str = "Desk 1", department: str = "tanhae") -> Client:
    return clients.add(department, label, (), ANN)[0]


def actions(storage: Storage) -> list[str]:
    return [entry.action for entry in storage.events(newest_first=False)]


def test_a_computer_is_found_by_its_key_alone(clients: Clients, storage: Storage) -> None:
    client, key = clients.add("tanhae", " Desk 1 ", ["token"], ANN)
    assert is_key(key.get_secret_value())
    assert clients.by_key(key.get_secret_value()) == client
    assert clients.by_key(new_key().get_secret_value()) is None
    assert clients.by_key("") is None
    assert (client.label, client.state) == ("Desk 1", "active")
    assert client.may == {"upload", "token"}
    assert clients.find(client.id) == client
    assert client.ending == key.get_secret_value()[-4:]
    assert actions(storage) == ["client_added"]


def test_the_key_itself_is_kept_nowhere(clients: Clients, storage: Storage, folder: Path) -> None:
    client, key = clients.add("tanhae", "Desk 1", (), ANN)
    secret = key.get_secret_value()
    [stored] = storage.read([Key(CLIENTS, client.name)])
    assert secret[:-4] not in repr(storage.names(CLIENTS)) + repr(stored) + repr(client)
    texts = [path.read_bytes() for path in folder.parent.rglob("*") if path.is_file()]
    assert not any(secret.encode() in text for text in texts)


def test_a_key_may_upload_alone_unless_more_is_said(clients: Clients) -> None:
    assert add(clients).may == {"upload"}


def test_computers_are_listed_by_department_and_label(clients: Clients) -> None:
    b, c, a = add(clients, "B"), add(clients, "A", "tanhae"), add(clients, "Z", "anping")
    assert clients.all() == [a, c, b]
    assert clients.all("tanhae") == [c, b]


@pytest.mark.parametrize("id", ["", "0" * 12, "0" * 11, "g" * 12, "../../../..", "\0", "0" * 64])
def test_of_what_is_no_computers_id_none_is_found(clients: Clients, id: str) -> None:
    add(clients)
    assert clients.find(id) is None
    assert clients.revoke(id, ANN) is None


@pytest.mark.parametrize(
    "label", ["", "  ", "x" * (LONGEST_LABEL + 1), "a\nb", "a\0b", "a\u202eb", "\ud800", "a\x1bb"]
)
def test_a_label_is_short_and_all_of_it_is_seen(
    clients: Clients, pairing: Pairing, label: str
) -> None:
    with pytest.raises(ValueError, match="label"):
        clients.add("tanhae", label, (), ANN)
    with pytest.raises(ValueError, match="label"):
        pairing.make("tanhae", label, (), ANN)
    assert clients.all() == []


def test_what_is_revoked_stays_so(clients: Clients, storage: Storage) -> None:
    client = add(clients)
    for change in (clients.revoke, clients.revoke, clients.unblock):
        changed = change(client.id, ANN)
        assert changed is not None
        assert (changed.state, changed.changed_by) == ("revoked", ANN)
    blocked = clients.block(client.id, "client_busy")
    assert blocked is not None
    assert blocked.state == "revoked"
    assert actions(storage) == ["client_added", "client_revoked"]


def test_what_is_blocked_says_why_and_is_unblocked(clients: Clients, storage: Storage) -> None:
    client = add(clients)
    blocked = clients.block(client.id, "client_busy")
    assert blocked is not None
    assert (blocked.state, blocked.because, blocked.is_active) == ("blocked", "client_busy", False)
    assert clients.unblock(client.id, ANN) == clients.find(client.id)
    found = clients.find(client.id)
    assert found is not None
    assert (found.state, found.because, found.changed_by) == ("active", "", ANN)
    assert actions(storage) == ["client_added", "client_blocked", "client_unblocked"]


@pytest.mark.parametrize("change", ["revoke", "unblock"])
def test_alarms_about_a_key_are_over_once_somebody_has_dealt_with_it(
    clients: Clients, alarms: Alarms, change: str
) -> None:
    mine, other = add(clients), add(clients, "Desk 2")
    for client in (mine, other):
        alarms.see(Alarm(code="client_busy", client=client.id, since=1, seen=1))
        clients.block(client.id, "client_busy")
    getattr(clients, change)(mine.id, ANN)
    assert [alarm.client for alarm in alarms.open()] == [other.id]


@pytest.mark.parametrize("change", ["revoke", "unblock"])
def test_what_changes_nothing_ends_no_alarm(clients: Clients, alarms: Alarms, change: str) -> None:
    """That of a revoked key which goes on being used is told until somebody says it is fine."""
    client = add(clients)
    clients.revoke(client.id, ANN)
    alarms.see(Alarm(code="client_stopped_key", client=client.id, since=1, seen=1))
    getattr(clients, change)(client.id, ANN)
    assert [alarm.code for alarm in alarms.open()] == ["client_stopped_key"]


def test_of_many_machines_with_one_key_the_last_are_known(
    clock: FrozenDateTimeFactory, storage: Storage
) -> None:
    """Whoever has a key may say anything: not all of it is remembered."""
    use = Use(storage)
    for number in range(40):
        use.note("key", f"machine {number}", counts=True)
        clock.tick()
    use.write("key")
    assert not use.note("key", "machine 39", counts=True).second_machine
    assert use.note("key", "machine 0", counts=True).second_machine


def test_of_what_was_revoked_long_ago_nothing_is_kept(
    clock: FrozenDateTimeFactory, storage: Storage, secret: AccessSecret, alarms: Alarms
) -> None:
    clients = Clients(storage, secret, alarms)
    old, new = add(clients, "A"), add(clients, "B")
    used = {name: Unit([Put(Key(USE, name), {"last_used": 1.0})]) for name in (old.name, new.name)}
    storage.apply(list(used.values()))
    clients.revoke(old.id, ANN)
    clock.tick(90 * 86400)
    add(clients, "C")
    assert len(clients.all()) == 3
    clock.tick(1)
    clients.revoke(new.id, ANN)
    add(clients, "D")
    assert [client.label for client in clients.all()] == ["B", "C", "D"]
    assert storage.names(USE) == [new.name]


def test_a_computer_whose_document_is_damaged_is_none(clients: Clients, storage: Storage) -> None:
    client, key = clients.add("tanhae", "Desk 1", (), ANN)
    storage.apply([Unit([Put(Key(CLIENTS, client.name), {"department": 1})])])
    assert clients.by_key(key.get_secret_value()) is None
    assert clients.all() == []


def test_a_pairing_code_becomes_a_key_once(pairing: Pairing, clients: Clients) -> None:
    made = pairing.make("tanhae", "Desk 3", ["token"], ANN)
    code = made.code.get_secret_value()
    assert made.shown == f"{code[:4]}-{code[4:]}"
    paired = pairing.spend(code)
    assert paired is not None
    client, key = paired
    assert clients.by_key(key.get_secret_value()) == client
    assert (client.label, client.created_by) == ("Desk 3", ANN)
    assert client.may == {"upload", "token"}
    assert pairing.spend(code) is None


def test_a_pairing_code_has_no_letters_that_look_alike(pairing: Pairing) -> None:
    codes = [pairing.make("tanhae", "Desk", (), ANN).code.get_secret_value() for _ in range(20)]
    assert len({*codes}) == 20
    assert all(len(code) == 8 and code.isalpha() and code.isupper() for code in codes)
    assert not set("IO") & set("".join(codes))


@pytest.mark.parametrize("typed", ["{0}", " {1} ", "{2}", "{3}"])
def test_a_code_is_taken_as_people_type_it(pairing: Pairing, typed: str) -> None:
    made = pairing.make("tanhae", "Desk", (), ANN)
    code = made.code.get_secret_value()
    written = typed.format(code, made.shown, code.lower(), " ".join(made.shown.lower()))
    assert pairing.spend(written) is not None


@pytest.mark.parametrize(
    "typed", ["", "ABCDEFGH", "12345678", "A" * 4000, "ＡＢＣＤＥＦＧＨ", "\0" * 8]
)
def test_what_is_no_code_pairs_nothing(pairing: Pairing, clients: Clients, typed: str) -> None:
    pairing.make("tanhae", "Desk", (), ANN)
    assert pairing.spend(typed) is None
    assert clients.all() == []


def test_a_code_that_was_dropped_pairs_nothing(
    clock: FrozenDateTimeFactory, pairing: Pairing
) -> None:
    """Those that are open are known by name, the newest first, and none by its letters."""
    old = pairing.make("anping", "Desk", (), ANN)
    clock.tick()
    made = pairing.make("tanhae", "Desk", (), ANN)
    names = [pairing.name_of(one.shown) for one in (made, old)]
    assert [one.name for one in pairing.open()] == names
    assert pairing.drop(names[0])
    assert not pairing.drop(names[0])
    assert not pairing.drop(old.code.get_secret_value())
    assert pairing.spend(made.code.get_secret_value()) is None
    clock.tick(LIFE_SECONDS)
    assert pairing.open() == []
    assert not pairing.drop(names[1])


def test_a_code_that_is_spent_while_it_is_dropped_was_not_dropped(
    pairing: Pairing, clients: Clients, storage: Storage, secret: AccessSecret
) -> None:
    """Whoever dropped it is to know that a computer has come."""
    code = pairing.make("tanhae", "Desk", (), ANN).code.get_secret_value()
    late = Pairing(between(storage, lambda: pairing.spend(code)), secret, clients)
    assert not late.drop(late.name_of(code))
    assert len(clients.all()) == 1


@pytest.mark.parametrize(("seconds", "holds"), [(599, True), (600, False)])
def test_a_code_holds_for_ten_minutes(
    clock: FrozenDateTimeFactory,
    storage: Storage,
    secret: AccessSecret,
    clients: Clients,
    seconds: int,
    holds: bool,
) -> None:
    pairing = Pairing(storage, secret, clients)
    code = pairing.make("tanhae", "Desk", (), ANN).code.get_secret_value()
    clock.tick(seconds)
    assert (pairing.spend(code) is not None) is holds


def test_codes_that_are_over_go(
    clock: FrozenDateTimeFactory, storage: Storage, secret: AccessSecret, clients: Clients
) -> None:
    pairing = Pairing(storage, secret, clients)
    pairing.make("tanhae", "Desk 1", (), ANN)
    clock.tick(LIFE_SECONDS)
    pairing.make("tanhae", "Desk 2", (), ANN)
    assert len(storage.names(PAIRING)) == 1


def test_twenty_who_spend_a_code_at_once_get_one_key(
    pairing: Pairing,
    clients: Clients,
    secret: AccessSecret,
    beside: Callable[[], Storage],
) -> None:
    """In two processes."""
    theirs = beside()
    other = Pairing(theirs, secret, Clients(theirs, secret, Alarms(theirs)))
    code = pairing.make("tanhae", "Desk", (), ANN).code.get_secret_value()
    with ThreadPoolExecutor(20) as threads:
        spent = list(threads.map(lambda n: (pairing, other)[n % 2].spend(code), range(20)))
    [(client, key)] = [pair for pair in spent if pair is not None]
    assert clients.all() == [client]
    assert clients.by_key(key.get_secret_value()) == client


def test_whoever_has_looked_before_another_spent_a_code_gets_no_key(
    pairing: Pairing, clients: Clients, storage: Storage, secret: AccessSecret
) -> None:
    code = pairing.make("tanhae", "Desk", (), ANN).code.get_secret_value()
    first = list[tuple[Client, SecretStr] | None]()
    late = Pairing(between(storage, lambda: first.append(pairing.spend(code))), secret, clients)
    assert late.spend(code) is None
    assert first[0] is not None
    assert clients.all() == [first[0][0]]
