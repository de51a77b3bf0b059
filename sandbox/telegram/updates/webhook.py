"""Updates pushed to a webhook: https://core.telegram.org/bots/api#setwebhook.

Telegram wants https on four ports; the sandbox pushes to this machine only, over http too and on
any port, and refuses every other address as one that cannot be resolved.
"""

from __future__ import annotations

import asyncio
import re
import time

import aiohttp

from sandbox.telegram.errors import bad_request
from sandbox.telegram.formatting.links import LinkError, checked_link
from sandbox.telegram.formatting.text import loopback_links
from sandbox.telegram.model import Json
from sandbox.telegram.updates.queue import DEFAULT_TYPES, UpdateQueue

_SECRET = re.compile(r"[A-Za-z0-9_-]*")
_SECRET_LIMIT = 256
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
_TIMEOUT = aiohttp.ClientTimeout(total=60)


class Webhook:
    """Where updates are pushed, and the task that does it."""

    def __init__(self, queue: UpdateQueue):
        self._queue = queue
        self._task: asyncio.Task[None] | None = None
        self.url = ""
        self.secret = ""
        self.max_connections = 40
        self.last_error = ""
        self.last_error_at = 0
        self.first_pause = _FIRST_PAUSE

    def check(self, url: str, secret: str) -> None:
        """Refuse what the real server refuses; raises ApiError."""
        try:
            checked_link(url if "://" in url else f"https://{url}")
        except LinkError:
            raise bad_request("invalid webhook URL specified") from None
        if len(secret) > _SECRET_LIMIT:
            raise bad_request("secret token is too long")
        if not _SECRET.fullmatch(secret):
            raise bad_request("secret token contains unallowed characters")
        if not loopback_links([url]):
            if not url.startswith("https://"):
                raise bad_request("bad webhook: An HTTPS URL must be provided for webhook")
            raise bad_request("bad webhook: Failed to resolve host: Name or service not known")

    async def set(self, url: str, secret: str, max_connections: int) -> None:
        """Start pushing."""
        await self.delete()
        self.url, self.secret, self.max_connections = url, secret, max_connections
        self._queue.webhook_active = True
        self._queue.abort_poll("Conflict: terminated by setWebhook request")
        self._task = asyncio.get_running_loop().create_task(self._push())

    async def delete(self) -> bool:
        """Stop pushing; tell whether there was anything to stop."""
        was_set = bool(self.url)
        self.url = self.secret = self.last_error = ""
        self._queue.webhook_active = False
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        return was_set

    async def _push(self) -> None:
        headers = {"Content-Type": "application/json"}
        if self.secret:
            headers["X-Telegram-Bot-Api-Secret-Token"] = self.secret
        pause = self.first_pause
        async with aiohttp.ClientSession(timeout=_TIMEOUT, headers=headers) as session:
            while True:
                update = await self._queue.first()
                problem = await self._deliver(session, update.text)
                if not problem:
                    self._queue.confirm(update.id)
                    pause = self.first_pause
                    continue
                self.last_error, self.last_error_at = problem, int(time.time())
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)

    async def _deliver(self, session: aiohttp.ClientSession, text: str) -> str:
        """Push one update; return what went wrong."""
        try:
            async with session.post(self.url, data=text.encode(), ssl=False) as answer:
                await answer.read()
                if answer.ok:
                    return ""
                return f"Wrong response from the webhook: {answer.status} {answer.reason}"
        except (aiohttp.ClientError, TimeoutError, OSError):
            return "Connection refused"

    def as_json(self) -> Json:
        """https://core.telegram.org/bots/api#webhookinfo."""
        info: Json = {
            "url": self.url,
            "has_custom_certificate": False,
            "pending_update_count": len(self._queue.pending),
        }
        if self.last_error:
            info |= {"last_error_date": self.last_error_at, "last_error_message": self.last_error}
        if self.url:
            info |= {"max_connections": self.max_connections, "ip_address": "127.0.0.1"}
        if self._queue.allowed != DEFAULT_TYPES:
            info["allowed_updates"] = sorted(self._queue.allowed)
        return info
