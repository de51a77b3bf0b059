"""What is no command, file or answer: texts, what cannot be uploaded, buttons of long ago."""

from __future__ import annotations

from typing import Final

from telegram import Message, MessageEntity, Update

from bot.connecting import connect
from bot.connecting.consent_outcome import not_the_address
from bot.context import BotContext
from bot.delivery.conversation import message_of, query_of
from bot.delivery.messages import acknowledge, say
from bot.receiving import files
from bot.texts.filenames import incoming_file

_LINKS: Final = frozenset({MessageEntity.URL, MessageEntity.TEXT_LINK})


async def text(update: Update, context: BotContext) -> None:
    """Plain text: the pasted address of the paste flow, or a word about what to send."""
    message = message_of(update)
    replied = message.external_reply
    if replied is not None and incoming_file(replied) is not None:
        await files.take(update, context, replied, message.text or "")  # a file from another chat
        return
    if await connect.may_be_asked_by(context, "paste"):
        if pasted := connect.looks_pasted(message):
            await connect.paste(update, context, pasted)
            return
        pending = await context.core.consents.latest(context.owner)
        if pending is not None and pending.flow == "paste" and pending.stage == "asked":
            await say(update, context, not_the_address(context.t))
            return
    if _has_link(message) and not connect.looks_pasted(message):
        said = context.t.tr(
            "🔗 I do not fetch what a link leads to: into your Drive goes what comes through "
            "Telegram. Download it and send it to me as a file, or forward me a message that has "
            "the file in it."
        )
    else:
        said = context.t.tr("📎 Send me a file, and I put it into your Google Drive.")
    await say(update, context, said)


def _has_link(message: Message) -> bool:
    """Telegram marks them itself: https://core.telegram.org/bots/api#messageentity."""
    return any(entity.type in _LINKS for entity in message.entities)


async def unsupported(update: Update, context: BotContext) -> None:
    """A contact, a place, a story, …: nothing that is a file, or none that a bot is given."""
    await say(
        update,
        context,
        context.t.tr(
            "I cannot put this into a Drive. I take documents, photos, live photos, videos, audio, "
            "voice and video messages, and stickers."
        ),
    )


async def unknown_command(update: Update, context: BotContext) -> None:
    """A command that is none of ours."""
    await say(update, context, context.t.tr("I do not know this command. /help lists mine."))


async def stale_button(update: Update, context: BotContext) -> None:
    """A button of an older version, or of nobody."""
    gone = context.t.label("This button no longer works. /help shows what I can do.")
    await acknowledge(query_of(update), gone)
