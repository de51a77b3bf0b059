"""The picture below `/health`: the last day's sweeps, where the extra `picture` is installed."""

from __future__ import annotations

import asyncio
import json
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import structlog

from bot.services import Services

_CHART: Final = Path(__file__).with_name("chart.py")
_DRAWING_SECONDS: Final = 30
_log = structlog.get_logger()


async def picture_of_the_day(services: Services) -> bytes | None:
    """The chart as a PNG; None: there is none, and the text goes alone."""
    if find_spec("matplotlib") is None:  # the extra is not installed: nothing is wrong
        return None
    points = {
        "now": services.core.storage.now(),
        "lead": services.core.custodian.lead.total_seconds() / 60,
        "sweeps": [
            [
                report.started_at.timestamp() + report.seconds,
                *(report.refreshed, report.transient, report.operator, report.quarantined),
                report.minutes_left,
            ]
            for report in services.core.state.sweeps
        ],
    }
    async with services.chart_lock:  # one at a time, however often somebody taps
        return await draw(json.dumps(points).encode())


async def draw(points: bytes, program: Path = _CHART) -> bytes | None:
    """What `chart.py` makes of `points`, by a process that has nothing of this one's settings."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", str(program)),
        env={"MPLBACKEND": "agg"},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(_DRAWING_SECONDS):
            picture, _ = await process.communicate(points)
    except TimeoutError:
        picture = b""
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0 or not picture:
        _log.warning("command_handled", result="failed")
        return None
    return picture
