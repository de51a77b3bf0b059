"""What Telegram limits in what the bot shows, with the longest that people and languages bring."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bot.commands import DESCRIPTION, SHORT_DESCRIPTION, command_menu
from bot.texts.catalogue import Texts
from bot.texts.file_keyboards import files_data
from bot.texts.questions import box
from bot.uploads.jobs import job_id_of
from config.languages import LANGUAGES
from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.person import Person
from security.credential import Owner
from tests.bot.hostile_names import HOSTILE
from tests.fixtures import RunningBot
from tests.journeys import connect
from tests.test_texts import _any_values, _messages

People = Callable[..., Person]
pytestmark = pytest.mark.one_way("off")
AMY = "amy@example.com"
LONGEST_ID = 2**52


def units(text: str) -> int:
    """Its length as Telegram's clients count it: UTF-16 code units."""
    return len(text.encode("utf-16-le", "replace")) // 2


def test_a_placeholder_has_one_to_64_characters_or_is_not_there() -> None:
    """Nor half of a sign at its end, whatever a file is called."""
    lengths = ["a" * 64, "a" * 65, "😀" * 64, "a" + "😀" * 64, "\u0301" * 99, "中" * 300]
    for placeholder in ["", " ", "\n", "a", *lengths, *HOSTILE]:
        shown = box(placeholder).to_dict().get("input_field_placeholder")
        assert (shown is None) is (not placeholder.strip()), placeholder
        if shown is not None:
            assert 1 <= units(shown) <= 64
            assert shown.strip() == shown
            assert shown.encode("utf-16-le").decode("utf-16-le") == shown


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_of_ours_fits_where_it_stands(language: str) -> None:
    """In each language: placeholders, descriptions, commands, toasts and messages."""
    texts = Texts(language)
    assert 1 <= units(texts.label("Name of the folder")) <= 64
    assert 1 <= units(texts.label(DESCRIPTION)) <= 512
    assert 1 <= units(texts.label(SHORT_DESCRIPTION)) <= 120
    for _, meaning in command_menu(is_admin=True):
        assert 1 <= units(texts.label(meaning)) <= 256
    for message in _messages(keywords=("label",)):
        label = texts.label(message, **_any_values(message))
        assert 1 <= units(label) <= 200
        assert units(str(box(label).input_field_placeholder or "x")) <= 64
    for message in _messages(keywords=("tr",)):
        assert units(texts.tr(message, **_any_values(message))) <= 1024


@pytest.mark.parametrize("search", ["", "x" * 4096, "中" * 999, "😀" * 99, "a\u0301" * 99])
def test_a_search_fits_into_a_button(search: str) -> None:
    """64 bytes, and no half of a sign."""
    assert 1 <= len(files_data(9999, search).encode()) <= 64
    files_data(9999, search).encode().decode()


@pytest.mark.parametrize("verb", ["upload-cancel", "uploads-cancel", "upload-rename", "group-link"])
def test_the_longest_job_fits_into_a_button(verb: str) -> None:
    """Of the highest numbers that Telegram gives to people, updates and albums."""
    owner = Owner.user(LONGEST_ID)
    for job in (job_id_of(owner, 2**31), job_id_of(owner, 1, "9" * 20)):
        assert len(f"{verb}:{job}".encode()) <= 64


async def test_questions_can_be_asked_whatever_a_file_is_called(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """Its name stands in the field for the answer; the sandbox refuses what Telegram refuses."""
    ann = people()
    await connect(ann, google, AMY)
    names: list[Any] = ["😀" * 60 + ".txt", "中" * 250 + ".txt", "a.txt"]
    for number, name in enumerate(names):
        await ann.send_document(b"x" * (50 + number), name)
        done = await ann.wait_for("in your Drive")
        await ann.tap("Rename", done)
        await ann.wait_for("What shall")
    for command, question in (("/get", "Which file shall I send"), ("/files", "Your files")):
        await ann.send(command)
        await ann.wait_for(question)
    await ann.tap("Search")
    await ann.wait_for("What is it called")
    assert "handler_failed" not in bot.log.getvalue()
