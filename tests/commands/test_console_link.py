"""`drivekeeper console-link`: an operator signs in from wherever the settings are."""

from __future__ import annotations

from pathlib import Path

import pytest

from commands.output import Exit
from departments.administrators.links import MOST_AN_HOUR, SignInLinks
from departments.administrators.sessions import Sessions
from departments.secret import AccessSecret
from security.credential import Owner
from security.encryption import TokenEncryption
from security.storage.protocol import Storage
from tests.commands.conftest import URL, Run
from tests.security.kit import a_credential
from tests.storage.backends import new_key
from tests.stores import store_in

pytestmark = pytest.mark.encryption("on")


def test_the_link_signs_its_operator_in_once(run: Run, storage: Storage) -> None:
    done = run("console-link", "--as", "Ann")
    assert done.exit_code == Exit.OK, done.output
    address = done.stdout.strip()
    assert address.startswith(f"{URL}/console/enter/")
    links = SignInLinks(storage, AccessSecret.of(storage))
    code = address.rpartition("/")[2]
    assert [links.spend(code), links.spend(code)] == ["operator:Ann", None]


def test_five_an_hour_then_it_says_how_long(run: Run, storage: Storage) -> None:
    for _ in range(MOST_AN_HOUR):
        assert run("console-link", "--as", "Ann").exit_code == Exit.OK
    refused = run("console-link", "--as", "Ann")
    assert (refused.exit_code, refused.stdout) == (Exit.FAULT, "")
    assert "five links within the hour: wait 60 min" in refused.stderr
    assert run("console-link", "--as", "Bob").exit_code == Exit.OK


def test_revoking_ends_an_operators_sessions_and_links(run: Run, storage: Storage) -> None:
    secret = AccessSecret.of(storage)
    sessions = Sessions(storage, secret, lambda _: True)
    cookie = sessions.begin("operator:Ann").get_secret_value()
    code = run("console-link", "--as", "Ann").stdout.strip().rpartition("/")[2]
    done = run("console-link", "--as", "Ann", "--revoke")
    assert (done.exit_code, done.stdout) == (Exit.OK, "Sessions ended: 1\n")
    assert sessions.find(cookie) is None
    assert not SignInLinks(storage, secret).holds(code)


@pytest.mark.parametrize(
    ("line", "variables", "says"),
    [
        (["--as", "a\tb"], {}, "--as: a name has letters"),
        ([], {"PUBLIC_URL": ""}, "set it to the address at which browsers reach"),
    ],
)
def test_what_is_missing_is_named(
    run: Run, storage: Storage, line: list[str], variables: dict[str, str], says: str
) -> None:
    refused = run("console-link", *line, **variables)
    assert (refused.exit_code, refused.stdout) == (Exit.USAGE, "")
    assert says in refused.stderr


@pytest.mark.encryption("off")
def test_nothing_is_sealed_beside_a_bot_that_has_no_key(
    folder: Path, run: Run, keyring: TokenEncryption
) -> None:
    """Its next start would not open it."""
    store = store_in(folder, keyring)
    store.prepare()
    store.save_newest(a_credential(Owner.user(501)))
    refused = run("console-link", TOKEN_ENCRYPTION_KEY=new_key().get_secret_value())
    assert refused.exit_code == Exit.FAULT
    assert list((folder / "access").glob("*")) == []
