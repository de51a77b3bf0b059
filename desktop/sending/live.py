"""How a file goes just now."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from desktop.queue.records import Record
from desktop.sending.sources import QueuedContent
from desktop.sending.waits import Wait, Why
from drive.uploading.progress import Progress
from drive.uploading.stopping import StopSignal

_LEAST: Final = 64 * 1024


@dataclass
class Live:
    """Of one file. Any thread may look."""

    size: int
    since: float
    """Of what it is at, by the monotonic clock."""
    attempts: int = 0
    wait: Wait | None = None
    """None: it is at work."""
    before: Why | None = None
    """Why it waited until this try, where that is true until the cloud says otherwise."""
    stop: StopSignal = field(default_factory=StopSignal)
    progress: Progress = field(default_factory=Progress)
    content: QueuedContent | None = None
    seen: tuple[int, float] = (-1, 0.0)
    """How much was sent when somebody looked, and since when it is so much."""
    moved: tuple[int, float] = (-_LEAST, 0.0)
    """How much was read and sent when it last went on by as much as it has to, and when."""

    @property
    def sent(self) -> int:
        """Bytes that Drive has, or may have where the system does not tell that."""
        told = self.progress.delivered
        if told is None:
            told = self.content.at if self.content is not None else 0
        return min(told, self.size)

    def speed(self, now: float) -> float:
        """Bytes a second, for all that is known yet; 0.0: it is too early to say.

        Args:
            now: the monotonic clock's.
        """
        if self.content is None:
            return 0.0
        since = self.content.since
        seconds = now - since
        moved = max(self.sent - self.progress.first, 0)
        return moved / seconds if since and seconds > 1 else 0.0

    @property
    def has_moved(self) -> bool:
        """Whether Drive has more of it than this try began with."""
        return self.progress.has_begun and self.sent > self.progress.first

    def still(self, now: float) -> float:
        """For how many seconds nothing has moved, as far as anybody has looked.

        Args:
            now: as `speed`.
        """
        if (sent := self.sent) != self.seen[0]:
            self.seen = sent, now
        return now - self.seen[1]

    def stands_for(self, now: float) -> float:
        """For how many seconds it has hardly moved since the cloud answered, as far as anybody has
        looked.

        Args:
            now: as `speed`.
        """
        # What Drive has is read again first, which a slow disk takes its time for.
        by_now = self.sent + self.content.at if self.content is not None else 0
        if self.content is None or abs(by_now - self.moved[0]) >= _LEAST:
            self.moved = by_now, now
        return now - self.moved[1]

    @property
    def stage(self) -> Literal["asking", "beginning", "sending", "checking", "waiting"]:
        """What it is at."""
        if self.wait is not None:
            return "waiting"
        if self.size and self.sent >= self.size:
            return "checking"
        if self.progress.has_begun or self.sent:
            return "sending"
        return "asking" if self.content is None else "beginning"


def next_try(record: Record, before: Live | None, now: float) -> Live:
    """As it is at once, after what it was until now."""
    if before is None:
        return Live(record.size, now)
    wait = before.wait
    is_asleep = wait is not None and wait.why == "asleep"
    since = before.since if is_asleep else now  # it sleeps on, however often it is asked
    why = wait.why if wait is not None and wait.is_of_all and not wait.is_over else None
    return Live(record.size, since, before.attempts, before=why)
