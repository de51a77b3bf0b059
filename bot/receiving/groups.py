"""In a group: who means the bot, what it does there, and what it says in the private chat alone."""

from __future__ import annotations

from typing import Final

import structlog
from telegram import CallbackQuery, ExternalReplyInfo, Message, MessageEntity, Update
from telegram.constants import ChatMemberStatus, ChatType
from telegram.ext import ExtBot

from bot.context import BotContext
from bot.delivery.conversation import (
    Conversation,
    argument_of,
    conversation_of,
    message_of,
    owner_of,
    query_of,
)
from bot.delivery.messages import acknowledge, say, send, show_instead, tolerated
from bot.receiving import files
from bot.texts.catalogue import Texts
from bot.texts.filenames import incoming_file
from bot.texts.patterns import naming
from bot.uploads import keyboards
from bot.uploads.jobs import belongs_to, job_id_of
from bot.uploads.texts import group as group_texts
from config.languages import language_of
from security.credential import Owner

DUTY: Final = "duty"
"""A button under duties: it names whom it serves (`bot.duty.buttons`)."""
VERBS: Final = frozenset({"upload-cancel", "upload-retry", "group-link"})
"""Buttons that may stand in a group: each names a job, and serves that job's owner alone."""
_NAMING: Final[list[str | None]] = ["mention", "text_mention", "bot_command"]
"""https://core.telegram.org/bots/api#messageentity"""
_INSIDE: Final = frozenset({ChatMemberStatus.MEMBER, ChatMemberStatus.ADMINISTRATOR})
_log = structlog.get_logger()


async def is_meant(update: Update, context: BotContext) -> bool:
    """Whether something in a group is for the bot: a tap, or a message that addresses it.

    A part of an album that does not is remembered for a moment: another part may.
    """
    message = update.message
    if update.callback_query is not None:
        return True
    if message is None:
        return False
    if is_addressed(message, context.bot):
        return True
    album_id, user = _album_of(message), message.from_user
    if album_id is None or user is None:
        return False
    # The caption, and with it the bot's name, comes with one part of an album only.
    albums, find = context.services.albums, context.services.uploads.find
    if albums.is_expected(album_id) or await find(Owner.user(user.id), album_id) is not None:
        return True
    albums.overhear(album_id, update)
    return False


def _album_of(message: Message) -> str | None:
    """The id of the job that its album is or would be."""
    user, album = message.from_user, message.media_group_id
    return job_id_of(Owner.user(user.id), 0, album) if user and album else None


def is_addressed(message: Message, bot: ExtBot[int]) -> bool:
    """Whether it names the bot or replies to it. A bare command is meant for every bot there is."""
    named = _named(message)
    if any(entity.user is not None and entity.user.id == bot.id for entity in named):
        return True
    handles = [(entity.offset, *text.partition("@")[::2]) for entity, text in named.items()]
    if any(handle.lower() == bot.username.lower() for _, _, handle in handles):
        return True
    replied = message.reply_to_message
    ours = replied is not None and replied.from_user is not None and replied.from_user.id == bot.id
    return ours and not any(o == 0 and command and handle for o, command, handle in handles)


def may_tap(query: CallbackQuery, owner: Owner) -> bool:
    """Whether this button may be tapped in a group, by this person."""
    verb, _, argument = (query.data or "").partition(":")
    if verb == DUTY:
        return argument.partition(":")[0] == owner.key
    return verb in VERBS and belongs_to(argument.partition(":")[0], owner)


async def receive(update: Update, context: BotContext) -> None:
    """A message in a group: take the file it brings or replies to; all else is for elsewhere."""
    message = message_of(update)
    if (album_id := _album_of(message)) is not None:
        for earlier in context.services.albums.expect(album_id):
            await files.receive(earlier, context)
    if (source := _file_asked_for(message)) is not None:
        said = (source.caption if isinstance(source, Message) else None) or ""
        # Without what was meant for the bot: the rest describes the file.
        caption = naming(context.bot.username).sub("", said).strip()
        await files.take(update, context, source, caption)
        return
    name = f"@{context.bot.username}"
    if any(text.lower().startswith("/help") for text in _named(message).values()):
        said = context.t.tr(
            "👥 Here I take files only, and put each into the Drive of whoever asks:\n"
            "• a file with {name} in its caption\n"
            "• a reply to anybody's file with {name} or /save{name}\n\n"
            "Its link, and everything about your account, I tell you in our private chat.",
            name=name,
        )
    else:
        said = context.t.tr(
            "Here I take files only: name me in a file's caption, or reply to a file with "
            "{name}. Everything else is for our private chat.",
            name=name,
        )
    markup = keyboards.private_chat(context.t, context.private_address)
    await say(update, context, said, markup)


async def show_link(update: Update, context: BotContext) -> None:
    """The button under a group's result: its owner shows the link to everybody."""
    query = query_of(update)
    job = await context.services.uploads.find(context.owner, argument_of(query))
    here = query.message.chat.id if query.message else None
    if job is None or job.chat_id != here or not job.arrived:
        await acknowledge(query, context.t.label("This file is gone. Please send it again."))
        return
    await acknowledge(query)
    await show_instead(
        update, context, group_texts.with_links(job, context.t), usual=job.conversation
    )


async def refuse_anonymous(update: Update, context: BotContext) -> None:
    """Anonymous administrators all arrive as one user: nobody can tell whose Drive is meant."""
    message = update.message
    if message is None or not context.services.refusals.is_due(message.chat_id):
        return
    await _say(
        context,
        conversation_of(message),
        Texts(language_of(None)).tr(
            "I cannot tell who you are: write as yourself, not as the group or a channel."
        ),
    )


async def moved(update: Update, context: BotContext) -> None:
    """The group has become a supergroup, whose id the settings do not name as a rule."""
    message = update.message
    if message is None or message.migrate_to_chat_id is None:
        return
    # What was asked there before is still answered there: it is the same group.
    await context.services.uploads.move_chat(message.chat_id, message.migrate_to_chat_id)
    if (sheets := context.core.sheets) is not None:
        move = sheets.people.chats.move
        await context.core.workers.run(move, message.chat_id, message.migrate_to_chat_id)
    if message.migrate_to_chat_id in context.services.options.allowed_chat_ids:
        return
    _log.warning("group_moved", result="not_allowed")
    await _say(
        context,
        Conversation(message.migrate_to_chat_id),
        _texts_of(update).tr(
            "This group has a new ID since it became a supergroup: <code>{id}</code>. Send it to "
            "whoever runs this bot; once they have let me in, I work here again.",
            id=message.migrate_to_chat_id,
        )
        + _for_settings(update, context),
    )


async def came_or_went(update: Update, context: BotContext) -> None:
    """The bot was added somewhere, or removed: where it does not work it does not stay."""
    member = update.my_chat_member
    if member is None or member.chat.type == ChatType.PRIVATE:
        return
    services, chat = context.services, member.chat
    if chat.id in services.options.allowed_chat_ids or member.new_chat_member.status not in _INSIDE:
        return
    _log.warning("access_denied", owner=owner_of(update), result="not_allowed")
    if chat.type != ChatType.CHANNEL and services.refusals.is_due(owner_of(update)):
        await _say(
            context,
            Conversation(chat.id),
            _texts_of(update).tr(
                "I work only in groups that whoever runs this bot has let me into. Send them this "
                "group's ID: <code>{id}</code>. Until then, I am leaving.",
                id=chat.id,
            )
            + _for_settings(update, context),
        )
    with tolerated():
        await context.bot.leave_chat(chat.id)


async def _say(context: BotContext, to: Conversation, text: str) -> None:
    with tolerated():
        await send(context.bot, to, text)


def _for_settings(update: Update, context: BotContext) -> str:
    """What an administrator does with a group's ID; "" for anybody else."""
    user = update.effective_user
    if user is None or user.id not in context.services.options.admin_user_ids:
        return ""
    return "\n\n" + _texts_of(update).tr(
        "🛠 That is you: put it into ALLOWED_CHAT_IDS, restart me, and add me again."
    )


def _texts_of(update: Update) -> Texts:
    user = update.effective_user
    return Texts(language_of(user.language_code if user else None))


def _named(message: Message) -> dict[MessageEntity, str]:
    return {
        **(message.parse_entities(_NAMING) if message.text else {}),
        **(message.parse_caption_entities(_NAMING) if message.caption else {}),
    }


def _file_asked_for(message: Message) -> Message | ExternalReplyInfo | None:
    """The message whose file is meant: this one, or the one it replies to, of this chat or not."""
    if incoming_file(message) is not None:
        return message
    replied = message.reply_to_message or message.external_reply
    if replied is None or incoming_file(replied) is None:
        return None
    commands = [text for entity, text in _named(message).items() if entity.type == "bot_command"]
    return replied if all(text.lower().startswith("/save@") for text in commands) else None
