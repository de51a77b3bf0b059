"""A storage with what is kept of people who are linked to rosters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from security.encryption import TokenEncryption
from security.storage.protocol import Storage
from sheets.people.services import DutyPeople
from tests.stores import storage_in


@pytest.fixture
def open_storage(
    run_way: str, tmp_path: Path, keyring: TokenEncryption
) -> Iterator[Callable[[], Storage]]:
    """Opens it as another process does."""
    opened: list[Storage] = []

    def once() -> Storage:
        opened.append(storage_in(tmp_path / "user_data", keyring))
        opened[-1].prepare()
        return opened[-1]

    yield once
    for each in opened:
        each.close()


@pytest.fixture
def storage(open_storage: Callable[[], Storage]) -> Storage:
    """The storage of this process."""
    return open_storage()


@pytest.fixture
def people(storage: Storage) -> DutyPeople:
    """What is kept of them."""
    return DutyPeople.of(storage, {}, lambda owner: owner.key != "666")
