"""Who talks with the bot, and where: a chat, or one topic of it. What is answered stays there.

Topics are those of a forum and, since Bot API 9.3, those of a private chat.
https://core.telegram.org/bots/api#message (message_thread_id, is_topic_message)
"""

from __future__ import annotations

from dataclasses import dataclass

from telegram import CallbackQuery, MaybeInaccessibleMessage, Message, Update

from security.credential import Owner


@dataclass(frozen=True, slots=True)
class Conversation:
    """A chat, or a topic of it."""

    chat_id: int
    topic_id: int | None = None
    """None: the chat has no topics, or it is the general one, which Telegram gives no number."""

    @property
    def is_private(self) -> bool:
        """Whether nobody but one person reads it: groups have negative numbers."""
        return self.chat_id > 0


def conversation_of(message: MaybeInaccessibleMessage) -> Conversation:
    """Where `message` stands. Of one that Telegram no longer shows the topic is not known."""
    topic_id = (
        message.message_thread_id
        # Else it is no topic but a chain of replies, into which Telegram lets nobody send.
        if isinstance(message, Message) and message.is_topic_message
        else None
    )
    return Conversation(message.chat.id, topic_id)


def asked_in(update: Update) -> Conversation | None:
    """Where somebody has written or tapped."""
    query = update.callback_query
    message = query.message if query is not None else update.effective_message
    return conversation_of(message) if message is not None else None


def owner_of(update: Update) -> Owner:
    """The owner behind an update the gate let through."""
    if update.effective_user is None:
        raise ValueError("an update without a sender")
    return Owner.user(update.effective_user.id)


def chat_of(owner: Owner) -> int:
    """A person's private chat has the person's id."""
    if owner.telegram_id is None:
        raise ValueError("a department has no chat")
    return owner.telegram_id


def query_of(update: Update) -> CallbackQuery:
    """The tap that a button's handler was given."""
    if update.callback_query is None:
        raise ValueError("an update without a tap")
    return update.callback_query


def message_of(update: Update) -> Message:
    """The message that a message's handler was given."""
    if update.message is None:
        raise ValueError("an update without a message")
    return update.message


def argument_of(query: CallbackQuery | None) -> str:
    """What comes after the verb of the button that was tapped; "" where none was."""
    return (query.data or "").partition(":")[2] if query else ""
