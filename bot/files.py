"""Everything a person sends that is no command: files first of all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from telegram import Message, Update
from telegram.error import TelegramError

from bot import connect, keyboards
from bot.context import BotContext, acknowledge, chat_of, owner_of, show_instead, tell
from bot.filenames import CLOUD_LIMIT, LOCAL_LIMIT, incoming_file
from bot.limits import BACKGROUND
from bot.texts import Texts
from bot.upload_jobs import UploadJob, belongs_to, new_job_id
from bot.upload_runner import too_big

_KEPT: Final = timedelta(days=7)
_log = structlog.get_logger()


async def receive(update: Update, context: BotContext) -> None:
    """A file: write it down, say so, queue it; without a connection ask for one first."""
    message = update.message
    found = incoming_file(message) if message else None
    if message is None or found is None:
        return
    owner, texts = owner_of(update), await context.texts(update)
    limit = LOCAL_LIMIT if context.services.options.local_mode else CLOUD_LIMIT
    if found.size is not None and found.size > limit:
        _log.info("upload_failed", owner=owner, kind=found.kind, result="too_big")
        context.core.metrics.uploaded("too_big", None)
        await message.reply_text(too_big(texts, found.name, found.size, limit))
        return
    connected = await context.is_connected(owner)
    job = UploadJob(
        id=new_job_id(owner),
        owner=owner,
        state="queued" if connected else "waiting",
        telegram_file_id=found.file_id,
        kind=found.kind,
        name=found.name,
        mime_type=found.mime_type,
        size=found.size,
        created_at=datetime.now(UTC),
        reply_to=message.message_id,
    )
    # Telegram has been told that this update is handled: before anything else it is written down.
    await context.services.uploads.note(job)
    try:
        sent = await _acknowledge(context, message, job, texts)
        job = job.model_copy(update={"status_message_id": sent.message_id})
    except TelegramError:  # the file goes on; what comes of it is said in a new message
        _log.info("message_not_sent", owner=owner)
    await context.services.uploads.add(job)
    event = "upload_queued" if connected else "upload_waiting"
    _log.info(event, owner=owner, kind=job.kind, size=job.size or 0)


async def _acknowledge(
    context: BotContext, message: Message, job: UploadJob, texts: Texts
) -> Message:
    before = context.services.uploads.position(job.owner)
    if job.state == "waiting":
        text = texts.tr(
            "📥 <b>{name}</b> is waiting. Connect your Google Drive, and I upload it at once.",
            name=job.name,
        )
        markup = keyboards.connect_or_cancel(texts, job.id)
    else:
        text = (
            texts.tr(
                "📥 <b>{name}</b> is in line. Files before it: {count}", name=job.name, count=before
            )
            if before
            else texts.tr("📥 <b>{name}</b> – upload starts in a moment …", name=job.name)
        )
        markup = keyboards.cancel_upload(texts, job.id)
    return await context.bot.send_message(
        chat_of(job.owner),
        text,
        reply_to_message_id=message.message_id,
        allow_sending_without_reply=True,
        reply_markup=markup,
        rate_limit_args=BACKGROUND,
    )


async def cancel_upload(update: Update, context: BotContext) -> None:
    """The Cancel button of one file."""
    query = update.callback_query
    if query is None or query.data is None:
        return
    owner, texts = owner_of(update), await context.texts(update)
    job_id = query.data.partition(":")[2]
    if not belongs_to(job_id, owner):
        _log.warning("access_denied", owner=owner, result="not_yours")
        await acknowledge(query, texts.label("This button is not yours."))
        return
    ended = await context.services.uploads.cancel(owner, job_id)
    if ended is None:
        await acknowledge(query, texts.label("This file is no longer on its way."))
        return
    await acknowledge(query, texts.label("Cancelling …"))
    if ended != "running":  # which says itself that it has ended
        _log.info("upload_cancelled", owner=owner, kind=ended.kind, result="cancelled")
        context.core.metrics.uploaded("cancelled", None)
        text = texts.tr("⏹ <b>{name}</b> was cancelled.", name=ended.name)
        await tell(context.bot, owner, ended.status_message_id, text)


async def retry_upload(update: Update, context: BotContext) -> None:
    """The Try again button of a failed file."""
    query = update.callback_query
    if query is None or query.data is None:
        return
    owner, texts = owner_of(update), await context.texts(update)
    job = await context.services.uploads.retry(owner, query.data.partition(":")[2])
    if job is None:
        await acknowledge(
            query, texts.label("This file is gone. Please send it again."), alert=True
        )
        return
    _log.info("upload_retried", owner=owner, kind=job.kind)
    await acknowledge(query)
    text = texts.tr("📥 <b>{name}</b> – upload starts in a moment …", name=job.name)
    await show_instead(update, context, text, keyboards.cancel_upload(texts, job.id))


async def forget_old(context: BotContext) -> None:
    """Repeating job: a file nobody came back for is dropped, and its message says so."""
    for job in await context.services.uploads.forget(datetime.now(UTC) - _KEPT):
        texts = await context.texts_for(job.owner)
        text = texts.tr(
            "⌛ <b>{name}</b> has waited for seven days and is no longer kept. Send it again to "
            "upload it.",
            name=job.name,
        )
        await tell(context.bot, job.owner, job.status_message_id, text, background=BACKGROUND)


async def text(update: Update, context: BotContext) -> None:
    """Plain text: the pasted address of the paste flow, or a word about what to send."""
    message = update.message
    if message is None or message.text is None:
        return
    texts = await context.texts(update)
    if context.core.consents.flow == "paste":
        pending = await context.core.consents.latest(owner_of(update))
        looks_like_it = "state=" in message.text
        if looks_like_it:
            await connect.paste(update, context, message.text)
            return
        if pending is not None:
            await message.reply_text(
                texts.tr(
                    "🤔 That is not the address I need. After allowing access, copy the whole "
                    "address of the page that cannot be reached (it begins with "
                    "<code>http://127.0.0.1</code>) and send it to me."
                )
            )
            return
    await message.reply_text(texts.tr("📎 Send me a file, and I put it into your Google Drive."))


async def unsupported(update: Update, context: BotContext) -> None:
    """A sticker, a contact, a place, …: nothing that is a file."""
    texts = await context.texts(update)
    if update.message is not None:
        await update.message.reply_text(
            texts.tr(
                "This is nothing I can put into a Drive. I take documents, photos, videos, audio, "
                "voice and video messages."
            )
        )


async def unknown_command(update: Update, context: BotContext) -> None:
    """A command that is none of ours."""
    texts = await context.texts(update)
    if update.message is not None:
        await update.message.reply_text(texts.tr("I do not know this command. /help lists mine."))


async def stale_button(update: Update, context: BotContext) -> None:
    """A button of an older version, or of nobody."""
    if update.callback_query is not None:
        texts = await context.texts(update)
        await acknowledge(
            update.callback_query,
            texts.label("This button no longer works. /help shows what I can do."),
        )
