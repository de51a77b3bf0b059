"""One upload's message: edited now and then while bytes move, and once more at the end."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable
from typing import Final

import structlog
from telegram import InlineKeyboardMarkup
from telegram.error import TelegramError, TimedOut
from telegram.ext import ExtBot

from bot.core import Timing
from bot.delivery.messages import (
    REFUSALS,
    Sent,
    deliver,
    edit,
    edit_or_send,
    may_pass,
    note_refusal,
    send,
    tell,
)
from bot.delivery.rate_limits import BACKGROUND, PROGRESS, RESULT
from bot.texts.buttons import Shown
from bot.texts.catalogue import Texts
from bot.uploads import keyboards
from bot.uploads.jobs import UploadJob
from bot.uploads.pace import Pace
from bot.uploads.texts import cancelled as cancel_texts
from bot.uploads.texts import progress as progress_texts
from upload import Progress

_LONGEST_SECONDS: Final = 30.0
_LOOK: Final = 0.5
"""Seconds between two looks at how far it is; they cost next to nothing."""
_LATE: Final = 3.0
"""Seconds after which it is said that nothing has happened yet."""
_PAUSES: Final = (1.0, 4.0, 15.0)
"""Before how it ended is said again, where Telegram failed."""
_log = structlog.get_logger()


async def first_message(
    bot: ExtBot[int], job: UploadJob, text: str, markup: InlineKeyboardMarkup | None
) -> Sent:
    """Answer the person's file; the message has no number where Telegram failed.

    What is queued speaks again at its end. What waits for its owner is said again until it is said.
    """
    for pause in (*_PAUSES, None) if job.state == "waiting" else (None,):
        try:
            return await send(
                bot,
                job.conversation,
                text,
                markup,
                reply_to=job.reply_to,
                background=BACKGROUND,
            )
        except TelegramError as error:
            if pause is None or not may_pass(error) or isinstance(error, TimedOut):
                break
            await asyncio.sleep(pause)
    _log.info("message_not_sent", owner=job.owner)
    return Sent(job.conversation, 0)


async def tell_of(
    bot: ExtBot[int], job: UploadJob, text: str, markup: InlineKeyboardMarkup | None = None
) -> None:
    """Say in the job's own message what has become of it; it stays so if nobody can be told."""
    await tell(
        bot,
        job.owner,
        job.status_message_id,
        text,
        markup,
        to=job.conversation,
        reply_to=job.reply_to,
        background=BACKGROUND,
    )


class UploadMessage:
    """Shows how `job` goes. Progress is a courtesy: it is dropped whenever there is no room."""

    def __init__(
        self,
        bot: ExtBot[int],
        job: UploadJob,
        texts: Texts,
        has_room: Callable[[], bool],
        timing: Timing,
    ) -> None:
        self._bot = bot
        self._job = job
        self._texts = texts
        self._has_room = has_room
        self._timing = timing
        self._number = job.next_number or 0
        self._progress, self._pace = Progress(), Pace()
        self._late_from = math.inf
        self._shown = ""
        self._ticker: asyncio.Task[None] | None = None
        self._editing = asyncio.Lock()
        self._was_replaced = False
        self._is_cancelling = self._is_ending = False
        self.sent = Sent(job.conversation, job.status_message_id)
        """The message, where it stands."""

    def start(self) -> None:
        """Begin to edit, at most every three seconds; in a group, never: 20 messages a minute are
        for what people wait for.
        """
        self._expect()
        if self._job.is_private and not self._is_cancelling:
            self._ticker = asyncio.create_task(self._tick())

    def follow(self, number: int, progress: Progress) -> None:
        """The file of this number is next. Called on the event loop."""
        self._number, self._progress, self._pace = number, progress, Pace()
        self._expect()

    def _expect(self) -> None:
        self._late_from = asyncio.get_running_loop().time() + self._timing.unusual

    async def finish(
        self, text: str, markup: InlineKeyboardMarkup | None, *, in_group: Shown
    ) -> None:
        """Show how it ended; after that nothing older can overwrite it.

        `in_group`: what others may read. What is more goes to the private chat.
        """
        self._is_ending = True
        await self._end_progress()
        if self._job.is_private:
            await self._show(text, markup)
            return
        is_told = await self._show(*in_group)
        if not is_told or (text, markup) != in_group:
            await deliver(self._bot, self._job.owner, text, markup, background=BACKGROUND)

    async def show_cancelling(self) -> None:
        """Say at once that it is about to end; once it has ended, that is said instead."""
        self._is_cancelling = True
        await self._end_progress()
        async with self._editing:
            if not self._is_ending:
                # The last edit is sure to come, and says more.
                with contextlib.suppress(TelegramError):
                    await self._put(self.text(), None, None)

    async def _end_progress(self) -> None:
        # Never in the middle of an edit: Telegram might carry it out after the last one.
        async with self._editing:
            self.stop()

    async def _show(self, text: str, markup: InlineKeyboardMarkup | None) -> bool:
        """Whether it stands there."""
        for pause in (*_PAUSES, None):
            try:
                await self._put(text, markup, RESULT)
            except REFUSALS as refusal:
                note_refusal(refusal, self._job.owner, has_written=self._job.is_private)
                break
            except TelegramError as error:
                # An edit can be made twice; a new message that was only late would stand there so.
                is_safe = bool(self.sent.message_id) or not isinstance(error, TimedOut)
                if pause is None or not (may_pass(error) and is_safe):
                    _log.warning("message_not_sent", owner=self._job.owner, exc_info=True)
                    break
                await asyncio.sleep(pause)
            else:
                return True
        return False

    async def _put(
        self, text: str, markup: InlineKeyboardMarkup | None, background: int | None
    ) -> None:
        to, number = self.sent
        self.sent = await edit_or_send(
            self._bot,
            to,
            number,
            text,
            markup,
            reply_to=self._job.reply_to,
            background=background,
        )

    def stop(self) -> None:
        """Edit no more, and leave what stands."""
        if self._ticker is not None:
            self._ticker.cancel()

    def text(self) -> str:
        """Which file it is, and how much of it Drive has: no more than is known."""
        if self._is_cancelling:
            return cancel_texts.cancelling(self._job, self._texts)
        t, file, count = self._texts, self._job.files[self._number], len(self._job.files)
        is_late = asyncio.get_running_loop().time() >= self._late_from
        told = progress_texts.uploading(t, file, self._progress, self._pace, is_late=is_late)
        if count == 1:
            return told
        return (
            t.tr("📚 File {number} of {count}", number=self._number + 1, count=count) + "\n" + told
        )

    async def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        due = begun + self._timing.first_progress
        pause = interval = self._timing.progress_interval
        while True:
            now = loop.time()
            if self._progress.has_begun and (delivered := self._progress.delivered) is not None:
                self._pace.note(now, delivered)
            if now >= due and (self._progress.is_moving or now >= begun + _LATE):
                has_room = self._has_room()
                # The more goes on, the seldomer: what people wait for comes first.
                pause = interval if has_room else min(pause * 2, _LONGEST_SECONDS)
                if has_room and not await self._show_progress():
                    return
                due = loop.time() + pause
            await asyncio.sleep(min(_LOOK, interval))

    async def _show_progress(self) -> bool:
        """False: Telegram takes no edit at all, and a new message for each look nobody wants."""
        text, markup = self.text(), keyboards.cancel(self._texts, self._job.id)
        if text == self._shown:
            return True
        self._shown, before = text, self.sent.message_id
        async with self._editing:
            # The next edit, or the last one, says more than a failed one would have.
            with contextlib.suppress(TelegramError):
                if self._was_replaced:
                    return await edit(self._bot, self.sent, text, markup, background=PROGRESS)
                # Its number, where the first message was lost to a kill: not one more each.
                await self._put(text, markup, PROGRESS)
                self._was_replaced = before not in (0, self.sent.message_id)
        return True
