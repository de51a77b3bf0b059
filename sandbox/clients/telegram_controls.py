"""`TelegramControls`: what a test sets and reads on the sandbox's Telegram side, beside people."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

import aiohttp

from sandbox.clients.messages import Json

BASE = "/sandbox/chat"


class SandboxError(Exception):
    """The sandbox could not do what was asked."""


async def call(session: aiohttp.ClientSession, verb: str, url: str, **options: Any) -> Json:
    """Call the sandbox's JSON API."""
    async with session.request(verb, url, **options) as answer:
        body: Json = await answer.json(content_type=None)
        if answer.status >= 400:
            raise SandboxError(f"{verb} {url}: {answer.status} {body.get('error')}")
        return body


class TelegramControls:
    """Limits, local mode, previews, raw updates, groups. An async context manager."""

    def __init__(self, base_url: str, session: aiohttp.ClientSession | None = None):
        self.base_url = base_url.rstrip("/")
        self._session = session
        self._own_session = session is None

    async def _call(self, verb: str, path: str, body: Json | None = None) -> Json:
        if self._session is None:
            self._session = aiohttp.ClientSession()
        options = {} if body is None else {"json": body}
        return await call(self._session, verb, f"{self.base_url}{BASE}{path}", **options)

    async def close(self) -> None:
        """Let go of the connection."""
        if self._session is not None and self._own_session:
            await self._session.close()
            self._session = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def state(self) -> Json:
        """Everything but the messages."""
        return await self._call("GET", "/state")

    async def violations(self) -> int:
        """How often the bot wrote faster than Telegram allows."""
        return int((await self.state())["violations"])

    async def limits(self, **changes: Any) -> Json:
        """Set flood limits: enforce, burst, per_second, overall_per_second, retry_after, …"""
        return await self._call("POST", "/limits", changes)

    async def local_mode(self, on: bool = True, *, delay: float = 0.0) -> None:
        """Be a local Bot API server whose getFile takes `delay` seconds."""
        await self._call("POST", "/controls", {"local_mode": on, "local_delay": delay})

    async def previews(self, on: bool) -> None:
        """Open links in messages, or do not."""
        await self._call("POST", "/controls", {"previews": on})

    async def callback_lifetime(self, seconds: float) -> None:
        """How long a tap may be answered."""
        await self._call("POST", "/controls", {"callback_lifetime": seconds})

    async def inject(self, kind: str, payload: Json) -> int | None:
        """Give the bot an update no deed makes; returns its number."""
        answer = await self._call("POST", "/updates", {kind: payload})
        number: int | None = answer["update_id"]
        return number

    async def make_group(
        self,
        title: str,
        members: list[int],
        *,
        kind: str = "supergroup",
        admin: bool = False,
        told: bool = True,
    ) -> int:
        """Make a group with the bot in it, who is told so unless that was long ago; its id."""
        wish: Json = {"title": title, "type": kind, "members": members, "bot_is_admin": admin}
        wish["told"] = told
        return int((await self._call("POST", "/groups", wish))["id"])

    async def group_message(self, chat_id: int, user_id: int, text: str, **extra: Any) -> Json:
        """Let a member write in a group."""
        wish = {"user_id": user_id, "text": text, **extra}
        return await self._call("POST", f"/chats/{chat_id}/messages", wish)

    async def anonymous_message(self, chat_id: int, text: str) -> Json:
        """Let an anonymous administrator write: `sender_chat` is the group itself."""
        return await self._call(
            "POST", f"/chats/{chat_id}/messages", {"text": text, "anonymous": True}
        )

    async def upgrade(self, chat_id: int) -> int:
        """A basic group becomes a supergroup; its new id."""
        return int((await self._call("POST", f"/chats/{chat_id}/upgrade", {}))["id"])

    async def make_topic(self, chat_id: int, name: str = "Plans") -> int:
        """A topic in a supergroup or a private chat: `send(…, topic=…)` writes into it."""
        return int((await self._call("POST", f"/chats/{chat_id}/topics", {"name": name}))["id"])

    async def change_topic(self, chat_id: int, topic: int, deed: str) -> None:
        """`close`, `reopen` or `delete` it."""
        await self._call("POST", f"/chats/{chat_id}/topics/{topic}/{deed}", {})

    async def deactivate(self, user_id: int) -> None:
        """Let a person delete their account."""
        await self._call("POST", f"/users/{user_id}/deactivate", {})
