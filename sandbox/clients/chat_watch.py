"""Watching a chat: the messages as they are, as they were, and waiting for one that fits."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Self

import aiohttp

from sandbox.clients.connection import Connection, Json
from sandbox.clients.messages import CallbackAnswer, Message

Wanted = str | Callable[[Message], bool]
TIMEOUT = 30.0
_LONGEST_LINE = 1 << 26  # a snapshot has all messages of a chat in one


class WaitError(AssertionError, TimeoutError):
    """Nothing of what was waited for came; the message shows what came instead."""


class ChatWatcher(Connection):
    """One user's private chat with the bot, followed by its stream of events. A context manager."""

    api = "/sandbox/chat"

    def __init__(
        self,
        base_url: str,
        user_id: int,
        first_name: str = "Ann",
        language_code: str = "en",
        *,
        username: str = "",
        session: aiohttp.ClientSession | None = None,
    ):
        super().__init__(base_url, session)
        self.id = user_id
        self.first_name = first_name
        self.language_code = language_code
        self.username = username
        self.keyboard: Json | None = None
        self.mark = 0  # the last event before the last action: wait_for looks behind it
        self._messages: dict[int, Message] = {}
        self._versions: list[Message] = []
        self._answers: dict[str, CallbackAnswer] = {}
        self._actions: list[tuple[int, str, int]] = []
        self._changed = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self._seen = 0

    # -- life ---------------------------------------------------------------------------------

    async def open(self) -> Self:
        """Make the account and watch the chat; every action does this by itself."""
        if self._task is not None:
            return self
        await self._register()
        self._task = asyncio.create_task(self._watch())
        await asyncio.wait_for(self._ready.wait(), TIMEOUT)
        return self

    async def _register(self) -> None:
        account: Json = {"id": self.id, "first_name": self.first_name}
        account |= {"language_code": self.language_code, "username": self.username}
        await self.ask("POST", "/users", account)

    async def close(self) -> None:
        """Stop watching."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        await super().close()

    async def __aenter__(self) -> Self:
        return await self.open()

    # -- watching -----------------------------------------------------------------------------

    async def _watch(self) -> None:
        after = -1
        while True:
            url = f"{self.base_url}{self.api}/chats/{self.id}/events"
            try:
                async with self.session.get(
                    url, params={"after": str(after)}, read_bufsize=_LONGEST_LINE
                ) as stream:
                    async for line in stream.content:
                        if line.startswith(b"data: "):
                            after = await self._take(json.loads(line[6:]))
            except aiohttp.ClientError:
                await asyncio.sleep(0.2)  # the server is gone for the moment

    async def _take(self, event: Json) -> int:
        seq = int(event["seq"])
        async with self._changed:
            kind = event["type"]
            if kind == "snapshot":
                self._messages.clear()
                self.keyboard = event["keyboard"]
                for item in event["messages"]:
                    self._keep(seq, item)
                self.mark = max(self.mark, seq)
                self._ready.set()
            elif kind in ("message", "edit"):
                self._keep(seq, event)
                self.keyboard = event.get("keyboard", self.keyboard)
            elif kind == "delete":
                self._messages.pop(event["message_id"], None)
            elif kind == "answer":
                answer = CallbackAnswer(event["text"], event["show_alert"], event["url"])
                self._answers[event["query_id"]] = answer
            elif kind == "action":
                topic = int(event.get("message_thread_id", 0))
                self._actions.append((seq, event["action"], topic))
            self._seen = seq
            self._changed.notify_all()
        return seq

    async def _settled(self, answer: Json) -> int:
        """Let wait_for look from this action on; return once the action itself is seen."""
        seq = self.mark = int(answer["seq"])
        async with asyncio.timeout(TIMEOUT), self._changed:
            await self._changed.wait_for(lambda: self._seen >= seq)
        return seq

    def _keep(self, seq: int, item: Json) -> None:
        raw = item["message"]
        message = Message(raw["message_id"], seq, item["from_bot"], raw)
        self._messages[message.id] = message
        self._versions.append(message)

    def messages(self) -> list[Message]:
        """All messages as they stand now, oldest first."""
        return sorted(self._messages.values(), key=lambda message: message.id)

    def last(self) -> Message:
        """The bot's newest message."""
        found = [message for message in self.messages() if message.from_bot]
        if not found:
            raise LookupError("the bot has said nothing yet")
        return found[-1]

    def versions(self, since: int = 0) -> list[Message]:
        """Every state of every message after an event, in the order it was seen."""
        return [message for message in self._versions if message.seq > since]

    def actions(self) -> list[str]:
        """Chat actions seen since the last action ("typing", …)."""
        return [action for seq, action, _ in self._actions if seq > self.mark]

    def topics_of_actions(self) -> list[int]:
        """Where these were seen; 0: outside of topics."""
        return [topic for seq, _, topic in self._actions if seq > self.mark]

    async def wait_for(
        self,
        wanted: Wanted,
        timeout: float = TIMEOUT,  # noqa: ASYNC109 - part of what is awaited
        *,
        since: int | None = None,
    ) -> Message:
        """Wait until the bot writes, or edits, a message that fits; return it as it then stood.

        `wanted` is a piece of the text or a test. Only what came after the last action counts,
        unless `since` names an event (0: everything). Raises WaitError.
        """
        await self.open()
        start = self.mark if since is None else since
        fits = (lambda m: wanted in m.text) if isinstance(wanted, str) else wanted
        looked = 0

        def found() -> Message | None:
            nonlocal looked
            new, looked = self._versions[looked:], len(self._versions)
            fitting = (m for m in new if m.from_bot and m.seq > start and fits(m))
            return next(fitting, None)

        try:
            async with asyncio.timeout(timeout), self._changed:
                while (message := found()) is None:
                    await self._changed.wait()
                return message
        except TimeoutError:
            seen = [m.text for m in self.versions(start) if m.from_bot]
            raise WaitError(f"waited {timeout} s for {wanted!r}; the bot said: {seen}") from None

    async def wait_gone(self, message_id: int, timeout: float = TIMEOUT) -> None:  # noqa: ASYNC109
        """Wait until a message is deleted. Raises TimeoutError."""
        async with asyncio.timeout(timeout), self._changed:
            await self._changed.wait_for(lambda: message_id not in self._messages)
