"""The two ports of a process: its pages, and the operator's."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import structlog
from starlette.types import ASGIApp

from config import Settings
from processes.ending import StartupError
from web.serving import listen, serving

_log = structlog.get_logger()


@asynccontextmanager
async def serving_both(
    settings: Settings, pages: ASGIApp, operations: ASGIApp
) -> AsyncIterator[None]:
    """Serve both for as long as this is entered; port 0 turns either off.

    Raises:
        StartupError: nothing can listen there.
    """
    async with AsyncExitStack() as stack:
        for prefix, host, port, app in (
            ("WEB", *settings.web_address, pages),
            ("METRICS", settings.metrics_host, settings.metrics_port, operations),
        ):
            if port:
                listener = _listen(prefix, host, port)
                await stack.enter_async_context(serving(app, listener))
                _log.info("web_started", port=port)
        yield


def _listen(prefix: str, host: str, port: int) -> socket.socket:
    try:
        return listen(host, port)
    except OSError as error:
        raise StartupError(
            f"{prefix}_HOST and {prefix}_PORT: nothing can listen there ({error.strerror})"
        ) from error
