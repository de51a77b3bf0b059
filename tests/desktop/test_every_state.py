"""The desktop's pages in every state: in each language, narrow and wide, light and dark.

Screenshots are kept in test-artifacts/browser/desktop/. `make test-web` runs all of it.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import get_args

import httpx
import pytest
from playwright.async_api import async_playwright

from bench.desktop.process import STANDS
from config.languages import LANGUAGES
from desktop.gate.entering import Entering
from desktop.page.texts import Texts
from desktop.sending.waits import Why
from tests.browser.conftest import OPTIONS
from tests.desktop.browsing import enter, look_at
from tests.desktop.demo import SCENES, shown
from tests.desktop.kit import FORM, come_in
from tests.installed import CHROMIUM, needs
from tests.pages.kit import Html

STATES = ("pair", "empty", "uploading", "asleep", "consent", "key", "waits", "refused", "long")
"""Between them they have everything that there is."""
CHINESE = re.compile(r"[\u3400-\u9fff]")
ENGLISH = re.compile("[A-Za-z]{4,}")
"""A word of it; abbreviations are none."""


async def test_every_state_is_whole_and_in_its_language(tmp_path: Path) -> None:
    """Each sentence is there with its next step, each reference leads on, and nothing is asked for
    that the policy forbids."""
    for name in ("pair", "uploading", "waits", "refused"):
        async with shown(tmp_path / name, SCENES[name]) as entering, coming_in(entering) as browser:
            for language in LANGUAGES:
                lang = language.replace("_", "-")
                page = Html((await browser.get("/", params={"lang": lang})).text)
                is_whole(page, lang, name)
                words = [one.text for one in page.elements if one.classes[:1] == ["word"]]
                assert all("·" in word for word in words), words
                if name == "waits":
                    assert len(words) == len(set(words)) == len(get_args(Why))
                for word in words if language != "en" else ():
                    assert CHINESE.search(word), word
                    assert set(ENGLISH.findall(word)) <= {"Drive", "Google"}, word


def test_sizes_are_said_in_the_pages_language() -> None:
    for language, byte in (("en", "5 bytes"), ("zh_Hant", "5 位元組"), ("zh_Hans", "5 字节")):
        texts = Texts(language)
        assert [str(texts.size(count)) for count in (5, 1024)] == [byte, "1 KiB"]


async def test_a_program_can_read_how_files_stand(tmp_path: Path) -> None:
    """As `make bench-upload` does, which waits for them: how many are done, how many refused."""
    async with shown(tmp_path, SCENES["uploading"]) as entering, coming_in(entering) as browser:
        found = STANDS.search((await browser.get("/live")).text)
    assert found is not None
    assert found.groups() == ("1", "0")


@asynccontextmanager
async def coming_in(entering: Entering) -> AsyncIterator[httpx.AsyncClient]:
    """A browser without a window that has come in."""
    async with httpx.AsyncClient(headers=FORM) as browser:
        assert (await come_in(browser, httpx.URL(entering.address))).status_code == 303
        yield browser


def is_whole(page: Html, lang: str, name: str) -> None:
    """As a page is that everybody can use."""
    (html,) = page.all("html")
    assert html.attributes == {"lang": lang}
    assert len(page.all("h1")) == len(page.all("main")) == len(page.all("title")) == 1, name
    ids = [one.attributes["id"] for one in page.elements if "id" in one.attributes]
    assert len(ids) == len(set(ids)), name
    assert sum("primary" in one.classes for one in page.elements) <= 1, name
    for element in page.elements:
        for reference in ("for", "aria-labelledby", "aria-describedby"):
            assert set(element.attributes.get(reference, "").split()) <= set(ids), name
        assert "style" not in element.attributes, name
        assert not any(attribute.startswith("on") for attribute in element.attributes), name


@needs("chromium")
@pytest.mark.one_way
@pytest.mark.parametrize("language", ["zh-TW", "zh-CN", "en-GB"])
async def test_every_state_fits_and_can_be_used_by_everybody(tmp_path: Path, language: str) -> None:
    """Nothing scrolls sideways, nothing is too small to be hit, and axe finds nothing."""
    async with async_playwright() as playwright, AsyncExitStack() as stack:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        context = await browser.new_context(locale=language, timezone_id="Asia/Taipei")
        page = await context.new_page()
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda line: complaints.append(line.text))
        for name in STATES:
            entering = await stack.enter_async_context(shown(tmp_path / name, SCENES[name]))
            await enter(page, entering)
            await look_at(page, f"{language}/{name}")
        await page.goto(on_it(entering, f"{entering.at}/pair"))
        for address, name in (("ftp://drive", "address"), ("http://127.0.0.1:9", "offline")):
            await page.locator("#p-url").fill(address)
            await page.locator("#p-code").fill("KTRW-PHXN")
            await page.locator("main button").click()
            await page.locator(".fault").wait_for()
            await look_at(page, f"{language}/pair-{name}")
        await page.goto(on_it(entering, f"{entering.at}/x"))
        await look_at(page, f"{language}/not-found")
        await context.clear_cookies()  # from here on it is a browser that has never come in
        await page.evaluate("localStorage.clear()")
        for path, name in (("/enter?token=x", "used"), (f"{entering.at}/", "not-signed-in")):
            await page.goto(on_it(entering, path))
            await look_at(page, f"{language}/{name}")
        await browser.close()
    refused = [line for line in complaints if "Failed to load resource" in line]
    assert complaints == refused  # Chromium's own lines about 400, 403, 404 and 410
    assert len(refused) == 5


def on_it(entering: Entering, path: str) -> str:
    """An address of the page's."""
    return entering.address.partition("/enter")[0] + path
