"""Where files may be moved to: the bot's folders, level by level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.texts import file_keyboards
from bot.texts.catalogue import Texts
from drive import DriveFolder, folders_in
from drive.uploading.names import clean_name


@dataclass(frozen=True, slots=True, repr=False)
class Level:
    """One folder, or the top, and what is in it."""

    here: DriveFolder | None
    """None: the top."""
    above: DriveFolder | None
    """None: there is none of the bot's."""
    inside: tuple[tuple[DriveFolder, bool], ...]
    """Each with whether it has folders itself."""


def level(folders: Sequence[DriveFolder], key: str, *, lies_in: str = "") -> Level:
    """What to show of `folders` for the button with `key`.

    Args:
        key: as `file_keyboards.folder_key` makes it; "": the top.
        lies_in: the folder that is no place to go, unless there are others inside.
    """
    here = by_key(folders, key)
    by_id = {folder.id: folder for folder in folders}
    parents = {folder.parent_id for folder in folders}
    inside = tuple(
        (folder, folder.id in parents)
        for folder in folders_in(folders, here.id if here else "")
        if folder.id in parents or folder.id != lies_in
    )
    return Level(here, by_id.get(here.parent_id) if here else None, inside)


def described(question: str, shown: Level, t: Texts) -> str:
    """`question`, and which folders are offered."""
    lines = [question]
    if shown.here is not None:
        lines.append(t.tr("Inside “{folder}”", folder=clean_name(shown.here.name)))
    elif not shown.inside:
        lines += ["", t.tr("I have made no other folder yet: /folder makes one.")]
    if len(shown.inside) > file_keyboards.MOST_FOLDERS:
        most = file_keyboards.MOST_FOLDERS
        lines.append(t.tr("These are the first {count} folders.", count=most))
    return "\n".join(lines)


def by_key(folders: Sequence[DriveFolder], key: str) -> DriveFolder | None:
    """The folder that a button means; None: it is gone."""
    return next((f for f in folders if file_keyboards.folder_key(f.id) == key), None)
