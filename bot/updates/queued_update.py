"""One update that waits, or is being handled: a few things about it, not what is in it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from telegram import Update

_FILES: Final = frozenset(
    {
        *("document", "photo", "live_photo", "video", "audio", "voice", "video_note"),
        *("animation", "sticker"),
    }
)
"""https://core.telegram.org/bots/api#message: what of it brings a file."""


class Needs(Enum):
    """What handling an update takes, as the table of handlers says."""

    NOTHING = "nothing"
    """Nothing of Google's: it waits for nobody who does."""
    GOOGLE = "google"
    DECIDES = "decides"
    """Google, and it decides where files go that are sent after it: into which Drive or folder."""


@dataclass(slots=True)
class QueuedUpdate:
    """What is known of an update from its arrival until it has been handled."""

    number: int
    person: int
    """The sender's Telegram id; 0: nobody's."""
    is_file: bool
    message: int
    """The number of the message, and of the one it replies to; 0: none."""
    replies_to: int
    size: int = 0
    """Bytes of its document; 0: it has none."""
    needs: Needs = Needs.NOTHING
    is_left: bool = False
    """Whether an earlier run has left it unhandled."""
    is_counted: bool = False
    """Whether this run has begun it, and counts that (see `Ledger.begun`)."""
    since: float = 0.0
    """When this run came to know of it, by the event loop's clock."""
    update: Update | None = None
    """What need not be read from the disk, or is not there."""

    @classmethod
    def of(
        cls, number: int, document: Any, size: int = 0, needs: Needs = Needs.NOTHING
    ) -> QueuedUpdate:
        """Of an update as Telegram sends it; whatever is odd in it counts as missing."""
        contents = [_object(document, kind) for kind in Update.ALL_TYPES]
        content = next(filter(None, contents), {})
        return cls(
            number,
            _whole(_object(content, "from"), "id"),
            "text" not in content and not _FILES.isdisjoint(content),
            _whole(content, "message_id"),
            _whole(_object(content, "reply_to_message"), "message_id"),
            size,
            needs,
        )


def _object(document: Any, name: str) -> dict[str, Any]:
    found = document.get(name) if isinstance(document, dict) else None
    return found if isinstance(found, dict) else {}


def _whole(document: dict[str, Any], name: str) -> int:
    found = document.get(name)
    return found if isinstance(found, int) else 0
