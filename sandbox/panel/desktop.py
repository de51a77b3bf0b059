"""The desktop page on the sandbox's pages: the way in, a pairing by a real code, the plug.

As for departments, the page works without script.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from aiohttp import web

from sandbox.departments.desk import Desk
from sandbox.departments.office import NotNow
from sandbox.json_api import check_kinds, explaining, read_object
from sandbox.panel.departments import PAGE_HEADERS, rendered, there

PAGE: Final = "/desktop"
BASE: Final = "/sandbox/control/desktop"
_DEPARTMENT: Final = "淡海"
_TEMPLATE: Final = Path(__file__).parent / "static" / "desktop.html"


def desktop_routes(desk: Callable[[], Desk | None]) -> list[web.RouteDef]:
    """The page, and the controls.

    Args:
        desk: None: no desktop page is run beside this sandbox.
    """
    pages = DesktopPages(desk)
    return [
        web.get(PAGE, pages.show),
        web.post(f"{PAGE}/open", pages.open),
        web.post(f"{PAGE}/pair", pages.pair),
        web.post(f"{PAGE}/switch", pages.switch_by_form),
        web.get(BASE, pages.state),
        web.post(f"{BASE}/switch", explaining(pages.switch, NotNow)),
        web.post(f"{BASE}/pair", explaining(pages.pair_by_control, NotNow)),
    ]


class DesktopPages:
    """Handlers of /desktop and /sandbox/control/desktop."""

    def __init__(self, desk: Callable[[], Desk | None]) -> None:
        self._found = desk

    def _desk(self) -> Desk:
        return there(self._found(), "No desktop page is run")

    async def show(self, request: web.Request) -> web.StreamResponse:
        """GET /desktop."""
        return self._page()

    async def open(self, request: web.Request) -> web.StreamResponse:
        """POST /desktop/open: to the page's own way in, whose button lets this browser in."""
        try:
            link = await self._desk().way_in()
        except NotNow as reason:
            return self._page(str(reason), status=503)
        return web.Response(status=303, headers={**PAGE_HEADERS, "Location": link})

    async def pair(self, request: web.Request) -> web.StreamResponse:
        """POST /desktop/pair."""
        try:
            code = await self._desk().pair(_DEPARTMENT)
        except NotNow as reason:
            return self._page(str(reason), status=503)
        says = f"Paired with {_DEPARTMENT} by the code {code}, which is spent. Now open the page."
        return self._page(done=says)

    async def switch_by_form(self, request: web.Request) -> web.StreamResponse:
        """POST /desktop/switch."""
        await self._desk().switch(on=not self._desk().is_on)
        return web.Response(status=303, headers={**PAGE_HEADERS, "Location": PAGE})

    async def state(self, request: web.Request) -> web.StreamResponse:
        """GET: whether there is one, and how it is."""
        desk = self._found()
        if desk is None:
            return web.json_response({"on": None})
        return web.json_response(
            {"on": desk.is_on, "address": desk.address, "paired": desk.is_paired}
        )

    async def switch(self, request: web.Request) -> web.StreamResponse:
        """POST switch {"on"}."""
        body = await read_object(request)
        check_kinds(body, {"on": bool}, "on")
        await self._desk().switch(on=body["on"])
        return await self.state(request)

    async def pair_by_control(self, request: web.Request) -> web.StreamResponse:
        """POST pair: with a new code, which is spent."""
        return web.json_response({"code": await self._desk().pair(_DEPARTMENT)})

    def _page(self, fault: str = "", done: str = "", *, status: int = 200) -> web.Response:
        desk = self._desk()
        is_on = "It is switched off" if not desk.is_on else f"It runs at {desk.address}"
        if desk.is_on and not desk.address:
            is_on = "It is starting"
        paired = "paired" if desk.is_paired else "not paired yet"
        fields = {
            "state": f"{is_on}, and is {paired}.",
            "url": desk.office.url,
            "switch": "Switch the computer off" if desk.is_on else "Switch the computer on",
            "hidden": "" if desk.is_on else " hidden",
        }
        return rendered(_TEMPLATE, fields, fault=fault, done=done, status=status)
