"""Each state of each of the console's pages, in each language: whole, translated, strict."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from typing import get_args

import pytest

from config.languages import LANGUAGES
from departments.clients.alarms import SUSPICIONS
from security.logs.schema import OPERATOR_FAULTS
from security.maintenance.incidents import CLOCK_SKEW, HOLD, OUTAGE, SWEEP_FAILED
from security.storage.events import ACTIONS
from tests.console.demo import ALARMS, INCIDENTS, MOMENT, NOW, PAGES
from tests.pages.kit import Html, frame_of
from web.console.charts import Scale, left_chart, line_chart, spark, sweep_chart
from web.console.pages import render_console, render_console_live
from web.console.views import GROUPS, Copies, News, Page
from web.console.words import Words
from web.site.texts import Texts

INJECTED = "<b onclick=x>'\"&amp;{{7*7}}{0}"


@cache
def every_page(language: str) -> dict[str, tuple[str, Html]]:
    """By its name, each page, and what is in it."""
    made = {}
    for state, page in PAGES.items():
        path = "/console" if page.name == "overview" else f"/console/{page.name}"
        text = render_console(page, frame_of(language, path))
        made[state] = text, Html(text)
    return made


def test_every_state_is_shown() -> None:
    """Whatever may be told of is in the demonstration."""
    names = {page.name for page in PAGES.values()}
    assert names == {"overview", "incidents", "quarantine", "processes", "computers", "audit"}
    assert {page.news for page in PAGES.values()} == set(get_args(News))
    assert set(ALARMS) == set(SUSPICIONS)
    assert {*OPERATOR_FAULTS, HOLD, OUTAGE, SWEEP_FAILED, CLOCK_SKEW} <= {*INCIDENTS}


@pytest.mark.parametrize("language", LANGUAGES)
def test_pages_are_whole_and_in_their_language(language: str) -> None:
    """`lang` picks the shapes of characters, each id is there once, and each reference leads on."""
    for name, (text, page) in every_page(language).items():
        (html,) = page.all("html")
        assert html.attributes == {"lang": language.replace("_", "-")}
        assert len(page.all("h1")) == len(page.all("main")) == 1, name
        ids = [one.attributes["id"] for one in page.elements if "id" in one.attributes]
        assert len(ids) == len(set(ids)), name
        live = [
            one.attributes["data-live"] for one in page.elements if "data-live" in one.attributes
        ]
        assert len(live) == len(set(live)), name
        for element in page.elements:
            for reference in ("for", "aria-labelledby", "aria-describedby"):
                assert set(element.attributes.get(reference, "").split()) <= set(ids), name
        assert "{" not in re.sub(r'="[^"]*"', "", text), name
        assert page.stray_gaps == [], name


@pytest.mark.parametrize("language", LANGUAGES)
def test_pages_ask_for_nothing_that_the_policy_forbids(language: str) -> None:
    """No style and no script in the markup, no handler, and nothing from elsewhere."""
    for name, (_, page) in every_page(language).items():
        for element in page.elements:
            assert "style" not in element.attributes, name
            assert element.tag != "style"
            assert not any(attribute.startswith("on") for attribute in element.attributes), name
            for attribute in ("src", "href", "action"):
                address = element.attributes.get(attribute, "/")
                assert re.match(r"/(?!/)|#", address), (name, address)


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_changes_something_is_a_form_with_the_sessions_token(language: str) -> None:
    """Whatever it deletes for good is typed; what only leads somewhere is a link."""
    for name, (_, page) in every_page(language).items():
        for form in page.all("form"):
            fields = {
                one.attributes.get("name"): one.attributes.get("value")
                for one in form.children
                if one.tag == "input"
            }
            if form.attributes["action"] == "/console/audit":
                assert form.attributes["method"] == "get"
                continue
            assert form.attributes["method"] == "post", name
            assert fields["csrf"] == "c" * 64, name
            if form.attributes["action"] == "/console/quarantine/purge":
                assert {"copy", "confirm"} <= fields.keys()
        primary = [one for one in page.elements if "primary" in one.classes]
        assert len(primary) <= 1, name


@pytest.mark.parametrize("language", [one for one in LANGUAGES if one != "en"])
def test_nothing_is_left_in_english(language: str) -> None:
    """But names, codes and commands."""
    english = every_page("en")
    for name, (_, mine) in every_page(language).items():
        theirs = english[name][1]
        for tag in ("h1", "h2", "button", "th", "label", "figcaption", "summary", "legend"):
            for one, other in zip(mine.all(tag), theirs.all(tag), strict=True):
                if "num" not in one.classes and re.search("[a-z]{3}", other.text):
                    assert one.text != other.text or one.children, (name, tag, one.text)


def test_a_sign_never_speaks_alone() -> None:
    """A word follows each."""
    for name, (text, _) in every_page("en").items():
        for found in re.finditer(
            r'<span class="sign[^"]*" aria-hidden="true">.*?</span></span>', text
        ):
            rest = re.sub(r"<[^>]*>", "", text[found.end() : found.end() + 400])
            assert rest.strip(), name


def test_what_comes_from_outside_becomes_no_markup() -> None:
    """Labels, machines' names and what was typed into the filter."""
    busy, audit = PAGES["busy"], PAGES["audit"]
    assert audit.trail is not None
    pages = [
        replace(busy, computers=[replace(busy.computers[0], label=INJECTED, department=INJECTED)]),
        replace(busy, troubles=[replace(busy.troubles[0], label=INJECTED)]),
        replace(busy, processes=[replace(busy.processes[0], machine=INJECTED, version=INJECTED)]),
        replace(
            audit,
            trail=replace(audit.trail, asked=replace(audit.trail.asked, owner=INJECTED)),
            names=dict.fromkeys(audit.names, INJECTED),
        ),
    ]
    for page in pages:
        text = render_console(page, frame_of("en"))
        assert "<b onclick" not in text
        assert not any("onclick" in one.attributes for one in Html(text).elements)


@pytest.mark.parametrize("state", ["busy", "quiet", "empty", "first", "bad"])
def test_the_live_parts_are_those_of_the_page(state: str) -> None:
    """Whatever the script puts in its place is as the page has it."""
    frame = frame_of("zh_Hant", "/console")
    page, live = (
        {
            one.attributes["data-live"]: one.text
            for one in Html(made).elements
            if "data-live" in one.attributes
        }
        for made in (
            render_console(PAGES[state], frame),
            f"<div>{render_console_live(PAGES[state], frame)}</div>",
        )
    )
    assert page == live
    assert len(page) > 1


def test_every_action_and_filter_has_words() -> None:
    """Each action is shown by one filter besides "all" at least."""
    words = Words(Texts("en"))
    assert all(words.group(group) for group in GROUPS)
    shown = {action for actions in GROUPS.values() for action in actions or ()}
    assert shown == set(ACTIONS)
    without = {action for action in ACTIONS if not words.action(action)}
    assert not without, f"web/console/words.py has no words for {without}"


@pytest.mark.parametrize("state", ["empty", "no_incidents", "quarantine"])
def test_where_there_is_no_bot_nobody_is_sent_to_one(state: str) -> None:
    """Where ADMIN_USER_IDS names nobody."""
    frame = frame_of("en", "/console")
    assert "the bot" in render_console(PAGES["empty"], frame)
    said = render_console(PAGES[state], replace(frame, by_chat=False))
    assert "the bot" not in said
    assert "Telegram" not in said


def test_a_hold_is_told_of_by_its_rule() -> None:
    """It may be about one credential alone, and not all of it clears by itself."""
    words = Words(Texts("en"))
    one, many = words.incident("on_hold", 1), words.incident("on_hold", 12)
    assert one.title.startswith("1 credential is on hold")
    assert many.title.startswith("12 credentials are on hold")
    assert "until they are authorised again" in many.meaning


# Charts


@pytest.mark.parametrize(
    ("most", "steps", "marks"),
    [
        (0, 3, [3, 2, 1, 0]),
        (1, 2, [2, 1, 0]),
        (7, 2, [8, 4, 0]),
        (1255, 3, [1500, 1000, 500, 0]),
        (136, 2, [160, 80, 0]),
        (99_999, 2, [100_000, 50_000, 0]),
        (14.6, 1, [20, 0]),
    ],
)
def test_a_scale_has_round_numbers_and_holds_everything(
    most: float, steps: int, marks: list[int]
) -> None:
    """And its marks are whole."""
    scale = Scale.to(most, steps)
    assert scale.marks == marks
    assert scale.y(0) == scale.height
    assert scale.y(scale.top) == 0


def test_bars_stand_on_the_base_and_within_the_drawing() -> None:
    """One upon the other, each as tall as its count."""
    fleet = PAGES["busy"].fleet
    assert fleet is not None
    for bar in (*left_chart(fleet.bins, 15).bars, *sweep_chart(fleet.hours).bars):
        assert 0 <= bar.x < bar.x + bar.width <= 576
        assert 0 <= bar.y < bar.y + bar.height <= 121
    assert left_chart(fleet.bins, 15).lead == 144
    assert [bar.kind for bar in left_chart(fleet.bins, 15).bars][:3] == ["b2", "b2", "b0"]
    assert left_chart([], 15).bars == sweep_chart([]).bars == []


def test_a_line_has_a_gap_where_nothing_is_known() -> None:
    """And names the hour with the fewest."""
    fleet = PAGES["busy"].fleet
    assert fleet is not None
    chart = line_chart(fleet.hours)
    assert chart.path.count("M") == 2
    assert chart.fewest is not None
    assert chart.fewest.minutes_left == 6.2
    low = line_chart([replace(hour, minutes_left=3.0) for hour in fleet.hours])
    assert 0 < low.lead < low.scale.y(3)  # the dashed line is within the drawing
    nothing = line_chart([replace(hour, minutes_left=None) for hour in fleet.hours])
    assert (nothing.path, nothing.fewest) == ("", None)


def test_small_bars_say_each_number() -> None:
    """Days without use have none; today's is marked where there is an alarm."""
    made = spark([0, 5, 0, 10], is_alarmed=True)
    assert [bar.kind for bar in made.bars] == ["b0", "b3"]
    assert made.counts == [0, 5, 0, 10]


def test_an_overview_counts_what_is_to_be_looked_at() -> None:
    """Incidents and lost departments, not what was set aside of people: they were told."""
    page = Page("overview", NOW, troubles=PAGES["busy"].troubles, copies=Copies(12, ()))
    assert page.to_do == 8
    assert MOMENT.timestamp() == NOW


def test_an_hours_figure_is_of_that_hour_and_of_whom_it_says() -> None:
    """It is not of the minute in which the hour begins; whoever is on hold has the least left."""
    pages = every_page("en")
    busy, bad = (pages[name][1].all("main")[0].text for name in ("busy", "bad"))
    assert "the least was 6, in the hour from 02:00" in busy
    assert "most in the hour from 02:00" in busy
    assert not re.search(r" at \d\d:\d\d", busy)
    assert "least left, on hold too" in bad
    assert "on hold too" not in busy
