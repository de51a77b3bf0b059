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
"""The largest file a local Bot API server takes from a bot; to a bot it has no limit.

https://core.telegram.org/bots/api#using-a-local-bot-api-server"""
LARGEST: Final = "4 GB"
"""What Telegram takes from a person, and so what such a server may have for a bot."""
_MIME_TYPE: Final = re.compile(
    r"[A-Za-z0-9!#$&^_.+-]{1,64}/[A-Za-z0-9!#$&^_.+-]{1,127}"
)  # RFC 6838
_GOOGLES_OWN: Final = "application/vnd.google-apps"
_MAX_LENGTH: Final = 255
_ENDING_LENGTH: Final = 16
# What turns the direction of what follows, or is not seen at all, makes "gpj.exe" look like
# "exe.jpg". What of the format characters has a shape of its own, or shapes its neighbours, stays.
_SHOWN_FORMATS: Final = re.compile("[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd]")
_JOINERS: Final = "\u200c\u200d"
_TAGS: Final = re.compile(  # they spell the flags of Scotland and its like, and hide text elsewhere
    "(\U0001f3f4[\U000e0030-\U000e007a]{1,6}\U000e007f)|[\U000e0020-\U000e007f]"
)
_STRAY_JOINERS: Final = re.compile(f"(?<![^\x00-\x7f\\s{_JOINERS}])[{_JOINERS}]+")
_BLANK: Final = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and signs without a shape: they stay among others, and are no name by themselves."""
_SPACES: Final = re.compile(r"\s{2,}")
_LONG_STACK: Final = 8  # marks upon one letter: no script needs more, and lines above are hidden
_SKIN_TONES: Final = range(0x1F3FB, 0x1F400)
_DEVICE: Final = re.compile(  # whatever the ending: learn.microsoft.com, "Naming files"
    r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\u00b9\u00b2\u00b3])\s*(\.|$)", re.IGNORECASE
)


_WISH: Final = re.compile(r"\s*#name[^\S\n]+([^\n]*\S)[^\S\n]*\n?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class IncomingFile:
    """What a message carries that can be uploaded. Sizes in bytes."""

    file_id: str
    kind: str
    name: str
    mime_type: str
    size: int | None


def clean_name(name: str, otherwise: str = "file") -> str:
    """`name` as every system can keep it and everybody can read it, at most 255 characters.

    Whatever is written in it, in any script, stays as it is. What cannot be seen goes, a
    separator of folders becomes "_", and a name that only dots or blanks are left of `otherwise`.
    """
    kept = _TAGS.sub(r"\1", "".join(map(_shown, name)))
    kept = _STRAY_JOINERS.sub("", _few_marks(kept))
    kept = _SPACES.sub(" ", kept).strip()
    kept = _within_length(f"_{kept}" if _DEVICE.match(kept) else kept)
    kept = kept.rstrip(". \u3000")  # Windows could not delete it
    return kept if any(map(_has_shape, kept)) else otherwise


def wished_name(text: str) -> tuple[str, str]:
    """What "#name …" at the beginning wishes a file to be called ("": nothing), and the rest."""
    wish = _WISH.match(text)
    return (wish[1], text[wish.end() :]) if wish else ("", text)


def new_name(wanted: str, old: str) -> str:
    """What somebody wrote as a name, with the old one's ending where they left it out."""
    name = clean_name(wanted.replace("\n", " "))
    _, dot, ending = old.rpartition(".")
    is_ending = dot and ending.isalnum() and len(ending) <= _ENDING_LENGTH
    return clean_name(f"{name}.{ending}") if is_ending and "." not in name else name


def _shown(char: str) -> str:
    """What stands for one character of a name."""
    if char.isspace():
        return " " if unicodedata.category(char) in ("Cc", "Zl", "Zp") else char
    if char in "/\\":
        return "_"
    match unicodedata.category(char):
        case "Cc" | "Cs":
            return ""
        case "Cf":
            is_tag = 0xE0020 <= ord(char) <= 0xE007F
            return char if is_tag or char in _JOINERS or _SHOWN_FORMATS.match(char) else ""
        case "Cn":  # a later version of Unicode may know it; what never is a character goes
            never = ord(char) & 0xFFFE == 0xFFFE or 0xFDD0 <= ord(char) <= 0xFDEF
            return "" if never else char
    return char


def _has_shape(char: str) -> bool:
    has_none = unicodedata.category(char)[0] in "MZ" or unicodedata.category(char) == "Cf"
    return not has_none and char not in _BLANK and char != "."


def _few_marks(text: str) -> str:
    kept, stack = [], _LONG_STACK  # upon nothing, or a blank, there is room for none
    for char in text:
        if unicodedata.category(char).startswith("M"):
            stack += 1
        elif char not in _JOINERS:  # which give no mark something to stand upon
            stack = _LONG_STACK if char.isspace() else 0
        if stack <= _LONG_STACK:
            kept.append(char)
    return "".join(kept)


def _within_length(name: str) -> str:
    if len(name) <= _MAX_LENGTH:
        return name
    stem, dot, ending = name.rpartition(".")
    tail = dot + ending if dot and len(ending) <= _ENDING_LENGTH else ""
    stem, cut = stem if tail else name, _MAX_LENGTH - len(tail)
    while cut > 1 and _belongs_together(stem[cut - 1], stem[cut]):
        cut -= 1
    return stem[:cut] + tail


def _belongs_together(char: str, following: str) -> bool:
    """Whether a cut between them would leave half of a sign."""
    return (
        char in _JOINERS
        or following in _JOINERS
        or unicodedata.category(following).startswith("M")
        or ord(following) in _SKIN_TONES
    )


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
    made = _made_name(kind, mime_type, message.date)
    return IncomingFile(
        file_id=media.file_id,
        kind=kind,
        name=clean_name(getattr(media, "file_name", None) or "", otherwise=made),
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
