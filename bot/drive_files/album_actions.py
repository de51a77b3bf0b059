"""The files of an album, by its buttons: listed as they are in Drive, shared, moved and named.

Buttons name the upload, which is kept for seven days and is its owner's alone. What is done is done
to one file after another, and whatever keeps one of them from it is told beside it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import structlog
from telegram import Update

from bot.context import BotContext
from bot.delivery.conversation import argument_of, query_of
from bot.delivery.messages import say, show_instead
from bot.drive_files import album_texts, moving
from bot.drive_files.album_texts import Outcome
from bot.drive_files.explaining import explained, note_trouble, tapped
from bot.drive_files.file_texts import AlbumForgotten, FolderGone, OtherAccount
from bot.texts.buttons import Shown
from bot.uploads.jobs import JobFile, UploadJob
from drive import Drive, DriveFile, DriveFolder, DriveRefused
from security.custody.deadline import NotWanted
from security.errors import CustodyError

_AT_ONCE: Final = 3
_log = structlog.get_logger()


@explained(anew=True)
async def open_album(update: Update, context: BotContext) -> None:
    """Its files, in a message of its own: the summary and the list of uploads stay."""
    await say(update, context, *await _view(update, context))


@explained(anew=True)
async def back(update: Update, context: BotContext) -> None:
    """Its files, or another page of them, in the place of what was tapped."""
    await show_instead(update, context, *await _view(update, context))


@explained(anew=True)
async def ask_share(update: Update, context: BotContext) -> None:
    """Share all asks first."""
    job = await _job(update, context)
    await say(update, context, *album_texts.sharing_question(job, context.t))


@explained(anew=True, look="/files")
async def share(update: Update, context: BotContext) -> None:
    """The person has said yes: whoever has the links may open the files."""
    job = await _job(update, context)

    def work(drive: Drive, file: JobFile) -> DriveFile:
        return replace(_present(drive, file), link=drive.share(file.drive_file_id))

    outcomes = await _each(context, job, work, "shared")
    await show_instead(update, context, *album_texts.shared(job, outcomes, context.t))


@explained(anew=True, look="/files")
async def unshare(update: Update, context: BotContext) -> None:
    """The links open for their owner alone again."""
    job = await _job(update, context)

    def work(drive: Drive, file: JobFile) -> DriveFile:
        found = _found(drive, file)
        drive.unshare(found.id)
        return found

    outcomes = await _each(context, job, work, "unshared")
    await show_instead(update, context, *album_texts.unshared(job, outcomes, context.t))


@explained(anew=True)
async def look_inside(update: Update, context: BotContext) -> None:
    """Move all: the bot's folders, level by level."""
    job = await _job(update, context)
    folders = await context.on_drive(Drive.all_folders)
    # Where they have arrived is a place to go back to, but none where it is the only one.
    only = job.folder_id if [folder.id for folder in folders] == [job.folder_id] else ""
    level = moving.level(folders, tapped(update)[1], lies_in=only)
    shown = album_texts.moving_question(job, level, context.t)
    is_further = ":" in argument_of(query_of(update))
    await (show_instead if is_further else say)(update, context, *shown)


@explained(anew=True, look="/files")
async def move(update: Update, context: BotContext) -> None:
    """Into the chosen folder."""
    job, (_, key) = await _job(update, context), tapped(update)
    folder = moving.by_key(await context.on_drive(Drive.all_folders), key)
    if folder is None:
        raise FolderGone("there is no such folder any more")
    target: DriveFolder = folder

    def work(drive: Drive, file: JobFile) -> DriveFile:
        _present(drive, file)
        return drive.move(file.drive_file_id, target.id)

    outcomes = await _each(context, job, work, "moved")
    await show_instead(update, context, *album_texts.moved(job, outcomes, target, context.t))


@explained(anew=True, look="/files")
async def use_sent_names(update: Update, context: BotContext) -> None:
    """Files that were there before get the names they were sent under."""
    job = await _job(update, context)

    def work(drive: Drive, file: JobFile) -> DriveFile:
        _present(drive, file)
        return drive.rename(file.drive_file_id, file.name)

    outcomes = await _each(context, job, work, "renamed", [f for f in job.arrived if f.other_name])
    await say(update, context, *album_texts.renamed(job, outcomes, context.t))


async def _job(update: Update, context: BotContext) -> UploadJob:
    """The album that was tapped, whose files are in the Drive that is connected now.

    Raises:
        CustodyError: AlbumForgotten; OtherAccount; not connected.
    """
    job = await context.services.uploads.find(context.owner, tapped(update)[0])
    if job is None or not job.arrived:
        raise AlbumForgotten("nothing is known of this upload")
    if not await context.is_account(job.account_id):
        raise OtherAccount("it lies in another account")
    return job


async def _view(update: Update, context: BotContext) -> Shown:
    job, (_, page) = await _job(update, context), tapped(update)
    outcomes = await _each(context, job, _found)
    number = int(page) if page.isdecimal() else 0
    return album_texts.view(job, outcomes, number, context.t)


async def _each(
    context: BotContext,
    job: UploadJob,
    work: Callable[[Drive, JobFile], DriveFile],
    result: str = "",
    files: Sequence[JobFile] | None = None,
) -> list[Outcome]:
    """Do `work` with each of the files that have arrived, a few at a time; what came of each.

    What one file meets is its own; what says that none of them can go on ends it for the others.

    Args:
        result: what is done, for the log; "": nothing.
        files: those instead.

    Raises:
        CustodyError, NotWanted: nothing could be done with any of them.
    """
    room, stops = asyncio.Semaphore(_AT_ONCE), list[CustodyError | NotWanted]()

    async def one(file: JobFile) -> Outcome:
        async with room:
            if stops:
                return Outcome(file, error=stops[0])
            try:
                return Outcome(file, await context.on_drive(lambda drive: work(drive, file)))
            except DriveRefused as refused:
                return Outcome(file, error=refused)
            except (CustodyError, NotWanted) as error:
                stops.append(error)
                return Outcome(file, error=error)

    chosen = {file.drive_file_id: file for file in (job.arrived if files is None else files)}
    outcomes = await asyncio.gather(*map(one, chosen.values()))
    done = sum(outcome.found is not None for outcome in outcomes)
    if stops and not done:
        raise stops[0]
    for error in {str(o.error): o.error for o in outcomes if o.error is not None}.values():
        await note_trouble(context, error)
    if result and done:
        _log.info("file_changed", owner=context.owner, result=result, count=done)
    return outcomes


def _found(drive: Drive, file: JobFile) -> DriveFile:
    """The file, in the bin or not."""
    found = drive.find(file.drive_file_id)
    if found is None:
        raise DriveRefused("there is no such file", code="file_gone")
    return found


def _present(drive: Drive, file: JobFile) -> DriveFile:
    """The file, if it is not in the bin."""
    found = _found(drive, file)
    if found.trashed:
        raise DriveRefused("it is in the bin", code="trashed")
    return found
