"""What several processes, and Google, and the database, can do to each other; and what must hold.

Each race is given a fleet of nobody yet, and says what is wrong at its end.
"""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from bench.owners import new_key
from security.recovery.rotation import Mode, Rotation
from security.token_store import TokenStore
from tests.database.fleet import Fleet, FleetFailed, Process

Race = Callable[[Fleet], Awaitable[list[str]]]
_LATENCY: Final = 0.05
_LONG: Final = 60
_PATIENCE: Final = 5
"""Seconds beyond a lease, within which all must be done."""
_AWAY_SECONDS: Final = 3
_LOOK_SECONDS: Final = 0.5
_GOOGLES_PATIENCE: Final = 10
"""Seconds after which a process waits for no answer any more."""


async def together(fleet: Fleet) -> list[str]:
    """Everybody is due, and all processes begin at once."""
    fleet.fill()
    fleet.endpoint.latency = _LATENCY
    processes = await fleet.start(fleet.size)
    await fleet.sweep_until(fleet.is_done, processes, seconds=_LONG)
    found = await _faults(fleet)
    if fleet.endpoint.stale:
        found.append(f"{fleet.endpoint.stale.total()} requests with a token that was over")
    return found


async def killed(fleet: Fleet) -> list[str]:
    """One is killed with the leases of many, before Google has heard of them."""
    fleet.fill()
    first, *others = await _one_has_asked(fleet)
    first.send(signal.SIGKILL)
    fleet.endpoint.forget_withheld(first.name)
    most = fleet.lease_seconds + _PATIENCE
    try:
        took = await fleet.sweep_until(fleet.is_done, others, seconds=most)
    except TimeoutError:
        return [f"not done {most} s after the kill", *await _faults(fleet)]
    print(f"  all done {took:.1f} s after the kill")
    return await _faults(fleet)


async def stopped(fleet: Fleet) -> list[str]:
    """One stands still while Google answers it, until its leases have lapsed; and goes on."""
    fleet.fill()
    return await _stopped(fleet)


async def stopped_while_keys_rotate(fleet: Fleet) -> list[str]:
    """The same; and meanwhile everything is sealed under another key."""
    fleet.fill()
    fleet.keys.insert(0, new_key())

    def rotate() -> None:
        storage = fleet.storage()
        report = Rotation(TokenStore(storage, str)).run(Mode.ROTATE)
        storage.close()
        if not report.is_complete or not report.count("changed"):
            raise FleetFailed(f"not rotated: {report}")

    return await _stopped(fleet, rotate)


async def stopped_for_long(fleet: Fleet) -> list[str]:
    """For longer than a process waits for Google: its answer has come all the same."""
    fleet.fill()
    return await _stopped(fleet, seconds=_GOOGLES_PATIENCE + 2)


async def _stopped(
    fleet: Fleet, meanwhile: Callable[[], None] = lambda: None, *, seconds: float = 0
) -> list[str]:
    first, *others = await _one_has_asked(fleet, fresh=False)
    first.send(signal.SIGSTOP)
    asked = fleet.endpoint.answer_withheld(first.name)
    began = asyncio.get_running_loop().time()

    def is_over() -> bool:
        """Everybody has been refreshed, and the others have met those whom the first one has."""
        waited = asyncio.get_running_loop().time() - began
        met = len(fleet.endpoint.stale)
        return fleet.is_done() and met >= asked and waited >= seconds

    found = []
    try:
        await fleet.sweep_until(is_over, others, seconds=fleet.lease_seconds + seconds + _LONG)
        await asyncio.to_thread(meanwhile)
    except TimeoutError:
        found.append(f"the others met {len(fleet.endpoint.stale)} of {asked} lapsed leases")
    finally:
        first.send(signal.SIGCONT)
    await fleet.settled(first)
    return found + await _faults(fleet)


async def database_killed(fleet: Fleet) -> list[str]:
    """The server is killed while all are at work, and started again."""
    server = fleet.server
    assert server is not None
    fleet.fill()
    fleet.endpoint.latency = _LATENCY
    processes = await fleet.start(fleet.size)
    at_work = asyncio.create_task(fleet.sweep_until(fleet.is_done, processes, seconds=_LONG))
    async with asyncio.timeout(_LONG):
        await fleet.endpoint.has_refreshed(fleet.owners // 3)
    await asyncio.to_thread(server.end)
    await asyncio.sleep(_AWAY_SECONDS)
    await asyncio.to_thread(server.start)
    found = []
    try:
        await at_work
    except TimeoutError:
        found.append("not done, though the database is there again")
    # What Google gave is tried until the database takes it, beside passes that have ended.
    async with asyncio.timeout(_LONG):
        while (await fleet.judge()).lost:  # noqa: ASYNC110 - other processes' doing
            await asyncio.sleep(_LOOK_SECONDS)
    for _ in range(2):  # by the second one that sees nothing of it, all know that it is over
        await fleet.sweep_once(processes)
    # Nobody can be asked whether it is told already while the database is away: each may say so.
    told = Counter(fleet.told())
    begun, ended = told["database_unreachable begins"], told["database_unreachable ends"]
    if not 1 <= begun <= fleet.size or ended != 1 or len(told) != 2:
        found.append(f"told: {dict(told)}")
    return found + await _faults(fleet)


async def rejected(fleet: Fleet) -> list[str]:
    """Google takes nobody's grant any more, and all processes hear of it at once."""
    fleet.fill()
    fleet.endpoint.latency = _LATENCY
    fleet.endpoint.rejects = True
    processes = await fleet.start(fleet.size)
    for _ in range(3):
        reports = await fleet.sweep_once(processes)
    judgement = await fleet.judge()
    found = [] if not judgement.lost else [f"{judgement.lost} lost"]
    found += [f"{judgement.aside} in quarantine"] if judgement.aside else []
    held = [report["held"] for report in reports]
    found += [f"on hold: {held}"] if set(held) != {fleet.owners} else []
    told = fleet.told()
    found += [f"told: {told}"] if told != ["on_hold begins"] else []
    return found


async def wrong_clock(fleet: Fleet) -> list[str]:
    """One process's clock is an hour ahead, another's an hour behind."""
    fleet.fill(minutes_left=40)  # an hour from now they are over, an hour ago nowhere near
    first = await fleet.start(1, clock_seconds=3600)
    second = await fleet.start(1, clock_seconds=-3600)
    wrong = [*first, *second]
    processes = [*wrong, *await fleet.start(max(fleet.size - 2, 0))]
    for _ in range(2):
        await fleet.sweep_once(processes)
    found = []
    if asked := fleet.endpoint.asked.total():
        found.append(f"{asked} refreshed that were not due")
    if "clock_skew begins" not in fleet.told():
        found.append(f"told: {fleet.told()}")
    fleet.fill()
    await fleet.sweep_until(fleet.is_done, wrong, seconds=_LONG)
    await fleet.sweep_once(processes)
    return found + await _faults(fleet)


async def _one_has_asked(fleet: Fleet, *, fresh: bool = True) -> list[Process]:
    """The processes: the first one waits for Google with the leases of many."""
    fleet.endpoint.latency = _LATENCY
    fleet.endpoint.withhold("p0")
    options = {"TOKEN_MAINTENANCE_CONCURRENCY": 2 * fleet.held}
    [first] = await fleet.start(1, **options)
    others = await fleet.start(fleet.size - 1)
    fleet.begin(first)
    async with asyncio.timeout(_LONG):
        await fleet.endpoint.has_withheld(first.name, fleet.held)
    return [first, *others]


async def _faults(fleet: Fleet) -> list[str]:
    judgement = await fleet.judge()
    wrong = {
        "lost": judgement.lost,
        "refreshed twice": judgement.twice,
        "in quarantine": judgement.aside,
        "not refreshed": judgement.undone,
    }
    return [f"{count} {what}" for what, count in wrong.items() if count]


RACES: Final[dict[str, Race]] = {
    "together": together,
    "killed": killed,
    "stopped": stopped,
    "stopped, keys rotated": stopped_while_keys_rotate,
    "stopped for long": stopped_for_long,
    "database killed": database_killed,
    "rejected": rejected,
    "wrong clock": wrong_clock,
}
OVER_SQLITE: Final = ("together", "killed", "stopped")
OVER_FILES: Final = ("together", "killed")
"""Their leases do not lapse: whoever stands still keeps them."""


def new_file(path: Path) -> str:
    """DATABASE_URL of a new file of SQLite's: no process makes one by itself."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.touch()
    return f"sqlite:///{path}"
