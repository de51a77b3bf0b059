"""Commands, names and descriptions of the bot: https://core.telegram.org/bots/api#setmycommands."""

from __future__ import annotations

from typing import Any

from sandbox.telegram.call import METHODS, Call
from sandbox.telegram.errors import ApiError, bad_request
from sandbox.telegram.profile import (
    TEXT_LIMITS,
    Scope,
    parse_commands,
    parse_language,
    parse_scope,
)


def _where(call: Call) -> tuple[Scope, str]:
    scope = parse_scope(call.text("scope"))
    if scope[1]:
        chat = call.world.find_chat(scope[1], write=False)
        if chat.type == "private" and scope[0] != "chat":
            raise bad_request("can't use specified scope in private chats")
        scope = (scope[0], str(chat.id), scope[2])
    return scope, parse_language(call.text("language_code"))


def _tell(call: Call) -> None:
    for chat in call.world.chats.values():
        chat.events.add("commands")


@METHODS.add("setMyCommands")
async def set_my_commands(call: Call) -> Any:
    """https://core.telegram.org/bots/api#setmycommands."""
    commands = parse_commands(call.text("commands"))
    call.world.profile.commands[_where(call)] = commands
    _tell(call)
    return True


@METHODS.add("deleteMyCommands")
async def delete_my_commands(call: Call) -> Any:
    """https://core.telegram.org/bots/api#deletemycommands."""
    call.world.profile.commands.pop(_where(call), None)
    _tell(call)
    return True


@METHODS.add("getMyCommands")
async def get_my_commands(call: Call) -> Any:
    """https://core.telegram.org/bots/api#getmycommands."""
    return call.world.profile.commands.get(_where(call), [])


def _register_text(name: str) -> None:
    title = "".join(word.capitalize() for word in name.split("_"))

    async def set_text(call: Call) -> Any:
        language = parse_language(call.text("language_code"))
        value = call.text(name)
        if len(value) > TEXT_LIMITS[name]:
            constant = {"name": "BOT_TITLE", "description": "BOT_DESCRIPTION"}.get(name)
            raise ApiError(400, f"Bad Request: {constant or 'BOT_SHARE_TEXT'}_INVALID")
        call.world.profile.texts[name, language] = value
        return True

    async def get_text(call: Call) -> Any:
        return {name: call.world.profile.text(name, parse_language(call.text("language_code")))}

    METHODS.add(f"setMy{title}")(set_text)
    METHODS.add(f"getMy{title}")(get_text)


for _name in TEXT_LIMITS:
    _register_text(_name)
