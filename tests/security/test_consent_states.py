"""What anybody may ask about a state costs next to nothing."""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from security.consent.pending import PendingConsent, PendingConsents
from security.credential import Owner
from security.encryption import TokenEncryption
from security.errors import ConsentDenied
from tests.security.hearing import hearing, unreadable
from tests.security.kit import ANN, BOB, World, in_minutes, new_key
from tests.spots import consent_at
from tests.stores import storage_in

MANY = 100


class Counting(TokenEncryption):
    """Counts what it opens."""

    opened = 0

    def open(self, data: bytes) -> tuple[bytes, str | None]:
        """As its base does."""
        self.opened += 1
        return super().open(data)


@pytest.fixture
def keyring(encryption_keys: tuple[SecretStr, ...]) -> Counting:
    """The keyring of this run, counted."""
    return Counting(encryption_keys)


def a_request(owner: Owner = ANN) -> PendingConsent:
    """Of the callback flow."""
    return PendingConsent(
        owner=owner,
        id=secrets.token_hex(6),
        flow="callback",
        client_id="client",
        created_at=datetime.now(UTC),
        expires_at=in_minutes(10),
        state=SecretStr(secrets.token_urlsafe(32)),
    )


def state_of(request: PendingConsent) -> str:
    """In clear."""
    return request.state.get_secret_value()


@pytest.fixture
def requests(world: World) -> list[PendingConsent]:
    """Of a hundred people at once."""
    made = [a_request(Owner.user(1000 + number)) for number in range(MANY)]
    for request in made:
        world.pending.save(request)
    return made


async def test_an_unknown_state_opens_nothing(
    world: World, keyring: Counting, requests: list[PendingConsent]
) -> None:
    """However often, and whatever it looks like."""
    consents = world.custody.consent_flows(world.drives.account)
    keyring.opened = 0
    states = [secrets.token_urlsafe(32) for _ in range(300)]
    for state in (*states, "", "x" * 43, "\ud800" * 43):
        with pytest.raises(ConsentDenied):
            await consents.accept_redirect(await consents.by_state(state), code="4/0A", error=None)
    assert keyring.opened == 0


async def test_an_unknown_state_tries_nothing_again_that_cannot_be_read(
    world: World, keyring: Counting, requests: list[PendingConsent]
) -> None:
    """Under a lost key, say."""
    for request in requests[:30]:
        there = consent_at(world.folder, request.owner)
        there.take_away()
        there.plant(TokenEncryption([new_key()]).encrypt(b"{}"))
    world.pending.by_state("x" * 43)
    keyring.opened = 0
    for _ in range(20):
        assert world.pending.by_state("x" * 43) is None
    assert keyring.opened == 0


async def test_once_the_folder_is_left_alone_no_file_is_looked_at(
    world: World, keyring: Counting, requests: list[PendingConsent]
) -> None:
    """But for the one of the state."""
    consents = world.folder / "consents"
    long_ago = time.time() - 60
    os.utime(consents, (long_ago, long_ago))
    world.pending.by_state("x" * 43)
    listed: list[object] = []

    def listen(event: str, arguments: tuple[object, ...]) -> None:
        if event == "os.scandir" and str(arguments[0]).endswith("consents"):
            listed.append(arguments)

    with hearing(listen):
        assert world.pending.by_state("x" * 43) is None
        assert world.pending.by_state(state_of(requests[50])) == requests[50]
    assert listed == []
    newest = a_request()
    PendingConsents(storage_in(world.folder, keyring)).save(newest)
    assert world.pending.by_state(state_of(newest)) == newest


async def test_a_known_state_opens_its_own_request_alone(
    world: World, keyring: Counting, requests: list[PendingConsent]
) -> None:
    """Three hundred at once, with a code that is not the one that was redeemed."""
    spent = requests[7]
    world.pending.replace(spent, stage="approved", code_digest=SecretStr("of another code"))
    consents = world.custody.consent_flows(world.drives.account)
    keyring.opened = 0

    async def ask() -> None:
        with pytest.raises(ConsentDenied):
            await consents.accept_redirect(
                await consents.by_state(state_of(spent)), code="x", error=None
            )

    await asyncio.gather(*(ask() for _ in range(300)))
    assert keyring.opened == 300


async def test_after_a_restart_each_request_is_opened_once(
    world: World, keyring: Counting, requests: list[PendingConsent]
) -> None:
    """At the start, before anybody asks."""
    keyring.opened = 0
    again = PendingConsents(storage_in(world.folder, keyring))
    again.by_state(state_of(requests[0]))
    assert keyring.opened <= MANY + 1
    keyring.opened = 0
    for request in requests[:10]:
        assert again.by_state(state_of(request)) == request
    assert keyring.opened == 10


def test_what_the_disk_did_not_give_once_is_found_later(world: World, keyring: Counting) -> None:
    """Too many open files, say, at the first request after a start."""
    request = a_request()
    PendingConsents(storage_in(world.folder, keyring)).save(request)
    again, state = PendingConsents(storage_in(world.folder, keyring)), state_of(request)
    with unreadable(f"{request.owner.stem}.json"):
        assert again.by_state(state) is None
    assert again.by_state(state) == request


def test_what_another_process_writes_is_found(world: World, keyring: Counting) -> None:
    """And what it replaces or deletes is not."""
    here, there = world.pending, PendingConsents(storage_in(world.folder, keyring))
    first, second, bobs = a_request(), a_request(), a_request(BOB)
    for request in (first, bobs):
        there.save(request)
        assert here.by_state(state_of(request)) == request
    there.save(second)
    assert here.by_state(state_of(first)) is None
    assert here.by_state(state_of(second)) == second
    there.delete(ANN)
    assert here.by_state(state_of(second)) is None
    assert here.by_state(state_of(bobs)) == bobs


def test_the_empty_state_finds_nothing(world: World) -> None:
    """Which requests of the device flow have."""
    world.pending.save(a_request().model_copy(update={"state": SecretStr(""), "flow": "device"}))
    assert world.pending.by_state("") is None


@pytest.mark.parametrize("what", ["loop", "folder", "pipe", "too long a link"])
def test_what_lies_in_one_persons_place_is_nobody_elses_concern(world: World, what: str) -> None:
    made = a_request(BOB)
    world.pending.save(made)
    place = world.folder / "consents" / f"{ANN.stem}.json"
    if what == "loop":
        place.symlink_to(place)
    elif what == "folder":
        place.mkdir()
    elif what == "pipe":
        os.mkfifo(place)
    else:
        place.symlink_to("x" * 300)
    again = PendingConsents(storage_in(world.folder, world.keyring))
    assert again.by_state(state_of(made)) == made
    assert {request.owner for request in again.all()} == {BOB}
