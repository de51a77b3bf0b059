"""Everything the bot says: sent, put in the place of what it said before, or delivered later.

Here alone Telegram's refusals are judged, and by their class: its sentences are for people, and
change. https://core.telegram.org/bots/api#making-requests
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final, Literal, NamedTuple

import structlog
from telegram import CallbackQuery, InlineKeyboardMarkup, Message, Update
from telegram._utils.types import ReplyMarkup
from telegram.error import BadRequest, ChatMigrated, Forbidden, NetworkError, TelegramError
from telegram.ext import CallbackContext, ExtBot

from bot.delivery.conversation import Conversation, asked_in, chat_of, owner_of
from bot.delivery.telegram_request import Unanswered
from security.credential import Owner

Outcome = Literal["sent", "refused", "later"]
Context = CallbackContext[ExtBot[int], Any, Any, Any]
"""Of a handler's context nothing but its bot is needed here."""
REFUSALS: Final = (BadRequest, Forbidden)
"""Telegram has understood, and says no: asked the same again, it would say the same."""
_log = structlog.get_logger()


class Sent(NamedTuple):
    """A message of the bot's."""

    to: Conversation
    """Where it stands; elsewhere than it was meant where a group has become a supergroup."""
    message_id: int


def may_pass(error: TelegramError) -> bool:
    """Whether the same may work another time; python-telegram-bot's BadRequest is no such one."""
    return isinstance(error, NetworkError) and not isinstance(error, REFUSALS)


def says_so_already(error: TelegramError) -> bool:
    """Whether an edit was refused because nothing would change: the one refusal that is none.

    Telegram has no code for it, only two ways to write it.
    """
    words = error.message.lower().replace("_", " ")
    return isinstance(error, BadRequest) and "not modified" in words


async def put_into(
    to: Conversation,
    send: Callable[[Conversation, int | None], Awaitable[Message]],
    reply_to: int = 0,
) -> Sent:
    """Send where it is taken; `send` is given where, and what it replies to.

    The message replied to may be gone, and so may a topic. A private chat has room beside its
    topics; in a group nobody who asked in a topic looks for the answer outside of it.

    Raises:
        telegram.error.TelegramError: it is taken nowhere, or Telegram did not answer.
    """
    tries = [(to, reply_to)]
    if reply_to:
        tries.append((to, 0))
    if to.topic_id is not None and to.is_private:
        tries.append((Conversation(to.chat_id), 0))
    has_moved = False
    while True:
        here, replied = tries.pop(0)
        try:
            message = await send(here, replied or None)
        except ChatMigrated as moved:
            if has_moved:
                raise
            has_moved, tries = True, [(Conversation(moved.new_chat_id), 0)]
        except BadRequest:
            if not tries:
                raise
        else:
            return Sent(here, message.message_id)


async def send(
    bot: ExtBot[int],
    to: Conversation,
    text: str,
    markup: ReplyMarkup | None = None,
    *,
    reply_to: int = 0,
    background: int | None = None,
) -> Sent:
    """Send `text`, as a reply where `reply_to` is still there. Raises as `put_into`."""

    async def once(here: Conversation, replied: int | None) -> Message:
        return await bot.send_message(
            here.chat_id,
            text,
            message_thread_id=here.topic_id,
            reply_to_message_id=replied,
            allow_sending_without_reply=True if replied else None,
            reply_markup=markup,
            rate_limit_args=background,
        )

    return await put_into(to, once, reply_to)


async def edit(
    bot: ExtBot[int],
    sent: Sent,
    text: str,
    markup: InlineKeyboardMarkup | None = None,
    *,
    background: int | None = None,
) -> bool:
    """Show `text` in the bot's message; False: Telegram does not let it be edited, or it is gone.

    Raises:
        telegram.error.TelegramError: Telegram did not answer, or the group has moved.
    """
    return await was_taken(
        bot.edit_message_text(
            text,
            chat_id=sent.to.chat_id,
            message_id=sent.message_id,
            reply_markup=markup,
            rate_limit_args=background,
        )
    )


async def was_taken(edit: Awaitable[object]) -> bool:
    """Whether Telegram shows what an edit is to show; False: it refuses the edit.

    Raises:
        telegram.error.TelegramError: Telegram did not answer, or the group has moved.
    """
    try:
        await edit
    except REFUSALS as refusal:
        return says_so_already(refusal)
    return True


async def edit_or_send(
    bot: ExtBot[int],
    to: Conversation,
    message_id: int,
    text: str,
    markup: InlineKeyboardMarkup | None = None,
    *,
    reply_to: int = 0,
    background: int | None = None,
) -> Sent:
    """Show `text` in the bot's message, or in a new one where Telegram does not let it be edited.

    Args:
        message_id: the bot's message; 0: there is none.
        reply_to: what a new one replies to.

    Raises:
        telegram.error.TelegramError: neither worked, or Telegram did not answer.
    """
    if message_id:
        sent = Sent(to, message_id)
        try:
            if await edit(bot, sent, text, markup, background=background):
                return sent
        except ChatMigrated as moved:
            if not to.is_private:  # a supergroup counts its messages anew
                to, reply_to = Conversation(moved.new_chat_id), 0
    return await send(bot, to, text, markup, reply_to=reply_to, background=background)


async def say(
    update: Update, context: Context, text: str, markup: ReplyMarkup | None = None
) -> Sent:
    """Answer where somebody has written or tapped; privately, where a group does not take it."""
    private = Conversation(chat_of(owner_of(update)))
    to = asked_in(update) or private
    if to.is_private:
        return await send(context.bot, to, text, markup)
    replied = update.message.message_id if update.message is not None else 0
    try:
        return await send(context.bot, to, text, markup, reply_to=replied)
    except REFUSALS:
        return await send(context.bot, private, text, markup)


def privately(update: Update, owner: Owner) -> Conversation:
    """The owner's private chat; in the topic of it where they have asked just now."""
    here = asked_in(update)
    return here if here is not None and here.is_private else Conversation(chat_of(owner))


async def show_instead(
    update: Update,
    context: Context,
    text: str,
    markup: InlineKeyboardMarkup | None = None,
    *,
    usual: Conversation | None = None,
) -> None:
    """Put `text` in the place of the message whose button was tapped.

    Args:
        usual: where the message was sent: the topic of one that Telegram no longer shows.
    """
    query = update.callback_query
    message = query.message if query is not None else None
    to = asked_in(update) or Conversation(chat_of(owner_of(update)))
    if usual is not None and usual.chat_id == to.chat_id:
        to = usual
    number = message.message_id if message is not None else 0
    await edit_or_send(context.bot, to, number, text, markup)


async def show_buttons(
    update: Update, context: Context, markup: InlineKeyboardMarkup | None, owner: Owner
) -> None:
    """Put other buttons under the message whose button was tapped; its text stays."""
    message = update.callback_query.message if update.callback_query is not None else None
    if message is not None:
        with tolerated(owner):
            await context.bot.edit_message_reply_markup(
                message.chat.id, message.message_id, reply_markup=markup
            )


def note_refusal(refusal: TelegramError, owner: Owner, *, has_written: bool) -> None:
    """Log that `owner` is not told, because Telegram refuses to.

    Whoever has never opened the bot is refused as whoever has blocked it, but for Telegram's
    sentence. So blocking is said of those alone who have written in that private chat.

    Args:
        has_written: whether it was refused in the private chat in which they have written.
    """
    if has_written and isinstance(refusal, Forbidden):
        _log.info("user_blocked_bot", owner=owner)
    else:
        _log.info("message_not_sent", owner=owner, result="refused")


@contextlib.contextmanager
def tolerated(owner: Owner | None = None, *also: type[Exception]) -> Iterator[None]:
    """Let what has been done stand where Telegram does not take what is said of it: it is logged.

    Args:
        owner: who would have been told.
        also: what else may be raised, and is no reason to go no further.
    """
    passing: tuple[type[Exception], ...] = (TelegramError, *also)
    try:
        yield
    except passing:
        _log.info("message_not_sent", **({} if owner is None else {"owner": owner}))


async def acknowledge(query: CallbackQuery | None, text: str = "", *, alert: bool = False) -> None:
    """Answer a tap, if there was one; None: somebody has written.

    One that has grown too old is carried out all the same: only the toast is lost.
    https://core.telegram.org/bots/api#answercallbackquery
    """
    with contextlib.suppress(TelegramError):
        if query is not None:
            await query.answer(text or None, show_alert=alert)


async def tell(
    bot: ExtBot[int],
    owner: Owner,
    message_id: int,
    text: str,
    markup: InlineKeyboardMarkup | None = None,
    *,
    to: Conversation | None = None,
    reply_to: int = 0,
    background: int | None = None,
) -> None:
    """Edit or send, where what has been done stays done if nobody can be told."""
    to = to or Conversation(chat_of(owner))
    with tolerated(owner):
        await edit_or_send(
            bot, to, message_id, text, markup, reply_to=reply_to, background=background
        )


async def deliver(
    bot: ExtBot[int],
    owner: Owner,
    text: str,
    markup: InlineKeyboardMarkup | None,
    *,
    background: int | None = None,
) -> Outcome:
    """Send what the bot itself begins; "later": what kept it from arriving may pass by itself."""
    try:
        await send(bot, Conversation(chat_of(owner)), text, markup, background=background)
    except REFUSALS as refusal:
        note_refusal(refusal, owner, has_written=False)
        return "refused"
    except (TelegramError, RuntimeError) as error:  # RuntimeError: the process is stopping
        _log.info("message_not_sent", owner=owner)
        # Telegram had all of it and was slow to say so: sent again, it would stand there twice.
        return "sent" if isinstance(error, Unanswered) else "later"
    return "sent"
