"""Who may pass: decided here alone, for the gate and for what is written down before it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Literal

from telegram import Update
from telegram.constants import ChatType

from security.credential import Owner
from security.custody.members import Members

Verdict = Literal["pass", "leave", "anonymous_sender", "not_private", "not_allowed"]
"""pass: as far as the sender goes; leave: to disconnect or be forgotten, and for nothing else; the
others are results of `access_denied`."""
_LEAVING: Final = frozenset({"/disconnect", "/privacy"})
_LEAVING_BUTTONS: Final = frozenset({"disconnect", "erase", "my-data"})


@dataclass(frozen=True, slots=True)
class Access:
    """Whether a sender may pass: by who sent an update, and where, not by what it wants."""

    members: Members
    groups: frozenset[int]
    """The groups in which the bot answers."""
    is_kept: Callable[[Owner], Awaitable[bool]]
    """Whether a credential of this owner's is kept."""

    async def of(self, update: Update) -> Verdict:
        """Whether the sender of this update may pass."""
        chat, user, message = (
            update.effective_chat,
            update.effective_user,
            update.effective_message,
        )
        if update.my_chat_member is not None:
            return "pass"  # the bot came or went: nobody is answered
        if user is None or user.is_bot or (message is not None and message.sender_chat is not None):
            # Anonymous administrators all arrive as one user, channels as none.
            return "anonymous_sender"
        is_private = chat is not None and chat.type == ChatType.PRIVATE
        if chat is None or not (is_private or chat.id in self.groups):
            return "not_private"
        owner = Owner.user(user.id)
        if self.members.may_use(owner):
            return "pass"
        # Whoever is no longer served must still be able to take back what they gave.
        if is_private and wants_to_leave(update) and await self.is_kept(owner):
            return "leave"
        return "not_allowed"


def wants_to_leave(update: Update) -> bool:
    """Whether it is /disconnect or /privacy, or a button of theirs."""
    if update.callback_query is not None:
        verb = (update.callback_query.data or "").partition(":")[0]
        return verb in _LEAVING_BUTTONS
    text = (update.message.text if update.message else None) or ""
    word = text.split(maxsplit=1)[0] if text.strip() else ""
    return word.partition("@")[0].lower() in _LEAVING
