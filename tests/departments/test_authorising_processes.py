"""A department's consent in several processes: one of them asks Google, and any of them may die."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from pydantic import SecretStr

from departments.authorising.outcomes import Outcome
from security.consent.pending import CONSENTS
from tests.departments.kit import MINE, TANHAE, Browser, consents_of
from tests.security.kit import AMY, ROOT, TOWN, World, secret
from tests.spots import names_in

pytestmark = [pytest.mark.encryption("on"), pytest.mark.one_way]  # seconds of the processor
SAVED = Outcome("tanhae", "ok")


@asynccontextmanager
async def coming_back(
    world: World, key: SecretStr, redirected: str, dies_at: str, lease_seconds: float = 5
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Another process takes the administrator back; it is killed at the end.

    Args:
        lease_seconds: so long others wait for it once it is dead; it is not to stand still longer.
    """
    told = {
        "folder": str(world.folder),
        "key": key.get_secret_value(),
        "url": world.url,
        "client_id": world.client.id,
        "client_secret": world.client.secret.get_secret_value(),
        "redirected": redirected,
        "dies_at": dies_at,
        "lease_seconds": lease_seconds,
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.departments.coming_back"),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(told).encode())
    process.stdin.close()
    try:
        async with asyncio.timeout(60):
            yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_four_processes_that_come_back_at_once_are_one_exchange(
    world: World, encryption_keys: tuple[SecretStr, ...]
) -> None:
    """And all are told the same."""
    browser = Browser(world, consents_of(world))
    pending = await browser.begin()
    redirected = await world.google.consent(pending.address, AMY)
    async with AsyncExitStack() as stack:
        processes = [
            await stack.enter_async_context(
                coming_back(world, encryption_keys[0], redirected, "never", lease_seconds=60)
            )
            for _ in range(4)
        ]
        said = await asyncio.gather(*(process.communicate() for process in processes))
    assert [out.split()[-1:] for out, _ in said] == [[b"ok"]] * 4
    assert (await world.google.calls())["counts"]["google.token.exchange"] == 1
    saved = world.store.load(TOWN)
    assert saved is not None
    assert saved.generation == 1


async def killed_while_google_is_silent(
    world: World, keys: tuple[SecretStr, ...], target: str
) -> tuple[Browser, str]:
    """The browser, and the address it was redirected to."""
    browser = Browser(world, consents_of(world))
    pending = await browser.begin()
    redirected = await world.google.consent(pending.address, AMY)
    fault: dict[str, Any] = {"kind": "hang", "count": 1}
    await world.google.fault(target, **fault)
    async with coming_back(world, keys[0], redirected, "never"):
        await world.google_is_asked()
    await world.google.clear_faults()
    return browser, redirected


async def test_killed_while_its_code_is_with_google_the_request_is_over(
    world: World, encryption_keys: tuple[SecretStr, ...]
) -> None:
    """What Google has given, if anything, nobody knows: it is asked for once more."""
    target = "google.token.exchange"
    browser, redirected = await killed_while_google_is_silent(world, encryption_keys, target)
    assert await browser.open(redirected) == Outcome("tanhae", "used")
    assert world.store.load(TOWN) is None
    assert names_in(world.folder, CONSENTS) == []
    assert await browser.authorise(AMY) == SAVED


@pytest.mark.parametrize("by", ["the address", "the page"])
async def test_killed_before_drive_says_whose_it_is_the_next_one_asks(
    world: World, encryption_keys: tuple[SecretStr, ...], by: str
) -> None:
    """The tokens are there."""
    target = "google.drive.about"
    browser, redirected = await killed_while_google_is_silent(world, encryption_keys, target)
    if by == "the address":
        assert await browser.open(redirected) == SAVED
    else:
        while (asked := await browser.consents.current(TANHAE, MINE)) is not None:
            assert asked.stage == "under_way"
        assert await browser.consents.last_outcome(TANHAE, MINE) == SAVED
    saved = world.store.load(TOWN)
    assert saved is not None
    assert secret(saved.account) == AMY


async def test_a_page_tells_of_a_code_that_was_lost_with_its_process(
    world: World, encryption_keys: tuple[SecretStr, ...]
) -> None:
    """The administrator looks at the settings, instead of coming back once more."""
    target = "google.token.exchange"
    browser, _ = await killed_while_google_is_silent(world, encryption_keys, target)
    while (asked := await browser.consents.current(TANHAE, MINE)) is not None:
        assert asked.stage == "under_way"
    assert await browser.consents.last_outcome(TANHAE, MINE) == Outcome("tanhae", "used")


@pytest.mark.parametrize("dies_at", ["saved", "noted"])
async def test_dead_once_it_was_saved_nothing_is_saved_again(
    world: World, encryption_keys: tuple[SecretStr, ...], dies_at: str
) -> None:
    browser = Browser(world, consents_of(world))
    pending = await browser.begin()
    redirected = await world.google.consent(pending.address, AMY)
    async with coming_back(world, encryption_keys[0], redirected, dies_at) as process:
        assert await process.wait() == 9
    assert len(names_in(world.folder, CONSENTS)) == 1
    assert await browser.open(redirected) == SAVED
    assert names_in(world.folder, CONSENTS) == []
    assert await browser.open(redirected) == SAVED
    saved = world.store.load(TOWN)
    assert saved is not None
    assert saved.generation == 1
