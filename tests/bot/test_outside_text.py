"""Text from outside where it has to follow somebody else's rule: addresses, names, messages."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import ValidationError

from bot.preferences.folder_choices import FolderChoice
from bot.texts import questions
from bot.texts.catalogue import Texts
from bot.texts.filenames import shown_path, shown_text
from bot.uploads.jobs import job_id_of
from commands.output import show_table
from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.person import Person
from sandbox.server import Sandbox
from sandbox.telegram.formatting.text import found_entities
from security.credential import Owner
from security.storage.catalogue import NAME
from tests.bot.test_file_actions import AMY, arrived, drive_file
from tests.fixtures import RunningBot
from tests.journeys import connect

People = Callable[..., Person]
pytestmark = pytest.mark.one_way("on")
LONG = "x\u202e" * 5000


@pytest.mark.parametrize("name", [LONG, "a\nb", "<b>&</b>", "\u202egnp", "𝕏" * 4000, " "])
@pytest.mark.one_way
async def test_an_upload_into_a_folder_of_any_name_is_told(
    bot: RunningBot, sandbox: Sandbox, google: GoogleControls, people: People, name: str
) -> None:
    """Its owner has renamed it in Drive, which takes any name; a message holds 4096 characters."""
    ann = people()
    await connect(ann, google, AMY)
    await arrived(ann, "first.txt")
    folder = await drive_file(google, "Telegram")
    assert sandbox.google is not None
    found = sandbox.google.files.get(folder["id"])
    assert found is not None
    await ann.send("/folder")
    await ann.tap("Telegram", await ann.wait_for("The folders I have made"))
    await ann.tap("By date", await ann.wait_for("Inside “Telegram”"))
    await ann.wait_for("today:")
    found.name = name
    bot.services.core.upload_drives._api.cache_of.cache_clear()
    message = await arrived(ann, "second.txt", b"two")
    assert "\u202e" not in message.text
    await ann.send("/folder")
    await ann.wait_for("Your files go into the folder", since=message.id)


def test_a_name_that_turns_the_text_turns_nothing() -> None:
    """Overrides and isolates of Unicode, in any value; what is written from right to left stays."""
    texts = Texts("en")
    for turn in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f":
        assert texts.tr("{a}!", a=f"x{turn}y") == "xy!"
        assert turn not in texts.link(f"x{turn}y", "https://a.example/")
    assert texts.tr("{a}!", a="שלום") == "\u2068שלום\u2069!"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        *(("...", "..."), ("a/b", "a/b"), ("CON", "CON"), ("J.", "J."), ("  a \n b\t", "a b")),
        *(("x\u202ey", "xy"), ("\ud800", ""), ("", ""), ("y" * 300, "y" * 199 + "…")),
    ],
)
def test_what_is_shown_follows_no_rule_for_files(text: str, shown: str) -> None:
    """A person may be called "…", and may search for a slash."""
    assert shown_text(text) == shown


def test_a_path_is_shown_in_a_few_words() -> None:
    """Its ends are what people know it by."""
    assert shown_path(["a", "b"]) == "a / b"
    assert shown_path([*"abcdefgh"]) == "a / … / d / e / f / g / h"
    assert len(shown_path([LONG] * 100)) < 1000
    assert shown_path(["\u200b"]) == "?"


@pytest.mark.parametrize(
    "album", ["A/../b", "x" * 500, "Ab", "\u0661", "\ud800", " ", ":", "0" * 30]
)
def test_an_albums_name_becomes_a_documents_and_a_buttons(album: str) -> None:
    """Whatever Telegram calls it; digits stay what they were."""
    owner = Owner.user(2**52)
    job_id = job_id_of(owner, 1, album)
    assert NAME.fullmatch(job_id)
    assert len(f"uploads-cancel:{job_id}".encode()) <= 64
    assert job_id != job_id_of(owner, 1, f"{album}0")
    assert job_id_of(owner, 1, "13579") == f"{owner.key}-g13579"


@pytest.mark.parametrize("argument", ["1a_-", 'x"><b>', "a#b=c", "%41", "ü"])
def test_a_question_carries_its_argument_whatever_that_is(argument: str) -> None:
    """In an address, in an attribute of HTML."""
    bot: Any = SimpleNamespace(username="bot", id=7)
    html = questions.sign(bot, "https://t.me", "✏️", "rename", argument)
    address = html.removeprefix('<a href="').removesuffix('">✏️</a>')
    assert not set('"<>') & set(address)
    entity = SimpleNamespace(type="text_link", url=address.replace("&amp;", "&"), offset=0)
    asked = SimpleNamespace(from_user=SimpleNamespace(id=7), entities=[entity])
    message: Any = SimpleNamespace(reply_to_message=asked, get_bot=lambda: bot)
    assert questions.answered(message) == ("rename", argument)


@pytest.mark.parametrize("template", ["{x}", "{year.real}", "{0}", "{", "{year!r}", "a//b", "../x"])
def test_a_stored_template_that_is_none_is_not_believed(template: str) -> None:
    """It would end every upload in a KeyError."""
    with pytest.raises(ValidationError):
        FolderChoice(account="a", path=("Telegram",), template=template)
    assert FolderChoice(account="a", path=("Telegram",), template="{year}/x").template == "{year}/x"


def test_a_table_is_neither_markup_nor_orders_to_a_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What stands in a file may have been written by anybody."""
    show_table(
        "t", ("a",), [("\\[red]x[/red]",), ("\x1b[31mred\x07",), ("[link=https://a]b[/link]",)]
    )
    shown = capsys.readouterr().out
    assert "\\[red]x[/red]" in shown
    assert "[link=https://a]b[/link]" in shown
    assert "\x1b" not in shown
    assert "\x07" not in shown


@pytest.mark.parametrize(
    "name", ["/start.pdf", "(a)/stop", "Plan – /cancel", "a/b.pdf", "https://a.example/b"]
)
def test_a_name_is_no_command(name: str) -> None:
    """A tap on it would send it; what is copied stays as it was written."""
    t = Texts("en")
    for said in (t.tr("“{name}”", name=name), t.tr("{name}", name=t.link(name, ""))):
        assert [e for e in found_entities(said) if e["type"] == "bot_command"] == []
        assert said.replace("\u2060", "").strip("“”") == name
    assert t.tr("<code>{name}</code>", name=name) == f"<code>{name}</code>"
