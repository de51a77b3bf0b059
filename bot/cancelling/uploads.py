"""What people end: by /cancel, by Cancel buttons, and by leaving; uploads above all.

It is said at once that it is being cancelled, and how it has ended once that is so.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from telegram import Update

from bot.context import BotContext
from bot.delivery.conversation import argument_of, query_of
from bot.delivery.messages import acknowledge, tolerated
from bot.texts.catalogue import Texts
from bot.texts.filenames import incoming_files
from bot.uploads.ends import CANCELLED
from bot.uploads.jobs import Stopping, UploadJob
from bot.uploads.progress import tell_of
from bot.uploads.texts import cancelled as cancel_texts

_PATIENCE_SECONDS: Final = 30
"""For an upload to be over; it takes one where Google answers."""


@dataclass(frozen=True, slots=True)
class Ended:
    """What a person has ended."""

    untaken: int = 0
    """Files that had been sent, and not been looked at."""
    unasked: int = 0
    """What else had been sent, and would have been asked of Google, or was not answered by it."""
    unsent: int = 0
    """Files that were on their way out of Drive, to the person."""
    jobs: tuple[UploadJob, ...] = ()
    """Those that were not running."""
    stopping: tuple[Stopping, ...] = ()
    """Those that were: they end soon."""

    @property
    def files(self) -> int:
        """How many files have ended at once."""
        of_jobs = (file for job in self.jobs for file in job.files if file.state != "done")
        return self.untaken + sum(1 for _ in of_jobs)


async def end_files(update: Update, context: BotContext) -> Ended:
    """End what of the person's was sent before this, and is a file or would be asked of Google;
    and what is being sent to them.

    Without a word: Telegram may fail.
    """
    owner, services = context.owner, context.services
    services.uploads.end_before(owner, update.update_id)
    untaken = unasked = 0
    for dropped in await services.inbox.drop_files(owner, update.update_id):
        message = dropped.message if dropped is not None else None
        files = incoming_files(message) if message is not None else ()
        for file in files:
            services.ends.of_file(owner, file.kind, CANCELLED, file.size)
        untaken, unasked = untaken + len(files), unasked + (not files)
    unasked += services.attention.end(owner, update)
    unsent = services.sender.cancel(owner)
    ended = await services.uploads.cancel_all(owner)
    return Ended(
        untaken,
        unasked,
        unsent,
        tuple(job for job in ended if isinstance(job, UploadJob)),
        tuple(job for job in ended if isinstance(job, Stopping)),
    )


async def until_over(context: BotContext, ended: Ended) -> None:
    """Wait until nothing more of it moves; for half a minute at most, whatever Google does."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_PATIENCE_SECONDS):
            for stopping in ended.stopping:
                await context.services.uploads.until_over(stopping.job)


async def tell_ended(context: BotContext, ended: Ended) -> None:
    """Say of each job that has ended at once, in its own message, that it has."""
    for job in ended.jobs:
        await tell_of(context.bot, job, *cancel_texts.at_once(job, context.t))


def said_at_once(ended: Ended, t: Texts) -> list[str]:
    """What is true right away, line by line."""
    running = [
        cancel_texts.cancelling_already(stopping.job, t)
        if stopping.again
        else cancel_texts.cancelling(stopping.job, t)
        for stopping in ended.stopping
    ]
    return running + _besides(ended, t)


async def said_later(context: BotContext, ended: Ended) -> list[str]:
    """What is true once everything is over; nothing where the program stops before that.

    Then the next start says so in the upload's own message.
    """
    jobs = [await outcome(context, stopping) for stopping in ended.stopping]
    lines = [cancel_texts.outcome(job, context.t) for job in jobs if job is not None]
    return [] if None in jobs else lines + _besides(ended, context.t)


def _besides(ended: Ended, t: Texts) -> list[str]:
    lines = list[str]()
    if ended.files:
        lines.append(
            t.tr("⏹ Cancelled. Other files: {count}", count=ended.files)
            if ended.stopping
            else t.tr("⏹ Cancelled. Files: {count}", count=ended.files)
        )
    return lines + not_uploads(ended, t)


def not_uploads(ended: Ended, t: Texts) -> list[str]:
    """What has ended besides files on their way into Drive, which a list of these does not show."""
    lines = list[str]()
    if ended.unsent:
        text = t.tr("⏹ Cancelled. Files on their way to you: {count}", count=ended.unsent)
        lines.append(text)
    if ended.unasked:
        lines.append(t.tr("⏹ Cancelled. I do not answer what you asked before any more."))
    return lines


async def outcome(context: BotContext, stopping: Stopping) -> UploadJob | None:
    """What was to stop, as it has ended, which its own message says; None: the program stops."""
    uploads = context.services.uploads
    job = await uploads.until_over(stopping.job)
    if job is None or job.state == "queued":
        return None
    if not job.has_ended:  # it had failed just then: nobody wants to be asked to try again
        await uploads.until_told(job)
        cancelled = await uploads.cancel(job.owner, job.id)
        if isinstance(cancelled, UploadJob):
            job = cancelled
            await tell_of(context.bot, job, *cancel_texts.at_once(job, context.t))
    return job


async def end_tapped(update: Update, context: BotContext) -> UploadJob | Stopping | None:
    """Cancel the job of the tapped button; None: it has ended already."""
    query = query_of(update)
    ended = await context.services.uploads.cancel(context.owner, argument_of(query))
    gone = context.t.label("This file is no longer on its way.")
    await acknowledge(query, context.t.label("Cancelling …") if ended else gone)
    if isinstance(ended, UploadJob):
        await tell_of(context.bot, ended, *cancel_texts.at_once(ended, context.t))
    elif ended is not None:
        context.beside(_follow(context, ended), name="cancel")
    return ended


async def _follow(context: BotContext, stopping: Stopping) -> None:
    with tolerated(stopping.job.owner):
        await outcome(context, stopping)
