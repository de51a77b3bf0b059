"""That the bot is at it: "typing …" above the chat, for as long as it takes.

https://core.telegram.org/bots/api#sendchataction
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from telegram.constants import ChatAction
from telegram.error import TelegramError
from telegram.ext import ExtBot

from bot.delivery.conversation import Conversation
from bot.delivery.messages import may_pass
from bot.delivery.rate_limits import COURTESY

_AGAIN_SECONDS: Final = 4.5  # Telegram shows it for five


@asynccontextmanager
async def busy(
    bot: ExtBot[int], to: Conversation, action: ChatAction, after: float = 0
) -> AsyncIterator[None]:
    """Show `action` there within this, if it takes longer than `after` seconds."""
    showing = asyncio.create_task(_show(bot, to, action, after))
    try:
        yield
    finally:
        showing.cancel()


async def _show(bot: ExtBot[int], to: Conversation, action: ChatAction, after: float) -> None:
    await asyncio.sleep(after)
    while True:
        try:
            await bot.send_chat_action(
                to.chat_id, action, message_thread_id=to.topic_id, rate_limit_args=COURTESY
            )
        except TelegramError as error:
            if not may_pass(error):  # a 429, too: it is for what matters more
                return
        await asyncio.sleep(_AGAIN_SECONDS)
