"""Links that are spent once, and sessions that end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import pytest
from freezegun.api import FrozenDateTimeFactory
from pydantic import SecretStr

from departments.administrators import who
from departments.administrators.links import MOST_AN_HOUR, SignInLinks, TooManyLinks
from departments.administrators.sessions import Session, Sessions
from departments.kinds import LINK_COUNTS, LINKS, SESSIONS
from departments.secret import AccessSecret
from security.encryption import TokenEncryption
from security.errors import OperatorFault
from security.storage.protocol import Drop, Key, Put, Storage, Stored, Unit
from tests.stores import between, storage_in

pytestmark = pytest.mark.encryption("on")
ANN = who.user(501)
BOB = who.operator("Bob")


def use(sessions: Sessions, cookie: str) -> Session:
    """As a page that somebody opens."""
    found = sessions.find(cookie)
    assert found is not None
    sessions.note(found)
    return found


@pytest.fixture
def links(clock: FrozenDateTimeFactory, storage: Storage, secret: AccessSecret) -> SignInLinks:
    return SignInLinks(storage, secret)


@pytest.fixture
def sessions(clock: FrozenDateTimeFactory, storage: Storage, secret: AccessSecret) -> Sessions:
    return Sessions(storage, secret, lambda _: True)


def test_one_secret_serves_all_processes(
    storage: Storage, folder: Path, keyring: TokenEncryption
) -> None:
    beside = storage_in(folder, keyring)
    with ThreadPoolExecutor(2) as threads:
        made = list(threads.map(AccessSecret.of, [storage, beside]))
    assert made[0].digest("links", "a") == made[1].digest("links", "a")
    beside.close()


def test_a_value_has_another_hash_for_another_purpose(secret: AccessSecret) -> None:
    assert secret.digest("links", "a") != secret.digest("sessions", "a")
    assert secret.digest("links", "a") != secret.digest("links", "b")


def test_a_link_is_looked_at_any_number_of_times_and_spent_once(links: SignInLinks) -> None:
    code = links.make(ANN).get_secret_value()
    assert all(links.holds(code) for _ in range(20))
    assert links.spend(code) == ANN
    assert links.spend(code) is None
    assert not links.holds(code)


def test_twenty_who_spend_a_link_at_once_are_one(links: SignInLinks) -> None:
    code = links.make(ANN).get_secret_value()
    with ThreadPoolExecutor(20) as threads:
        spent = list(threads.map(links.spend, [code] * 20))
    assert sorted(map(str, spent)) == sorted([ANN, *["None"] * 19])


def test_whoever_has_looked_before_another_spent_a_link_has_spent_nothing(
    links: SignInLinks, sessions: Sessions, storage: Storage, secret: AccessSecret
) -> None:
    code, first = links.make(ANN).get_secret_value(), list[SecretStr | None]()
    late = between(storage, lambda: first.append(sessions.begin_by(links, code)))
    assert sessions.begin_by(SignInLinks(late, secret), code) is None
    assert first[0] is not None
    assert sessions.end_all(ANN) == 1


@pytest.mark.parametrize(("seconds", "holds"), [(299, True), (300, False)])
def test_a_link_holds_for_five_minutes(
    links: SignInLinks, clock: FrozenDateTimeFactory, seconds: int, holds: bool
) -> None:
    code = links.make(ANN).get_secret_value()
    clock.tick(seconds)
    assert links.holds(code) is holds
    assert (links.spend(code) == ANN) is holds


def test_an_administrator_makes_five_links_an_hour(
    links: SignInLinks, clock: FrozenDateTimeFactory
) -> None:
    for _ in range(MOST_AN_HOUR):
        links.make(ANN)
        clock.tick(60)
    with pytest.raises(TooManyLinks) as refused:
        links.make(ANN)
    assert refused.value.seconds == pytest.approx(3600 - 5 * 60)
    links.make(BOB)
    clock.tick(3600)
    links.make(ANN)


def test_of_many_processes_none_counts_past_another(
    storage: Storage, folder: Path, keyring: TokenEncryption, secret: AccessSecret
) -> None:
    beside = storage_in(folder, keyring)
    ask = [SignInLinks(one, secret).make for one in (storage, beside)] * MOST_AN_HOUR
    made, refused = list[SecretStr](), list[TooManyLinks]()

    def press(make: Callable[[str], SecretStr]) -> None:
        try:
            made.append(make(ANN))
        except TooManyLinks as too_many:
            refused.append(too_many)

    with ThreadPoolExecutor(len(ask)) as threads:
        list(threads.map(press, ask))
    beside.close()
    assert (len(made), len(refused)) == (MOST_AN_HOUR, len(ask) - MOST_AN_HOUR)
    assert len(storage.names(LINKS)) == MOST_AN_HOUR


def test_what_was_counted_is_forgotten_when_a_day_is_over(
    links: SignInLinks, storage: Storage, clock: FrozenDateTimeFactory
) -> None:
    links.make(ANN)
    clock.tick(86401)
    links.make(BOB)
    assert [len(storage.names(kind)) for kind in (LINKS, LINK_COUNTS)] == [1, 1]


def test_what_was_never_a_link_is_none(links: SignInLinks) -> None:
    assert links.spend("") is None
    assert links.spend("../" * 30) is None


def test_a_session_is_found_by_its_cookie_alone(sessions: Sessions) -> None:
    cookie = sessions.begin(ANN).get_secret_value()
    found = sessions.find(cookie)
    assert found is not None
    assert found.administrator == ANN
    assert sessions.find(found.id) is None
    assert sessions.find(cookie + "x") is None
    other = sessions.find(sessions.begin(ANN).get_secret_value())
    assert other is not None
    assert other.form_token != found.form_token


class Full:
    """A storage that takes no session."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    def apply(self, units: Sequence[Unit]) -> list[Any]:
        for step in (step for unit in units for step in unit.steps):
            if isinstance(step, Put) and step.key.kind is SESSIONS:
                return [OperatorFault("the disk is full", code="disk_full") for _ in units]
        return self._storage.apply(units)


def test_a_link_is_not_spent_for_a_session_that_cannot_be_kept(
    storage: Storage, secret: AccessSecret
) -> None:
    full = cast(Storage, Full(storage))
    links, sessions = SignInLinks(full, secret), Sessions(full, secret, lambda _: True)
    code = links.make(ANN).get_secret_value()
    with pytest.raises(OperatorFault):
        sessions.begin_by(links, code)
    assert links.holds(code)
    cookie = Sessions(storage, secret, lambda _: True).begin_by(SignInLinks(storage, secret), code)
    assert cookie is not None
    assert not links.holds(code)


class Held(Full):
    """A storage that lets go of no session."""

    def apply(self, units: Sequence[Unit]) -> list[Any]:
        for step in (step for unit in units for step in unit.steps):
            if isinstance(step, Drop) and step.key.kind is SESSIONS:
                return [OperatorFault("the disk is full", code="disk_full") for _ in units]
        return self._storage.apply(units)


@pytest.mark.one_way("on")
def test_a_link_ends_the_session_of_before_in_the_unit_that_spends_it(
    storage: Storage, secret: AccessSecret, links: SignInLinks, sessions: Sessions
) -> None:
    before = use(sessions, sessions.begin(ANN).get_secret_value())
    code = links.make(ANN).get_secret_value()
    held = cast(Storage, Held(storage))
    with pytest.raises(OperatorFault):
        Sessions(held, secret, lambda _: True).begin_by(SignInLinks(held, secret), code, before)
    assert links.holds(code)
    cookie = sessions.begin_by(links, code, before)
    assert cookie is not None
    assert len(storage.names(SESSIONS)) == 1
    assert sessions.find(cookie.get_secret_value()) is not None


def test_a_link_is_one_session_however_many_press(links: SignInLinks, sessions: Sessions) -> None:
    code = links.make(ANN).get_secret_value()
    with ThreadPoolExecutor(20) as threads:
        cookies = list(threads.map(lambda _: sessions.begin_by(links, code), range(20)))
    [won] = [cookie for cookie in cookies if cookie is not None]
    found = sessions.find(won.get_secret_value())
    assert found is not None
    assert found.administrator == ANN
    assert sessions.end_all(ANN) == 1


def test_a_session_ends_when_nobody_uses_it(
    sessions: Sessions, clock: FrozenDateTimeFactory
) -> None:
    cookie = sessions.begin(ANN).get_secret_value()
    for _ in range(4):
        clock.tick(30 * 60 - 1)
        use(sessions, cookie)
    clock.tick(30 * 60)
    assert sessions.find(cookie) is None


def test_who_looks_a_session_up_writes_nothing_and_use_is_noted_once_a_minute(
    sessions: Sessions, storage: Storage, clock: FrozenDateTimeFactory
) -> None:
    cookie = sessions.begin(ANN).get_secret_value()
    [name] = storage.names(SESSIONS)

    def version() -> object:
        [found] = storage.read([Key(SESSIONS, name)])
        assert isinstance(found, Stored)
        return found.version

    versions = [version()]
    for seconds in (59, 1, 0):
        clock.tick(seconds)
        found = sessions.find(cookie)
        assert found is not None
        assert version() == versions[-1]
        sessions.note(found)
        versions.append(version())
    assert [a == b for a, b in pairwise(versions)] == [True, False, True]
    ended = use(sessions, cookie)
    sessions.end(ended)
    clock.tick(60)
    sessions.note(ended)
    assert storage.names(SESSIONS) == []


def test_a_session_ends_after_twelve_hours_however_busy(
    sessions: Sessions, clock: FrozenDateTimeFactory
) -> None:
    cookie = sessions.begin(ANN).get_secret_value()
    for _ in range(12 * 4 - 1):
        clock.tick(900)
        use(sessions, cookie)
    clock.tick(900)
    assert sessions.find(cookie) is None


def test_whoever_administers_no_more_is_out_at_the_next_request(
    storage: Storage, secret: AccessSecret
) -> None:
    administrators = {501}
    sessions = Sessions(storage, secret, lambda one: who.may_enter(one, administrators))
    cookie, operators = (sessions.begin(one).get_secret_value() for one in (ANN, BOB))
    assert sessions.find(cookie) is not None
    administrators.clear()
    assert sessions.find(cookie) is None
    assert sessions.find(operators) is not None


def test_leaving_everywhere_ends_ones_own_sessions_alone(sessions: Sessions) -> None:
    cookies = [sessions.begin(one).get_secret_value() for one in (ANN, ANN, BOB)]
    assert sessions.end_all(ANN) == 2
    assert [sessions.find(cookie) is None for cookie in cookies] == [True, True, False]


def test_leaving_everywhere_ends_ones_own_links_alone(links: SignInLinks) -> None:
    mine, theirs = (links.make(one).get_secret_value() for one in (ANN, BOB))
    links.end_all(ANN)
    assert (links.spend(mine), links.spend(theirs)) == (None, BOB)
    for _ in range(MOST_AN_HOUR - 1):
        links.make(ANN)
    with pytest.raises(TooManyLinks):
        links.make(ANN)


def test_what_is_kept_says_nothing_of_codes_and_cookies(
    storage: Storage, links: SignInLinks, sessions: Sessions
) -> None:
    said = [links.make(ANN).get_secret_value(), sessions.begin(ANN).get_secret_value()]
    for kind in (LINKS, SESSIONS):
        for name in storage.names(kind):
            [found] = storage.read([Key(kind, name)])
            kept = f"{name} {getattr(found, 'document', None)}"
            assert not [secret for secret in said if secret in kept]


@pytest.mark.parametrize("name", ["", " Ann", "a" * 41, "user:1", "安", "a\nb"])
def test_an_operators_name_is_plain(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        who.operator(name)
