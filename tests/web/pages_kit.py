"""Somebody at the pages, without a script: follows links, fills in forms, presses buttons."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http.cookies import SimpleCookie

import httpx

from tests.pages.kit import Element, Html
from tests.web.kit import RunningWeb

SETTINGS = "/settings/google"


class Person:
    """In front of a browser."""

    def __init__(self, browser: httpx.AsyncClient) -> None:
        self.browser = browser
        self.answer = httpx.Response(200)
        """The last one."""
        self.page = Html("")

    @property
    def text(self) -> str:
        """What the page's main part says."""
        (main,) = self.page.all("main")
        return " ".join(main.text.split())

    @property
    def news(self) -> list[str]:
        """The notices on it."""
        return [" ".join(one.text.split()) for one in self.page.elements if "notice" in one.classes]

    async def open(self, address: str) -> str:
        """Open an address, and what it leads to on this site; where that ends."""
        self._take(await self.browser.get(address))
        return await self._follow()

    async def press(self, action: str, number: int = 0, **fields: str) -> str:
        """Press the button of a form of the page; where that ends, be it elsewhere.

        Args:
            number: which of several that go to the same address.
        """
        form = self.forms(action)[number]
        given = {
            one.attributes["name"]: one.attributes.get("value", "")
            for one in form.children
            if one.tag == "input" and one.attributes.get("type") == "hidden"
        }
        self._take(await self.browser.post(action, data={**given, **fields}))
        return await self._follow()

    def forms(self, action: str) -> list[Element]:
        """The page's forms that go to an address."""
        return [one for one in self.page.all("form") if one.attributes["action"] == action]

    async def _follow(self) -> str:
        while self.answer.status_code == 303:
            address = self.answer.headers["Location"]
            if not address.startswith("/"):
                return str(address)
            self._take(await self.browser.get(address.partition("#")[0]))
        return self.answer.url.raw_path.decode()

    def _take(self, answer: httpx.Response) -> None:
        self.answer = answer
        # They are Secure, and browsers keep them on http://localhost; httpx does not.
        for said in answer.headers.get_list("Set-Cookie"):
            for name, morsel in SimpleCookie(said).items():
                for kept in [one for one in self.browser.cookies.jar if one.name == name]:
                    self.browser.cookies.jar.clear(kept.domain, kept.path, kept.name)
                if morsel["max-age"] != "0":
                    self.browser.cookies.set(name, morsel.value)
        if answer.headers.get("Content-Type", "").startswith("text/html"):
            self.page = Html(answer.text)


@asynccontextmanager
async def person(
    web: RunningWeb, *, signed_in: bool = True, language: str = "en"
) -> AsyncIterator[Person]:
    """An administrator, or anybody."""
    cookie = await web.sign_in() if signed_in else None
    async with web.browser(cookie, **{"Accept-Language": language}) as browser:
        yield Person(browser)
