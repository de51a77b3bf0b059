"""The two ports of a process: its pages, and the operator's."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import structlog
from starlette.types import ASGIApp

from config import Settings
from processes.ending import StartupError
from web.serving import LAST_ANSWERS_SECONDS, listen, serving

_log = structlog.get_logger()


@asynccontextmanager
async def serving_both(
    settings: Settings,
    pages: ASGIApp,
    operations: ASGIApp,
    *,
    last_answers_seconds: int = LAST_ANSWERS_SECONDS,
) -> AsyncIterator[None]:
    """Serve both for as long as this is entered; port 0 turns either off.

    Args:
        last_answers_seconds: how long pages' answers have at the end that are under way then.

    Raises:
        StartupError: nothing can listen there.
    """
    async with AsyncExitStack() as stack:
        for prefix, host, port, app, last in (
            ("WEB", *settings.web_address, pages, last_answers_seconds),
            (
                *("METRICS", settings.metrics_host, settings.metrics_port, operations),
                LAST_ANSWERS_SECONDS,
            ),
        ):
            if port:
                listener = _listen(prefix, host, port)
                served = serving(app, listener, last_answers_seconds=last)
                await stack.enter_async_context(served)
                _log.info("web_started", port=port)
        yield


def _listen(prefix: str, host: str, port: int) -> socket.socket:
    try:
        return listen(host, port)
    except OSError as error:
        raise StartupError(
            f"{prefix}_HOST and {prefix}_PORT: nothing can listen there ({error.strerror})"
        ) from error
