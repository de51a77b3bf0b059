"""A department's Drive as a computer without a token has it: one file in the cloud's session.

What needs a token is asked of the cloud, or left to it; `upload.py` sends the bytes as ever.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, cast

import google_auth_httplib2
from pydantic import SecretStr

from desktop.keeping.credentials import Pairing
from desktop.queue.records import Record
from desktop.sending.cloud import MOST_BYTES, Cloud, Handed
from drive import Drive, DriveFile, DriveRefused
from drive.api import DriveApi
from drive.cache import DriveCache
from drive.connection import Http
from drive.uploading.stopping import StopSignal
from security.errors import TransientFault

_ANSWER_SECONDS: Final = 60.0


@dataclass
class _Anonymous:
    """Requests that carry no token: a session's address is all that its bytes need."""

    http: Http

    def request(self, address: str, **options: Any) -> Any:
        """As `AuthorizedHttp`, but for what it adds."""
        return self.http.request(address, **options)

    def close(self) -> None:
        """Close the connections."""
        self.http.close()


class CloudDrive(Drive):
    """For one file."""

    def __init__(
        self, api: DriveApi, stop: StopSignal, cloud: Cloud, pairing: Pairing, record: Record
    ) -> None:
        connections = cast(Http, api.connect())
        # The cloud says where the bytes go: that need not be Google, nor lead to this network.
        connections.follow_redirects = False
        connections.most_bytes, connections.most_seconds = MOST_BYTES, _ANSWER_SECONDS
        http = cast(google_auth_httplib2.AuthorizedHttp, _Anonymous(connections))
        super().__init__(api, http, DriveCache(), stop)
        self._cloud = cloud
        self._pairing = pairing
        self._record = record

    def new_file_id(self) -> str:
        """That of the session which the cloud begins where the last one took another file."""
        return self._begun().file_id

    def begin_upload(self, body: dict[str, Any], mime_type: str, total: int | None) -> SecretStr:
        """The session that the cloud has begun, or begins now.

        Raises:
            DriveRefused: exists: all of it has arrived.
        """
        handed = self._begun()
        if handed.state == "complete":
            raise DriveRefused("it is there", code="exists")
        if handed.session is None:
            raise TransientFault("there is no session yet")
        return self.session_address({"location": handed.session.get_secret_value()})

    def find(self, file_id: str) -> DriveFile | None:
        """The file, if the cloud has found it whole: then its md5 is the announced one."""
        handed = self._cloud.state(self._pairing, self._record)
        if handed.state != "complete" or handed.file_id != file_id:
            return None
        return file_of(handed, self._record)

    def delete(self, file_id: str) -> None:
        """The cloud does that, where another file has arrived than the announced one."""

    def _begun(self) -> Handed:
        return self._cloud.begin(self._pairing, self._record)


def file_of(handed: Handed, record: Record) -> DriveFile:
    """What is in Drive, as the cloud has found it."""
    return DriveFile(
        id=handed.file_id,
        name=record.name,
        link=handed.link,
        md5=record.md5,
        size=record.size,
        mime_type="application/pdf",
        folder_id="",
    )
