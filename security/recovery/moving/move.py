"""A move of everything that is kept, from files into a database or back.

Copied, compared until nothing differs, and only then removed where it was. Marks keep either side
from serving while it is not complete, so that a move may be cut short anywhere and made again:

1. the target is marked as one into which a move is under way;
2. everything is copied there, and compared, again until nothing has changed meanwhile;
3. the source is marked as moved away: all of it is on the other side, and compared;
4. the source is emptied, each document compared once more;
5. the target's mark is lifted: from now on it serves.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime
from itertools import islice
from typing import Final, NamedTuple

from security.errors import OperatorFault
from security.recovery.bot_stopped import BotStopped, bot_stopped
from security.recovery.moving.carrying import AT_ONCE, Carrier, Pass, Progress
from security.recovery.moving.report import MoveReport
from security.storage.events import AuditEntry
from security.storage.leases import BOT_LEASE
from security.storage.moves.marks import Mark, occupied, place, sentence
from security.storage.moves.sides import Side
from security.storage.protocol import Storage

_MOST_PASSES: Final = 5
_TOLD_EACH: Final = 1000
_LEASE_SECONDS: Final = 40.0
"""Longer than a lease lasts that nobody gives back."""
Show = Callable[[str], AbstractContextManager[Progress]]
"""Shows how far one stage is, by its name."""


class _Digest(NamedTuple):
    """Of the audit trail's entries, in whatever order they are."""

    number: int
    of_all: int


class Move:
    """Moves from `source` to `target`. Every method blocks."""

    def __init__(
        self,
        source: Side,
        target: Side,
        mask: Callable[[str], str],
        start: Callable[[], None],
        *,
        on_wait: Callable[[float, float], None] = lambda waited, longest: None,
        lease_seconds: float = _LEASE_SECONDS,
        at_once: int = AT_ONCE,
    ) -> None:
        """
        Args:
            mask: what stands for an owner in a report.
            start: custody's start on the source, which finishes what a crash has left half done.
            on_wait: as `bot_stopped` has it.
            lease_seconds: how long an owner's lease is waited for.
            at_once: how many documents, or owners with all of theirs, are carried together.
        """
        self._source = source
        self._target = target
        self._start = start
        self._on_wait = on_wait
        self._carrier = Carrier(
            source.storage, target.storage, mask, lease_seconds=lease_seconds, at_once=at_once
        )
        self._stopped: list[BotStopped] = []

    def run(self, show: Show, *, dry_run: bool = False) -> MoveReport:
        """Move everything, or go on with it.

        Args:
            show: called for each stage.
            dry_run: change nothing, take no lease, and say what would be moved.

        Raises:
            OperatorFault: a bot or somebody else is at work on one of the sides, the target holds
                an installation of its own, the keys do not fit, or one of the sides fails. Nothing
                is lost, and neither of them is emptied unless the other has all of it.
        """
        report = MoveReport(to=self._target.name, dry_run=dry_run)
        is_there = self._target.is_there()
        report.was_finished = self._was_finished(is_there=is_there)
        if report.was_finished:
            return report
        if dry_run:
            return self._look(report, show, is_there=is_there)
        with ExitStack() as stack:
            with show("Waiting for the bot to be gone"):
                for side in (self._source, self._target):
                    side.storage.prepare()
                    self._stopped.append(
                        stack.enter_context(bot_stopped(side.storage, self._on_wait))
                    )
            return self._move(report, show)

    def _was_finished(self, *, is_there: bool) -> bool:
        """Whether there is nothing left to do.

        Raises:
            OperatorFault: there is nothing to move, or nowhere to.
        """
        source, target = self._source, self._target
        for side in (source, target):
            if not (side.storage.takes_plaintext or side.storage.sealer.is_sealing):
                raise OperatorFault(
                    "a database wants TOKEN_ENCRYPTION_KEY: nothing is kept there in plaintext",
                    code="key_missing",
                )
        if not source.is_there():
            raise OperatorFault(
                f"there is nothing in {place(source.name)}: nothing has to be moved, or it is "
                "not the right one",
                code="gone",
            )
        away, arriving = source.marked(Mark.AWAY), source.marked(Mark.ARRIVING)
        marks = [mark for mark in Mark if is_there and target.marked(mark) is not None]
        if arriving is not None:
            raise OperatorFault(
                sentence(source.name, Mark.ARRIVING, arriving.since), code="moved_away"
            )
        if away is not None and not is_there:
            raise OperatorFault(
                f"{sentence(source.name, Mark.AWAY, away.since)}; and there is nothing in "
                f"{place(target.name)}: is it the right one",
                code="gone",
            )
        if away is None and is_there and not marks and self._holds_documents(target.storage):
            raise OperatorFault(occupied(target.name), code="exists")
        return away is not None and Mark.ARRIVING not in marks

    def _holds_documents(self, storage: Storage) -> bool:
        return any(storage.names(k) for k in self._source.storage.kinds if k in storage.kinds)

    def _look(self, report: MoveReport, show: Show, *, is_there: bool) -> MoveReport:
        for side in (self._source, self._target) if is_there else (self._source,):
            if side.storage.is_leased(BOT_LEASE):
                raise OperatorFault("the bot is running: stop it first", code="second_instance")
        self._source.storage.check_keys()
        with show("Looking") as progress:
            _count(self._carrier.look(progress), report)
        report.events = sum(1 for _ in self._source.storage.events())
        report.mask_key = self._source.mask_key() is not None
        self._bound_events(report)
        return report

    def _move(self, report: MoveReport, show: Show) -> MoveReport:
        source, target, now = self._source, self._target, datetime.now(UTC)
        if source.marked(Mark.AWAY) is None:
            self._start()
            self._make_room(show, now)
            target.storage.check_keys()
            target.storage.check_writable()
            if not self._copy(report, show):
                return report
            says = sentence(source.name, Mark.AWAY, now)
            source.put_mark(Mark.AWAY, says, now, target.where)
        self._empty(report, show)
        target.drop_mark(Mark.ARRIVING)
        return report

    def _make_room(self, show: Show, now: datetime) -> None:
        """Mark the target; what a move away from there may have left is removed."""
        target = self._target
        if target.marked(Mark.ARRIVING) is None:
            target.put_mark(Mark.ARRIVING, sentence(target.name, Mark.ARRIVING, now), now)
        if target.marked(Mark.AWAY) is not None:
            with show("Making room") as progress:
                self._carrier.empty_target(self._watched(progress))
            target.clear_events()
            target.forget()
            target.drop_mark(Mark.AWAY)

    def _copy(self, report: MoveReport, show: Show) -> bool:
        """Whether all of it is on the other side, and was compared there."""
        for number in range(_MOST_PASSES):
            with show("Comparing" if number else "Copying") as progress:
                made = self._carrier.copy(self._watched(progress))
            changed = self._copy_events(report, show) + self._copy_mask_key(report)
            _count(made, report)
            if report.left:
                return False
            if number and not made.changed and not changed:
                return True
        raise OperatorFault(
            "what is to be moved is being changed: stop every process and command", code="locked"
        )

    def _copy_events(self, report: MoveReport, show: Show) -> bool:
        """Whether the audit trails differed."""
        source, target = self._source, self._target
        report.events = sum(1 for _ in source.storage.events())
        skipped = self._bound_events(report)

        def entries() -> Iterator[AuditEntry]:
            return islice(source.storage.events(newest_first=False), skipped, None)

        wanted = _digest(entries())
        if _digest(target.storage.events()) == wanted:
            return False
        with show("Copying the audit trail") as progress:
            watched = self._watched(progress)
            target.clear_events()
            target.add_events(_told(entries(), watched, wanted.number))
        if _digest(target.storage.events()) != wanted:
            raise OperatorFault("the audit trail does not come back as it was", code="failed")
        return True

    def _bound_events(self, report: MoveReport) -> int:
        """How many of the oldest the target has no room for."""
        most = self._target.most_events
        report.events_left = 0 if most is None else max(0, report.events - most)
        return report.events_left

    def _copy_mask_key(self, report: MoveReport) -> bool:
        """Whether the keys of the logs' masks differed."""
        key, there = self._source.mask_key(), self._target.mask_key()
        report.mask_key = key is not None
        if key is None or (there is not None and there[0] == key[0]):
            return False
        self._target.keep_mask_key(*key)
        return True

    def _empty(self, report: MoveReport, show: Show) -> None:
        with show("Removing what was moved") as progress:
            made = self._carrier.empty_source(self._watched(progress))
        if made.left:
            raise OperatorFault("a document cannot be read any more", code="store_failed")
        if any(True for _ in self._source.storage.events()):
            self._copy_events(report, show)
            self._source.clear_events()
        if self._source.mask_key() is not None:
            self._copy_mask_key(report)
        self._source.forget()

    def _watched(self, progress: Progress) -> Progress:
        def watched(done: int, total: int) -> None:
            for stopped in self._stopped:
                stopped.check()
            progress(done, total)

        return watched


def _count(made: Pass, report: MoveReport) -> None:
    report.kinds = {kind: dict(counts) for kind, counts in made.counts.items()}
    report.left = made.left


def _digest(entries: Iterable[AuditEntry]) -> _Digest:
    """Alike for the same entries in another order: a database has them by time."""
    number, of_all = 0, 0
    for entry in entries:
        number += 1
        whole = json.dumps(entry.to_document()).encode("ascii")
        of_all += int.from_bytes(hashlib.sha256(whole).digest())
    return _Digest(number, of_all)


def _told(entries: Iterator[AuditEntry], progress: Progress, total: int) -> Iterator[AuditEntry]:
    """The entries as they are, of which each thousand is told."""
    for done, entry in enumerate(entries):
        if done % _TOLD_EACH == 0:
            progress(done, total)
        yield entry
