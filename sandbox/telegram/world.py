"""All of the sandbox's Telegram in one object: one bot, its people, chats, files and updates."""

from __future__ import annotations

import itertools
import json
import secrets
import time
from collections import Counter
from pathlib import Path

from sandbox.telegram.errors import bad_request, forbidden
from sandbox.telegram.files.store import FileStore
from sandbox.telegram.formatting.text import links_in
from sandbox.telegram.limits import Limits
from sandbox.telegram.model import CallbackQuery, Chat, Json, Message, User
from sandbox.telegram.previews import Previews
from sandbox.telegram.profile import Profile
from sandbox.telegram.topics import Topics, migrated
from sandbox.telegram.updates.queue import UpdateQueue
from sandbox.telegram.updates.webhook import Webhook

# The people a fresh sandbox has. Identifiers stay the same for ever: a bot keeps credentials by
# them, so a new person must never get an old one's.
FIRST_PERSON_ID = 500000001
_USERS = (
    User(FIRST_PERSON_ID, "Alice", "Miller", "alice", "en"),
    User(500000002, "小明", "陳", "xiaoming", "zh-hant"),
    User(500000003, "小红", "李", "xiaohong", "zh-hans"),
)
CALLBACK_LIFETIME = 15 * 60.0
_GAP = 1000  # message numbers left out at a restart, so that none is used twice


class TelegramWorld:
    """State of the Telegram half. Blobs and people are kept under `folder / "telegram"`."""

    def __init__(self, folder: Path, *, token: str, local_mode: bool = False):
        self.folder = folder / "telegram"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.token = token
        self.bot_id = int(token.partition(":")[0])
        self.bot_username = "drivekeeper_sandbox_bot"
        self.local_mode = local_mode
        self.local_delay = 0.0  # seconds that getFile takes in local mode
        self.logged_out = False
        self.callback_lifetime = CALLBACK_LIFETIME
        self.files = FileStore(self.folder, token)
        kept = self._kept()
        self.queue = UpdateQueue(int(kept.get("next_update_id", 0)))
        self.limits = Limits()
        self.profile = Profile("Drivekeeper")
        self.previews = Previews()
        self.webhook = Webhook(self.queue)
        self.topics = Topics()
        self.users: dict[int, User] = {}
        self.chats: dict[int, Chat] = {}
        self.callbacks: dict[str, CallbackQuery] = {}
        self.calls: Counter[str] = Counter()
        self._message_ids = itertools.count(1)
        self._last_message_id = 0
        self._supergroup_ids: dict[int, itertools.count[int]] = {}
        self._callback_ids = itertools.count(secrets.randbits(40) << 20)
        self._load(kept)

    # -- people and chats ---------------------------------------------------------------------

    @property
    def _people_file(self) -> Path:
        return self.folder / "people.json"

    def _kept(self) -> Json:
        if not self._people_file.exists():
            return {}
        kept: Json = json.loads(self._people_file.read_text("utf-8"))
        return kept

    def _load(self, kept: Json) -> None:
        people = [User(**fields) for fields in kept.get("users", [])]
        for user in people or [User(**vars(user)) for user in _USERS]:
            self._add(user)
        start = int(kept.get("last_message_id", 0))
        self._message_ids = itertools.count(start + _GAP if start else 1)
        self._last_message_id = start

    def save(self) -> None:
        """Write the people down (messages are not kept over a restart)."""
        people = {
            "users": [vars(user) for user in self.users.values()],
            "last_message_id": self._last_message_id,
            "next_update_id": self.queue.next_id,
        }
        self._people_file.write_text(json.dumps(people, ensure_ascii=False), "utf-8")

    def _add(self, user: User) -> Chat:
        self.users[user.id] = user
        chat = self.chats[user.id] = Chat(user.id, "private", user=user)
        return chat

    def put_user(self, fields: Json) -> User:
        """Create a person, or change the one with this id."""
        user_id = fields.get("id") or max(self.users, default=500000000) + 1
        user = self.users.get(user_id)
        if user is None:
            user = User(user_id, str(fields.get("first_name") or "User"))
            self._add(user)
        for name in ("first_name", "last_name", "username", "language_code"):
            if fields.get(name) is not None:
                setattr(user, name, str(fields[name]))
        self.save()
        return user

    def find_chat(self, chat_id: str, *, write: bool = True) -> Chat:
        """Resolve `chat_id`; the refusals of `check_chat` in the public server."""
        if not chat_id:
            raise bad_request("chat_id is empty")
        chat: Chat | None = None
        if chat_id.startswith("@"):
            name = chat_id[1:].lower()
            groups = (c for c in self.chats.values() if c.type == "supergroup" and c.username)
            chat = next((c for c in groups if c.username.lower() == name), None)
        elif chat_id.lstrip("-").isdecimal():
            chat = self.chats.get(int(chat_id))
        if chat is None or (chat.user is not None and not chat.user.is_known):
            raise bad_request("chat not found")
        if chat.migrated_to:
            raise migrated(chat)
        if chat.user is not None and chat.user.deactivated and write:
            raise forbidden("user is deactivated")
        if chat.bot_kicked and (write or chat.type == "supergroup"):
            raise forbidden(f"bot was kicked from the {chat.type} chat")
        return chat

    def check_reachable(self, chat: Chat) -> None:
        """Refuse to write to who has not started the bot, or has blocked it."""
        if chat.user is None:
            return
        if chat.user.blocked:
            raise forbidden("bot was blocked by the user")
        if not chat.user.started:
            raise forbidden("bot can't initiate conversation with a user")

    def put_update(self, kind: str, payload: Json) -> None:
        """Tell the bot of what somebody did: from then on it knows that they exist."""
        user = self.users.get(payload["from"]["id"])
        if user is not None:
            user.met = True
        self.queue.put(kind, payload)

    # -- messages -----------------------------------------------------------------------------

    def bot_json(self) -> Json:
        """The bot as the sender of a message."""
        return {
            "id": self.bot_id,
            "is_bot": True,
            "first_name": self.profile.first_name,
            "username": self.bot_username,
        }

    def _next_message_id(self, chat: Chat) -> int:
        """Private chats and basic groups share one row of numbers; a supergroup has its own."""
        if chat.type == "supergroup":
            return next(self._supergroup_ids.setdefault(chat.id, itertools.count(1)))
        self._last_message_id = next(self._message_ids)
        return self._last_message_id

    def post(
        self,
        chat: Chat,
        sender: Json,
        content: Json,
        *,
        from_bot: bool,
        reply_to: int = 0,
        markup: Json | None = None,
    ) -> Message:
        """Add a message to a chat and show it to whoever watches."""
        number = self._next_message_id(chat)
        head = {"message_id": number, "from": sender, "chat": chat.as_json()}
        data: Json = {**head, "date": int(time.time())}
        replied = chat.messages.get(reply_to)
        if replied is not None:
            data["reply_to_message"] = {
                key: value for key, value in replied.data.items() if key != "reply_to_message"
            }
        data.update(content)
        extra = {}
        if markup is not None and "inline_keyboard" in markup:
            data["reply_markup"] = markup
        elif markup is not None:
            chat.keyboard = None if "remove_keyboard" in markup else markup
            extra = {"keyboard": chat.keyboard}
        message = chat.messages[number] = Message(number, chat.id, from_bot, data)
        chat.events.add("message", message=data, from_bot=from_bot, **extra)
        return message

    def replace(self, chat: Chat, message: Message, data: Json) -> None:
        """Edit a message."""
        message.data = {**data, "edit_date": int(time.time())}
        chat.events.add("edit", message=message.data, from_bot=message.from_bot)

    def remove(self, chat: Chat, message_id: int) -> None:
        """Delete a message for both sides."""
        del chat.messages[message_id]
        chat.events.add("delete", message_id=message_id)

    def preview(self, chat: Chat, content: Json) -> None:
        """Open the links of a message as Telegram would, unless it says not to."""
        options = content.get("link_preview_options", {})
        if "text" in content and not options.get("is_disabled"):
            urls = links_in(content["text"], content.get("entities", []))
            self.previews.open_first(chat.id, urls)

    # -- buttons ------------------------------------------------------------------------------

    def new_callback(self, chat: Chat, user: User, message: Message, data: str) -> CallbackQuery:
        """A tap on a button; the bot gets an update."""
        number = str(next(self._callback_ids))
        query = CallbackQuery(number, chat.id, user.id, message.id, data, time.time())
        self.callbacks[number] = query
        payload = {
            "id": number,
            "from": user.as_json(),
            "message": message.data,
            "chat_instance": str(chat.id * 7919 % (1 << 62)),
            "data": data,
        }
        self.put_update("callback_query", payload)
        return query

    def open_callback(self, query_id: str) -> CallbackQuery:
        """Find the tap a bot answers; raises ApiError for old or unknown ones."""
        query = self.callbacks.get(query_id)
        if query is None or time.time() - query.at > self.callback_lifetime:
            raise bad_request(
                "query is too old and response timeout expired or query ID is invalid"
            )
        return query

    async def close(self) -> None:
        """Stop what runs in the background, let go of who waits, write the people down."""
        self.queue.release_poll()
        for chat in self.chats.values():
            chat.events.close()
        await self.webhook.delete()
        await self.previews.close()
        self.save()
