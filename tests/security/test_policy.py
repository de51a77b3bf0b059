"""Whom a sweep may move: what the last hour's condemned are weighed against."""

from __future__ import annotations

import pytest

from security.credential import Owner
from security.quarantine.policy import Rejections

_MINUTE, _HOUR = 60.0, 3600.0
NOW = 1_800_000_000.0
VERSION = "1-2-3"


def people(count: int, first: int = 1000) -> list[Owner]:
    """Users with ids from `first`."""
    return [Owner.user(first + n) for n in range(count)]


@pytest.mark.parametrize("reason", ["invalid_grant", "unreadable"])
def test_a_hold_goes_on_for_as_long_as_those_on_hold_are_refused(reason: str) -> None:
    """Hours after it began: whoever is condemned next is part of the same trouble."""
    rejections = Rejections()
    for owner in people(20):
        rejections.reject(owner, reason, VERSION, NOW)
    assert rejections.settle(NOW) == ([], people(20))
    now = NOW
    while now < NOW + 5 * _HOUR:
        now += 30 * _MINUTE
        for owner in people(20):
            assert not rejections.reject(owner, reason, VERSION, now)
    late = Owner.user(7)
    rejections.reject(late, reason, VERSION, now)
    assert rejections.settle(now) == ([], [late])


def test_a_hold_is_not_diluted_by_asking_about_the_same_people_again() -> None:
    """Owners are weighed against owners, however often each of them is tried."""
    rejections = Rejections()
    for _ in range(20):
        rejections.count_good(NOW, grant=True)
    for owner in people(4):
        rejections.reject(owner, "invalid_grant", VERSION, NOW)
    assert rejections.settle(NOW) == ([], people(4))
    for minute in range(1, 50):
        for owner in people(4):
            rejections.reject(owner, "invalid_grant", VERSION, NOW + minute * _MINUTE)
    late = Owner.user(7)
    rejections.reject(late, "invalid_grant", VERSION, NOW + 50 * _MINUTE)
    assert rejections.settle(NOW + 50 * _MINUTE) == ([], [late])


@pytest.mark.parametrize(
    ("rejected", "well", "is_held"),
    [(2, 0, False), (3, 0, True), (3, 26, True), (3, 27, False), (4, 35, True), (4, 36, False)],
)
def test_three_and_over_a_tenth_of_those_who_were_tried_are_a_hold(
    rejected: int, well: int, is_held: bool
) -> None:
    rejections = Rejections()
    for _ in range(well):
        rejections.count_good(NOW, grant=True)
    for owner in people(rejected):
        rejections.reject(owner, "invalid_grant", VERSION, NOW)
    _, held = rejections.settle(NOW)
    assert held == (people(rejected) if is_held else [])


def test_a_few_among_many_are_moved_also_after_a_restart() -> None:
    """What the last hour is measured by is kept, whether or not anybody was condemned in it."""
    before, after = Rejections(), Rejections()
    for _ in range(100):
        before.count_good(NOW, grant=True)
    assert before.counts_changed
    after.load_counts(before.counts())
    for owner in people(3):
        after.reject(owner, "invalid_grant", VERSION, NOW + _MINUTE)
    assert after.settle(NOW + _MINUTE) == (people(3), [])
