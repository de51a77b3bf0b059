"""Where in a person's Drive their next file goes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.preferences.folder_choices import FolderChoice, FolderChoices, folders_for
from bot.texts.filenames import shown_path
from drive import Drive, DriveFolder, DriveRefused
from security.credential import Owner


@dataclass(frozen=True, slots=True)
class Destination:
    """A folder in Drive."""

    folder_id: str
    folder_name: str
    """With the names of the bot's folders around it."""
    was_made_again: bool = False
    """Whether it had been deleted in Drive."""


class Destinations:
    """Finds the folder that each person has chosen, as it stands in their Drive."""

    def __init__(self, folder_name: str, choices: FolderChoices) -> None:
        """
        Args:
            folder_name: where the files of those go who have chosen nothing.
        """
        self._folder_name = folder_name
        self._choices = choices

    def choice(self, owner: Owner, account: str) -> FolderChoice:
        """The owner's choice in this Google account, or the usual folder. Blocks on the disk."""
        return self._choices.load(owner, account) or self._usual(account)

    def choose(
        self, owner: Owner, account: str, path: tuple[DriveFolder, ...], template: str
    ) -> FolderChoice:
        """From now on the last folder of `path`; none: as before, with this template. Blocks."""
        choice = self.choice(owner, account).model_copy(update={"template": template})
        if path:
            *_, folder = path
            where = {"folder_id": folder.id, "parent_id": folder.parent_id}
            choice = choice.model_copy(update={**where, "path": tuple(f.name for f in path)})
        self._choices.save(owner, choice)
        return choice

    def forget(self, owner: Owner) -> None:
        """Delete the owner's choice. Blocks on the disk."""
        self._choices.forget(owner)

    def find(
        self, drive: Drive, owner: Owner, account: str, moment: datetime, *, cached: bool = False
    ) -> Destination:
        """The folder for a file sent at `moment`, made where there is none. Blocks.

        Args:
            account: the Google account `drive` belongs to.
            cached: what was seen in the last minutes is good enough.
        """
        stored = self._choices.load(owner, account)
        found, again = self._in_drive(drive, stored or self._usual(account), cached=cached)
        if found != stored:
            self._choices.replace(owner, stored, found)
        below = folders_for(found.template, moment)
        try:
            folder_id = drive.ensure_path(found.folder_id, below, cached=cached)
        except DriveRefused as refusal:
            if refusal.code != "file_gone" or not cached:
                raise
            return self.find(drive, owner, account, moment)
        return Destination(folder_id, shown_path((*found.path, *below)), again)

    def _usual(self, account: str) -> FolderChoice:
        return FolderChoice(account=account, path=(self._folder_name,))

    def _in_drive(
        self, drive: Drive, choice: FolderChoice, *, cached: bool
    ) -> tuple[FolderChoice, bool]:
        """The choice as it is there by now, and whether its folder had to be made again."""
        if not choice.folder_id:
            folder_id = drive.ensure_folder(choice.path[-1], cached=cached)
            return choice.model_copy(update={"folder_id": folder_id}), False
        if cached and drive.has_seen(choice.folder_id):
            return choice, False
        if (folder := drive.find_folder(choice.folder_id)) is not None:
            path = (*choice.path[:-1], folder.name)
            where = {"parent_id": folder.parent_id, "path": path}
            return choice.model_copy(update=where), False
        around = drive.find_folder(choice.parent_id) if choice.parent_id else None
        if around is not None:
            folder_id = drive.ensure_subfolder(choice.path[-1], around.id).id
        else:
            folder_id = drive.ensure_path("root", choice.path)
        return choice.model_copy(update={"folder_id": folder_id}), True
