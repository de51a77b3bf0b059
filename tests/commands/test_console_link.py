"""`drivekeeper console-link`: an operator signs in from wherever the settings are."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner, Result

from cli import app
from commands.output import Exit
from departments.administrators.links import MOST_AN_HOUR, SignInLinks
from departments.administrators.sessions import Sessions
from departments.secret import AccessSecret
from security.credential import Owner
from security.encryption import TokenEncryption
from security.storage.protocol import Storage
from tests.places import settings_of
from tests.security.kit import a_credential
from tests.storage.backends import new_key
from tests.stores import storage_in, store_in

pytestmark = pytest.mark.encryption("on")
URL = "https://drive.example.org"
Run = Callable[..., Result]


@pytest.fixture
def storage(folder: Path, keyring: TokenEncryption) -> Storage:
    """The same that the command opens."""
    made = storage_in(folder, keyring)
    made.prepare()
    return made


@pytest.fixture
def run(
    folder: Path,
    encryption_keys: tuple[SecretStr, ...],
    restored_logging: None,
    monkeypatch: pytest.MonkeyPatch,
) -> Run:
    """`run("--as", "Ann")`."""
    settings = {
        "USER_DATA_DIR": str(folder),
        "LOG_MASK_KEY": "a mask key for tests",
        "TOKEN_ENCRYPTION_KEY": ",".join(key.get_secret_value() for key in encryption_keys),
        "PUBLIC_URL": URL,
        "WEB_GOOGLE_CLIENT_ID": "web.apps.googleusercontent.com",
        "WEB_GOOGLE_CLIENT_SECRET": "GOCSPX-x",
        **settings_of(folder),
    }

    def command(*line: str, **variables: str) -> Result:
        with monkeypatch.context() as patched:
            for name, value in {**settings, **variables}.items():
                patched.setenv(name, value)
            arguments = ["console-link", *line, "--env-file", os.devnull]
            return CliRunner().invoke(app, arguments, catch_exceptions=False)

    return command


def test_the_link_signs_its_operator_in_once(run: Run, storage: Storage) -> None:
    done = run("--as", "Ann")
    assert done.exit_code == Exit.OK, done.output
    address = done.stdout.strip()
    assert address.startswith(f"{URL}/console/enter/")
    links = SignInLinks(storage, AccessSecret.of(storage))
    code = address.rpartition("/")[2]
    assert [links.spend(code), links.spend(code)] == ["operator:Ann", None]


def test_five_an_hour_then_it_says_how_long(run: Run, storage: Storage) -> None:
    for _ in range(MOST_AN_HOUR):
        assert run("--as", "Ann").exit_code == Exit.OK
    refused = run("--as", "Ann")
    assert (refused.exit_code, refused.stdout) == (Exit.FAULT, "")
    assert "five links within the hour: wait 60 min" in refused.stderr
    assert run("--as", "Bob").exit_code == Exit.OK


def test_revoking_ends_an_operators_sessions_and_links(run: Run, storage: Storage) -> None:
    secret = AccessSecret.of(storage)
    sessions = Sessions(storage, secret, lambda _: True)
    cookie = sessions.begin("operator:Ann").get_secret_value()
    code = run("--as", "Ann").stdout.strip().rpartition("/")[2]
    done = run("--as", "Ann", "--revoke")
    assert (done.exit_code, done.stdout) == (Exit.OK, "Sessions ended: 1\n")
    assert sessions.find(cookie) is None
    assert not SignInLinks(storage, secret).holds(code)


@pytest.mark.parametrize(
    ("line", "variables", "says"),
    [
        (["--as", "a\tb"], {}, "--as: a name has letters"),
        ([], {"PUBLIC_URL": ""}, "PUBLIC_URL is not set"),
    ],
)
def test_what_is_missing_is_named(
    run: Run, storage: Storage, line: list[str], variables: dict[str, str], says: str
) -> None:
    refused = run(*line, **variables)
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
    refused = run(TOKEN_ENCRYPTION_KEY=new_key().get_secret_value())
    assert refused.exit_code == Exit.FAULT
    assert list((folder / "access").glob("*")) == []
