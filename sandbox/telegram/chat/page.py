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


async def _page(_request: web.Request) -> web.StreamResponse:
    return web.FileResponse(STATIC / "chat.html", headers=_HEADERS)  # its scripts read the address


def page_routes(world: TelegramWorld) -> list[web.AbstractRouteDef]:
    """The page and its parts."""
    return [
        web.get("/", _page),
        # A deep link, https://core.telegram.org/bots/features#deep-linking.
        web.get(f"/{world.bot_username}", _page),
        web.static(f"{BASE}/static", STATIC),
    ]
