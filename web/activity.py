"""Whether a process was asked anything of late.

One that was not writes nothing and looks for nothing: a database that goes to sleep when nobody
asks it anything would stay awake for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEALTH_PATH: Final = "/healthz"
_NOTHING: Final = frozenset({404, 405, 421})
"""Answers to whoever tries addresses: anybody on the internet does, and no storage is asked, unless
they bring a key or a session."""
_BROUGHT: Final = frozenset({b"authorization", b"cookie"})


class Activity:
    """What a process was asked, counted."""

    def __init__(self) -> None:
        self._count = 0

    def note(self) -> None:
        """It was asked something."""
        self._count += 1

    def news(self) -> Callable[[], bool]:
        """A question: whether there was anything since it was put last. At first it is true."""
        seen = -1

        def ask() -> bool:
            nonlocal seen
            is_news, seen = seen != self._count, self._count
            return is_news

        return ask


class Noting:
    """An app whose answers are noted, but for health checks, and addresses that are none where
    nobody brings a key: of a stolen one there may be something to tell, wherever it knocks."""

    def __init__(self, app: ASGIApp, activity: Activity) -> None:
        self._app = app
        self._activity = activity

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        is_check = scope.get("path") == HEALTH_PATH
        brings = any(name in _BROUGHT for name, _ in scope.get("headers", ()))

        async def noting(message: Message) -> None:
            begins = message["type"] == "http.response.start"
            if begins and (brings or message["status"] not in _NOTHING):
                self._activity.note()
            await send(message)

        await self._app(scope, receive, send if is_check else noting)
