"""Runs one job from the message to the link, and says how it ended: once, and truly."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import structlog
from telegram.ext import ExtBot

from bot.core import BotOptions, Core
from bot.kinds import DATABASE_UNREACHABLE, LOCAL_FILE_UNREADABLE
from bot.texts.buttons import Shown
from bot.texts.unexpected import Unexpected, new_reference
from bot.uploads.destinations import Destinations
from bot.uploads.ends import ACCOUNT_CHANGED, CANCELLED, UploadEnds
from bot.uploads.jobs import UploadJob
from bot.uploads.journal import UploadJournal
from bot.uploads.progress import UploadMessage
from bot.uploads.running.running_job import RunningJob
from bot.uploads.running.telegram_files import TelegramFiles, patiently
from bot.uploads.running.telegram_source import LocalFile
from bot.uploads.running.transfer import Transfer
from bot.uploads.scheduler import Ending
from bot.uploads.texts import arrived
from bot.uploads.texts import group as group_texts
from bot.uploads.texts import upload as upload_texts
from security.errors import (
    ConsentRequired,
    CorruptCredential,
    CustodyError,
    Fault,
    OperatorFault,
    RefusedByOrganisation,
)
from security.google.jitter import doubling
from upload import StopSignal, UploadCancelled, UploadInterrupted

_SAVE_PAUSE_SECONDS: Final = 0.5
_LONGEST_SAVE_PAUSE_SECONDS: Final = 5.0
_ALL_ALIKE: Final = frozenset(
    {
        *("quota_exceeded", "shared_drive_full", "daily_limit", "too_many_items", "too_deep"),
        *("folder_refused", "not_permitted", "policy_forbidden"),
    }
)
"""What Drive says of the account or the folder, not of a file."""
_log = structlog.get_logger()


class UploadRunner:
    """Knows Telegram and Drive; the queue knows when."""

    def __init__(
        self,
        bot: ExtBot[int],
        core: Core,
        options: BotOptions,
        journal: UploadJournal,
        destinations: Destinations,
        ends: UploadEnds,
        has_room: Callable[[], bool],
    ) -> None:
        self._bot = bot
        self._ends = ends
        self._core = core
        self._journal = journal
        files = TelegramFiles(bot, core, options)
        self.transfer = Transfer(core, destinations, files, options.timing)
        self._has_room = has_room
        self._links = options.link_base_url
        self._timing = options.timing
        self._running: dict[str, RunningJob] = {}
        self._saying: set[asyncio.Task[None]] = set()
        self.on_trouble: Callable[[], None] = lambda: None
        """Called when an incident begins or ends."""

    async def run(self, job: UploadJob, stop: StopSignal) -> Ending | None:
        """Upload `job`. Every end has its message, whatever fails: it is what comes back."""
        texts = await self._core.preferences.texts(job.owner)
        message = UploadMessage(self._bot, job, texts, self._has_room, self._timing)
        running = RunningJob(job, stop, message, texts, self._save)
        self._running[job.id] = running
        if job.cancel_code:  # before a restart
            stop.set()
        if stop.cancelled:
            await self._cancel(running, job.cancel_code or CANCELLED)
        message.start()
        try:
            return await self._end_of(running)
        finally:
            self._running.pop(job.id, None)

    async def cancel(self, job_id: str, code: str) -> None:
        """Say that what runs is to end, because of `code`, and write it down for a restart."""
        if (running := self._running.get(job_id)) is not None:
            await self._cancel(running, code)

    async def _cancel(self, running: RunningJob, code: str) -> None:
        running.cancel(code)
        saying = asyncio.create_task(running.message.show_cancelling())
        self._saying.add(saying)
        saying.add_done_callback(self._saying.discard)
        try:
            await running.save()
        except OperatorFault as fault:  # a kill before its end would have it go on
            _log.error("upload_not_saved", owner=running.job.owner, result=fault.code)

    async def _end_of(self, running: RunningJob) -> Ending | None:
        try:
            await self._upload_all(running)
        except CustodyError as error:
            if running.stop.interrupted:
                running.message.stop()  # the journal has it: the next start goes on
                return None
            if code := running.job.cancel_code:
                if not isinstance(error, UploadCancelled):
                    error = running.cancelled()
                elif error.code == CANCELLED:
                    error = UploadCancelled("cancelled", code=code)
            return self._stopped(running, error)
        except Exception:
            reference = new_reference()
            _log.exception("handler_failed", owner=running.job.owner, reference=reference)
            return self._stopped(running, Unexpected(reference))
        failed = any(file.state == "failed" for file in running.job.files)
        running.change(state="failed" if failed else "done")
        return Ending(running.job, self._tell_finished(running))

    def progress_of(self, job: UploadJob) -> str | None:
        """How far it is, as its own message says; None: it does not run."""
        running = self._running.get(job.id)
        return running.message.text() if running else None

    async def _upload_all(self, running: RunningJob) -> None:
        """Every file that has not ended; those that fail for reasons of their own are left behind.

        Raises:
            CustodyError: what the other files would meet as well, or the only one has met.
        """
        # Cancelled before a restart: Drive is asked only whether it has what was begun.
        looks_back = running.stop.cancelled
        asking = patiently(
            lambda: self._core.custodian.access_token(running.job.owner),
            self._timing.get_file_pauses,
        )
        credential = await (asking if looks_back else running.unless_cancelled(asking))
        account = credential.account_key or ""
        if running.job.account_id and running.job.account_id != account:
            raise UploadCancelled("the account has changed", code=ACCOUNT_CHANGED)
        running.change(account_id=account)
        while (number := running.job.next_number) is not None:
            if not (looks_back and running.job.files[number].session is not None):
                running.check()
            began, looks_back = time.monotonic(), False
            try:
                found, result = await self.transfer.upload(running, number)
            except CustodyError as error:
                self._alert(running, error.code)
                if (
                    isinstance(error, UploadInterrupted)
                    or len(running.job.files) == 1
                    or running.stop.is_set()
                    or _is_everybodys(error)
                ):
                    raise
                await self.transfer.release_source(running)
                await running.save_file(number, state="failed", result=error.code)
                self._note_end(running, number, error.code, began)
            else:
                self._alert(running, result)
                # Before the note of it: a kill in between has it fetched again, and not left.
                await self.transfer.release_source(running)
                try:
                    await running.save_file(
                        number,
                        **{"state": "done", "result": result, "session": None},
                        **{"drive_file_id": found.id, "link": found.link, "size": found.size},
                    )
                except OperatorFault as fault:  # it is in Drive all the same, and is said to be
                    _log.error("upload_not_saved", owner=running.job.owner, result=fault.code)
                self._note_end(running, number, result, began)

    async def _tell_finished(self, running: RunningJob) -> None:
        job = running.job
        if job.state == "failed":  # before there is a button to try again
            await self._keep_ended(running)
        text, markup = arrived.finished(job, running.texts)
        await self._say(running, (text, markup), group_texts.finished(job, running.texts))
        if job.state == "done":
            # Last: until the person knows, a restart finds what has been done and says it.
            await self._keep_ended(running)

    def _stopped(self, running: RunningJob, error: CustodyError) -> Ending:
        if error.code == LOCAL_FILE_UNREADABLE and self._core.storage.is_shared:
            error = upload_texts.FileElsewhere(str(error))
        text, markup, state = upload_texts.ended_by(error, running.job, running.texts)
        tell = self._tell_stopped(running, running.job, error, (text, markup))
        running.change(state=state)
        if isinstance(error, UploadCancelled):
            running.change(cancel_code=error.code)
        return Ending(running.job, tell)

    async def _tell_stopped(
        self, running: RunningJob, ended: UploadJob, error: CustodyError, shown: Shown
    ) -> None:
        """`ended`: the job as it was then."""
        state = running.job.state
        try:
            if state == "waiting":
                # Whoever connects next may choose another account: then it is a new file there.
                running.job = running.job.unplaced()
            # Tried again, it is asked for again: nobody may ever come back for it.
            await self.transfer.release_source(running)
            await self._keep(running)
        finally:
            self._ends.of_job(ended, error.code)
            address = f"{self._links}/{self._bot.username}"
            in_group = group_texts.ended(running.job, state, error.code, running.texts, address)
            await self._say(running, shown, in_group)
        if state == "waiting":
            await self._core.note_owner_told(running.job.owner)
        elif isinstance(error, RefusedByOrganisation):
            self._core.state.organisations.mark_told(running.job.owner)

    async def _say(self, running: RunningJob, shown: Shown, in_group: Shown) -> None:
        await running.message.finish(*shown, in_group=in_group)
        if running.message.sent.to.chat_id != running.job.chat_id:  # its buttons find it there
            await self._keep_ended(running)

    async def _keep(self, running: RunningJob) -> None:
        ended = datetime.now(UTC) if running.job.has_ended else None
        running.job = running.job.shown_in(*running.message.sent)
        running.change(finished_at=ended)
        await running.save(unless_deleted=True)

    async def _keep_ended(self, running: RunningJob) -> None:
        try:
            await self._keep(running)
        except OperatorFault as fault:  # then the next start finds it in Drive, and says so again
            _log.error("upload_not_saved", owner=running.job.owner, result=fault.code)

    async def _save(self, job: UploadJob, unless_deleted: bool) -> None:
        def save() -> None:
            if not unless_deleted or self._journal.load(job.id) is not None:
                self._journal.save(job)

        # While the database is away an upload waits: what it has in Drive is not lost by that.
        for pause in doubling(_SAVE_PAUSE_SECONDS, _LONGEST_SAVE_PAUSE_SECONDS):
            try:
                return await self._core.workers.run(save)
            except OperatorFault as fault:
                if fault.code != DATABASE_UNREACHABLE or self._core.workers.is_stopping:
                    raise
            await asyncio.sleep(pause)

    def _alert(self, running: RunningJob, result: str) -> None:
        """Administrators hear when the local server's files cannot be read, and when they can."""
        failed = result == LOCAL_FILE_UNREADABLE
        if failed or (result == "ok" and isinstance(running.source, LocalFile)):
            now, note = self._core.storage.now(), self._core.state.incidents.note
            if note(LOCAL_FILE_UNREADABLE, now, is_there=failed):
                self.on_trouble()

    def _note_end(self, running: RunningJob, number: int, result: str, began: float) -> None:
        file, took = running.job.files[number], time.monotonic() - began
        self._ends.of_file(running.job.owner, file.kind, result, file.size, took)


def _is_everybodys(error: CustodyError) -> bool:
    """Whether the job's other files would meet it as well."""
    kinds = ConsentRequired | CorruptCredential | Fault
    return isinstance(error, kinds) or error.code in _ALL_ALIKE
