"""A file's name, changed by its owner: before it is uploaded, or in Drive once it has arrived."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Final

import structlog
from telegram import Update

from bot.context import BotContext
from bot.delivery.conversation import argument_of, message_of, query_of
from bot.delivery.messages import acknowledge, say, send, show_instead
from bot.drive_files import file_actions, file_texts
from bot.drive_files.explaining import note_trouble
from bot.drive_files.file_texts import OtherAccount
from bot.receiving import other_messages
from bot.texts import questions
from bot.texts.catalogue import Texts
from bot.texts.file_keyboards import short
from bot.texts.filenames import new_name, wished_name
from bot.uploads.jobs import State, UploadJob
from bot.uploads.progress import tell_of
from bot.uploads.texts import arrived
from bot.uploads.texts import upload as upload_texts
from config.languages import N_
from drive import Drive
from drive.uploading.names import clean_name
from security.custody.deadline import NotWanted
from security.errors import CustodyError

NAMING: Final = "name"
_END_SECONDS: Final = 5.0
"""For an end to be written down, once it has been told."""
_LOOK_SECONDS: Final = 0.02
_log = structlog.get_logger()


async def ask(update: Update, context: BotContext) -> None:
    """The Rename button of a file that has not been uploaded: it waits for the answer."""
    query = query_of(update)
    uploads, job_id = context.services.uploads, argument_of(query)
    job = await uploads.pause(context.owner, job_id)
    if job is None:
        job = await uploads.find(context.owner, job_id)
        if job is not None and job.state == "done" and job.files[0].drive_file_id:
            await acknowledge(query)
            drive_id = job.files[0].drive_file_id
            await _question(context, job, context.t, file_actions.RENAMING, drive_id)
            return
        name = short(job.name) if job is not None else ""
        too_late = context.t.label(_too_late(context, job), name=name)
        await acknowledge(query, too_late, alert=True)
        return
    await acknowledge(query)
    await _expect(context, job, datetime.now(UTC))
    await tell_of(context.bot, job, *upload_texts.asked_name(job, context.t))
    await _question(context, job, context.t, NAMING, job.id)


async def keep(update: Update, context: BotContext) -> None:
    """The button that leaves the name as it is."""
    query = query_of(update)
    job = await context.services.uploads.find(context.owner, argument_of(query))
    if job is None or job.state != "asking":
        await acknowledge(query, context.t.label("This file is no longer on its way."))
        return
    await acknowledge(query)
    await _go_on(context, job)


async def answer(update: Update, context: BotContext) -> None:
    """The reply to `ask`: the file gets the name that it says."""
    job_id, text = questions.answer_in(message_of(update))
    job = await context.services.uploads.find(context.owner, job_id)
    await _rename(update, context, job, wished_name(text)[0] or text)


async def use_sent_name(update: Update, context: BotContext) -> None:
    """The button of a file that was there before: it gets the name it was sent under."""
    query = query_of(update)
    job = await context.services.uploads.find(context.owner, argument_of(query))
    if job is None or not job.files[0].other_name:
        await acknowledge(
            query,
            context.t.label("I no longer know which name that was. Use the Rename button instead."),
            alert=True,
        )
        return
    file, texts = job.files[0], context.t
    await acknowledge(query)
    try:
        if not await context.is_account(job.account_id):
            raise OtherAccount("it lies in another account")
        found = await context.on_drive(
            partial(_renamed, file_id=file.drive_file_id, name=file.name)
        )
    except (CustodyError, NotWanted) as error:
        await note_trouble(context, error)
        shown = file_texts.trouble(error, texts, file.drive_file_id, "/files")
    else:
        _log.info("file_changed", owner=context.owner, result="renamed")
        await _note(context, job, file.name)
        shown = file_texts.card(found, texts, texts.tr("✏️ It has its new name."))
    await show_instead(update, context, *shown)


def _called(job: UploadJob, name: str) -> UploadJob:
    """The job, once its file is called so in Drive."""
    there = job.files[0].there
    named = there and there.model_copy(update={"name": name})
    return job.with_file(0, name=name, there=named)


async def _note(context: BotContext, job: UploadJob, name: str) -> None:
    """Write that down, unless the file was begun anew or erased while Google was asked.

    The message under which this was tapped is sent before the end that it tells of is written down.
    """
    uploads = context.services.uploads
    with suppress(TimeoutError):
        async with asyncio.timeout(_END_SECONDS):
            while uploads.is_running(job):  # noqa: ASYNC110 - nobody announces it
                await asyncio.sleep(_LOOK_SECONDS)
    async with uploads.changing(job.owner):
        now = await uploads.find(job.owner, job.id)
        if now is not None and now.files == job.files:
            await uploads.save(_called(now, name))


def _renamed(drive: Drive, file_id: str, name: str) -> file_texts.Card:
    drive.rename(file_id, name)
    return file_texts.card_of(drive, file_id)


async def reply(update: Update, context: BotContext) -> None:
    """A reply to a file: "#name …", or just the name where it has been asked for."""
    message = update.message
    if message is None or message.text is None or message.reply_to_message is None:
        return
    wished, replied = wished_name(message.text)[0], message.reply_to_message.message_id
    jobs = await context.services.uploads.jobs(context.owner)
    about = (
        job
        for job in reversed(jobs)
        if job.chat_id == message.chat_id and replied in (job.reply_to, job.status_message_id)
    )
    job = next(about, None)
    if wished or (job is not None and job.state == "asking"):
        await _rename(update, context, job, wished or message.text)
    else:
        await other_messages.text(update, context)


async def resume(context: BotContext) -> None:
    """After a start: the patience of those questions that had been asked before goes on."""
    for job in await context.services.uploads.in_state("asking"):
        await _expect(context, job, job.asked_at or job.created_at)


async def _question(
    context: BotContext, job: UploadJob, texts: Texts, purpose: str, argument: str
) -> None:
    await send(
        context.bot,
        job.conversation,
        texts.tr(
            "{sign} What shall <b>{name}</b> be called? Reply to this message with the new name.",
            sign=context.sign("✏️", purpose, argument),
            name=job.name,
        ),
        questions.box(job.name),
    )


async def _rename(update: Update, context: BotContext, job: UploadJob | None, wanted: str) -> None:
    if job is not None and len(job.files) > 1:
        await say(
            update,
            context,
            context.t.tr(
                "📚 I rename the files of an album when they are in your Drive: see /files."
            ),
        )
        return
    if not clean_name(wanted.replace("\n", " "), ""):
        await say(update, context, context.t.tr("🤔 That cannot be a file's name."))
        return
    if job is not None and job.state == "done" and job.files[0].drive_file_id:
        await _rename_in_drive(update, context, job, wanted)
        return
    uploads = context.services.uploads
    held = await uploads.pause(context.owner, job.id) if job is not None else None
    if job is None or held is None:
        name = job.name if job is not None else ""
        await say(update, context, context.t.tr(_too_late(context, job), name=name))
        return
    # Google was told the old name when the session began: it takes a new one.
    held = held.with_file(0, name=new_name(wanted, job.name), session=None)
    went_on = (
        await uploads.resume(held, "failed")
        if job.state == "failed"
        else await _go_on(context, held)
    )
    text = context.t.tr("✏️ Its name is <b>{name}</b> now.", name=held.name)
    too_late = context.t.tr(_too_late(context, job), name=job.name)
    await say(update, context, text if went_on else too_late)


async def _rename_in_drive(
    update: Update, context: BotContext, job: UploadJob, wanted: str
) -> None:
    texts, [file] = await context.texts_for(job.owner), job.files
    name = new_name(wanted, file.name)
    try:
        await context.on_drive(lambda drive: drive.rename(file.drive_file_id, name))
    except (CustodyError, NotWanted) as error:
        text, markup = file_texts.trouble(error, texts, file.drive_file_id, "/files")
        text = "\n".join((texts.tr("📄 <b>{name}</b>", name=file.name), text))
        await say(update, context, text, markup)
        await note_trouble(context, error)
        return
    _log.info("file_changed", owner=job.owner, result="renamed")
    called = _called(job, name)
    await _note(context, job, name)
    await tell_of(context.bot, called, *arrived.finished(called, texts))
    await say(update, context, texts.tr("✏️ Its name is <b>{name}</b> now.", name=name))


def _too_late(context: BotContext, job: UploadJob | None) -> str:
    """Why a file is not renamed, in English."""
    if job is None:
        return N_("This file is gone. Please send it again.")
    if context.services.uploads.is_running(job):
        return N_("{name} is on its way already. Rename it when it has arrived.")
    return N_("{name} is gone. Please send it again.")


async def _go_on(context: BotContext, job: UploadJob) -> bool:
    """What was held is queued, or waits for a connection; False: it had gone on already."""
    uploads, texts = context.services.uploads, await context.texts_for(job.owner)
    state: State = "queued" if await context.is_connected(job.owner) else "waiting"
    shown = job.model_copy(update={"state": state})
    # Told before it is queued: what is said of its progress comes after that.
    await tell_of(
        context.bot, job, *upload_texts.accepted(shown, uploads.position(job.owner), texts)
    )
    return await uploads.resume(job, state)


async def _expect(context: BotContext, job: UploadJob, asked_at: datetime) -> None:
    async def expire(later: BotContext) -> None:
        found = await later.services.uploads.find(job.owner, job.id)
        if found is not None and (found.state, found.asked_at) == ("asking", job.asked_at):
            await _go_on(later, found)

    waited = (datetime.now(UTC) - asked_at).total_seconds()
    left = max(context.services.options.timing.renaming - waited, 0)
    context.jobs.run_once(expire, left, job_kwargs={"misfire_grace_time": None})
