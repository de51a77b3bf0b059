"""Topics of forums and of private chats, and groups that become supergroups.

https://core.telegram.org/bots/api#forumtopic and #responseparameters (migrate_to_chat_id).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

from sandbox.telegram.errors import ApiError, bad_request
from sandbox.telegram.model import Chat, Json, Topic

GENERAL = 1
"""A forum's general topic: its messages carry no number, but it can be closed."""


@dataclass
class Topics:
    """Makes topics, and says into which of them a message may go."""

    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(70))

    def make(self, chat: Chat, name: str) -> Topic:
        """Make a topic; the chat has topics from now on."""
        topic = Topic(next(self._numbers), name)
        chat.topics.setdefault(GENERAL, Topic(GENERAL, "General"))
        chat.topics[topic.id] = topic
        return topic

    def add_named(self, chat: Chat, message: Json) -> None:
        """Make the topic that a message made by hand says it stands in."""
        number = message.get("message_thread_id")
        if message.get("is_topic_message") and isinstance(number, int):
            chat.topics.setdefault(GENERAL, Topic(GENERAL, "General"))
            chat.topics.setdefault(number, Topic(number, "Topic"))

    def target(self, chat: Chat, wanted: int, reply_to: int, *, may_closed: bool) -> Json:
        """The fields that put a message into a topic; raises ApiError where it is not taken.

        Args:
            wanted: `message_thread_id`; 0: that of the message replied to, or none.
            may_closed: whether whoever sends administers the chat.
        """
        if not chat.topics:
            if wanted:
                raise bad_request("message thread not found")
            return {}
        replied = chat.messages.get(reply_to)
        number = wanted or (replied.data.get("message_thread_id", 0) if replied else 0)
        topic = chat.topics.get(number or GENERAL)
        if topic is None or wanted == GENERAL:
            raise bad_request("message thread not found")
        if topic.state == "deleted":
            raise ApiError(400, "Bad Request: TOPIC_DELETED")
        if topic.state == "closed" and not may_closed:
            raise ApiError(400, "Bad Request: TOPIC_CLOSED")
        return {"message_thread_id": number, "is_topic_message": True} if number else {}


def migrated(chat: Chat) -> ApiError:
    """Build the refusal that names the supergroup a group has become."""
    return ApiError(
        400,
        "Bad Request: group chat was upgraded to a supergroup chat",
        migrate_to_chat_id=chat.migrated_to,
    )
