"""One owner's Drive through Google's own client: its answers, and what its errors become."""

from __future__ import annotations

import asyncio
import threading
import traceback
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from drive import Drive, DriveApi, DriveRefused, Drives
from sandbox.google_client import GoogleControls
from sandbox.server import Sandbox
from security.encryption import TokenEncryption
from security.errors import ConsentRequired, CustodyError, OperatorFault, TransientFault
from tests.security.kit import AMY, ANN, BEN, BOB, World, in_minutes, secret


@pytest.fixture
async def world(sandbox: Sandbox, google: GoogleControls, tmp_path: Path) -> AsyncIterator[World]:
    """Ann is connected."""
    made = World(sandbox, google, tmp_path / "user_data", TokenEncryption())
    await made.connect()
    yield made
    await made.close()


async def count(world: World, operation: str) -> int:
    """Calls of it."""
    return int((await world.google.calls())["counts"].get(operation, 0))


# What it tells


async def test_about_tells_account_and_space(world: World) -> None:
    """drive.file suffices for that."""
    await world.google.set_quota(AMY, limit=1000, used=400)
    about = await world.drives.run(ANN, Drive.about)
    assert secret(about.address) == AMY
    assert (about.usage, about.limit, about.free) == (400, 1000, 600)
    assert AMY not in repr(about)


async def test_more_used_than_there_is_leaves_nothing_free(world: World) -> None:
    """A quota that was reduced."""
    await world.google.set_quota(AMY, limit=100, used=400)
    assert (await world.drives.run(ANN, Drive.about)).free == 0


async def test_everybody_sees_their_own_drive(world: World) -> None:
    """Over one service object, at once."""
    await world.connect(BOB, BEN)
    owners = [ANN, BOB] * 5
    abouts = await asyncio.gather(*(world.drives.run(owner, Drive.about) for owner in owners))
    assert [secret(about.address) for about in abouts] == [AMY, BEN] * 5


async def test_prepared_identifiers_differ(world: World) -> None:
    """Each for one file."""
    made = await world.drives.run(ANN, lambda d: {d.new_file_id() for _ in range(3)})
    assert len(made) == 3


async def test_what_is_not_there_is_none_and_deleted_already(world: World) -> None:
    """Neither is an error."""
    file_id = await world.drives.run(ANN, Drive.new_file_id)
    assert await world.drives.run(ANN, lambda drive: drive.find(file_id)) is None
    await world.drives.run(ANN, lambda drive: drive.delete(file_id))


# The folder


@pytest.mark.parametrize("name", ["Telegram", "a'b", "c\\d", "e\\'f", "報告 🎉", "' or name = 'x"])
async def test_a_folder_is_made_once_and_found_again(world: World, name: str) -> None:
    """Whatever its name does to a query."""
    first = await world.drives.run(ANN, lambda drive: drive.folder(name))
    again = await world.drives.run(ANN, lambda drive: drive.folder(name))
    assert first == again
    assert [file["name"] for file in await world.google.files(AMY)] == [name]


async def test_a_folder_of_the_users_own_is_not_taken(world: World) -> None:
    """drive.file does not even show it."""
    theirs = await world.google.act("own_file", account=AMY, name="Telegram", folder=True)
    assert await world.drives.run(ANN, lambda drive: drive.folder("Telegram")) != theirs["id"]


async def test_a_folder_in_the_bin_is_made_anew(world: World) -> None:
    """Files would vanish with it."""
    first = await world.drives.run(ANN, lambda drive: drive.folder("Telegram"))
    await world.google.act("trash", file_id=first)
    assert await world.drives.run(ANN, lambda drive: drive.folder("Telegram")) != first


async def test_a_folder_whose_making_was_not_answered_is_made_once(world: World) -> None:
    """The retry meets the first try's result."""
    await world.google.fault("google.drive.files.create", "after")
    made = await world.drives.run(ANN, lambda drive: drive.folder("Telegram"))
    assert [file["id"] for file in await world.google.files(AMY)] == [made]


# Tokens


async def test_an_access_token_that_was_ended_is_renewed_by_the_custodian(world: World) -> None:
    """Google's client never refreshes by itself: it has nothing to refresh with."""
    await world.google.expire_access_tokens(AMY)
    await world.drives.run(ANN, Drive.about)
    assert await world.refreshes() == 1
    renewed = world.store.load(ANN)
    assert renewed is not None
    assert renewed.generation == 2


async def test_many_calls_with_an_ended_token_make_one_refresh(world: World) -> None:
    """They all come back with 401 at once."""
    await world.google.expire_access_tokens(AMY)
    await asyncio.gather(*(world.drives.run(ANN, Drive.about) for _ in range(8)))
    assert await world.refreshes() == 1


async def test_a_token_within_googles_own_threshold_is_used_without_a_refresh(
    world: World,
) -> None:
    """google-auth takes a token for expired minutes early; the custodian keeps the lead."""
    saved = world.store.load(ANN)
    assert saved is not None
    world.store.save(replace(saved, expires_at=in_minutes(2)), based_on=saved.generation)
    await world.google.fault("google.token.refresh", "status", status=503, count=0)
    assert await world.drives.run(ANN, Drive.about)
    assert await world.refreshes() == 1  # the custodian's own try, at the beginning


async def test_a_revoked_grant_needs_consent(world: World) -> None:
    """And says so in this project's words."""
    await world.google.revoke(AMY)
    with pytest.raises(ConsentRequired):
        await world.drives.run(ANN, Drive.about)
    assert world.quarantine_notes() == ["invalid_grant"]


async def test_whoever_is_not_connected_costs_no_thread(world: World) -> None:
    """All threads are busy, and the answer comes at once."""
    busy = threading.Event()
    tasks = [asyncio.create_task(world.drives.run(ANN, lambda _: busy.wait(10))) for _ in range(4)]
    await asyncio.sleep(0.05)
    async with asyncio.timeout(2):
        with pytest.raises(ConsentRequired):
            await world.drives.run(BOB, Drive.about)
    busy.set()
    await asyncio.gather(*tasks)


async def test_the_account_behind_a_new_token_is_told(world: World) -> None:
    """Before it is anybody's credential."""
    granted = await world.grant(BOB, BEN)
    assert granted.access_token is not None
    account = await world.drives.account(granted.access_token)
    assert secret(account.address) == BEN
    assert secret(account.id)


async def test_a_new_token_google_rejects_needs_consent(world: World) -> None:
    """There is nothing to renew it with."""
    with pytest.raises(ConsentRequired):
        await world.drives.account(SecretStr("ya29.made-up"))


# Errors


@pytest.mark.parametrize(
    ("kind", "options", "expected", "code"),
    [
        ("status", {"status": 503}, TransientFault, "unavailable"),
        ("status", {"status": 502}, TransientFault, "unavailable"),
        ("status", {"status": 408}, TransientFault, "unavailable"),
        ("status", {"status": 429}, TransientFault, "rate_limited"),
        ("status", {"reason": "rateLimitExceeded"}, TransientFault, "rate_limited"),
        ("status", {"reason": "userRateLimitExceeded"}, TransientFault, "rate_limited"),
        ("status", {"reason": "storageQuotaExceeded"}, DriveRefused, "quota_exceeded"),
        ("status", {"status": 403, "reason": "insufficientPermissions"}, ConsentRequired,
         "scope_missing"),
        ("status", {"status": 403, "reason": "accessNotConfigured"}, OperatorFault,
         "api_disabled"),
        ("status", {"status": 401}, ConsentRequired, "invalid_grant"),
        ("status", {"status": 409}, DriveRefused, "exists"),
        ("status", {"status": 404}, DriveRefused, "file_gone"),
        ("status", {"status": 400}, DriveRefused, "drive_refused"),
        ("status", {"status": 403, "body": "{}"}, DriveRefused, "drive_refused"),
        ("html", {"status": 403}, DriveRefused, "drive_refused"),
        ("html", {"status": 200}, TransientFault, "not_json"),
        ("status", {"status": 200, "body": "[]"}, TransientFault, "not_json"),
        ("drop", {}, TransientFault, "unavailable"),
        ("cut_response", {"after_bytes": 20}, TransientFault, "unavailable"),
    ],
    ids=lambda value: str(value)[:45],
)  # fmt: skip
async def test_an_error_becomes_the_class_of_what_must_follow(
    world: World, kind: str, options: dict[str, Any], expected: type[CustodyError], code: str
) -> None:
    """And nothing else that Google's client raises gets out."""
    await world.google.fault("google.drive.files.generateIds", kind, count=0, **options)
    drives = Drives(DriveApi(world.url, retries=0), world.custodian, threads=1)
    with pytest.raises(CustodyError) as caught:
        await drives.run(ANN, Drive.new_file_id)
    await drives.close()
    assert type(caught.value) is expected
    assert caught.value.code == code
    assert "ya29" not in "".join(traceback.format_exception(caught.value))


async def test_an_error_that_passes_is_tried_again(world: World) -> None:
    """Small requests only."""
    await world.google.fault("google.drive.about", "status", status=503)
    assert await world.drives.run(ANN, Drive.about)


async def test_an_error_of_the_work_itself_comes_out_as_it_is(world: World) -> None:
    """A bug is no incident of Google's."""

    def work(_: Drive) -> None:
        raise KeyError("a bug")

    with pytest.raises(KeyError):
        await world.drives.run(ANN, work)
