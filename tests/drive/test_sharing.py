"""Links for anyone, and taken back."""

from __future__ import annotations

import aiohttp
import pytest

from drive import Drive, DriveRefused
from tests.drive.conftest import put
from tests.security.kit import AMY, ANN, World


async def test_a_shared_link_opens_for_anyone_until_it_is_taken_back(world: World) -> None:
    """As somebody without an account sees it."""
    made = await world.drives.run(ANN, put("a.txt"))

    async def opens(link: str) -> bool:
        async with aiohttp.ClientSession() as http:
            address = f"{link}?as=anyone"
            async with http.get(address, allow_redirects=False) as answer:
                return answer.status == 200

    assert not await opens(made.link)
    link = await world.drives.run(ANN, lambda drive: drive.share(made.id))
    assert link == made.link
    assert await opens(link)
    assert await world.drives.run(ANN, lambda drive: drive.is_shared(made.id))
    await world.drives.run(ANN, lambda drive: drive.unshare(made.id))
    assert not await opens(link)
    assert not await world.drives.run(ANN, lambda drive: drive.is_shared(made.id))


async def test_sharing_and_taking_back_twice_does_no_harm(world: World) -> None:
    """Nor does a lost answer."""
    made = await world.drives.run(ANN, put("a.txt"))
    await world.google.fault("google.drive.permissions.create", "after")
    await world.google.fault("google.drive.permissions.delete", "after")

    def work(drive: Drive) -> None:
        drive.share(made.id)
        drive.share(made.id)
        drive.unshare(made.id)
        drive.unshare(made.id)

    await world.drives.run(ANN, work)
    assert (await world.google.files(AMY))[0]["shared"] == {}


async def test_an_organisation_that_forbids_links_is_named_as_the_reason(world: World) -> None:
    """Nobody is told to try again."""
    made = await world.drives.run(ANN, put("a.txt"))
    await world.google.act("link_sharing", account=AMY, on=False)
    with pytest.raises(DriveRefused) as caught:
        await world.drives.run(ANN, lambda drive: drive.share(made.id))
    assert caught.value.code == "sharing_forbidden"


async def test_what_is_not_there_is_not_shared(world: World) -> None:
    """And that is said."""

    def work(drive: Drive) -> None:
        gone = drive.new_file_id()
        for ask in (drive.share, drive.unshare, drive.is_shared):
            with pytest.raises(DriveRefused) as caught:
                ask(gone)
            assert caught.value.code == "file_gone"

    await world.drives.run(ANN, work)
