"""Contrast, computed from tokens.css: text 4.5, what carries meaning without words 3 (WCAG 2.2)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

import looks
import web.site

SHARED: Final = Path(looks.__file__).parent / "static"
STYLES: Final = sorted(
    [*SHARED.glob("*.css"), *(Path(web.site.__file__).parent / "static").glob("*.css")]
)
TOKENS: Final = (SHARED / "tokens.css").read_text("utf-8")
SURFACES: Final = ("card", "paper", "sunk")
WASHES: Final = ("accent-wash", "good-wash", "bad-wash", "warn-wash", "hold-wash")
TONES: Final = ("accent", "good", "bad", "warn", "hold")
CHARTS: Final = ("c-refreshed", "c-transient", "c-operator", "c-set-aside")
_COLOUR: Final = re.compile(r"--([\w-]+):\s*#([0-9a-f]{6})\b")


def colours(theme: str) -> dict[str, str]:
    """Each custom property that is a colour."""
    light, dark = TOKENS.split("@media (prefers-color-scheme: dark)")
    found = dict(_COLOUR.findall(light))
    return {**found, **dict(_COLOUR.findall(dark))} if theme == "dark" else found


def luminance(colour: str) -> float:
    """https://www.w3.org/TR/WCAG22/#dfn-relative-luminance"""
    shares = (int(colour[at : at + 2], 16) / 255 for at in (0, 2, 4))
    red, green, blue = (s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio"""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_contrast_is_computed_as_the_standard_says() -> None:
    assert contrast("000000", "ffffff") == contrast("ffffff", "000000") == 21
    assert round(contrast("767676", "ffffff"), 2) == 4.54


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_can_be_read_where_it_stands(theme: str) -> None:
    found = colours(theme)
    pairs = [
        *((ink, ground) for ink in ("ink", "soft") for ground in (*SURFACES, *WASHES)),
        *((tone, ground) for tone in TONES for ground in (*SURFACES, f"{tone}-wash")),
        ("accent-ink", "accent"),
        *(("card", tone) for tone in TONES[1:]),  # in signs, and on buttons that are sure
    ]
    low = {pair: contrast(found[pair[0]], found[pair[1]]) for pair in pairs}
    assert {pair: ratio for pair, ratio in low.items() if ratio < 4.5} == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_what_means_something_without_words_can_be_seen(theme: str) -> None:
    """Borders of what can be pressed, and fills of charts."""
    found = colours(theme)
    pairs = [*(("edge", ground) for ground in SURFACES), *((fill, "card") for fill in CHARTS)]
    low = {pair: contrast(found[pair[0]], found[pair[1]]) for pair in pairs}
    assert {pair: ratio for pair, ratio in low.items() if ratio < 3} == {}


@pytest.mark.parametrize("path", STYLES, ids=lambda path: path.name)
def test_styles_ask_for_nothing_and_bring_no_colour_of_their_own(path: Path) -> None:
    """A new colour stands in tokens.css, where the tests above see it; print is black on white."""
    text = re.sub(r"/\*.*?\*/", "", path.read_text("utf-8"), flags=re.DOTALL)
    assert not re.search(r"url\(|@import|@font-face|data:", text)
    if path.name != "tokens.css":
        text = text.partition("@media print")[0]
        assert re.findall(r"#[0-9a-fA-F]{3,8}\b(?![\w-])(?=[;\s}])|\brgba?\(|\bhsl", text) == []
