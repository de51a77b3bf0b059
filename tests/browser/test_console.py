"""The operator's console in Chromium: what its script does. test_pages.py looks at every state."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.kit import Visit, person
from tests.browser.test_pages import IN_REST
from tests.console.demo import PAGES
from tests.installed import needs
from tests.pages.server import Demo, served

pytestmark = needs("chromium")


@pytest.fixture
def demo() -> Demo:
    return Demo()


@pytest.fixture
def address(demo: Demo) -> Iterator[str]:
    with served(demo) as found:
        yield found


@pytest.fixture
def visit(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Visit]:
    with person(browser, f"pages/{request.node.name}", locale="en-GB") as found:
        yield found


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
    expect(page.locator("#said")).to_have_text("To look at: 8.")
    expect(page.get_by_role("heading", name="Open incidents")).to_be_visible()
    page.get_by_text("Purge…").first.click()
    field = page.get_by_role("textbox").first
    field.fill("u_k3")
    demo.console = PAGES["quiet"]
    with page.expect_response(re.compile("/console/live")):
        page.evaluate("look()")
    expect(field).to_have_value("u_k3")
    expect(field).to_be_focused()
