"""One process of a fleet: custody as the bot's process has it, told when to sweep.

`python -m tests.database.fleet_process FILE LEASE_SECONDS CLOCK_SECONDS`. FILE holds the settings;
CLOCK_SECONDS is by how much this process's clock is wrong.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path

from freezegun import freeze_time

from bench.child import Json, serve
from bench.owners import read_settings
from processes.bot import prepare_logs
from processes.storage import storage_of
from processes.wiring import Custody, CustodyOptions, custody


async def main(file: Path, lease_seconds: float) -> None:
    """Sweep whenever told to, until there are no more commands."""
    settings = read_settings(file)
    mask = prepare_logs(settings)
    storage = storage_of(settings, mask, lease_seconds=lease_seconds)
    async with custody(settings, storage, mask, CustodyOptions.of(settings)) as parts:

        async def answer(command: Json) -> Json:
            """One pass, and what it came to; then whatever administrators are told."""
            report = await parts.sweep.run(full=bool(command.get("full")))
            await parts.fleet.learn(report)
            told = await _tell(parts)
            await parts.state.save()
            return {
                "told": told,
                "seen": report.seen,
                "refreshed": report.refreshed,
                "transient": report.transient,
                "operator": report.operator,
                "skipped": report.skipped,
                "quarantined": report.quarantined,
                "held": report.held,
                "results": report.results,
                "ended_by": report.ended_by,
            }

        await serve({}, answer)


async def _tell(parts: Custody) -> list[str]:
    """As the bot does, but for the messages themselves: "code begins", "code ends"."""
    said: list[str] = []
    if not parts.state.incidents.to_tell(parts.storage.now()):
        return said
    async with parts.fleet.telling() as may_tell:
        for incident in parts.state.incidents.to_tell(parts.storage.now()):
            if not may_tell():
                break
            said.append(f"{incident.code} {'ends' if incident.over else 'begins'}")
            parts.state.incidents.told(incident)
            await parts.state.save(incidents=True)
    return said


def _clock(wrong_by: float) -> AbstractContextManager[object]:
    if not wrong_by:
        return nullcontext()
    shown = datetime.now(UTC).replace(tzinfo=None) + timedelta(seconds=wrong_by)
    return freeze_time(shown, tick=True, real_asyncio=True)


if __name__ == "__main__":
    with _clock(float(sys.argv[3])):
        asyncio.run(main(Path(sys.argv[1]), float(sys.argv[2])))
