"""Handlers of files in Drive, which tell the person what has kept them from their work."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

import structlog
from telegram import InlineKeyboardMarkup, Message, MessageEntity, Update

from bot.context import BotContext
from bot.delivery.conversation import argument_of
from bot.delivery.messages import acknowledge, say, show_instead
from bot.drive_files import file_texts
from bot.texts import file_keyboards
from config.languages import straight
from security.custody.deadline import NotWanted
from security.errors import ConsentRequired, CustodyError

Handler = Callable[[Update, BotContext], Coroutine[Any, Any, None]]
_log = structlog.get_logger()


def explained(
    *,
    anew: bool = False,
    about: Callable[[Update], str] = lambda _: "",
    of_file: bool = False,
    look: str = "",
) -> Callable[[Handler], Handler]:
    """Decorates a handler: a tap is acknowledged, and a CustodyError is told to the person.

    Args:
        anew: in a new message, so that what was tapped stays; otherwise in its place.
        about: the identifier of the file that the update is about: a button leads back to it.
        of_file: what keeps them from it is told with the name of the file that was tapped.
        look: it changes something in Drive, and this command shows whether it has.
    """

    def decorate(handler: Handler) -> Handler:
        @wraps(handler)
        async def explaining(update: Update, context: BotContext) -> None:
            await acknowledge(update.callback_query)
            try:
                await handler(update, context)
            except (CustodyError, NotWanted) as error:
                if isinstance(error, NotWanted) and not look:
                    raise  # it ends without a word
                text, markup = file_texts.trouble(error, context.t, about(update), look)
                if of_file and (name := file_named_in(update)):
                    text = "\n".join((context.t.tr("📄 <b>{name}</b>", name=name), text))
                await (say if anew else show)(update, context, text, markup)
                await note_trouble(context, error)

        return explaining

    return decorate


def file_named_in(update: Update) -> str:
    """The file that a tap or a reply is about, as the bot's own message calls it; "": it does not.

    What is no longer in Drive, or does not answer, cannot be asked for its name.
    """
    query, message = update.callback_query, update.message
    said = query.message if query is not None else message and message.reply_to_message
    if not isinstance(said, Message):
        return ""
    rows = said.reply_markup.inline_keyboard if said.reply_markup is not None else ()
    bold = said.parse_entities([MessageEntity.BOLD]) if said.text else {}
    found = [
        *(
            file_keyboards.name_on(button.text)
            for row in rows
            for button in row
            if query is not None and button.callback_data == query.data
        ),
        *(straight(name) for name in bold.values()),
    ]
    return next(filter(None, found), "")


async def note_trouble(context: BotContext, error: CustodyError | NotWanted) -> None:
    """Log what has kept a wish from being granted, and which the person is told of."""
    code = "cancelled" if isinstance(error, NotWanted) else error.code
    _log.info("command_handled", owner=context.owner, result=code)
    if isinstance(error, ConsentRequired):
        await context.core.note_owner_told(context.owner)


async def show(
    update: Update, context: BotContext, text: str, markup: InlineKeyboardMarkup | None = None
) -> None:
    """Put `text` in the place of what was tapped, or answer what was written."""
    answer = say if update.callback_query is None else show_instead
    await answer(update, context, text, markup)


def tapped(update: Update) -> tuple[str, str]:
    """The identifier that the tapped button names first, and whatever follows it; "" for none."""
    identifier, _, rest = argument_of(update.callback_query).partition(":")
    return identifier, rest
