"""Media as messages show them: https://core.telegram.org/bots/api#available-types."""

from __future__ import annotations

from typing import Any

from sandbox.telegram.files.pictures import picture_size, plain_png, scaled
from sandbox.telegram.files.store import Blob, FileStore, StoredFile
from sandbox.telegram.model import Json

KINDS = (
    "document",
    "photo",
    "video",
    "audio",
    "voice",
    "video_note",
    "animation",
    "sticker",
)
FROM_PEOPLE = (*KINDS, "live_photo")
WITH_CAPTION = frozenset(FROM_PEOPLE) - {"video_note", "sticker"}
_PHOTO_SIZES = (90, 320)
_UNKNOWN_PHOTO = (1280, 960)
_THUMBNAIL = 320


def media_content(
    files: FileStore,
    kind: str,
    source: Blob | StoredFile,
    *,
    name: str = "",
    mime: str = "",
    options: Json | None = None,
) -> Json:
    """The part of a message that shows one piece of media.

    A blob becomes a new file; a stored file is shown again under its own identifier.
    """
    given = options or {}
    if kind == "live_photo":
        return _live_photo(files, source, mime, given)
    if isinstance(source, StoredFile):
        stored = source
        kind = stored.kind if stored.kind != kind and kind == "document" else kind
    else:
        stored = files.register(source, kind, name, mime)
    shown = stored.as_json()
    named: Json = {"file_name": stored.name} if stored.name else {}
    described = {**named, "mime_type": stored.mime}
    if kind == "photo":
        return {"photo": _photo_sizes(files, stored)}
    if kind == "document":
        return {"document": described | shown}
    if kind == "voice":
        return {
            "voice": {"duration": _number(given, "duration", 3), "mime_type": stored.mime} | shown
        }
    if kind == "audio":
        titles = {key: given[key] for key in ("title", "performer") if given.get(key)}
        return {"audio": {"duration": _number(given, "duration", 60)} | described | titles | shown}
    width, height = _number(given, "width", 640), _number(given, "height", 360)
    thumbnail = _thumbnail(files, width, height)
    if kind == "video_note":
        length = _number(given, "length", 240)
        round_thumbnail = _thumbnail(files, length, length)
        note = {"duration": _number(given, "duration", 5), "length": length}
        return {"video_note": note | round_thumbnail | shown}
    if kind == "sticker":
        return {"sticker": _sticker(given) | thumbnail | shown}
    playing = {"duration": _number(given, "duration", 10), "width": width, "height": height}
    if kind == "animation":
        # "For backward compatibility, when this field is set, the document field will also be set"
        document = described | thumbnail | shown
        return {"animation": playing | document, "document": document}
    return {"video": playing | described | thumbnail | shown}


def _live_photo(files: FileStore, film: Blob | StoredFile, mime: str, given: Json) -> Json:
    """Since Bot API 10: the film in `live_photo`, the picture in it and in `photo` as well.

    Option `picture`: the id of the picture's blob.
    """
    stored = film if isinstance(film, StoredFile) else files.register(film, "video", "", mime)
    picture = files.blobs.get(str(given.get("picture"))) or files.store(plain_png(640, 360))
    sizes = _photo_sizes(files, files.register(picture, "photo"))
    shown = stored.as_json() | {"duration": 3, "width": 640, "height": 360, "photo": sizes}
    return {"live_photo": shown | {"mime_type": stored.mime}, "photo": sizes}


def _number(given: Json, name: str, default: int) -> int:
    value: Any = given.get(name)
    return int(value) if value else default


def _sticker(given: Json) -> Json:
    shown: Json = {"width": 512, "height": 512, "emoji": given.get("emoji") or "👍"}
    flags = {name: bool(given.get(name)) for name in ("is_animated", "is_video")}
    return shown | flags | {"type": "regular"}


def _photo_sizes(files: FileStore, stored: StoredFile) -> list[Json]:
    """Several sizes, the largest last. Only the largest has the picture's own bytes."""
    size = picture_size(stored.blob.path) or _UNKNOWN_PHOTO
    sizes: list[Json] = []
    for longest in _PHOTO_SIZES:
        if longest < max(size):
            width, height = scaled(size, longest)
            small = files.register(files.store(plain_png(width, height)), "photo")
            sizes.append(small.as_json() | {"width": width, "height": height})
    return [*sizes, stored.as_json() | {"width": size[0], "height": size[1]}]


def _thumbnail(files: FileStore, width: int, height: int) -> Json:
    small = scaled((width, height), _THUMBNAIL)
    stored = files.register(files.store(plain_png(*small)), "thumbnail")
    shown = stored.as_json() | {"width": small[0], "height": small[1]}
    return {"thumbnail": shown, "thumb": shown}
