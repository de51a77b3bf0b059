"""What files without a name of their own are called, and those of an album: each another name."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.texts.filenames import with_number
from bot.uploads.jobs import JobFile, UploadJob
from bot.uploads.names import named
from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.person import Person
from tests.bot.upload_line import ANN, job
from tests.fixtures import RunningBot, StartBot
from tests.journeys import connect, md5_of, unfinished, until, until_struck

People = Callable[..., Person]
pytestmark = pytest.mark.one_way("on")
AMY = "amy@example.com"
MOMENT = {"date": 1893456000}
"""2030-01-01, midnight: as many as you like in one second."""
STAMP = "2030-01-01_00-00-00"
Sent = tuple[str, str, bool, str, tuple[int, int]]
"""Kind, own name, whether that was made, wish, place."""


async def names(google: GoogleControls) -> dict[str, str]:
    """By md5, of the files in Drive."""
    return {f["md5"]: str(f["name"]) for f in await google.files(AMY) if f["md5"]}


def called(*sent: Sent, taken: tuple[str, ...] = ()) -> list[str]:
    """What the files of one job are called."""
    files = (
        JobFile(
            **{"telegram_file_id": f"{place}{kind}", "kind": kind, "mime_type": "", "size": 1},
            **{"name": own, "own_name": own, "is_made": made, "wish": wish, "place": place},
        )
        for kind, own, made, wish, place in sent
    )
    return [file.name for file in named(job(ANN, 1, files=tuple(files)), taken).files]


def photo(number: int, wish: str = "", item: int = 0) -> Sent:
    """Without a name."""
    return "photo", f"photo_{STAMP}.jpg", True, wish, (number, item)


def film(number: int, wish: str = "", kind: str = "video") -> Sent:
    """Without a name."""
    return kind, f"{kind}_{STAMP}.mp4", True, wish, (number, 0)


def document(name: str, number: int, wish: str = "") -> Sent:
    """With one."""
    return "document", name, False, wish, (number, 0)


CASES: dict[str, tuple[list[Sent], list[str]]] = {
    "one": ([photo(1)], [f"photo_{STAMP}.jpg"]),
    "an album, as its parts came": (
        [photo(3), photo(1), film(2)],
        [f"photo_{STAMP}_1.jpg", f"video_{STAMP}_2.mp4", f"photo_{STAMP}_3.jpg"],
    ),
    "a live photo": (
        [photo(1), film(1, kind="live_photo")],
        [f"photo_{STAMP}.jpg", f"live_photo_{STAMP}.mp4"],
    ),
    "a live photo in an album": (
        [photo(1), film(1, kind="live_photo"), photo(2)],
        [f"photo_{STAMP}_1.jpg", f"live_photo_{STAMP}_1.mp4", f"photo_{STAMP}_2.jpg"],
    ),
    "several in one message": (
        [photo(1), photo(1, item=1)],
        [f"photo_{STAMP}_1.jpg", f"photo_{STAMP}_2.jpg"],
    ),
    "names of their own": (
        [document("a.pdf", 1), photo(2), document("a.pdf", 3)],
        ["a.pdf", f"photo_{STAMP}_2.jpg", "a.pdf"],
    ),
    "one wish for all": (
        [photo(1), photo(2, wish="Trip"), film(3), document("a.pdf", 4), document("b", 5)],
        ["Trip_1.jpg", "Trip_2.jpg", "Trip_3.mp4", "Trip_4.pdf", "Trip_5"],
    ),
    "the same wish twice": (
        [photo(1, wish="Trip"), photo(2, wish="Trip")],
        ["Trip_1.jpg", "Trip_2.jpg"],
    ),
    "a wish each": (
        [photo(1, wish="Sea"), photo(2, wish="Hill.jpg"), photo(3)],
        ["Sea.jpg", "Hill.jpg", f"photo_{STAMP}_3.jpg"],
    ),
    "a wish with an ending": (
        [photo(1, wish="Trip.JPG"), film(2)],
        ["Trip_1.jpg", "Trip_2.mp4"],
    ),
    "a wish with what is no ending": (
        [photo(1, wish="v1.2"), film(2)],
        ["v1.2_1.jpg", "v1.2_2.mp4"],
    ),
    "a live photo with the film's ending": (
        [photo(1, wish="trip.mp4"), film(1, wish="trip.mp4")],
        ["trip.jpg", "trip.mp4"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_each_file_of_a_job_has_a_name_that_tells_it_from_the_others(case: str) -> None:
    """In the order they were sent in."""
    sent, expected = CASES[case]
    assert called(*sent) == expected


def test_a_name_that_is_made_is_none_that_another_file_has() -> None:
    """And names of people's own, and wishes, are theirs as they are."""
    base, first, second = f"photo_{STAMP}.jpg", f"photo_{STAMP}_1.jpg", f"photo_{STAMP}_2.jpg"
    assert called(photo(1), taken=(base,)) == [second]
    assert called(photo(1), taken=(base, second)) == [f"photo_{STAMP}_3.jpg"]
    assert called(photo(1), photo(2), taken=(first,)) == [second, f"photo_{STAMP}_3.jpg"]
    assert called(document("a.pdf", 1), taken=("a.pdf",)) == ["a.pdf"]
    assert called(photo(1, wish="a"), taken=("a.jpg",)) == ["a.jpg"]


def test_a_number_stays_whole_however_long_the_name() -> None:
    """And so does the ending; 255 characters are a name's most."""
    name = with_number("x" * 251 + ".jpg", 10)
    assert name == "x" * 248 + "_10.jpg"
    assert len(with_number("好" * 300, 3)) == 255
    assert with_number("README", 2) == "README_2"


def test_jobs_of_before_keep_their_names() -> None:
    """They know nothing of numbers."""
    old = job(ANN, 1)
    assert named(old, {"1.bin"}) == old
    kept = UploadJob.model_validate(
        {
            **old.model_dump(mode="json"),
            "created_at": datetime(2026, 11, 1, tzinfo=UTC),
            "files": [
                {
                    **{"telegram_file_id": "a", "kind": "photo", "mime_type": "", "size": 1},
                    "name": "photo.jpg",
                }
            ],
        }
    )
    assert [file.name for file in named(kept).files] == ["photo.jpg"]


# In the chat


async def test_the_photos_of_an_album_have_distinct_names_in_its_order(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """Numbered from 1, with the time in front."""
    ann, photos = people(), [os.urandom(500) for _ in range(5)]
    await connect(ann, google, AMY)
    await ann.send_album([("photo", content, "") for content in photos])
    await ann.wait_for("5 of 5 files are in your Drive", timeout=20)
    found = await names(google)
    given = [found[md5_of(content)] for content in photos]
    for number, name in enumerate(given, 1):
        assert re.fullmatch(rf"photo_\d{{4}}-\d\d-\d\d_\d\d-\d\d-\d\d_{number}\.jpg", name), given


async def test_a_wish_in_an_albums_caption_names_all_of_it(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """With what follows it as the first one's description."""
    ann, contents = people(), [os.urandom(500) for _ in range(3)]
    await connect(ann, google, AMY)
    items: list[Any] = [("photo", content, "") for content in contents]
    await ann.send_album(items, "#name Trip\nto the sea")
    message = await ann.wait_for("3 of 3 files are in your Drive", timeout=20)
    assert "Trip_1.jpg" in message.text
    found = await names(google)
    assert [found[md5_of(c)] for c in contents] == ["Trip_1.jpg", "Trip_2.jpg", "Trip_3.jpg"]
    described = {f["name"]: f.get("description") for f in await google.files(AMY) if f["md5"]}
    assert described == {"Trip_1.jpg": "to the sea", "Trip_2.jpg": None, "Trip_3.jpg": None}


async def test_photos_of_one_second_have_distinct_names_also_over_a_restart(
    start_bot: StartBot, google: GoogleControls, people: People
) -> None:
    """Whether an earlier one has arrived, waits or has failed; a retry keeps its name."""
    ann, contents = people(), [os.urandom(500) for _ in range(4)]
    refusal = {"status": 403, "reason": "storageQuotaExceeded"}
    async with start_bot(WEB_PORT=0):
        await connect(ann, google, AMY)
        await ann.send_photo(contents[0], extra=MOMENT)
        await ann.wait_for("is in your Drive")
        await google.fault("google.upload.start", "status", **refusal, count=1)
        await ann.send_photo(contents[1], extra=MOMENT)
        full = await ann.wait_for("your Google Drive is full")
    async with start_bot(WEB_PORT=0) as bot:
        await ann.send_album([("photo", content, "") for content in contents[2:]])
        await ann.wait_for("2 of 2 files are in your Drive", timeout=20)
        await ann.send_photo(os.urandom(400), extra=MOMENT)
        await ann.wait_for(f"photo_{STAMP}_3.jpg (400 bytes) is in your Drive")
        await ann.tap("Try again", full)
        await ann.wait_for(f"photo_{STAMP}_2.jpg (500 bytes) is in your Drive")
        await until(lambda: not unfinished(bot.settings))
    found = await names(google)
    assert [found[md5_of(content)] for content in contents[:2]] == [
        f"photo_{STAMP}.jpg",
        f"photo_{STAMP}_2.jpg",
    ]


async def test_an_album_keeps_its_names_over_a_restart(
    start_bot: StartBot, google: GoogleControls, people: People
) -> None:
    """They were decided before anything of it was on its way."""
    ann, contents = people(), [os.urandom(500) for _ in range(3)]
    async with start_bot(WEB_PORT=0) as bot:
        await connect(ann, google, AMY)
        await google.fault("google.upload.start", "latency", seconds=60, count=1)
        await ann.send_album([("photo", content, "") for content in contents])
        await until_struck(google, "google.upload.start")
        [kept] = unfinished(bot.settings)
    await google.clear_faults()
    async with start_bot(WEB_PORT=0):
        await ann.wait_for("3 of 3 files are in your Drive", timeout=20, since=0)
    found = await names(google)
    assert [found[md5_of(content)] for content in contents] == [f.name for f in kept.files]
    assert [name[-6:] for name in (f.name for f in kept.files)] == ["_1.jpg", "_2.jpg", "_3.jpg"]
