"""The bot killed in the midst of uploads of 100 MB and more: at which moments, and what was lost.

One trial without a kill tells what the bot does, in its order. Then each request is a moment
(before Drive or Telegram carries it out, and before it answers), each change of names on the
bot's disk (before it, and before it is durable), and each part of the file's way.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from bench.uploads.content import make
from bot.uploads.jobs import UploadJob
from bot.uploads.journal import UploadJournal
from tests.crash.tracing import TraceError
from tests.crash.upload_bot import Moment, Step
from tests.crash.upload_trial import Found, Sending, try_moment
from upload import Target

SIZE: Final = 100 * 1024 * 1024 + 4321
LEAST: Final = 30
_SMALL: Final = 3_000_017
_CHUNK: Final = "google.upload.chunk"
_BLOCK: Final = 256 * 1024
_SHOWN: Final = 10
_TRIES: Final = 2
_PHASES: Final = {
    "update": ("telegram.getUpdates", "rename updates", "remove updates"),
    "note": ("rename uploads",),
    "message": ("telegram.sendMessage", "telegram.editMessageText"),
    "Telegram's file": ("telegram.getFile", "remove local"),
    "session": ("google.upload.start", "google.drive.files.generateIds"),
    "bytes": (f"amid {_CHUNK}",),
    "last answer": (_CHUNK,),
}
Task = tuple[Sending, Moment | None, str]


@contextmanager
def no_identifier() -> Iterator[None]:
    """Drive is left to choose the file's identifier: a second session makes a second file."""
    original = Target.body

    def body(target: Target) -> dict[str, Any]:
        return {name: value for name, value in original(target).items() if name != "id"}

    Target.body = body  # type: ignore[assignment,method-assign]
    try:
        yield
    finally:
        Target.body = original  # type: ignore[method-assign]


@contextmanager
def no_note() -> Iterator[None]:
    """What has been prepared and begun in Drive is not written down."""
    original = UploadJournal.save

    def save(journal: UploadJournal, job: UploadJob) -> None:
        original(journal, job.unplaced())

    UploadJournal.save = save  # type: ignore[assignment,method-assign]
    try:
        yield
    finally:
        UploadJournal.save = original  # type: ignore[method-assign]


MUTANTS: Final = {
    "without the identifier prepared": no_identifier,
    "without the journal's note of it": no_note,
}


def phase_of(moment: Moment) -> str:
    """What the bot was about."""
    name = f"amid {_CHUNK}" if moment.when == "amid" else moment.step.name
    return next((phase for phase, names in _PHASES.items() if name in names), "before the upload")


def moments_of(steps: list[Step], size: int) -> list[Moment]:
    """Every moment of one upload of `size` bytes that did these steps."""
    found = []
    for step in steps:
        if step.name != "telegram.getUpdates":
            found.append(Moment(step, "before"))
        if not step.name.startswith("remove"):
            found.append(Moment(step, "after"))
    chunk = Step(_CHUNK, 1)
    parts = (1, _BLOCK + 1, size // 4, size // 2, size * 3 // 4, size - _BLOCK, size - 1, size)
    found += [Moment(chunk, "amid", max(at, 1)) for at in dict.fromkeys(parts)]
    return found + _without_session(steps, size)


def _without_session(steps: list[Step], size: int) -> list[Moment]:
    """A few of them once more, and then Drive knows the session no longer."""
    notes = [step for step in steps if step.name == "rename uploads"]
    return [
        Moment(Step("google.upload.start", 1), "after", forget=True),
        Moment(Step(_CHUNK, 1), "amid", size // 2, forget=True),
        Moment(Step(_CHUNK, 1), "after", forget=True),
        *(Moment(note, "before", forget=True) for note in notes[-2:]),
    ]


def _of_album(steps: list[Step]) -> list[Moment]:
    """Moments between the files of an album."""
    of_its_own = [step for step in steps if step.name in ("rename uploads", "rename updates")]
    chunks = [step for step in steps if step.name == _CHUNK]
    return [Moment(step, "before") for step in of_its_own] + [
        Moment(step, when) for step in chunks for when in ("before", "after")
    ]


def _try(folder: Path, task: Task) -> Found:
    sending, moment, mutant = task
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)  # of connections that were cut
    place = folder / str(os.getpid())
    found = Found(met=False)
    for _ in range(_TRIES):  # a progress message more or less
        found = try_moment(place, sending, moment, MUTANTS[mutant] if mutant else None)
        if found.met or moment is None:
            break
    return found


class Uploads:
    """All trials, in parallel; prints and counts."""

    def __init__(self, base: Path, workers: int, every: int, size: int = SIZE) -> None:
        """
        Args:
            base: an empty folder, in memory if there is room for a few files of `size` bytes.
            every: 1: all moments; N: every Nth, no album, and no safeguard is taken out.
        """
        self.points = self.losses = 0
        self._base, self._workers, self._every, self._size = base, workers, every, size
        self._shown = 0

    def run(self) -> bool:
        """Try everything; whether each safeguard, taken out, is missed.

        Raises:
            TraceError: the bot does not do its work even undisturbed.
        """
        began = time.monotonic()
        film = make(self._base / "film", self._size)
        alone, missed = Sending({"film.mkv": film}), [True]
        album = Sending({"film.mkv": film, "cover.png": make(self._base / "cover", _SMALL)})
        fork = multiprocessing.get_context("fork")
        with ProcessPoolExecutor(self._workers, fork) as self._pool:
            usual = self._undisturbed(alone)
            moments = moments_of(usual.steps, self._size)[:: self._every]
            self._try_all(alone, moments, usual)
            if self._every == 1:
                together = self._undisturbed(album)
                self._try_all(album, _of_album(together.steps), together, "album")
                missed = [self._is_missed(alone, usual, label) for label in MUTANTS]
        print(
            f"uploads of {self._size:,} bytes: {self.points} points, {self.losses} losses "
            f"({time.monotonic() - began:.0f} s)",
            flush=True,
        )
        return all(missed)

    def _undisturbed(self, sending: Sending) -> Found:
        found = self._pool.submit(_try, self._base, (sending, None, "")).result()
        if found.losses:
            raise TraceError(f"an upload nobody disturbs: {found.losses}")
        return found

    def _try_all(
        self, sending: Sending, moments: list[Moment], usual: Found, only_phase: str = ""
    ) -> None:
        tasks: list[Task] = [(sending, moment, "") for moment in moments]
        results = self._pool.map(_try, [self._base] * len(tasks), tasks)
        counts: dict[str, list[int]] = {}
        for moment, found in zip(moments, results, strict=True):
            count = counts.setdefault(only_phase or phase_of(moment), [0, 0, 0, 0])
            if not found.met:
                count[2] += 1
                continue
            losses = found.losses
            if surplus := found.kept - usual.kept:
                losses = [*losses, f"left under user_data: {sorted(surplus)}"]
            count[0] += 1
            count[1] += bool(losses)
            count[3] += found.messages > usual.messages
            if losses and self._shown < _SHOWN:
                self._shown += 1
                print(f"  LOSS uploads, {moment}", *losses, sep="\n       ", flush=True)
        for phase, (points, lost, unmet, messages) in counts.items():
            self.points, self.losses = self.points + points, self.losses + lost
            print(
                f"uploads, {phase}: {points} points, {lost} losses"
                + (f", {messages} with one message too many" if messages else "")
                + (f", {unmet} not met" if unmet else ""),
                flush=True,
            )

    def _is_missed(self, sending: Sending, usual: Found, label: str) -> bool:
        moments = _without_session(usual.steps, self._size)[-3:]
        tasks: list[Task] = [(sending, moment, label) for moment in moments]
        found = list(self._pool.map(_try, [self._base] * len(tasks), tasks))
        lost = sum(bool(one.losses) for one in found)
        verdict = "as there must be" if lost else "AND THERE MUST BE SOME"
        print(f"uploads {label}: {lost} losses in {len(moments)} points, {verdict}", flush=True)
        return lost > 0
