"""Whom a sweep may move: what the last hour's condemned are weighed against."""

from __future__ import annotations

import pytest

from security.credential import Owner
from security.quarantine.policy import Verdicts
from security.storage.files.index import Stamp

_MINUTE, _HOUR = 60.0, 3600.0
NOW = 1_800_000_000.0
STAMP = Stamp(1, 2, 3)


def people(count: int, first: int = 1000) -> list[Owner]:
    """Users with ids from `first`."""
    return [Owner.user(first + n) for n in range(count)]


@pytest.mark.parametrize("reason", ["invalid_grant", "unreadable"])
def test_a_hold_goes_on_for_as_long_as_those_on_hold_are_refused(reason: str) -> None:
    """Hours after it began: whoever is condemned next is part of the same trouble."""
    verdicts = Verdicts()
    for owner in people(20):
        verdicts.condemn(owner, reason, STAMP, NOW)
    assert verdicts.settle(NOW) == ([], people(20))
    now = NOW
    while now < NOW + 5 * _HOUR:
        now += 30 * _MINUTE
        for owner in people(20):
            assert not verdicts.condemn(owner, reason, STAMP, now)
    late = Owner.user(7)
    verdicts.condemn(late, reason, STAMP, now)
    assert verdicts.settle(now) == ([], [late])


def test_a_hold_is_not_diluted_by_asking_about_the_same_people_again() -> None:
    """Owners are weighed against owners, however often each of them is tried."""
    verdicts = Verdicts()
    verdicts.tried(NOW, 20, grant=True)
    for owner in people(4):
        verdicts.condemn(owner, "invalid_grant", STAMP, NOW)
    assert verdicts.settle(NOW) == ([], people(4))
    for minute in range(1, 50):
        for owner in people(4):
            verdicts.condemn(owner, "invalid_grant", STAMP, NOW + minute * _MINUTE)
    late = Owner.user(7)
    verdicts.condemn(late, "invalid_grant", STAMP, NOW + 50 * _MINUTE)
    assert verdicts.settle(NOW + 50 * _MINUTE) == ([], [late])


def test_a_few_among_many_are_moved_also_after_a_restart() -> None:
    """What the last hour is measured by is kept, whether or not anybody was condemned in it."""
    before, after = Verdicts(), Verdicts()
    before.tried(NOW, 100, grant=True)
    assert before.changed
    after.load(before.to_document())
    for owner in people(3):
        after.condemn(owner, "invalid_grant", STAMP, NOW + _MINUTE)
    assert after.settle(NOW + _MINUTE) == (people(3), [])
