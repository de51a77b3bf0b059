"""One owner's Drive: account, identifiers, tokens, and connections kept between calls."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from dataclasses import replace

import pytest
from googleapiclient.discovery_cache import get_static_doc
from pydantic import SecretStr

from drive import Drive, DriveApi
from security.errors import ConsentRequired, TransientFault
from tests.bot.test_connections import sockets
from tests.drive.conftest import calls, put
from tests.journeys import until
from tests.security.kit import AMY, ANN, BEN, BOB, World, in_minutes, secret

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


async def test_what_was_told_a_moment_ago_costs_no_request(world: World) -> None:
    """Each account's own; and it is asked again by whoever wants to know for sure."""
    await world.connect(BOB, BEN)
    await world.google.forget_calls()
    for owner, account in ((ANN, AMY), (BOB, BEN), (ANN, AMY)):
        about = await world.drives.run(owner, lambda drive: drive.about(cached=True))
        assert secret(about.address) == account
    assert (await calls(world))["google.drive.about"] == 2
    await world.google.set_quota(AMY, used=400)
    assert (await world.drives.run(ANN, Drive.about)).usage == 400
    assert (await world.drives.run(ANN, lambda drive: drive.about(cached=True))).usage == 400


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


async def test_one_request_prepares_the_identifiers_of_many_files(world: World) -> None:
    """The next files need none, whichever call they come with."""
    first = await world.drives.run(ANN, lambda drive: [drive.new_file_id() for _ in range(3)])
    rest = [await world.drives.run(ANN, Drive.new_file_id) for _ in range(17)]
    assert len({*first, *rest}) == 20
    assert (await calls(world))["google.drive.files.generateIds"] == 1


async def test_identifiers_of_another_account_are_not_used(world: World) -> None:
    """They would not be usable there."""
    await world.drives.run(ANN, Drive.new_file_id)
    await world.connect(ANN, BEN)
    file_id = await world.drives.run(ANN, Drive.new_file_id)
    await world.drives.run(ANN, put("a.txt", id=file_id))
    assert [file["id"] for file in await world.google.files(BEN)] == [file_id]


async def test_what_is_not_there_is_none_and_deleted_already(world: World) -> None:
    """Neither is an error."""
    file_id = await world.drives.run(ANN, Drive.new_file_id)
    assert await world.drives.run(ANN, lambda drive: drive.find(file_id)) is None
    await world.drives.run(ANN, lambda drive: drive.delete(file_id))


# Tokens


async def test_an_access_token_that_was_ended_is_renewed_by_the_custodian(world: World) -> None:
    """Google's client never refreshes by itself: it has nothing to refresh with."""
    await world.google.expire_access_tokens(AMY)
    await world.drives.run(ANN, Drive.about)
    assert await world.refreshes() == 1
    renewed = world.store.load(ANN)
    assert renewed is not None
    assert renewed.generation == 2


async def test_a_new_token_that_cannot_be_had_is_asked_for_once(world: World) -> None:
    """Small requests are repeated; a refresh that hangs would take its time each time."""
    await world.google.expire_access_tokens(AMY)
    await world.google.fault("google.token.refresh", "status", status=503, count=0)
    before = await world.refreshes()
    with pytest.raises(TransientFault):
        await world.drives.run(ANN, Drive.about)
    assert await world.refreshes() == before + 1


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
    tasks = [asyncio.create_task(world.drives.run(ANN, lambda _: busy.wait(60))) for _ in range(4)]
    await asyncio.sleep(0.05)
    async with asyncio.timeout(20):
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


# Connections


def port_after_about(drive: Drive) -> int:
    """Which connection it was."""
    drive.about()
    (connection,) = drive.http.connections.values()
    port: int = connection.sock.getsockname()[1]
    return port


async def test_the_next_call_takes_the_connection_of_the_last(world: World) -> None:
    """Also somebody else's: a token goes with each request, not with a connection."""
    await world.connect(BOB, BEN)
    ports = {await world.drives.run(owner, port_after_about) for owner in (ANN, BOB, ANN)}
    assert len(ports) == 1


async def test_a_connection_that_has_ended_is_not_taken_again(world: World) -> None:
    """As the server ends those nobody uses."""

    def end(drive: Drive) -> int:
        port = port_after_about(drive)
        (connection,) = drive.http.connections.values()
        connection.sock.shutdown(socket.SHUT_RDWR)
        return port

    ended = await world.drives.run(ANN, end)
    assert await world.drives.run(ANN, port_after_about) != ended


async def test_an_error_of_the_work_itself_comes_out_as_it_is_and_ends_the_connection(
    world: World,
) -> None:
    """Half an answer may be left in it; and a bug is no incident of Google's."""
    seen: list[int] = []

    def fail(drive: Drive) -> None:
        seen.append(port_after_about(drive))
        raise KeyError("a bug")

    with pytest.raises(KeyError):
        await world.drives.run(ANN, fail)
    assert [await world.drives.run(ANN, port_after_about)] != seen


def test_every_request_that_can_says_that_it_means_shared_drives_too(world: World) -> None:
    """By Drive's own description: what lies in one would look deleted."""
    described = json.loads(get_static_doc("drive", "v3"))["resources"]
    always = DriveApi(world.url).always
    for name, says in always.items():
        resource, _, method = name.partition(".")
        known = described[resource]["methods"][method.removesuffix("_media")]["parameters"]
        wanted = {"supportsAllDrives", "includeItemsFromAllDrives"} & known.keys()
        assert says == dict.fromkeys(wanted, True)
    assert always["files.list"].keys() == {
        "supportsAllDrives",
        "includeItemsFromAllDrives",
    }
    assert not always["files.generateIds"]


async def test_drives_are_closed_after_half_a_minute(
    world: World,
) -> None:
    """Also where nobody asks anything any more."""
    before = sockets()
    await asyncio.gather(*(world.drives.run(ANN, lambda drive: drive.about()) for _ in range(4)))
    world.drives.close_idle()
    assert sockets() > before
    world.drives.close_idle(0)
    await until(lambda: sockets() <= before)
