"""Whose update is handled next: people take turns, and each person's updates go in their order.

What waits is on disk. Here are a few numbers of each: who sent it, and where it stands.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from telegram import Update

AT_ONCE: Final = 256
"""So many people's updates are handled at the same time, one of each."""
_FILES: Final = frozenset(
    {
        *("document", "photo", "live_photo", "video", "audio", "voice", "video_note"),
        *("animation", "sticker"),
    }
)
"""https://core.telegram.org/bots/api#message: what of it brings a file."""


class Note(NamedTuple):
    """What is known of an update while it waits."""

    number: int
    person: int
    """The sender's Telegram id; 0: nobody's."""
    is_file: bool
    message: int
    """The number of the message, and of the one it replies to; 0: none."""
    replies_to: int

    @classmethod
    def of(cls, number: int, document: Any) -> Note:
        """Of an update as Telegram sends it; whatever is odd in it counts as missing."""
        contents = [_object(document, kind) for kind in Update.ALL_TYPES]
        content = next(filter(None, contents), {})
        return cls(
            number,
            _whole(_object(content, "from"), "id"),
            "text" not in content and not _FILES.isdisjoint(content),
            _whole(content, "message_id"),
            _whole(_object(content, "reply_to_message"), "message_id"),
        )


def _object(document: Any, name: str) -> dict[str, Any]:
    found = document.get(name) if isinstance(document, dict) else None
    return found if isinstance(found, dict) else {}


def _whole(document: dict[str, Any], name: str) -> int:
    found = document.get(name)
    return found if isinstance(found, int) else 0


@dataclass(slots=True)
class _Line:
    """One person's updates. Texts go before files: whoever has forwarded hundreds may still ask."""

    texts: deque[Note] = field(default_factory=deque)
    files: deque[Note] = field(default_factory=deque)
    is_out: bool = False
    """Whether one of them is being handled."""

    def __len__(self) -> int:
        return len(self.texts) + len(self.files)

    def add(self, note: Note) -> None:
        # What answers a file that waits means that file: it comes after it.
        after_file = note.replies_to and any(file.message == note.replies_to for file in self.files)
        (self.files if note.is_file or after_file else self.texts).append(note)

    def take(self) -> Note:
        self.is_out = True
        return (self.texts or self.files).popleft()


class Lines:
    """In memory alone, and nothing in it is awaited."""

    def __init__(self, at_once: int = AT_ONCE) -> None:
        """
        Args:
            at_once: how many people's updates are handed out at the same time.
        """
        self._at_once = at_once
        self.is_full: Callable[[int], bool] = lambda _: False
        """Whether this person's files have to wait, until somebody calls `look_again`."""
        self._held: set[int] = set()
        """People whose turn has come, and whose files have to wait."""
        self._lines: dict[int, _Line] = {}
        self._turns: deque[int] = deque()
        """People with something that waits, and nothing that is being handled."""
        self._out: dict[int, int] = {}
        """The numbers that are being handled, and whose they are."""
        self._aside: set[int] = set()

    def add(self, note: Note) -> None:
        """Put it at the end of its sender's line."""
        line = self._lines.setdefault(note.person, _Line())
        line.add(note)
        if note.person in self._held and line.texts:
            self._held.discard(note.person)
            self._turns.append(note.person)
        elif not line.is_out and len(line) == 1:
            self._turns.append(note.person)

    def take(self) -> Note | None:
        """The update whose turn it is, which is out from now on; None: there is none just now."""
        while self._turns and len(self._out) - len(self._aside) < self._at_once:
            person = self._turns.popleft()
            line = self._lines[person]
            if not line.texts and self.is_full(person):
                self._held.add(person)
                continue
            note = line.take()
            self._out[note.number] = person
            return note
        return None

    def look_again(self) -> None:
        """Somebody's files may no longer have to wait."""
        self._turns.extend(self._held)
        self._held.clear()

    def drop_files(self, person: int, before: int) -> list[int]:
        """Take this person's files out that came before this update; their numbers."""
        line = self._lines.get(person, _Line())
        dropped = [note for note in line.files if note.is_file and note.number < before]
        for note in dropped:
            line.files.remove(note)
        if not len(line) and not line.is_out and self._lines.pop(person, None) is not None:
            self._held.discard(person)
            if person in self._turns:
                self._turns.remove(person)
        return [note.number for note in dropped]

    def step_aside(self, number: int) -> None:
        """It is out, and waits for something: meanwhile it takes nobody's place."""
        if number in self._out:
            self._aside.add(number)

    def done(self, number: int) -> None:
        """It has been handled: its sender's next one may be taken."""
        self._aside.discard(number)
        person = self._out.pop(number, None)
        if person is None:
            return
        line = self._lines[person]
        line.is_out = False
        if len(line):
            self._turns.append(person)
        else:
            del self._lines[person]

    def count(self, person: int) -> tuple[int, int]:
        """How many of this person's are unhandled, and how many of these are texts that wait."""
        line = self._lines.get(person)
        # Compared with None: a line is false where nothing waits in it, though one may be out.
        return (0, 0) if line is None else (len(line) + line.is_out, len(line.texts))
