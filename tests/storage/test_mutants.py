"""A storage that breaks one rule of the contract fails the test of that rule."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from security.encryption import TokenEncryption
from security.storage.protocol import Conflict
from tests.storage import (
    more_mutants,
    test_contract,
    test_contract_finding,
    test_contract_keys,
    test_contract_leases,
)
from tests.storage.backends import Backend, MemoryBackend, new_key
from tests.storage.lapsing import LAPSING, LapsingBackend
from tests.storage.memory import MemoryStorage
from tests.storage.mutants import MUTANTS
from tests.storage.shared import SharedStorage

SUITE = (test_contract, test_contract_finding, test_contract_keys, test_contract_leases)
UNBROKEN = {
    # What no single rule of a storage in memory could break.
    "test_nothing_is_read_for_no_keys",
    "test_a_foreign_change_changes_the_version",
    # The Sealer's part, which every storage has.
    "test_a_readers_refusal_is_told_once_and_looked_at_again",
}


def cases(test: Callable[..., None]) -> Iterator[dict[str, Any]]:
    """What the test's parameters are, for each of its cases."""
    marks = [mark for mark in getattr(test, "pytestmark", []) if mark.name == "parametrize"]
    named = [[(mark.args[0], value) for value in mark.args[1]] for mark in marks]
    for chosen in product(*named):
        yield dict(chosen)


def noticed(
    mutant: type[MemoryStorage], test: Callable[..., None], folder: Path
) -> BaseException | None:
    """How the test fails for it, in any of its cases; None: it passes."""

    def make(keyring: TokenEncryption) -> Backend:
        return MemoryBackend(folder, keyring, mutant)

    names = inspect.signature(test).parameters
    for keys, case in product(((), (new_key(),)), cases(test)):
        try:
            if "make" in names:
                test(make=make, **case)
            else:
                test(backend=make(TokenEncryption(keys)), **case)
        except (Exception, pytest.fail.Exception) as failure:
            return failure
    return None


@pytest.mark.parametrize(
    ("mutant", "test"), MUTANTS, ids=[mutant.__name__ for mutant, _ in MUTANTS]
)
def test_a_storage_that_breaks_a_rule_fails_its_test(
    mutant: type[MemoryStorage], test: Callable[..., None], tmp_path: Path
) -> None:
    """For that reason, and no mistake of the mutant's own; whole, it passes."""
    assert noticed(MemoryStorage, test, tmp_path) is None
    failure = noticed(mutant, test, tmp_path)
    assert failure is not None
    assert not isinstance(failure, TypeError | AttributeError | NameError | KeyError)


@pytest.mark.parametrize(
    ("mutant", "test"), LAPSING, ids=[mutant.__name__ for mutant, _ in LAPSING]
)
def test_a_storage_whose_leases_lapse_wrongly_fails_its_test(
    mutant: type[SharedStorage], test: Callable[..., None], tmp_path: Path
) -> None:
    """One whose leases lapse rightly passes it."""
    keyring = TokenEncryption([new_key()])
    test(lapsing=LapsingBackend(tmp_path, keyring, SharedStorage))
    with pytest.raises((AssertionError, Conflict)):
        test(lapsing=LapsingBackend(tmp_path, keyring, mutant))


def test_every_rule_is_broken_by_some_storage() -> None:
    """Each test of the contract is there for something."""
    broken = {test.__name__ for _, test in (*MUTANTS, *LAPSING)}
    rules = {
        name
        for suite in SUITE
        for name, test in vars(suite).items()
        if name.startswith("test_") and "backend_class" not in inspect.signature(test).parameters
    }
    assert more_mutants.__name__ in {mutant.__module__ for mutant, _ in MUTANTS}
    assert rules - broken == UNBROKEN
