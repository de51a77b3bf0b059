"""The line of uploads: who comes next, and what a cancel, an end or a restart may not undo."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest
from pydantic import BaseModel

from bot.preferences.folder_choices import FolderChoice
from bot.uploads.jobs import JobFile, UploadJob, Whereabouts
from bot.uploads.journal import UploadJournal
from bot.uploads.queue import UploadQueue
from security.errors import OperatorFault
from tests.bot.upkeep import Upkeep
from tests.bot.upload_line import ANN, BOB, ENDS, Disk, job
from tests.journeys import until
from tests.stores import storage_in
from upload import StopSignal

pytestmark = pytest.mark.one_way("on")
Run = Callable[[UploadJob, StopSignal], Coroutine[Any, Any, None]]


class Line:
    """A queue whose uploads do what a test says, and are remembered."""

    def __init__(self, journal: UploadJournal, disk: Disk, run: Run) -> None:
        self.journal = journal
        self.disk = disk
        self.begun: list[str] = []
        self.queue = UploadQueue(journal, disk, self._note_and_run, self._discard, ENDS, at_once=1)
        self._run = run

    async def add(self, *jobs: UploadJob) -> None:
        """What somebody has sent, and has been told of."""
        for one in jobs:
            await self.queue.save(one)
            await self.queue.enqueue(one, 1)

    async def until_begun(self, *jobs: UploadJob) -> None:
        """Wait until all of them have begun."""
        await until(lambda: {one.id for one in jobs} <= set(self.begun))

    async def until_idle(self) -> None:
        """Wait until nothing is in line or on its way."""
        await until(lambda: self.queue.counts() == (0, 0))

    def journal_state(self, job_id: str) -> str | None:
        """As it is written down."""
        found = self.journal.load(job_id)
        return found.state if found else None

    async def _note_and_run(self, one: UploadJob, halt: StopSignal) -> None:
        self.begun.append(one.id)
        await self._run(one, halt)

    async def _discard(self, one: UploadJob) -> None:
        """Nothing of it is in any Drive."""


OpenLine = Callable[[Run], Line]


@pytest.fixture
async def open_line(journal: UploadJournal, disk: Disk) -> AsyncIterator[OpenLine]:
    """`open_line(run)`: a line with one worker."""
    opened: list[Line] = []

    def open_one(run: Run) -> Line:
        opened.append(Line(journal, disk, run))
        return opened[-1]

    yield open_one
    for line in opened:
        await line.queue.stop()


async def test_who_has_sent_a_hundred_files_comes_round_as_often_as_who_has_sent_one(
    open_line: OpenLine,
) -> None:
    """Whether the hundred are of an earlier run, or were sent since."""
    gate = asyncio.Event()

    async def run(one: UploadJob, halt: StopSignal) -> None:
        await gate.wait()

    line = open_line(run)
    earlier, later = ([job(ANN, n) for n in numbers] for numbers in (range(50), range(50, 100)))
    for one in earlier:
        line.journal.save(one)
    await line.queue.start()
    await line.until_begun(earlier[0])
    await line.add(*later, bobs := job(BOB, 100))
    gate.set()
    await line.until_begun(bobs)
    assert line.begun.index(bobs.id) in (1, 2)


async def ended_meanwhile(
    open_line: OpenLine, disk: Disk, change: Callable[[UploadQueue], Coroutine[Any, Any, object]]
) -> tuple[Line, UploadJob, UploadJob]:
    """A line in which a job has ended while `change` was at the one before it, which waits; it was
    on its way when `change` read the jobs. The one that waits, and the one that has ended."""
    gate = asyncio.Event()

    async def run(one: UploadJob, halt: StopSignal) -> None:
        await gate.wait()
        line.journal.save(one.with_file(0, state="done").model_copy(update={"state": "done"}))

    line = open_line(run)
    waiting = job(ANN, 1, chat_id=-100, state="waiting")
    running = job(ANN, 2, chat_id=-100)
    await line.queue.save(waiting)
    await line.add(running)
    await line.until_begun(running)
    disk.writes, asked = asyncio.Event(), disk.asked
    changing = asyncio.create_task(change(line.queue))
    await until(lambda: disk.asked > asked)
    gate.set()
    await line.until_idle()
    disk.writes.set()
    await changing
    return line, waiting, running


async def test_what_ends_while_its_group_becomes_a_supergroup_stays_ended(
    open_line: OpenLine, disk: Disk
) -> None:
    line, waiting, ended = await ended_meanwhile(
        open_line, disk, lambda queue: queue.move_chat(-100, -200)
    )
    moved = await line.queue.find(ANN, waiting.id)
    assert moved is not None
    assert moved.chat_id == -200
    assert line.journal_state(ended.id) == "done"


async def test_what_ends_while_its_owner_is_forgotten_ends_once(
    open_line: OpenLine, disk: Disk
) -> None:
    """Of the two only the one that waits is cancelled."""
    cancelled = "drivekeeper_uploads_total", {"result": "cancelled"}
    before = ENDS.metrics.registry.get_sample_value(*cancelled) or 0
    line, _, ended = await ended_meanwhile(open_line, disk, lambda queue: queue.forget(ANN))
    assert line.journal_state(ended.id) is None
    assert ENDS.metrics.registry.get_sample_value(*cancelled) == before + 1


def test_a_stray_document_has_no_owner(journal: UploadJournal) -> None:
    """Everybody else is found beside it."""
    journal.save(job(ANN, 1))
    journal.save(job(BOB, 2, id="notes-2"))
    assert journal.owners() == [ANN]


async def test_nothing_that_is_said_to_be_cancelled_runs(open_line: OpenLine) -> None:
    """While one is being cancelled the worker takes the next; which is on its way then, not that
    one.
    """

    async def run(one: UploadJob, halt: StopSignal) -> None:
        while not halt.is_set():  # noqa: ASYNC110 - a thread's event, as uploads have it
            await asyncio.sleep(0)

    line = open_line(run)
    jobs = [job(ANN, number) for number in range(20)]
    for one in jobs:
        line.journal.save(one)
    await line.queue.start()
    await line.until_begun(jobs[0])
    line.disk.is_slow = True
    ended = await line.queue.cancel_all(ANN)
    cancelled = {one.id for one in ended if isinstance(one, UploadJob)}
    line.disk.is_slow = False
    assert cancelled.isdisjoint(line.begun)
    assert len(cancelled) >= 5
    await line.until_idle()
    assert cancelled.union(line.begun) == {one.id for one in jobs}
    assert {line.journal_state(one) for one in cancelled} == {"cancelled"}


async def test_a_retry_while_the_end_is_still_being_told_runs_again(open_line: OpenLine) -> None:
    """The end is written down before Telegram has taken the message that offers the retry."""
    told, states = asyncio.Event(), iter(("failed", "done"))

    async def run(one: UploadJob, halt: StopSignal) -> None:
        await line.queue.save(one.model_copy(update={"state": next(states)}))
        await told.wait()

    line = open_line(run)
    await line.queue.start()
    await line.add(one := job(ANN, 1))
    await until(lambda: line.journal_state(one.id) == "failed")
    assert await line.queue.retry(ANN, one.id) is not None
    told.set()
    await until(lambda: line.journal_state(one.id) == "done")
    assert line.begun == [one.id, one.id]


@pytest.mark.parametrize("is_erased", [False, True], ids=["", "erased meanwhile"])
async def test_what_is_wanted_all_the_same_while_its_end_is_told_runs_again(
    open_line: OpenLine, is_erased: bool
) -> None:
    """That end is written down once Telegram has taken the message with the button."""
    told = asyncio.Event()

    async def run(one: UploadJob, halt: StopSignal) -> None:
        if one.files[0].again:
            await line.queue.save(one.with_file(0, state="done", result="ok"))
            return
        there = one.with_file(0, state="done", result="duplicate")
        await line.queue.save(there)
        await told.wait()
        await line.queue.save(there.model_copy(update={"state": "done"}))

    line = open_line(run)
    await line.queue.start()
    await line.add(one := job(ANN, 1))
    await until(lambda: (found := line.journal.load(one.id)) is not None and found.was_there)
    again = asyncio.create_task(line.queue.again(ANN, one.id))
    await asyncio.sleep(0.02)
    if is_erased:
        await line.queue.forget(ANN)
    told.set()
    assert (await again is None) is is_erased
    await line.until_idle()
    assert line.begun == [one.id, one.id][: 1 if is_erased else 2]
    await until(lambda: line.journal_state(one.id) == (None if is_erased else "queued"))
    await line.until_idle()


@pytest.mark.parametrize("is_forgotten", [False, True])
async def test_what_was_cancelled_before_its_owner_was_told_does_not_come_back(
    open_line: OpenLine, is_forgotten: bool
) -> None:
    """Nor what its owner has erased: the message may wait for its turn for long."""

    async def run(one: UploadJob, halt: StopSignal) -> None:
        """Done at once."""

    line = open_line(run)
    await line.queue.start()
    await line.queue.save(one := job(ANN, 1))
    if is_forgotten:
        await line.queue.forget(ANN)
    else:
        assert await line.queue.cancel(ANN, one.id) is not None
    assert await line.queue.enqueue(one, 7) is None
    await line.add(next_one := job(ANN, 2))
    await line.until_begun(next_one)
    assert line.begun == [next_one.id]
    assert line.journal_state(one.id) == (None if is_forgotten else "cancelled")


async def test_what_ended_without_a_word_on_the_disk_can_be_tried_again(
    open_line: OpenLine,
) -> None:
    """Written down it is in line, and it is not: what is, is not queued a second time."""
    faults, gate = iter((OperatorFault("the disk is full"),)), asyncio.Event()

    async def run(one: UploadJob, halt: StopSignal) -> None:
        for fault in faults:
            raise fault
        await gate.wait()

    line = open_line(run)
    await line.queue.start()
    await line.add(one := job(ANN, 1))
    await line.until_begun(one)
    await line.until_idle()
    assert line.journal_state(one.id) == "queued"
    assert await line.queue.retry(ANN, one.id) is not None
    await until(lambda: len(line.begun) == 2)
    assert await line.queue.retry(ANN, one.id) is None
    gate.set()
    await line.until_idle()
    assert line.begun == [one.id, one.id]


async def test_how_many_files_have_not_ended_is_known_after_a_restart(
    open_line: OpenLine, journal: UploadJournal, upkeep: Upkeep
) -> None:
    """So that hundreds that come in wait for room, and are not refused while some are moving."""
    gate = asyncio.Event()

    async def run(one: UploadJob, halt: StopSignal) -> None:
        await gate.wait()
        await line.queue.save(one.model_copy(update={"state": "done"}))

    for number in range(200):
        journal.save(job(ANN, number))
    again = UploadJournal(storage_in(upkeep.world.folder, upkeep.world.keyring))
    again.prepare()
    line = open_line(run)
    line.queue._journal = again
    assert line.queue.remaining(ANN) == 0
    assert not line.queue.is_full(ANN)  # nothing of theirs is in line: nothing would ever end
    await line.queue.start()
    assert line.queue.is_full(ANN)
    assert not line.queue.is_full(BOB)
    ended: list[bool] = []
    line.queue.on_end = lambda: ended.append(line.queue.is_full(ANN))
    gate.set()
    await line.until_idle()
    assert ended == [False] * 200
    assert line.queue.remaining(ANN) == 200


@pytest.mark.parametrize("model", [Whereabouts, JobFile, UploadJob, FolderChoice])
def test_what_is_hidden_from_one_text_is_hidden_from_the_other(model: type[BaseModel]) -> None:
    """Pydantic's `str` shows every field, whatever `repr` says."""
    assert model.__str__ is model.__repr__
    assert model.__repr__ is not BaseModel.__repr__
