"""The files the bot has put there: found, listed, changed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest

from drive import Drive, DriveFile, DriveRefused
from tests.drive.conftest import calls, put
from tests.security.kit import AMY, ANN, World


def md5_of(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


async def test_a_file_is_made_as_it_was_described(world: World) -> None:
    """With its description, in its folder; and its repr tells nobody what it is."""
    folder = await world.drives.run(ANN, lambda drive: drive.ensure_folder("Telegram"))
    body = {"parents": [folder], "description": "from the picnic", "mimeType": "text/plain"}
    made = await world.drives.run(ANN, put("a.txt", b"hello", **body))
    assert (made.name, made.size, made.md5) == ("a.txt", 5, md5_of(b"hello"))
    assert (made.folder_id, made.description) == (folder, "from the picnic")
    assert (made.mime_type, made.is_folder) == ("text/plain", False)
    assert made.created is not None
    assert await world.drives.run(ANN, lambda drive: drive.find(made.id)) == made
    assert "a.txt" not in repr(made)


# The same content


async def test_what_may_be_the_same_content_is_found_by_size(world: World) -> None:
    """The oldest first, in one request, whatever it is called; not what is in the bin."""
    first, second, other = [
        await world.drives.run(ANN, put(name, content))
        for name, content in (("a.txt", b"same"), ("b.txt", b"same"), ("c.txt", b"else"))
    ]
    await world.google.forget_calls()

    of_size = await world.drives.run(ANN, lambda drive: drive.files_of_size(4))
    assert await calls(world) == {"google.drive.files.list": 1}
    assert [file.id for file in of_size] == [first.id, second.id, other.id]
    assert [file.md5 == md5_of(b"same") for file in of_size] == [True, True, False]
    assert await world.drives.run(ANN, lambda drive: drive.files_of_size(5)) == []
    await world.google.act("trash", file_id=first.id)
    await world.google.act("trash", file_id=second.id)
    again = await world.drives.run(ANN, lambda drive: drive.files_of_size(4))
    assert [file.id for file in again] == [other.id]


async def test_a_file_whose_size_was_unknown_is_marked_afterwards(world: World) -> None:
    """And found from then on."""
    theirs = await world.google.act("own_file", account=AMY, name="mine", content="abc")
    made = await world.drives.run(ANN, put("a.txt", b"abc"))
    clear = {"appProperties": {"size": None}}

    def work(drive: Drive) -> tuple[list[DriveFile], list[DriveFile]]:
        drive.api.request("files.update", fileId=made.id, body=clear).execute(http=drive.http)
        before = drive.files_of_size(3)
        drive.mark_size(made.id, 3)
        return before, drive.files_of_size(3)

    before, after = await world.drives.run(ANN, work)
    assert before == []
    assert [file.id for file in after] == [made.id] != [theirs["id"]]


# Pages


async def test_files_come_newest_first_page_by_page(world: World) -> None:
    """Neither folders nor what is in the bin are among them."""
    folder = await world.drives.run(ANN, lambda drive: drive.ensure_folder("Telegram"))
    for number in range(5):
        await world.drives.run(ANN, put(f"{number}.txt", parents=[folder] if number > 3 else None))
    gone = await world.drives.run(ANN, put("gone.txt"))
    await world.drives.run(ANN, lambda drive: drive.trash(gone.id))

    def work(drive: Drive) -> list[list[str]]:
        pages, token = [], None
        while True:
            page = drive.files(token, 2)
            pages.append([file.name for file in page.files])
            if (token := page.next_page) is None:
                return pages

    assert await world.drives.run(ANN, work) == [["4.txt", "3.txt"], ["2.txt", "1.txt"], ["0.txt"]]
    inside = await world.drives.run(ANN, lambda drive: drive.files(folder_id=folder))
    assert [file.name for file in inside.files] == ["4.txt"]


async def test_a_search_finds_beginnings_of_words(world: World) -> None:
    """Whatever it does to a query."""
    for name in ("report 2026.pdf", "it's.txt"):
        await world.drives.run(ANN, put(name))

    def work(drive: Drive) -> list[list[str]]:
        searches = ("REP", "it's", "\\", "' or name != '")
        pages = [drive.files(search=search) for search in searches]
        return [[file.name for file in page.files] for page in pages]

    assert await world.drives.run(ANN, work) == [["report 2026.pdf"], ["it's.txt"], [], []]


async def test_a_page_that_has_lapsed_is_refused(world: World) -> None:
    """The list begins anew then."""
    with pytest.raises(DriveRefused) as caught:
        await world.drives.run(ANN, lambda drive: drive.files("rubbish"))
    assert caught.value.code == "drive_refused"


# Changes


async def test_a_file_is_renamed_moved_and_binned(world: World) -> None:
    """Each answers how it is now; moved to where it is already, nothing is asked."""
    made = await world.drives.run(ANN, put("a.txt"))

    def work(drive: Drive) -> None:
        assert drive.rename(made.id, "b'.txt").name == "b'.txt"
        folder = drive.ensure_subfolder("new").id
        assert drive.move(made.id, folder).folder_id == folder
        assert drive.move(made.id, folder).folder_id == folder
        assert drive.trash(made.id).trashed
        assert not drive.untrash(made.id).trashed
        drive.trash(folder)
        assert drive.untrash(made.id).trashed  # with its folder

    await world.drives.run(ANN, work)
    assert (await calls(world))["google.drive.files.update"] == 6


async def test_what_is_not_there_is_not_changed(world: World) -> None:
    """And that is said."""

    def work(drive: Drive) -> None:
        gone = drive.new_file_id()
        changes: list[Callable[[], object]] = [
            lambda: drive.rename(gone, "x"),
            lambda: drive.move(gone, "x"),
            lambda: drive.trash(gone),
            lambda: drive.untrash(gone),
        ]
        for change in changes:
            with pytest.raises(DriveRefused) as caught:
                change()
            assert caught.value.code == "file_gone"

    await world.drives.run(ANN, work)


async def test_a_file_is_not_moved_into_what_is_gone(world: World) -> None:
    """It stays where it was."""
    made = await world.drives.run(ANN, put("a.txt"))
    with pytest.raises(DriveRefused) as caught:
        await world.drives.run(ANN, lambda drive: drive.move(made.id, drive.new_file_id()))
    assert caught.value.code == "file_gone"
    assert (await world.google.files(AMY))[0]["parents"] == [made.folder_id]
