"""A sheet's page: each state in each language is whole, strict, and says what there is."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from typing import get_args

import pytest

from config.languages import LANGUAGES
from sheets.faults import KEEPS, WARNS
from tests.pages.clock import NOW, READER
from tests.pages.kit import Element, Html, frame_of
from tests.pages.sheet_demo import (
    CARD,
    FINE,
    FOUND,
    HELD,
    ODD,
    STATES,
    V2,
    V3,
    kept,
    lines,
    list_page,
    roster,
    sheet_page,
)
from web.console.words import Words
from web.site.sheets.assembling import Wishes, page_of
from web.site.sheets.pages import render_sheet, render_sheets
from web.site.sheets.views import News, State
from web.site.sheets.words import SheetWords
from web.site.texts import Texts

PATH = "/settings/sheets/tanhae/roster"
HEAVY = ("large", "full", "table")


@cache
def every_page(language: str) -> dict[str, Html]:
    """By its state."""
    frame = frame_of(language, PATH)
    states = [one for one in STATES if language == "en" or one not in HEAVY]
    made = {state: Html(render_sheet(sheet_page(state), frame)) for state in states}
    made["list"] = Html(render_sheets(list_page(""), frame))
    made["no sheets"] = Html(render_sheets(list_page("empty"), frame))
    return made


def cells(page: Html) -> list[Element]:
    """Of the grid's people."""
    (table,) = [one for one in page.all("div") if "month" in one.classes]
    return [one for one in table.children if one.tag == "td"]


def test_every_state_is_shown() -> None:
    """Whatever there can be is in the demonstration."""
    assert {sheet_page(state).line.state for state in STATES} == set(get_args(State))
    assert {sheet_page(state).news for state in STATES} == set(get_args(News))


@pytest.mark.parametrize("language", LANGUAGES)
def test_pages_are_whole_strict_and_in_their_language(language: str) -> None:
    """What changes something is a form with the session's token; nothing the policy forbids."""
    for name, page in every_page(language).items():
        ids = [one.attributes["id"] for one in page.elements if "id" in one.attributes]
        assert len(ids) == len(set(ids)), name
        assert len(page.all("h1")) == 1
        if name != "odd" and not name.startswith("odd"):
            assert "{" not in re.sub(r'="[^"]*"', "", page.source), name
        for one in page.elements:
            assert "style" not in one.attributes, name
            assert not any(attribute.startswith("on") for attribute in one.attributes), name
            for reference in ("for", "aria-labelledby", "aria-describedby"):
                assert set(one.attributes.get(reference, "").split()) <= set(ids), name
            for attribute in ("href", "action", "src"):
                assert re.match(r"/(?!/)|#", one.attributes.get(attribute, "/")), name
        for form in page.all("form"):
            fields = [one.attributes.get("name") for one in form.children]
            is_change = form.attributes["method"] == "post"
            assert is_change is ("csrf" in fields), name
        assert len([one for one in page.elements if "primary" in one.classes]) <= 1, name
        assert page.stray_gaps == [], name


@pytest.mark.parametrize("language", [one for one in LANGUAGES if one != "en"])
def test_nothing_is_left_in_english(language: str) -> None:
    """But names, codes and commands."""
    for name, mine in every_page(language).items():
        theirs = every_page("en")[name]
        for tag in ("h2", "button", "th", "label", "summary", "p", "option"):
            for one, other in zip(mine.all(tag), theirs.all(tag), strict=True):
                inside = other.text
                for code in (child for child in other.children if child.tag == "code"):
                    inside = inside.replace(code.text, "")
                if re.search("[a-z]{4}", inside) and not re.search("onclick|codes", inside):
                    assert one.text != other.text, (name, tag, one.text)


def test_a_cell_says_what_it_is_and_what_it_was() -> None:
    """By its class, and in words: what changed, what nothing knows, duty on a day of rest."""
    looks = {" ".join(one.text.split()): one.classes for one in cells(every_page("en")["fine"])}
    assert looks["changed, was 0505G, is changed特"] == ["l", "ch"]
    assert looks["changed, was 0905G, is changednothing"] == ["ch"]
    assert looks["changed, was 0625G, is changed?not known: 站訓"] == ["u", "ch"]
    assert looks["R(國)0905G"] == ["rs"]
    assert looks["休"] == ["r"]
    assert looks["1425G+2"] == []


def test_a_code_that_no_table_has_is_marked_and_listed() -> None:
    """Where there is a table: without one nobody knows."""
    page = sheet_page("fine")
    assert [(one.text, one.count, one.who) for one in page.unknown] == [
        ("站訓", 2, ("李以晴", "胡以晴")),
        ("0906", 1, ("羅以晴",)),
    ]
    without = page_of(replace(FINE, codes=None), Wishes(), NOW)
    assert [one.text for one in without.unknown] == ["站訓"]
    assert without.legend == ()


def test_what_is_held_is_decided_of_as_it_was_seen() -> None:
    """Its two forms name the version; keeping is offered first."""
    page = every_page("en")["held"]
    forms = [one for one in page.all("form") if "/keep" in one.attributes["action"]]
    forms += [one for one in page.all("form") if "/accept" in one.attributes["action"]]
    for form in forms:
        given = {
            one.attributes["name"]: one.attributes["value"]
            for one in form.children
            if one.tag == "input"
        }
        assert (given["period"], given["version"]) == ("2026-12", HELD)
    buttons = [one for form in forms for one in form.children if one.tag == "button"]
    assert ["primary" in one.classes for one in buttons] == [True, False]
    (notice,) = [one for one in page.elements if one.attributes.get("id") == "held"]
    assert "16 people (25 → 9, 64%)" in notice.text
    assert "胡以晴" in notice.text


def test_the_head_of_a_page_is_about_what_counts() -> None:
    """Also where what is held is looked at; and whom to share with is said once."""
    held, shown = (every_page("en")[state].all("main")[0].text for state in ("held", "held_shown"))
    assert "25 people · looked at" in held
    assert "25 people · looked at" in shown
    assert every_page("en")["never_read"].source.count(READER) == 1


def test_news_that_are_not_so_are_not_shown() -> None:
    """An address can be written by anybody."""
    for news in ("accepted", "kept"):
        made = page_of(FOUND["held"], Wishes(), NOW, news)
        page = Html(render_sheet(made, frame_of("en", PATH)))
        assert [
            one for one in page.elements if "good" in one.classes and "notice" in one.classes
        ] == []


def test_what_is_long_is_shown_in_parts_and_says_so() -> None:
    """230 people, 2,000 rows, 60 columns, hundreds of differences."""
    grid = page_of(FOUND["large"], Wishes(page=3), NOW).grid
    assert grid is not None
    assert (grid.part.first, grid.part.last, len(grid.people)) == (201, 230, 30)
    beyond = page_of(FOUND["large"], Wishes(page=99999), NOW).grid
    assert beyond == grid
    said = every_page("en")["table"].all("main")[0].text
    assert "Rows 1–200 of 2000." in said
    assert "And " in said
    assert "The first 40 of 60 columns." in every_page("en")["odd_table"].source
    assert len(every_page("en")["large"].source) < 200_000


def test_each_code_has_words_of_its_own() -> None:
    """Of faults, warnings and refusals; what is new says at least that something is wrong."""
    words, english = SheetWords(Texts("zh_Hant")), SheetWords(Texts("en"))
    page = sheet_page("every_fault")
    findings = (*page.faults, *sheet_page("every_warning").warnings)
    said = {one.code: words.finding(one, page.titles) for one in findings}
    assert said.keys() == KEEPS | WARNS
    assert len({one.title for one in said.values()}) == len(said)
    no_header = next(one for one in page.faults if one.code == "no_header")
    told = english.finding(no_header, page.titles)
    assert "“編號” or “員編” or “工號”, the days from 1 on" in told.meaning
    assert told.where == "Row 4 comes closest: it has no “編號” or “員編” or “工號”."
    codes = (
        *("sheet_not_shared", "sheet_not_found", "sheets_disabled", "sheet_not_google"),
        *("sheet_too_large", "key_missing", "invalid_request", "of another version"),
    )
    titles = {words.trouble(code, is_lasting=True).title for code in codes}
    assert len(titles) == len(codes)


def test_texts_of_a_sheet_stay_texts() -> None:
    """Names and cells are other people's: no markup, no format, no turning of what is beside."""
    for name in ("odd", "odd_table"):
        page = every_page("en")[name]
        assert "<b onclick" not in page.source
        assert "49" not in [one.text for one in page.elements]
        assert ODD in " ".join(one.text for one in page.all("bdi"))
    words = Words(Texts("en"))
    line = replace(lines("fault")[0], title=ODD)
    assert "<b onclick" not in words.sheet(line, ODD).title


def test_lists_say_how_each_sheet_stands() -> None:
    """With what is to be done: decide, share, mend."""
    page = every_page("en")["list"]
    rows = [" ".join(one.text.split()) for one in page.all("li") if "Look now" in one.text]
    assert len(rows) == len(CARD)
    by_state = dict(zip(CARD, rows, strict=True))
    assert "25 people · looked at 3 min ago · changed today 13:50" in by_state["fine"]
    assert "it lacks 16 people Look and decide" in by_state["held"]
    assert "No row of titles was found" in by_state["fault"]
    assert "is not shared" in by_state["unread"]
    assert "8 codes" in by_state["codes"]
    assert "2000 rows" in by_state["table"]


def test_versions_are_compared_by_their_own_kind() -> None:
    """Of two kinds nothing can be said; of the same two nothing is different."""
    assert sheet_page("other_kind").cannot_compare
    assert "These two versions are the same." in every_page("en")["same"].source
    assert "cannot be compared" in every_page("en")["other_kind"].source
    gone = page_of(
        replace(FINE, shown=kept(V3, roster(3)), before=kept(V2, roster(5))), Wishes(), NOW
    )
    assert gone.differences is not None
    assert [(one.kind, one.whole) for one in gone.differences.changes] == [
        ("went", (23, 8, 0)),
        ("went", (21, 10, 0)),
    ]
