"""The bot's folders: made once, found again, nested."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from drive import Drive, DriveRefused, folders_in
from tests.drive.conftest import calls, put
from tests.security.kit import AMY, ANN, World


@pytest.mark.parametrize("name", ["Telegram", "a'b", "c\\d", "e\\'f", "報告 🎉", "' or name = 'x"])
async def test_a_folder_is_made_once_and_found_again(world: World, name: str) -> None:
    """Whatever its name does to a query."""
    first = await world.drives.run(ANN, lambda drive: drive.ensure_folder(name))
    again = await world.drives.run(ANN, lambda drive: drive.ensure_folder(name))
    assert first == again
    assert [file["name"] for file in await world.google.files(AMY)] == [name]


async def test_a_folder_of_the_users_own_is_not_taken(world: World) -> None:
    """drive.file does not even show it."""
    theirs = await world.google.act("own_file", account=AMY, name="Telegram", folder=True)
    ours = await world.drives.run(ANN, lambda drive: drive.ensure_folder("Telegram"))
    assert ours != theirs["id"]


async def test_a_folder_in_the_bin_is_made_anew(world: World) -> None:
    """Files would vanish with it."""
    first = await world.drives.run(ANN, lambda drive: drive.ensure_folder("Telegram"))
    await world.google.act("trash", file_id=first)
    assert await world.drives.run(ANN, lambda drive: drive.ensure_folder("Telegram")) != first


async def test_a_folder_whose_making_was_not_answered_is_made_once(world: World) -> None:
    """The retry meets the first try's result."""
    await world.google.fault("google.drive.files.create", "after")
    made = await world.drives.run(ANN, lambda drive: drive.ensure_folder("Telegram"))
    assert [file["id"] for file in await world.google.files(AMY)] == [made]


async def test_uploads_that_come_together_make_one_folder(world: World) -> None:
    """Whoever looks for it waits until it is there."""
    found = await asyncio.gather(
        *(world.drives.run(ANN, lambda drive: drive.ensure_folder("Telegram")) for _ in range(4))
    )
    assert len(set(found)) == 1
    assert len(await world.google.files(AMY)) == 1


async def test_a_list_that_lags_behind_makes_no_second_folder(world: World) -> None:
    """Drive's lists may not yet show what was made a moment ago."""
    made = await world.drives.run(ANN, lambda drive: drive.ensure_folder("Telegram"))
    await world.google.fault(
        "google.drive.files.list", "status", status=200, body={"files": []}, count=2
    )
    assert await world.drives.run(ANN, lambda drive: drive.ensure_folder("Telegram")) == made
    await world.google.act("delete", file_id=made)
    assert await world.drives.run(ANN, lambda drive: drive.ensure_folder("Telegram")) != made


# Nested


async def test_folders_are_listed_by_name_level_by_level(world: World) -> None:
    """Those in the bin, and the person's own, are not among them."""

    def work(drive: Drive) -> tuple[list[str], list[str], list[str]]:
        outer = drive.ensure_subfolder("photos")
        drive.ensure_subfolder("Archive")
        drive.trash(drive.ensure_subfolder("gone").id)
        drive.ensure_subfolder("b", outer.id)
        inner = drive.ensure_subfolder("A", outer.id)
        found = drive.all_folders()
        top, below, lowest = (
            [folder.name for folder in folders_in(found, parent_id)]
            for parent_id in ("", outer.id, inner.id)
        )
        return top, below, lowest

    await world.google.act("own_file", account=AMY, name="mine", folder=True)
    assert await world.drives.run(ANN, work) == (["Archive", "photos"], ["A", "b"], [])


async def test_a_folder_moved_into_one_of_the_persons_own_is_still_listed(world: World) -> None:
    """Its parent is none of the bot's."""
    theirs = await world.google.act("own_file", account=AMY, name="mine", folder=True)
    made = await world.drives.run(ANN, lambda drive: drive.ensure_subfolder("Telegram"))
    await world.google.act("move", file_id=made.id, parent=theirs["id"])
    assert [f.id for f in await world.drives.run(ANN, Drive.all_folders)] == [made.id]
    assert await world.drives.run(ANN, lambda drive: drive.ensure_folder("Telegram")) == made.id


async def test_a_folder_that_is_there_is_not_made_again(world: World) -> None:
    """In its own place; the same name elsewhere is another folder."""

    def work(drive: Drive) -> list[str]:
        outer = drive.ensure_subfolder("2026").id
        return [
            outer,
            drive.ensure_subfolder("2026").id,
            drive.ensure_subfolder("2026", outer).id,
            drive.ensure_subfolder("2026", outer).id,
        ]

    outer, again, inner, inner_again = await world.drives.run(ANN, work)
    assert (outer, inner) == (again, inner_again)
    assert outer != inner


async def test_a_path_is_made_once_whatever_is_lost_on_the_way(world: World) -> None:
    """The retry of each step meets the first try's result."""
    root = await world.drives.run(ANN, lambda drive: drive.ensure_folder("Telegram"))
    await world.google.fault("google.drive.files.create", "after", count=1)
    end = await world.drives.run(ANN, lambda drive: drive.ensure_path(root, ["2026", "11"]))
    assert end == await world.drives.run(ANN, lambda d: d.ensure_path(root, ["2026", "11"]))
    files = {file["id"]: file for file in await world.google.files(AMY)}
    assert len(files) == 3
    (year,) = files[end]["parents"]
    assert (files[end]["name"], files[year]["name"]) == ("11", "2026")
    assert files[year]["parents"] == [root]


async def test_known_folders_cost_no_request(world: World) -> None:
    """Until the file's own request says that they are gone."""

    def where(drive: Drive) -> str:
        root = drive.ensure_folder("Telegram", cached=True)
        return drive.ensure_path(root, ["2026"], cached=True)

    first = await world.drives.run(ANN, where)
    await world.google.forget_calls()
    assert await world.drives.run(ANN, where) == first
    assert await calls(world) == {}
    await world.google.act("delete", file_id=first)
    with pytest.raises(DriveRefused) as caught:
        await world.drives.run(ANN, lambda drive: drive.ensure_subfolder("x", where(drive)))
    assert caught.value.code == "file_gone"
    root = await world.drives.run(ANN, lambda drive: drive.ensure_folder("Telegram"))
    assert await world.drives.run(ANN, lambda drive: drive.ensure_path(root, ["2026"])) != first


async def test_a_file_put_into_a_known_folder_in_the_bin_says_so(world: World) -> None:
    """Drive takes it, and it would be gone with its folder."""
    folder = await world.drives.run(ANN, lambda drive: drive.ensure_folder("Telegram"))
    await world.google.act("trash", file_id=folder)
    assert (await world.drives.run(ANN, put("a.txt", parents=[folder]))).trashed


async def test_a_folder_is_looked_up(world: World) -> None:
    """None: in the bin, gone, or no folder."""

    def work(drive: Drive) -> str:
        found = drive.find_folder(outer.id)
        assert found is not None
        assert (found.name, found.link) == ("outer", outer.link)
        inner = drive.ensure_subfolder("inner", outer.id)
        drive.trash(outer.id)
        assert drive.find_folder(outer.id) is None
        assert drive.find_folder(inner.id) is None
        drive.untrash(outer.id)
        assert drive.find_folder(inner.id) is not None
        drive.delete(outer.id)
        assert drive.find_folder(inner.id) is None
        return drive.ensure_subfolder("x").id

    outer = await world.drives.run(ANN, lambda drive: drive.ensure_subfolder("outer"))
    await world.drives.run(ANN, work)
    file = await world.drives.run(ANN, put("a.txt"))
    assert await world.drives.run(ANN, lambda drive: drive.find_folder(file.id)) is None


async def test_in_a_folder_that_is_gone_there_is_nothing(world: World) -> None:
    """It is said, not guessed."""

    def work(drive: Drive) -> None:
        gone = drive.new_file_id()
        asked: list[Callable[[], object]] = [
            lambda: drive.ensure_subfolder("x", gone),
            lambda: drive.ensure_path(gone, ["x"]),
        ]
        for ask in asked:
            with pytest.raises(DriveRefused) as caught:
                ask()
            assert caught.value.code == "file_gone"

    await world.drives.run(ANN, work)


async def test_all_folders_are_told_wherever_they_are(world: World) -> None:
    """By name, but those in the bin."""

    def work(drive: Drive) -> list[str]:
        top = drive.ensure_subfolder("b")
        drive.ensure_subfolder("a", top.id)
        drive.trash(drive.ensure_subfolder("c", top.id).id)
        return [folder.name for folder in drive.all_folders()]

    assert await world.drives.run(ANN, work) == ["a", "b"]


async def test_a_folder_of_a_very_long_name_is_found_again(world: World) -> None:
    """Names in Drive have any length, and addresses have not: the question goes into the body."""
    name = "長" * 3000
    first = await world.drives.run(ANN, lambda drive: drive.ensure_folder(name))
    assert await world.drives.run(ANN, lambda drive: drive.ensure_folder(name)) == first
    assert len(await world.google.files(AMY)) == 1


@pytest.mark.parametrize(
    "text", ["\ud800", "a' or 'b", "\\", "x" * 5000, "\x00", "' in parents or '"]
)
async def test_whatever_is_searched_for_is_one_string(world: World, text: str) -> None:
    """Quoted for the search language; nothing of it is part of the question."""
    await world.drives.run(ANN, put("other.txt"))
    assert (await world.drives.run(ANN, lambda drive: drive.files(search=text))).files == ()
    name = text.replace("\ud800", "")
    found = await world.drives.run(ANN, lambda drive: drive.ensure_subfolder(name))
    assert found.id
