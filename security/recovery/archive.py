"""The archive's format: one encrypted record a line, complete and in order, or refused.

    {"drivekeeper": "backup", "v": 1, "alg": "fernet", "kid": "…", "archive": "…"}
    gAAAA…    a record: {"archive": "…", "seq": 0, "kind": "…", …}
    gAAAA…    …
    gAAAA…    the last: {"archive": "…", "seq": n, "kind": "end", "sha256": "…"}

Each line is authenticated by itself (Fernet); the archive's identifier in it keeps lines of another
archive out, its number keeps lines in order, and the last line's SHA-256 over every byte before it
makes a cut, a gap or a changed header show. Lines are written and read one at a time: the size of
an archive costs no memory. See docs/backup.md.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import os
import secrets
import stat
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

from cryptography.fernet import Fernet, InvalidToken
from pydantic import SecretStr

from security.encryption import fingerprint, is_kid
from security.errors import CorruptCredential, OperatorFault
from security.google.answers import json_object

_FILE_MODE: Final = 0o600
_KIND: Final = "backup"
_VERSION: Final = 1
_HEADER_BYTES: Final = 1024
_LINE_BYTES: Final = 64 * 1024 * 1024  # a record is some kilobytes; the bound spares the memory
_END: Final = "end"


@contextmanager
def archive_faults() -> Iterator[None]:
    """Turn the operating system's errors into an operator fault without a path in it."""
    try:
        yield
    except FileNotFoundError as error:
        reason = "there is no such file, or its folder does not exist yet"
        raise OperatorFault(f"the archive: {reason}", code="store_failed") from error
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else type(error).__name__
        raise OperatorFault(f"the archive: {reason}", code="store_failed") from error


class ArchiveWriter:
    """Appends records to an archive that is being written; see `new_archive`."""

    def __init__(self, file: BinaryIO, key: SecretStr) -> None:
        self._file = file
        self._fernet = Fernet(key.get_secret_value())
        self._id = secrets.token_hex(16)
        self._next = 0
        self._digest = hashlib.sha256()
        header = {
            "drivekeeper": _KIND,
            "v": _VERSION,
            "alg": "fernet",
            "kid": fingerprint(key),
            "archive": self._id,
        }
        self._write(json.dumps(header).encode("ascii"))

    def add(self, kind: str, body: dict[str, Any]) -> None:
        """Append one record; `body` is JSON and has no key "archive", "seq" or "kind"."""
        record = {"archive": self._id, "seq": self._next, "kind": kind, **body}
        line = self._fernet.encrypt(json.dumps(record).encode("ascii"))
        if len(line) > _LINE_BYTES:
            raise OperatorFault("too much is kept of one owner for an archive", code="too_big")
        self._write(line)
        self._next += 1

    def finish(self) -> None:
        """Append the last line. Without it the archive counts as cut."""
        self.add(_END, {"sha256": self._digest.hexdigest()})

    def _write(self, line: bytes) -> None:
        with archive_faults():
            self._file.write(line + b"\n")
        self._digest.update(line + b"\n")


@contextmanager
def new_archive(
    target: Path, keys: Sequence[SecretStr], *, outside: Path, replace: bool = False
) -> Iterator[ArchiveWriter]:
    """An archive that is at `target`, whole and 0600, once the block has ended, or not at all.

    Args:
        keys: the backup keys, newest first; the newest encrypts.
        outside: the data folder, which no archive may be in.
        replace: whether an archive of that name may be replaced.

    Raises:
        OperatorFault: there is no key, the target cannot be used, or the disk failed.
    """
    if not keys:
        raise OperatorFault(
            "there is no TOKEN_BACKUP_KEY, and an archive is never written in plaintext",
            code="key_missing",
        )
    with archive_faults():
        folder = target.parent.resolve(strict=True)
        target = folder / target.name
        if folder.is_relative_to(outside.resolve()):
            raise OperatorFault(
                "an archive inside the data folder would be lost with it", code="store_failed"
            )
        _refuse_taken(target, replace=replace)
        descriptor, name = tempfile.mkstemp(dir=folder, prefix=f".{target.name}.", suffix=".tmp")
    temporary = Path(name)
    try:
        with archive_faults(), os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, _FILE_MODE)  # no more from the beginning, no less by the umask
            writer = ArchiveWriter(file, keys[0])
            yield writer
            writer.finish()
            file.flush()
            os.fsync(file.fileno())
        with archive_faults():
            _refuse_taken(target, replace=replace)
            temporary.replace(target)
            _sync_folder(folder)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _sync_folder(folder: Path) -> None:
    """Make the archive's name in it durable (fsync(2))."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _refuse_taken(target: Path, *, replace: bool) -> None:
    if target.is_dir() or not target.name:
        raise OperatorFault("the archive's name is a folder's", code="store_failed")
    if not replace and os.path.lexists(target):
        raise OperatorFault("there is a file of that name already (--force)", code="exists")


def read_archive(path: Path, keys: Sequence[SecretStr]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each record's kind and body, in order. Only at the end is the archive known to be whole.

    Args:
        keys: the backup keys; the one that the archive names must be among them.

    Raises:
        OperatorFault: it cannot be read, its key is not set, or a newer version wrote it.
        CorruptCredential: it was changed, cut, reordered, or put together from several.
    """
    with archive_faults():
        if not stat.S_ISREG(path.stat().st_mode):  # it is read twice, which no pipe can be
            raise OperatorFault("the archive is no regular file", code="store_failed")
    with archive_faults(), path.open("rb") as file:
        header = file.readline(_HEADER_BYTES)
        fernet, archive_id = _open(header, keys)
        digest = hashlib.sha256(header)
        for number in itertools.count():
            line = file.readline(_LINE_BYTES + 1)
            record = _record(line, fernet)
            if record.pop("archive", None) != archive_id or record.pop("seq", None) != number:
                raise _changed("a line that belongs elsewhere")
            kind = record.pop("kind", None)
            if not isinstance(kind, str):
                raise _changed("a record without a kind")
            if kind == _END:
                break
            digest.update(line)
            yield kind, record
        if record.get("sha256") != digest.hexdigest():
            raise _changed("its bytes are not those that were written")
        if file.read(1):
            raise _changed("something was appended")


def _open(header: bytes, keys: Sequence[SecretStr]) -> tuple[Fernet, str]:
    """The key and the identifier of the archive that begins with `header`."""
    document = json_object(header)
    if document is None or document.get("drivekeeper") != _KIND:
        raise CorruptCredential("this is no archive of Drivekeeper's", code="unreadable")
    if document.get("v") != _VERSION or document.get("alg") != "fernet":
        raise OperatorFault("the archive is of an unknown version", code="unknown_envelope")
    kid, archive_id = document.get("kid"), document.get("archive")
    if not isinstance(kid, str) or not isinstance(archive_id, str) or not header.endswith(b"\n"):
        raise _changed("its first line is damaged")
    for key in keys:
        if fingerprint(key) == kid:
            return Fernet(key.get_secret_value()), archive_id
    shown = kid if is_kid(kid) else "with a damaged id"
    raise OperatorFault(
        f"the archive is encrypted under key {shown}, which TOKEN_BACKUP_KEY lacks: put it there, "
        "behind the others; without it the archive cannot be opened",
        code="unknown_key",
    )


def _record(line: bytes, fernet: Fernet) -> dict[str, Any]:
    if not line.endswith(b"\n"):
        raise _changed("it is cut off" if len(line) <= _LINE_BYTES else "a line is too long")
    token = line[:-1]
    try:
        # Decoding forgives some changed characters; what was written is the only spelling taken.
        if base64.urlsafe_b64encode(base64.urlsafe_b64decode(token)) != token:
            raise _changed("a line is not as it was written")
        record = json.loads(fernet.decrypt(token))
    except (InvalidToken, ValueError, RecursionError):
        raise _changed("a line does not open") from None
    if not isinstance(record, dict):
        raise _changed("a line is no record")
    return record


def _changed(what: str) -> CorruptCredential:
    return CorruptCredential(f"the archive is damaged or was changed: {what}", code="tampered")
