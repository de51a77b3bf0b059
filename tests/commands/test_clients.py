"""`drivekeeper clients`: computers of departments, as an operator sees to them."""

from __future__ import annotations

import pytest

from commands.output import Exit
from departments.clients.alarms import Alarm, Alarms
from departments.clients.clients import Clients
from departments.clients.keys import is_key
from departments.clients.use import Use
from departments.secret import AccessSecret
from security.storage.protocol import Storage
from tests.commands.conftest import Run, in_json

pytestmark = pytest.mark.encryption("on")


@pytest.fixture
def clients(storage: Storage) -> Clients:
    return Clients(storage, AccessSecret.of(storage), Alarms(storage))


@pytest.mark.parametrize("department", ["tanhae", "淡海"])
def test_a_computer_gets_a_key_that_is_shown_once(
    run: Run, clients: Clients, department: str
) -> None:
    done = run("clients", "add", department, "--label", "行控中心 1")
    assert done.exit_code == Exit.OK, done.output
    key = done.stdout.strip()
    assert is_key(key)
    client = clients.by_key(key)
    assert client is not None
    assert (client.department, client.label) == ("tanhae", "行控中心 1")
    assert client.may == {"upload"}
    assert client.id in done.stderr
    assert key not in done.stderr
    listed = run("clients", "list")
    assert key not in listed.output
    assert client.id in listed.stdout
    assert client.created_by == "operator:command"


def test_a_label_that_another_computer_has_is_given_with_a_warning(
    run: Run, clients: Clients
) -> None:
    """Not where that one is another department's, or revoked."""
    other, _ = clients.add("tanhae", "Desk 1", (), "user:501")
    clients.add("anping", "Desk 2", (), "user:501")
    line = ("clients", "add", "tanhae", "--label")
    done = run(*line, " Desk 1 ")
    assert done.exit_code == Exit.OK, done.output
    assert is_key(done.stdout.strip())
    assert f"Another computer of 淡海 is called “Desk 1” as well ({other.id})" in done.stderr
    assert f"drivekeeper clients revoke {other.id}" in done.stderr
    as_json = run(*line, "Desk 1", "--json")
    assert in_json(as_json)["label"] == "Desk 1"
    assert "as well" in as_json.stderr
    for client in clients.all("tanhae"):
        clients.revoke(client.id, "user:501")
    assert "as well" not in run(*line, "Desk 1").stderr
    assert "as well" not in run(*line, "Desk 2").stderr


def test_for_programs_a_new_computer_is_one_object(run: Run, clients: Clients) -> None:
    said = in_json(run("clients", "add", "anping", "--label", "Desk", "--may-get-tokens", "--json"))
    client = clients.by_key(said["key"])
    assert client is not None
    assert said["id"] == client.id
    assert said["may"] == ["token", "upload"]
    assert (said["department"], said["state"], said["because"]) == ("anping", "active", None)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (("add", "depot", "--label", "Desk"), "There is no such department"),
        (("add", "tanhae", "--label", " "), "a label has 1 to 60 characters"),
        (("add", "tanhae", "--label", "a\u202eb"), "cannot be seen"),
        (("revoke", "0123456789ab"), "There is no such computer"),
        (("unblock", "dkc_"), "There is no such computer"),
        (("list", "--department", "depot"), "There is no such department"),
    ],
)
def test_what_cannot_be_meant_changes_nothing(
    run: Run, clients: Clients, line: tuple[str, ...], says: str
) -> None:
    done = run("clients", *line)
    assert done.exit_code == Exit.USAGE
    assert says in done.stderr
    assert clients.all() == []


def test_without_an_encryption_key_no_computer_gets_one(run: Run, clients: Clients) -> None:
    done = run(
        "clients", "add", "tanhae", "--label", "Desk", TOKEN_ENCRYPTION_KEY="", DATABASE_URL=""
    )
    assert done.exit_code in (Exit.USAGE, Exit.FAULT)
    assert clients.all() == []


def test_the_list_says_what_each_is_used_for(run: Run, clients: Clients, storage: Storage) -> None:
    client, _ = clients.add("tanhae", "Desk 1", ["token"], "user:501")
    clients.add("anping", "Desk 2", (), "user:501")
    use = Use(storage)
    for _ in range(7):
        use.note(client.name, "machine", counts=True)
    use.write(client.name)
    done = run("clients", "list", "--json")
    assert done.exit_code == Exit.OK, done.output
    other, mine = in_json(done)["clients"]
    assert (other["department"], other["last_used"]) == ("anping", None)
    assert mine["used_by_day"] == [*[0] * 13, 7]
    assert mine["may"] == ["token", "upload"]
    assert mine["last_used"] is not None
    [only] = in_json(run("clients", "list", "--department", "淡海", "--json"))["clients"]
    assert only["id"] == client.id
    table = run("clients", "list")
    assert "2 of departments' computers" in table.stdout
    assert "never" in table.stdout


def test_nothing_is_listed_where_there_is_nothing(run: Run, storage: Storage) -> None:
    done = run("clients", "list")
    assert (done.exit_code, done.stdout.strip()) == (Exit.OK, "0 of departments' computers")


def test_a_key_that_looks_stolen_is_a_finding(run: Run, clients: Clients, storage: Storage) -> None:
    client, _ = clients.add("tanhae", "Desk 1", (), "user:501")
    now = storage.now()
    Alarms(storage).see(
        Alarm(code="client_busy", client=client.id, department="tanhae", since=now, seen=now)
    )
    clients.block(client.id, "client_busy")
    done = run("clients", "list")
    assert done.exit_code == Exit.FINDINGS
    assert f"{client.id} looks stolen (client_busy)" in done.stdout
    assert "blocked" in done.stdout
    [said] = in_json(run("clients", "list", "--json"))["clients"]
    assert (said["state"], said["because"]) == ("blocked", "client_busy")
    assert [alarm["code"] for alarm in said["alarms"]] == ["client_busy"]
    unblocked = run("clients", "unblock", client.id)
    assert unblocked.exit_code == Exit.OK, unblocked.output
    assert run("clients", "list").exit_code == Exit.OK


def test_a_key_is_revoked_for_good_once_somebody_agrees(run: Run, clients: Clients) -> None:
    client, key = clients.add("tanhae", "Desk 1", (), "user:501")
    refused = run("clients", "revoke", client.id, answer="n\n")
    assert refused.exit_code == Exit.FINDINGS
    assert run("clients", "revoke", client.id, answer="y\n").exit_code == Exit.OK
    found = clients.by_key(key.get_secret_value())
    assert found is not None
    assert (found.state, found.changed_by) == ("revoked", "operator:command")
    again = run("clients", "revoke", client.id, "--yes")
    assert again.exit_code == Exit.FINDINGS
    assert "revoked already" in again.stderr
    back = run("clients", "unblock", client.id)
    assert back.exit_code == Exit.FINDINGS
    assert "for good" in back.stderr


def test_only_what_is_blocked_is_unblocked(run: Run, clients: Clients) -> None:
    client, _ = clients.add("tanhae", "Desk 1", (), "user:501")
    done = run("clients", "unblock", client.id)
    assert done.exit_code == Exit.FINDINGS
    assert "not blocked" in done.stderr


def test_looking_changes_nothing(run: Run, clients: Clients, storage: Storage) -> None:
    clients.add("tanhae", "Desk 1", (), "user:501")
    before = {kind.name: storage.names(kind) for kind in storage.kinds}
    trail = [entry.action for entry in storage.events()]
    assert run("clients", "list").exit_code == Exit.OK
    assert {kind.name: storage.names(kind) for kind in storage.kinds} == before
    assert [entry.action for entry in storage.events()] == trail
