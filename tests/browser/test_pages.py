"""The pages for people, in Chromium: every state, each language, narrow and wide, light and dark.

Screenshots are kept in test-artifacts/browser/pages/. `make test-web` runs all of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import get_args

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, ViewportSize, expect

from tests.browser.kit import Visit, person
from tests.console.demo import PAGES as CONSOLE_PAGES
from tests.installed import needs
from tests.pages.demo import FINE, NOW, PAGES, SECOND, STATES
from tests.pages.server import Demo, served
from tests.pages.sheet_demo import STATES as SHEET_STATES
from web.site.pages import Problem
from web.site.settings.views import Card, SettingsPage

pytestmark = needs("chromium")
IN_REST = pytest.mark.one_way
ADDRESSES = (
    *(f"/settings/google?state={state}" for state in PAGES),
    "/console/enter/abc",
    *(f"/sign-in/{news}" for news in ("plain", "left", "left_everywhere", "over")),
    *(f"/problem/{kind}" for kind in get_args(Problem)),
)
CONSOLE = tuple(
    f"/console?state={state}" for state in CONSOLE_PAGES if not state.startswith("news_")
)
SHEET = "/settings/sheets/tanhae/roster"
SHEETS = (
    "/settings/sheets",
    "/settings/sheets?state=empty",
    *(f"{SHEET}?state={state}" for state in SHEET_STATES),
)
FEW = ("/settings/google?state=long", "/settings/google?state=pairing_two", "/sign-in/over")
FEW_OF_SHEETS = (f"{SHEET}?state=held", f"{SHEET}?state=odd")
FEW_OF_CONSOLE = ("/console?state=busy", "/console?state=wrong")
CUT = """() => [...document.querySelectorAll(".month:not(.many) td:not(.u) > bdi")]
    .filter((one) => one.getClientRects().length > 1).map((one) => one.textContent)"""
"""Codes of a roster that are on two lines."""
TOO_SMALL = """() => [...document.querySelectorAll("a, button, input, select, summary")]
    .filter((one) => one.type !== "hidden" && one.checkVisibility() && !one.closest(".skip"))
    .map((one) => [one, (one.closest(".tick") ?? one).getBoundingClientRect()])
    .filter(([, box]) => box.width < 44 || box.height < 44)
    .map(([one, box]) => `${one.outerHTML.slice(0, 80)}: ${box.width} x ${box.height}`)"""


@pytest.fixture
def demo() -> Demo:
    return Demo()


@pytest.fixture
def address(demo: Demo) -> Iterator[str]:
    with served(demo) as found:
        yield found


def look_at(page: Page, name: str, *, contrast: bool = True) -> None:
    """What every page keeps, with all that can be opened open.

    Args:
        contrast: of each text with what is behind it, too: most of the time that axe takes.
    """
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    widths = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    needed, given = page.evaluate(widths)
    assert needed == given, name
    assert page.evaluate(TOO_SMALL) == [], name
    # Options take the place of axe's own: of what it passes it would tell each element, which took
    # seven times as long.
    rules = {"color-contrast": {"enabled": contrast}}
    found = Axe().run(page, options={"resultTypes": ["violations"], "rules": rules})
    assert found.violations_count == 0, f"{name}: {found.generate_report()}"


Walk = Callable[..., None]


@pytest.fixture
def walk(browser: Browser, request: pytest.FixtureRequest, address: str) -> Walk:
    """`walk(pages, language, width, theme)`: look at pages in one language, at one width, in one
    theme. The pictures go into a folder of the test's own: others walk beside it."""
    folder = f"pages/{request.node.name}"

    def look_around(
        pages: tuple[str, ...], language: str, width: int, theme: str, *, contrast: bool = True
    ) -> None:
        size: ViewportSize = {"width": width, "height": 800}
        is_dark = theme == "dark"
        with person(browser, folder, viewport=size, dark=is_dark, locale=language) as visit:
            page = visit.chat
            for path in pages:
                page.goto(address + path)
                name = re.sub(r"\W+", "-", path.partition("=")[2] or path).strip("-")
                page.screenshot(path=visit.folder / f"{name}.png", full_page=True)
                look_at(page, f"{name} ({language}, {width} px, {theme})", contrast=contrast)

    return look_around


@pytest.mark.parametrize(
    ("pages", "language", "width", "theme"),
    [
        pytest.param(FEW, "zh-TW", 360, "light", id="pages"),
        pytest.param(FEW_OF_CONSOLE, "zh-TW", 360, "dark", id="console"),
        pytest.param(FEW_OF_SHEETS, "zh-CN", 360, "light", id="sheets"),
        pytest.param(FEW, "en-GB", 1280, "dark", marks=IN_REST, id="pages, wide"),
    ],
)
def test_pages_fit_and_can_be_used_by_everybody(
    walk: Walk, pages: tuple[str, ...], language: str, width: int, theme: str
) -> None:
    """A few of them, which have most of what there is."""
    walk(pages, language, width, theme)


EVERY = pytest.mark.parametrize(
    "pages",
    [
        pytest.param(ADDRESSES, id="pages"),
        pytest.param(CONSOLE, id="console"),
        pytest.param(SHEETS, id="sheets"),
    ],
)


@IN_REST
@pytest.mark.timeout(400)
@EVERY
@pytest.mark.parametrize(
    ("language", "width", "theme"),
    [
        *(("zh-TW", 360, "light"), ("zh-TW", 1280, "dark")),
        *(("zh-CN", 360, "dark"), ("zh-CN", 1280, "light")),
        *(("en-GB", 360, "light"), ("en-GB", 1280, "dark")),
    ],
)
def test_every_state_fits_and_can_be_used_by_everybody(
    walk: Walk, pages: tuple[str, ...], language: str, width: int, theme: str
) -> None:
    """Nothing scrolls sideways, nothing is too small to be hit, and axe finds nothing.

    Each language at each width, and in each theme; each width in each theme. Colours are the same
    in each language.
    """
    contrast = language == "zh-TW"
    walk(pages, language, width, theme, contrast=contrast)


@IN_REST
@EVERY
def test_pages_hold_at_320_pixels(visit: Visit, address: str, pages: tuple[str, ...]) -> None:
    """WCAG 1.4.10: of a wide window enlarged four times that is left."""
    visit.chat.set_viewport_size({"width": 320, "height": 640})
    for path in pages:
        visit.chat.goto(address + path)
        look_at(visit.chat, path, contrast=False)


def shown(demo: Demo, card: Card) -> None:
    """From now on the page of the state `fine` is this."""
    demo.pages["fine"] = SettingsPage(NOW, (card, SECOND))


def refresh(page: Page) -> None:
    """Have the page look for fresh figures, as it does every minute."""
    with page.expect_response(re.compile("/settings/google/live")):
        page.evaluate("look()")


@pytest.fixture
def visit(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Visit]:
    with person(browser, f"pages/{request.node.name}") as found:
        yield found


@pytest.mark.one_way
def test_figures_stay_fresh_and_leave_the_reader_alone(
    demo: Demo, address: str, visit: Visit
) -> None:
    """Focus, an open part, a half-filled field stay; a change of state is said, figures are not."""
    page = visit.chat
    page.goto(f"{address}/settings/google?state=fine")
    card = page.locator("#d-tanhae")
    card.get_by_text("Add a computer").click()
    card.get_by_label("Name").fill("Control r")
    shown(demo, replace(FINE, minutes_left=41))
    refresh(page)
    expect(card).to_contain_text("41 minutes left")
    expect(card.get_by_label("Name")).to_have_value("Control r")
    expect(card.get_by_label("Name")).to_be_focused()
    expect(page.locator("#said")).to_be_empty()
    revoke = card.get_by_role("link", name="Revoke…")
    revoke.focus()
    shown(demo, STATES["lost"])
    refresh(page)
    expect(revoke).to_be_focused()
    page.locator("#d-anping").get_by_text("Add a computer").focus()
    refresh(page)
    expect(page.locator("#said")).to_have_text("淡海: Needs authorising again")
    expect(card).to_contain_text("Google withdrew the authorisation")
    expect(page.locator("#d-anping summary").last).to_be_focused()


@IN_REST
def test_a_pairing_code_counts_down_and_says_when_it_is_used(
    demo: Demo, address: str, visit: Visit
) -> None:
    """The address beside it is copied by a button."""
    page = visit.chat
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.clock.install(time=0)
    page.clock.pause_at(1000)
    page.goto(f"{address}/settings/google?state=pairing")
    for clock, width in (("9:37", 577), ("9:36", 576)):
        page.clock.run_for(1000)
        expect(page.locator("[data-count]")).to_have_text(clock)
        assert float(page.locator(".pair .fill").get_attribute("width") or 0) == width
    page.get_by_role("button", name="Copy").first.click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == "https://drive.example.com"
    page.locator("h1").click()
    demo.pages["pairing"] = SettingsPage(NOW, (STATES["paired"], SECOND))
    page.locator("body").evaluate("document.activeElement.blur()")
    refresh(page)
    expect(page.locator("#d-tanhae .notice")).to_contain_text("“行控中心 3” is paired.")
    expect(page.locator("#said")).to_have_text("“行控中心 3” is paired.")


@IN_REST
def test_what_has_just_happened_has_the_focus_once(address: str, visit: Visit) -> None:
    """It is read out so; a live region that is there at load would not be."""
    page = visit.chat
    page.goto(f"{address}/settings/google?state=just_now")
    expect(page.locator(".notice.good")).to_be_focused()
    page.locator("h1").click()
    refresh(page)
    expect(page.locator(".notice.good")).not_to_be_focused()


@IN_REST
def test_a_button_that_was_pressed_shows_that_it_is_at_work(address: str, visit: Visit) -> None:
    """A sign soon, a sentence after three seconds; it can be pressed again all the while."""
    page = visit.chat
    page.clock.install(time=0)
    page.clock.pause_at(1000)
    page.goto(f"{address}/settings/google?state=lost")
    # The answer never comes; a browser that waits for one could not be looked at.
    page.evaluate("addEventListener('submit', (event) => event.preventDefault())")
    button = page.get_by_role("button", name="Authorise Google Drive again")
    button.click()
    page.clock.run_for(300)
    expect(button.locator(".sign.busy")).to_be_visible()
    expect(page.locator(".working")).to_be_empty()
    page.clock.run_for(2700)
    expect(page.locator(".working")).to_have_text(
        "Still at work. It goes on, even if you leave this page."
    )
    visit.picture("at-work")
    button.click()
    expect(page.locator(".working")).to_be_empty()
    page.evaluate("dispatchEvent(new Event('pageshow'))")
    expect(page.locator(".working")).to_have_count(0)


@IN_REST
def test_times_are_of_the_readers_own_zone(browser: Browser, address: str) -> None:
    """The server writes them; the browser has said which zone, and the page shows it at once."""
    context = browser.new_context(locale="en-GB", timezone_id="Europe/Paris")
    page = context.new_page()
    page.goto(f"{address}/settings/google?state=fine")
    since = page.locator("#d-tanhae time").first
    expect(since).to_have_text("3 November, 02:44")
    assert since.get_attribute("datetime") == "2026-11-03T01:44:00Z"
    page.reload()
    assert since.text_content() == "3 November, 02:44"
    context.close()


@IN_REST
def test_the_page_comes_back_with_the_database(browser: Browser, demo: Demo, address: str) -> None:
    """While it is away the page shows nothing of anybody, and tries again by itself."""
    context = browser.new_context(locale="en-GB", timezone_id="Asia/Taipei")
    page = context.new_page()
    page.goto(f"{address}/settings/google?state=fine")
    demo.is_away = True
    page.evaluate("void look()")  # not waited for: it goes to another page
    expect(page.locator("h1")).to_have_text("⚠The database does not answer")
    expect(page.get_by_text("every 10 seconds")).to_be_visible()
    assert "tanhae" not in page.content()
    demo.is_away = False
    page.evaluate("window.tryAgain && void tryAgain()")  # unless it has, by itself
    expect(page.locator("#d-tanhae")).to_be_visible()
    context.close()


@IN_REST
def test_without_script_nothing_is_missing_and_nothing_untrue(
    browser: Browser, address: str
) -> None:
    """No button that does nothing, no promise that nobody keeps."""
    with person(browser, "pages/plain", script=False) as visit:
        page = visit.chat
        page.goto(f"{address}/settings/google?state=pairing")
        expect(page.get_by_text("As of 14:32")).to_be_visible()
        expect(page.get_by_text("refreshed every minute")).to_be_hidden()
        expect(page.locator("[data-copyable] > button")).to_have_count(0)
        expect(page.get_by_role("button", name="Drop this code")).to_be_visible()
        page.locator("#d-tanhae").get_by_text("Add a computer").click()
        expect(page.locator("#d-tanhae").get_by_label("Name")).to_be_visible()
        page.get_by_role("link", name="简体中文").click()
        expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
        page.goto(f"{address}/settings/google")
        expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
        visit.picture("plain")


@IN_REST
@pytest.mark.parametrize("state", ["held", "full", "every_fault"])
def test_a_roster_is_printed_on_one_page(address: str, visit: Visit, state: str) -> None:
    """A4, across: what hangs in the office; 25 people, or 60."""
    page = visit.chat
    page.goto(f"{address}{SHEET}?state={state}")
    made = page.pdf(prefer_css_page_size=True, path=visit.folder / f"{state}.pdf")
    assert made.count(b"/Type /Page\n") + made.count(b"/Type /Page ") == 1
    assert re.search(rb"/MediaBox \[0 0 84[12][\d.]* 59[45]", made)
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 900, "height": 740})  # narrower yet
    assert page.evaluate(CUT) == []


@IN_REST
def test_headings_of_a_roster_stay_in_sight(address: str, visit: Visit) -> None:
    """However far one goes, down and aside."""
    page = visit.chat
    page.goto(f"{address}{SHEET}?state=full")
    page.locator(".month").evaluate("(box) => box.scrollTo(900, 1200)")
    box = page.locator(".month").bounding_box()
    assert box is not None
    for place in (page.locator(".month thead th").nth(20), page.locator(".month tbody th").nth(30)):
        found = place.bounding_box()
        assert found is not None
    corner = page.locator(".month .corner").bounding_box()
    assert corner is not None
    assert (round(corner["x"] - box["x"]), round(corner["y"] - box["y"])) in {(0, 0), (0, 1)}
