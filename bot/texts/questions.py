"""Questions that are answered by replying to them; what each is about stands in the question.

A link on the question's sign carries it, so that an answer is understood after a restart, too.
Nobody can forge one: Telegram itself hands over the message that is replied to.
"""

from __future__ import annotations

import html
from typing import Final
from urllib.parse import quote, unquote

from telegram import ForceReply, Message, MessageEntity
from telegram.ext import ExtBot, filters

from bot.texts.catalogue import Html

PLACEHOLDER_LENGTH: Final = 64
"""https://core.telegram.org/bots/api#forcereply"""


def sign(bot: ExtBot[int], base_url: str, emoji: str, purpose: str, argument: str = "") -> Html:
    """`emoji` for the question's text, which also says what an answer is for.

    Args:
        base_url: where links to this bot begin.
        purpose: letters; the answer's handler goes by it.
        argument: of a few characters.
    """
    address = f"{base_url}/{bot.username}#{purpose}={quote(argument, safe='')}"
    return Html(f'<a href="{html.escape(address)}">{emoji}</a>')


def box(placeholder: str = "") -> ForceReply:
    """Opens the person's field for an answer, with this in it until they write; "": with nothing.

    Telegram takes 1 to 64 characters, and counts as its clients do: in UTF-16.
    """
    units = placeholder.strip().encode("utf-16-le", "replace")[: 2 * PLACEHOLDER_LENGTH]
    shown = units.decode("utf-16-le", "ignore").strip()
    return ForceReply(input_field_placeholder=shown or None)


def answered(message: Message) -> tuple[str, str] | None:
    """Purpose and argument of the bot's question that `message` replies to."""
    question = message.reply_to_message
    asker = question.from_user if question is not None else None
    if question is None or asker is None or asker.id != message.get_bot().id:
        return None
    for entity in question.entities:
        if entity.type == MessageEntity.TEXT_LINK and entity.url and entity.offset == 0:
            purpose, is_one, argument = entity.url.partition("#")[2].partition("=")
            return (purpose, unquote(argument)) if is_one else None
    return None


def answer_in(message: Message) -> tuple[str, str]:
    """What the question was about, and the answer, of a message that `Answers` takes."""
    asked = answered(message)
    if asked is None or message.text is None:
        raise ValueError("a message without an answer")
    return asked[1], message.text


class Answers(filters.MessageFilter):
    """Messages that answer a question of one of these purposes."""

    def __init__(self, *purposes: str) -> None:
        super().__init__(name=f"answers to {', '.join(purposes)}")
        self._purposes = frozenset(purposes)

    def filter(self, message: Message) -> bool:
        """Whether it is one."""
        found = answered(message)
        return found is not None and found[0] in self._purposes
