"""Each state of each page, in each language: whole, translated, strict about what it asks for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import get_args

import pytest

import web.site
from config.languages import LANGUAGES
from tests.pages.demo import FINE, NOW, PAGES, STATES, page_of
from tests.pages.kit import Html, frame_of
from web.site.pages import (
    Leaving,
    Problem,
    render_link,
    render_live,
    render_problem,
    render_settings,
    render_sign_in,
)
from web.site.settings.views import CardState, Computer, News, Question, SettingsPage

TEMPLATES = sorted((Path(web.site.__file__).parent / "templates").glob("*.html"))
INJECTED = "<b onclick=x>'\"&amp;{{7*7}}{0}\u202e"


@cache
def every_page(language: str) -> list[tuple[str, Html]]:
    """Each page's name, and the page as it is read."""
    return [(name, Html(text)) for name, text in _rendered(language)]


def _rendered(language: str) -> Iterator[tuple[str, str]]:
    mine = frame_of(language)
    nobody = frame_of(language, "/console/enter/abc", signed_in=False)
    yield from ((state, render_settings(page_of(state), mine)) for state in PAGES)
    yield "link", render_link(nobody)
    for news in get_args(Leaving):
        yield f"sign in {news}", render_sign_in(nobody, news)
    for kind in get_args(Problem):
        yield f"{kind} of nobody", render_problem(nobody, kind, since=NOW)
        yield kind, render_problem(mine, kind)


def test_every_state_is_shown() -> None:
    """Whatever a card can be, the demonstration has it."""
    assert {card.state for card in STATES.values()} == set(get_args(CardState))
    assert {card.news for card in STATES.values()} == set(get_args(News))


@pytest.mark.parametrize("language", LANGUAGES)
def test_pages_are_whole_and_in_their_language(language: str) -> None:
    """`lang` picks the shapes of characters, each id is there once, and each reference leads on."""
    for name, page in every_page(language):
        assert page.source.startswith("<!doctype html>"), name
        (html,) = page.all("html")
        assert html.attributes == {"lang": language.replace("_", "-")}
        assert len(page.all("h1")) == len(page.all("main")) == len(page.all("title")) == 1, name
        ids = [one.attributes["id"] for one in page.elements if "id" in one.attributes]
        assert len(ids) == len(set(ids)), name
        for element in page.elements:
            for reference in ("for", "aria-labelledby", "aria-describedby"):
                assert set(element.attributes.get(reference, "").split()) <= set(ids), name
            if element.tag == "use":
                assert element.attributes["href"].removeprefix("#") in ids
        assert "{" not in re.sub(r'="[^"]*"', "", page.source), name
        assert page.stray_gaps == [], name


@pytest.mark.parametrize("language", LANGUAGES)
def test_pages_ask_for_nothing_that_the_policy_forbids(language: str) -> None:
    """No style and no script in the markup, no handler, and nothing from elsewhere."""
    for name, page in every_page(language):
        for element in page.elements:
            assert "style" not in element.attributes, name
            assert element.tag != "style"
            assert not any(attribute.startswith("on") for attribute in element.attributes), name
            for attribute in ("src", "href", "action"):
                address = element.attributes.get(attribute, "/")
                assert re.match(r"/(?!/)|#", address), (name, address)
            if element.tag == "script":
                assert element.text == ""
                assert element.attributes.keys() == {"src", "defer"}


def test_templates_hold_no_style_and_no_handler() -> None:
    """Not in a branch that no state reaches, either."""
    assert len(TEMPLATES) > 8
    for path in TEMPLATES:
        text = path.read_text("utf-8")
        found = re.search(r"\sstyle\s*=|<style|\son\w+\s*=|javascript:|\| *safe", text)
        assert not found, path.name


@pytest.mark.parametrize("language", LANGUAGES)
def test_one_thing_to_do_next_at_most(language: str) -> None:
    """Where everything wants to be pressed, nothing does; an open question comes first."""
    found = {}
    for name, page in every_page(language):
        primary = [one for one in page.elements if "primary" in one.classes]
        assert len(primary) <= 1, name
        found[name] = [one.text for one in primary]
    assert found["revoke"] == found["another"] == found["disable"] == []
    assert all(len(found[name]) == 1 for name in ("never", "lost", "on_hold", "link"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_changes_something_is_a_form_with_the_sessions_token(language: str) -> None:
    """But the sign-in link, which has no session yet; what only leads somewhere is a link."""
    for name, page in every_page(language):
        for form in page.all("form"):
            assert form.attributes["method"] == "post", name
            fields = {
                one.attributes.get("name"): one.attributes.get("value")
                for one in form.children
                if one.tag == "input"
            }
            if name == "link":
                assert form.attributes["action"] == "/console/enter/abc"
            else:
                assert fields["csrf"] == "c" * 64, name
            assert len([one for one in form.children if one.tag == "button"]) == 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_buttons_called_alike_name_their_thing_for_the_ear(language: str) -> None:
    """Whoever hears a list of buttons hears which is which."""
    for name, page in every_page(language):
        heard = [
            (one.text, one.attributes.get("href", ""))
            for one in page.elements
            if one.tag in ("button", "a") and "btn" in one.classes
        ]
        repeatable = [said for said, _ in heard if said != heard[0][0]]
        allowed = 1 if name == "empty" else 2  # one to add a computer in each of two cards
        assert all(repeatable.count(said) <= allowed for said in repeatable), (name, repeatable)


@pytest.mark.parametrize("language", LANGUAGES)
def test_whatever_is_put_into_a_page_stays_text(language: str) -> None:
    """Names, labels and addresses are other people's words."""
    card = replace(
        FINE,
        name=INJECTED,
        account=INJECTED,
        question=Question(INJECTED, INJECTED, INJECTED),
        computers=(Computer(INJECTED, INJECTED),),
    )
    text = render_settings(SettingsPage(NOW, (card,)), frame_of(language))
    page = Html(text)
    assert not any(
        attribute.startswith("on") for one in page.elements for attribute in one.attributes
    )
    assert "49" not in [one.text for one in page.elements]
    assert INJECTED.removesuffix("\u202e") in page.all("h2")[0].text


def test_the_words_of_the_specification_are_on_the_card() -> None:
    """A department that has just been authorised, and one that has not."""
    text = render_settings(page_of("just_now"), frame_of("zh_Hant"))
    page = Html(text)
    news = [one.text for one in page.elements if "notice" in one.classes]
    assert news[0].startswith("✓Google Drive 已授權（淡海）")
    states = [one.text for one in page.elements if "state" in one.classes]
    assert states == ["✓已授權", "✗未授權"]


def test_news_of_an_authorisation_that_is_not_there_are_not_shown() -> None:
    """An address can be written by anybody."""
    for card, news in (
        (STATES["never"], ["authorised"]),
        (FINE, ["revoked", "revoked_shared", "revoked_here", "not_connected"]),
    ):
        for said in get_args(News):
            shown = SettingsPage(NOW, (replace(card, news=said),))
            page = Html(render_settings(shown, frame_of("en")))
            notices = [one.text for one in page.elements if "notice" in one.classes]
            assert bool(notices) is (said not in ["", "looked", "look_busy", *news]), said


@pytest.mark.parametrize("language", LANGUAGES)
def test_live_parts_have_the_places_of_the_page(language: str) -> None:
    """Each has a key of its own, and the page has a place for it."""
    for state in STATES:
        page, live = (
            [one.attributes["data-live"] for one in Html(text).elements if one.is_live]
            for text in (
                render_settings(page_of(state), frame_of(language)),
                render_live(page_of(state), frame_of(language)),
            )
        )
        assert len(page) == len(set(page))
        assert set(live) == set(page), state


def test_the_page_of_an_absent_database_shows_nothing_of_anybody() -> None:
    """Nobody can be known to be an administrator then."""
    text = render_problem(frame_of("en", signed_in=False), "unavailable", since=NOW)
    page = Html(text)
    assert page.all("form") == page.all("nav") == []
    assert "14:32" in text


@pytest.mark.parametrize(
    ("language", "untrue"),
    [
        ("en", "PDF|[Qq]ueue|[Uu]ploads wait|go on by themselves"),
        ("zh_Hant", "PDF|排隊|上傳會等|自己繼續"),
        ("zh_Hans", "PDF|排队|上传会等|自己继续"),
    ],
)
def test_nothing_is_promised_that_is_not_there(language: str, untrue: str) -> None:
    """Computers send any file, also by a program of their owners', and keep what was refused."""
    for name, page in every_page(language):
        assert not re.search(untrue, page.all("main")[0].text), name
