"""What docs/desktop.md tells staff is what the page says: every sentence, in three languages."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Final, get_args

import pytest

from desktop.page.texts import Texts
from desktop.page.words import said_of
from desktop.sending.waits import Why
from tests.desktop.demo import REFUSED, SCENES
from tests.desktop.pictures import FOLDER, LARGEST, TAKEN
from tests.documents import ROOT
from tests.pages.clock import NOW

GUIDE: Final = (ROOT / "docs" / "desktop.md").read_text("utf-8")
SECTIONS: Final = dict(
    zip(("zh_Hant", "en", "zh_Hans"), re.split(r"(?m)^## .*\n", GUIDE)[1:], strict=True)
)
"""Language → what there is in it."""
TEMPLATES: Final = ROOT / "desktop" / "page" / "templates"
SENTENCES: Final = {
    "files.html": r'<p><b>\{\{ tr\("([^"]+)"',
    "news.html": r'<b>\{\{ tr\("([^"]+)"',
    "pair.html": r'role="alert">\{\{ tr\("([^"]+)"',
    "refusal.html": r'<h1>\{\{ tr\("([^"]+)"',
}
"""Template → what stops somebody, in it."""


def said(language: str) -> Iterator[str]:
    """Of a file, above the form, when pairing, and instead of the page."""
    texts = Texts(language)
    for scene in SCENES.values():
        for file in scene.files:
            if not file.hours_ago:
                live = file.live
                mono = time.monotonic()
                yield said_of(file.record, live, "淡海", texts, NOW, mono).word.striptags()
    for template, sentence in SENTENCES.items():
        for message in re.findall(sentence, (TEMPLATES / template).read_text("utf-8")):
            yield texts.tr(message, department="淡海").striptags()
    [again] = re.findall(r'tr\("(<b>[^"]+)"', (TEMPLATES / "pair.html").read_text("utf-8"))
    yield from re.findall("<b>(.+)</b>", texts.tr(again))


@pytest.mark.parametrize("language", SECTIONS)
def test_the_guide_has_a_row_for_everything_the_page_says(language: str) -> None:
    """By their first cells; a table's own heading is followed by a line of dashes."""
    rows = re.findall(r"(?m)^\| (.+?) \| .+ \| .+ \|$(?!\n\|-)", SECTIONS[language])
    assert {_plain(row) for row in rows} == {_plain(one) for one in said(language)}


@pytest.mark.parametrize("language", ["zh_Hant", "zh_Hans"])
def test_what_waits_is_said_in_one_register(language: str) -> None:
    """等待…, or 等待中：… where the reason is said."""
    rows = re.findall(r"(?m)^\| (等.+?) \| .+ \|$", SECTIONS[language])
    assert rows
    assert [row for row in rows if not row.startswith("等待")] == []


def _plain(sentence: str) -> str:
    """Without the marks around what was put in, and whatever the share is."""
    return re.sub("[\u2066-\u2069]", "", re.sub(r"\d+(?= ?%)", "…", sentence))


def test_the_demonstration_has_every_reason_to_wait_and_to_refuse() -> None:
    files = [file for scene in SCENES.values() for file in scene.files]
    assert {file.why for file in files} >= set(get_args(Why))
    assert {file.because for file in files} >= set(REFUSED)


def test_the_guide_is_the_same_in_its_languages() -> None:
    outlines = {
        language: re.findall(r"(?m)^(?:#+ |\||- |\d+\. |\*\*)", section)
        for language, section in SECTIONS.items()
    }
    assert outlines["en"] == outlines["zh_Hant"] == outlines["zh_Hans"]


def test_the_guides_pictures_are_there_and_small() -> None:
    """Each section has its own, in one order."""
    for language, section in SECTIONS.items():
        shown = re.findall(r"\(images/desktop/(\w+)/(\w+)\.webp\)", section)
        assert {of for of, _ in shown} == {language}
        there = list((FOLDER / language).iterdir())
        assert {name for _, name in shown} == set(TAKEN) == {path.stem for path in there}
        assert all(path.stat().st_size <= LARGEST for path in there)
    orders = [re.findall(r"desktop/\w+/(\w+)", section) for section in SECTIONS.values()]
    assert orders[0] == orders[1] == orders[2]
