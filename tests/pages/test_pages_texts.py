"""In which language a page speaks, and how it says when something was."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from markupsafe import Markup
from starlette.requests import Request

from config.languages import LANGUAGES
from web.site.frame import Frame, answer
from web.site.texts import LANGUAGE_COOKIE, Texts, language_of_browser, texts_of, zone_of

NOW = datetime(2026, 11, 29, 6, 32, tzinfo=UTC).timestamp()  # 14:32 in Taiwan
MINUTE, DAY = 60.0, 86400.0


def request_of(query: str = "", **headers: str) -> Request:
    """Somebody asks for the page."""
    return Request(
        {
            "type": "http",
            "method": "GET",
            "path": "/settings/google",
            "query_string": query.encode(),
            "headers": [(name.lower().encode(), text.encode()) for name, text in headers.items()],
        }
    )


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        *(
            (said, "zh_Hant")
            for said in ("zh-TW,zh;q=0.9,en;q=0.8", "zh-HK", "ja,zh-TW;q=0.8,en;q=0.5")
        ),
        *(
            (said, "zh_Hans")
            for said in ("zh", "zh-CN,zh;q=0.9", "en;q=0.5,zh-Hans;q=0.9", "de,zh;q=0.1")
        ),
        *(
            (said, "en")
            for said in ("", "*", "de", "en-US,zh;q=0.9", "zh;q=0", "zh;q=x", ";;,,q=1")
        ),
        ("," * 100_000, "en"),
    ],
)
def test_the_language_is_what_the_browser_likes_best_of_ours(accepted: str, language: str) -> None:
    assert language_of_browser(accepted) == language


def test_a_language_that_was_chosen_stays_chosen() -> None:
    """By the link at the foot of a page, then by its cookie; whatever else is written there."""
    chosen = request_of("lang=zh-Hant&department=tanhae", **{"Accept-Language": "en"})
    assert texts_of(chosen).language == "zh_Hant"
    kept = answer(chosen, "").headers["Set-Cookie"]
    assert kept.startswith(f"{LANGUAGE_COOKIE}=zh_Hant;")
    assert texts_of(request_of(Cookie=f"{LANGUAGE_COOKIE}=zh_Hant")).language == "zh_Hant"
    strange = request_of("lang=../x", Cookie=f"{LANGUAGE_COOKIE}=<b>", **{"Accept-Language": "zh"})
    assert texts_of(strange).language == "zh_Hans"
    assert "Set-Cookie" not in answer(strange, "").headers


def test_links_to_other_languages_keep_where_one_is() -> None:
    frame = Frame.of(request_of("lang=en&department=tanhae&ask=revoke"))
    links = [address for _, _, address, _ in frame.languages()]
    assert links[0] == "/settings/google?department=tanhae&ask=revoke&lang=en"
    assert [is_this for _, _, _, is_this in frame.languages()] == [True, False, False]


@pytest.mark.parametrize(
    ("ago", "short", "full"),
    [
        (0, ("14:32", "14:32", "14:32"), ("Today 14:32", "今天 14:32", "今天 14:32")),
        (
            15 * 60 * MINUTE,
            ("yesterday 23:32", "昨天 23:32", "昨天 23:32"),
            ("Yesterday 23:32", "昨天 23:32", "昨天 23:32"),
        ),
        (
            26 * DAY,
            ("3 November", "11 月 3 日", "11 月 3 日"),
            ("3 November, 14:32", "11 月 3 日 14:32", "11 月 3 日 14:32"),
        ),
        (
            400 * DAY,
            ("25 October 2025", "2025 年 10 月 25 日", "2025 年 10 月 25 日"),
            ("25 October 2025, 14:32", "2025 年 10 月 25 日 14:32", "2025 年 10 月 25 日 14:32"),
        ),
    ],
)
def test_times_are_as_short_as_they_can_be(
    ago: float, short: tuple[str, ...], full: tuple[str, ...]
) -> None:
    """The year only where it is another; and each is exact for whoever reads by machine."""
    for language, shortly, fully in zip(LANGUAGES, short, full, strict=True):
        texts = Texts(language)
        for said, wanted in ((texts.short, shortly), (texts.full, fully)):
            found = said(NOW - ago, NOW)
            assert re.sub("<[^>]*>", "", found) == wanted
            assert re.search(r'datetime="20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ"', found)


def test_how_long_ago_is_said_in_one_unit() -> None:
    texts = Texts("en")
    said = [str(texts.ago(NOW - ago, NOW)) for ago in (-99, 30, 90, 3500, 3700, 30 * 3600, 3 * DAY)]
    wanted = ["just now", "just now", "1 min ago", "58 min ago", "1 hour ago", "1 day ago"]
    assert said == [*wanted, "3 days ago"]


@pytest.mark.parametrize(
    "name", ["", "../../etc/passwd", "Mars/Base", "\0", "a" * 5000, "Europe", "/"]
)
def test_a_zone_that_nobody_knows_is_the_usual_one(name: str) -> None:
    assert str(zone_of(name)) == "Asia/Taipei"


def test_a_zone_with_summer_time_is_right_on_both_sides_of_it() -> None:
    texts = Texts("en", zone_of("Europe/Paris"))
    winter, summer = (datetime(2026, month, 1, 12, tzinfo=UTC).timestamp() for month in (1, 7))
    assert [re.sub("<[^>]*>", "", texts.clock(at)) for at in (winter, summer)] == ["13:00", "14:00"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_values_are_text_and_markup_stays_what_it_is(language: str) -> None:
    """A name never becomes markup, nor a format, nor turns the sentence around it."""
    texts = Texts(language)
    hostile = "<b>&{0.__class__}\u202e"
    said = texts.tr("“{label}” is paired.", label=hostile)
    assert "&lt;b&gt;&amp;{0.__class__}" in said
    assert "\u202e" not in said
    assert "<i>x</i>" in texts.tr("“{label}” is paired.", label=Markup("<i>x</i>"))
    assert texts.label("({name})", name="<b>").strip("()（）") == "<b>"
    assert "\u2068" in texts.tr("“{label}” is paired.", label="\u05d0\u05d1")
