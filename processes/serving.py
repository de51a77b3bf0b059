"""The two ports of a process: its pages, and the operator's."""

from __future__ import annotations

import errno
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import structlog
from starlette.types import ASGIApp

from config import Settings
from processes.ending import StartupError
from web.serving import LAST_ANSWERS_SECONDS, listen, serving

_log = structlog.get_logger()


@asynccontextmanager
async def serving_both(
    settings: Settings,
    pages: Callable[[], ASGIApp],
    operations: Callable[[], ASGIApp],
    *,
    last_answers_seconds: int = LAST_ANSWERS_SECONDS,
) -> AsyncIterator[None]:
    """Serve both for as long as this is entered; port 0 turns either off.

    Args:
        pages, operations: make what is served; one that is turned off is not made.
        last_answers_seconds: how long pages' answers have at the end that are under way then.

    Raises:
        StartupError: nothing can listen there.
    """
    async with AsyncExitStack() as stack:
        web, metrics = settings.web_address, (settings.metrics_host, settings.metrics_port)
        of_web = "WEB_PORT" if web[1] == settings.web_port else "PORT"
        for of_host, of_port, (host, port), make, last in (
            ("WEB_HOST", of_web, web, pages, last_answers_seconds),
            ("METRICS_HOST", "METRICS_PORT", metrics, operations, LAST_ANSWERS_SECONDS),
        ):
            if port:
                app, listener = make(), _listen(of_host, of_port, host, port)
                served = serving(app, listener, last_answers_seconds=last)
                await stack.enter_async_context(served)
                _log.info("web_started", port=port)
        yield


def _listen(of_host: str, of_port: str, host: str, port: int) -> socket.socket:
    try:
        return listen(host, port)
    except OSError as error:
        place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        do = _DO.get(error.errno or 0, f"set {of_host} or {of_port} otherwise")
        raise StartupError(
            f"nothing can listen on {place} ({error.strerror}): "
            + do.format(host=of_host, port=of_port)
        ) from error


_DO: Final = {
    errno.EADDRINUSE: "stop what does, or set {port} to another port",
    errno.EADDRNOTAVAIL: "set {host} to an address of this machine",
    errno.EACCES: "set {port} to one above 1023",
}
