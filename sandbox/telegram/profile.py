"""What a bot says of itself: commands, names, descriptions, by scope and language.

https://core.telegram.org/bots/api#setmycommands and
https://core.telegram.org/bots/api#determining-list-of-commands for which list a user sees.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from sandbox.telegram.errors import ApiError, bad_request
from sandbox.telegram.model import Chat, Json, User
from sandbox.telegram.parameters import parse_json, require_fields

MOST_COMMANDS = 100
_COMMAND = re.compile(r"/?[a-z0-9_]{1,32}")
_LANGUAGE = re.compile(r"[a-z]{2}")
_PLAIN = ("default", "all_private_chats", "all_group_chats", "all_chat_administrators")
_OF_CHAT = ("chat", "chat_administrators", "chat_member")
# Two-letter codes only, says the Bot API; a longer one is refused.
TEXT_LIMITS = {"name": 64, "description": 512, "short_description": 120}

Scope = tuple[str, str, str]


@dataclass
class Profile:
    """Commands and texts of the bot."""

    first_name: str
    commands: dict[tuple[Scope, str], list[Json]] = field(default_factory=dict)
    texts: dict[tuple[str, str], str] = field(default_factory=dict)

    def commands_for(self, chat: Chat, user: User) -> list[Json]:
        """The list that somebody sees in their private chat, or in a group."""
        for scope in _scopes(chat, user):
            for code in (user.language_code[:2].lower(), ""):
                if found := self.commands.get((scope, code)):
                    return found
        return []

    def text(self, name: str, language: str) -> str:
        """A text in a language, or the one for all others."""
        found = self.texts.get((name, language)) or self.texts.get((name, ""), "")
        return found or (self.first_name if name == "name" else "")


def _scopes(chat: Chat, user: User) -> list[Scope]:
    """The narrowest first; whoever made a group is its administrator."""
    here, administers = str(chat.id), user.id == chat.founder
    if chat.type == "private":
        return [("chat", here, ""), ("all_private_chats", "", ""), ("default", "", "")]
    in_groups: list[tuple[Scope, bool]] = [
        (("chat_member", here, str(user.id)), True),
        (("chat_administrators", here, ""), administers),
        (("chat", here, ""), True),
        (("all_chat_administrators", "", ""), administers),
        (("all_group_chats", "", ""), True),
        (("default", "", ""), True),
    ]
    return [scope for scope, applies in in_groups if applies]


def parse_language(raw: str) -> str:
    """Check the `language_code` parameter: two letters or nothing."""
    if raw and not _LANGUAGE.fullmatch(raw):
        raise bad_request("Invalid language code specified")
    return raw


def parse_scope(raw: str) -> Scope:
    """Parse the `scope` parameter into a key that lists are looked up by."""
    if not raw:
        return "default", "", ""
    otherwise = "Can't parse BotCommandScope: BotCommandScope must be an Object"
    value = parse_json(raw, "BotCommandScope", dict, otherwise)
    require_fields(value, "BotCommandScope", "type")
    kind = value["type"]
    if kind in _PLAIN:
        return str(kind), "", ""
    if kind not in _OF_CHAT:
        raise bad_request("Can't parse BotCommandScope: Unsupported type specified")
    require_fields(value, "BotCommandScope", "chat_id")
    return str(kind), str(value["chat_id"]), str(value.get("user_id", ""))


def parse_commands(raw: str) -> list[Json]:
    """Parse and check the `commands` parameter."""
    commands = []
    for item in parse_json(raw or "[]", "commands", list, "Expected an Array of BotCommand"):
        if not isinstance(item, dict):
            raise bad_request("Can't parse BotCommand: expected an Object")
        require_fields(item, "BotCommand", "command", "description")
        command, description = str(item["command"]), str(item["description"])
        if not _COMMAND.fullmatch(command):
            raise ApiError(400, "Bad Request: BOT_COMMAND_INVALID")
        if not 1 <= len(description) <= 256:
            raise ApiError(400, "Bad Request: BOT_COMMAND_DESCRIPTION_INVALID")
        commands.append({"command": command.lstrip("/"), "description": description})
    if len(commands) > MOST_COMMANDS:
        raise ApiError(400, "Bad Request: BOT_COMMANDS_TOO_MUCH")
    return commands
