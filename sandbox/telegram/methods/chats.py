"""Files and chats: https://core.telegram.org/bots/api#getfile and #leavechat."""

from __future__ import annotations

import asyncio
from typing import Any

from sandbox.telegram.call import METHODS, Call
from sandbox.telegram.errors import bad_request
from sandbox.telegram.files.store import DOWNLOAD_LIMIT


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


@METHODS.add("leaveChat")
async def leave_chat(call: Call) -> Any:
    """https://core.telegram.org/bots/api#leavechat."""
    chat = call.chat()
    if chat.type == "private":
        raise bad_request("chat member status can't be changed in private chats")
    chat.bot_kicked = True
    return True


@METHODS.add("getChat")
async def get_chat(call: Call) -> Any:
    """https://core.telegram.org/bots/api#getchat."""
    return call.world.find_chat(call.text("chat_id"), write=False).as_json()
