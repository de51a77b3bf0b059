"""The matrix itself: every file-system call of an operation, with every fault, and what is left."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from tests.crash.checks import losses
from tests.crash.durability import Cut, replay
from tests.crash.operation import Hands, Operation
from tests.crash.operations import OPERATIONS, beginning
from tests.crash.tracing import (
    FAULTS,
    KILL,
    REFUSED,
    SUCCEEDED,
    Call,
    Fault,
    Outcome,
    TraceError,
    run_traced,
)
from tests.crash.world import DATA, FolderState, World, empty, lay_out

Mutant = Callable[[], AbstractContextManager[None]]

_ATTEMPTS: Final = 3
_CHANGING: Final = (re.compile(r"\d{8}t\d{6,12}"), re.compile(r"(?<=\.)[a-z0-9_]{8}(?=\.tmp)"))
"""What differs from one run to the next in names: times, and random parts of temporary ones."""


@dataclass(frozen=True)
class Point:
    """One fault in the way of one call."""

    operation: str
    call: Call
    where: tuple[str, ...]
    """The call's paths, relative, without what changes from run to run."""
    fault: Fault

    @property
    def counts(self) -> bool:
        """Whether it is under `user_data/`; others (an archive elsewhere) are tried as well."""
        return any(path.startswith(DATA) for path in self.where)

    def __str__(self) -> str:
        call = f"{self.call.name} #{self.call.number}"
        return f"{self.operation}, {self.fault.name} at {call} of {' '.join(self.where)}"


@dataclass(frozen=True)
class Recording:
    """One run of an operation without a fault."""

    operation: str
    root: str
    progress: str
    state: FolderState
    """What it started from."""
    calls: list[Call]

    def points(self) -> list[Point]:
        """Every call on the world's paths, with every fault."""
        return [
            Point(self.operation, call, where, fault)
            for call in self.calls
            if (where := relative(call, self.root))
            for fault in FAULTS
        ]

    def cuts(self) -> Iterator[Cut]:
        """What power cuts may leave of it."""
        return replay(self.root, self.state, self.calls, self.progress)

    def first_report(self) -> Recording:
        """The same up to where the first owner was reported as done."""
        ends = (n for n, call in enumerate(self.calls, 1) if call.paths == (self.progress,))
        return replace(self, calls=self.calls[: next(ends, None)])


class Place:
    """Where one process of the harness runs operations and looks at what they leave."""

    def __init__(self, base: Path, world: World) -> None:
        """
        Args:
            base: a folder of its own, in memory where there is some.
        """
        self.world = world
        self._scratch, self._log = base / "scratch", base / "trace.log"
        self._progress = base / "progress"
        base.mkdir(parents=True, exist_ok=True)
        self._beginnings: dict[str, FolderState] = {}

    def warm_up(self, name: str) -> None:
        """Do an operation and all that follows once: what is imported late is imported now.

        Raises:
            TraceError: it loses something without any fault.
        """
        operation = OPERATIONS[name]
        lay_out(self._scratch, self._beginning(operation))
        done = set(operation.run(self._hands(operation)))
        if found := losses(operation, self._hands(operation), done):
            raise TraceError(f"{name} loses without a fault: {found}")

    def record(self, name: str, mutant: Mutant = nullcontext) -> Recording:
        """Run an operation under strace, without a fault."""
        outcome = self._run(OPERATIONS[name], mutant)
        if outcome.exit_code != SUCCEEDED:
            raise TraceError(f"{name} fails without a fault: {outcome.complaint}")
        state = self._beginning(OPERATIONS[name])
        return Recording(name, str(self._scratch), str(self._progress), state, outcome.calls)

    def try_point(self, point: Point, mutant: Mutant = nullcontext) -> list[str]:
        """What is lost when `point` happens.

        Raises:
            TraceError: the fault did not meet the call it was meant for.
        """
        operation = OPERATIONS[point.operation]
        for _ in range(_ATTEMPTS):
            outcome = self._run(operation, mutant, (point.call, point.fault))
            if self._was_hit(point, outcome):
                break
        else:
            raise TraceError(f"the fault did not meet its call: {point}")
        found = []
        if point.fault != KILL and outcome.exit_code not in (SUCCEEDED, REFUSED):
            found.append(f"not an operator's fault: {outcome.complaint}")
        if outcome.exit_code == REFUSED and str(self._scratch) in outcome.complaint:
            found.append("the operator's message tells a path")
        done = set(self._progress.read_text("utf-8").split())
        return found + losses(operation, self._hands(operation), done)

    def try_cut(self, name: str, cut: Cut) -> list[str]:
        """What is lost when a power cut leaves this."""
        operation = OPERATIONS[name]
        lay_out(self._scratch, cut.state)
        return losses(operation, self._hands(operation), set(cut.done))

    def _beginning(self, operation: Operation) -> FolderState:
        if operation.name not in self._beginnings:
            made = beginning(operation, self.world, self._scratch)
            self._beginnings[operation.name] = made
        return self._beginnings[operation.name]

    def _hands(self, operation: Operation) -> Hands:
        return Hands(self.world, self._scratch, operation.keyring(self.world))

    def _run(
        self, operation: Operation, mutant: Mutant, inject: tuple[Call, Fault] | None = None
    ) -> Outcome:
        lay_out(self._scratch, self._beginning(operation))
        hands = self._hands(operation)
        with self._progress.open("w", buffering=1, encoding="utf-8") as progress, mutant():

            def work() -> None:
                for done in operation.run(hands):
                    progress.write(f"{done}\n")

            return run_traced(work, self._log, inject)

    def _was_hit(self, point: Point, outcome: Outcome) -> bool:
        met = [call for call in outcome.calls if call.number == point.call.number]
        if not met or relative(met[0], str(self._scratch)) != point.where:
            return False
        if point.fault == KILL:
            return met[0].result is None and outcome.exit_code is None
        return met[0].injected

    def clear(self) -> None:
        """Leave nothing."""
        empty(self._scratch)


def relative(call: Call, root: str) -> tuple[str, ...]:
    """The call's paths below `root`, without what changes from run to run."""
    found = []
    for path in call.paths:
        if path == root or path.startswith(root + "/"):
            name = path.removeprefix(root).lstrip("/") or "."
            for changing in _CHANGING:
                name = changing.sub("*", name)
            found.append(name)
    return tuple(found)
