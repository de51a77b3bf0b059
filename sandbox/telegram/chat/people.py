"""What people do: write, send files, tap, block; each becomes the update the bot would get."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from typing import Any, TypeVar

from sandbox.json_api import InvalidRequest
from sandbox.telegram.files.media import FROM_PEOPLE, WITH_CAPTION, media_content
from sandbox.telegram.formatting.text import found_entities
from sandbox.telegram.model import ANONYMOUS_ADMIN, Chat, Json, Message, User
from sandbox.telegram.world import TelegramWorld

OTHER_CONTENT = ("contact", "location", "venue", "poll", "dice", "story", "game")
K = TypeVar("K")
V = TypeVar("V")
_FIRST_GROUP_ID = -4000000001
FIRST_SUPERGROUP_ID = -1002000000001


def _known(things: Mapping[K, V], key: K, what: str) -> V:
    if key not in things:
        raise InvalidRequest(f"{what}: unknown")
    return things[key]


def _formatted(key: str, entities_key: str, text: str) -> Json:
    entities = found_entities(text)
    return {key: text} | ({entities_key: entities} if entities else {})


class People:
    """Acts for the people of a world."""

    def __init__(self, world: TelegramWorld):
        self.world = world

    def user(self, user_id: int) -> User:
        """Find a person; raises InvalidRequest."""
        return _known(self.world.users, user_id, f"user {user_id}")

    def chat(self, chat_id: int) -> Chat:
        """Find a chat; raises InvalidRequest."""
        return _known(self.world.chats, chat_id, f"chat {chat_id}")

    # -- writing ------------------------------------------------------------------------------

    def send(self, chat: Chat, user: User, draft: Json) -> Message:
        """Send what a draft holds: `text`, or `kind` and `blob`, or `contact`, `location`, …"""
        if user.blocked and chat.type == "private":
            raise InvalidRequest("the user has blocked the bot: unblock first")
        if chat.user is not None and not user.started:
            user.started = True
            self.world.save()
        content = self._content(draft)
        sender: Json = user.as_json()
        if draft.get("anonymous"):
            sender = ANONYMOUS_ADMIN
            content = {"sender_chat": chat.as_json()} | content
        reply = int(draft.get("reply_to") or 0)
        self.world.topics.add_named(chat, content)
        topic = int(draft.get("topic") or 0)
        content = self.world.topics.target(chat, topic, reply, may_closed=False) | content
        message = self.world.post(chat, sender, content, from_bot=False, reply_to=reply)
        if chat.type == "private" or self._bot_may_read(chat, message):
            self.world.put_update("message", message.data)
        self.world.preview(chat, message.data)
        return message

    def _content(self, draft: Json) -> Json:
        content: Json = {}
        if text := str(draft.get("text") or "").strip():
            content = _formatted("text", "entities", text)
        elif kind := draft.get("kind"):
            content = self._media(str(kind), draft)
        for name in OTHER_CONTENT:
            if name in draft:
                content = {name: draft[name]}
        if not content and not draft.get("extra"):
            raise InvalidRequest("text, kind and blob, or another content is needed")
        if draft.get("media_group_id"):
            content["media_group_id"] = str(draft["media_group_id"])
        if draft.get("forward_from"):
            content |= _forwarded(draft["forward_from"])
        return content | dict(draft.get("extra") or {})

    def _media(self, kind: str, draft: Json) -> Json:
        if kind not in FROM_PEOPLE:
            raise InvalidRequest(f"kind: one of {', '.join(FROM_PEOPLE)}")
        blob = _known(self.world.files.blobs, str(draft.get("blob")), "blob (upload it first)")
        content = media_content(
            self.world.files,
            kind,
            blob,
            name=str(draft.get("name") or ""),
            mime=str(draft.get("mime") or ""),
            options=draft,
        )
        caption = str(draft.get("caption") or "").strip()
        if caption and kind in WITH_CAPTION:
            content |= _formatted("caption", "caption_entities", caption)
        return content

    def send_album(self, chat: Chat, user: User, drafts: list[Json]) -> list[Message]:
        """Send several pieces of media as one album."""
        album = str(secrets.randbits(48))
        return [self.send(chat, user, draft | {"media_group_id": album}) for draft in drafts]

    def _bot_may_read(self, chat: Chat, message: Message) -> bool:
        """Privacy mode: https://core.telegram.org/bots/features#privacy-mode."""
        data = message.data
        text = str(data.get("text") or data.get("caption") or "")
        reply = data.get("reply_to_message", {}).get("from", {}).get("id")
        mentioned = f"@{self.world.bot_username}".lower() in text.lower()
        bare = text.startswith("/") and "@" not in text.split()[0]
        own = bare or reply == self.world.bot_id or mentioned
        return not chat.bot_kicked and (chat.bot_is_admin or own)

    def edit(self, chat: Chat, message_id: int, text: str) -> Message:
        """Change the text (or caption) of one's own message."""
        message = self._own(chat, message_id)
        keys = ("text", "entities") if "text" in message.data else ("caption", "caption_entities")
        kept = {name: value for name, value in message.data.items() if name not in keys}
        self.world.replace(chat, message, kept | _formatted(*keys, text.strip()))
        self.world.put_update("edited_message", message.data)
        return message

    def delete(self, chat: Chat, message_id: int) -> None:
        """Delete a message; a bot is not told."""
        _known(chat.messages, message_id, "message")
        self.world.remove(chat, message_id)

    def _own(self, chat: Chat, message_id: int) -> Message:
        message = chat.messages.get(message_id)
        if message is None or message.from_bot:
            raise InvalidRequest("message: not one of the user's own")
        return message

    # -- buttons ------------------------------------------------------------------------------

    def tap(self, chat: Chat, user: User, message_id: int, row: int, column: int) -> Json:
        """Tap a button of an inline keyboard; return it, and the query the bot has to answer."""
        message = chat.messages.get(message_id)
        try:
            rows = message.data["reply_markup"]["inline_keyboard"] if message else []
            button: Json = rows[row][column]
        except (KeyError, IndexError):
            raise InvalidRequest("there is no such button") from None
        if message is None or "callback_data" not in button:
            return {"button": button}
        if user.blocked:
            raise InvalidRequest("the user has blocked the bot: unblock first")
        query = self.world.new_callback(chat, user, message, button["callback_data"])
        return {"button": button, "query_id": query.id}

    # -- coming and going ---------------------------------------------------------------------

    def set_blocked(self, user: User, blocked: bool) -> None:
        """Block or unblock the bot; it hears of it by my_chat_member."""
        if user.blocked == blocked:
            return
        user.blocked = blocked
        self.world.save()
        chat = self.world.chats[user.id]
        member: Json = {"status": "member"}
        kicked: Json = {"status": "kicked", "until_date": 0}
        if blocked:
            self._my_member(chat, user, member, kicked)
        else:
            self._my_member(chat, user, kicked, member)
        chat.events.add("user", user=self.describe(user))

    def _my_member(self, chat: Chat, user: User, old: Json, new: Json) -> None:
        bot = {"user": self.world.bot_json()}
        payload = {
            "chat": chat.as_json(),
            "from": user.as_json(),
            "date": int(time.time()),
            "old_chat_member": bot | old,
            "new_chat_member": bot | new,
        }
        self.world.put_update("my_chat_member", payload)

    def deactivate(self, user: User) -> None:
        """Delete a person's account."""
        user.deactivated = True
        self.world.save()

    def make_group(self, options: Json) -> Chat:
        """Make a group with the bot in it."""
        kind = options.get("type", "supergroup")
        if kind not in ("group", "supergroup"):
            raise InvalidRequest("type: group or supergroup")
        members = [self.user(int(member)).id for member in options.get("members") or []]
        if not members:
            raise InvalidRequest("members: at least one is needed")
        start = _FIRST_GROUP_ID if kind == "group" else FIRST_SUPERGROUP_ID
        number = start - sum(1 for chat in self.world.chats.values() if chat.type == kind)
        chat = Chat(
            number,
            "group" if kind == "group" else "supergroup",
            title=str(options.get("title") or "Group"),
            username=str(options.get("username") or ""),
            members=set(members),
            founder=members[0],
            bot_is_admin=bool(options.get("bot_is_admin")),
        )
        self.world.chats[number] = chat
        if options.get("told", True):
            founder = self.user(members[0])
            self._my_member(chat, founder, {"status": "left"}, {"status": "member"})
        return chat

    def change_topic(self, chat: Chat, number: int, action: str) -> None:
        """Close, reopen or delete a topic; what was written in a deleted one is gone."""
        topic = _known(chat.topics, number, f"topic {number}")
        topic.state = {"close": "closed", "reopen": "open", "delete": "deleted"}[action]  # type: ignore[assignment]
        if topic.state == "deleted":
            inside = [
                m for m in chat.messages.values() if m.data.get("message_thread_id") == number
            ]
            for message in inside:
                self.world.remove(chat, message.id)

    def upgrade(self, chat: Chat) -> Chat:
        """Turn a group into a supergroup: another chat, whose messages are counted anew."""
        if chat.type != "group":
            raise InvalidRequest("only a basic group can become a supergroup")
        members = sorted(chat.members)
        new = self.make_group(
            {"title": chat.title, "members": members, "bot_is_admin": chat.bot_is_admin}
            | {"told": False}
        )
        founder = self.user(members[0]).as_json()
        told = self.world.post(chat, founder, {"migrate_to_chat_id": new.id}, from_bot=False)
        self.world.put_update("message", told.data)
        chat.migrated_to = new.id
        told = self.world.post(new, founder, {"migrate_from_chat_id": chat.id}, from_bot=False)
        self.world.put_update("message", told.data)
        return new

    def describe(self, user: User) -> Json:
        """A person, for the chat page and for tests."""
        return vars(user) | {"name": f"{user.first_name} {user.last_name}".strip()}


def _forwarded(origin: Any) -> Json:
    """https://core.telegram.org/bots/api#messageorigin."""
    now = int(time.time())
    name = str(origin)
    source = {"type": "hidden_user", "sender_user_name": name, "date": now}
    return {"forward_origin": source, "forward_sender_name": name, "forward_date": now}
