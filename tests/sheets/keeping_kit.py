"""Mirrors over one storage, and the Google they read from."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from security.custody.leases import Leases
from security.custody.workers import Workers
from security.encryption import TokenEncryption
from security.storage.protocol import Storage
from security.token_store import TokenStore
from sheets.keeping.forms import SheetState
from sheets.keeping.mirror import Mirror
from sheets.keeping.versions import Versions
from sheets.shapes.file import parse_shapes
from sheets.wanted import TabWanted
from tests.sheets.reading.conftest import Desk
from tests.stores import MASK, storage_in

HEAD: tuple[object, ...] = ("員編", "姓名", *range(1, 32))


def rows(people: int = 4, shift: str = "0905G") -> list[list[object]]:
    """A month's roster."""
    found: list[list[object]] = [[*HEAD]]
    return found + [[f"{1011 + n}", f"林{n}", *([shift] * 31)] for n in range(people)]


def tab(people: int = 4, shift: str = "0905G", title: str = "班表") -> dict[str, Any]:
    """The same as a tab."""
    return {"title": title, "gid": 77, "rows": rows(people, shift)}


def toml(*spreadsheets: str) -> str:
    """Settings for one roster in each: `tanhae.r0`, `tanhae.r1`, …"""
    return "\n".join(
        f'[tanhae.r{n}]\nspreadsheet = "{id}"\ntab = "班表"\nkind = "month-grid"\n'
        f'zone = "Asia/Taipei"\n'
        for n, id in enumerate(spreadsheets)
    )


@dataclass
class Keeper:
    """What one process has."""

    mirror: Mirror
    storage: Storage

    def state(self, sheet: str = "tanhae.r0") -> SheetState:
        """How a sheet stands."""
        return self.mirror.looking.some([sheet])[sheet]

    @property
    def versions(self) -> Versions:
        """Those that are kept."""
        return Versions(self.storage)


@asynccontextmanager
async def keeper(
    desk: Desk,
    folder: Path,
    keyring: TokenEncryption,
    settings: str,
    read: Callable[[str, str, Sequence[TabWanted]], bytes] | None = None,
) -> AsyncIterator[Keeper]:
    """The parts of one process, with connections of its own."""
    storage = storage_in(folder, keyring)
    storage.prepare()
    workers, reader = Workers(), desk.reader()
    mirror = Mirror(
        storage,
        Leases(workers, TokenStore(storage, MASK)),
        read or (lambda _, spreadsheet, tabs: reader.read(spreadsheet, tabs)),
        parse_shapes(settings, ["tanhae"]),
    )
    try:
        yield Keeper(mirror, storage)
    finally:
        await mirror.close()
        await workers.close()
        storage.close()
