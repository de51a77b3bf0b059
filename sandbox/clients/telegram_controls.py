"""`TelegramControls`: what a test sets and reads on the sandbox's Telegram side, beside people."""

from __future__ import annotations

from typing import Any

from sandbox.clients.connection import Connection, Json


class TelegramControls(Connection):
    """Limits, local mode, previews, raw updates, groups. An async context manager."""

    api = "/sandbox/chat"

    async def state(self) -> Json:
        """Return the state of the Telegram half, without its messages."""
        return await self.ask("GET", "/state")

    async def violations(self) -> int:
        """How often the bot wrote faster than Telegram allows."""
        return int((await self.state())["violations"])

    async def limits(self, **changes: Any) -> Json:
        """Set flood limits: enforce, burst, per_second, overall_per_second, retry_after, …"""
        return await self.ask("POST", "/limits", changes)

    async def local_mode(self, on: bool = True, *, delay: float = 0.0) -> None:
        """Be a local Bot API server whose getFile takes `delay` seconds."""
        await self.ask("POST", "/controls", {"local_mode": on, "local_delay": delay})

    async def previews(self, on: bool) -> None:
        """Switch on or off that links in messages are opened."""
        await self.ask("POST", "/controls", {"previews": on})

    async def callback_lifetime(self, seconds: float) -> None:
        """Set for how long a tap may be answered."""
        await self.ask("POST", "/controls", {"callback_lifetime": seconds})

    async def inject(self, kind: str, payload: Json) -> int | None:
        """Give the bot an update as it stands; return its number, None if it is not wanted."""
        answer = await self.ask("POST", "/updates", {kind: payload})
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
        body: Json = {"title": title, "type": kind, "members": members, "bot_is_admin": admin}
        body["told"] = told
        return int((await self.ask("POST", "/groups", body))["id"])

    async def group_message(self, chat_id: int, user_id: int, text: str, **extra: Any) -> Json:
        """Let a member write in a group."""
        body = {"user_id": user_id, "text": text, **extra}
        return await self.ask("POST", f"/chats/{chat_id}/messages", body)

    async def anonymous_message(self, chat_id: int, text: str) -> Json:
        """Let an anonymous administrator write: `sender_chat` is the group itself."""
        return await self.ask(
            "POST", f"/chats/{chat_id}/messages", {"text": text, "anonymous": True}
        )

    async def upgrade(self, chat_id: int) -> int:
        """Turn a basic group into a supergroup; return its new id."""
        return int((await self.ask("POST", f"/chats/{chat_id}/upgrade", {}))["id"])

    async def make_topic(self, chat_id: int, name: str = "Plans") -> int:
        """Make a topic in a supergroup or a private chat: `send(…, topic=…)` writes into it."""
        return int((await self.ask("POST", f"/chats/{chat_id}/topics", {"name": name}))["id"])

    async def change_topic(self, chat_id: int, topic: int, action: str) -> None:
        """Close, reopen or delete a topic; `action` is that word."""
        await self.ask("POST", f"/chats/{chat_id}/topics/{topic}/{action}", {})

    async def deactivate(self, user_id: int) -> None:
        """Let a person delete their account."""
        await self.ask("POST", f"/users/{user_id}/deactivate", {})
