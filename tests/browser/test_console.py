"""The operator's console in Chromium: every state, each language, narrow and wide, light and dark.

Screenshots are kept in test-artifacts/browser/pages/, beside those of the other pages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.kit import Visit, person
from tests.browser.test_pages import IN_REST, LANGUAGES, WIDTHS, look_at, walk
from tests.console.demo import PAGES
from tests.installed import needs
from tests.pages.server import Demo, served

pytestmark = needs("chromium")
ADDRESSES = tuple(f"/console?state={state}" for state in PAGES if not state.startswith("news_"))
FEW = ("/console?state=busy", "/console?state=wrong")


@pytest.fixture
def demo() -> Demo:
    return Demo()


@pytest.fixture
def address(demo: Demo) -> Iterator[str]:
    with served(demo) as found:
        yield found


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    with person(browser, "pages/console", locale="en-GB") as found:
        yield found


def test_the_console_fits_a_phone_and_can_be_used_by_everybody(
    browser: Browser, address: str
) -> None:
    """Two of its pages, which have most of what there is."""
    walk(browser, address, FEW, "zh-TW", 360, "dark")


@IN_REST
@pytest.mark.timeout(400)
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_state_of_the_console_fits_and_can_be_used_by_everybody(
    browser: Browser, address: str, language: str, width: int, theme: str
) -> None:
    """Nothing scrolls sideways, nothing is too small to be hit, and axe finds nothing."""
    walk(browser, address, ADDRESSES, language, width, theme)


@IN_REST
@pytest.mark.timeout(300)
def test_the_console_holds_at_320_pixels(browser: Browser, address: str) -> None:
    """WCAG 1.4.10: of a wide window enlarged four times that is left."""
    with person(browser, "pages/narrow-console", viewport={"width": 320, "height": 640}) as visit:
        for path in ADDRESSES:
            visit.chat.goto(address + path)
            look_at(visit.chat, path)


@IN_REST
def test_figures_are_fresh_and_a_half_typed_word_stays(
    demo: Demo, address: str, visit: Visit
) -> None:
    """Numbers change in place and silently; that something is wrong is said, once."""
    page = visit.chat
    demo.console = PAGES["quiet"]
    page.goto(f"{address}/console")
    expect(page.locator(".strip .n").first).to_have_text("1,186")
    busy = PAGES["busy"]
    assert busy.fleet is not None
    demo.console = replace(busy, fleet=replace(busy.fleet, fine=1185))
    with page.expect_response(re.compile("/console/live")):
        page.evaluate("look()")
    expect(page.locator(".strip .n").first).to_have_text("1,185")
    expect(page.locator("#said")).to_have_text("To look at: 3.")
    expect(page.get_by_role("heading", name="Open incidents")).to_be_visible()
    page.get_by_text("Purge…").first.click()
    field = page.get_by_role("textbox").first
    field.fill("u_k3")
    demo.console = PAGES["quiet"]
    with page.expect_response(re.compile("/console/live")):
        page.evaluate("look()")
    expect(field).to_have_value("u_k3")
    expect(field).to_be_focused()
