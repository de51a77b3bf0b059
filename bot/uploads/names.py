"""What the files of a job are called: decided once, before anything of it is on its way."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import count

from bot.texts.filenames import names_from, new_name, with_number
from bot.uploads.jobs import JobFile, UploadJob
from bot.uploads.queue import UploadQueue


async def with_names(job: UploadJob, uploads: UploadQueue) -> UploadJob:
    """`named(job)`, where no name that is made is one of the owner's other files, too."""
    if all(file.wish or not file.is_made for file in job.files):
        return named(job)
    others = (other for other in await uploads.jobs(job.owner) if other.id != job.id)
    return named(job, {file.name for other in others for file in other.files})


def named(job: UploadJob, taken: Collection[str] = ()) -> UploadJob:
    """A copy with its files in the order they were sent in, and each with its name.

    One wish ("#name …"), in whichever caption it stands, is meant for all of them. What is called
    by it, or after its kind and time, is told apart by numbers.

    Args:
        taken: what no file may be called that has no name of its own.
    """
    files = sorted(job.files, key=lambda file: file.place)
    places = sorted({file.place for file in files})
    wishes = {file.wish for file in files} - {""}
    is_one = len(wishes) == 1
    names = _wished(wishes.pop(), files) if is_one else [_by_itself(file) for file in files]
    made = [file.is_made and not file.wish and not is_one for file in files]
    for first in count(1):
        tried = [
            with_number(name, first + places.index(file.place))
            if (by_kind or is_one) and (len(places) > 1 or first > 1)
            else name
            for file, name, by_kind in zip(files, names, made, strict=True)
        ]
        if not any(n in taken for n, by_kind in zip(tried, made, strict=True) if by_kind):
            break
    renamed = (
        file.model_copy(update={"name": name}) for file, name in zip(files, tried, strict=True)
    )
    return job.model_copy(update={"files": tuple(renamed)})


def _wished(wish: str, files: Sequence[JobFile]) -> list[str]:
    own = [file.own_name or file.name for file in files]
    return [new_name(wish, own[0])] if len(own) == 1 else names_from(wish, own)


def _by_itself(file: JobFile) -> str:
    own = file.own_name or file.name
    return names_from(file.wish, [own])[0] if file.wish else own
