"""The chat page: a small Telegram in the browser, at / and at /<bot's username>?start=…"""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

from sandbox.telegram.chat.routes import BASE
from sandbox.telegram.world import TelegramWorld

STATIC = Path(__file__).parent / "static"
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
        "img-src 'self' blob:; media-src 'self' blob:; base-uri 'none'; form-action 'none'"
    ),
    "Cache-Control": "no-cache",
    # Not `no-referrer`: forms would then send "Origin: null".
    "Referrer-Policy": "same-origin",
}


class Pages:
    """Serves the page and its parts."""

    def __init__(self, world: TelegramWorld):
        self._world = world

    async def page(self, request: web.Request) -> web.StreamResponse:
        """The chat page; its scripts read the address."""
        return web.FileResponse(STATIC / "chat.html", headers=_HEADERS)

    def add_to(self, routes: web.RouteTableDef) -> None:
        """Register the handlers."""
        routes.get("/")(self.page)
        # A deep link, https://core.telegram.org/bots/features#deep-linking.
        routes.get(f"/{self._world.bot_username}")(self.page)
        routes.static(f"{BASE}/static", STATIC)
