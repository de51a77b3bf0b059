"""Everything a person sends that is no command: files first of all."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from functools import partial

import structlog
from telegram import CallbackQuery, ExternalReplyInfo, Message, Update
from telegram.constants import ChatType
from telegram.error import TelegramError
from telegram.ext import ExtBot

from bot.cancelling import uploads as cancelling
from bot.connecting.whose_account import ask_once_more
from bot.context import BotContext
from bot.delivery.conversation import argument_of, conversation_of, message_of, query_of
from bot.delivery.messages import acknowledge, deliver, say, show_instead
from bot.delivery.rate_limits import BACKGROUND
from bot.services import Services
from bot.texts.buttons import Shown
from bot.texts.catalogue import Texts
from bot.texts.filenames import (
    CLOUD_LIMIT,
    incoming_files,
    shown_text,
    type_by_ending,
    wished_name,
)
from bot.uploads.jobs import JobFile, UploadJob, job_id_of
from bot.uploads.names import with_names
from bot.uploads.progress import first_message, tell_of
from bot.uploads.texts import group as group_texts
from bot.uploads.texts import upload as upload_texts
from bot.uploads.texts.arrived import arrived
from bot.uploads.texts.upload import too_big
from security.credential import Owner

_log = structlog.get_logger()


async def receive(update: Update, context: BotContext) -> None:
    """A file: write it down, say so, queue it; without a connection ask for one first."""
    message = message_of(update)
    await take(update, context, message, message.caption or "")


async def take(
    update: Update, context: BotContext, source: Message | ExternalReplyInfo, caption: str
) -> None:
    """Take in the files of `source` for whoever sent the update."""
    message, user, found = update.message, update.effective_user, incoming_files(source)
    if message is None or user is None or not found:
        return
    owner, texts = context.owner, context.t
    if not context.services.options.local_mode:
        for file in found:
            if (file.size or 0) > CLOUD_LIMIT:
                context.services.ends.of_file(owner, file.kind, "too_big", file.size)
                await say(update, context, too_big(texts, file.name, file.size))
        found = tuple(file for file in found if (file.size or 0) <= CLOUD_LIMIT)
        if not found:
            return
    uploads = context.services.uploads
    if uploads.remaining(owner) < len(found):
        for file in found:
            context.services.ends.of_file(owner, file.kind, "too_many", file.size)
        await say(
            update,
            context,
            texts.tr(
                "✋ <b>{name}</b> was not taken: you already have as many files waiting as I can "
                "keep. Send it again when some of them have arrived.",
                name=found[0].name,
            ),
        )
        return
    wished, rest = wished_name(caption)
    connected = await context.is_connected(owner)
    job = UploadJob(
        id=job_id_of(owner, update.update_id),
        owner=owner,
        chat_id=message.chat_id,
        topic_id=conversation_of(message).topic_id,
        state="queued" if connected else "waiting",
        files=tuple(
            JobFile(
                telegram_file_id=file.file_id,
                kind=file.kind,
                name=file.name,
                own_name=file.name,
                is_made=file.is_made,
                wish=wished,
                place=(message.message_id, file.item),
                mime_type=file.mime_type or type_by_ending(wished),
                size=file.size,
                description=rest,
            )
            for file in found
        ),
        created_at=datetime.now(UTC),
        reply_to=message.message_id,
        update_id=update.update_id,
        person="" if message.chat.type == ChatType.PRIVATE else shown_text(user.first_name, 64),
    )
    if message.media_group_id is not None:
        album_id = job_id_of(owner, update.update_id, message.media_group_id)
        album = job.model_copy(update={"id": album_id})
        if await context.services.albums.take(album, partial(_accept, context, texts)):
            return
    if (known := await uploads.find(owner, job.id)) is None:
        # Before anything else it is written down; Telegram's messages may fail.
        job = await with_names(job, uploads)
        await uploads.save(job)
        await _accept(context, texts, job)
    elif known.is_untold:  # a kill came in between, and the update once more
        await _accept(context, texts, known)


async def _accept(context: BotContext, texts: Texts, job: UploadJob) -> None:
    uploads = context.services.uploads
    private = upload_texts.accepted(job, uploads.position(job.owner), texts)
    text, markup = (
        private if job.is_private else group_texts.accepted(job, texts, context.private_address)
    )
    to, message_id = await first_message(context.bot, job, text, markup)
    admitted = await uploads.enqueue(job, message_id, to)
    if admitted is None:
        # An album, cancelled or deleted while this message waited for its turn.
        if message_id:
            with contextlib.suppress(TelegramError):
                await context.bot.delete_message(to.chat_id, message_id)
        return
    job = admitted  # its owner may have connected meanwhile
    event = "upload_queued" if job.state == "queued" else "upload_waiting"
    _log.info(event, owner=job.owner, kind=job.kind, size=job.size or 0)
    if job.state == "waiting" and not job.is_private:
        await deliver(context.bot, job.owner, *private, background=BACKGROUND)
    if job.state == "waiting" and await context.is_connected(job.owner):
        await uploads.release(job.owner)  # connected while this one was being taken in
    elif job.state == "waiting":
        await ask_once_more(context)


async def cancel_upload(update: Update, context: BotContext) -> None:
    """The Cancel button of one file."""
    ended = await cancelling.end_tapped(update, context)
    if isinstance(ended, UploadJob) and update.callback_query is not None:
        await _drop_copy(update.callback_query, ended)


async def retry_upload(update: Update, context: BotContext) -> None:
    """The Try again button of a failed file."""
    if (job := await retry_tapped(update, context)) is not None:
        await _show_accepted(update, context, job, context.t)


async def retry_tapped(update: Update, context: BotContext) -> UploadJob | None:
    """Queue the job of the tapped button anew; None: it is gone, and that has been said."""
    query = query_of(update)
    job = await context.services.uploads.retry(context.owner, argument_of(query))
    if job is None:
        gone = context.t.label("This file is gone. Please send it again.")
        await acknowledge(query, gone, alert=True)
        return None
    _log.info("upload_retried", owner=job.owner, kind=job.kind)
    await acknowledge(query)
    return job


async def upload_again(update: Update, context: BotContext) -> None:
    """The button of a file that was in Drive already: upload it all the same."""
    query = query_of(update)
    job = await context.services.uploads.again(context.owner, argument_of(query))
    if job is None:
        await acknowledge(query, context.t.label("This file is gone. Please send it again."))
        return
    await acknowledge(query)
    await _show_accepted(update, context, job, context.t)


async def _show_accepted(update: Update, context: BotContext, job: UploadJob, texts: Texts) -> None:
    shown = accepted_anew(context, job, texts)
    if job.is_private:
        await show_instead(update, context, *shown, usual=job.conversation)
        return
    if update.callback_query is not None:
        await _drop_copy(update.callback_query, job)
    await tell_of(context.bot, job, *shown)


def accepted_anew(context: BotContext, job: UploadJob, texts: Texts) -> Shown:
    """What a job's message says once it is in line again."""
    if job.is_private:
        return upload_texts.accepted(job, context.services.uploads.ahead(job), texts)
    return group_texts.accepted(job, texts, context.private_address)


async def _drop_copy(query: CallbackQuery, job: UploadJob) -> None:
    """What a group's job said in the private chat is no longer so."""
    message = query.message
    if isinstance(message, Message) and message.chat.id != job.chat_id:
        with contextlib.suppress(TelegramError):
            await message.delete()


async def forget_old(context: BotContext) -> None:
    """Repeating job: a file nobody came back for is dropped, and its message says so."""
    for job in await context.services.uploads.forget_old(datetime.now(UTC)):
        texts = await context.texts_for(job.owner)
        name = upload_texts.what_is_left(job, texts)
        text = (
            texts.tr(
                "⌛ <b>{name}</b> has waited for seven days and is no longer kept. Send it again "
                "to upload it.",
                name=name,
            )
            if context.services.options.members.may_use(job.owner)
            else texts.tr(
                "⌛ <b>{name}</b> has waited for seven days and is no longer kept.", name=name
            )
        )
        await tell_of(context.bot, job, "\n".join((text, *arrived(job, texts))))


async def tell_withdrawn(bot: ExtBot[int], services: Services, files: dict[Owner, int]) -> None:
    """Tell those who may no longer use the bot that their files, so many each, wait."""
    for owner, count in files.items():
        _log.info("upload_waiting", owner=owner, result="not_allowed", count=count)
        texts = await services.core.preferences.texts(owner)
        text = texts.tr(
            "⏸ You no longer have access to this bot. Your files that were not uploaded yet: "
            "{count}. They go on by themselves if you get access again within seven days of "
            "sending them; after that I drop them. You can still use /disconnect and /privacy.",
            count=count,
        )
        await deliver(bot, owner, text, None, background=BACKGROUND)


async def tell_overflow(bot: ExtBot[int], services: Services, update: Update) -> None:
    """Say from which file on nothing was taken: `update` is the first without room."""
    if update.effective_user is None:
        return
    owner = Owner.user(update.effective_user.id)
    texts = await services.core.preferences.texts(owner)
    if update.message and (found := incoming_files(update.message)):
        text = texts.tr(
            "✋ From <b>{name}</b> on I have taken nothing: more is waiting than I can keep. Send "
            "it and what came after it once more when everything before it has arrived.",
            name=found[0].name,
        )
    else:
        text = texts.tr(
            "✋ I have stopped reading your messages for now: more is waiting than I can keep. "
            "Write once more when I have answered what came before."
        )
    await deliver(bot, owner, text, None, background=BACKGROUND)
