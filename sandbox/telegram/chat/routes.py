"""The people's side over HTTP, JSON, under /sandbox/chat: what the chat page and tests use; and
the page.

docs/sandbox.md lists the paths.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aiohttp import web

from sandbox.json_api import InvalidRequest, Kinds, check_kinds, explaining, read_object
from sandbox.telegram.chat.people import People
from sandbox.telegram.errors import ApiError
from sandbox.telegram.files.media import KINDS
from sandbox.telegram.files.store import LOCAL_LIMIT
from sandbox.telegram.model import Chat, Json, User, dumps
from sandbox.telegram.updates.queue import TYPES
from sandbox.telegram.world import TelegramWorld

BASE = "/sandbox/chat"
STATIC = Path(__file__).parent / "static"
_PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
        "img-src 'self' blob:; media-src 'self' blob:; base-uri 'none'; form-action 'none'"
    ),
    "Cache-Control": "no-cache",
    # Not `no-referrer`: forms would then send "Origin: null".
    "Referrer-Policy": "same-origin",
}
_PING = 15.0
_PIECE = 256 * 1024
_SHOWN_INLINE = ("image/", "video/", "audio/")
_CONTROLS: Kinds = {
    "local_mode": bool,
    "local_delay": (int, float),
    "callback_lifetime": (int, float),
    "logged_out": bool,
}


def _json(value: Any) -> web.Response:
    body = dumps(value).encode("utf-8", "replace")
    return web.Response(body=body, content_type="application/json")


def _described(group: Chat) -> Json:
    """As the Bot API shows it, and how many people are in it."""
    return group.as_json() | {"members": len(group.members)}


def chat_routes(world: TelegramWorld) -> list[web.RouteDef]:
    """Everything below /sandbox/chat."""
    api = ChatApi(world)
    chat = f"{BASE}/chats/{{chat}}"
    table = [
        ("GET", f"{BASE}/state", api.state),
        ("GET", f"{BASE}/users", api.list_users),
        ("POST", f"{BASE}/users", api.put_user),
        ("POST", f"{BASE}/users/{{chat}}/{{action:block|unblock|deactivate}}", api.change_user),
        ("POST", f"{chat}/messages", api.send),
        ("POST", f"{chat}/albums", api.send_album),
        ("PATCH", f"{chat}/messages/{{message}}", api.edit),
        ("DELETE", f"{chat}/messages/{{message}}", api.delete),
        ("POST", f"{chat}/taps", api.tap),
        ("GET", f"{chat}/commands", api.commands),
        ("GET", f"{chat}/events", api.events),
        ("POST", f"{BASE}/groups", api.make_group),
        ("POST", f"{chat}/upgrade", api.upgrade),
        ("POST", f"{chat}/topics", api.make_topic),
        ("POST", f"{chat}/topics/{{topic}}/{{action:close|reopen|delete}}", api.change_topic),
        ("POST", f"{BASE}/blobs", api.receive_blob),
        ("GET", f"{BASE}/files/{{file_id}}", api.show_file),
        ("POST", f"{BASE}/limits", api.set_limits),
        ("POST", f"{BASE}/controls", api.set_controls),
        ("POST", f"{BASE}/updates", api.inject),
    ]
    return [
        web.route(verb, path, explaining(handler, ApiError, ValueError, TypeError))
        for verb, path, handler in table
    ]


async def _page(_request: web.Request) -> web.StreamResponse:
    """The chat page: a small Telegram in the browser, at / and at /<bot's username>?start=…"""
    return web.FileResponse(
        STATIC / "chat.html", headers=_PAGE_HEADERS
    )  # its scripts read the address


def page_routes(world: TelegramWorld) -> list[web.AbstractRouteDef]:
    """The chat page and its parts."""
    return [
        web.get("/", _page),
        # A deep link, https://core.telegram.org/bots/features#deep-linking.
        web.get(f"/{world.bot_username}", _page),
        web.static(f"{BASE}/static", STATIC),
    ]


class ChatApi:
    """Handlers of /sandbox/chat."""

    def __init__(self, world: TelegramWorld):
        self.world = world
        self.people = People(world)

    def _chat(self, request: web.Request) -> Chat:
        return self.people.chat(int(request.match_info["chat"]))

    def _actor(self, chat: Chat, body: Json) -> User:
        """Who acts: the private chat's user, or the one a group message names."""
        return chat.user or self.people.user(int(body.get("user_id") or min(chat.members)))

    async def state(self, request: web.Request) -> web.StreamResponse:
        """GET state: everything but the messages; cheap however many chats there are."""
        world = self.world
        return _json(
            {
                "bot": world.bot_json(),
                "local_mode": world.local_mode,
                "local_delay": world.local_delay,
                "logged_out": world.logged_out,
                "pending_updates": len(world.queue.pending),
                "get_updates_calls": world.queue.polls,
                "webhook": world.webhook.as_json(),
                "violations": world.limits.violations,
                "recent_violations": list(world.limits.recent),
                "limits": world.limits.as_json(),
                "previews": {"enabled": world.previews.enabled, "opened": [*world.previews.opened]},
                "calls": dict(world.calls),
                "unanswered_taps": sum(not query.answered for query in world.callbacks.values()),
                "chats": [
                    {"id": c.id, "type": c.type, "messages": len(c.messages), "seq": c.events.seq}
                    for c in world.chats.values()
                ],
            }
        )

    async def list_users(self, request: web.Request) -> web.StreamResponse:
        """GET users, and the groups with the bot in them."""
        described = [
            self.people.describe(user) | {"last": self._last(self.world.chats[user.id])}
            for user in self.world.users.values()
        ]
        chats = self.world.chats.values()
        groups = [_described(chat) for chat in chats if not (chat.user or chat.bot_kicked)]
        return _json({"users": described, "groups": groups, "bot": self.world.bot_json()})

    def _last(self, chat: Chat) -> Json | None:
        """The newest message in short, for the list of people."""
        if not chat.messages:
            return None
        newest = next(reversed(chat.messages.values()))
        text = newest.data.get("text") or newest.data.get("caption") or ""
        media = next((kind for kind in KINDS if kind in newest.data), "")
        return {
            "id": newest.id,
            "from_bot": newest.from_bot,
            "text": str(text)[:80],
            "media": media,
            "date": newest.data["date"],
        }

    async def put_user(self, request: web.Request) -> web.StreamResponse:
        """POST users: a new person, or changes to the one with this id."""
        user = self.world.put_user(await read_object(request))
        return _json(self.people.describe(user) | {"seq": self.world.chats[user.id].events.seq})

    async def change_user(self, request: web.Request) -> web.StreamResponse:
        """POST users/{id}/block, /unblock, /deactivate."""
        user = self.people.user(int(request.match_info["chat"]))
        if (action := request.match_info["action"]) == "deactivate":
            self.people.deactivate(user)
        else:
            self.people.set_blocked(user, action == "block")
        return _json(self.people.describe(user))

    def _snapshot(self, chat: Chat) -> Json:
        shown = [{"message": m.data, "from_bot": m.from_bot} for m in chat.messages.values()]
        user = self.people.describe(chat.user) if chat.user else None
        result: Json = {"seq": chat.events.seq, "messages": shown, "keyboard": chat.keyboard}
        language = chat.user.language_code[:2].lower() if chat.user else ""
        description = self.world.profile.text("description", language)
        bot = self.world.bot_json()
        return result | {"user": user, "bot": bot, "description": description}

    async def send(self, request: web.Request) -> web.StreamResponse:
        """POST chats/{id}/messages."""
        chat, body = self._chat(request), await read_object(request)
        message = self.people.send(chat, self._actor(chat, body), body)
        return _json({"message": message.data, "seq": chat.events.seq})

    async def send_album(self, request: web.Request) -> web.StreamResponse:
        """POST chats/{id}/albums {"items": […]}."""
        chat, body = self._chat(request), await read_object(request)
        items = [{"topic": body.get("topic"), **item} for item in body["items"]]
        messages = self.people.send_album(chat, self._actor(chat, body), items)
        return _json({"messages": [m.data for m in messages], "seq": chat.events.seq})

    async def edit(self, request: web.Request) -> web.StreamResponse:
        """PATCH chats/{id}/messages/{message} {"text"}."""
        chat, body = self._chat(request), await read_object(request)
        number = int(request.match_info["message"])
        message = self.people.edit(chat, number, str(body.get("text") or ""))
        return _json({"message": message.data, "seq": chat.events.seq})

    async def delete(self, request: web.Request) -> web.StreamResponse:
        """DELETE chats/{id}/messages/{message}."""
        chat = self._chat(request)
        self.people.delete(chat, int(request.match_info["message"]))
        return _json({"seq": chat.events.seq})

    async def tap(self, request: web.Request) -> web.StreamResponse:
        """POST chats/{id}/taps {"message_id", "row", "column"}; the answer comes as an event."""
        chat, body = self._chat(request), await read_object(request)
        place = (int(body["message_id"]), int(body["row"]), int(body["column"]))
        before = chat.events.seq
        return _json(self.people.tap(chat, self._actor(chat, body), *place) | {"seq": before})

    async def commands(self, request: web.Request) -> web.StreamResponse:
        """GET chats/{id}/commands: the menu as a person sees it, in a group `user_id`."""
        chat = self._chat(request)
        user = self._actor(chat, dict(request.query))
        return _json({"commands": self.world.profile.commands_for(chat, user)})

    async def make_group(self, request: web.Request) -> web.StreamResponse:
        """POST groups {"title", "type", "members", "bot_is_admin"}."""
        return _json(_described(self.people.make_group(await read_object(request))))

    async def upgrade(self, request: web.Request) -> web.StreamResponse:
        """POST chats/{id}/upgrade: a basic group becomes a supergroup."""
        return _json(self.people.upgrade(self._chat(request)).as_json())

    async def make_topic(self, request: web.Request) -> web.StreamResponse:
        """POST chats/{id}/topics {"name"}: in a supergroup or a private chat."""
        chat, body = self._chat(request), await read_object(request)
        return _json(vars(self.world.topics.make(chat, str(body.get("name") or "Topic"))))

    async def change_topic(self, request: web.Request) -> web.StreamResponse:
        """POST chats/{id}/topics/{topic}/close, /reopen, /delete; 1 is the general one."""
        topic, action = int(request.match_info["topic"]), request.match_info["action"]
        self.people.change_topic(self._chat(request), topic, action)
        return _json({})

    async def receive_blob(self, request: web.Request) -> web.StreamResponse:
        """POST blobs: the body, as it is; then messages refer to it by its id."""
        pieces = request.content.iter_chunked(_PIECE)
        blob = await self.world.files.receive(pieces, LOCAL_LIMIT)
        return _json({"blob": blob.id, "size": blob.size})

    async def show_file(self, request: web.Request) -> web.StreamResponse:
        """GET files/{file_id}: for the page's pictures and downloads; never as a page itself."""
        stored = self.world.files.find(request.match_info["file_id"])
        inline = stored.mime.startswith(_SHOWN_INLINE) and "svg" not in stored.mime
        headers = {
            "Content-Type": stored.mime if inline else "application/octet-stream",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "sandbox; default-src 'none'",
            "Cache-Control": "private, max-age=3600",
        }
        return web.FileResponse(stored.blob.path, headers=headers)

    async def set_limits(self, request: web.Request) -> web.StreamResponse:
        """POST limits {"enforce": true, …}."""
        self.world.limits.configure(await read_object(request))
        return _json(self.world.limits.as_json())

    async def set_controls(self, request: web.Request) -> web.StreamResponse:
        """POST controls {"local_mode", "local_delay", "callback_lifetime", "previews"}."""
        changes = await read_object(request)
        if "previews" in changes:
            self.world.previews.enabled = bool(changes.pop("previews"))
        check_kinds(changes, _CONTROLS)
        for name, value in changes.items():
            setattr(self.world, name, value)
        return _json({})

    async def inject(self, request: web.Request) -> web.StreamResponse:
        """POST updates: an update as it is, e.g. one no action makes; its number is given here."""
        update = await read_object(request)
        kinds = [name for name in update if name in TYPES]
        if len(kinds) != 1:
            raise InvalidRequest("exactly one kind of update is needed")
        given = update[kinds[0]]
        place = given.get("chat") if kinds[0] == "message" else None  # it may be a broken one
        chat = self.world.chats.get(place.get("id", 0)) if isinstance(place, dict) else None
        if chat is not None:
            self.world.topics.add_named(chat, given)
        return _json({"update_id": self.world.queue.put(kinds[0], given)})

    async def events(self, request: web.Request) -> web.StreamResponse:
        """GET chats/{id}/events: Server-Sent Events, from a snapshot or after a number."""
        chat = self._chat(request)
        after = request.headers.get("Last-Event-ID") or request.query.get("after") or "-1"
        seq = int(after)
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        await response.prepare(request)
        while not chat.events.closed:
            events = None if seq < 0 or seq > chat.events.seq else chat.events.since(seq)
            if events is None:
                seq = chat.events.seq
                events = [(seq, dumps({"type": "snapshot", **self._snapshot(chat)}))]
            lines = [f"id: {number}\ndata: {text}\n\n" for number, text in events]
            try:
                await response.write("".join(lines or [": \n\n"]).encode("utf-8", "replace"))
            except (ConnectionError, RuntimeError):
                return response
            seq = events[-1][0] if events else seq
            if chat.events.seq == seq and not chat.events.closed:
                await chat.events.wait(_PING)
        return response
