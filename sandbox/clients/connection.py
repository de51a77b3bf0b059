"""One connection to a sandbox's own JSON APIs; what tests and demonstrations talk through."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Self

import aiohttp

Json = dict[str, Any]


class SandboxError(Exception):
    """The sandbox could not do what was asked; the message holds its answer."""


class Connection:
    """A pool of connections, its own or one that it is lent. An async context manager."""

    api = ""
    """Below which path the sandbox is asked."""

    def __init__(self, base_url: str, session: aiohttp.ClientSession | None = None):
        self.base_url = base_url.rstrip("/")
        self._lent = session

    @cached_property
    def session(self) -> aiohttp.ClientSession:
        """The session of aiohttp behind it, made when first needed."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
        return self._lent or aiohttp.ClientSession(
            timeout=timeout, connector=aiohttp.TCPConnector(limit=0)
        )

    async def ask(self, verb: str, path: str, body: Json | None = None, **options: Any) -> Json:
        """Call the API; raises SandboxError."""
        if body is not None:
            options["json"] = body
        url = f"{self.base_url}{self.api}{path}"
        async with self.session.request(verb, url, **options) as answer:
            if answer.status >= 400:
                raise SandboxError(f"{verb} {url}: {answer.status} {await answer.text()}")
            found: Json = await answer.json(content_type=None)
            return found

    async def close(self) -> None:
        """Close the pool, if it is this object's own."""
        if self._lent is None:
            await self.session.close()
            del self.session

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.close()
