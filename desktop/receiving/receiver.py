"""What was dropped goes into the queue: written whole, looked at, and only then promised."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection

from desktop.queue.records import Record
from desktop.queue.shelf import Shelf
from desktop.receiving.pdf import Examined, Fault
from drive.uploading.names import clean_name


class Receiver:
    """Takes the files of one form; see `form.Taker`. Everything here blocks."""

    def __init__(
        self, shelf: Shelf, departments: Collection[str], added: Callable[[], object]
    ) -> None:
        """
        Args:
            departments: the slugs of those that this computer uploads for.
            added: called when there is more to send.
        """
        self._departments = departments
        self._shelf = shelf
        self._added = added
        self._id, self._descriptor = "", -1
        self._examined = Examined()
        self._department = self._name = ""
        self._disk_fault = False

    def begin(self, department: str, name: str) -> None:
        """A file begins; of a path only its end is a name."""
        # The page offers no other; whoever sends one anyway has the first.
        known = department in self._departments
        self._department = department if known else next(iter(self._departments), "")
        self._name = clean_name(name.replace("\\", "/").rpartition("/")[2], "file.pdf")
        self._examined = Examined()
        self._disk_fault = False
        try:
            self._id, self._descriptor = self._shelf.new_content()
        except OSError:
            self._disk_fault = True

    def take(self, piece: bytes) -> None:
        """What comes next."""
        self._examined.take(piece)
        if self._examined.is_too_big or self._disk_fault:
            self._let_go()
            return
        try:
            view = memoryview(piece)
            while view:
                view = view[os.write(self._descriptor, view) :]
        except OSError:
            self._disk_fault = True
            self._let_go()

    def end(self) -> None:
        """It has ended: it is in the queue, or it is said why not.

        Raises:
            OSError: not even that can be written down.
        """
        fault: Fault | None = self._examined.fault()
        if self._disk_fault:
            fault = "disk"
        if fault is None:
            try:
                os.fsync(self._descriptor)
            except OSError:
                fault = "disk"
        id, now = self._id or self._shelf.new_id(), self._shelf.now()
        self._close()
        if fault is not None:
            self._shelf.drop_content(id)
        record = Record(
            id=id,
            department=self._department,
            name=self._name,
            size=self._examined.size,
            md5=self._examined.md5,
            added_at=now,
        )
        if fault is None and self._shelf.is_waiting(record):
            self._shelf.drop_content(id)
            self._id = ""
            return
        if fault is not None:
            record = record.model_copy(update={"state": "refused", "because": fault})
        elif (earlier := self._shelf.same(record)) is not None:
            record = record.model_copy(update={"state": "same", "link": earlier.link})
        self._shelf.put(record)
        self._id = ""
        if record.state == "queued":
            self._added()

    def give_up(self) -> None:
        """The form broke off: what had not ended was promised to nobody."""
        self._let_go()
        self._id = ""

    def _let_go(self) -> None:
        self._close()
        if self._id:
            self._shelf.drop_content(self._id)

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
