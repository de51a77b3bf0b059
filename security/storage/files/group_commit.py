"""Several files of one folder replaced together: durable one by one, for little more than one.

A disk, or its journal, that takes its time for an fsync takes hardly more of it for eight files
than for one, if all are asked for at once; and one fsync of the folder is enough for all of them.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import cache
from queue import SimpleQueue
from typing import Final

from security.errors import OperatorFault
from security.storage.disk_faults import disk_faults
from security.storage.each import each
from security.storage.files.staged_file import StagedFile, StrPath
from security.storage.files.unix import sync_folder

_QUICK_SECONDS: Final = 0.0005
"""No more than it costs to have another thread do it."""
_THREADS: Final = 16


@dataclass(slots=True)
class NewContent:
    """What shall replace the file at `path`."""

    path: str
    data: bytes = field(repr=False)
    staged: StagedFile | None = None
    """What `reserve_room` has kept for it."""


def replace_together(
    folder: StrPath,
    contents: Sequence[NewContent | Exception],
    quick_seconds: float = _QUICK_SECONDS,
) -> list[os.stat_result | Exception]:
    """Replace files of `folder`, each whole or not at all: for each its status, or why not.

    The caller keeps other writers of them away. An exception among `contents` stays one.

    Args:
        quick_seconds: a disk that takes longer for an fsync is asked for the others all at once.
    """
    placed = each(_take_place, _synced(each(_write, contents), quick_seconds))
    if all(isinstance(outcome, Exception) for outcome in placed):
        return placed
    try:
        with disk_faults():
            sync_folder(folder)
    except OperatorFault as fault:
        return [outcome if isinstance(outcome, Exception) else fault for outcome in placed]
    return placed


@disk_faults()
def _write(content: NewContent) -> NewContent:
    content.staged = content.staged or StagedFile(content.path)
    content.staged.write(content.data)
    return content


@disk_faults()
def _take_place(content: NewContent) -> os.stat_result:
    try:
        if content.staged is not None:
            return content.staged.take_place()
    except FileNotFoundError:
        pass  # kept for so long that somebody's start took it for a crash's remains
    staged = StagedFile(content.path)
    staged.write(content.data)
    staged.sync()
    return staged.take_place()


@disk_faults()
def _sync(content: NewContent) -> NewContent:
    if content.staged is not None:
        content.staged.sync()
    return content


def _synced(
    contents: Sequence[NewContent | Exception], quick_seconds: float
) -> list[NewContent | Exception]:
    """One after the other while the disk is quick, then the rest at once."""
    synced: list[NewContent | Exception] = []
    for content in contents:
        began = time.monotonic()
        synced += each(_sync, [content])
        if time.monotonic() - began > quick_seconds:
            break
    return synced + _sync_at_once(contents[len(synced) :])


_asked: Final = SimpleQueue[tuple[NewContent | Exception, Future[NewContent | Exception]]]()
_starting: Final = threading.Lock()


def _sync_at_once(
    contents: Sequence[NewContent | Exception],
) -> list[NewContent | Exception]:
    if len(contents) < 2:
        return each(_sync, contents)
    with _starting:
        _start_syncers()
    answers = [Future[NewContent | Exception]() for _ in contents]
    for asked in zip(contents, answers, strict=True):
        _asked.put(asked)
    return [answer.result() for answer in answers]


@cache
def _start_syncers() -> None:
    """Threads that are started when they are first needed, and for which no exit waits."""
    for number in range(_THREADS):
        threading.Thread(target=_serve, name=f"custody-sync-{number}", daemon=True).start()


def _serve() -> None:
    while True:
        content, answer = _asked.get()
        answer.set_result(each(_sync, [content])[0])
        del content, answer  # what was saved is the caller's alone
