"""Departments' sheets, looked at by a process for as long as it lives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from config import Settings
from processes.ending import StartupError
from processes.wiring import Custody
from security.google.jitter import jittered
from security.google.network import Network
from sheets.keeping.kinds import STOPPED

if TYPE_CHECKING:  # whoever has no sheets need not wait for what reads them
    from sheets.keeping.mirror import Mirror

_FIRST_SECONDS = 3.0


@asynccontextmanager
async def mirror_of(settings: Settings, parts: Custody) -> AsyncIterator[Mirror | None]:
    """What looks at sheets; None: SHEETS_FILE is not set.

    Raises:
        StartupError: the file has faults, which whoever starts the process has looked for already.
    """
    if settings.sheets_file is None:
        yield None
        return
    from sheets.keeping.configured import sheets_in
    from sheets.keeping.mirror import Mirror
    from sheets.reading.readers import Readers
    from sheets.shapes.file import ShapeFaults

    slugs = [entry.partition("=")[0] for entry in settings.departments]
    try:
        sheets = await asyncio.to_thread(sheets_in, settings.sheets_file, slugs)
    except ShapeFaults as faults:
        raise StartupError(f"SHEETS_FILE: {faults}") from None
    readers = Readers(
        settings.service_accounts,
        settings.google_api_endpoint,
        settings.google_token_uri,
        Network.of(settings),
    )
    mirror = Mirror(
        parts.storage,
        parts.leases,
        lambda department, spreadsheet, tabs: readers.of(department).read(spreadsheet, tabs),
        sheets,
    )
    parts.state.watched.add(STOPPED, mirror.is_any_stopped)
    try:
        yield mirror
    finally:
        readers.close()  # which ends what is under way
        await mirror.close()


@asynccontextmanager
async def mirroring(mirror: Mirror | None) -> AsyncIterator[None]:
    """Look at what is due, for as long as this is entered."""
    if mirror is None:
        yield
        return
    task = asyncio.create_task(_look_again_and_again(mirror))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait((task,))


async def _look_again_and_again(mirror: Mirror) -> None:
    from sheets.keeping.mirror import EVERY_SECONDS

    pause = partial(jittered, EVERY_SECONDS)
    await asyncio.sleep(_FIRST_SECONDS)
    while True:
        await mirror.look()
        await asyncio.sleep(pause())
