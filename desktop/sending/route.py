"""One file into a department's Drive: by the cloud's session, or by an access token."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from pydantic import SecretStr

import upload
from desktop.keeping.credentials import DesktopCredentialManager, Pairing
from desktop.queue.records import Record
from desktop.queue.shelf import Shelf
from desktop.sending.cloud import Cloud, fresh
from desktop.sending.cloud_drive import CloudDrive, file_of
from desktop.sending.sources import QueuedContent, size_of
from drive import Drive, DriveFile
from drive.api import DriveApi
from drive.cache import DriveCache
from drive.connection import AccessToken as DriveToken
from drive.connection import Http, authorized
from drive.uploading.attempt import Target
from drive.uploading.progress import Progress
from drive.uploading.session import UploadSession
from drive.uploading.stopping import StopSignal, TimeLimit
from security.errors import CustodyError, TransientFault
from security.google.network import Network

_MIME: Final = "application/pdf"
_APIS: Final = 8


class Gone(CustodyError):
    """The content is not here any more, or not what it was."""

    default_code = "local_file_unreadable"


@dataclass
class Route:
    """How files go. Any thread may use it."""

    shelf: Shelf
    credentials: DesktopCredentialManager
    network: Network
    google: str
    """GOOGLE_API_ENDPOINT: where a token may go; sessions say themselves where they are."""

    api_of: Callable[[str], DriveApi]
    """Drive's service at an address of Google's."""

    def __post_init__(self) -> None:
        self._api = lru_cache(_APIS)(self.api_of)
        self._cache_of = lru_cache(_APIS)(lambda department: DriveCache())

    def send(
        self,
        record: Record,
        pairing: Pairing,
        progress: Progress,
        stop: StopSignal,
        reading: Callable[[QueuedContent], object],
    ) -> DriveFile:
        """The file in Drive, its md5 agreed.

        Args:
            reading: told, once the cloud has answered, from where the bytes are read.

        Raises: as `upload.upload`; CloudRefused; Gone.
        """
        path = self.shelf.content(record.id)

        def all_goes() -> None:
            with suppress(OSError):  # a full disk: what has arrived makes room
                self.shelf.change(record.id, may_be_whole=True)

        content = QueuedContent(path, record.size, all_goes)
        if size_of(path) != record.size:
            raise Gone("it is not here any more")
        send = self._by_token if "token" in pairing.may else self._by_session
        return send(record, pairing, content, progress, stop, lambda: reading(content))

    def give_up(self, record: Record, pairing: Pairing) -> DriveFile | None:
        """The file, where all of it has arrived; else Drive forgets, within seconds, what it has.

        Raises:
            CustodyError: nobody could say.
        """
        with TimeLimit(upload.LOOK_SECONDS) as limit:
            look = self._arrived_by_token if "token" in pairing.may else self._arrived_by_session
            return look(record, pairing, limit)

    def _arrived_by_session(
        self, record: Record, pairing: Pairing, stop: StopSignal
    ) -> DriveFile | None:
        cloud = Cloud(pairing.cloud, self.network, stop)
        handed = cloud.state(pairing, record)
        if handed.session is None:
            return file_of(handed, record) if handed.state == "complete" else None
        drive = self._cloud_drive(handed.session, cloud, pairing, record)
        with closing(drive.connections):
            UploadSession(drive, handed.session).cancel()
        return None

    def _arrived_by_token(
        self, record: Record, pairing: Pairing, stop: StopSignal
    ) -> DriveFile | None:
        drive = self._drive(pairing, stop)
        with closing(drive.connections):
            found = drive.find(record.file_id)
            if found is not None and found.md5 == record.md5:
                return found
            if (begun := UploadSession.resumed(drive, record.session)) is not None:
                begun.cancel()
        return None

    def _by_session(
        self,
        record: Record,
        pairing: Pairing,
        content: QueuedContent,
        progress: Progress,
        stop: StopSignal,
        answered: Callable[[], object],
    ) -> DriveFile:
        def new_id(file_id: str) -> None:
            self.shelf.change(record.id, file_id=file_id, session=None, may_be_whole=False)

        cloud = Cloud(pairing.cloud, self.network, stop)
        handed = cloud.begin(pairing, record)
        answered()
        if handed.file_id != record.file_id:
            # Before a byte goes: the next try may be another key's, to which this one is nothing.
            record = record.model_copy(update={"file_id": handed.file_id})
            new_id(handed.file_id)
        if handed.state == "complete":
            return file_of(handed, record)
        if handed.session is None:
            raise TransientFault("there is no session yet")
        drive = self._cloud_drive(handed.session, cloud, pairing, record)
        target = Target(handed.file_id, record.name, _MIME, "")
        with closing(drive.connections):
            found = upload.upload(
                *(drive, content, target),
                progress=progress,
                stop=stop,
                session=handed.session,
                on_new_id=new_id,
            )
        with suppress(CustodyError):  # that the cloud knows it, too, is for its log alone
            told = cloud.state(pairing, record)
            found = replace(found, link=told.link or found.link)
        if found.md5 != record.md5:  # the cloud has thrown it away by now
            raise Gone("what was read is another file")
        return found

    def _by_token(
        self,
        record: Record,
        pairing: Pairing,
        content: QueuedContent,
        progress: Progress,
        stop: StopSignal,
        answered: Callable[[], object],
    ) -> DriveFile:
        def new_id(file_id: str) -> None:
            self.shelf.change(record.id, file_id=file_id, session=None, may_be_whole=False)

        def new_session(address: SecretStr) -> None:
            self.shelf.change(record.id, session=address)

        self._token(Cloud(pairing.cloud, self.network, stop), pairing, None)
        answered()
        drive = self._drive(pairing, stop)
        with closing(drive.connections):
            folder = drive.ensure_folder(pairing.name)
            file_id = record.file_id
            if not file_id:
                file_id = drive.new_file_id()
                self.shelf.change(record.id, file_id=file_id)
            found = upload.upload(
                drive,
                content,
                Target(file_id, record.name, _MIME, folder),
                progress=progress,
                stop=stop,
                session=record.session,
                on_new_id=new_id,
                on_session=new_session,
            )
            if found.md5 != record.md5:
                drive.delete(found.id)
                raise Gone("what was read is another file")
            return found

    def _cloud_drive(
        self, session: SecretStr, cloud: Cloud, pairing: Pairing, record: Record
    ) -> CloudDrive:
        parts = urlsplit(session.get_secret_value())
        api = self._api(f"{parts.scheme}://{parts.netloc}")
        return CloudDrive(api, cloud.stop, cloud, pairing, record)

    def _drive(self, pairing: Pairing, stop: StopSignal) -> Drive:
        """By access tokens."""
        cloud = Cloud(pairing.cloud, self.network, stop)

        def tokens(rejected: SecretStr | None) -> DriveToken:
            return self._token(cloud, pairing, rejected)

        http, cache = Http(self.network), self._cache_of(pairing.department)
        return Drive(self._api(self.google), authorized(tokens, http), cache, stop)

    def _token(self, cloud: Cloud, pairing: Pairing, rejected: SecretStr | None) -> DriveToken:
        its = self.credentials.of(pairing.department)
        kept = its.token if its is not None else None
        if kept is None or not fresh(kept) or kept.value == rejected:
            kept = cloud.token(pairing, _digest(rejected))
            self.credentials.keep_token(
                pairing.department, kept.value, kept.expires_at, asked_by=pairing.key
            )
        return DriveToken(kept.value, kept.expires_at)


def _digest(token: SecretStr | None) -> str | None:
    return None if token is None else hashlib.sha256(token.get_secret_value().encode()).hexdigest()
