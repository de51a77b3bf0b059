"""Whether a file is in its owner's Drive already, and where."""

from __future__ import annotations

import hashlib

from bot.texts.filenames import shown_path
from bot.uploads.jobs import Whereabouts
from drive import Drive, DriveFile
from upload import Source, SourceSpoilt, StopSignal


def same_content(source: Source, candidates: list[DriveFile], stop: StopSignal) -> list[DriveFile]:
    """Which of those have the bytes of `source`. Blocks: it reads all of them."""
    md5 = hashlib.md5(usedforsecurity=False)
    try:
        for piece in source.open():
            stop.check()
            md5.update(piece)
    except SourceSpoilt:
        return []  # it cannot be told; the upload reads it anew
    return [found for found in candidates if found.md5 == md5.hexdigest()]


def still_there(
    drive: Drive, same: list[DriveFile], name: str, folder_id: str
) -> tuple[DriveFile, Whereabouts] | None:
    """The best of `same`, looked at once more: to compare a large file takes a while. Blocks.

    Best is what is called `name`, then what lies in the folder where it would go, then the oldest.
    None: all of them are gone, or in the bin.
    """
    ordered = sorted(same, key=lambda file: (file.name != name, file.folder_id != folder_id))
    for number, candidate in enumerate(ordered):
        found = drive.find(candidate.id)
        if found is None or found.trashed:
            continue
        path = drive.path_to(found.folder_id)
        where = Whereabouts(
            name=found.name,
            folder=shown_path(path) if path else "",
            in_shared_drive=bool(found.drive_id),
            more=len(ordered) - number - 1,
        )
        return found, where
    return None
