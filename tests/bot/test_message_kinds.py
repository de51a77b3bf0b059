"""What a message may carry: every file arrives, and of what is none it is told plainly."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from telegram import Message

from bot.texts.filenames import incoming_file, incoming_files
from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.group import Group
from sandbox.clients.person import Person
from sandbox.clients.telegram_controls import TelegramControls
from tests.fixtures import RunningBot, StartBot
from tests.journeys import connect, md5_of
from upload import Target

People = Callable[..., Person]
AMY = "amy@example.com"
CHAT = {"id": 501, "type": "private", "first_name": "Ann"}


def medium(name: str = "a", **fields: Any) -> dict[str, Any]:
    """A file as Telegram shows it."""
    return {"file_id": name, "file_unique_id": name, "file_size": 5, **fields}


def picture(name: str, width: int = 640) -> dict[str, Any]:
    """One size of a picture."""
    return medium(name, width=width, height=360)


def film(name: str, **fields: Any) -> dict[str, Any]:
    """Something that moves."""
    return medium(name, width=640, height=360, duration=3, **fields)


def sticker(name: str, **flags: bool) -> dict[str, Any]:
    """A sticker."""
    shown = {"type": "regular", "width": 512, "height": 512, "is_animated": False}
    return medium(name, **{**shown, "is_video": False, **flags})


def paid(*media: dict[str, Any]) -> dict[str, Any]:
    """Media that were paid for, or not."""
    return {"star_count": 5, "paid_media": list(media)}


def message(**content: Any) -> Message:
    """A message of that content."""
    made = Message.de_json({"message_id": 7, "date": 1893456000, "chat": CHAT, **content}, None)
    assert made is not None
    return made


SIZES = [picture("small", 90), picture("photo")]
FILES: dict[str, tuple[dict[str, Any], list[tuple[str, str, str]]]] = {
    "photo": ({"photo": SIZES}, [("photo", "photo", "image/jpeg")]),
    "live photo": (
        {"photo": SIZES, "live_photo": film("film", mime_type="video/mp4", photo=SIZES)},
        [("photo", "photo", "image/jpeg"), ("film", "live_photo", "video/mp4")],
    ),
    "live photo alone": (
        {"live_photo": film("film", photo=SIZES)},
        [("photo", "photo", "image/jpeg"), ("film", "live_photo", "video/mp4")],
    ),
    "live photo without a picture": (
        {"live_photo": film("film")},
        [("film", "live_photo", "video/mp4")],
    ),
    "animation": (
        {"animation": film("a"), "document": medium("a")},
        [("a", "animation", "video/mp4")],
    ),
    "sticker": ({"sticker": sticker("a")}, [("a", "sticker", "image/webp")]),
    "animated sticker": (
        {"sticker": sticker("a", is_animated=True)},
        [("a", "sticker", "application/x-tgsticker")],
    ),
    "video sticker": ({"sticker": sticker("a", is_video=True)}, [("a", "sticker", "video/webm")]),
    "paid media": (
        {
            "paid_media": paid(
                {"type": "photo", "photo": SIZES},
                {"type": "video", "video": film("b", mime_type="video/quicktime")},
                {"type": "preview", "width": 5, "height": 5},
                {"type": "live_photo", "live_photo": film("c", photo=[picture("d")])},
            )
        },
        [
            ("photo", "photo", "image/jpeg"),
            ("b", "video", "video/quicktime"),
            ("d", "photo", "image/jpeg"),
            ("c", "live_photo", "video/mp4"),
        ],
    ),
    "paid media, not paid for": ({"paid_media": paid({"type": "preview"})}, []),
    "story": ({"story": {"id": 1, "chat": CHAT}}, []),
    "text": ({"text": "hello"}, []),
}


@pytest.mark.parametrize("what", FILES)
def test_every_file_of_a_message_is_found(what: str) -> None:
    """Also those that come two at a time, or as several items of one message."""
    content, expected = FILES[what]
    found = incoming_files(message(**content))
    assert [(file.file_id, file.kind, file.mime_type) for file in found] == expected
    assert len({(file.kind, file.item) for file in found}) == len(found)
    assert incoming_file(message(**content)) == next(iter(found), None)


ENDINGS: list[tuple[dict[str, Any], str]] = [
    ({"voice": medium(duration=3)}, "voice.ogg"),
    ({"voice": medium(duration=3, mime_type="audio/ogg")}, "voice.ogg"),
    ({"voice": medium(duration=3, mime_type="audio/mpeg")}, "voice.mp3"),
    ({"voice": medium(duration=3, mime_type="audio/mp4")}, "voice.m4a"),
    ({"voice": medium(duration=3, mime_type="audio/webm;codecs=opus")}, "voice.webm"),
    ({"voice": medium(duration=3, mime_type="audio/x-what")}, "voice.ogg"),
    ({"audio": medium(duration=3)}, "audio.mp3"),
    ({"audio": medium(duration=3, mime_type="audio/x-m4a")}, "audio.m4a"),
    ({"audio": medium(duration=3, mime_type="audio/x-flac")}, "audio.flac"),
    ({"audio": medium(duration=3, mime_type="audio/vnd.wave")}, "audio.wav"),
    ({"audio": medium(duration=3, mime_type="audio/amr")}, "audio.amr"),
    ({"video": film("a", mime_type="video/quicktime")}, "video.mov"),
    ({"video": film("a", mime_type="video/x-matroska")}, "video.mkv"),
    ({"video": film("a", mime_type="video/3gpp")}, "video.3gp"),
    ({"video_note": medium(length=240, duration=3)}, "video_note.mp4"),
    ({"animation": film("a"), "document": medium("a")}, "animation.mp4"),
    ({"animation": film("a", mime_type="image/gif"), "document": medium("a")}, "animation.gif"),
    ({"sticker": sticker("a")}, "sticker.webp"),
    ({"sticker": sticker("a", is_animated=True)}, "sticker.tgs"),
    ({"sticker": sticker("a", is_video=True)}, "sticker.webm"),
    ({"photo": SIZES}, "photo.jpg"),
    ({"document": medium(mime_type="application/pdf")}, "document.pdf"),
    ({"document": medium()}, "document"),
]


@pytest.mark.parametrize(("content", "expected"), ENDINGS)
def test_what_has_no_name_gets_one_with_its_ending(content: dict[str, Any], expected: str) -> None:
    """Whatever the system knows of types: without an ending a computer cannot open it."""
    file = incoming_file(message(**content))
    assert file is not None
    kind, _, rest = file.name.partition("_2030-01-01_00-00-00")
    assert f"{kind}{rest}" == expected


def test_both_parts_of_a_live_photo_get_their_endings() -> None:
    found = incoming_files(message(live_photo=film("film", photo=SIZES)))
    assert [file.name.rpartition(".")[2] for file in found] == ["jpg", "mp4"]


@pytest.mark.parametrize(
    "text", ["https://example.com/a.pdf", "see example.com, please", "http://drive.google.com/x y"]
)
async def test_a_link_is_told_that_nobody_fetches_it(
    bot: RunningBot, people: People, text: str
) -> None:
    """And what to do instead."""
    ann = people()
    await ann.send(text)
    said = await ann.wait_for("I do not fetch what a link leads to")
    assert "send it to me as a file" in said.text


async def test_words_are_no_link(bot: RunningBot, people: People) -> None:
    """Nor is an address that Google's page has led to, wherever it is brought."""
    ann = people()
    for text in ("hello", "what is this", "http://localhost/?state=s&code=c"):
        await ann.send(text)
        await ann.wait_for(lambda m: m.from_bot and "link" not in m.text)


TYPES: dict[str, tuple[str | None, str | None, str]] = {
    "as claimed": ("application/pdf", "a.txt", "application/pdf"),
    "parameters": ("text/plain; charset=utf-8", "notes.txt", "text/plain"),
    "parameters without a blank": ("text/html;charset=utf-8", "a.html", "text/html"),
    "capitals": ("Application/PDF", "a.pdf", "application/pdf"),
    "blanks": (" application/pdf ", "a", "application/pdf"),
    "anything": ("*/*", "a.pdf", "application/pdf"),
    "any picture": ("image/*", "a.png", "image/png"),
    "no slash": ("pdf", "a.pdf", "application/pdf"),
    "octets": ("application/octet-stream", "a.pdf", "application/pdf"),
    "other octets": ("binary/octet-stream", "a.PDF", "application/pdf"),
    "none": (None, "a.docx", DOCX := (
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    )),
    "empty": ("", "b.docx", DOCX),
    "Google's own": ("application/vnd.google-apps.folder", "a.pdf", "application/pdf"),
    "Google's own, in capitals": ("Application/Vnd.Google-Apps.Document", "a", ""),
    "a line more": ("text/plain\nX-Evil: 1", "a.csv", "text/csv"),
    "compressed": (None, "a.tar.gz", "application/gzip"),
    "compressed in one": (None, "a.tgz", "application/gzip"),
    "an address": (None, "http://x/a.html?b.pdf", "application/pdf"),
    "octets by the ending": ("*/*", "a.bin", "application/octet-stream"),
    "no ending": (None, "README", ""),
    "an unknown ending": (None, "a.qqzz", ""),
    "no name": (None, None, ""),
    "octets of nothing": ("application/octet-stream", "a", ""),
}  # fmt: skip


@pytest.mark.parametrize("what", TYPES)
def test_a_files_type_is_what_it_claims_or_else_what_its_ending_says(what: str) -> None:
    """Or it is left out, and Drive finds out."""
    claimed, name, expected = TYPES[what]
    fields = {"mime_type": claimed, "file_name": name}
    document = medium(**{key: value for key, value in fields.items() if value is not None})
    found = incoming_file(message(document=document))
    assert found is not None
    assert found.mime_type == expected
    told = Target("id", found.name, found.mime_type, "folder").body()
    assert told.get("mimeType") == (expected or None)


# In the chat


@pytest.mark.one_way("on")
async def test_both_the_picture_and_the_film_of_a_live_photo_arrive(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """Under one wish, in one message; alone and as a part of an album."""
    ann, moving, still = people(), os.urandom(3000), os.urandom(2000)
    await connect(ann, google, AMY)
    await ann.send_live_photo(moving, still, caption="#name trip.jpg\nto the sea")
    await ann.wait_for("2 of 2 files are in your Drive")
    files = {f["name"]: f for f in await google.files(AMY) if f["md5"]}
    assert {name: f["md5"] for name, f in files.items()} == {
        "trip.jpg": md5_of(still),
        "trip.mp4": md5_of(moving),
    }
    assert {f["description"] for f in files.values()} == {"to the sea"}
    await ann.send_album([("live_photo", os.urandom(4000), ""), ("photo", os.urandom(500), "")])
    await ann.wait_for("3 of 3 files are in your Drive", timeout=20)


@pytest.mark.one_way("on")
@pytest.mark.parametrize(
    ("flags", "ending"),
    [({}, ".webp"), ({"is_animated": True}, ".tgs"), ({"is_video": True}, ".webm")],
)
async def test_stickers_arrive_as_files(
    bot: RunningBot, google: GoogleControls, people: People, flags: dict[str, Any], ending: str
) -> None:
    """Pictures, animations and films."""
    ann, content = people(), os.urandom(1000)
    await connect(ann, google, AMY)
    await ann.send_sticker(content, **flags)
    await ann.wait_for("is in your Drive")
    [file] = [f for f in await google.files(AMY) if f["md5"]]
    assert file["md5"] == md5_of(content)
    assert file["name"].startswith("sticker_")
    assert file["name"].endswith(ending)


@pytest.mark.one_way("on")
@pytest.mark.parametrize(
    "content",
    [
        {"story": {"id": 1, "chat": CHAT}},
        {"paid_media": paid({"type": "preview", "width": 5, "height": 5, "duration": 5})},
        {"dice": {"emoji": "🎲", "value": 5}},
        {"contact": {"phone_number": "1", "first_name": "Bob"}},
        {"venue": {"location": {"latitude": 1, "longitude": 1}, "title": "a", "address": "b"}},
        {"game": {"title": "a", "description": "b", "photo": SIZES}},
        {"checklist": {"title": "a", "tasks": []}},
        {
            "poll": {
                **{"id": "1", "question": "a", "options": [], "total_voter_count": 0},
                **{"is_closed": False, "is_anonymous": True, "type": "regular"},
                **{"allows_multiple_answers": False, "allows_revoting": False},
                "members_only": False,
            }
        },
    ],
    ids=lambda content: str(next(iter(content))),
)
async def test_what_is_no_file_is_told_plainly(
    bot: RunningBot, people: People, content: dict[str, Any]
) -> None:
    """Nothing is passed over without a word."""
    ann = people()
    await ann.send("", extra=content)
    await ann.wait_for("cannot put this into a Drive")


def elsewhere(raw: dict[str, Any]) -> dict[str, Any]:
    """The same file, in a message of another chat."""
    origin = {"type": "hidden_user", "sender_user_name": "Bob", "date": 1893456000}
    return {"external_reply": {"origin": origin, "document": raw["document"]}}


@pytest.mark.one_way("on")
async def test_a_reply_to_a_file_of_another_chat_brings_that_file(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """With the words of the reply as a caption."""
    ann, bob, content = people(), people(502, "Bob"), os.urandom(700)
    await connect(ann, google, AMY)
    sent = await bob.send_document(content, "a.bin")
    await ann.send("#name b.bin", extra=elsewhere(sent.raw))
    await ann.wait_for("b.bin (700 bytes) is in your Drive")


@pytest.mark.one_way("on")
async def test_so_does_one_in_a_group_that_names_the_bot(
    start_bot: StartBot, google: GoogleControls, people: People
) -> None:
    """As a reply within the group does."""
    ann, bob, content = people(), people(502, "Bob"), os.urandom(700)
    await ann.open()
    async with TelegramControls(google.base_url) as telegram:
        number = await telegram.make_group("Depot", [501], told=False)
    async with Group(google.base_url, number) as group, start_bot(ALLOWED_CHAT_IDS=str(number)):
        await connect(ann, google, AMY)
        sent = await bob.send_document(content, "a.bin")
        by_ann = group.by(ann)
        await by_ann.send("/save@drivekeeper_sandbox_bot", extra=elsewhere(sent.raw))
        await by_ann.wait_for("a.bin is in Ann's Drive")
