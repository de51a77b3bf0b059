"""The bot's folders in one Drive: found, made once, nested.

drive.file shows only what the bot made, so a folder of the user's own is never taken.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from drive.calls import Calls
from drive.errors import DriveRefused
from drive.resources import FOLDER_TYPE, DriveFolder, quoted
from security.errors import TransientFault

_FIELDS: Final = "id,name,parents,webViewLink"
_DEEPEST: Final = 100
"""Folders within each other: https://developers.google.com/workspace/drive/api/guides/limits"""
_ARE_FOLDERS: Final = f"mimeType = '{FOLDER_TYPE}' and trashed = false"


class Folders(Calls):
    """Everything about folders."""

    def ensure_folder(self, name: str, *, cached: bool = False) -> str:
        """The identifier of the bot's folder of this name, made at the top where there is none.

        It is the oldest of its name wherever the person has moved it. `cached` takes the answer of
        the last minutes for good: should the file then not begin (`file_gone`), or end up
        `trashed`, ask once more without.
        """
        return self._cached_or_ensured("", name, cached=cached)

    def ensure_subfolder(self, name: str, parent_id: str | None = None) -> DriveFolder:
        """The bot's folder of this name in `parent_id` (None: at the top), made if need be.

        Raises:
            DriveRefused: code file_gone: there is no such parent any more.
        """
        return self._ensured(parent_id or "root", name)

    def ensure_path(self, root_id: str, names: Iterable[str], *, cached: bool = False) -> str:
        """The identifier of the folder at the end of `names` below `root_id`; each made if need be.

        `cached` as for `ensure_folder`. Whether `root_id` is in the bin is not looked at.

        Raises:
            DriveRefused: code file_gone: there is no folder `root_id` any more.
        """
        folder_id = root_id
        for name in names:
            folder_id = self._cached_or_ensured(folder_id, name, cached=cached)
        return folder_id

    def all_folders(self) -> list[DriveFolder]:
        """The bot's folders wherever they are, by name."""
        found = map(DriveFolder.from_answer, self._search(_ARE_FOLDERS, _FIELDS))
        return sorted(found, key=lambda folder: (folder.name.casefold(), folder.id))

    def find_folder(self, folder_id: str) -> DriveFolder | None:
        """The folder; None: gone, or in the bin, by itself or with one around it."""
        found = self.find(folder_id)
        if found is None or found.trashed or not found.is_folder:
            return None
        self.cache.note_folder(found.id, "", found.id)
        return DriveFolder(found.id, found.name, found.folder_id, found.link)

    def path_to(self, folder_id: str) -> tuple[str, ...]:
        """The names of the bot's folders down to this one; (): it is none of them, or unknown."""
        names: list[str] = []
        while folder_id and len(names) < _DEEPEST:
            if (folder := self.find_folder(folder_id)) is None:
                break
            names.insert(0, folder.name)
            folder_id = folder.parent_id
        return tuple(names)

    def is_in_shared_drive(self, folder_id: str) -> bool:
        """Whether its space is that of a shared drive, and not the owner's own."""
        found = self.find(folder_id)
        return found is not None and bool(found.drive_id)

    def has_seen(self, folder_id: str) -> bool:
        """Whether it was found or made within the last minutes."""
        return self.cache.folder(folder_id, "") is not None

    def _cached_or_ensured(self, parent_id: str, name: str, *, cached: bool) -> str:
        seen = self.cache.folder(parent_id, name) if cached else None
        return seen or self._ensured(parent_id, name).id

    def _ensured(self, parent_id: str, name: str) -> DriveFolder:
        """`parent_id` "": found anywhere, made at the top."""
        with self.cache.making:
            query = f"{_ARE_FOLDERS} and name = {quoted(name)}"
            if parent_id:
                query += f" and {quoted(parent_id)} in parents"
            around = parent_id or "root"
            found = self._once_visible(around, lambda: self._oldest_folder(query))
            # A list may lag behind what was made a moment ago; a look at the folder does not.
            made = self.cache.folder(parent_id, name) if found is None else None
            if made is not None:
                found = self.find_folder(made)
            if found is None or not _is_still(found, parent_id, name):
                found = self._once_visible(around, lambda: self._created(parent_id, name))
            self.cache.note_folder(parent_id, name, found.id)
            self.cache.note_folder(found.id, "", found.id)
            return found

    def _created(self, parent_id: str, name: str) -> DriveFolder:
        body: dict[str, Any] = {"id": self.new_file_id(), "name": name, "mimeType": FOLDER_TYPE}
        if parent_id:
            body["parents"] = [parent_id]
        try:
            return DriveFolder.from_answer(self._call("files.create", body=body, fields=_FIELDS))
        except (DriveRefused, TransientFault) as fault:
            # The answer to a first try was lost, and the next one met its result; or the answer
            # cannot be read.
            again = fault.code in ("exists", "not_json")
            made = self.find_folder(body["id"]) if again else None
            if made is None:
                raise
            return made

    def _oldest_folder(self, query: str) -> DriveFolder | None:
        found = self._search(query, _FIELDS, page_size=1)
        return next(map(DriveFolder.from_answer, found), None)


def _is_still(folder: DriveFolder, parent_id: str, name: str) -> bool:
    """Unless it is told that it has been moved or renamed: what is not told is no other."""
    here = parent_id in ("", "root") or folder.parent_id in ("", parent_id)
    return folder.name in ("", name) and here


def folders_in(folders: Iterable[DriveFolder], parent_id: str) -> list[DriveFolder]:
    """Those directly in this one; "": those in none of `folders`, which are the outermost."""
    all_of_them = list(folders)
    own = {folder.id for folder in all_of_them}
    return [
        folder
        for folder in all_of_them
        if (folder.parent_id == parent_id if parent_id else folder.parent_id not in own)
    ]
