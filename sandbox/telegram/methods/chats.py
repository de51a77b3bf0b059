"""Files, chats and people: https://core.telegram.org/bots/api#getfile, #getchat, …"""

from __future__ import annotations

import asyncio
from typing import Any

from sandbox.telegram.call import Call
from sandbox.telegram.errors import bad_request
from sandbox.telegram.files.store import DOWNLOAD_LIMIT
from sandbox.telegram.methods.registry import METHODS
from sandbox.telegram.model import Chat, Json


@METHODS.add("getFile")
async def get_file(call: Call) -> Any:
    """https://core.telegram.org/bots/api#getfile, and what a local server does differently.

    https://core.telegram.org/bots/api#using-a-local-bot-api-server: no limit on downloads, an
    absolute path, and the answer only when the whole file is there.
    """
    world = call.world
    stored = world.files.find(call.text("file_id"))
    if world.local_mode:
        if world.local_delay:
            await asyncio.sleep(world.local_delay)
        return stored.as_json() | {"file_path": str(world.files.place_locally(stored))}
    if stored.blob.size > DOWNLOAD_LIMIT:
        raise bad_request("file is too big")
    return stored.as_json() | {"file_path": stored.relative_path}


@METHODS.add("getChat")
async def get_chat(call: Call) -> Any:
    """https://core.telegram.org/bots/api#getchat."""
    chat = call.chat(write=False)
    full: Json = chat.as_json() | {"accent_color_id": 0, "max_reaction_count": 11}
    gifts = ("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription")
    full["accepted_gift_types"] = dict.fromkeys((*gifts, "gifts_from_channels"), False)
    if chat.user is not None and chat.user.username:
        full["active_usernames"] = [chat.user.username]
    return full


def member_json(call: Call, chat: Chat, user_id: int) -> Json:
    """https://core.telegram.org/bots/api#chatmember."""
    if user_id == call.world.bot_id:
        status = "kicked" if chat.bot_kicked else "member"
        status = "administrator" if chat.bot_is_admin and status == "member" else status
        return {"user": call.world.bot_json(), "status": status}
    user = call.world.users.get(user_id)
    if user is None:
        raise bad_request("PARTICIPANT_ID_INVALID")
    inside = user_id in chat.members or chat.id == user_id
    return {"user": user.as_json(), "status": "member" if inside else "left"}


@METHODS.add("getChatMember")
async def get_chat_member(call: Call) -> Any:
    """https://core.telegram.org/bots/api#getchatmember."""
    user_id = call.number("user_id", 0, 0, 1 << 52)
    if not user_id:
        raise bad_request("Invalid user_id specified")
    return member_json(call, call.chat(write=False), user_id)


@METHODS.add("leaveChat")
async def leave_chat(call: Call) -> Any:
    """https://core.telegram.org/bots/api#leavechat."""
    chat = call.chat()
    if chat.type == "private":
        raise bad_request("chat member status can't be changed in private chats")
    chat.bot_kicked = True
    return True


@METHODS.add("getUserProfilePhotos")
async def get_user_profile_photos(call: Call) -> Any:
    """https://core.telegram.org/bots/api#getuserprofilephotos: nobody here has any."""
    user_id = call.number("user_id", 0, 0, 1 << 52)
    if not user_id:
        raise bad_request("Invalid user_id specified")
    if user_id not in call.world.users:
        raise bad_request("user not found")
    return {"total_count": 0, "photos": []}
