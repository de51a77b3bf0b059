"""Whatever Telegram, the disk, the clock and the handlers do: no update is lost, none done twice.

Each step is something that happens to the bot; after each, what it does is what the model says.
"""

from __future__ import annotations

import asyncio
import io
import shutil
import time
from collections.abc import Awaitable, Callable, Iterator, Set
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest
import structlog
from freezegun import freeze_time
from freezegun.config import DEFAULT_IGNORE_LIST, configure, reset_config
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from security.encryption import TokenEncryption
from tests.frozen import product
from tests.frozen.disk import Disk, Killed
from tests.frozen.product import OperatorFault
from tests.frozen.updates_bot import BOT, Bot, End, update_of
from tests.frozen.updates_model import (
    DAY,
    EACH,
    STARTS,
    STRANGER,
    TEXTS_BESIDE,
    TOTAL,
    TOTAL_FOR_TEXTS,
    Kind,
    Ledger,
    Model,
    Sent,
)

PEOPLE = (501, 502, 503)
NUMBERS = (7, 5_000, 10**9, 2**52, 2**63 - 10_000)
By = Literal["polling", "webhook"]
Trouble = Literal["full", "stuck", "none"]
KINDS = st.sampled_from(["text", "file", "file", "text", "file", "text", "empty"])
SENDERS = st.sampled_from([*PEOPLE, *PEOPLE, *PEOPLE, STRANGER])
FLOOD = st.tuples(st.integers(1, 2), st.just(PEOPLE[0]), KINDS)
BATCHES = st.lists(st.tuples(st.integers(-6, 4), SENDERS, KINDS), max_size=8) | st.lists(
    FLOOD, min_size=6, max_size=12
)
"""How far from the highest number so far, whose, and what."""
BY = st.sampled_from(["polling", "webhook"])
ENDS = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sampled_from(["well", "well", "well", "well", "badly", "cancelled"]),
    ),
    max_size=5,
)
"""Which of those that run, and how."""
DEATHS = st.sampled_from([*[None] * 30, 0, 1, 2, 2, 2, 3, 4, 6])
"""Calls of the file system after which the process is killed; None: it is not."""
_EVENTS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "disk_turns": {
        "trouble": st.sampled_from(["full", "full", "stuck", "stuck", "none"]),
        "soon_over": st.booleans(),
        "death": DEATHS,
    },
    "somebody_looks_after_it": {"death": DEATHS},
    "time_passes": {
        "hours": st.sampled_from([1, 11, 25, 8 * 24]),
        "base": st.sampled_from([None, None, *NUMBERS]),
    },
    "somebody_has_a_wish": {
        "person": st.sampled_from(PEOPLE),
        "wish": st.sampled_from(["disconnect", "disconnect", "be forgotten", "wait"]),
        "back": st.integers(-1, 5),
        "death": DEATHS,
    },
    "a_document_is_damaged": {"which": st.integers(0, 8)},
    "the_process_is_killed": {
        "damages": st.sampled_from([False, False, False, True]),
        "death": DEATHS,
    },
    "the_process_is_stopped": {},
}
EVENTS = st.none() | st.one_of(
    *(
        st.tuples(st.just(name), st.fixed_dictionaries(arguments))
        for name, arguments in _EVENTS.items()
    )
)
"""What else may happen, by the method below."""
LARGEST_BYTES = 1000
"""Of one document, sealed."""


class UpdatesStates(RuleBasedStateMachine):
    """One installation over all its runs."""

    names: ClassVar[Iterator[int]] = count()

    def __init__(
        self, folder: Path, keyring: TokenEncryption, tick: Callable[[float], object]
    ) -> None:
        super().__init__()
        self.root = folder / str(next(self.names))
        self.keyring = keyring
        self.tick = tick
        self.disk = Disk(self.root / "updates")
        self.model = Model()
        self.held: set[int] = set()
        self.base = 10_000
        self.blocked: tuple[int, asyncio.Task[None]] | None = None
        """What polling has brought while the disk was full: it is tried again, and again."""
        self.is_soon_over = False
        """Whether the disk works again after this step."""
        self.has_settled = False
        """Whether this step is one that writes the ledger down."""
        self.at_start: dict[int, int] = {}
        """How many of each person's the last run had left,"""
        self.bytes_at_start = 0
        """and in all."""
        self.loop = asyncio.Runner()

    @initialize()
    def start(self) -> None:
        self.disk.watch()
        self.loop.run(self._begin())

    def teardown(self) -> None:
        if hasattr(self, "bot"):
            self.loop.run(self.bot.vanish())
        Disk.unwatch()
        self.loop.close()
        shutil.rmtree(self.root, ignore_errors=True)

    # What may happen. There are no preconditions: threads end in no fixed order, so that what is
    # possible may differ from one try of the same steps to the next.

    @rule(batch=BATCHES, by=BY, deaths=st.tuples(DEATHS, DEATHS), ends=ENDS, event=EVENTS)
    def updates_come_and_end(
        self,
        batch: list[tuple[int, int, Kind]],
        by: By,
        event: tuple[str, dict[str, Any]] | None,
        ends: list[tuple[int, End]],
        deaths: tuple[int | None, int | None],
    ) -> None:
        """Updates come; something else happens, or nothing; and some updates are handled.

        One rule: Hypothesis leaves some of several out, and without these there is nothing to see.
        """
        if self.blocked is None:
            self._step(partial(self._come, batch, by), deaths[0])
        if event is not None:
            name, arguments = event
            getattr(self, name)(**arguments)
        self._step(partial(self._end, ends), deaths[1])
        if self.is_soon_over:
            self.disk_turns("none", soon_over=False, death=None)

    async def _come(self, batch: list[tuple[int, int, Kind]], by: By) -> None:
        """New ones, in order or not, and such as have come before."""
        for step, person, kind in batch:
            number = self.base + step
            self.model.sent.setdefault(number, Sent(person, kind))
            self.base = max(self.base, number + 1)
            if not await self._arrives(number, by):
                return

    async def _end(self, ends: list[tuple[int, End]]) -> None:
        """Handled is one also where its handler failed: then the person has been told.

        One that is cancelled has not been handled: the next run does it.
        """
        for which, how in ends:
            if not (running := sorted(self.model.running)):
                return
            number = running[which % len(running)]
            if how != "cancelled":
                self.model.end(number, time.time())
            self.model.leave(number)
            self.has_settled = how == "well"
            await self.bot.end(number, how)
            await self._catch_up()
            if how == "well" and not (self.disk.is_full or self.disk.is_stuck):
                self.model.sure = self.model.memory.copy()

    def disk_turns(self, trouble: Trouble, soon_over: bool, death: int | None) -> None:
        """It fails, or works again: then what was put off is done.

        `soon_over`: it works again after the handlers that end next.
        """
        self.is_soon_over = soon_over
        was_failing = self.disk.is_full or self.disk.is_stuck
        self._turn(trouble)
        if was_failing and not self.disk.is_full:
            self._step(self._look_after, death)

    def somebody_looks_after_it(self, death: int | None) -> None:
        """Twice a minute."""
        if not self.disk.is_full:
            self._step(self._look_after, death)

    def time_passes(self, hours: int, base: int | None) -> None:
        """Telegram keeps an update for a day, counts on for a week, and then begins anywhere."""
        self.tick(hours * 3600)
        if base is not None:
            self.base = base

    def somebody_has_a_wish(self, person: int, wish: str, back: int, death: int | None) -> None:
        """To be disconnected: files from before are not wanted any more; to be forgotten, also what
        was set aside; or to have files wait, with too many uploads (and then no longer).
        """
        before = self.base - back

        async def fulfil() -> None:
            model, self.has_settled = self.model, wish != "wait"
            if wish == "disconnect":
                dropped = [n for n in model.lines[person].files if n < before]
                for number in dropped:
                    model.end(number, time.time())
                assert await self.bot.product.drop_files(person, before) == len(dropped)
            elif wish == "be forgotten":
                for number in [n for n in model.memory.aside if model.sent[n].person == person]:
                    model.end(number, time.time())
                await self.bot.product.forget(person)
            elif person in self.held:
                self.held.discard(person)
                self.bot.product.look_again()
            else:
                self.held.add(person)

        self._step(fulfil, death)

    def a_document_is_damaged(self, which: int) -> None:
        """Whoever wrote it has lost it; nobody else has."""
        there = sorted(self.model.owed.keys() & product.updates_kept(self.root).keys())
        if there and not self.disk.is_stuck:
            number = there[which % len(there)]
            self.disk.damage(product.updates_kept(self.root)[number])
            self.model.damaged.add(number)

    def the_process_is_killed(self, damages: bool, death: int | None) -> None:
        """And once more in the midst of its next start; its ledger may be lost."""
        self.loop.run(self._killed(damages))
        self._step(self._restart, death)

    def the_process_is_stopped(self) -> None:
        """In order: that counts against no update."""
        if self.disk.is_full or self.disk.is_stuck:
            return

        async def stop() -> None:
            for number in self.model.begun_now:
                self.model.memory.begun[number] -= 1
            await self.bot.stop()
            self.model.sure = self.model.memory.copy()
            self.model.alone.clear()
            await self._killed()
            await self._restart()

        self._step(stop)

    # How it is done

    def _step(self, action: Callable[[], Awaitable[None]], death: int | None = None) -> None:
        """Do it, be killed after so many calls of the file system or at its end, and look."""

        async def step() -> None:
            self.has_settled = False
            self.disk.die_after(death)
            try:
                await action()
                await self._catch_up()
                is_killed = death is not None
            except Killed:
                is_killed = True
            if is_killed:
                await self._killed()
                await self._restart()
                await self._catch_up()
            self._look()

        self.loop.run(step())

    def _turn(self, trouble: Trouble) -> None:
        """A damaged document is looked at until it can be removed: not both at once."""
        self.disk.is_full = trouble == "full"
        self.disk.is_stuck = trouble == "stuck" and not self.model.damaged

    async def _arrives(self, number: int, by: By) -> bool:
        """Telegram brings it; whether it may bring the next one."""
        is_known = self.model.is_known(number, time.time())
        if not is_known and number in product.updates_kept(self.root):
            return True  # it could not be removed for a day: Telegram has it no longer
        update = update_of(number, self.model.sent[number])
        if by == "webhook":
            try:
                await self.bot.product.bring(update)
            except OperatorFault:
                assert self.disk.is_full
                return False
        else:
            task = asyncio.create_task(self.bot.product.poll(update))
            refusals = self.disk.refusals
            await self.bot.until(lambda: task.done() or self.disk.refusals > refusals)
            if not task.done():
                assert self.disk.is_full
                self.blocked = number, task
                return False
            task.result()
        self._acknowledged(number, is_known)
        await self._catch_up()
        return True

    def _acknowledged(self, number: int, is_known: bool) -> None:
        """Telegram will not bring it again, unless by mistake."""
        model, (person, kind) = self.model, self.model.sent[number]
        if is_known or kind == "empty":
            return  # `_look` finds it if it is handled all the same
        if person == STRANGER:
            if not len(model.lines[person]):  # else it is dropped: one answer a minute is enough
                model.lines[person].texts.append(number)
            return
        is_new, may_refuse = model.is_new(number, time.time()), model.may_refuse(number)
        path = product.updates_kept(self.root).get(number)
        if path is not None:
            model.keep(number, path.stat().st_size)
        elif may_refuse and (is_new or len(self.bot.product.refused) > len(model.told)):
            model.refuse(number, time.time())
        else:
            assert not is_new, f"{number} was acknowledged and is lost"

    async def _look_after(self) -> None:
        if self.blocked is not None:
            number, task = self.blocked
            await self.bot.until(task.done)
            self.blocked = None
            task.result()
            self._acknowledged(number, is_known=False)
            await self._catch_up()
        self.model.lapse(time.time())
        self.has_settled = True
        await self.bot.product.look_after()

    async def _begin(self) -> None:
        self.bot = Bot(self.root, self.keyring, frozenset(PEOPLE), self.disk)
        self.bot.product.hold_files(lambda person: person in self.held)
        await self.bot.product.resume(BOT)

    async def _catch_up(self) -> None:
        """What may be handled by now is, and nothing else."""
        model, bot = self.model, self.bot
        for person in (*PEOPLE, STRANGER):
            while (number := model.next_of(person, self.held)) is not None:
                if number in model.damaged and await self._is_lost(number):
                    model.lose(number)
                    continue
                model.take(number)
                self.has_settled |= number in model.left & model.running
        await bot.until(lambda: model.running <= bot.running.keys())
        if model.alone and not model.alone & model.running:
            await bot.until(lambda: bool(model.alone & bot.running.keys()))
            model.run(min(model.alone & bot.running.keys()))
            self.has_settled = True
        await bot.come_to_rest(*([self.blocked[1]] if self.blocked is not None else []))

    async def _is_lost(self, number: int) -> bool:
        """Whether the bot has seen that this document is damaged; else it need not look."""

        def is_gone() -> bool:
            return number not in product.updates_kept(self.root)

        await self.bot.until(lambda: number in self.bot.running or is_gone())
        return is_gone()

    def _look(self) -> None:
        model, kept = self.model, product.updates_kept(self.root).keys()
        assert self.bot.running.keys() == model.running
        assert self.bot.twice == []
        assert self.bot.product.refused == model.told
        assert model.owed.keys() <= kept, "acknowledged, and lost"
        for person in PEOPLE:
            most = max(EACH + TEXTS_BESIDE, self.at_start.get(person, 0))
            assert model.count(person) <= most + 1  # a text that is being handled
        assert sum(model.owed.values()) <= max(TOTAL, self.bytes_at_start) + LARGEST_BYTES
        if self.has_settled and not (self.disk.is_full or self.disk.is_stuck):
            model.sure = model.memory.copy()
            assert kept <= model.owed.keys() | model.memory.aside.keys()
        model.damaged &= kept
        model.documents = set(kept)

    async def _killed(self, damages: bool = False) -> None:
        """Nothing is left of the process; `damages`: nor of its ledger."""
        self.blocked = None
        await self.bot.vanish()
        ledger = product.updates_ledger(self.root)
        if damages and ledger.exists():
            self.disk.damage(ledger)

    async def _restart(self) -> None:
        """What the disk has is what counts, and what it must have it has."""
        model, kept = self.model, product.updates_kept(self.root).keys()
        found = product.read_ledger(self.root, self.keyring)
        if found is None:
            model.memory, model.sure = Ledger(), Ledger()
        else:
            noted = {n for first, last, _ in found["handled"] for n in range(first, last + 1)}
            lately = {first for first, _, at in found["handled"] if time.time() - at < DAY}
            assert lately <= model.memory.handled.keys(), "noted, and never handled"
            fresh = {n for n, at in model.sure.handled.items() if time.time() - at < DAY}
            assert fresh - model.owed.keys() <= noted, "what was handled would be handled again"
            lost = (model.documents | model.owed.keys()) - kept - model.damaged
            assert lost <= noted, "removed before it was noted"
            begun = {int(number): times for number, times in found["begun"].items()}
            aside = {int(number) for number in found["aside"]}
            for number in kept - model.damaged - noted:
                waits = number in model.alone - model.running
                least = model.sure.begun.get(number, 0)
                most = max(model.most_begun.get(number, 0) + waits, least)
                assert least <= begun.get(number, 0) <= most
            most_aside = {n for n, times in model.most_begun.items() if times >= STARTS}
            assert model.sure.aside.keys() - noted <= aside <= most_aside
            model.memory.handled = {n: at for n, at in model.memory.handled.items() if n in noted}
            model.memory.begun = begun
            model.memory.aside = {n: model.memory.aside.get(n, time.time()) for n in aside}
        self.disk.is_full = False  # or it would not begin
        model.begin()
        try:
            await self._begin()
        except OperatorFault:
            assert self.disk.is_stuck
            self.disk.is_stuck = False
            await self._killed()
            await self._begin()
        self._take_what_is_left(kept)

    def _take_what_is_left(self, kept: Set[int]) -> None:
        """The model of a run that has just begun, on these documents."""
        model, paths = self.model, product.updates_kept(self.root)
        model.memory.begun = {n: t for n, t in model.memory.begun.items() if n in paths}
        for number in sorted(paths):
            if model.memory.begun.get(number, 0) >= STARTS:
                model.memory.aside.setdefault(number, time.time())
        model.lapse(time.time())
        must_go = {n for n in kept if n in model.damaged or model.is_known(n, time.time())}
        stay = must_go if self.disk.is_stuck else set[int]()
        assert paths.keys() - model.memory.aside.keys() - stay == kept - must_go
        for number in sorted(kept - must_go):
            model.keep(number, paths[number].stat().st_size)
            model.left.add(number)
        self.at_start = {person: model.count(person) for person in PEOPLE}
        self.bytes_at_start = sum(model.owed.values())
        model.damaged &= paths.keys()
        model.documents = set(paths)
        self.has_settled = True


@pytest.fixture
def frozen_threads() -> Iterator[None]:
    """`freeze_time` holds for threads as well, which it leaves alone otherwise."""
    configure(default_ignore_list=[m for m in DEFAULT_IGNORE_LIST if m != "threading"])
    yield
    reset_config()


@pytest.mark.one_way
# What a killed process had open is collected in this one, whose disk takes nothing of it.
@pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <function StagedFile.__del__:"
    "pytest.PytestUnraisableExceptionWarning"
)
@pytest.mark.usefixtures("restored_logging", "frozen_threads")
def test_no_update_is_lost_and_none_handled_again(tmp_path: Path, keyring: TokenEncryption) -> None:
    """A plain set of numbers, each person's order, and the bounds, against the bot itself."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(io.StringIO()))
    examples = settings.get_profile("fuzz").max_examples // 16  # pytest --fuzz=N
    is_usual = examples < 16
    with (
        freeze_time(datetime.now(UTC).replace(tzinfo=None), real_asyncio=True) as clock,
        product.small_updates(EACH, TEXTS_BESIDE, TOTAL, TOTAL_FOR_TEXTS),
    ):
        run_state_machine_as_test(
            lambda: UpdatesStates(tmp_path, keyring, clock.tick),  # type: ignore[arg-type]
            settings=settings(
                max_examples=examples,
                stateful_step_count=20,
                deadline=None,
                derandomize=is_usual,
                database=None,
                suppress_health_check=list(HealthCheck),
                report_multiple_bugs=False,
                # What fails here fails again, and what waits in vain takes long to make smaller.
                phases=[Phase.generate] if is_usual else list(Phase),
            ),
        )
