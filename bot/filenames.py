"""A name for the file in Drive. It is shown and sent to Drive; it is never a path."""

from __future__ import annotations

import mimetypes
import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from telegram import Message

CLOUD_LIMIT: Final = 20 * 1024 * 1024
"""The largest file Telegram's cloud gives a bot (https://core.telegram.org/bots/api#getfile).

python-telegram-bot's constant says 20,000,000; the server itself compares with 20 << 20."""
LOCAL_LIMIT: Final = 2000 * 1024 * 1024
"""The largest file a local Bot API server gives."""
_MIME_TYPE: Final = re.compile(
    r"[A-Za-z0-9!#$&^_.+-]{1,64}/[A-Za-z0-9!#$&^_.+-]{1,127}"
)  # RFC 6838
_GOOGLES_OWN: Final = "application/vnd.google-apps"
_MAX_LENGTH: Final = 255
# Marks that turn the direction of what follows: they make "gpj.exe" look like "exe.jpg".
_BIDI: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True, slots=True)
class IncomingFile:
    """What a message carries that can be uploaded. Sizes in bytes."""

    file_id: str
    kind: str
    name: str
    mime_type: str
    size: int | None


def clean_name(name: str) -> str:
    """`name` without control characters and direction marks, at most 255 characters."""
    kept = "".join(
        char
        for char in name
        if char not in _BIDI and unicodedata.category(char) not in ("Cc", "Cs")
    ).strip()
    if len(kept) > _MAX_LENGTH:
        stem, dot, ending = kept.rpartition(".")
        tail = dot + ending if dot and len(ending) <= 16 else ""
        kept = (stem if tail else kept)[: _MAX_LENGTH - len(tail)] + tail
    return kept or "file"


def incoming_file(message: Message) -> IncomingFile | None:
    """The file in `message`; None where there is none that can be uploaded."""
    # An animation comes with a document of the same content: it is looked at first.
    for kind in ("animation", "document", "video", "audio", "voice", "video_note"):
        media = getattr(message, kind)
        if media is not None:
            break
    else:
        if not message.photo:
            return None
        kind, media = "photo", max(message.photo, key=lambda size: size.width * size.height)
    # What the sender's program claims: Google would make its own kinds into folders and documents.
    claimed = getattr(media, "mime_type", None) or ""
    usable = _MIME_TYPE.fullmatch(claimed) and not claimed.startswith(_GOOGLES_OWN)
    mime_type = claimed if usable else _usual_type(kind)
    name = getattr(media, "file_name", None) or _made_name(kind, mime_type, message.date)
    return IncomingFile(
        file_id=media.file_id,
        kind=kind,
        name=clean_name(name),
        mime_type=mime_type,
        size=media.file_size,
    )


def _usual_type(kind: str) -> str:
    return {
        "photo": "image/jpeg",
        "video": "video/mp4",
        "video_note": "video/mp4",
        "animation": "video/mp4",
        "audio": "audio/mpeg",
        "voice": "audio/ogg",
    }.get(kind, "application/octet-stream")


def _made_name(kind: str, mime_type: str, moment: datetime) -> str:
    ending = {"audio/ogg": ".ogg", "image/jpeg": ".jpg"}.get(mime_type)
    ending = ending or mimetypes.guess_extension(mime_type) or ""
    return f"{kind}_{moment:%Y-%m-%d_%H-%M-%S}{ending}"
