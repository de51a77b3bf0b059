"""Units made on files: step by step, and the same step of several units together.

Each step is durable before the next of its unit begins, so that every beginning of a unit is a
state that custody's start finishes; what several units write at once shares the fsync of a folder.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Final

from security.encryption import is_encrypted
from security.errors import OperatorFault
from security.storage.catalogue import Document
from security.storage.disk_faults import disk_faults
from security.storage.each import each, portions
from security.storage.files.group_commit import NewContent, replace_together
from security.storage.files.index import Stamp
from security.storage.files.private_files import read_regular
from security.storage.files.staged_file import StagedFile
from security.storage.files.unix import sync_folder
from security.storage.leases import Lease
from security.storage.protocol import (
    ABSENT,
    ANY,
    Conflict,
    Copy,
    Drop,
    Key,
    Put,
    PutRaw,
    Step,
    Unit,
    Version,
)
from security.storage.sealing import Sealer

_AT_ONCE: Final = 64
"""Units whose files are open at the same time: a process may have a thousand, and needs others."""
Learn = Callable[[Key, Stamp | None, Document | None], None]
"""Told what a document is now: its stamp and content; without content: to be looked at again."""


class Changes:
    """Makes units. The caller keeps other writers of their documents away."""

    def __init__(self, sealer: Sealer, path: Callable[[Key], str], learn: Learn) -> None:
        """
        Args:
            path: where a document is kept.
        """
        self._sealer = sealer
        self._path = path
        self._learn = learn

    def make(self, units: Sequence[Unit]) -> list[list[Version] | Exception]:
        """For each unit the versions after its steps, or what ended it."""
        for unit in units:
            self._check(unit)
        size = 1 if _share_documents(units) else _AT_ONCE
        return [outcome for some in portions(units, size) for outcome in self._make_apart(some)]

    def _make_apart(self, units: Sequence[Unit]) -> list[list[Version] | Exception]:
        outcomes: list[list[Version] | Exception] = [[] for _ in units]
        for number in range(max((len(unit.steps) for unit in units), default=0)):
            going = [
                (at, unit)
                for at, unit in enumerate(units)
                if number < len(unit.steps) and not isinstance(outcomes[at], Exception)
            ]
            results = self._make_together([unit.steps[number] for _, unit in going])
            for (at, _), result in zip(going, results, strict=True):
                versions = outcomes[at]
                if isinstance(result, Exception):
                    outcomes[at] = result
                elif isinstance(versions, list):
                    versions.append(result)
        return outcomes

    def _make_together(self, steps: Sequence[Step]) -> list[Version | Exception]:
        """One step of each of several units, by folder: first what is kept, then what goes."""
        results: dict[int, Version | Exception] = {}
        folders: dict[str, list[int]] = {}
        for number, step in enumerate(steps):
            folders.setdefault(os.path.dirname(self._path(step.key)), []).append(number)  # noqa: PTH120
        for folder, numbers in folders.items():
            kept = [number for number in numbers if not isinstance(steps[number], Drop)]
            contents = each(self._content, [steps[number] for number in kept])
            for number, placed in zip(kept, replace_together(folder, contents), strict=True):
                results[number] = self._keep(steps[number], placed)
            gone = [number for number in numbers if number not in results]
            dropped = each(self._drop, [steps[number] for number in gone])
            results |= zip(gone, _synced(folder, dropped), strict=True)
        return [results[number] for number in range(len(steps))]

    def _content(self, step: Step) -> NewContent:
        """What shall be on disk, if what is there now is what the step wants."""
        kind, name = step.key
        path = self._path(step.key)
        match step:
            case Put(document=document, expected=expected, reservation=reservation):
                self._expect(path, expected)
                staged = reservation if isinstance(reservation, StagedFile) else None
                content = NewContent(path, self._sealer.seal(kind, name, document), staged)
            case PutRaw(raw=raw, is_believed=is_believed, expected=expected):
                self._expect(path, expected)
                believed = is_believed and not is_encrypted(raw)
                seal = self._sealer.seal_content if believed else self._sealer.set_aside
                content = NewContent(path, seal(kind, name, raw))
            case Copy(source=source, expected=expected):
                found = read_regular(self._path(source))
                if found is None or expected not in (ANY, Stamp.of(found[1]).version):
                    raise Conflict("what was to be copied is another document, or gone")
                content = NewContent(path, self._sealer.set_aside(kind, name, found[0]))
            case _:
                raise TypeError("not a step that keeps something")
        if not self._sealer.is_sealing and not is_encrypted(content.data):
            _refuse_over_sealed(path)
        return content

    def _keep(self, step: Step, placed: os.stat_result | Exception) -> Version | Exception:
        if isinstance(placed, Exception):
            return placed
        stamp = Stamp.of(placed)
        self._learn(step.key, stamp, step.document if isinstance(step, Put) else None)
        return stamp.version

    @disk_faults()
    def _drop(self, step: Step) -> bool:
        """Whether there was something to remove."""
        path = self._path(step.key)
        if isinstance(step, Drop):
            self._expect(path, step.expected)
        self._learn(step.key, None, None)
        try:
            os.unlink(path)  # noqa: PTH108 - a string, as all paths here
        except FileNotFoundError:
            return False
        return True

    def _check(self, unit: Unit) -> None:
        """Raise for what is a defect of the caller's, before anything is done."""
        for step in unit.steps:
            for key in _keys_of(step):
                self._path(key)
            check_lease(step.key, unit.lease)

    @staticmethod
    @disk_faults()
    def _expect(path: str, expected: Version) -> None:
        if expected == ANY:
            return
        try:
            version = Stamp.of(os.stat(path)).version  # noqa: PTH116 - at each save
        except FileNotFoundError:
            version = ABSENT
        if version != expected:
            raise Conflict("another document has taken this one's place, or none")


def _synced(folder: str, dropped: Sequence[bool | Exception]) -> list[Version | Exception]:
    """The outcome of each, once the removals are durable."""
    done: Version | Exception = ABSENT
    if any(outcome is True for outcome in dropped):
        try:
            with disk_faults():
                sync_folder(folder)
        except OperatorFault as fault:
            done = fault
    return [outcome if isinstance(outcome, Exception) else done for outcome in dropped]


def _refuse_over_sealed(path: str) -> None:
    """Raise OperatorFault where plaintext would take a sealed document's place."""
    present = read_regular(path)
    if present is not None and is_encrypted(present[0]):
        raise OperatorFault(
            "would replace an encrypted file by plaintext: its key is not set", code="key_missing"
        )


def check_lease(key: Key, lease: Lease | None) -> None:
    """Raise RuntimeError where an owner's document of a leased kind would be changed without the
    owner's lease."""
    owner = key.leased_by
    if owner is None:
        return
    if lease is None or lease.name != owner.stem or not lease.may_begin():
        raise RuntimeError("a change of an owner's documents without the owner's lease")


def _keys_of(step: Step) -> tuple[Key, ...]:
    return (step.key, step.source) if isinstance(step, Copy) else (step.key,)


def _share_documents(units: Sequence[Unit]) -> bool:
    """Whether one unit changes what another one reads or changes: these are made in turn."""
    touched = [{key for step in unit.steps for key in _keys_of(step)} for unit in units]
    return sum(map(len, touched)) > len(set().union(*touched))
