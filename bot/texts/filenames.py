"""The files of a message, and a name for each in Drive: shown and sent, never a path.

Every kind of message is either here or answered by `files.unsupported`: none is passed over.
https://core.telegram.org/bots/api#message
"""

from __future__ import annotations

import mimetypes
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from telegram import ExternalReplyInfo, Message, PaidMediaInfo
from telegram.ext.filters import MessageFilter

from bot.texts.patterns import ENDING, WISH
from drive.uploading.names import ENDING_LENGTH, clean_name, shown_char, usable_type, within_length

CLOUD_LIMIT: Final = 20 * 1024 * 1024
"""The largest file Telegram's cloud gives a bot (https://core.telegram.org/bots/api#getfile).

python-telegram-bot's constant says 20,000,000; the server itself compares with 20 << 20."""
LOCAL_LIMIT: Final = 2000 * 1024 * 1024
"""The largest file a local Bot API server takes from a bot; to a bot it has no limit.

https://core.telegram.org/bots/api#using-a-local-bot-api-server"""
LARGEST: Final = 4000 * 1024 * 1024
"""What Telegram takes from a person, and so what such a server may have for a bot: "4 GB", which
are 8000 parts of 512 KiB (upload_max_fileparts_premium, https://core.telegram.org/api/config)."""

_COMPRESSED: Final = {
    "gzip": "application/gzip",
    "bzip2": "application/x-bzip2",
    "xz": "application/x-xz",
}
"""mimetypes gives the type of what is inside, and this beside it."""
# An animation comes with a document of the same content: it is looked at first.
_PLAIN: Final = ("animation", "document", "video", "audio", "voice", "video_note", "sticker")
_SHOWN_LEVELS: Final = 6
_SHOWN_NAME: Final = 100


@dataclass(frozen=True, slots=True)
class IncomingFile:
    """What a message carries that can be uploaded. Sizes in bytes."""

    file_id: str
    kind: str
    name: str
    mime_type: str
    """"": nothing says what it is; Drive finds out."""
    size: int | None
    is_made: bool = False
    """Whether its name was made of its kind and time: it has none of its own."""
    item: int = 0
    """Which of several in one message it belongs to: a live photo's two files are one."""


def shown_text(text: str, most: int = 200) -> str:
    """`text` from outside, within a sentence: in one line, with nothing unseen, not too long.

    A name on display needs none of the rules for files: a person may be called "…".
    """
    kept = " ".join("".join(char if char in "/\\" else shown_char(char) for char in text).split())
    return kept if len(kept) <= most else f"{kept[: most - 1]}…"


def shown_path(names: Sequence[str]) -> str:
    """A folder with those around it: a message holds 4096 characters, and Drive's names any number.

    https://core.telegram.org/bots/api#sendmessage
    """
    names = names if len(names) <= _SHOWN_LEVELS else (names[0], "…", *names[1 - _SHOWN_LEVELS :])
    return " / ".join(shown_text(name, _SHOWN_NAME) or "?" for name in names)


def wished_name(text: str) -> tuple[str, str]:
    """What "#name …" at the beginning wishes a file to be called ("": nothing), and the rest."""
    begun = text.lstrip()
    wish = WISH.match(begun)
    return (wish[1].rstrip(), begun[wish.end() :]) if wish else ("", text)


def names_from(wished: str, others: Sequence[str]) -> list[str]:
    """What several files are called by one wish, each with the ending that it has by itself.

    An ending in the wish that none of them has is part of the name: "v1.2".
    """
    endings = [_ending_of(name) for name in others]
    stem, dot, ending = wished.rpartition(".")
    has_theirs = dot and stem and f".{ending}".lower() in [known.lower() for known in endings]
    begun = clean_name((stem if has_theirs else wished).replace("\n", " "))
    return [within_length(begun, end) for end in endings]


def with_number(name: str, number: int) -> str:
    """`name` with a number before its ending, however long it is."""
    ending = _ending_of(name)
    return within_length(name.removesuffix(ending), f"_{number}{ending}")


def new_name(wanted: str, old: str) -> str:
    """What somebody wrote as a name, with the old one's ending where they left it out."""
    name = clean_name(wanted.replace("\n", " "))
    ending = _ending_of(old)
    return clean_name(f"{name}{ending}") if ending and "." not in name else name


def _ending_of(name: str) -> str:
    """With its dot; "": it has none."""
    _, dot, ending = name.rpartition(".")
    return f".{ending}" if dot and ending.isalnum() and len(ending) <= ENDING_LENGTH else ""


class Carries(MessageFilter):
    """Messages with a file of any kind."""

    def filter(self, message: Message) -> bool:
        """Whether this is one."""
        return incoming_file(message) is not None


def incoming_file(message: Message | ExternalReplyInfo) -> IncomingFile | None:
    """The first file in `message`; None where there is none that can be uploaded."""
    return next(iter(incoming_files(message)), None)


def incoming_files(message: Message | ExternalReplyInfo) -> tuple[IncomingFile, ...]:
    """Every file in `message`: a live photo is two, its picture and its film."""
    moment = message.date if isinstance(message, Message) else message.origin.date
    found = {file.file_id: file for file in _files(message, moment)}
    return tuple(found.values())


def _files(message: Message | ExternalReplyInfo, moment: datetime) -> Iterator[IncomingFile]:
    for kind in _PLAIN:
        if (media := getattr(message, kind)) is not None:
            yield _file(kind, media, moment)
            return
    if message.paid_media is not None:
        yield from _paid(message.paid_media, moment)
        return
    # Since Bot API 10 a live photo's message has `photo` too.
    yield from _pictures(message.photo, message.live_photo, moment)


def _paid(paid: PaidMediaInfo, moment: datetime) -> Iterator[IncomingFile]:
    """The files of paid media; what was not paid for is a preview without a file."""
    for item, one in enumerate(paid.paid_media):
        video = getattr(one, "video", None)
        pictures = getattr(one, "photo", None), getattr(one, "live_photo", None)
        yield from _pictures(*pictures, moment, item)
        if video is not None:
            yield _file("video", video, moment, item)


def _pictures(
    photo: Any, live_photo: Any, moment: datetime, item: int = 0
) -> Iterator[IncomingFile]:
    sizes = photo or (live_photo and live_photo.photo) or ()
    if sizes:
        largest = max(sizes, key=lambda size: size.width * size.height)
        yield _file("photo", largest, moment, item)
    if live_photo is not None:
        yield _file("live_photo", live_photo, moment, item)


def _file(kind: str, media: Any, moment: datetime, item: int = 0) -> IncomingFile:
    told = getattr(media, "file_name", None) or ""
    claimed = usable_type(getattr(media, "mime_type", None) or "")
    usual = _usual_type(kind, media)
    mime_type = claimed or type_by_ending(told) or usual
    name = clean_name(told, otherwise="")
    return IncomingFile(
        file_id=media.file_id,
        kind=kind,
        name=name or _made_name(kind, mime_type, usual, moment),
        mime_type=mime_type,
        size=media.file_size,
        is_made=not name,
        item=item,
    )


def type_by_ending(name: str) -> str:
    """What a file's name says of its kind; "": nothing."""
    ending = name.rpartition(".")[2] if "." in name else ""
    if not ENDING.fullmatch(ending):
        return ""
    # Not the name itself: mimetypes would read it as an address.
    found, compressed = mimetypes.guess_type(f"file.{ending}")
    return _COMPRESSED.get(compressed, "") if compressed else found or ""


def _usual_type(kind: str, media: Any) -> str:
    if kind == "sticker":
        if media.is_animated:
            return "application/x-tgsticker"
        return "video/webm" if media.is_video else "image/webp"
    return {
        "photo": "image/jpeg",
        "live_photo": "video/mp4",
        "video": "video/mp4",
        "video_note": "video/mp4",
        "animation": "video/mp4",
        "audio": "audio/mpeg",
        "voice": "audio/ogg",
    }.get(kind, "")


_ENDINGS: Final = {
    **dict.fromkeys(("audio/ogg", "audio/opus", "application/ogg"), ".ogg"),
    **dict.fromkeys(("audio/mpeg", "audio/mp3"), ".mp3"),
    **dict.fromkeys(("audio/mp4", "audio/m4a", "audio/x-m4a"), ".m4a"),
    **dict.fromkeys(("audio/wav", "audio/x-wav", "audio/vnd.wave"), ".wav"),
    **dict.fromkeys(("audio/flac", "audio/x-flac"), ".flac"),
    **dict.fromkeys(("audio/webm", "video/webm"), ".webm"),
    **dict.fromkeys(("audio/3gpp", "video/3gpp"), ".3gp"),
    "audio/amr": ".amr",
    "video/x-matroska": ".mkv",
    "image/jpeg": ".jpg",
    "image/webp": ".webp",
    "application/x-tgsticker": ".tgs",
}
"""What mimetypes does not know, or calls otherwise on one machine or another."""


def _ending_for(mime_type: str) -> str:
    return _ENDINGS.get(mime_type) or mimetypes.guess_extension(mime_type) or ""


def _made_name(kind: str, mime_type: str, usual_type: str, moment: datetime) -> str:
    ending = _ending_for(mime_type) or _ending_for(usual_type)
    return f"{kind}_{moment:%Y-%m-%d_%H-%M-%S}{ending}"
