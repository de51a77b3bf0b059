"""How many connections a port may hold; and a request that says in two ways where it ends."""

from __future__ import annotations

import resource
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

_MOST: Final = 512


def most_connections() -> int:
    """How many a port may hold: the process needs descriptors for its own work, too."""
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST if allowed == resource.RLIM_INFINITY else min(_MOST, allowed // 4)


class OneLength:
    """Refuses a request that says in two ways where it ends, and ends its connection.

    A proxy in front may read it the other way, and take for somebody else's request what is a part
    of this one: https://www.rfc-editor.org/rfc/rfc9112#section-6.1
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        headers = Headers(scope=scope)
        app = self._app
        if "Transfer-Encoding" in headers and "Content-Length" in headers:
            app = Response(status_code=400, headers={"Connection": "close"})
        await app(scope, receive, send)
