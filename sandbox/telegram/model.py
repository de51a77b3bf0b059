"""The things of the sandbox's Telegram: users, chats, messages, and what changed when."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

Json = dict[str, Any]
ChatType = Literal["private", "group", "supergroup"]

# Telegram's own account behind messages of anonymous administrators
# (https://core.telegram.org/bots/api#message, field `sender_chat`).
ANONYMOUS_ADMIN: Json = {
    "id": 1087968824,
    "is_bot": True,
    "first_name": "Group",
    "username": "GroupAnonymousBot",
}
EVENTS_KEPT = 5000


def dumps(value: Any) -> str:
    """Compact JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@dataclass
class User:
    """A person with an account (https://core.telegram.org/bots/api#user)."""

    id: int
    first_name: str
    last_name: str = ""
    username: str = ""
    language_code: str = ""
    started: bool = False
    blocked: bool = False
    deactivated: bool = False
    met: bool = False
    """Whether an update has told the bot of them, be it from a group."""

    @property
    def is_known(self) -> bool:
        """Whether the bot may ask for their chat; to write it takes more."""
        return self.met or self.started

    def as_json(self) -> Json:
        """As the Bot API shows a user."""
        return {"id": self.id, "is_bot": False, "first_name": self.first_name} | {
            key: value
            for key in ("last_name", "username", "language_code")
            if (value := getattr(self, key))
        }


class EventLog:
    """What happened in a chat, numbered, for whoever watches it; waiting costs nothing."""

    def __init__(self) -> None:
        self.seq = 0
        self._events: deque[tuple[int, str]] = deque(maxlen=EVENTS_KEPT)
        self._changed = asyncio.Event()
        self.closed = False

    def add(self, kind: str, **content: Any) -> int:
        """Write an event down and wake the watchers."""
        self.seq += 1
        self._events.append((self.seq, dumps({"seq": self.seq, "type": kind, **content})))
        self._wake()
        return self.seq

    def close(self) -> None:
        """Let everyone go who watches, because the sandbox ends."""
        self.closed = True
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def since(self, seq: int) -> list[tuple[int, str]] | None:
        """Events after a number; None if some of them are no longer kept."""
        if self.seq - seq > len(self._events):
            return None
        return [event for event in self._events if event[0] > seq]

    async def wait(self, seconds: float) -> None:
        """Return at the next event, or after so many seconds."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), seconds)


@dataclass
class Message:
    """A message; `data` is the Bot API's object and replaced, never changed, by an edit."""

    id: int
    chat_id: int
    from_bot: bool
    data: Json


@dataclass
class Topic:
    """A part of a chat with a name of its own."""

    id: int
    name: str
    state: Literal["open", "closed", "deleted"] = "open"


@dataclass
class Chat:
    """A conversation. A private chat has its user's id, as on Telegram."""

    id: int
    type: ChatType
    user: User | None = None
    title: str = ""
    username: str = ""
    members: set[int] = field(default_factory=set)
    founder: int = 0  # who made a group, and administers it
    bot_is_admin: bool = False
    bot_kicked: bool = False
    messages: dict[int, Message] = field(default_factory=dict)
    events: EventLog = field(default_factory=EventLog)
    keyboard: Json | None = None  # the reply keyboard that is showing
    topics: dict[int, Topic] = field(default_factory=dict)
    migrated_to: int = 0  # a basic group that has become this supergroup

    def as_json(self) -> Json:
        """As the Bot API shows a chat (https://core.telegram.org/bots/api#chat)."""
        if self.user is not None:
            shown = self.user.as_json()
            names: Json = {
                k: shown[k] for k in ("first_name", "last_name", "username") if k in shown
            }
            return {"id": self.id, **names, "type": "private"}
        result: Json = {"id": self.id, "title": self.title}
        if self.username:
            result["username"] = self.username
        result["type"] = self.type
        if self.topics:
            result["is_forum"] = True
        if self.type == "group":
            result["all_members_are_administrators"] = False
        return result


@dataclass
class CallbackQuery:
    """A tap on a button that the bot has to answer."""

    id: str
    chat_id: int
    user_id: int
    message_id: int
    data: str
    at: float
    answered: bool = False
