"""How one owner's Drive is asked: every request and every error goes through here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import google_auth_httplib2

from drive.errors import DriveRefused, translated, unreadable
from drive.known import Known
from drive.resources import FILE_FIELDS, DriveFile


@dataclass(frozen=True, slots=True)
class Resources:
    """Drive's resources as Google's client knows them.

    It builds one anew whenever it is asked, for 8 ms of CPU; they hold nothing of anybody.
    """

    about: Any
    files: Any
    permissions: Any


class Calls:
    """What files, folders and links have in common. One thread at a time may use it."""

    def __init__(
        self,
        resources: Resources,
        http: google_auth_httplib2.AuthorizedHttp,
        retries: int,
        known: Known,
    ) -> None:
        self.resources = resources
        self.http = http
        self._retries = retries
        self._known = known

    def new_file_id(self) -> str:
        """An identifier for a file still to be made: a retry cannot make a second one."""
        return self.new_file_ids(1)[0]

    def new_file_ids(self, count: int) -> list[str]:
        """As many at once (up to 1000); more are drawn than asked for, for the next files."""
        return self._known.take_ids(count, self._generate_ids)

    def find(self, file_id: str) -> DriveFile | None:
        """The file or folder of this identifier, in the bin too; None: there is none."""
        try:
            answer = self._ask(self.resources.files.get(fileId=file_id, fields=FILE_FIELDS))
        except DriveRefused as refusal:
            if refusal.code == "file_gone":
                return None
            raise
        return DriveFile.from_answer(answer)

    def _generate_ids(self, count: int) -> list[str]:
        answer = self._ask(self.resources.files.generateIds(count=count, space="drive"))
        if not answer.get("ids"):
            raise unreadable()
        return [str(file_id) for file_id in answer["ids"]]

    def _execute(self, request: Any) -> Any:
        with translated():
            return request.execute(http=self.http, num_retries=self._retries)

    def _ask(self, request: Any) -> dict[str, Any]:
        answer = self._execute(request)
        if not isinstance(answer, dict):  # Google's client gives what is not JSON as text
            raise unreadable()
        return answer
