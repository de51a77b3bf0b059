"""The files the bot has put into one Drive: found, listed, changed."""

from __future__ import annotations

import io
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from googleapiclient.http import MediaIoBaseUpload
from pydantic import SecretStr

from drive.calls import Calls, identified
from drive.errors import DriveRefused, error_of_answer, unreadable_answer
from drive.resources import FILE_FIELDS, FOLDER_TYPE, DriveFile, FilePage, quoted

_ARE_FILES: Final = f"mimeType != '{FOLDER_TYPE}' and trashed = false"
_MOST_SEARCHED: Final = 100
"""Characters of a search: it is part of an address, and no name has a longer beginning of a word.
"""


class Files(Calls):
    """Everything about files but their bytes and who may see them."""

    def creation_request(self, body: dict[str, Any], media: Any, *, size: int | None = None) -> Any:
        """The request that uploads `media` as a new file.

        Args:
            body: the files resource; `description` in it is shown in Drive.
            size: bytes, where they are known: `files_of_size` finds the file by them.
        """
        body = body if size is None else body | _size_mark(size)
        return self.api.request("files.create", body=body, media_body=media, fields=FILE_FIELDS)

    def begin_upload(self, body: dict[str, Any], mime_type: str, total: int | None) -> SecretStr:
        """Announce a file with this files resource; where the session is that takes its bytes.

        Args:
            total: bytes; None: unknown.
        """
        # The client is told only that the bytes come in a session; the headers say what they are.
        media = MediaIoBaseUpload(io.BytesIO(), "application/octet-stream", resumable=True)
        request = self.creation_request(body, media, size=total)
        length = "" if total is None else str(total)
        told = {"X-Upload-Content-Type": mime_type, "X-Upload-Content-Length": length}
        headers = request.headers | {name: value for name, value in told.items() if value}
        head, content = self.send("files.create", request.uri, "POST", headers, request.body)
        if head.status not in (200, 201):
            raise error_of_answer(head.status, head, content)
        return self.session_address(head)

    def session_address(self, head: Mapping[str, Any]) -> SecretStr:
        """Where a session goes on.

        Raises:
            TransientFault: there is no address, or it is somebody else's.
        """
        told = str(head.get("location", ""))
        if not self.api.owns(told):
            raise unreadable_answer()
        return SecretStr(told)

    def mark_size(self, file_id: str, size: int) -> DriveFile:
        """Note a size that was unknown when the upload began: `files_of_size` finds it by that."""
        return self._update(file_id, _size_mark(size))

    def files_of_size(self, size: int) -> list[DriveFile]:
        """The files of that many bytes, oldest first: where there is none, nothing is a duplicate.

        Drive searches neither by md5Checksum nor by size, but by the application's own properties
        (https://developers.google.com/workspace/drive/api/guides/ref-search-terms). The md5 is
        known only after the last byte, the size before the first: so each file is given its size
        as a property when it is made. This costs no request, and the answer holds a few files,
        where all of the bot's would be a page of 1000 after another.
        """
        mark = f"appProperties has {{ key='size' and value={quoted(str(size))} }}"
        found = self._search(f"{_ARE_FILES} and {mark}", FILE_FIELDS)
        return [DriveFile.from_answer(one) for one in found]

    def files(
        self,
        page_token: str | None = None,
        page_size: int = 10,
        search: str = "",
        *,
        folder_id: str | None = None,
    ) -> FilePage:
        """The files that are not in the bin, newest first.

        Args:
            page_token: the `next_page` of a page of the same search; it may lapse.
            search: beginnings of words in the name, in any case; "": all.
            folder_id: only what lies directly in there.

        Raises:
            DriveRefused: drive_refused: the page has lapsed; file_gone: the folder is gone.
        """
        query = _ARE_FILES
        if search:
            query += f" and name contains {quoted(search[:_MOST_SEARCHED])}"
        if folder_id is not None:
            query += f" and {quoted(folder_id)} in parents"
        found, next_page = self._page(
            "files.list",
            "files",
            q=query,
            orderBy="createdTime desc",
            fields=f"nextPageToken,files({FILE_FIELDS})",
            spaces="drive",
            pageSize=page_size,
            pageToken=page_token,
        )
        return FilePage(tuple(map(DriveFile.from_answer, identified(found))), next_page)

    def rename(self, file_id: str, name: str) -> DriveFile:
        """Give a file another name.

        Raises:
            DriveRefused: file_gone: it is not there.
        """
        return self._update(file_id, {"name": name})

    def move(self, file_id: str, folder_id: str) -> DriveFile:
        """Put a file into another folder, wherever it was.

        Raises:
            DriveRefused: file_gone: the file or the folder is not there.
        """
        found = self.find(file_id)
        if found is None:
            raise DriveRefused("there is no such file", code="file_gone")
        if found.folder_id == folder_id:
            return found
        old = {"removeParents": found.folder_id} if found.folder_id else {}
        return self._once_visible(
            folder_id, lambda: self._update(file_id, {}, addParents=folder_id, **old)
        )

    def trash(self, file_id: str) -> DriveFile:
        """Put a file into the bin, which Drive empties after 30 days.

        Raises:
            DriveRefused: file_gone: it is not there; bin_forbidden: the person's role in a shared
                drive is not enough (https://support.google.com/a/users/answer/9310249).
        """
        try:
            return self._update(file_id, {"trashed": True})
        except DriveRefused as refused:
            if refused.code == "not_permitted":
                raise DriveRefused("not in this role", code="bin_forbidden") from refused
            raise

    def untrash(self, file_id: str) -> DriveFile:
        """Take a file out of the bin; it is still `trashed` where its folder is in there.

        Raises:
            DriveRefused: file_gone: it is not there.
        """
        return self._update(file_id, {"trashed": False})

    def delete(self, file_id: str) -> None:
        """Delete a file the bot made, past the bin; one that is not there is no error.

        In a shared drive that takes the role of a manager, and binning a lesser one: what may not
        be deleted goes into the bin, and stays where that is not allowed either.
        """
        try:
            self._request("files.delete", bytes, fileId=file_id)
        except DriveRefused as refused:
            if refused.code == "not_permitted":
                with suppress(DriveRefused):
                    self.trash(file_id)
            elif refused.code != "file_gone":
                raise

    def _update(self, file_id: str, body: dict[str, Any], **parents: str) -> DriveFile:
        answer = self._call(
            "files.update", fileId=file_id, body=body, fields=FILE_FIELDS, **parents
        )
        return DriveFile.from_answer(answer)


def _size_mark(size: int) -> dict[str, Any]:
    return {"appProperties": {"size": str(size)}}
