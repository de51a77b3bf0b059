"""`make pictures`: docs/desktop.md's pictures of the desktop's page, as it is rendered now."""

from __future__ import annotations

import asyncio
import io
import os
import sys
import tempfile
import time
from itertools import product
from pathlib import Path
from typing import Final

from PIL import Image
from playwright.async_api import Page, async_playwright

from tests.browser.conftest import OPTIONS
from tests.desktop.browsing import enter
from tests.desktop.demo import CLOUD, SCENES, shown
from tests.documents import ROOT
from tests.installed import CHROMIUM

FOLDER: Final = ROOT / "docs" / "images" / "desktop"
LARGEST: Final = 60_000
"""Bytes: every clone of the repository has them."""
_FILES: Final = "section:has(.files)"
TAKEN: Final = {
    "pair": "main .card",
    "empty": "main",
    "uploading": _FILES,
    "done": "main > [data-live=files]",
    "asleep": "main > [data-live=news]",
    "consent": _FILES,
    "failed": _FILES,
}
"""Which scenes, and what of each."""
LOCALES: Final = {"zh_Hant": "zh-TW", "en": "en-GB", "zh_Hans": "zh-CN"}


async def main() -> None:
    """On a light desk, in each language."""
    os.environ["TZ"] = "Asia/Taipei"
    time.tzset()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        for (language, locale), (name, part) in product(LOCALES.items(), TAKEN.items()):
            context = await browser.new_context(
                locale=locale,
                color_scheme="light",
                reduced_motion="reduce",
                viewport={"width": 800, "height": 600},
                device_scale_factor=1.5,
            )
            with tempfile.TemporaryDirectory() as folder:
                async with shown(Path(folder) / "desk", SCENES[name]) as entering:
                    page = await context.new_page()
                    await enter(page, entering)
                    await _keep(page, FOLDER / language / f"{name}.webp", part)
            await context.close()
        await browser.close()
    sys.stdout.write(f"{FOLDER.relative_to(ROOT)} is up to date\n")


async def _keep(page: Page, path: Path, part: str) -> None:
    if path.stem == "pair":
        await page.locator("#p-url").fill(CLOUD)
        await page.locator("#p-code").fill("KTRW-PHXM")
        await page.locator("#p-code").blur()
    await page.wait_for_load_state("load")
    taken = await page.locator(part).first.screenshot(animations="disabled")
    _save(taken, path)


def _save(taken: bytes, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.open(io.BytesIO(taken)).convert("RGB").save(path, lossless=True, method=6)
    if path.stat().st_size > LARGEST:
        raise SystemExit(f"{path} has {path.stat().st_size} bytes, more than {LARGEST}")


if __name__ == "__main__":
    asyncio.run(main())
