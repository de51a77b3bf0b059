"""Several web processes and a bot on one MariaDB: what becomes of whoever asks, whatever fails."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp
import pytest
from pydantic import SecretStr

from departments.tokens import MEMORY_SECONDS
from processes.storage import LEASE_SECONDS
from tests.database.webs import PUBLIC_URL, Answer, Balancer, Web, Webs, webs
from tests.journeys import until, until_struck
from tests.mariadb import MariaDB
from tests.security.kit import AMY

pytestmark = pytest.mark.one_way
_CLIENTS: Final = 200
WITHOUT_SWEEPS: Final = {"TOKEN_MAINTENANCE_INTERVAL_MINUTES": "0"}
"""What is refreshed is so for whoever asks."""
OFTEN: Final = {"TOKEN_MAINTENANCE_INTERVAL_MINUTES": "0.02"}
STOPPED_SECONDS: Final = 8
"""A process has ended by then whom Google answers within three or four."""


@pytest.fixture
async def fleet(tmp_path: Path, own_mariadb: MariaDB) -> AsyncIterator[Webs]:
    """A database of the test's own, and Google."""
    async with webs(tmp_path, own_mariadb) as made:
        yield made
        assert made.defects() == []


async def test_of_200_that_ask_at_once_one_asks_google(fleet: Webs) -> None:
    """Four web processes and a bot; the token had expired."""
    await fleet.start(4, **WITHOUT_SWEEPS)
    await fleet.start_bot(**WITHOUT_SWEEPS)
    assert (await fleet.authorise(fleet.processes[0], AMY, fleet.processes[1])).status == 303
    computers = await asyncio.to_thread(fleet.computers, _CLIENTS)
    await fleet.expire()
    answers = await asyncio.gather(
        *(fleet.ask_token(fleet.processes[n % 5], key) for n, (_, key) in enumerate(computers))
    )
    assert [one.status for one in answers] == [200] * _CLIENTS
    assert len({one.token for one in answers}) == 1
    assert await fleet.refreshes() == 1
    assert fleet.quarantined() == []


async def test_an_answer_under_way_is_finished_before_the_end(fleet: Webs) -> None:
    """SIGTERM while Google is asked: whoever waits gets the token, and it is saved."""
    [web] = await fleet.start(1, **WITHOUT_SWEEPS)
    await fleet.authorise(web, AMY)
    [(_, key)] = await asyncio.to_thread(fleet.computers, 1)
    await fleet.expire()
    await fleet.google.fault("google.token.refresh", "latency", seconds=4)
    asking = asyncio.create_task(fleet.ask_token(web, key))
    await until_struck(fleet.google, "google.token.refresh")
    seconds = await web.end()
    answer = await asking
    assert answer.status == 200, answer.text
    assert seconds < STOPPED_SECONDS
    assert web.running.returncode == 0
    [next_one] = await fleet.start()
    assert (await fleet.ask_token(next_one, key)).token == answer.token
    assert await fleet.refreshes() == 1


async def test_a_stop_amid_a_sweep_waits_for_its_refresh_and_no_longer(fleet: Webs) -> None:
    """A process sweeps a few seconds after it has started, and then at each interval."""
    [web] = await fleet.start(1, **OFTEN)
    await fleet.authorise(web, AMY)
    await fleet.google.fault("google.token.refresh", "latency", seconds=3)
    await fleet.expire()
    await until_struck(fleet.google, "google.token.refresh")
    assert await web.end() < STOPPED_SECONDS
    assert web.running.returncode == 0
    assert await fleet.refreshes() == 1
    assert len(web.logged("token_refreshed")) == 1


async def test_who_is_killed_amid_a_refresh_holds_the_others_up_for_no_longer_than_its_lease(
    fleet: Webs,
) -> None:
    first, second, third = await fleet.start(3, **WITHOUT_SWEEPS)
    await fleet.authorise(first, AMY)
    (_, lost), (_, one), (_, other) = await asyncio.to_thread(fleet.computers, 3)
    await fleet.expire()
    await fleet.google.fault("google.token.refresh", "hang")
    asking = asyncio.create_task(fleet.ask_token(first, lost))
    await until_struck(fleet.google, "google.token.refresh")
    await first.end(signal.SIGKILL)
    with pytest.raises(aiohttp.ClientError):
        await asking
    answers = await asyncio.gather(fleet.ask_token(second, one), fleet.ask_token(third, other))
    assert [one.status for one in answers] == [200, 200]
    assert answers[0].token == answers[1].token
    assert max(one.seconds for one in answers) < LEASE_SECONDS + 5
    assert await fleet.refreshes() == 2
    assert fleet.quarantined() == []


async def test_while_the_database_is_away_everybody_is_asked_to_come_again(
    fleet: Webs,
) -> None:
    """`mariadbd` is killed and started again; four web processes and a bot go on by themselves."""
    *_, bot = [*await fleet.start(4, **OFTEN), await fleet.start_bot(**OFTEN)]
    await fleet.authorise(bot, AMY)
    computers = await asyncio.to_thread(fleet.computers, 20)
    cookie = await asyncio.to_thread(fleet.sign_in)
    asking = [(fleet.processes[n % 5], key) for n, (_, key) in enumerate(computers)]

    async def ask_all() -> list[Answer]:
        return await asyncio.gather(*(fleet.ask_token(*one) for one in asking))

    first = await ask_all()
    assert {one.status for one in first} == {200}
    await asyncio.to_thread(fleet.server.end, signal.SIGKILL)
    await asyncio.sleep(MEMORY_SECONDS)
    pages = (
        fleet.ask(web, "/settings/google", method="GET", cookie=cookie) for web in fleet.processes
    )
    away = [*await ask_all(), *await asyncio.gather(*pages)]
    assert {(one.status, one.headers["Retry-After"]) for one in away} == {(503, "5")}
    await until(lambda: bool(fleet.opened("database_unreachable")), 30)
    await asyncio.to_thread(fleet.server.start)
    began, answers = time.monotonic(), away
    while {one.status for one in answers} != {200}:
        assert time.monotonic() - began < 30
        answers = await ask_all()
        assert {one.status for one in answers} <= {200, 503}
    assert {one.token for one in answers} == {first[0].token}
    await until(lambda: not fleet.incidents(), 30)
    assert len(fleet.opened("database_unreachable")) == 1
    assert await fleet.refreshes() == 0
    assert fleet.quarantined() == []


async def test_a_token_that_google_gave_while_the_database_went_is_saved_when_it_is_back(
    fleet: Webs,
) -> None:
    """One process has it in its hand; it is the one that all give out, and Google is asked once."""
    processes = await fleet.start(4, **WITHOUT_SWEEPS)
    await fleet.authorise(processes[0], AMY)
    computers = await asyncio.to_thread(fleet.computers, 20)
    asking = [(processes[n % 4], key) for n, (_, key) in enumerate(computers)]

    async def ask_all() -> list[Answer]:
        return await asyncio.gather(*(fleet.ask_token(*one) for one in asking))

    await fleet.expire()
    await fleet.google.fault("google.token.refresh", "latency", seconds=60)
    first = asyncio.create_task(ask_all())
    await until_struck(fleet.google, "google.token.refresh")
    await asyncio.to_thread(fleet.server.end, signal.SIGKILL)
    await fleet.google.clear_faults()
    assert {one.status for one in await first} == {503}
    assert not any(web.logged("token_refreshed") for web in processes)
    await asyncio.to_thread(fleet.server.start)
    began, answers = time.monotonic(), list[Answer]()
    while {one.status for one in answers} != {200}:
        assert time.monotonic() - began < LEASE_SECONDS + 5
        answers = await ask_all()
    assert len({one.token for one in answers}) == 1
    assert await fleet.refreshes() == 1
    assert fleet.quarantined() == []


async def test_who_starts_while_the_database_is_away_waits_for_it(fleet: Webs) -> None:
    [first] = await fleet.start()
    await fleet.authorise(first, AMY)
    [(_, key)] = await asyncio.to_thread(fleet.computers, 1)
    await asyncio.to_thread(fleet.server.end, signal.SIGKILL)
    starting = asyncio.create_task(fleet.start())
    await until(lambda: len(fleet.processes) == 2)
    second = fleet.processes[1]
    await second.says("web_started")
    assert second.logged("start_waits")
    refused = await fleet.ask_token(second, key)
    assert (refused.status, refused.headers["Retry-After"]) == (503, "5")
    await asyncio.to_thread(fleet.server.start)
    await starting
    assert (await fleet.ask_token(second, key)).status == 200


async def test_a_database_that_has_frozen_is_given_up_for_everybody_soon(fleet: Webs) -> None:
    """Its connections stay open, and nothing comes: more ask than there are threads."""
    [web] = await fleet.start()
    await fleet.authorise(web, AMY)
    computers = await asyncio.to_thread(fleet.computers, 30)

    async def ask_all() -> list[Answer]:
        return await asyncio.gather(*(fleet.ask_token(web, key) for _, key in computers))

    assert {one.status for one in await ask_all()} == {200}
    os.kill(fleet.server.pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(MEMORY_SECONDS)
        away = await ask_all()
    finally:
        os.kill(fleet.server.pid, signal.SIGCONT)
    assert {(one.status, one.code) for one in away} == {(503, "database_unreachable")}
    assert max(one.seconds for one in away) < 20
    assert {one.status for one in await ask_all()} == {200}


async def test_what_one_process_ends_is_over_for_all_within_a_second(fleet: Webs) -> None:
    """A key revoked, a key blocked, and an authorisation withdrawn: four processes and a bot."""
    await fleet.start(4, CLIENT_ALARM="block")
    bot = await fleet.start_bot(CLIENT_ALARM="block")
    await fleet.authorise(bot, AMY)
    made = await asyncio.to_thread(fleet.computers, 3)
    (revoked, revoked_key), (_, blocked_key), (_, key) = made
    cookie = await asyncio.to_thread(fleet.sign_in)

    async def asked_everywhere(key: SecretStr) -> set[tuple[int, str]]:
        got = await asyncio.gather(*(fleet.ask_token(web, key) for web in fleet.processes))
        return {(one.status, one.code if one.status != 200 else "") for one in got}

    async def revoke() -> Answer:
        return await fleet.ask(bot, f"/api/clients/{revoked.id}", method="DELETE", cookie=cookie)

    async def block() -> Answer:
        """By an alarm: it is used for another department."""
        return await fleet.ask_token(bot, blocked_key, "anping")

    async def withdraw() -> Answer:
        url = "/api/google/authorization?department=tanhae"
        return await fleet.ask(bot, url, method="DELETE", cookie=cookie)

    for used, end, status, refusal in (
        (revoked_key, revoke, 200, (401, "key_revoked")),
        (blocked_key, block, 403, (401, "key_blocked")),
        (key, withdraw, 200, (409, "consent_required")),
    ):
        assert await asked_everywhere(used) == {(200, "")}
        assert (await end()).status == status
        await asyncio.sleep(MEMORY_SECONDS)
        assert await asked_everywhere(used) == {refusal}


async def test_a_restart_that_overlaps_is_felt_by_nobody(fleet: Webs) -> None:
    """As on Render: a new process serves, then the old one gets SIGTERM; three times.

    Computers ask all the while, the token expires amid it, and whoever signs in, pairs a computer
    or consents begins with one process and ends with another.
    """
    [old] = await fleet.start()
    await fleet.authorise(old, AMY)
    computers = await asyncio.to_thread(fleet.computers, 60)
    balancer, is_over = Balancer([old]), asyncio.Event()
    answers: list[Answer] = []

    async def go_on_asking(key: SecretStr) -> None:
        while not is_over.is_set():
            answers.append(await fleet.ask_token(balancer, key))
            await asyncio.sleep(2.1)  # thirty a minute may be asked for

    async with asyncio.TaskGroup() as group:
        for _, key in computers:
            group.create_task(go_on_asking(key))
        for turn in range(1, 4):
            begun = await Begun.with_(fleet, old)
            [new] = await fleet.start()
            balancer.processes.append(new)
            await fleet.google.fault("google.token.refresh", "latency", seconds=3)
            await fleet.expire()  # and a while, in which somebody asks
            assert await old.end() < STOPPED_SECONDS
            assert old.running.returncode == 0
            await begun.finish(fleet, balancer)
            assert await fleet.refreshes() == turn
            old = new
        is_over.set()
    assert {one.status for one in answers} == {200}
    assert balancer.cut == []
    assert fleet.quarantined() == []


@dataclass(frozen=True)
class Begun:
    """What somebody has begun with a process that is about to go."""

    cookie: str
    link: str
    consent: str
    """Where Google is to be asked for it."""
    code: str
    """That becomes a key."""

    @classmethod
    async def with_(cls, fleet: Webs, web: Web) -> Begun:
        """Begin all of it."""
        cookie = await asyncio.to_thread(fleet.sign_in)
        link = await asyncio.to_thread(fleet.new_link)
        url = "/api/google/auth-url?department=tanhae"
        asked = await fleet.ask(web, url, method="GET", cookie=cookie)
        wanted = {"department": "tanhae", "label": "站務電腦", "may": ["upload", "token"]}
        made = await fleet.ask(web, "/api/clients/pairing-codes", cookie=cookie, json=wanted)
        return cls(cookie, link, asked.body["auth_url"], made.body["code"])

    async def finish(self, fleet: Webs, web: Web | Balancer) -> None:
        """It comes to what it was begun for."""
        shown = await fleet.ask(web, "/console", method="GET", cookie=self.cookie)
        assert shown.status == 200
        entered = await fleet.ask(web, f"/console/enter/{self.link}")
        assert "Set-Cookie" in entered.headers
        paired = await fleet.ask(web, "/api/clients/pair", json={"code": self.code})
        assert paired.status == 201
        assert (await fleet.ask_token(web, SecretStr(paired.body["key"]))).status == 200
        back = (await fleet.google.consent(self.consent, AMY)).removeprefix(PUBLIC_URL)
        done = await fleet.ask(web, back, method="GET", cookie=self.cookie)
        assert done.headers["Location"].endswith("done=authorised")
