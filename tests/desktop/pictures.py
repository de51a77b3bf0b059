"""`make pictures`: docs/desktop.md's pictures of the desktop's page, as it is rendered now."""

from __future__ import annotations

import asyncio
import io
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from PIL import Image
from playwright.async_api import Page, async_playwright

from tests.browser.conftest import OPTIONS
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


async def main() -> None:
    """In 繁體中文, on a light desk."""
    os.environ["TZ"] = "Asia/Taipei"
    time.tzset()
    FOLDER.mkdir(parents=True, exist_ok=True)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        for name, part in TAKEN.items():
            context = await browser.new_context(
                locale="zh-TW",
                color_scheme="light",
                reduced_motion="reduce",
                viewport={"width": 800, "height": 600},
                device_scale_factor=1.5,
            )
            with tempfile.TemporaryDirectory() as folder:
                async with shown(Path(folder) / "desk", SCENES[name]) as entering:
                    page = await context.new_page()
                    await page.goto(entering.path.as_uri())
                    await page.get_by_role("button", name="開啟").click()
                    await _keep(page, name, part)
            await context.close()
        await browser.close()
    sys.stdout.write(f"{FOLDER.relative_to(ROOT)} is up to date\n")


async def _keep(page: Page, name: str, part: str) -> None:
    if name == "pair":
        await page.get_by_label("網址").fill(CLOUD)
        await page.get_by_label("配對碼").fill("KTRW-PHXM")
        await page.get_by_label("配對碼").blur()
    await page.wait_for_load_state("load")
    taken = await page.locator(part).first.screenshot(animations="disabled")
    path = FOLDER / f"{name}.webp"
    Image.open(io.BytesIO(taken)).convert("RGB").save(path, lossless=True, method=6)
    if path.stat().st_size > LARGEST:
        raise SystemExit(f"{path} has {path.stat().st_size} bytes, more than {LARGEST}")


if __name__ == "__main__":
    asyncio.run(main())
