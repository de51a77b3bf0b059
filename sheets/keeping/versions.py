"""Versions of sheets: packed, divided where one document would be too large, found, swept."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from departments.documents import Shelf
from security.errors import CorruptCredential
from security.storage.each import only
from security.storage.protocol import ANY, Conflict, Drop, Key, Put, Storage, Unit
from sheets.keeping.forms import Part, VersionRecord
from sheets.keeping.kinds import VERSIONS
from sheets.kinds.contents import Codes, Contents, Roster, Rows
from sheets.versions.written import Unreadable, read, write

KEPT_SECONDS: Final = 400 * 86400
_LARGEST: Final = 480_000
"""Characters of one document's share: sealed they are a third more, and 1 MiB is the most."""
_FORM: Final = "%Y%m%d-%H%M%S"
_NO_PERIOD: Final = "all"
_AT_ONCE: Final = 200


@dataclass(frozen=True, slots=True)
class Version:
    """Which one: plain data, without what is in it."""

    sheet: str
    period: str
    id: str

    @property
    def name(self) -> str:
        """Its document's."""
        return f"{self.sheet}.{self.period or _NO_PERIOD}.{self.id}"

    @property
    def at(self) -> datetime:
        """When it was read."""
        return datetime.strptime(self.id, _FORM).replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Opened:
    """A version with what is in it."""

    version: Version
    record: VersionRecord
    contents: Contents = field(repr=False)


def id_at(seconds: float, taken: str = "") -> str:
    """A version's id: the second it was read in, or the next one that is free.

    Args:
        taken: the newest that there is.
    """
    found = datetime.fromtimestamp(int(seconds), UTC).strftime(_FORM)
    if found > taken:
        return found
    last = datetime.strptime(taken, _FORM).replace(tzinfo=UTC).timestamp()
    return datetime.fromtimestamp(last + 1, UTC).strftime(_FORM)


def size_of(contents: Contents) -> tuple[int, int]:
    """People and their days; of others what they consist of, twice."""
    match contents:
        case Roster(people=people, duties=duties):
            return len(people), len(duties)
        case Codes(codes=found) | Rows(rows=found):
            return len(found), len(found)


class Versions:
    """Those of all sheets. Every method blocks.

    Raises, each of them:
        OperatorFault: the storage does not answer, or no configured key opens what is there.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._records = Shelf(storage, VERSIONS, VersionRecord)
        self._parts = Shelf(storage, VERSIONS, Part)

    def putting(self, version: Version, record: VersionRecord, contents: Contents) -> Put:
        """The step that keeps a version, for a unit. What does not fit into its document is kept
        at once: nothing refers to it yet."""
        text = json.dumps(write(contents), ensure_ascii=False, separators=(",", ":"))
        packed = base64.b64encode(zlib.compress(text.encode("utf-8", "surrogatepass"), 6)).decode()
        shares = [packed[at : at + _LARGEST] for at in range(0, len(packed), _LARGEST)]
        for number, share in enumerate(shares[1:], 1):
            self._parts.write(f"{version.name}.p{number}", Part(body=share))
        whole = record.model_copy(update={"body": shares[0], "parts": len(shares)})
        return self._records.putting(version.name, whole, ANY)

    def accepting(self, opened: Opened, now: float, by: str) -> Put:
        """The step that notes who had a version count that was held; a conflict where it has gone
        meanwhile, be that before the step is done.

        Raises:
            Conflict: it has gone already.
        """
        held = self._records.find(opened.version.name)
        if held is None:
            raise Conflict("what was held has gone")
        noted = held.content.model_copy(update={"accepted_at": now, "accepted_by": by})
        return self._records.putting(held.name, noted, held.version)

    def records(self, versions: Sequence[Version]) -> Iterator[tuple[Version, VersionRecord]]:
        """What is known of each of these that is there."""
        by_name = {version.name: version for version in versions}
        for held in self._records.some([*by_name]):
            yield by_name[held.name], held.content

    def record(self, version: Version) -> VersionRecord | None:
        """What is known of a version; None: there is no such one."""
        held = self._records.find(version.name)
        return None if held is None else held.content

    def open(self, version: Version) -> Opened | None:
        """A version; None: there is no such one.

        Raises:
            CorruptCredential: it is damaged, or a newer program's.
        """
        record = self.record(version)
        if record is None:
            return None
        names = [f"{version.name}.p{number}" for number in range(1, record.parts)]
        shares = [record.body, *(held.content.body for held in self._parts.some(names))]
        try:
            if len(shares) != record.parts:
                raise Unreadable
            text = zlib.decompress(base64.b64decode("".join(shares), validate=True))
            return Opened(version, record, read(json.loads(text.decode("utf-8", "surrogatepass"))))
        except (ValueError, zlib.error):
            raise CorruptCredential("a version of a sheet cannot be read") from None

    def of(self, sheet: str, period: str | None = None) -> list[Version]:
        """Those of a sheet, the newest first.

        Args:
            period: only this month's; empty: only of what is of no month.
        """
        prefix = f"{sheet}." if period is None else f"{sheet}.{period or _NO_PERIOD}."
        found = (_version_of(name) for name in self._storage.names(VERSIONS, prefix))
        return sorted((one for one in found if one is not None), key=lambda one: one.id)[::-1]

    def dropping(self, version: Version) -> Drop:
        """The step that keeps a version no longer; its further parts go with the next sweep."""
        return Drop(Key(VERSIONS, version.name))

    def sweep(self, now: float, current: set[str]) -> int:
        """Drop what is older than 400 days; how many documents those were.

        Args:
            current: names of versions that stay.
        """
        names = self._storage.names(VERSIONS)
        there = {name for name in names if _version_of(name) is not None}
        old = [name for name in names if _is_over(name, now, current, there)]
        for at in range(0, len(old), _AT_ONCE):
            units = [Unit([Drop(Key(VERSIONS, name))]) for name in old[at : at + _AT_ONCE]]
            for outcome in self._storage.apply(units):
                only([outcome])
        return len(old)


def newest(versions: Iterator[Version] | list[Version]) -> str:
    """The id of the newest; empty: there is none."""
    return max((one.id for one in versions), default="")


def _version_of(name: str) -> Version | None:
    """The version that a document's name says; None: it is a part of one, or none of ours."""
    parts = name.rsplit(".", 2)
    try:
        sheet, period, id = parts
        datetime.strptime(id, _FORM).replace(tzinfo=UTC)
    except ValueError:
        return None
    return Version(sheet, "" if period == _NO_PERIOD else period, id)


def _is_over(name: str, now: float, current: set[str], there: set[str]) -> bool:
    whole = name if name in there else name.rpartition(".p")[0]
    version = _version_of(whole)
    if version is None or whole in current:
        return False
    age = now - version.at.timestamp()
    # A part comes before its version does.
    return age > KEPT_SECONDS or (whole not in there and age > 86400)
