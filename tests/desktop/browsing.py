"""What tests of the desktop's pages in Chromium share."""

from __future__ import annotations

from typing import Final, Literal

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page

from desktop.gate.entering import Entering
from tests.browser.kit import ARTEFACTS

_SMALL = """[...document.querySelectorAll("a, button, input:not([type=radio]), select, summary")]
  .filter((one) => one.checkVisibility() && !one.matches(".skip, [type=hidden]"))
  .map((one) => [one, one.getBoundingClientRect()])
  .filter(([, box]) => box.height < 43.5 || box.width < 43.5)
  .map(([one, box]) => `${one.outerHTML.slice(0, 80)}: ${box.width} x ${box.height}`)"""
_THEMES: Final[tuple[Literal["light", "dark"], ...]] = ("dark", "light")
_WIDTHS = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
_CROPPED = """[...document.querySelectorAll("main *")]
  .filter((one) => one.checkVisibility() && !one.closest(".vh, .sign, svg, progress"))
  .filter((one) => one.scrollWidth > one.clientWidth + 1 && one.clientWidth > 1)
  .map((one) => one.outerHTML.slice(0, 120))"""


async def look_at(page: Page, name: str) -> None:
    """On a phone and on a desk: nothing scrolls sideways, runs out of its place or is too small,
    and axe finds nothing, by day and by night. At 320 px, too: of a wide window enlarged four times
    that is left."""
    for width in (320, 1280, 360):
        await page.set_viewport_size({"width": width, "height": 800})
        scrolled, seen = await page.evaluate(_WIDTHS)
        assert scrolled == seen, (name, width)
        assert await page.evaluate(_SMALL) == [], (name, width)
        assert await page.evaluate(_CROPPED) == [], (name, width)
        if width != 320:
            await _keep(page, f"{name}-{width}")
    for theme in _THEMES:
        await page.emulate_media(color_scheme=theme)
        found = await Axe().run(page)
        assert found.violations_count == 0, f"{name}, {theme}: {found.generate_report()}"


async def _keep(page: Page, name: str) -> None:
    path = ARTEFACTS / "desktop" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    for theme in _THEMES:
        await page.emulate_media(color_scheme=theme)
        shown = path.with_name(f"{path.name}-{theme}.png")
        await page.screenshot(path=shown, full_page=True, animations="disabled")


async def enter(page: Page, entering: Entering) -> None:
    """By the file that leads there, and its one button."""
    await page.goto(entering.path.as_uri())
    await page.locator("main button").click()
    await page.locator(".foot").wait_for()
