"""What somebody is told of whose updates there are more than are kept."""

from __future__ import annotations

from telegram import Update
from telegram.ext import ExtBot

from bot.delivery.messages import deliver
from bot.delivery.rate_limits import BACKGROUND
from bot.preferences.store import Preferences
from bot.texts.catalogue import Texts
from bot.texts.filenames import incoming_file
from security.credential import Owner


async def tell(bot: ExtBot[int], preferences: Preferences, update: Update) -> None:
    """Say from which file on nothing was taken: `update` is the first without room."""
    if update.effective_user is None:
        return
    owner = Owner.user(update.effective_user.id)
    texts = Texts(await preferences.language(owner))
    found = incoming_file(update.message) if update.message else None
    if found is not None:
        text = texts.tr(
            "✋ From <b>{name}</b> on I have taken nothing: more is waiting than I can keep. Send "
            "it and what came after it once more when everything before it has arrived.",
            name=found.name,
        )
    else:
        text = texts.tr(
            "✋ I have stopped reading your messages for now: more is waiting than I can keep. "
            "Write once more when I have answered what came before."
        )
    await deliver(bot, owner, text, None, background=BACKGROUND)
