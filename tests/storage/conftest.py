"""Every test of the contract, over every backend, without a key and with one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from security.encryption import TokenEncryption
from tests.databases import Borrowed
from tests.exceptions import reason_against
from tests.storage.all_backends import BACKENDS, mariadb_in_rest
from tests.storage.backends import Backend, Make, new_key
from tests.storage.sql_backends import MariaBackend


@pytest.fixture(params=["plain", "sealed"])
def keyring(request: pytest.FixtureRequest) -> TokenEncryption:
    """No key, or one."""
    return TokenEncryption() if request.param == "plain" else TokenEncryption([new_key()])


@pytest.fixture(params=mariadb_in_rest(BACKENDS), ids=lambda backend: backend.__name__)
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    """`make(keyring)`: the backend of this test, with just these keys."""
    backend_class: type[Backend] = request.param
    made: list[Backend] = []
    lend(backend_class, request)

    def make(keyring: TokenEncryption) -> Backend:
        made.append(backend_class(tmp_path / "user_data", keyring))
        return made[-1]

    yield make
    for backend in made:
        backend.close()
    take_back(backend_class)


def lend(backend_class: type[Backend], request: pytest.FixtureRequest) -> None:
    """Databases for the backend, where it is a server's."""
    if issubclass(backend_class, MariaBackend):
        backend_class.databases = Borrowed(request.getfixturevalue("mariadb"))


def take_back(backend_class: type[Backend]) -> None:
    """What was lent."""
    if issubclass(backend_class, MariaBackend):
        backend_class.databases.give_back()


@pytest.fixture
def lent(request: pytest.FixtureRequest) -> Iterator[None]:
    """For tests that make their own of a `backend_class`."""
    backend_class: type[Backend] = request.getfixturevalue("backend_class")
    lend(backend_class, request)
    yield
    take_back(backend_class)


@pytest.fixture
def backend(make: Make, keyring: TokenEncryption) -> Backend:
    """The backend of this test, without a key and with one."""
    return make(keyring)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Nothing is kept in a database without a key; what else is left out says why."""
    left_out = [item for item in items if _wants_plaintext_in_a_database(item)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
    for item in items:
        backend_class = _param(item, "make") or _param(item, "backend_class")
        if reason := reason_against(item.name, backend_class):
            item.add_marker(pytest.mark.skip(reason=reason))


def _wants_plaintext_in_a_database(item: pytest.Item) -> bool:
    backend_class = _param(item, "make")
    return _param(item, "keyring") == "plain" and getattr(backend_class, "is_database", False)


def _param(item: pytest.Item, name: str) -> object:
    callspec = getattr(item, "callspec", None)
    return None if callspec is None else callspec.params.get(name)
