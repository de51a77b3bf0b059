"""Handlers of files in Drive, which tell the person what has kept them from their work."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

import structlog
from telegram import InlineKeyboardMarkup, Update

from bot.context import BotContext
from bot.delivery.conversation import argument_of
from bot.delivery.messages import acknowledge, say, show_instead
from bot.drive_files import file_texts
from security.custody.deadline import NotWanted
from security.errors import ConsentRequired, CustodyError

Handler = Callable[[Update, BotContext], Coroutine[Any, Any, None]]
_log = structlog.get_logger()


def explained(
    *, anew: bool = False, about: Callable[[Update], str] = lambda _: "", look: str = ""
) -> Callable[[Handler], Handler]:
    """Decorates a handler: a tap is acknowledged, and a CustodyError is told to the person.

    Args:
        anew: in a new message, so that what was tapped stays; otherwise in its place.
        about: the identifier of the file that the update is about: a button leads back to it.
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
                await (say if anew else show)(update, context, text, markup)
                await note_trouble(context, error)

        return explaining

    return decorate


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
