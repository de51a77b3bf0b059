"""`make pictures`: the README's picture of the settings page, as it is rendered now."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Final

from playwright.sync_api import ViewportSize, sync_playwright

from tests.browser.conftest import OPTIONS
from tests.documents import ROOT
from tests.installed import CHROMIUM
from tests.pages.demo import NOW, SECOND, STATES
from tests.pages.server import Demo, served
from web.site.settings.views import SettingsPage

PICTURE: Final = ROOT / "docs" / "images" / "settings.png"
SIZE: Final[ViewportSize] = {"width": 1000, "height": 800}


def main() -> None:
    """One department has just been authorised, the other has not."""
    done = replace(STATES["just_now"], computers=STATES["just_now"].computers[:2])
    demo = Demo()
    demo.pages["shown"] = SettingsPage(NOW, (done, SECOND))
    with served(demo) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        page = browser.new_page(viewport=SIZE, device_scale_factor=1.5, timezone_id="Asia/Taipei")
        page.goto(f"{address}/settings/google?state=shown&lang=zh_Hant")
        page.screenshot(path=PICTURE, full_page=True)
        browser.close()
    sys.stdout.write(f"{PICTURE.relative_to(ROOT)} is up to date\n")


if __name__ == "__main__":
    main()
