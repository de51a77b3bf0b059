"""Blobs on disk, and the file identifiers that lead to them.

One blob may stand behind any number of messages: a test uploads it once and sends it from a
hundred users. https://core.telegram.org/bots/api#file and #getfile.
"""

from __future__ import annotations

import base64
import mimetypes
import os
import secrets
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path, PurePath

from sandbox.telegram.errors import ApiError, bad_request
from sandbox.telegram.model import Json

MB = 1024 * 1024
DOWNLOAD_LIMIT = 20 * MB  # of the cloud, https://core.telegram.org/bots/api#getfile
UPLOAD_LIMIT = 50 * MB  # of the cloud, https://core.telegram.org/bots/api#sending-files
PHOTO_LIMIT = 10 * MB
LOCAL_LIMIT = 2000 * MB  # https://core.telegram.org/bots/api#using-a-local-bot-api-server
LOCAL_FOLDER = Path("telegram", "local")  # below the world's: the local server's --dir

# kind -> (type byte of the identifier, name in errors, folder of file_path, extension, MIME type)
_KINDS: dict[str, tuple[int, str, str, str, str]] = {
    "thumbnail": (0, "Thumbnail", "thumbnails", "jpg", "image/png"),
    "photo": (2, "Photo", "photos", "jpg", "image/jpeg"),
    "voice": (3, "VoiceNote", "voice", "oga", "audio/ogg"),
    "video": (4, "Video", "videos", "mp4", "video/mp4"),
    "document": (5, "Document", "documents", "", "application/octet-stream"),
    "sticker": (8, "Sticker", "stickers", "webp", "image/webp"),
    "audio": (9, "Audio", "music", "mp3", "audio/mpeg"),
    "animation": (10, "Animation", "animations", "mp4", "video/mp4"),
    "video_note": (13, "VideoNote", "video_notes", "mp4", "video/mp4"),
}
_NAMES = {number: name for number, name, *_ in _KINDS.values()}
# What may be sent as what: a document that is a video is still a document on the server.
_INTERCHANGEABLE = frozenset({"document", "video", "animation", "audio", "voice", "video_note"})
_FILLER = bytes([0, 2, 2, 2, 0, 3, 0x19, 1])
_VERSION = 4


@dataclass(frozen=True)
class Blob:
    """Bytes on disk."""

    id: str
    size: int
    path: Path


@dataclass(frozen=True)
class StoredFile:
    """A file as the Bot API knows it."""

    blob: Blob
    kind: str
    name: str
    mime: str
    file_id: str
    unique_id: str
    number: int

    def as_json(self) -> Json:
        """The fields common to all kinds of media."""
        shown: Json = {"file_id": self.file_id, "file_unique_id": self.unique_id}
        return shown | ({"file_size": self.blob.size} if self.blob.size else {})

    @property
    def relative_path(self) -> str:
        """`file_path` on the cloud, e.g. documents/file_3.pdf."""
        _, _, folder, extension, _ = _KINDS[self.kind]
        if self.kind in ("document", "audio", "video", "animation"):
            suffix = PurePath(self.name).suffix.lstrip(".")
            guessed = (mimetypes.guess_extension(self.mime) or "").lstrip(".")
            safe = suffix if suffix.isascii() and suffix.isalnum() else ""
            extension = safe or guessed or extension
        return f"{folder}/file_{self.number}" + (f".{extension}" if extension else "")


class FileStore:
    """All blobs and files of one bot."""

    def __init__(self, folder: Path, token: str):
        self._folder = folder.resolve()
        self._blob_folder = folder / "blobs"
        # The real local server keeps files under a folder named by the token: whoever logs such
        # a path logs the token. (tdlib/telegram-bot-api, Client::get_dir)
        self._local_folder = folder / LOCAL_FOLDER.name / token
        self._blob_folder.mkdir(parents=True, exist_ok=True)
        self.blobs: dict[str, Blob] = {}
        self._by_id: dict[str, StoredFile] = {}
        self._by_path: dict[str, StoredFile] = {}

    async def receive(self, pieces: AsyncIterator[bytes], limit: int) -> Blob:
        """Write a blob to disk piece by piece; 413 beyond the limit, as the real server answers."""
        blob_id = secrets.token_hex(16)
        path = self._blob_folder / blob_id
        size = 0
        try:
            with path.open("wb") as target:
                async for piece in pieces:
                    size += len(piece)
                    _check_size(size, limit)
                    target.write(piece)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return self._keep(blob_id, path, size)

    def store(self, data: bytes) -> Blob:
        """Keep a few bytes (pictures the sandbox makes itself)."""
        blob_id = secrets.token_hex(16)
        path = self._blob_folder / blob_id
        path.write_bytes(data)
        return self._keep(blob_id, path, len(data))

    def holds(self, path: Path) -> bool:
        """Whether this is a file below the sandbox's own folder, links followed."""
        found = path.resolve()
        return found.is_file() and found.is_relative_to(self._folder)

    def copy(self, source: Path) -> Blob:
        """Take a file of this machine in (local mode's file:// paths)."""
        blob_id = secrets.token_hex(16)
        path = self._blob_folder / blob_id
        shutil.copyfile(source, path)
        return self._keep(blob_id, path, path.stat().st_size)

    def _keep(self, blob_id: str, path: Path, size: int) -> Blob:
        blob = self.blobs[blob_id] = Blob(blob_id, size, path)
        return blob

    def register(self, blob: Blob, kind: str, name: str = "", mime: str = "") -> StoredFile:
        """Make a file of a blob."""
        number = len(self._by_id)
        body = bytes.fromhex(blob.id) + secrets.token_bytes(8)
        raw = bytes([_KINDS[kind][0]]) + _FILLER + body + bytes([_VERSION])
        unique = bytes([_KINDS[kind][0]]) + bytes.fromhex(blob.id)[:9]
        stored = StoredFile(
            blob, kind, name, mime or _KINDS[kind][4], _encode(raw), _encode(unique), number
        )
        self._by_id[stored.file_id] = stored
        self._by_path[stored.relative_path] = stored
        return stored

    def find(self, file_id: str) -> StoredFile:
        """Resolve an identifier for getFile; the refusals of `process_get_file_query`."""
        if not file_id:
            raise bad_request("file_id not specified")
        if stored := self._by_id.get(file_id):
            if stored.blob.path.exists():
                return stored
        elif _decode(file_id) is None:
            raise bad_request("invalid file_id")
        raise bad_request("wrong file_id or the file is temporarily unavailable")

    def find_for_sending(self, file_id: str, kind: str) -> StoredFile:
        """Resolve an identifier that is sent again; a refusal names the wrong type."""
        raw = _decode(file_id)
        if raw is None:
            raise bad_request("Wrong remote file identifier specified: can't unserialize it")
        stored = self._by_id.get(file_id)
        if stored is None:
            raise bad_request("Wrong file identifier/HTTP URL specified")
        both_free = {stored.kind, kind} <= _INTERCHANGEABLE
        if stored.kind != kind and not both_free:
            wanted, found = _KINDS[kind][1], _NAMES[raw[0]]
            raise bad_request(f"Can't use file of type {found} as {wanted}")
        return stored

    def at(self, relative_path: str) -> StoredFile | None:
        """Resolve a `file_path` of the cloud."""
        return self._by_path.get(relative_path)

    def place_locally(self, stored: StoredFile) -> Path:
        """Put the file where local mode's absolute `file_path` says it is."""
        target = self._local_folder / stored.relative_path
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(stored.blob.path, target)
            except OSError:  # a file system without links
                shutil.copyfile(stored.blob.path, target)
        return target.resolve()


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        raise ApiError(413, "Request Entity Too Large")


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _decode(file_id: str) -> bytes | None:
    try:
        raw = base64.urlsafe_b64decode(file_id + "=" * (-len(file_id) % 4))
    except ValueError:
        return None
    good = len(raw) > 10 and raw[-1] == _VERSION and raw[0] in _NAMES
    return raw if good and _encode(raw) == file_id else None
