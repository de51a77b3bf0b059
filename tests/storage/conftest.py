"""Every test of the contract, over every backend, without a key and with one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from security.encryption import TokenEncryption
from tests.storage.backends import BACKENDS, Backend, Make, new_key


@pytest.fixture(params=["plain", "sealed"])
def keyring(request: pytest.FixtureRequest) -> TokenEncryption:
    """No key, or one."""
    return TokenEncryption() if request.param == "plain" else TokenEncryption([new_key()])


@pytest.fixture(params=BACKENDS, ids=lambda backend: backend.__name__)
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """`make(keyring)`: the backend of this test, with just these keys."""
    backend_class: Callable[[Path, TokenEncryption], Backend] = request.param
    return lambda keyring: backend_class(tmp_path / "user_data", keyring)


@pytest.fixture
def backend(make: Make, keyring: TokenEncryption) -> Backend:
    """The backend of this test, without a key and with one."""
    return make(keyring)
