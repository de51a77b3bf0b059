"""Names of files, whatever somebody calls one: harmless, readable, and theirs where they can be."""

from __future__ import annotations

import asyncio
import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from telegram import Update

from bot.texts.catalogue import Texts
from bot.texts.file_keyboards import short
from bot.texts.filenames import incoming_file
from bot.uploads.jobs import JobFile, UploadJob
from bot.uploads.texts import arrived
from bot.uploads.texts import upload as upload_texts
from drive.uploading.names import clean_name
from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.messages import Message
from sandbox.clients.person import Person
from sandbox.server import Sandbox
from sandbox.telegram.formatting.html import parse_html
from security.credential import Owner
from tests.bot.hostile_names import HOSTILE, LEGITIMATE
from tests.fixtures import StartBot
from tests.journeys import connect

ANN = Owner.user(501)
HIDDEN = re.compile(
    "[\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)
PIECES = [
    *(
        "/",
        "\\",
        "..",
        ".",
        " ",
        "\x00",
        "\n",
        "\t",
        "\x7f",
        "\u202e",
        "\u2066",
        "\u200b",
        "\u200d",
    ),
    *("\ufeff", "\u3164", "\u0301", "\ud800", "\udc00", "\U000e0041", "\ufe0f", "\uffff", "\u3000"),
    *(
        "<b>",
        "</b>",
        "&amp;",
        "&#0;",
        "*",
        "_",
        "`",
        "[x](tg://user?id=1)",
        "{name}",
        "%s",
        "'",
        '"',
    ),
    *(
        "CON",
        "nul",
        "com1",
        "~",
        "$HOME",
        "|",
        ":",
        "a",
        "é",
        "檔",
        "शि",
        "👩",
        "🏴",
        "שלום",
        ".pdf",
    ),
]
ANY_NAME = st.one_of(
    st.text(st.characters(codec=None, exclude_categories=()), max_size=300),
    st.lists(st.sampled_from(PIECES), max_size=40).map("".join),
    st.tuples(st.sampled_from(PIECES), st.integers(1, 3000)).map(lambda pair: pair[0] * pair[1]),
)


def update_of(name: str | None) -> dict[str, Any]:
    """What Telegram sends of a document with this name."""
    ann = {"id": 501, "is_bot": False, "first_name": "Ann", "language_code": "en"}
    document = {"file_id": "id", "file_unique_id": "unique", "mime_type": "application/pdf"}
    return {
        "update_id": 1,
        "message": {
            **{"message_id": 7, "date": 1893456000, "from": ann},
            "chat": {"id": 501, "type": "private", "first_name": "Ann"},
            "document": document if name is None else {**document, "file_name": name},
        },
    }


def harmless(name: str) -> bool:
    """A name that no system takes for a folder, a device or nothing, and nobody for another."""
    categories = {unicodedata.category(char) for char in name}
    return (
        0 < len(name) <= 255
        and not categories & {"Cc", "Cs", "Zl", "Zp"}
        and not HIDDEN.search(name)
        and not set(name) & set("/\\")
        and name not in (".", "..")
        and name.strip() == name
        and not name.endswith(".")
        and not re.fullmatch(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?", name)
        and any(unicodedata.category(char)[0] in "LNPSC" for char in name)
        and not re.search(r"[\u0300-\u036f]{9}", name)
    )


def checked(name: str | None) -> str:
    """The name that a message's file gets; the messages about it can be sent."""
    update = Update.de_json(update_of(name), None)
    assert update.message is not None
    found = incoming_file(update.message)
    assert found is not None
    assert harmless(found.name), ascii(found.name)
    assert clean_name(found.name) == found.name  # stable: renamed to itself it stays
    file = JobFile(
        **{"telegram_file_id": "id", "kind": "document", "mime_type": found.mime_type, "size": 1},
        **{"name": found.name, "link": "https://drive.google.com/file/d/1"},
    )
    job = UploadJob(
        **{"id": "user_501-1", "owner": ANN, "chat_id": 501, "state": "queued", "reply_to": 7},
        **{"files": (file,), "created_at": datetime.now(UTC), "folder_name": found.name},
    )
    texts = Texts("en")
    for text, _ in (upload_texts.accepted(job, 0, texts), arrived.finished(job, texts)):
        shown, _entities = parse_html(text)
        assert found.name in shown
    return found.name


def test_a_thousand_hostile_names_come_out_harmless_and_can_be_shown() -> None:
    """The fixed ones: every message about them is Telegram's HTML, with the name whole in it."""
    assert len(set(HOSTILE)) >= 1000
    for name in HOSTILE:
        checked(name)


@settings(max_examples=150, deadline=None)
@given(ANY_NAME)
@example("\ufe00\u200c0")  # a joiner upon a mark upon nothing
def test_any_name_at_all_comes_out_harmless(name: str) -> None:
    """Whatever Unicode holds, and what JSON holds beside it."""
    checked(name)


@pytest.mark.parametrize("name", LEGITIMATE)
def test_a_name_in_any_script_stays_as_it_is(name: str) -> None:
    """Joined letters and signs, marks, flags, names from right to left, dots and spaces within."""
    assert checked(name) == name


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../etc/passwd", ".._.._etc_passwd"),
        ("C:\\Users\\ann\\report.pdf", "C:_Users_ann_report.pdf"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("a\u200bb\ufeff.pdf", "ab.pdf"),
        ("line\none.txt", "line one.txt"),
        ("report.pdf" + " " * 200 + ".exe", "report.pdf .exe"),
        ("  spaced. . ", "spaced"),
        ("CON", "_CON"),
        ("nul.tar.gz", "_nul.tar.gz"),
        ("COM¹", "_COM¹"),
        ("console.log", "console.log"),
        ("Z" + "\u0301" * 3000 + "algo.txt", "Z" + "\u0301" * 8 + "algo.txt"),
        ("x" * 300 + ".pdf", "x" * 251 + ".pdf"),
        ("👩\u200d🚀" * 100 + ".jpg", "👩\u200d🚀" * 83 + ".jpg"),
        ("e\u0301" * 200, "e\u0301" * 127),
        ("a\ud800b.txt", "ab.txt"),
        ("p\u200dd\u200cf.txt", "pdf.txt"),
        ("🏴" + "\U000e0041" * 50 + ".txt", "🏴.txt"),
    ],
)
def test_what_is_not_harmless_is_mended_and_stays_readable(sent: str, kept: str) -> None:
    assert checked(sent) == kept


@pytest.mark.parametrize(
    "name",
    [None, "", ".", "..", " . . ", "\u200b\u200d", "\u3164\u115f", "\u2800", "\x00", "\u0301"],
)
def test_a_name_of_nothing_is_made_of_kind_and_time(name: str | None) -> None:
    assert checked(name) == "document_2030-01-01_00-00-00.pdf"


async def _send(sandbox: Sandbox, person: Person, names: list[str]) -> list[Message]:
    """In albums of ten, by the sandbox's own door: names like these no phone sends."""
    assert sandbox.telegram is not None
    files = sandbox.telegram.files
    for number, name in enumerate(names):
        stored = files.register(files.store(b"%d" % number), "document")
        document = stored.as_json() | {"file_name": name}
        album = {"media_group_id": str(number // 10)}
        await person._send({**album, "extra": {"document": document}})
    async with asyncio.timeout(40):
        while True:
            shown = [message for message in person.messages() if "10 of 10" in message.text]
            if len(shown) == len(names) // 10:
                return shown
            await asyncio.sleep(0.05)


def _everything(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.mark.one_way
@pytest.mark.timing(album_end=4)  # a busy machine brings the parts one by one, too
async def test_hostile_names_on_their_whole_way(
    start_bot: StartBot,
    sandbox: Sandbox,
    google: GoogleControls,
    people: Callable[..., Person],
    tmp_path: Path,
) -> None:
    """From Telegram to Drive, its link and its message; no file anywhere is called by them."""
    # The sandbox, as Telegram does, sends "?" for half a pair.
    names = [re.sub("[\ud800-\udfff]", "?", name) for name in HOSTILE[:: len(HOSTILE) // 40][:40]]
    async with start_bot() as bot:
        ann = people()
        await connect(ann, google, "ann@example.com")
        before = _everything(tmp_path)
        done = await _send(sandbox, ann, names)
        files = [file for file in await google.files("ann@example.com") if file["md5"]]
        expected = [checked(name) for name in names]
        made = re.compile(r"document_\d{4}-.*")
        kept = Counter(name for name in expected if not made.match(name))
        assert Counter(f["name"] for f in files if not made.match(f["name"])) == kept
        assert len(files) == len(names)
        assert all(any(short(file["name"]) in message.text for message in done) for file in files)
        assert '"handler_failed"' not in bot.log.getvalue()
        strange = re.compile(r"(user_data|world)(/[\w.-]+)*")
        assert all(strange.fullmatch(name) for name in _everything(tmp_path) - before)
