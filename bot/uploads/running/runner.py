"""Runs one job from the message to the link, and says how it ended: once, and truly."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import structlog
from telegram.ext import ExtBot

from bot.core import BotOptions, Core
from bot.kinds import LOCAL_FILE_UNREADABLE
from bot.texts.buttons import Shown
from bot.texts.unexpected import Unexpected, new_reference
from bot.uploads import arrived_texts, group_texts, upload_texts
from bot.uploads.destinations import Destinations
from bot.uploads.jobs import JobFile, UploadJob
from bot.uploads.journal import UploadJournal
from bot.uploads.progress import UploadMessage
from bot.uploads.running.running_job import RunningJob
from bot.uploads.running.telegram_files import TelegramFiles, patiently
from bot.uploads.running.telegram_source import LocalFile
from bot.uploads.running.transfer import Transfer
from bot.uploads.scheduler import Announcement
from security.errors import (
    ConsentRequired,
    CorruptCredential,
    CustodyError,
    Fault,
    OperatorFault,
    RefusedByOrganisation,
)
from upload import StopSignal, UploadCancelled, UploadInterrupted

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
        has_room: Callable[[], bool],
    ) -> None:
        self._bot = bot
        self._core = core
        self._journal = journal
        files = TelegramFiles(bot, core, options)
        self.transfer = Transfer(core, destinations, files, options.timing)
        self._has_room = has_room
        self._links = options.link_base_url
        self._timing = options.timing
        self._messages: dict[str, UploadMessage] = {}
        self.on_trouble: Callable[[], None] = lambda: None
        """Called when an incident begins or ends."""

    async def run(self, job: UploadJob, stop: StopSignal) -> Announcement | None:
        """Upload `job`. Every end has its message, whatever fails: it is what comes back."""
        texts = await self._core.preferences.texts(job.owner)
        message = UploadMessage(self._bot, job, texts, self._has_room, self._timing)
        message.start()
        self._messages[job.id] = message
        try:
            return await self._end_of(RunningJob(job, stop, message, texts, self._save))
        finally:
            self._messages.pop(job.id, None)

    async def _end_of(self, running: RunningJob) -> Announcement | None:
        try:
            await self._upload_all(running)
        except UploadInterrupted:
            running.message.stop()  # the journal has it: the next start goes on
            return None
        except CustodyError as error:
            if running.stop.is_set() and not isinstance(error, UploadCancelled):
                error = UploadCancelled("cancelled")
            return self._stopped(running, error)
        except Exception:
            reference = new_reference()
            _log.exception("handler_failed", owner=running.job.owner, reference=reference)
            return self._stopped(running, Unexpected(reference))
        return self._finished(running)

    def progress_of(self, job: UploadJob) -> str | None:
        """How far it is, as its own message says; None: it does not run."""
        message = self._messages.get(job.id)
        return message.text() if message else None

    async def _upload_all(self, running: RunningJob) -> None:
        """Every file that has not ended; those that fail for reasons of their own are left behind.

        Raises:
            CustodyError: what the other files would meet as well, or the only one has met.
        """
        credential = await patiently(
            lambda: self._core.custodian.access_token(running.job.owner),
            self._timing.get_file_pauses,
        )
        account = credential.account_key or ""
        if running.job.account_id and running.job.account_id != account:
            raise UploadCancelled("the account has changed", code="account_changed")
        running.change(account_id=account)
        while (number := running.job.next_number) is not None:
            began = time.monotonic()
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
                self._count(running.job.files[number], running, error.code, began)
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
                self._count(running.job.files[number], running, result, began)

    async def _finished(self, running: RunningJob) -> None:
        job = running.job
        failed = any(file.state == "failed" for file in job.files)
        if failed:  # before there is a button to try again
            await self._keep_ended(running, "failed")
        text, markup = arrived_texts.finished(job, running.texts)
        await self._say(running, (text, markup), group_texts.finished(job, running.texts))
        if not failed:
            # Last: until the person knows, a restart finds what has been done and says it.
            await self._keep_ended(running, "done")

    async def _stopped(self, running: RunningJob, error: CustodyError) -> None:
        text, markup, state = upload_texts.ended_by(error, running.job, running.texts)
        event = "upload_cancelled" if isinstance(error, UploadCancelled) else "upload_failed"
        _log.info(event, owner=running.job.owner, kind=running.job.kind, result=error.code)
        self._core.metrics.uploaded(error.code, None)
        try:
            if state == "waiting":
                # Whoever connects next may choose another account: then it is a new file there.
                running.job = running.job.unplaced()
            # Tried again, it is asked for again: nobody may ever come back for it.
            await self.transfer.release_source(running)
            await self._keep(running, state)
        finally:
            address = f"{self._links}/{self._bot.username}"
            shown = group_texts.ended(running.job, state, error.code, running.texts, address)
            await self._say(running, (text, markup), shown)
        if state == "waiting":
            await self._core.note_owner_told(running.job.owner)
        elif isinstance(error, RefusedByOrganisation):
            self._core.state.organisations.mark_told(running.job.owner)

    async def _say(self, running: RunningJob, shown: Shown, in_group: Shown) -> None:
        await running.message.finish(*shown, in_group=in_group)
        if running.message.sent.to.chat_id != running.job.chat_id:  # its buttons find it there
            await self._keep_ended(running, running.job.state)

    async def _save(self, job: UploadJob) -> None:
        await self._core.workers.run(self._journal.save, job)

    async def _keep(self, running: RunningJob, state: str) -> None:
        ended = datetime.now(UTC) if state in ("done", "cancelled") else None
        running.job = running.job.shown_in(*running.message.sent)
        running.change(state=state, finished_at=ended)
        await self._core.workers.run(self._write_down, running.job)

    async def _keep_ended(self, running: RunningJob, state: str) -> None:
        try:
            await self._keep(running, state)
        except OperatorFault as fault:  # then the next start finds it in Drive, and says so again
            _log.error("upload_not_saved", owner=running.job.owner, result=fault.code)

    def _write_down(self, job: UploadJob) -> None:
        if self._journal.load(job.id) is not None:  # else deleted, with everything, meanwhile
            self._journal.save(job)

    def _alert(self, running: RunningJob, result: str) -> None:
        """Administrators hear when the local server's files cannot be read, and when they can."""
        failed = result == LOCAL_FILE_UNREADABLE
        if failed or (result == "ok" and isinstance(running.source, LocalFile)):
            note = self._core.state.incidents.note
            if note(LOCAL_FILE_UNREADABLE, time.time(), is_there=failed):
                self.on_trouble()

    def _count(self, file: JobFile, running: RunningJob, result: str, began: float) -> None:
        _log.info(
            "upload_finished" if file.state == "done" else "upload_failed",
            owner=running.job.owner,
            kind=file.kind,
            size=file.size or 0,
            seconds=round(time.monotonic() - began, 3),
            result=result,
        )
        self._core.metrics.uploaded(result, file.size if result == "ok" else None)


def _is_everybodys(error: CustodyError) -> bool:
    """Whether the job's other files would meet it as well."""
    kinds = ConsentRequired | CorruptCredential | Fault
    return isinstance(error, kinds) or error.code in _ALL_ALIKE
