"""Sends what waits, two files at a time, until it is in Drive; and says meanwhile how it goes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import structlog

from desktop.keeping.credentials import Pairing
from desktop.queue.records import Record
from desktop.sending.live import Live, next_try
from desktop.sending.route import Gone, Route
from desktop.sending.sources import QueuedContent
from desktop.sending.waits import Wait, concerns_all, wait_for, wait_here
from drive import DriveFile
from drive.uploading.stopping import UploadCancelled, UploadInterrupted
from security.errors import CustodyError, TransientFault

_THREADS: Final = 2
_STUCK_SECONDS: Final = 60.0
_LONGEST_SLEEP: Final = 3600.0
_log = structlog.get_logger()


class Sender:
    """One for a queue. `start` it, and `stop` it before the program ends."""

    def __init__(self, route: Route) -> None:
        self._route = route
        self.goes: Callable[[str], object] = lambda department: None
        """Told the department of each file that the cloud lets go, and again once it is in Drive;
        set before the start."""
        self.patience = _STUCK_SECONDS
        """So long a file may hardly move before others' turn comes."""
        self._live: dict[str, Live] = {}
        self._wanted = threading.Condition()
        self._ends = False
        self._threads = [
            threading.Thread(target=self._run, name=f"sender-{number}", daemon=True)
            for number in range(_THREADS)
        ]
        self._busy: set[str] = set()

    def start(self) -> None:
        """Begin with what waits."""
        for thread in self._threads:
            thread.start()

    def stop(self, seconds: float = 5.0) -> None:
        """Begin nothing more; what Drive has of the files under way stays there."""
        with self._wanted:
            self._ends = True
            for live in self._live.values():
                live.stop.interrupt()
            self._wanted.notify_all()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(seconds)

    def live(self, id: str) -> Live | None:
        """How a file goes; None: its turn has not come yet."""
        return self._live.get(id)

    def look(self) -> None:
        """End the turn of what hardly moves, such as bytes that somebody takes one by one: others
        can pass it. It goes on from where it is. Called every now and then."""
        with self._wanted:
            for id in self._busy:
                live = self._live.get(id)
                if live is not None and live.stands_for(time.monotonic()) > self.patience:
                    live.stop.interrupt()

    def wake(self, id: str = "", *, added: bool = False) -> None:
        """Something has changed: this file, or all, need wait no longer.

        Args:
            added: it is that there is one more; for what others wait is as true as before.
        """
        with self._wanted:
            for each, live in self._live.items():
                if (wait := live.wait) is not None and id in ("", each):
                    live.wait = Wait(wait.why, time.monotonic()) if added else wait.ended
            self._wanted.notify_all()

    def cancel(self, id: str) -> None:
        """Nobody wants the file any more: what is under way is stopped, and nothing kept, but for
        what has arrived, or may have. This may take some seconds."""
        shelf = self._route.shelf
        with self._wanted:
            record = shelf.find(id)
            if record is None or record.state == "done":  # it may have arrived just now
                return
            shelf.leaves(id)
            if id in self._busy:
                if (live := self._live.get(id)) is not None:
                    live.stop.interrupted = False  # by `look`: now it is somebody
                    live.stop.set()
                return
            self._busy.add(id)  # nobody begins with it now
        try:
            if record.state == "queued" and record.file_id:
                self._settle(record)
            else:
                shelf.remove(id)
        finally:
            with self._wanted:
                self._live.pop(id, None)
                self._busy.discard(id)
                self._wanted.notify_all()  # one of the same content may go now

    def _run(self) -> None:
        while (record := self._next()) is not None:
            live = self._live[record.id]
            try:
                self._one(record, live)
            except Exception as fault:
                _log.exception("upload_failed", result="failed")
                live.wait = wait_here(fault, time.monotonic())
            finally:
                with self._wanted:
                    self._busy.discard(record.id)
                    self._wanted.notify()
            left = self._route.shelf.find(record.id)
            if live.stop.cancelled and left is not None and left.state == "queued":
                with suppress(OSError):  # it had ended for now, and did not hear of that
                    self.cancel(record.id)

    def _next(self) -> Record | None:
        with self._wanted:
            while not self._ends:
                now, soonest = time.monotonic(), _LONGEST_SLEEP
                before: set[tuple[str, str]] = set()
                for record in self._route.shelf.queued():
                    live = self._live.get(record.id)
                    its = record.department, record.md5
                    is_behind = its in before and not record.anew  # the same is on its way
                    before.add(its)
                    if record.id in self._busy or is_behind:
                        continue
                    due = live.wait.until if live is not None and live.wait is not None else 0.0
                    if due <= now:
                        self._live[record.id] = next_try(record, live, now)
                        self._busy.add(record.id)
                        return record
                    soonest = min(soonest, due - now)
                self._wanted.wait(soonest)
        return None

    def _one(self, record: Record, live: Live) -> None:
        shelf = self._route.shelf
        pairing = self._route.credentials.of(record.department)
        if pairing is None:
            live.wait = Wait("unpaired", time.monotonic() + 3600)
            return
        if not record.anew and not record.file_id and (earlier := shelf.same(record)) is not None:
            shelf.change(record.id, state="same", link=earlier.link, ended_at=shelf.now())
            self._live.pop(record.id, None)
            return

        def reading(content: QueuedContent) -> None:
            live.content = content
            self._answered(pairing.department)

        try:
            found = self._route.send(record, pairing, live.progress, live.stop, reading)
        except UploadInterrupted:
            if not self._ends:
                self._waits(live, TransientFault("it hardly moves", code="timeout"), pairing)
            return
        except UploadCancelled as cancelled:
            if cancelled.arrived is not None:  # it was faster, and is in Drive
                self._done(record, cancelled.arrived)
            elif cancelled.may_have_arrived or (
                record.may_be_whole and not live.progress.has_begun  # Drive was not asked yet
            ):
                self._settle(record)
            else:
                shelf.remove(record.id)
        except Gone:
            if not self._may_be_gone(record.id, live, pairing):
                return
        except CustodyError as fault:
            self._waits(live, fault, pairing)
            return
        else:
            self._done(record, found)
        self._live.pop(record.id, None)

    def _answered(self, department: str) -> None:
        """The cloud has, and has not said what others of the department wait for."""
        with self._wanted:
            for record in self._route.shelf.queued():
                wait = live.wait if (live := self._live.get(record.id)) is not None else None
                if wait is not None and wait.is_of_all and record.department == department:
                    self._live[record.id].wait = wait.ended
            self._wanted.notify_all()
        self.goes(department)

    def _may_be_gone(self, id: str, live: Live, pairing: Pairing) -> bool:
        """Whether it is known what became of a file whose content is not here any more."""
        shelf = self._route.shelf
        if (record := shelf.find(id)) is None:
            return True
        try:
            found = self._route.give_up(record, pairing) if record.file_id else None
        except CustodyError as fault:
            self._waits(live, fault, pairing)
            return False
        if found is None:
            shelf.change(id, state="refused", because="gone", ended_at=shelf.now())
        else:  # a crash came between
            self._done(record, found)
        return True

    def _settle(self, record: Record) -> None:
        """A file that nobody wants, and that was begun before: whether it is in Drive."""
        shelf = self._route.shelf
        record = shelf.find(record.id) or record
        pairing = self._route.credentials.of(record.department)
        try:
            found = self._route.give_up(record, pairing) if pairing is not None else None
        except CustodyError:
            pairing = None
        else:
            if found is not None:
                self._done(record, found)
                return
        if pairing is None and record.may_be_whole:  # nobody could be asked
            shelf.change(record.id, state="refused", because="unsure", ended_at=shelf.now())
        else:
            shelf.remove(record.id)

    def _done(self, record: Record, found: DriveFile) -> None:
        shelf = self._route.shelf
        shelf.change(
            record.id,
            state="done",
            link=found.link,
            file_id=found.id,
            session=None,
            ended_at=shelf.now(),
        )
        _log.info("upload_finished", result="ok", size=record.size)
        self.goes(record.department)

    def _waits(self, live: Live, fault: CustodyError, pairing: Pairing) -> None:
        if live.has_moved:
            live.attempts = 0
        live.attempts += 1
        now = time.monotonic()
        if live.content is not None:
            live.since = now  # the cloud has answered until then
        if fault.code in ("invalid_grant", "consent_required"):
            self._route.credentials.forget_token(pairing.department)
        live.wait = wait_for(fault, live.attempts, now)
        its = self._route.credentials.of(pairing.department)
        if live.wait.is_of_all and its is not None and its.key != pairing.key:
            live.wait = live.wait.ended  # it was said of the key before
        elif concerns_all(fault):  # hundreds of files need not ask for themselves
            with self._wanted:
                for record in self._route.shelf.queued():
                    if record.department == pairing.department and record.id not in self._busy:
                        self._live.setdefault(record.id, Live(record.size, now)).wait = live.wait
        _log.warning("upload_waiting", result=fault.code, attempt=live.attempts)
